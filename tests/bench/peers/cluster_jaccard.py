"""The peer of `calr bench cluster`, part jaccard: the k-reciprocal Jaccard distance as scripts of this field compute
it: neighbours by faiss, a loop over the images in Python for the encodings, dense matrices of all pairs."""
import common

given = common.options()
common.best_blas()

import faiss  # noqa: E402  (after the number of threads and the kernels are set)
import numpy as np  # noqa: E402

faiss.omp_set_num_threads(given.get("threads", 1))
found = {}


def mutual(ranks, i, depth):
    """The rows among the first `depth` of i that have i among their first `depth`."""
    near = ranks[i, :depth]
    return near[(ranks[near, :depth] == i).any(axis=1)]


def encodings(x, ranks, k1):
    count, half = len(x), int(np.around(k1 / 2)) + 1
    wide = [mutual(ranks, i, k1) for i in range(count)]
    narrow = [mutual(ranks, i, half) for i in range(count)]
    weights = np.zeros((count, count), dtype=np.float32)
    for i in range(count):
        members = wide[i]
        for j in wide[i]:
            if len(np.intersect1d(narrow[j], wide[i])) > 2 / 3 * len(narrow[j]):
                members = np.append(members, narrow[j])
        members = np.unique(members)
        distances = 2 - 2 * (x[members] @ x[i])
        weight = np.exp(-distances)
        weights[i, members] = weight / weight.sum()
    return weights


def distances(weights):
    count = len(weights)
    holders = [np.flatnonzero(weights[:, c]) for c in range(count)]
    result = np.zeros((count, count), dtype=np.float32)
    for i in range(count):
        common_weight = np.zeros(count, dtype=np.float32)
        for c in np.flatnonzero(weights[i]):
            who = holders[c]
            common_weight[who] += np.minimum(weights[i, c], weights[who, c])
        result[i] = 1 - common_weight / (2 - common_weight)
    return np.maximum(result, 0)


def prepare(given):
    x = np.load(given["base"])

    def work():
        index = faiss.IndexFlatIP(x.shape[1])
        index.add(x)
        _, ranks = index.search(x, given["k1"])
        weights = encodings(x, ranks, given["k1"])
        weights = np.stack([weights[ranks[i, :given["k2"]]].mean(axis=0) for i in range(len(x))])
        found["mean"] = float(distances(weights).mean(dtype=np.float64))

    return work


common.serve("faiss %s, NumPy %s" % (faiss.__version__, np.__version__), prepare, lambda: found)
