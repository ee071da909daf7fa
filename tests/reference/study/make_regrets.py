"""Optuna's regrets on standard functions: best loss of a study minus the function's minimum, one number a seed.

    python make_regrets.py [--seeds 30] [--samplers gp,nsga2] [--problems branin] [--lines FILE] [--out regrets.json]

It needs Optuna 5.0.0 with cmaes 0.13.1, and PyTorch for gp, which takes hours for 60 seeds. Each regret is first a line
of FILE (regrets.lines); a second call goes on where the first was stopped, and several may share the work: --part 0/2
and --part 1/2. What is in the lines replaces what regrets.json has for the same sampler and problem.

For two goals the regret is the area that the front found does not dominate, of that which the best front dominates.

tests/bench/samplers.lua runs calr's samplers on the same functions, tests/lua/test_study_regret.lua compares."""

import argparse
import json
import math
import os
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


def sphere(trial):
    return sum((trial.suggest_float(f"x{i + 1}", -5, 5) - 1) ** 2 for i in range(4))


def rosenbrock(trial):
    x = [trial.suggest_float(f"x{i + 1}", -2, 2) for i in range(3)]
    return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(2))


def zdt1(trial):
    x = [trial.suggest_float(f"x{i + 1}", 0, 1) for i in range(6)]
    g = 1 + 9 * sum(x[1:]) / 5
    return x[0], g * (1 - math.sqrt(x[0] / g))


def cost(trial):
    """A loss that falls with the epochs, which cost time."""
    epochs = trial.suggest_int("epochs", 1, 200, log=True)
    lr = math.log10(trial.suggest_float("lr", 1e-5, 1e-1, log=True)) + 3
    width = trial.suggest_categorical("width", [16, 32, 64, 128])
    seconds = epochs * width / 64
    return 0.2 + lr * lr / 10 + 0.6 * math.exp(-epochs / (20 * width / 32)) + 2 / width, seconds


# The function; trials of cheap samplers; trials of gp; for two goals the reference point and the largest area.
PROBLEMS = {
    "branin": (branin, 60, 30), "hartmann6": (hartmann6, 100, 50), "mixed": (mixed, 100, 50),
    "conditional": (conditional, 100, 40), "sphere": (sphere, 60, 30), "rosenbrock": (rosenbrock, 100, 50),
    "zdt1": (zdt1, 400, 0, (1.1, 10.0)), "cost": (cost, 300, 0, (2.0, 400.0)),
}
S = optuna.samplers
SAMPLERS = {
    "random": lambda seed: S.RandomSampler(seed=seed),
    "sobol": lambda seed: S.QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False),
    "cmaes": lambda seed: S.CmaEsSampler(seed=seed, warn_independent_sampling=False),
    "tpe": lambda seed: S.TPESampler(seed=seed),
    "tpe univariate": lambda seed: S.TPESampler(seed=seed, multivariate=False),
    "tpe group": lambda seed: S.TPESampler(seed=seed, multivariate=True, group=True),
    "gp": lambda seed: S.GPSampler(seed=seed, warn_independent_sampling=False),
    "nsga2": lambda seed: S.NSGAIISampler(seed=seed),
}


def fits(sampler, problem):
    goals = 2 if len(PROBLEMS[problem]) > 3 else 1
    if goals == 2:
        return sampler in ("random", "tpe", "nsga2")
    return sampler != "nsga2" and (sampler != "tpe group" or problem == "conditional")


def area(points, reference):
    """What the points dominate, up to the reference."""
    total, height = 0.0, reference[1]
    for x, y in sorted(points):
        if x < reference[0] and y < height:
            total += (reference[0] - x) * (height - y)
            height = y
    return total


def regret(sampler, problem, seed):
    function, trials, few, *rest = PROBLEMS[problem]
    study = optuna.create_study(sampler=SAMPLERS[sampler](seed), directions=["minimize"] * (2 if rest else 1))
    study.optimize(function, n_trials=few if sampler == "gp" else trials)
    if not rest:
        return study.best_value
    reference = rest[0]
    found = area([t.values for t in study.trials], reference)
    return 1 - found / (reference[0] * reference[1])


def read(path):
    done = {}
    if os.path.exists(path):
        with open(path) as file:
            for line in file:
                record = json.loads(line)
                done[record["sampler"], record["problem"], record["seed"]] = record["regret"]
    return done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--samplers", default=",".join(SAMPLERS))
    parser.add_argument("--problems", default=",".join(PROBLEMS))
    parser.add_argument("--lines", default="regrets.lines")
    parser.add_argument("--part", default="0/1")
    parser.add_argument("--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "regrets.json"))
    options = parser.parse_args()
    part, parts = map(int, options.part.split("/"))
    for seed in range(1, options.seeds + 1):
        if seed % parts != part:
            continue
        done = read(options.lines)
        for problem in options.problems.split(","):
            for sampler in options.samplers.split(","):
                if fits(sampler, problem) and (sampler, problem, seed) not in done:
                    record = {"sampler": sampler, "problem": problem, "seed": seed,
                              "regret": float(f"{regret(sampler, problem, seed):.6g}")}
                    with open(options.lines, "a") as file:
                        file.write(json.dumps(record) + "\n")
    with open(options.out) as file:
        out = json.load(file)
    lists = {}
    for (sampler, problem, _), value in sorted(read(options.lines).items(), key=lambda item: item[0][2]):
        lists.setdefault(problem, {}).setdefault(sampler, []).append(value)
    for problem, by_sampler in lists.items():
        out["regrets"].setdefault(problem, {}).update(by_sampler)
        out["trials"][problem] = PROBLEMS[problem][1]
        out.setdefault("few", {})[problem] = PROBLEMS[problem][2]
    out["optuna"] = optuna.__version__
    out.pop("seeds", None)  # the lists say
    with open(options.out, "w") as file:
        json.dump(out, file, indent=1)
        file.write("\n")


main()
