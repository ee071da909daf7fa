#!/usr/bin/env python3
"""Writes golden.txt: HDBSCAN by its definition, and by scikit-learn and the hdbscan package.

The definition is followed to the letter, component by component, with all links of one length removed at once; the
two packages part groups two by two. The script checks that they differ only in things that fall out where groups part.
"""
import numpy as np
import hdbscan
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from sklearn.cluster import HDBSCAN

rng = np.random.RandomState(31)
out = open("golden.txt", "w")


def write(name, values):
    flat = np.asarray(values).ravel()
    out.write(" ".join([name, str(len(flat))] + ["%.9g" % v for v in flat]) + "\n")


def canonical(labels):
    seen = {}
    return np.array([-1 if v < 0 else seen.setdefault(v, len(seen)) for v in labels])


def reachability(d, min_samples):
    core = np.sort(d, 1)[:, min(min_samples, len(d)) - 1]
    reach = np.maximum(d, np.maximum(core[:, None], core[None]))
    np.fill_diagonal(reach, 0)
    return reach


class Cluster:
    def __init__(self, parent, birth):
        self.parent, self.birth, self.death, self.stability, self.children = parent, birth, 0, 0, []

    def leave(self, when, size):
        self.stability += (when - self.birth) * size
        self.death = max(self.death, when)


def condense(reach, least):
    n = len(reach)
    root = Cluster(None, 0)
    last, when, todo = [None] * n, np.zeros(n), [(np.arange(n), root)]
    while todo:
        members, cluster = todo.pop()
        part = reach[np.ix_(members, members)]
        # the longest link of the spanning tree; zero lengths are kept by an offset
        height = minimum_spanning_tree(part + 1 - np.eye(len(part))).data.max() - 1 if len(part) > 1 else 0
        height = part.ravel()[np.abs(part.ravel() - height).argmin()]
        groups = connected_components((part < height) | np.eye(len(part), dtype=bool))[1]
        now = 1 / height if height > 0 else np.inf
        sets = [members[groups == g] for g in range(groups.max() + 1)]
        large = [s for s in sets if len(s) >= least]
        for s in sets:
            if len(s) < least:
                cluster.leave(now, len(s))
                for i in s:
                    last[i], when[i] = cluster, now
            elif len(large) == 1:
                todo.append((s, cluster))
            else:
                cluster.leave(now, len(s))
                child = Cluster(cluster, now)
                cluster.children.append(child)
                todo.append((s, child))
    return root, last, when


def descendants(cluster):
    for child in cluster.children:
        yield child
        yield from descendants(child)


def best(cluster, leaves, single):
    """The clusters taken in a subtree, and their mass."""
    below = [best(child, leaves, single) for child in cluster.children]
    taken, mass = sum((b[0] for b in below), []), sum(b[1] for b in below)
    if cluster.parent is None and not single:
        return taken, mass
    if not taken or (not leaves and not mass > cluster.stability):
        return [cluster], cluster.stability
    return taken, mass


def raised(cluster, epsilon, single):
    while 1 / cluster.birth < epsilon:
        if cluster.parent.parent is None:
            return cluster.parent if single else cluster
        cluster = cluster.parent
        if 1 / cluster.birth > epsilon:
            break
    return cluster


def definition(d, least, min_samples, epsilon, leaves, single):
    root, last, when = condense(reachability(d, min_samples), least)
    taken = best(root, leaves, single)[0]
    if epsilon > 0 and root not in taken:
        taken = [raised(c, epsilon, single) for c in taken]
    taken = [c for c in dict.fromkeys(taken) if not any(c in descendants(t) for t in taken)]
    home = {}
    for c in taken:
        for below in [c, *descendants(c)]:
            home[below] = c
    labels, probabilities = np.full(len(d), -1), np.zeros(len(d))
    for i, cluster in enumerate(last):
        own = home.get(cluster)
        if own is None or (own is root and when[i] < (1 / epsilon if epsilon > 0 else root.death)):
            continue
        labels[i] = taken.index(own)
        probabilities[i] = 1 if np.isinf(when[i]) or own.death == 0 else min(when[i], own.death) / own.death
    ends = {}

    def end(cluster):
        if cluster not in ends:
            ends[cluster] = max([cluster.death] + [end(child) for child in cluster.children])
        return ends[cluster]

    outliers = np.zeros(len(d))
    for i, cluster in enumerate(last):
        death = end(cluster)
        if death > 0 and not np.isinf(when[i]):
            outliers[i] = 1 if np.isinf(death) else (death - when[i]) / death
    return canonical(labels), probabilities, outliers


