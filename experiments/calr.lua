-- CALR: camera-aware label refinement (Li et al., arXiv 2403.16450), both stages.
-- Options: calr run experiments/calr.lua --help
local calr = require "calr"

-- Clusters seen by more cameras count more, from the first epoch: the authors' setting for Market-1501.
local cfg     = calr.config(calr.pipeline.defaults { camera_weights_from = 0 })
local data    = calr.data.open(cfg.data, { ids = cfg.ids })
local net     = calr.pipeline.network(cfg)
local rule    = calr.refine.load(cfg.refine)
local run     = calr.pipeline.run_of(cfg, data)
local cameras = data:train():cameras()
local oracle  = calr.pipeline.oracle(cfg.oracle, data:train())

local locals    = cfg.refine ~= "none" and oracle:locals(function()
  return calr.pipeline.intra(net, data, cfg)
end) or nil

for epoch, step in calr.pipeline.epochs(net, data, cfg) do
  local features     = step:features()
  local neighbours   = step:neighbours(features)
  local global, info = step:infomap(neighbours)
  global = oracle:clusters(global)
  if locals and cfg.intra.anew_from >= 0 and epoch >= cfg.intra.anew_from then
    locals = oracle:locals(function() return calr.pipeline.local_clusters(features, cameras, cfg) end)
  end
  local context = {
    global = global, locals = locals, cameras = cameras, scores = info.scores, features = features,
    neighbours = neighbours, epoch = epoch, epochs = cfg.epochs, seed = cfg.seed, options = cfg,
  }
  local labels, discarded, reasons, weights = calr.refine.apply(rule, context)
  labels = oracle:refined(global, labels)
  step:snapshot(context, { refined = labels, reasons = reasons })
  step:quality { global = global, locals = locals, refined = labels }
  step:report { discarded = discarded }
  step:train(calr.memory.cluster {
    features = features, labels = labels, weights = step:cluster_weights(labels),
    temperature = cfg.temperature, momentum = cfg.momentum, update = cfg.update,
  }, { weights = weights })
end

run:finish()
