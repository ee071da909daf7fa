"""The peer of `calr bench cluster`, part hdbscan, of features: fast_hdbscan on the same rows, euclidean. Above 30 columns
its tree is approximate (NN-descent)."""
import os
import warnings

import common

given = common.options()
os.environ.setdefault("NUMBA_NUM_THREADS", str(given.get("threads", 1)))  # before numba is loaded
warnings.simplefilter("ignore")

from importlib.metadata import version  # noqa: E402

import fast_hdbscan  # noqa: E402
import numpy as np  # noqa: E402

found = {}


def prepare(given):
    x = np.load(given["x"])

    def work():  # its min_samples does not count the thing itself
        labels = fast_hdbscan.HDBSCAN(min_cluster_size=given["min_cluster_size"],
                                      min_samples=given["min_samples"] - 1).fit_predict(x)
        found["clusters"] = int(labels.max()) + 1

    work()  # compiles
    return work


common.serve("fast_hdbscan " + version("fast_hdbscan"), prepare, lambda: found)
