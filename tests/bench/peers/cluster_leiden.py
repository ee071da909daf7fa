"""The peer of `calr bench cluster`, part leiden: igraph or networkit on the same neighbours as an undirected graph, a
search from another seed each time; what it takes to make the graph does not count. "program" chooses."""
import random

import common

given = common.options()

import numpy as np  # noqa: E402  (after the number of threads is set)

found = {"modularity": []}


def edges(given):
    """Pairs a < b and their weights: the sum of both directions, halved."""
    indices, similarities = np.load(given["indices"]), np.load(given["similarities"])
    images = np.repeat(np.arange(len(indices)), indices.shape[1])
    kept = (similarities.ravel() >= given["min_similarity"]) & (indices.ravel() != images)
    a, b, weight = images[kept], indices.ravel()[kept].astype(np.int64), similarities.ravel()[kept].astype(float)
    pair, place = np.unique(np.minimum(a, b) * len(indices) + np.maximum(a, b), return_inverse=True)
    return len(indices), pair // len(indices), pair % len(indices), np.bincount(place, weight) / 2


def by_igraph(n, a, b, weight):
    import igraph

    graph = igraph.Graph(n, np.stack([a, b], 1).tolist())
    graph.es["weight"] = weight.tolist()

    def search(seed):
        igraph.set_random_number_generator(random.Random(seed))
        parts = graph.community_leiden("modularity", weights="weight", n_iterations=-1)  # until nothing changes
        return lambda: parts.modularity  # by the weights

    return "igraph " + igraph.__version__, search


def by_networkit(n, a, b, weight):
    import networkit

    networkit.setNumberOfThreads(given.get("threads", 1))
    graph = networkit.GraphFromCoo((weight, (a, b)), n=n, weighted=True)

    def search(seed):
        networkit.setSeed(seed, False)
        parts = networkit.community.ParallelLeiden(graph, randomize=True, iterations=10)
        parts.run()
        return lambda: networkit.community.Modularity().getQuality(parts.getPartition(), graph)

    return "networkit " + networkit.__version__, search


programs = {"igraph": by_igraph, "networkit": by_networkit}
title = []


def prepare(given):
    name, search = programs[given["program"]](*edges(given))
    title.append(name)
    seed = 0

    def work():
        nonlocal seed
        seed += 1
        began = common.clock()
        quality = search(seed)
        seconds = common.clock() - began
        found["modularity"].append(quality())
        return seconds

    return work


common.serve(lambda: title[0], prepare, lambda: found)
