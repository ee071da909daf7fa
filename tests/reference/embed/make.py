#!/usr/bin/env python3
"""t-SNE by scikit-learn: joint probabilities, the divergence and its gradient, and what a whole run reaches.

    python3 make.py > golden.lua      (scikit-learn, NumPy, SciPy)
"""
import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cdist, squareform
from sklearn.manifold import TSNE, trustworthiness
from sklearn.manifold._t_sne import _joint_probabilities_nn, _kl_divergence

rng = np.random.default_rng(3)


def groups(n, d, count):
    centres = rng.normal(size=(count, d)) * 2
    return (centres[rng.integers(0, count, n)] + rng.normal(size=(n, d))).astype(np.float32)


def lua(values, digits=7):
    return "{ " + ", ".join(f"{v:.{digits}g}" for v in np.asarray(values).ravel()) + " }"


print("-- Made by make.py.\nreturn {")
print("  gradients = {")
for n, d, k, perplexity in ((30, 4, 29, 8), (50, 5, 15, 5), (5, 2, 3, 1.3)):
    x = groups(n, d, 3)
    distance = cdist(x, x).astype(np.float32)
    np.fill_diagonal(distance, np.inf)
    near = np.argsort(distance, 1, kind="stable")[:, :k]
    rows = np.repeat(np.arange(n), k)
    graph = csr_matrix((distance[rows, near.ravel()] ** 2, near.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    p = _joint_probabilities_nn(graph, perplexity, 0).toarray()
    y = rng.normal(size=(n, 2)).astype(np.float32)
    dense = np.maximum(squareform(p, checks=False), np.finfo(np.double).eps)
    kl, gradient = _kl_divergence(y.ravel().astype(np.float64), dense, 1, n, 2)
    print("    { n = %d, d = %d, k = %d, perplexity = %g, divergence = %.9g,\n      x = %s,\n      p = %s,\n      y = %s,\n"
          "      gradient = %s }," % (n, d, k, perplexity, kl, lua(x, 9), lua(p), lua(y, 9), lua(gradient)))
print("  },")
n, d = 400, 8
x = groups(n, d, 6)
reached = []
for seed in range(3):
    model = TSNE(perplexity=20, init="pca", random_state=seed, max_iter=1000)
    y = model.fit_transform(x)
    reached.append((model.kl_divergence_, trustworthiness(x, y, n_neighbors=10)))
kl, trust = np.mean(reached, 0)
print("  whole = { n = %d, d = %d, divergence = %.4f, trustworthiness = %.4f,\n    x = %s },\n}" % (
    n, d, kl, trust, lua(x, 5)))
