#!/usr/bin/env python3
"""Writes golden.txt: trees of features by SciPy's linkage, cut by fcluster.

Rows are chosen so that no two heights of a tree are equal, and so is every choice.
"""
import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

rng = np.random.RandomState(23)
out = open("golden.txt", "w")


def write(name, values):
    flat = np.asarray(values).ravel()
    out.write(" ".join([name, str(len(flat))] + ["%.9g" % v for v in flat]) + "\n")


def canonical(labels):
    seen = {}
    return [seen.setdefault(v, len(seen)) for v in labels]


for name, n, d in (("plane", 30, 2), ("space", 45, 7), ("two", 2, 3), ("wide", 12, 40)):
    while True:
        x = rng.randint(-99, 100, (n, d))
        if not x.any(1).all():
            continue
        trees = {(method, metric): linkage(x.astype(float), method, metric)
                 for method in ("average", "complete", "single", "ward") for metric in ("euclidean", "cosine")
                 if method != "ward" or metric == "euclidean"}
        gaps = [np.diff(z[:, 2]).min() / z[-1, 2] for z in trees.values() if n > 2]
        if not gaps or min(gaps) > 2e-6:
            break
    write(name + ".shape", (n, d))
    write(name + ".x", x)
    for (method, metric), z in trees.items():
        key = "%s.%s.%s" % (name, method, metric)
        write(key + ".tree", z)
        for k in (1, 2, 5, 9):
            if k <= n:
                write("%s.%d" % (key, k), canonical(fcluster(z, k, "maxclust")))
out.close()
