-- The baseline of the method: global clusters only. No local clusters, no refinement, no alignment.
-- Options: calr run experiments/baseline.lua --help
local calr = require "calr"

local cfg  = calr.config(calr.pipeline.defaults({}, { "refine", "alignment", "intra", "oracle" }))
local data = calr.data.open(cfg.data, { ids = cfg.ids })
local net  = calr.pipeline.network(cfg)
local run  = calr.pipeline.run_of(cfg, data)

for _, step in calr.pipeline.epochs(net, data, cfg) do
  local features     = step:features()
  local neighbours   = step:neighbours(features)
  local labels, info = step:infomap(neighbours)
  step:snapshot { global = labels, scores = info.scores, features = features, neighbours = neighbours }
  step:quality { global = labels }
  step:train(calr.memory.cluster {
    features = features, labels = labels, weights = step:cluster_weights(labels),
    temperature = cfg.temperature, momentum = cfg.momentum, update = cfg.update,
  })
end

run:finish()
