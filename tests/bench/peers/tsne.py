"""The peer of `calr bench tsne`: openTSNE with exact neighbours and Barnes-Hut forces, for as many iterations."""
import common

given = common.options()

import numpy as np  # noqa: E402  (after the number of threads is set)
import openTSNE  # noqa: E402
from sklearn.neighbors import NearestNeighbors  # noqa: E402

found = {}


def prepare(given):
    x, truth = np.load(given["x"]), np.load(given["truth"])

    def work():
        began = common.clock()
        layout = openTSNE.TSNE(perplexity=given["perplexity"], neighbors="exact", negative_gradient_method="bh",
                               initialization="pca", early_exaggeration_iter=250, n_iter=given["iterations"],
                               n_jobs=given.get("threads", 1), random_state=1).fit(x)
        seconds = common.clock() - began
        near = NearestNeighbors(n_neighbors=given["k"]).fit(layout).kneighbors(return_distance=False)
        shared = [len(np.intersect1d(a, b)) for a, b in zip(near, truth)]
        found["kept"] = float(np.mean(shared) / given["k"])
        found["divergence"] = float(layout.kl_divergence)
        return seconds

    return work


common.serve("openTSNE %s" % openTSNE.__version__, prepare, lambda: found)
