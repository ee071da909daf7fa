"""The peer of `calr bench graph`: hnswlib's graph on the same rows. The first run makes the index and finds, untimed, the
least ef with which it reaches the recall; all others search it."""
import common

given = common.options()

import hnswlib  # noqa: E402  (after the number of threads is set)
import numpy as np  # noqa: E402

found = {}


def prepare(given):
    x, queries, truth = (np.load(given[name]) for name in ("x", "queries", "truth"))
    k, index = given["k"], None

    def build():
        made = hnswlib.Index(space="ip", dim=x.shape[1])  # unit rows: the order of the cosine
        made.init_index(max_elements=len(x), M=given["m"], ef_construction=given["construction"], random_seed=1)
        made.set_num_threads(given.get("threads", 1))
        made.add_items(x)
        return made

    def recall():
        near, _ = index.knn_query(queries[:len(truth)], k)
        return float(np.mean([len(np.intersect1d(a, b)) for a, b in zip(near, truth)]) / k)

    def choose():
        """The least ef for the recall, within a thirty-second."""
        low, high = 0, k
        while True:
            index.set_ef(high)
            if recall() >= given["recall"] or high >= len(x):
                break
            low, high = high, min(2 * high, len(x))
        while low and high - low > 1 + low // 32:
            middle = (low + high) // 2
            index.set_ef(middle)
            low, high = (low, middle) if recall() >= given["recall"] else (middle, high)
        index.set_ef(high)
        found.update(ef=high, recall=recall())

    def work():
        nonlocal index
        if index is None:
            began = common.clock()
            index = build()
            seconds = common.clock() - began
            choose()
            return seconds
        began = common.clock()
        index.knn_query(queries, k)
        return common.clock() - began

    return work


common.serve("hnswlib %s" % getattr(hnswlib, "__version__", "0.8"), prepare, lambda: found)
