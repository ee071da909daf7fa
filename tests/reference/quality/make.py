#!/usr/bin/env python3
"""Writes golden.lua: cluster quality of random clusterings.

Pairwise figures, NMI, AMI, ARI, homogeneity and completeness come from scikit-learn; B-cubed, purity and expansion from their definitions, item by item.
"""
import os

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, homogeneity_completeness_v_measure
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import pair_confusion_matrix


def harmonic(p, r):
    return 2 * p * r / (p + r) if p + r else 0.0


def treat(truth, labels, outliers):
    if outliers == "ignore":
        keep = labels >= 0
        return truth[keep], labels[keep]
    labels = labels.copy()
    out = labels < 0
    labels[out] = 10**6 + np.arange(out.sum())
    return truth, labels


def figures(truth, labels):
    (_, fp), (fn, tp) = pair_confusion_matrix(truth, labels)
    p = tp / (tp + fp) if tp + fp else 0.0
    r = tp / (tp + fn) if tp + fn else 0.0
    same_truth = truth[:, None] == truth[None, :]
    same_label = labels[:, None] == labels[None, :]
    both = (same_truth & same_label).sum(1)
    bp = (both / same_label.sum(1)).mean()
    br = (both / same_truth.sum(1)).mean()
    expansion = np.mean([len(set(labels[truth == t])) for t in np.unique(truth)])
    return {
        "pairwise": (p, r, harmonic(p, r)),
        "bcubed": (bp, br, harmonic(bp, br)),
        "nmi": normalized_mutual_info_score(truth, labels),
        "expansion": expansion,
        "ami": adjusted_mutual_info_score(truth, labels),
        "ari": adjusted_rand_score(truth, labels),
        "v_measure": homogeneity_completeness_v_measure(truth, labels),
        "purity": sum(np.unique(truth[labels == c], return_counts=True)[1].max() for c in np.unique(labels)) / len(labels),
    }


def agreed(a, b):
    """Most images in matched clusters, over all one-to-one assignments."""
    both = (a >= 0) & (b >= 0)
    table = np.zeros((a.max() + 1, b.max() + 1), int)
    np.add.at(table, (a[both], b[both]), 1)
    return int(table[linear_sum_assignment(-table)].sum())


def lua(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {lua(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (tuple, list, np.ndarray)):
        return "{ " + ", ".join(lua(v) for v in value) + " }"
    if isinstance(value, str):
        return f'"{value}"'
    return repr(int(value)) if isinstance(value, (int, np.integer)) else repr(float(value))


def main():
    rng = np.random.default_rng(5)
    cases = []
    for n, identities, clusters, noise, out in [
        (6, 2, 2, 0.3, 0.0), (40, 8, 10, 0.3, 0.2), (60, 5, 30, 0.6, 0.4), (80, 20, 3, 0.2, 0.1), (50, 50, 50, 0.0, 0.0),
    ]:
        truth = rng.integers(0, identities, n) * 7 - 1
        labels = (truth + 1) // 7 % clusters
        moved = rng.random(n) < noise
        labels[moved] = rng.integers(0, clusters, moved.sum())
        labels[rng.random(n) < out] = -1
        case = {"truth": truth, "labels": labels}
        for outliers in ("singletons", "ignore"):
            case[outliers] = figures(*treat(truth, labels, outliers))
        cases.append(case)
    matches = []
    for n, k, l, noise in [(12, 3, 4, 0.3), (60, 12, 9, 0.5), (120, 25, 25, 0.25), (80, 6, 40, 1.0), (150, 50, 30, 0.8)]:
        a = rng.integers(0, k, n)
        b = rng.permutation(max(k, l))[a] % l
        moved = rng.random(n) < noise
        b[moved] = rng.integers(0, l, moved.sum())
        a[rng.random(n) < 0.1] = -1
        b[rng.random(n) < 0.1] = -1
        matches.append({"a": a, "b": b, "agreed": agreed(a, b)})
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "golden.lua"), "w") as out:
        out.write("-- Written by make.py.\nreturn {\n")
        for case in cases:
            out.write("  {\n")
            for key, value in case.items():
                out.write(f"    {key} = {lua(value)},\n")
            out.write("  },\n")
        out.write("  matches = {\n")
        for match in matches:
            out.write(f"    {lua(match)},\n")
        out.write("  },\n}\n")


if __name__ == "__main__":
    main()
