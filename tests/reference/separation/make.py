#!/usr/bin/env python3
"""Writes golden.txt: silhouettes and Davies-Bouldin indices of features, by scikit-learn."""
import numpy as np
from sklearn.metrics import davies_bouldin_score, silhouette_samples

rng = np.random.RandomState(11)
out = open("golden.txt", "w")


def write(name, values):
    flat = np.asarray(values).ravel()
    out.write(" ".join([name, str(len(flat))] + ["%.10g" % v for v in flat]) + "\n")


def cases():
    centres = rng.randint(-6, 7, (5, 3))
    labels = rng.permutation(np.repeat(np.arange(5), 11))
    yield "blobs", centres[labels] + rng.randint(-3, 4, (55, 3)), labels
    yield "mixed", rng.randint(1, 9, (40, 4)), rng.randint(0, 7, 40)
    far = rng.randint(0, 5, (30, 2)) + np.array([30, -50])
    yield "offset", far, np.arange(30) % 3
    twice = np.repeat(rng.randint(1, 30, (12, 5)), 3, 0)
    yield "copies", twice, np.repeat(np.arange(6), 6)


for name, x, labels in cases():
    write(name + ".shape", x.shape)
    write(name + ".x", x)
    write(name + ".labels", labels)
    write(name + ".davies_bouldin", [davies_bouldin_score(x, labels)])
    for metric in ("cosine", "euclidean"):
        write(name + "." + metric, silhouette_samples(x.astype(float), labels, metric=metric))
out.close()
