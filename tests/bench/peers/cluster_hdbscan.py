"""The peer of `calr bench cluster`, part hdbscan: the hdbscan package on the same distances."""
import warnings

import common

common.options()
warnings.simplefilter("ignore")

from importlib.metadata import version  # noqa: E402  (after the number of threads is set)

import hdbscan  # noqa: E402
import numpy as np  # noqa: E402


def prepare(given):
    distances = np.load(given["distances"]).astype(float)

    def work():  # its min_samples does not count the thing itself
        hdbscan.HDBSCAN(min_cluster_size=given["min_cluster_size"], min_samples=given["min_samples"] - 1,
                        metric="precomputed").fit(distances)

    return work


common.serve("hdbscan " + version("hdbscan"), prepare)
