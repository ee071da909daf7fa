#!/usr/bin/env python3
"""SpCL's independence and compactness (Ge et al., NeurIPS 2020, section 3.3) over dense matrices, from the paper.

    python3 make.py > golden.lua      (NumPy)
"""
import numpy as np

rng = np.random.default_rng(7)


def alone(labels):
    out = labels.copy()
    rest = out < 0
    out[rest] = labels.max() + 1 + np.arange(rest.sum())
    return out


def disagreement(a, b):
    same_a, same_b = a[:, None] == a[None], b[:, None] == b[None]
    return 1 - np.minimum(same_a, same_b).sum(1) / np.maximum(same_a, same_b).sum(1)


def cut(labels, share):
    """Some members leave their clusters: what a tighter radius does."""
    out = labels.copy()
    out[rng.random(len(labels)) < share] = -1
    return out


def join(labels, pairs):
    out = labels.copy()
    for a, b in pairs:
        out[out == a] = b
    return out


def lua(values):
    return "{ " + ", ".join(str(v) for v in values) + " }"


print("-- Made by make.py.\nreturn {")
for n, clusters, share in ((60, 10, 0.9), (40, 5, 0.5), (33, 15, 0.9), (9, 1, 0.9), (6, 0, 0.9)):
    normal = rng.integers(-1, clusters, n) if clusters else np.full(n, -1)
    tight = cut(normal, 0.1)
    loose = join(normal, [(0, 1), (2, 3)]) if clusters > 3 else normal.copy()
    own, t, l = alone(normal), alone(tight), alone(loose)
    comp, indep = disagreement(own, t), disagreement(own, l)
    names = sorted(set(own))
    least = {k: (comp[own == k].min(), indep[own == k].min()) for k in names}
    several = sorted(least[k][1] for k in names if (own == k).sum() > 1)
    limit = several[min(len(several) - 1, round(len(several) * share))] if several else 0
    stays = [bool(normal[i] >= 0 and least[own[i]][1] <= limit and comp[i] <= least[own[i]][0]) for i in range(n)]
    print("  { share = %g, limit = %r,\n    labels = %s,\n    tight = %s,\n    loose = %s,\n    stays = %s }," % (
        share, float(limit), lua(normal), lua(tight), lua(loose), lua(int(s) for s in stays)))
print("}")
