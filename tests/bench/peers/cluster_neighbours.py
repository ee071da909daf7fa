"""The peer of `calr bench cluster`, parts neighbours and lists: the flat index of faiss, which compares all pairs."""
import common

given = common.options()
common.best_blas()

import faiss  # noqa: E402  (after the number of threads and the kernels are set)
import numpy as np  # noqa: E402

faiss.omp_set_num_threads(given.get("threads", 1))
found = {}


def prepare(given):
    base = np.load(given["base"])
    query = np.load(given["query"]) if "query" in given else base

    def work():
        index = faiss.IndexFlatIP(base.shape[1])
        index.add(base)
        similarities, _ = index.search(query, given["k"])
        found["sum"] = float(similarities.sum(dtype=np.float64))

    return work


common.serve("faiss " + faiss.__version__, prepare, lambda: found)
