-- ClusterContrast (Dai et al., arXiv 2103.11568): DBSCAN on the Jaccard distance, one memory vector for each cluster.
-- distance=camera_jaccard is the variant of CA-Jaccard (Chen et al., CVPR 2024), whose distance looks for neighbours in
-- every camera. Options: calr run experiments/rivals/cluster_contrast.lua --help
local calr = require "calr"
local choice, option = calr.config.choice, calr.config.option

local cfg = calr.config(calr.pipeline.defaults({
  distance = choice({ "jaccard", "camera_jaccard" }, "between images; camera_jaccard looks in every camera"),
  jaccard = { k1 = option(30, "k-reciprocal neighbours", { 1 }), k2 = option(6, "query expansion; 1: none", { 1 }) },
  camera_jaccard = { k1_intra = option(5, "neighbours in the image's own camera"),
    k1_inter = option(20, "neighbours in other cameras"), k2_intra = option(2, "query expansion in its own camera"),
    k2_inter = option(4, "query expansion in other cameras") },
  dbscan = { eps = option(0.6, "largest distance of a neighbour", { 1e-6, 1 }),
    min_samples = option(4, "neighbours that make a core, the image itself included", { 1 }) },
}, { "refine", "alignment", "intra", "infomap", "edges_kept", "oracle", "compat" }))
local data    = calr.data.open(cfg.data, { ids = cfg.ids })
local net     = calr.pipeline.network(cfg)
local run     = calr.pipeline.run_of(cfg, data)
local cameras = data:train():cameras()

local function distance_of(features)
  if cfg.distance == "camera_jaccard" then return calr.cluster.camera_jaccard(features, cameras, cfg.camera_jaccard) end
  return calr.cluster.jaccard(features, { k1 = cfg.jaccard.k1, k2 = cfg.jaccard.k2, within = cfg.dbscan.eps })
end

for _, step in calr.pipeline.epochs(net, data, cfg) do
  local features = step:features()
  local distance <close> = calr.phases.measure("neighbours", distance_of, features)
  local labels = calr.phases.measure("clustering", calr.cluster.dbscan, distance, { eps = cfg.dbscan.eps,
    min_samples = cfg.dbscan.min_samples })
  step:snapshot { global = labels, features = features }
  step:quality { global = labels }
  step:train(calr.memory.cluster {
    features = features, labels = labels, weights = step:cluster_weights(labels),
    temperature = cfg.temperature, momentum = cfg.momentum, update = cfg.update,
  })
end

run:finish()
