"""The peer of `calr bench cluster`, part agglomerative: scikit-learn on the same distances."""
import common

common.options()

import numpy as np  # noqa: E402  (after the number of threads is set)
import sklearn  # noqa: E402
from sklearn.cluster import AgglomerativeClustering  # noqa: E402


def prepare(given):
    distances = np.load(given["distances"])

    def work():
        AgglomerativeClustering(n_clusters=given["clusters"], metric="precomputed", linkage="average").fit(distances)

    if len(distances) < 5000:
        work()
    return work


common.serve("scikit-learn " + sklearn.__version__, prepare)
