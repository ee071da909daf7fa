"""The peer of `calr bench cluster`, part kmeans: scikit-learn, the same with Intel's extension (sklearnex), or faiss; one
start, as many rounds. faiss begins from rows drawn at random, the others with k-means++. "program" chooses."""
import warnings

import common

given = common.options()
if given["program"] == "faiss":
    common.best_blas()
warnings.simplefilter("ignore")

from importlib.metadata import version  # noqa: E402  (after the number of threads is set)

import numpy as np  # noqa: E402

found = {}


def by_sklearn(x, given):
    if given["program"] == "sklearnex":
        from sklearnex.cluster import KMeans
    else:
        from sklearn.cluster import KMeans

    def work():
        means = KMeans(given["clusters"], n_init=1, max_iter=given["rounds"], tol=0, random_state=0).fit(x)
        found.update(inertia=float(means.inertia_), rounds=int(means.n_iter_))

    return work


def by_faiss(x, given):
    import faiss

    faiss.omp_set_num_threads(given.get("threads", 1))

    def work():
        means = faiss.Kmeans(x.shape[1], given["clusters"], niter=given["rounds"], nredo=1, seed=1,
                             max_points_per_centroid=len(x))
        found.update(inertia=float(means.train(x)), rounds=given["rounds"])

    return work


packages = {"sklearn": "scikit-learn", "sklearnex": "scikit-learn-intelex", "faiss": "faiss-cpu"}


def prepare(given):
    return (by_faiss if given["program"] == "faiss" else by_sklearn)(np.load(given["x"]), given)


common.serve("%s %s" % (packages[given["program"]], version(packages[given["program"]])), prepare, lambda: found)
