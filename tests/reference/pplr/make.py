#!/usr/bin/env python3
"""PPLR's agreement and losses (Cho et al., CVPR 2022, equations 3 to 6) by loops over dense arrays, from the paper.

    python3 make.py > golden.lua      (NumPy)
"""
import numpy as np

rng = np.random.default_rng(11)
N, D, PARTS, K, CLUSTERS, TAU, BETA = 24, 4, 2, 5, 3, 0.5, 0.4


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def near(x):
    s = x @ x.T
    np.fill_diagonal(s, -np.inf)
    return [set(np.argsort(-row)[:K]) for row in s]


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def lua(values):
    return "{ " + ", ".join(f"{v:.9g}" for v in np.asarray(values, float).ravel()) + " }"


spaces = [unit(rng.normal(size=(N, D))) for _ in range(PARTS + 1)]
labels = rng.integers(0, CLUSTERS, N)
labels[:2] = -1
agreement = [[len(a & b) / len(a | b) for a, b in zip(near(spaces[0]), near(space))] for space in spaces[1:]]
weights = [unit(np.stack([x[labels == c].mean(0) for c in range(CLUSTERS)])) for x in spaces]
rows = np.array([5, 9, 2, 17, 20, 11])
batch = [unit(rng.normal(size=(len(rows), D))) for _ in spaces]
q = [softmax(f @ w.T / TAU) for f, w in zip(batch, weights)]
total_parts = 0
for n in range(PARTS):
    for i, row in enumerate(rows):
        c = agreement[n][row]
        y = np.eye(CLUSTERS)[labels[row]]
        cross_entropy = -(y * np.log(q[n + 1][i])).sum()
        uniform = np.full(CLUSTERS, 1 / CLUSTERS)
        divergence = (uniform * np.log(uniform / q[n + 1][i])).sum()
        # The entropy of the uniform distribution has no gradient; the loss here leaves it out.
        total_parts += c * cross_entropy + (1 - c) * (divergence + np.log(CLUSTERS))
whole = 0
for i, row in enumerate(rows):
    w = softmax(np.array([agreement[n][row] for n in range(PARTS)]))
    target = BETA * np.eye(CLUSTERS)[labels[row]] + (1 - BETA) * sum(w[n] * q[n + 1][i] for n in range(PARTS))
    whole -= (target * np.log(q[0][i])).sum()
loss = whole / len(rows) + total_parts / (len(rows) * PARTS)
print("-- Made by make.py.\nreturn {")
print(f"  n = {N}, d = {D}, parts = {PARTS}, k = {K}, temperature = {TAU}, keep = {BETA}, loss = {loss:.9g},")
print("  labels = { " + ", ".join(map(str, labels)) + " }, rows = { " + ", ".join(map(str, rows)) + " },")
print("  spaces = { " + ",\n    ".join(map(lua, spaces)) + " },")
print("  agreement = { " + ",\n    ".join(map(lua, agreement)) + " },")
print("  batch = { " + ",\n    ".join(map(lua, batch)) + " },\n}")
