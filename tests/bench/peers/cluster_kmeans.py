"""The peer of `calr bench cluster`, part kmeans: scikit-learn, one start from k-means++ seeds."""
import warnings

import common

common.options()
warnings.simplefilter("ignore")

import numpy as np  # noqa: E402  (after the number of threads is set)
import sklearn  # noqa: E402
from sklearn.cluster import KMeans  # noqa: E402

found = {}


def prepare(given):
    x = np.load(given["x"])

    def work():
        means = KMeans(given["clusters"], n_init=1, max_iter=given["rounds"], tol=0, random_state=0).fit(x)
        found.update(inertia=float(means.inertia_), rounds=int(means.n_iter_))

    return work


common.serve("scikit-learn " + sklearn.__version__, prepare, lambda: found)
