"""Optuna's regrets on standard functions: best loss of a study minus the function's minimum, one number a seed.

    python make_regrets.py [SEEDS] [OUT] [PROBLEM]    writes regrets.json (Optuna 5.0.0, cmaes 0.13.1)

tests/bench/samplers.lua runs calr's samplers on the same functions, tests/lua/test_study_regret.lua compares."""

import json
import math
import os
import sys
import warnings

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore")


def branin(trial):
    x, y = trial.suggest_float("x", -5, 10), trial.suggest_float("y", 0, 15)
    b, c, t = 5.1 / (4 * math.pi**2), 5 / math.pi, 1 / (8 * math.pi)
    return (y - b * x * x + c * x - 6) ** 2 + 10 * (1 - t) * math.cos(x) + 10 - 0.39788735772973816


A = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
P = [[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
     [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]]
ALPHA = [1, 1.2, 3, 3.2]


def hartmann6(trial):
    x = [trial.suggest_float(f"x{i + 1}", 0, 1) for i in range(6)]
    inner = [sum(A[i][j] * (x[j] - P[i][j] * 1e-4) ** 2 for j in range(6)) for i in range(4)]
    return 3.322368011415515 - sum(ALPHA[i] * math.exp(-inner[i]) for i in range(4))


def mixed(trial):
    lr = math.log10(trial.suggest_float("lr", 1e-5, 1, log=True)) + 3
    x = trial.suggest_float("x", -5, 5) - 1
    k = trial.suggest_int("k", 1, 50)
    n = trial.suggest_int("n", 1, 1024, log=True)
    b = trial.suggest_int("b", 16, 512, step=16)
    c = trial.suggest_categorical("c", ["a", "b", "c", "d"])
    return (lr * lr / 2 + x * x / 10 + 0.3 * abs(lr * x) + ((k - 20) / 10) ** 2 + (math.log2(n) - 6) ** 2 / 4
            + ((b - 128) / 128) ** 2 + {"a": 0.5, "b": 0, "c": 1, "d": 0.2}[c])


def conditional(trial):
    scale = trial.suggest_float("scale", 0, 1)
    kind = trial.suggest_categorical("kind", ["linear", "tree", "mlp"])
    if kind == "linear":
        decay = trial.suggest_float("kind.decay", 1e-6, 1, log=True)
        return 0.4 + (math.log10(decay) + 2) ** 2 / 10 + (scale - 0.5) ** 2
    if kind == "tree":
        depth, leaf = trial.suggest_int("kind.depth", 1, 20), trial.suggest_int("kind.leaf", 1, 100, log=True)
        return 0.2 + ((depth - 7) / 5) ** 2 + math.log(leaf / 5) ** 2 / 4 + (scale - 0.8) ** 2
    lr = math.log10(trial.suggest_float("kind.lr", 1e-5, 1, log=True)) + 2.5
    units = math.log2(trial.suggest_int("kind.units", 4, 512, log=True)) - 6
    act = trial.suggest_categorical("kind.act", ["relu", "tanh"])
    return lr * lr / 2 + units * units / 8 + (0.15 if act == "tanh" else 0) + (scale - 0.2) ** 2


PROBLEMS = {"branin": (branin, 60), "hartmann6": (hartmann6, 100), "mixed": (mixed, 100),
            "conditional": (conditional, 100)}
S = optuna.samplers
SAMPLERS = {
    "random": lambda seed: S.RandomSampler(seed=seed),
    "sobol": lambda seed: S.QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False),
    "cmaes": lambda seed: S.CmaEsSampler(seed=seed, warn_independent_sampling=False),
    "tpe": lambda seed: S.TPESampler(seed=seed),
    "tpe univariate": lambda seed: S.TPESampler(seed=seed, multivariate=False),
    "tpe group": lambda seed: S.TPESampler(seed=seed, multivariate=True, group=True),
}


def main():
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    path = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(__file__), "regrets.json")
    out = {"optuna": optuna.__version__, "seeds": seeds, "trials": {p: n for p, (_, n) in PROBLEMS.items()},
           "regrets": {}}
    for problem, (function, trials) in PROBLEMS.items():
        if len(sys.argv) > 3 and problem != sys.argv[3]:
            continue
        out["regrets"][problem] = {}
        for name, make in SAMPLERS.items():
            if name == "tpe group" and problem != "conditional":
                continue
            regrets = []
            for seed in range(1, seeds + 1):
                study = optuna.create_study(sampler=make(seed))
                study.optimize(function, n_trials=trials)
                regrets.append(float(f"{study.best_value:.6g}"))
            out["regrets"][problem][name] = regrets
            print(problem, name, sorted(regrets)[len(regrets) // 2], flush=True)
    with open(path, "w") as file:
        json.dump(out, file, indent=1)
        file.write("\n")


main()
