#!/usr/bin/env python3
"""Writes golden.lua: clusters, neighbours and scores of whole numbers by scikit-learn in double precision, where
distances are exact and many of them equal. Half of the sets have a few rows far away."""
import warnings

import numpy as np
from sklearn.cluster import DBSCAN, AgglomerativeClustering
from sklearn.metrics import davies_bouldin_score, silhouette_score
from sklearn.neighbors import NearestNeighbors

warnings.filterwarnings("ignore")
rng = np.random.default_rng(7)


def canonical(labels):
    numbers = {-1: -1}
    return [numbers.setdefault(v, len(numbers) - 1) for v in labels]


def lua(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {lua(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple, np.ndarray)):
        return "{ " + ", ".join(lua(v) for v in value) + " }"
    return repr(int(value)) if float(value).is_integer() else repr(float(value))


def one_set(number):
    n, d = int(rng.integers(25, 55)), int(rng.integers(1, 4))
    x = rng.integers(0, 9, size=(n, d)).astype(float)
    if number % 2 == 0:
        x[-3:] += 1000 * np.arange(1, 4)[:, None]
    eps, samples = int(rng.choice([1, 2, 3])), int(rng.integers(2, 7))
    squares = ((x[:, None] - x[None]) ** 2).sum(-1)
    distances = np.sqrt(squares)
    tree = AgglomerativeClustering(n_clusters=None, distance_threshold=eps, linkage="complete", metric="precomputed")
    labels = np.arange(n) % 4
    k = 6
    order = [[j for j in np.lexsort((np.arange(n), squares[i])) if j != i][:k] for i in range(n)]
    found = NearestNeighbors(n_neighbors=k + 1, algorithm="kd_tree").fit(x).kneighbors(x)[0]
    assert all(sorted(distances[i][order[i]]) == list(found[i][1:]) for i in range(n))
    return {
        "eps": eps,
        "min_samples": samples,
        "x": x,
        "dbscan": canonical(DBSCAN(eps=eps, min_samples=samples).fit(x).labels_),
        "complete": tree.fit(distances).n_clusters_,
        "neighbours": order,
        "silhouette": silhouette_score(x, labels),
        "davies_bouldin": davies_bouldin_score(x, labels),
    }


with open("golden.lua", "w") as out:
    out.write("-- Written by make.py.\nreturn {\n")
    for number in range(12):
        out.write(f"  {lua(one_set(number))},\n")
    out.write("}\n")
