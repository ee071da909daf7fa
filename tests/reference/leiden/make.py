#!/usr/bin/env python3
"""Writes golden.txt: graphs, a partition of each with its modularity and Potts quality by igraph and leidenalg, and the
best quality that leidenalg finds. Needs igraph and leidenalg (PyPI)."""
import igraph
import leidenalg
import numpy as np

rng = np.random.RandomState(3)
out = open("golden.txt", "w")


def write(name, values):
    flat = np.asarray(values).ravel()
    out.write(" ".join([name, str(len(flat))] + ["%.12g" % v for v in flat]) + "\n")


def planted(n, groups, inside, outside):
    truth = rng.randint(0, groups, n)
    return [(i, j) for i in range(n) for j in range(i) if rng.rand() < (inside if truth[i] == truth[j] else outside)]


graphs = {
    "zachary": [(e.source, e.target) for e in igraph.Graph.Famous("Zachary").es],
    "clear": planted(60, 5, 0.5, 0.02),
    "vague": planted(80, 6, 0.25, 0.06),
    "ring": [(5 * g + a, 5 * g + b) for g in range(24) for a in range(5) for b in range(a)]
    + [(5 * g, (5 * g + 7) % 120) for g in range(24)],
}
for name, edges in graphs.items():
    n = 1 + max(max(e) for e in edges)
    weights = np.ones(len(edges)) if name in ("zachary", "ring") else np.round(rng.rand(len(edges)) + 0.25, 4)
    graph = igraph.Graph(n, edges)
    write(name + ".edges", edges)
    write(name + ".weights", weights)
    labels = rng.randint(0, 4, n)
    write(name + ".labels", labels)
    settings = [(leidenalg.RBConfigurationVertexPartition, g) for g in (1.0, 0.6, 2.0)]
    settings += [(leidenalg.CPMVertexPartition, g) for g in (0.05, 0.2, 0.6)]
    for number, (kind, resolution) in enumerate(settings):
        potts = kind is leidenalg.CPMVertexPartition
        scale = weights.sum() * 2 if not potts else 2  # leidenalg counts every link twice
        given = kind(graph, list(labels), weights=list(weights), resolution_parameter=resolution)
        found = max((leidenalg.find_partition(graph, kind, weights=list(weights), resolution_parameter=resolution, seed=s,
                                              n_iterations=-1).quality() for s in range(1, 40)))
        quality = given.quality() / scale
        if number == 0:
            assert abs(quality - graph.modularity(labels, weights=list(weights))) < 1e-9
        write("%s.%d" % (name, number), [potts, resolution, quality, found / scale])
out.close()
