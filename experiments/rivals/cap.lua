-- CAP (Wang et al., AAAI 2021): camera-aware proxies. A memory vector for each cluster and camera; contrast inside each
-- camera from the start, and across cameras from a later epoch on. online=1 adds the third term of its successor O2CAP
-- (IEEE TIP 2022). Options: calr run experiments/rivals/cap.lua --help
local calr = require "calr"
local L, option = calr.labels, calr.config.option

local cfg = calr.config(calr.pipeline.defaults({
  clusters = 8, -- of a batch; here they are proxies
  temperature = 0.07, momentum = 0.2,
  jaccard = { k1 = option(20, "k-reciprocal neighbours", { 1 }), k2 = option(6, "query expansion; 1: none", { 1 }) },
  dbscan = { eps = option(0.5, "largest distance of a neighbour", { 1e-6, 1 }),
    min_samples = option(4, "neighbours that make a core, the image itself included", { 1 }) },
  across_from = option(5, "epoch from which proxies of other cameras are contrasted too", { 0 }),
  across = option(0.5, "weight of the contrast across cameras", { 0 }),
  online = option(0.0, "weight of the online term (O2CAP)", { 0 }),
  negatives = option(50, "hardest proxies that the contrast across cameras looks at", { 1 }),
}, { "refine", "alignment", "intra", "infomap", "edges_kept", "oracle", "compat", "update", "camera_weights_from" }))
local data    = calr.data.open(cfg.data, { ids = cfg.ids })
local net     = calr.pipeline.network(cfg)
local run     = calr.pipeline.run_of(cfg, data)
local cameras = data:train():cameras()

for epoch, step in calr.pipeline.epochs(net, data, cfg) do
  local features = step:features()
  local distance <close> = calr.phases.measure("neighbours", calr.cluster.jaccard, features, { k1 = cfg.jaccard.k1,
    k2 = cfg.jaccard.k2, within = cfg.dbscan.eps })
  local labels = calr.phases.measure("clustering", calr.cluster.dbscan, distance, { eps = cfg.dbscan.eps,
    min_samples = cfg.dbscan.min_samples })
  local proxies = L.pair(labels, cameras)
  local across = epoch >= cfg.across_from
  step:snapshot { global = labels, features = features }
  step:quality { global = labels }
  step:train(calr.memory.camera {
    features = features, labels = labels, cameras = cameras, temperature = cfg.temperature, momentum = cfg.momentum,
    intra = 1, offline = across and cfg.across or 0, online = across and cfg.online or 0, negatives = cfg.negatives,
  }, {
    -- A batch holds proxies, each with images of one camera.
    batches = function(o)
      o.labels = proxies
      return calr.batches.cross_camera(o)
    end,
  })
end

run:finish()
