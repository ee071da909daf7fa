-- The source of the global clusters: Infomap, DBSCAN and agglomerative clustering on the Jaccard distance, k-means.
-- In every row the scores that select pivots come from Infomap's graph, so that only the clusters differ.
--
--     calr study experiments/ablations/clusterers.lua --workers 2 --threads 1
local calr = require "calr"
local option = calr.config.option
local street = dofile(calr.sys.paths.experiments .. "/common/street.lua")

local ways = {
  infomap = function(_, _, found) return found end,
  dbscan = function(features, cfg)
    local distance <close> = calr.cluster.jaccard(features, { k1 = cfg.jaccard.k1, k2 = cfg.jaccard.k2 })
    return (calr.cluster.dbscan(distance, { eps = cfg.dbscan.eps, min_samples = cfg.dbscan.min_samples }))
  end,
  agglomerative = function(features, cfg)
    local distance <close> = calr.cluster.jaccard(features, { k1 = cfg.jaccard.k1, k2 = cfg.jaccard.k2 })
    return (calr.cluster.agglomerative(distance, { clusters = cfg.global_clusters }))
  end,
  kmeans = function(features, cfg)
    return (calr.cluster.kmeans(features, { clusters = cfg.global_clusters, seed = cfg.seed }))
  end,
}

local S = calr.study "clusterers" {
  goal = "max mAP", select = "max silhouette", seeds = street.seeds, prepare = street.prepare,
  options = calr.pipeline.defaults({
    clusterer = calr.config.choice({ "infomap", "dbscan", "agglomerative", "kmeans" }, "finds the global clusters"),
    global_clusters = option(120, "of agglomerative clustering and k-means"),
    jaccard = { k1 = option(20, "k-reciprocal neighbours"), k2 = option(6, "query expansion") },
    dbscan = { eps = option(0.6, "largest distance of a neighbour"), min_samples = option(4, "that make a core") },
  }, { "oracle" }),
  base = street.base { camera_weights_from = 0 },
}

S:ablate {
  { "Infomap", clusterer = "infomap" },
  { "DBSCAN", clusterer = "dbscan" },
  { "agglomerative", clusterer = "agglomerative" },
  { "k-means", clusterer = "kmeans" },
}

-- experiments/calr.lua with another clustering method.
S:run(function(trial)
  local cfg     = trial.config
  local data    = calr.data.open(cfg.data, { ids = cfg.ids })
  local net     = calr.pipeline.network(cfg)
  local rule    = calr.refine.load(cfg.refine)
  local run     = calr.pipeline.run_of(cfg, data)
  local locals  = calr.pipeline.intra(net, data, cfg)
  local cameras = data:train():cameras()

  for epoch, step in calr.pipeline.epochs(net, data, cfg) do
    local features    = step:features()
    local neighbours  = step:neighbours(features)
    local found, info = step:infomap(neighbours)
    local global      = calr.labels.canonical(ways[cfg.clusterer](features, cfg, found),
      { min_size = cfg.infomap.min_size })
    local context = {
      global = global, locals = locals, cameras = cameras, scores = info.scores, features = features,
      neighbours = neighbours, epoch = epoch, epochs = cfg.epochs, seed = cfg.seed, options = cfg,
    }
    local labels, _, reasons, weights = calr.refine.apply(rule, context)
    step:snapshot(context, { refined = labels, reasons = reasons })
    step:train(calr.memory.cluster {
      features = features, labels = labels, weights = step:cluster_weights(labels),
      temperature = cfg.temperature, momentum = cfg.momentum, update = cfg.update,
    }, { weights = weights })
  end
  run:finish()
end)
S:table { rows = "label", columns = { "mAP", "mAP@select", "rank1", "precision", "outliers" }, versus = "Infomap" }
