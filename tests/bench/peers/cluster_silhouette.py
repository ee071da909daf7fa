"""The peer of `calr bench cluster`, part silhouette: scikit-learn on the same features."""
import common

common.options()

import numpy as np  # noqa: E402  (after the number of threads is set)
import sklearn  # noqa: E402
from sklearn.metrics import silhouette_score  # noqa: E402


def prepare(given):
    x, labels = np.load(given["x"]), np.load(given["labels"])

    def work():
        silhouette_score(x, labels, metric="cosine")

    return work


common.serve("scikit-learn " + sklearn.__version__, prepare)
