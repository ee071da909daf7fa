"""Golden values of calr.tune's Gaussian processes: python make_gaussian.py writes gaussian.json (SciPy 1.17), and prints
the table of logarithmic expected improvements in tests/c/test_gaussian.c (mpmath).

The parameters are those that SciPy's L-BFGS-B finds for the same likelihood and priors, from the same start."""

import json
import os

import mpmath
import numpy as np
from scipy import linalg, optimize

FOLDER = os.path.dirname(os.path.abspath(__file__))


def squared(weights, choice, a, b):
    d = a[:, None, :] - b[None, :, :]
    return (np.where(choice, d != 0, d * d) * weights).sum(axis=2)


def matern(squares):
    r = np.sqrt(5 * squares)
    return (1 + r + 5 / 3 * squares) * np.exp(-r)


def objective(logs, choice, x, y):
    weights, scale, noise = np.exp(logs[:-2]), np.exp(logs[-2]), np.exp(logs[-1])
    kernel = scale * matern(squared(weights, choice, x, x)) + noise * np.eye(len(x))
    factor = linalg.cho_factor(kernel)
    value = 0.5 * y @ linalg.cho_solve(factor, y) + np.log(np.diag(factor[0])).sum() + len(x) / 2 * np.log(2 * np.pi)
    value += (0.1 / weights + 0.1 * weights).sum()
    value -= np.log(scale) - scale
    return value - (0.1 * np.log(noise) - 30 * noise)


def case(seed, n, noise):
    rng = np.random.default_rng(seed)
    choice = np.array([False, False, True])
    x, points = (np.stack([rng.uniform(size=k), rng.uniform(size=k), rng.integers(0, 3, k)], axis=1).round(6)
                 for k in (n, 8))
    values = np.sin(5 * x[:, 0]) + 0.3 * x[:, 1] + np.array([0, 0.5, -0.4])[x[:, 2].astype(int)]
    values = (3 + 2 * (values + noise * rng.normal(size=n))).round(6)
    middle, unit = values.mean(), values.std()
    y = (values - middle) / unit
    bounds = [(-9, 9)] * 4 + [(np.log(1e-6), 9)]
    start = np.array([0, 0, 0, 0, np.log(0.01)])
    found = optimize.minimize(objective, start, (choice, x, y), method="L-BFGS-B", bounds=bounds,
                              options={"ftol": 1e-14, "gtol": 1e-8, "maxiter": 1000})
    weights, scale, noise2 = np.exp(found.x[:-2]), np.exp(found.x[-2]), np.exp(found.x[-1])
    kernel = scale * matern(squared(weights, choice, x, x)) + noise2 * np.eye(n)
    cross = scale * matern(squared(weights, choice, points, x))
    mean = cross @ linalg.solve(kernel, y, assume_a="pos")
    variance = scale - np.einsum("ij,ji->i", cross, linalg.solve(kernel, cross.T, assume_a="pos"))
    return {"points": x.tolist(), "values": values.tolist(), "at": points.tolist(), "weights": weights.tolist(),
            "scale": scale, "noise": noise2, "mean": (middle + unit * mean).tolist(),
            "deviation": (unit * np.sqrt(variance)).tolist()}


def improvements():
    mpmath.mp.dps = 60
    for mean, variance, best in [(0, 1, 0), (0, 1, 1), (0, 1, -1), (0, 1, -5), (0, 1, -12.5), (0, 1, -29.9),
                                 (0, 1, -30.1), (0, 1, -200), (2, 1e-4, 1), (0.5, 4, 10), (1, 1e-12, 0.5), (0, 1, 40)]:
        s = mpmath.sqrt(mpmath.mpf(variance))
        z = (mpmath.mpf(best) - mpmath.mpf(mean)) / s
        value = mpmath.log(s * (mpmath.npdf(z) + z * mpmath.ncdf(z)))
        print(f"        {{{mean}, {variance}, {best}, {mpmath.nstr(value, 17)}}},")


def main():
    with open(os.path.join(FOLDER, "gaussian.json"), "w") as file:
        json.dump([case(1, 12, 0.0), case(2, 40, 0.1)], file, indent=1)
        file.write("\n")
    improvements()


main()
