"""Writes golden.txt: neighbours, Jaccard distances, DBSCAN, linkage, silhouettes.

Needs numpy, scikit-learn and SciPy; run it in this folder. Each line of golden.txt is a name, a count and the
numbers. Labels are numbered by first appearance. The Jaccard distance is recomputed here in double precision from
its definition, with sets and dense vectors; everything else comes from scikit-learn and SciPy.
"""
import numpy as np
from fractions import Fraction
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.cluster import DBSCAN, AgglomerativeClustering
from sklearn.metrics import silhouette_samples, silhouette_score
from sklearn.neighbors import NearestNeighbors

TIE = 1e-12
out = open("golden.txt", "w")


def write(name, values, digits=None):
    flat = np.asarray(values).ravel()
    text = ["%d" % v if flat.dtype.kind in "iu" else ("%.*f" % (digits or 8, v)).rstrip("0").rstrip(".") for v in flat]
    out.write(" ".join([name, str(len(text))] + text) + "\n")


def canonical(labels):
    seen = {}
    return np.array([-1 if v < 0 else seen.setdefault(v, len(seen)) for v in labels])


def cosines(x):
    length = np.sqrt((x * x).sum(1))
    inverse = np.divide(1, length, out=np.zeros_like(length), where=length > 0)
    unit = x * inverse[:, None]
    return np.clip(unit @ unit.T, -1, 1)


def ranks(similarity, rounded=True):
    """Each row's list: itself, then by falling similarity, ties by lowest number."""
    s = np.round(similarity, 10)
    result = []
    for i in range(len(s)):
        others = sorted((j for j in range(len(s)) if j != i), key=lambda j: (-s[i, j], j))
        values = s[i, others]
        gaps = -np.diff(values)
        assert ((gaps == 0) | (gaps > 5e-7)).all(), "a tie that single precision may break"
        result.append([i] + others)
    return result


def half_to_even(k):
    return round(Fraction(k, 2))


def jaccard(x, k1, k2, exact):
    n = len(x)
    cos = cosines(x)
    rank = ranks(cos)
    wide = k1 + 1 if exact else k1
    near = min(half_to_even(k1) + 1, wide)

    def reciprocal(i, reach):
        return {j for j in rank[i][:reach] if i in rank[j][:reach]}

    v = np.zeros((n, n))
    for i in range(n):
        first = reciprocal(i, wide)
        members = set(first)
        for j in first:
            half = reciprocal(j, near)
            if 3 * len(half & first) > 2 * len(half):
                members |= half
        members = sorted(members)
        weights = np.exp(-(2 - 2 * cos[i, members]))
        v[i, members] = weights / weights.sum()
    if k2 > 1:
        v = np.stack([v[rank[i][:k2]].mean(0) for i in range(n)])
    common = np.minimum(v[:, None, :], v[None, :, :]).sum(2)
    j = 1 - common / (2 - common)
    np.fill_diagonal(j, 0)
    return np.maximum(j, 0)


rng = np.random.RandomState(7)


def random_rows(n, d):
    return rng.randint(-9, 10, (n, d)).astype(float)


def clustered(groups, each, d, spread):
    centres = rng.randint(-20, 21, (groups, d))
    return np.repeat(centres, each, 0) + rng.randint(-spread, spread + 1, (groups * each, d)).astype(float)


def jaccard_cases():
    copies = np.repeat(clustered(5, 2, 8, 6), 3, 0)
    copies[7] = 0
    signs = rng.choice([-1.0, 1.0], (40, 16))  # cosines are multiples of 1/8, exact in single precision: ties galore
    signs[30:35] = signs[3]
    groups = clustered(8, 7, 16, 9)
    rng.shuffle(groups)
    yield "random", random_rows(40, 12), 15, 4, False
    yield "random_k2", random_rows(30, 12), 9, 1, False
    yield "groups", groups, 11, 6, False
    yield "groups_exact", groups, 11, 6, True
    yield "groups_wide", groups, 30, 6, False
    yield "signs", signs, 7, 3, False
    yield "signs_even", signs, 10, 5, True
    yield "copies", copies, 6, 3, False
    yield "k1_is_1", random_rows(6, 4), 1, 1, False
    yield "k1_is_2", random_rows(12, 5), 2, 2, False
    yield "k1_is_3", random_rows(12, 5), 3, 2, False
    yield "few", random_rows(5, 4), 30, 6, False
    yield "few_exact", random_rows(8, 4), 8, 6, True
    yield "two", random_rows(2, 3), 30, 6, False
    yield "one", random_rows(1, 3), 30, 6, False
    yield "zeros", np.zeros((4, 3)), 3, 2, False


