-- SpCL, unsupervised (Ge et al., NeurIPS 2020): self-paced contrastive learning. A hybrid memory holds a vector for
-- each image. Clusters that are not independent or not compact lose images, and outliers are classes of their own.
-- Options: calr run experiments/rivals/spcl.lua --help
local calr = require "calr"
local L, option = calr.labels, calr.config.option

local cfg = calr.config(calr.pipeline.defaults({
  momentum = 0.2, -- of the memory's vectors
  jaccard = { k1 = option(30, "k-reciprocal neighbours", { 1 }), k2 = option(6, "query expansion; 1: none", { 1 }) },
  dbscan = { eps = option(0.6, "largest distance of a neighbour", { 1e-6, 1 }),
    gap = option(0.02, "eps is this much smaller and larger in the tight and the loose clustering", { 0 }),
    min_samples = option(4, "neighbours that make a core, the image itself included", { 1 }) },
  independent = option(0.9, "share of the clusters whose independence suffices in the first epoch", { 0, 1 }),
}, { "refine", "alignment", "intra", "infomap", "edges_kept", "oracle", "compat", "update", "camera_weights_from",
  "singles" }))
if cfg.dbscan.gap >= cfg.dbscan.eps then
  error(("dbscan.gap must be below dbscan.eps = %g; %g is not"):format(cfg.dbscan.eps, cfg.dbscan.gap), 0)
end
local data   = calr.data.open(cfg.data, { ids = cfg.ids })
local net    = calr.pipeline.network(cfg)
local run    = calr.pipeline.run_of(cfg, data)
local count  = data:train():count()

-- Before the first epoch there are no features: the vectors are taken from the network then, or from a checkpoint.
local memory = calr.memory.hybrid {
  features = calr.ones { count, net.dim }, labels = calr.full({ count }, -1, "i32"),
  momentum = cfg.momentum, temperature = cfg.temperature,
}
local limit = { value = calr.zeros({ 1 }, "f64") } -- of the independence; the first epoch sets it for all
function limit:state() return { value = self.value } end
function limit:load_state(map) self.value = map.value end

for epoch, step in calr.pipeline.epochs(net, data, cfg, { keep = { memory = memory, limit = limit } }) do
  if epoch == 0 then memory.vectors:copy(step:features()) end
  local distance <close> = calr.phases.measure("neighbours", calr.cluster.jaccard, memory.vectors:l2_normalize(),
    cfg.jaccard)
  local function clusters(eps)
    return calr.phases.measure("clustering", calr.cluster.dbscan, distance, { eps = eps,
      min_samples = cfg.dbscan.min_samples })
  end
  local eps, gap = cfg.dbscan.eps, cfg.dbscan.gap
  local normal = clusters(eps)
  local stays, found = calr.refine.reliability(normal, clusters(eps - gap), clusters(eps + gap),
    { limit = epoch > 0 and limit.value:item() or nil, share = cfg.independent })
  limit.value:fill(found)
  local labels = L.canonical(calr.where(stays, normal, -1), { min_size = 2 })
  memory:relabel(labels)
  step:snapshot({ global = normal, features = memory.vectors:l2_normalize() }, { refined = labels })
  step:quality { global = normal, refined = labels }
  step:train(memory, { labels = memory.classes, singles = "gather" })
  step:report { clusters = memory.clusters, outliers = labels:lt(0):sum():item() }
end

run:finish()
