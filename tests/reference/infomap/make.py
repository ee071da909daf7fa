#!/usr/bin/env python3
"""Writes golden.txt: code lengths of the reference Infomap (PyPI `infomap`, two-level) for fixed partitions, and the
best it finds in 10 trials.

Each case: name, nodes, links, partitions; the links (from to weight); each partition (one module for each node) and its
code lengths, directed and undirected; the best code lengths, directed and undirected.

Writes golden_tree.txt too: the same for trees of modules. Each case: name, nodes, links, trees; the links; each tree
(number of levels, a line of modules for each level, the coarsest first; its code lengths); the mean code length of the
multi-level search over 10 seeds of one trial, and the best, directed, then undirected.
"""
import os
import tempfile
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


def tree_length(n, links, directed, levels):
    """A module that is the same at two levels is one: the reference would have it as a module in a module."""
    paths = [[] for _ in range(n)]
    for depth, level in enumerate(levels):
        for i in range(n):
            same = depth > 0 and set(np.flatnonzero(level == level[i])) == set(
                np.flatnonzero(levels[depth - 1] == levels[depth - 1][i]))
            if not same:
                paths[i].append(int(level[i]) + 1)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "given.tree")
        with open(file, "w") as out:
            for i in sorted(range(n), key=lambda i: paths[i]):
                out.write(":".join(map(str, paths[i] + [i + 1])) + f' 0.1 "{i}" {i}\n')
        im = infomap.Infomap(f"--silent --no-infomap --cluster-data {file} " + ("--directed" if directed else ""))
        for i in range(n):
            im.add_node(i)
        for a, b, w in links:
            im.add_link(a, b, w)
        im.run()
        depth = {node.node_id: len(node.path) - 1 for node in im.nodes}
        assert all(depth[i] == len(paths[i]) for i in range(n))
        return im.codelength


def search_many(n, links, directed):
    found, tree = [], None
    for seed in range(1, 11):
        im = infomap.Infomap(f"--silent --seed {seed} " + ("--directed" if directed else ""))
        for i in range(n):
            im.add_node(i)
        for a, b, w in links:
            im.add_link(a, b, w)
        im.run()
        if not found or im.codelength < min(found):
            depth = max(im.num_levels - 1, 1)
            modules = [im.get_modules(depth_level=level) for level in range(1, depth + 1)]
            tree = [np.unique([level[i] for i in range(n)], return_inverse=True)[1] for level in modules]
        found.append(im.codelength)
    return np.mean(found), min(found), tree


def cliques(shape, weights):
    """Cliques of shape[-1] nodes in rings of shape[-2], those in rings of shape[-3], ..."""
    n = int(np.prod(shape))
    links = []
    for i in range(n):
        for j in range(i - i % shape[-1], i):
            links.append((i, j, 1.0))
    for d in range(len(shape) - 1):
        inner = int(np.prod(shape[d + 1:]))
        for k in range(n // inner):
            ring = k - k % shape[d]
            other = ring + (k + 1 - ring) % shape[d]
            links.append((k * inner + inner - 1, other * inner, weights[d]))
    levels = [np.arange(n) // int(np.prod(shape[d + 1:])) for d in range(len(shape) - 1)]
    return n, levels, links


def nested(rng, shape, chances):
    """Random links: of chance chances[d] between nodes whose first d groups are the same."""
    n = int(np.prod(shape))
    levels = [np.arange(n) // int(np.prod(shape[d + 1:])) for d in range(len(shape) - 1)]
    common = sum((level[:, None] == level[None, :]).astype(int) for level in levels)
    p = np.array(chances)[common]
    return n, levels, [(i, j, round(rng.uniform(0.5, 1), 3)) for i in range(n) for j in range(n)
                       if i != j and rng.random() < p[i, j]]


def tree_cases(rng):
    for name, n, group, links in cases(rng):
        if name in ("dangling-and-loops", "karate", "planted-200"):
            yield name, n, [group // 2, group], links
        if name == "knn-300-noisy":
            yield name, n, [group // 5, group], links
    yield ("cliques-4-4-5",) + cliques((4, 4, 5), (0.5, 1.0))
    yield ("cliques-8-8-4",) + cliques((8, 8, 4), (1.0, 1.0))
    yield ("cliques-3-4-5-4",) + cliques((3, 4, 5, 4), (0.25, 0.5, 1.0))
    yield ("nested-4-4-12",) + nested(rng, (4, 4, 12), (0.004, 0.03, 0.5))
    yield ("nested-3-4-4-8",) + nested(rng, (3, 4, 4, 8), (0.002, 0.01, 0.06, 0.7))
    yield ("nested-6-6-10",) + nested(rng, (6, 6, 10), (0.004, 0.03, 0.6))


def write_levels(out, levels):
    out.write(f"{len(levels)}\n")
    for level in levels:
        out.write(" ".join(map(str, level)) + "\n")


def write_trees(out):
    rng = np.random.default_rng(5)
    for name, n, levels, links in tree_cases(rng):
        found = [search_many(n, links, directed) for directed in (1, 0)]
        uneven = [levels[0]] + [np.where(level % 3 == 0, levels[0] + n // 2, level) for level in levels[1:]]
        noise = rng.integers(0, min(12, n), n)
        trees = [levels, [noise // 6, noise // 2, noise], [levels[-1]], found[0][2], found[1][2]]
        if all(len(set(levels[0][uneven[-1] == m])) == 1 for m in set(uneven[-1])):
            trees.append([uneven[0], uneven[-1]])
        out.write(f"{name} {n} {len(links)} {len(trees)}\n")
        out.write(" ".join(f"{a} {b} {w:.9g}" for a, b, w in links) + "\n")
        for tree in trees:
            write_levels(out, tree)
            out.write("{:.12f} {:.12f}\n".format(*[tree_length(n, links, directed, tree) for directed in (1, 0)]))
        for mean, best, tree in found:
            out.write(f"{mean:.12f} {best:.12f}\n")
        print(name, n, len(links), [(mean, best, len(tree)) for mean, best, tree in found])


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
    with open(os.path.join(here, "golden_tree.txt"), "w") as out:
        write_trees(out)


if __name__ == "__main__":
    main()
