#!/usr/bin/env python3
"""Writes golden.txt: code lengths of the reference Infomap (PyPI `infomap`, two-level) for fixed partitions, and the
best it finds in 10 trials.

Each case: name, nodes, links, partitions; the links (from to weight); each partition (one module for each node) and its
code lengths, directed and undirected; the best code lengths, directed and undirected.
"""
import os
import warnings

import infomap
import numpy as np

warnings.filterwarnings("ignore")

KARATE = """1-2 1-3 1-4 1-5 1-6 1-7 1-8 1-9 1-11 1-12 1-13 1-14 1-18 1-20 1-22 1-32 2-3 2-4 2-8 2-14 2-18 2-20 2-22 2-31
3-4 3-8 3-9 3-10 3-14 3-28 3-29 3-33 4-8 4-13 4-14 5-7 5-11 6-7 6-11 6-17 7-17 9-31 9-33 9-34 10-34 14-34 15-33 15-34
16-33 16-34 19-33 19-34 20-34 21-33 21-34 23-33 23-34 24-26 24-28 24-30 24-33 24-34 25-26 25-28 25-32 26-32 27-30 27-34
28-34 29-32 29-34 30-33 30-34 31-33 31-34 32-33 32-34 33-34"""


def run(n, links, directed, flags="", partition=None):
    im = infomap.Infomap("--two-level --silent " + ("--directed " if directed else "") + flags)
    for i in range(n):
        im.add_node(i)
    for a, b, w in links:
        im.add_link(a, b, w)
    if partition is not None:
        im.initial_partition = {i: int(p) for i, p in enumerate(partition)}
    im.run()
    return im.codelength


def planted(rng, n, groups, inside, outside):
    group = rng.integers(0, groups, n)
    p = np.where(group[:, None] == group[None, :], inside, outside)
    return group, [(i, j, round(rng.uniform(0.5, 1), 3)) for i in range(n) for j in range(n)
                   if i != j and rng.random() < p[i, j]]


def knn(rng, n, groups, dim, k, noise, least):
    group = rng.integers(0, groups, n)
    x = rng.normal(size=(groups, dim))[group] + noise * rng.normal(size=(n, dim))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    similarity = x @ x.T
    np.fill_diagonal(similarity, 2)
    links = []
    for i in range(n):
        for j in np.argsort(-similarity[i])[1:k]:
            if similarity[i, j] >= least:
                links.append((i, int(j), round(float(similarity[i, j]), 3)))
    return group, links


def cases(rng):
    pair = [(0, 1, 1.0), (1, 2, 1.0), (2, 0, 1.0), (3, 4, 1.0), (4, 5, 1.0), (5, 3, 1.0), (2, 3, 0.5)]
    yield "triangles", 6, np.array([0, 0, 0, 1, 1, 1]), pair
    yield "dangling-and-loops", 7, np.array([0, 0, 1, 1, 1, 2, 2]), [
        (0, 1, 1.0), (1, 0, 2.0), (2, 1, 0.5), (3, 4, 1.0), (3, 2, 1.5), (4, 4, 0.75), (2, 5, 1.0), (5, 6, 0.25)]
    karate = [tuple(int(v) - 1 for v in e.split("-")) + (1.0,) for e in KARATE.split()]
    yield "karate", 34, np.array([i in (8, 9, 14, 15, 18, 20) or i >= 22 for i in range(34)]).astype(int), karate
    yield ("planted-60",) + (60,) + planted(rng, 60, 4, 0.3, 0.03)
    yield ("planted-200",) + (200,) + planted(rng, 200, 10, 0.25, 0.01)
    yield ("weak-120",) + (120,) + planted(rng, 120, 6, 0.15, 0.05)
    yield ("knn-400",) + (400,) + knn(rng, 400, 25, 16, 10, 0.35, 0.5)
    yield ("knn-300-noisy",) + (300,) + knn(rng, 300, 12, 12, 15, 0.8, 0.3)


def main():
    rng = np.random.default_rng(3)
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "golden.txt"), "w") as out:
        for name, n, group, links in cases(rng):
            partitions = [group, rng.integers(0, 5, n), np.zeros(n, int)]
            out.write(f"{name} {n} {len(links)} {len(partitions)}\n")
            out.write(" ".join(f"{a} {b} {w:.9g}" for a, b, w in links) + "\n")
            for partition in partitions:
                bits = [run(n, links, directed, "--no-infomap", partition) for directed in (1, 0)]
                out.write(" ".join(map(str, partition)) + " {:.12f} {:.12f}\n".format(*bits))
            best = [run(n, links, directed, "--num-trials 10 --seed 1") for directed in (1, 0)]
            out.write("{:.12f} {:.12f}\n".format(*best))


if __name__ == "__main__":
    main()
