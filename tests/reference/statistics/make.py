#!/usr/bin/env python3
"""Writes golden.lua: statistics from SciPy and statsmodels, decisions of Optuna's pruners.

The data are multiples of 1/8, so that sums do not depend on their order, except where ties do not matter.
"""
import itertools
import os
import warnings

import numpy as np
import optuna
import scipy.stats as ss
from scipy.stats._resampling import _bca_interval
from statsmodels.stats.multitest import multipletests

warnings.filterwarnings("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def lua(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f'["{k}"] = {lua(v)}' if "." in k else f"{k} = {lua(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (tuple, list, np.ndarray)):
        return "{ " + ", ".join(lua(v) for v in value) + " }"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    return repr(int(value)) if isinstance(value, (int, np.integer)) else repr(float(value))


def eighths(rng, n, scale=16, shift=0):
    return rng.integers(-scale, scale + 1, n) / 8 + shift


class Distribution:
    """What scipy.stats.bootstrap takes as an earlier result."""

    def __init__(self, values):
        self.bootstrap_distribution = np.asarray(values, dtype=float)


def bca(values, distribution, level):
    """The interval of scipy from a given bootstrap distribution, with z0 and the acceleration."""
    result = ss.bootstrap((values,), np.mean, n_resamples=0, confidence_level=level, method="BCa",
                          bootstrap_result=Distribution(distribution))
    a = _bca_interval([values], np.mean, -1, (1 - level) / 2, np.asarray(distribution), None, np)[2]
    below = np.count_nonzero(distribution < values.mean()) + np.count_nonzero(distribution <= values.mean())
    interval = result.confidence_interval
    return {"low": interval.low, "high": interval.high, "acceleration": a,
            "z0": ss.norm.ppf(below / (2 * len(distribution)))}


def bootstraps(rng):
    cases = []
    for n, level in [(3, 0.95), (4, 0.9), (5, 0.95), (6, 0.95), (6, 0.8)]:
        values = eighths(rng, n) * 60  # multiples of 7.5: their means are exact for n of 3, 4, 5, 6
        every = np.array(list(itertools.product(range(n), repeat=n)))
        distribution = values[every].sum(1) / n
        cases.append({"values": values, "level": level, **bca(values, distribution, level)})
    drawn = []
    for n, count in [(5, 40), (12, 60), (20, 50)]:
        values = eighths(rng, n)
        indices = rng.integers(0, n, (count, n))
        drawn.append({"values": values, "level": 0.9, "indices": indices + 1,
                      **bca(values, values[indices].sum(1) / n, 0.9)})
    noisy = []
    for n in (7, 10, 15):
        values = rng.gamma(1.5, 1.0, n)
        runs = [ss.bootstrap((values,), np.mean, n_resamples=9999, method="BCa",
                             rng=np.random.default_rng(s)).confidence_interval for s in range(20)]
        noisy.append({"values": values, "low": np.mean([r.low for r in runs]), "high": np.mean([r.high for r in runs]),
                      "noise": max(np.std([r.low for r in runs]), np.std([r.high for r in runs]))})
    return {"exact": cases, "drawn": drawn, "noisy": noisy}


def sign_flips(rng):
    cases = []
    for n in (2, 3, 5, 6, 8, 11, 12):
        for shift in (0, 1.5):
            d = eighths(rng, n, shift=shift)
            result = ss.permutation_test((d,), np.sum, permutation_type="samples", n_resamples=np.inf,
                                         alternative="two-sided", vectorized=True, axis=0)
            cases.append({"differences": d, "p": result.pvalue})
    return cases


def wilcoxons(rng):
    cases = []
    exact = ss.PermutationMethod(n_resamples=np.inf)
    for n, ties, method in [(2, False, "auto"), (4, False, "auto"), (7, False, "auto"), (13, False, "auto"),
                            (30, False, "auto"), (50, False, "auto"), (3, True, "auto"), (6, True, "auto"),
                            (9, True, "auto"), (13, True, "auto"), (14, True, exact), (60, False, "asymptotic"),
                            (80, True, "asymptotic"), (120, True, "asymptotic")]:
        d = eighths(rng, n, 5, 0.125) if ties else rng.normal(0.3, 1, n)
        for alternative in ("two-sided", "less", "greater"):
            for zeros in ("wilcox", "zsplit"):
                if zeros == "wilcox" and method is not exact and np.any(d == 0) and 13 < np.sum(d != 0) <= 50:
                    continue
                kept = d[d != 0] if zeros == "wilcox" else d  # scipy counts the zeros that "wilcox" drops as samples
                if len(kept) == 0:
                    continue
                result = ss.wilcoxon(kept, zero_method=zeros, alternative=alternative, method=method)
                plus = ss.wilcoxon(kept, zero_method=zeros, alternative="greater", method=method).statistic
                cases.append({"differences": d, "alternative": alternative, "zeros": zeros, "p": result.pvalue,
                              "statistic": plus})
    return cases


def corrections(rng):
    cases = []
    for ps in ([0.04], [0.01, 0.04, 0.03], [0.2, 0.2, 0.01, 1.0, 0.0], list(rng.random(12) ** 3), [0.5, 0.5, 0.5]):
        cases.append({"ps": ps, "holm": multipletests(ps, method="holm")[1],
                      "benjamini_hochberg": multipletests(ps, method="fdr_bh")[1]})
    return cases


def summaries(rng):
    cases = []
    for n in (1, 2, 5, 8, 9):
        v = rng.normal(3, 2, n)
        cases.append({"values": v, "mean": v.mean(), "sd": v.std(ddof=1) if n > 1 else 0, "median": np.median(v),
                      "q": [np.quantile(v, q) for q in (0, 0.1, 0.25, 0.5, 0.9, 1)]})
    return cases


def normals():
    xs = [-30, -12, -8, -5, -3.3, -2.6, -2.4, -1, -0.1, 0, 0.3, 1.96, 2.5, 4]
    ps = [1e-300, 1e-20, 1e-5, 0.001, 0.025, 0.3, 0.5, 0.7, 0.975, 0.9999]
    return {"xs": xs, "cdf": ss.norm.cdf(xs), "ps": ps, "quantile": ss.norm.ppf(ps)}


# Pruners ------------------------------------------------------------------------------------------------------------


def spread(number):
    """The hash that chooses a trial's bracket in calr's Hyperband."""
    h = number & 0xFFFFFFFF
    h = ((h ^ h >> 16) * 0x85EBCA6B) & 0xFFFFFFFF
    h = ((h ^ h >> 13) * 0xC2B2AE35) & 0xFFFFFFFF
    return h ^ h >> 16


class SpreadHyperband(optuna.pruners.HyperbandPruner):
    """Optuna's Hyperband with calr's hash."""

    def _get_bracket_id(self, study, trial):
        if len(self._pruners) == 0:
            return 0
        n = spread(trial.number) % self._total_trial_allocation_budget
        for bracket, budget in enumerate(self._trial_allocation_budgets):
            n -= budget
            if n < 0:
                return bracket
        raise AssertionError


def history(rng, pruner, trials, steps, parallel, curve, value_of):
    """Trials that run `parallel` at a time, their reports interleaved at random.

    Events: [number, step, loss, pruned], and [number] for the end of a trial that was not pruned.
    """
    study = optuna.create_study(pruner=pruner, direction="minimize")
    running, events, begun = [], [], 0
    while begun < trials or running:
        while begun < trials and len(running) < parallel:
            level = rng.normal(1, 0.3)
            running.append({"trial": study.ask(), "curve": curve(rng, level, steps), "at": 0, "told": []})
            begun += 1
        one = running[rng.integers(len(running))]
        step, loss = one["curve"][one["at"]]
        one["at"] += 1
        one["told"].append(loss)
        one["trial"].report(loss, step)
        pruned = bool(one["trial"].should_prune())
        number = one["trial"].number
        events.append([number, step, loss, 1 if pruned else 0])
        if pruned:
            study.tell(one["trial"], state=optuna.trial.TrialState.PRUNED)
            running.remove(one)
        elif one["at"] == len(one["curve"]):
            study.tell(one["trial"], value_of(one["told"]))
            events.append([number])
            running.remove(one)
    return events


def falling(rng, level, steps):
    return [(step, round(float(level + np.exp(-step / 5) + 0.1 * rng.normal()), 4)) for step in range(1, steps + 1)]


def sparse(rng, level, steps):
    kept = sorted(rng.choice(np.arange(1, steps + 1), size=steps // 3, replace=False))
    return [(int(step), round(float(level + np.exp(-step / 5) + 0.1 * rng.normal()), 4)) for step in kept]


def shuffled(rng, level, steps):
    order = rng.permutation(np.arange(1, steps + 1))
    return [(int(step), round(float(level + np.sin(step) + 0.3 * rng.normal()), 2)) for step in order]


def pruners(rng):
    P = optuna.pruners
    last, mean = (lambda told: told[-1]), (lambda told: float(np.mean(told)))
    plans = [
        ("median", {}, P.MedianPruner(), 30, 10, 3, falling, last),
        ("median", {"startup": 2, "warmup": 4, "interval": 3, "least": 2},
         P.MedianPruner(n_startup_trials=2, n_warmup_steps=4, interval_steps=3, n_min_trials=2), 30, 12, 4, sparse,
         last),
        ("median", {"startup": 0, "interval": 5}, P.MedianPruner(0, 0, 5), 20, 12, 1, falling, last),
        ("asha", {}, P.SuccessiveHalvingPruner(min_resource=1), 40, 20, 4, falling, last),
        ("asha", {"min": 2, "eta": 2, "rate": 1}, P.SuccessiveHalvingPruner(2, 2, 1), 40, 20, 3, sparse, last),
        ("asha", {"min": 1, "eta": 3, "startup": 3},
         P.SuccessiveHalvingPruner(1, 3, 0, bootstrap_count=3), 40, 12, 6, falling, last),
        ("hyperband", {"min": 1, "max": 28, "eta": 3}, SpreadHyperband(1, 28, 3), 60, 27, 4, falling, last),
        ("hyperband", {"min": 2, "max": 20, "eta": 2, "startup": 1},
         SpreadHyperband(2, 20, 2, bootstrap_count=1), 60, 15, 4, sparse, last),
        ("wilcoxon", {"by": "step"}, P.WilcoxonPruner(), 30, 15, 3, shuffled, mean),
        ("wilcoxon", {"by": "step", "p": 0.3, "startup": 5},
         P.WilcoxonPruner(p_threshold=0.3, n_startup_steps=5), 30, 13, 1, shuffled, mean),
    ]
    cases = []
    for name, options, pruner, trials, steps, parallel, curve, value_of in plans:
        events = history(rng, pruner, trials, steps, parallel, curve, value_of)
        print(name, options, sum(e[3] for e in events if len(e) > 1), "of", trials, "pruned")
        cases.append({"name": name, "options": options, "events": events})
    return cases


# Importance ---------------------------------------------------------------------------------------------------------


D = optuna.distributions
SPACES = {
    "numbers": {
        "a": D.FloatDistribution(0, 1), "b": D.FloatDistribution(1e-5, 1e-1, log=True),
        "c": D.FloatDistribution(0, 2, step=0.25), "d": D.IntDistribution(1, 9), "e": D.IntDistribution(1, 200, log=True),
        "f": D.IntDistribution(10, 400, step=5),
    },
    "choices": {
        "a": D.FloatDistribution(-1, 1), "b": D.CategoricalDistribution(["x", "y", "z"]),
        "c": D.CategoricalDistribution([True, False]), "one": D.CategoricalDistribution(["only"]),
    },
    "conditional": {
        "kind": D.CategoricalDistribution(["none", "knn", "pivot"]), "kind.alpha": D.FloatDistribution(0.1, 0.9),
        "kind.k": D.IntDistribution(5, 30), "lr": D.FloatDistribution(1e-5, 1e-3, log=True),
    },
}
PARENTS = {"kind.alpha": ("kind", "knn"), "kind.k": ("kind", "pivot")}


def draw(rng, d):
    if isinstance(d, D.CategoricalDistribution):
        return d.choices[rng.integers(len(d.choices))]
    if isinstance(d, D.IntDistribution):
        if d.log:
            return int(round(np.exp(rng.uniform(np.log(d.low), np.log(d.high)))))
        return int(d.low + d.step * rng.integers((d.high - d.low) // d.step + 1))
    if d.log:
        return float(np.exp(rng.uniform(np.log(d.low), np.log(d.high))))
    if d.step:
        return float(d.low + d.step * rng.integers(round((d.high - d.low) / d.step) + 1))
    return float(rng.uniform(d.low, d.high))


def loss_of(name, p, rng):
    noise = 0.05 * rng.normal()
    if name == "numbers":
        return (2 * (p["a"] - 0.7) ** 2 + 0.1 * (np.log10(p["b"]) + 3) ** 2 + 0.3 * (p["c"] - 1) ** 2
                + 0.05 * abs(p["d"] - 3) + 0.1 * abs(np.log(p["e"]) - 3) + noise)
    if name == "choices":
        return p["a"] ** 2 + {"x": 0, "y": 0.6, "z": 0.7}[p["b"]] + 0.1 * p["c"] + noise
    extra = {"none": 0.5, "knn": (p.get("kind.alpha", 0) - 0.3) ** 2 * 3, "pivot": 0.3 + 0.01 * p.get("kind.k", 0)}
    return extra[p["kind"]] + 0.2 * (np.log10(p["lr"]) + 4) ** 2 + noise


def describe(name, d):
    p = {"name": name}
    if isinstance(d, D.CategoricalDistribution):
        p.update(kind="choice", choices=list(d.choices))
    else:
        p.update(kind="int" if isinstance(d, D.IntDistribution) else "float", low=d.low, high=d.high, log=d.log)
        if d.step and not (d.step == 1 and p["kind"] == "int"):
            p["step"] = d.step
    if name in PARENTS:
        p["parent"] = {"name": PARENTS[name][0], "value": PARENTS[name][1]}
    return p


def importances(rng):
    cases = []
    for space_name, target, region, trials in [
        ("numbers", 0.1, 1.0, 200), ("numbers", 0.1, 0.5, 120), ("numbers", 0.3, 1.0, 12), ("choices", 0.1, 1.0, 100),
        ("choices", 0.2, 1.0, 2), ("conditional", 0.1, 1.0, 150), ("conditional", 0.2, 0.7, 60),
    ]:
        space = SPACES[space_name]
        study = optuna.create_study(direction="minimize")
        observations = []
        for _ in range(trials):
            point = {}
            for name, d in space.items():
                parent = PARENTS.get(name)
                if parent is None or point[parent[0]] == parent[1]:
                    point[name] = draw(rng, d)
                    if isinstance(point[name], float):
                        point[name] = float(f"{point[name]:.6g}")
            loss = round(float(loss_of(space_name, point, rng)), 4)
            study.add_trial(optuna.trial.create_trial(
                params=point, distributions={k: space[k] for k in point}, value=loss))
            observations.append({"point": point, "loss": loss})
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=target, region_quantile=region)
        values = evaluator.evaluate(study)
        print(space_name, {k: round(v, 4) for k, v in values.items()})
        cases.append({"parameters": [describe(k, d) for k, d in space.items()], "target": target, "region": region,
                      "observations": observations, "importance": values})
    return cases


def write(name, tables):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), "w") as out:
        out.write("-- Written by make.py.\nreturn {\n")
        for key, value in tables.items():
            if isinstance(value, list):
                out.write(f"  {key} = {{\n")
                for item in value:
                    out.write(f"    {lua(item)},\n")
                out.write("  },\n")
            else:
                out.write(f"  {key} = {{\n")
                for inner, item in value.items():
                    out.write(f"    {inner} = {lua(item)},\n")
                out.write("  },\n")
        out.write("}\n")


def main():
    rng = np.random.default_rng(7)
    write("golden.lua", {
        "bootstrap": bootstraps(rng), "sign_flip": sign_flips(rng), "wilcoxon": wilcoxons(rng),
        "corrections": corrections(rng), "summaries": summaries(rng), "normal": normals(),
    })
    write("pruners.lua", {"cases": pruners(np.random.default_rng(11))})
    write("importance.lua", {"cases": importances(np.random.default_rng(13))})


if __name__ == "__main__":
    main()
