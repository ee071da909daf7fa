-- PPLR without camera labels (Cho et al., CVPR 2022): features of the whole body and of stripes refine each other's
-- pseudo-labels by how far their neighbours agree. Options: calr run experiments/rivals/pplr.lua --help
local calr = require "calr"
local option = calr.config.option

local cfg = calr.config(calr.pipeline.defaults({
  pooling = "average",
  parts = option(3, "horizontal stripes", { 1 }),
  agreement = option(20, "neighbours that features must agree about", { 1 }),
  keep = option(0.5, "share of the cluster's own label in the label of the whole body", { 0, 1 }),
  triplet = option(1.0, "weight of the soft-margin triplet loss of the whole body", { 0 }),
  jaccard = { k1 = option(30, "k-reciprocal neighbours", { 1 }), k2 = option(6, "query expansion; 1: none", { 1 }) },
  dbscan = { eps = option(0.5, "largest distance of a neighbour", { 1e-6, 1 }),
    min_samples = option(4, "neighbours that make a core, the image itself included", { 1 }) },
}, { "refine", "alignment", "intra", "infomap", "edges_kept", "oracle", "compat", "update", "momentum",
  "camera_weights_from" }))
local data = calr.data.open(cfg.data, { ids = cfg.ids })
local net  = calr.pipeline.network(cfg, function(options)
  options.network, options.parts, options.whole, options.reduction = cfg.network, cfg.parts, true, false
  return calr.models.parts(options)
end)
local run  = calr.pipeline.run_of(cfg, data, net)

local losses = {}
if cfg.triplet > 0 then
  function losses.triplet(batch)
    return calr.loss.triplet(batch.parts[1], batch.labels, { margin = "soft" }) * cfg.triplet
  end
end

for _, step in calr.pipeline.epochs(net, data, cfg) do
  local features = step:features()
  local whole = features:narrow(2, 1, net.dim // (cfg.parts + 1)):l2_normalize()
  local distance <close> = calr.phases.measure("neighbours", calr.cluster.jaccard, whole, { k1 = cfg.jaccard.k1,
    k2 = cfg.jaccard.k2, within = cfg.dbscan.eps })
  local labels = calr.phases.measure("clustering", calr.cluster.dbscan, distance, { eps = cfg.dbscan.eps,
    min_samples = cfg.dbscan.min_samples })
  step:snapshot { global = labels, features = whole }
  step:quality { global = labels }
  step:train(calr.memory.parts {
    features = features, labels = labels, parts = cfg.parts + 1, k = cfg.agreement, keep = cfg.keep,
    temperature = cfg.temperature, lr = cfg.lr,
  }, { losses = losses })
end

run:finish()