names = []
for name, x, k1, k2, exact in jaccard_cases():
    names.append(name)
    write("jaccard.%s.shape" % name, np.array(list(x.shape) + [k1, k2, int(exact)]))
    write("jaccard.%s.x" % name, x.astype(int))
    d = jaccard(x, k1, k2, exact)
    write("jaccard.%s.distance" % name, d[np.triu_indices(len(x), 1)])
    if name == "groups":
        groups = np.round(d, 8).astype(np.float32)

x = random_rows(70, 6)
write("points.shape", np.array(x.shape))
write("points.x", x.astype(int))
distances, indices = NearestNeighbors(n_neighbors=9, algorithm="brute").fit(x).kneighbors(x)
write("points.knn.distances", distances)

# Distances that clustering is tried on: of points (dense), and the Jaccard distance above.
points = squareform(np.round(np.random.RandomState(3).permutation(np.linspace(0.05, 2, 40 * 39 // 2)), 8)).astype(np.float32)
blobs = np.concatenate([rng.normal(c, 0.6, (18, 2)) for c in ((0, 0), (4, 0), (2, 3), (9, 9))])
blobs = np.round(np.sqrt(((blobs[:, None] - blobs[None]) ** 2).sum(2)), 6).astype(np.float32)
for name, d in (("noise", points), ("blobs", blobs), ("jaccard", groups)):
    n = len(d)
    pairs = d[np.triu_indices(n, 1)]
    write("%s.pairs" % name, pairs)
    for eps, least in ((0.35, 3), (0.6, 4), (0.9, 2), (0.75, 8), (0.2, 1)):
        labels = canonical(DBSCAN(eps=eps, min_samples=least, metric="precomputed").fit(d).labels_)
        write("%s.dbscan.%g.%d" % (name, eps, least), labels)
    for method in ("average", "complete", "single"):
        z = linkage(pairs.astype(float), method)
        write("%s.%s.heights" % (name, method), z[:, 2])
        for k in (1, 2, 5, 8, 13, n):
            # single linkage leaves the choice open where heights tie; those cuts are left out
            heights = np.append(z[:, 2], np.inf)
            if 1 < k < n and heights[n - k] - heights[n - k - 1] < 1e-7:
                continue
            labels = AgglomerativeClustering(n_clusters=k, metric="precomputed", linkage=method).fit(d.astype(float)).labels_
            write("%s.%s.%d" % (name, method, k), canonical(labels))
            if 1 < k < n and method == "average":
                write("%s.%s.%d.silhouette" % (name, method, k), silhouette_samples(d, labels, metric="precomputed"))
        t = 0.7
        labels = AgglomerativeClustering(n_clusters=None, distance_threshold=t, metric="precomputed", linkage=method).fit(d.astype(float)).labels_
        write("%s.%s.below" % (name, method), canonical(labels))
    labels = canonical(DBSCAN(eps=0.6, min_samples=4, metric="precomputed").fit(d).labels_)
    kept = np.flatnonzero(labels >= 0)
    if len(set(labels[kept])) > 1:
        write("%s.outliers.silhouette" % name, np.array([silhouette_score(d[np.ix_(kept, kept)], labels[kept], metric="precomputed")]))

def simplified_silhouette(x, labels):
    """Hruschka et al. 2004: cosine distance to the mean direction of the own and of the nearest other cluster."""
    length = np.sqrt((x * x).sum(1, keepdims=True))
    unit = np.divide(x, length, out=np.zeros_like(x), where=length > 0)
    kinds = sorted(set(labels[labels >= 0]))
    centres = np.array([unit[labels == k].mean(0) for k in kinds])
    distance = 1 - unit @ (centres / np.sqrt((centres * centres).sum(1, keepdims=True))).T
    result = np.zeros(len(x))
    for i, label in enumerate(labels):
        if label >= 0 and (labels == label).sum() > 1:
            own = kinds.index(label)
            a, b = distance[i, own], np.delete(distance[i], own).min()
            result[i] = (b - a) / max(a, b)
    return result


simplified = np.random.RandomState(11)
for name, n, d, groups in (("two", 12, 3, 2), ("some", 60, 20, 7), ("wide", 90, 130, 11)):
    centres = simplified.randint(-9, 10, (groups, d))
    x = (centres[simplified.randint(0, groups, n)] + simplified.randint(-9, 10, (n, d))).astype(float)
    labels = simplified.randint(-1, groups, n)
    labels[0], labels[1] = 0, 1
    if name == "some":
        labels[5], x[8] = groups, 0  # a single member, a row of zeros
    write("simplified.%s.shape" % name, np.array(x.shape))
    write("simplified.%s.x" % name, x.astype(int))
    write("simplified.%s.labels" % name, labels)
    write("simplified.%s.samples" % name, simplified_silhouette(x, labels))
out.close()
