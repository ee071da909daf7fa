"""The peer of `calr bench cluster`, part jaccard: DBSCAN of given dense distances by scikit-learn."""
import common

given = common.options()

import numpy as np  # noqa: E402  (after the number of threads is set)
import sklearn  # noqa: E402
from sklearn.cluster import DBSCAN  # noqa: E402

found = {}


def prepare(given):
    distances = np.load(given["distances"])

    def work():
        labels = DBSCAN(eps=given["eps"], min_samples=given["min_samples"], metric="precomputed",
                        n_jobs=given.get("threads", 1)).fit_predict(distances)
        found["clusters"] = int(labels.max()) + 1

    return work


common.serve("scikit-learn " + sklearn.__version__, prepare, lambda: found)
