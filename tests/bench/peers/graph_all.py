"""The peer of `calr bench graph --all`: k neighbours of every row of a set, itself included, by hnswlib, usearch or
faiss ("program"). A run makes the index and searches all rows; the first finds, untimed, the least effort with which
the sampled rows reach the recall."""
import common

given = common.options()
common.best_blas()

import numpy as np  # noqa: E402  (after the number of threads is set)

found = {}


def by_hnswlib(x, threads):
    import hnswlib

    def build():
        index = hnswlib.Index(space="ip", dim=x.shape[1])  # unit rows: the order of the cosine
        index.init_index(max_elements=len(x), M=given["m"], ef_construction=given["construction"], random_seed=1)
        index.set_num_threads(threads)
        index.add_items(x)
        return index

    def search(index, rows, k, effort):
        index.set_ef(effort)
        return index.knn_query(rows, k)[0]

    return "hnswlib 0.8", build, search


def by_usearch(x, threads):
    import usearch.index

    def build():
        index = usearch.index.Index(ndim=x.shape[1], metric="ip", dtype="f32", connectivity=given["m"],
                                    expansion_add=given["construction"])
        index.add(np.arange(len(x)), x, threads=threads)
        return index

    def search(index, rows, k, effort):
        index.expansion_search = effort
        return index.search(rows, k, threads=threads).keys

    return "usearch " + usearch.__version__, build, search


def by_faiss(x, threads):
    import faiss

    faiss.omp_set_num_threads(threads)

    def build():
        index = faiss.IndexHNSWFlat(x.shape[1], given["m"], faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = given["construction"]
        index.add(x)
        return index

    def search(index, rows, k, effort):
        index.hnsw.efSearch = effort
        return index.search(rows, k)[1]

    return "faiss %s, HNSW" % faiss.__version__, build, search


def least_effort(recall, k, most):
    """The least effort that reaches the recall, within a sixteenth."""
    low, high = k, k
    while recall(high) < given["recall"] and high < most:
        low, high = high, min(2 * high, most)
    while high - low > 1 + low // 16:
        middle = (low + high) // 2
        low, high = (low, middle) if recall(middle) >= given["recall"] else (middle, high)
    return high


programs = {"hnswlib": by_hnswlib, "usearch": by_usearch, "faiss": by_faiss}
title = []


def prepare(given):
    x, rows, truth = (np.load(given[name]) for name in ("x", "rows", "truth"))
    k = given["k"]
    name, build, search = programs[given["program"]](x, given.get("threads", 1))
    title.append(name)

    def share(near):
        return float(np.mean([len(np.intersect1d(a, b)) for a, b in zip(np.asarray(near), truth)]) / k)

    def work():
        began = common.clock()
        index = build()
        seconds = common.clock() - began
        if "effort" not in found:
            found["effort"] = least_effort(lambda e: share(search(index, x[rows], k, e)), k, len(x))
        began = common.clock()
        near = search(index, x, k, found["effort"])
        seconds += common.clock() - began
        found.update(recall=share(near[rows]))
        return seconds

    return work


common.serve(lambda: title[0], prepare, lambda: found)