def blobs(n, spread):
    centres = rng.rand(4, 2) * 10
    x = centres[rng.randint(0, 4, n)] + rng.randn(n, 2) * spread
    x[: n // 8] = rng.rand(n // 8, 2) * 12
    return x


inputs = {"clear": blobs(70, 0.4), "vague": blobs(80, 1.1), "uniform": rng.rand(60, 2) * 5}
twice = np.repeat(rng.randint(0, 9, (14, 2)), 4, 0).astype(float)
inputs["copies"] = twice
inputs["grid"] = np.stack(np.meshgrid(np.arange(6), np.arange(7)), -1).reshape(-1, 2).astype(float)
differing = total = scored = apart = 0
for name, x in inputs.items():
    x = np.round(x, 4)
    d = np.sqrt(((x[:, None] - x[None]) ** 2).sum(2)).astype(np.float32)
    write(name + ".x", x)
    d = d.astype(float)
    for number, (least, samples, epsilon, leaves, single) in enumerate([
        (5, 1, 0, False, False), (5, 5, 0, False, False), (4, 3, 0, True, False), (8, 4, 0, False, True),
        (3, 2, 0.8, True, False), (3, 2, 0.5, False, False), (60, 2, 0, False, True), (2, 9, 0, True, False),
        (90, 3, 0, False, False), (4, 2, 0.7, False, True),
    ]):
        labels, probabilities, outliers = definition(d, least, samples, epsilon, leaves, single)
        key = "%s.%d" % (name, number)
        write(key + ".options", [least, samples, epsilon, leaves, single])
        write(key + ".labels", labels)
        write(key + ".probabilities", np.round(probabilities, 6))
        write(key + ".outliers", np.round(outliers, 6))
        if name in ("copies", "grid") or least > len(d) or samples == 1 and name == "grid":
            continue  # ties without end: the packages' order decides more than single things
        method = "leaf" if leaves else "eom"
        others = {}
        if epsilon == 0:  # scikit-learn 1.9 fails on it with NumPy 2.4
            others["scikit-learn"] = HDBSCAN(min_cluster_size=least, min_samples=samples, cluster_selection_method=method,
                                             allow_single_cluster=single, metric="precomputed", copy=True).fit(d)
        if samples > 1:  # it has no such setting as 1
            others["hdbscan"] = hdbscan.HDBSCAN(min_cluster_size=least, min_samples=samples - 1,
                                                cluster_selection_epsilon=float(epsilon), cluster_selection_method=method,
                                                allow_single_cluster=single, metric="precomputed").fit(d.copy())
        if "hdbscan" in others:  # scores do not depend on which clusters are taken; they part two by two there
            gap = np.abs(outliers - others["hdbscan"].outlier_scores_)
            if (gap > 1e-6).mean() > 0.1:
                print(key, "outlier scores differ for", (gap > 1e-6).sum())
            scored += len(d)
            apart += (gap > 1e-6).sum()
        for who, other in others.items():
            same = labels >= 0
            wrong = labels != canonical(np.where(same, other.labels_, -1)) if same.any() else np.zeros(len(d), bool)
            extra = ~same & (other.labels_ >= 0)
            total += len(d)
            differing += extra.sum()
            gap = np.abs(probabilities - other.probabilities_)[same].max() if same.any() else 0
            # A lone thing may make a group large enough to be a cluster where groups part two by two.
            if wrong.any() or gap > 1e-6 or extra.sum() > 6:
                print(key, who, "wrong", wrong.sum(), "extra", extra.sum(), "gap", gap)
        if samples == 1:
            assert (labels == canonical(others["scikit-learn"].labels_)).all()
print("%d of %d outlier scores differ from hdbscan's" % (apart, scored))
print("%d of %d things are outliers here and in a cluster there" % (differing, total))
out.close()
