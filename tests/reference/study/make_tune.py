"""Golden values of calr.tune: python make_search.py writes search.json (SciPy 1.17)."""

import json
import os

import numpy as np
from scipy import special, stats

FOLDER = os.path.dirname(os.path.abspath(__file__))


def sobol():
    def point(dimensions, index):
        engine = stats.qmc.Sobol(dimensions, scramble=False)
        if index:
            engine.fast_forward(index)
        return engine.random(1)[0].tolist()

    return {"first": stats.qmc.Sobol(5, scramble=False).random(16).tolist(), "dimensions": 256,
            "points": {str(i): point(256, i) for i in (1, 2, 3, 1000, 100001)}}


AXES = [{"kind": "float", "low": -5, "high": 10}, {"kind": "float", "low": 1e-4, "high": 1, "log": True},
        {"kind": "step", "low": 1, "high": 9, "step": 2}, {"kind": "step", "low": 1, "high": 1000, "step": 1, "log": True},
        {"kind": "choice", "choices": 3}]


def bounds(axis):
    half = axis.get("step", 0) / 2
    low, high = axis["low"] - half, axis["high"] + half
    return (np.log(low), np.log(high)) if axis.get("log") else (low, high)


def widths(axis, mu, axes, rule, clip, endpoints):
    low, high = bounds(axis)
    n = len(mu)
    if rule == "scott":
        sigma = np.full(n, 0.2 * (high - low) * max(n, 1) ** (-1 / (axes + 4)))
    else:
        order = np.argsort(mu, kind="stable")
        line = np.concatenate([[low], mu[order], [high]])
        gaps = np.diff(line)
        wide = np.maximum(gaps[:-1], gaps[1:])
        if not endpoints and n > 1:
            wide[0], wide[-1] = gaps[1], gaps[-2]
        sigma = np.empty(n)
        sigma[order] = wide
    least = (high - low) / min(100, (n + 2) ** clip)
    return np.append(np.clip(sigma, least, high - low), high - low)


def log_density(axes, x, points, prior=1.0, rule="neighbour", clip=1.0, endpoints=False, recent=True):
    n = len(x)
    weights = np.ones(n)
    if recent and n > 25:
        weights = np.concatenate([np.linspace(1 / n, 1, n - 25), np.ones(25)])
    weights = np.append(weights, prior)
    logs = np.log(weights / weights.sum())[None, :] + np.zeros((len(points), n + 1))
    for a, axis in enumerate(axes):
        if axis["kind"] == "choice":
            table = np.full((n + 1, axis["choices"]), prior / (n + 1))
            table[np.arange(n), x[:, a].astype(int)] += 1
            table /= table.sum(axis=1, keepdims=True)
            logs += np.log(table[:, points[:, a].astype(int)]).T
            continue
        low, high = bounds(axis)
        log = np.log if axis.get("log") else lambda v: v
        mu = log(x[:, a])
        sigma = widths(axis, mu, len(axes), rule, clip, endpoints)
        mu = np.append(mu, (low + high) / 2)
        if axis["kind"] == "float":
            logs += stats.truncnorm.logpdf(log(points[:, a])[:, None], (low - mu) / sigma, (high - mu) / sigma, mu, sigma)
        else:
            left, right = log(points[:, a] - axis["step"] / 2), log(points[:, a] + axis["step"] / 2)
            mass = stats.norm.cdf(right[:, None], mu, sigma) - stats.norm.cdf(left[:, None], mu, sigma)
            total = stats.norm.cdf(high, mu, sigma) - stats.norm.cdf(low, mu, sigma)
            with np.errstate(divide="ignore"):
                logs += np.log(mass / total)
    return special.logsumexp(logs, axis=1)


def draw(rng, axis, n):
    if axis["kind"] == "choice":
        return rng.integers(0, axis["choices"], n).astype(float)
    low, high = bounds(axis)
    x = rng.uniform(low, high, n)
    x = np.exp(x) if axis.get("log") else x
    if axis["kind"] == "step":
        x = axis["low"] + np.round((x - axis["low"]) / axis["step"]) * axis["step"]
    return np.clip(x, axis["low"], axis["high"])


def case(seed, which, n, points, **options):
    rng = np.random.default_rng(seed)
    axes = [AXES[a] for a in which]
    x = np.stack([draw(rng, axis, n) for axis in axes], axis=1).round(6)
    at = np.stack([draw(rng, axis, points) for axis in axes], axis=1).round(6)
    return {"axes": axes, "x": x.tolist(), "points": at.tolist(), "options": options,
            "log_density": log_density(axes, x, at, **options).tolist()}


def main():
    cases = [case(1, [0], 0, 4), case(2, [0], 1, 4), case(3, [0], 2, 4), case(4, [0], 30, 6), case(5, [1], 40, 6),
             case(6, [2], 35, 5), case(7, [3], 35, 6), case(8, [4], 20, 4), case(9, range(5), 0, 4),
             case(10, range(5), 60, 8), case(11, range(5), 40, 8, rule="scott"),
             case(12, range(4), 40, 8, clip=1.5, endpoints=True), case(13, range(5), 40, 6, prior=0.5, recent=False)]
    with open(os.path.join(FOLDER, "search.json"), "w") as file:
        json.dump({"sobol": sobol(), "parzen": cases}, file, separators=(",", ":"))
        file.write("\n")


main()
