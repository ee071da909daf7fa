"""The peer of `calr bench cluster`, part infomap: the reference implementation on the same neighbours, a search from
another seed each time."""
import common

common.options()

import infomap  # noqa: E402  (after the number of threads is set)
import numpy as np  # noqa: E402

lengths = []


def prepare(given):
    indices, similarities = np.load(given["indices"]), np.load(given["similarities"])
    images = np.repeat(np.arange(len(indices)), indices.shape[1])
    kept = (similarities.ravel() >= given["min_similarity"]) & (indices.ravel() != images)
    links = np.stack([images[kept], indices.ravel()[kept], similarities.ravel()[kept]], 1).astype(float)
    settings = "--directed --silent" + (" --two-level" if given["levels"] == "two" else "")
    seed = 0

    def search():
        nonlocal seed
        seed += 1
        network = infomap.Infomap("%s --seed %d" % (settings, seed))
        network.add_links(links)
        seconds = common.clock()
        network.run()
        seconds = common.clock() - seconds
        lengths.append(network.codelength)
        return seconds

    return search


common.serve("infomap " + infomap.__version__, prepare, lambda: {"codelength": lengths})
