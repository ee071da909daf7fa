"""The peer of `calr bench ivf`: faiss's flat inverted lists, as many of them, on the same rows. The first run makes the
index, all others search it."""
import common

given = common.options()

import faiss  # noqa: E402  (after the number of threads is set)
import numpy as np  # noqa: E402

faiss.omp_set_num_threads(given.get("threads", 1))
found = {}


def prepare(given):
    x, queries, truth = (np.load(given[name]) for name in ("x", "queries", "truth"))
    index = None

    def build():
        quantizer = faiss.IndexFlatIP(x.shape[1])
        made = faiss.IndexIVFFlat(quantizer, x.shape[1], given["lists"], faiss.METRIC_INNER_PRODUCT)
        made.own_fields = True
        quantizer.this.disown()
        rows = np.random.default_rng(1).choice(len(x), min(given["sample"], len(x)), replace=False)
        made.train(x[rows])
        made.add(x)
        made.nprobe = given["probes"]
        return made

    def work():
        nonlocal index
        if index is None:
            began = common.clock()
            index = build()
            return common.clock() - began
        began = common.clock()
        _, near = index.search(queries, given["k"])
        seconds = common.clock() - began
        shared = [len(np.intersect1d(a, b)) for a, b in zip(near[:len(truth)], truth)]
        found["recall"] = float(np.mean(shared) / truth.shape[1])
        return seconds

    return work


common.serve("faiss %s IVF" % faiss.__version__, prepare, lambda: found)
