-- A mean teacher with soft pseudo-labels (after MMT, Ge et al., ICLR 2020, with one network). The features of the
-- teacher, which follows the network slowly, are clustered; a rule turns the clusters into soft targets; and the
-- network learns the teacher's view of the same images besides.
-- Options: calr run experiments/mean_teacher.lua --help
local calr   = require "calr"
local option = calr.config.option

local cfg = calr.config(calr.pipeline.defaults({
  refine  = calr.sys.paths.experiments .. "/rules/soft.lua",
  teacher = { momentum = option(0.99, "how much of the teacher's weights stays at each step", { 0, 1 }) },
  consistency = option(0.5, "weight of the loss against the teacher's view", { 0 }),
}, { "intra", "alignment", "oracle" }))

local data    = calr.data.open(cfg.data, { ids = cfg.ids })
local net     = calr.pipeline.network(cfg)
local rule    = calr.refine.load(cfg.refine)
local run     = calr.pipeline.run_of(cfg, data)
local cameras = data:train():cameras()

for epoch, step in calr.pipeline.epochs(net, data, cfg) do
  local teacher      = step:teacher { momentum = cfg.teacher.momentum }
  local features     = calr.pipeline.features(teacher.net, data:train(), cfg)
  local neighbours   = step:neighbours(features)
  local global, info = step:infomap(neighbours)
  local context = {
    global = global, cameras = cameras, scores = info.scores, features = features, neighbours = neighbours,
    epoch = epoch, epochs = cfg.epochs, seed = cfg.seed, options = cfg,
  }
  local labels, discarded, reasons, targets = calr.refine.apply(rule, context)
  local memory = calr.memory.cluster {
    features = features, labels = labels, weights = step:cluster_weights(labels),
    temperature = cfg.temperature, momentum = cfg.momentum, update = cfg.update,
  }
  step:snapshot(context, { refined = labels, reasons = reasons })
  step:quality { global = global, refined = labels }
  step:report { discarded = discarded }

  -- Both views of an image should be as near to each cluster: batch.keys are the teacher's features of the second one.
  local function consistency(batch)
    local function logits(x) return x:matmul(memory.vectors, { transpose_b = true, scale = 1 / cfg.temperature }) end
    return calr.loss.distillation(logits(batch.features), logits(batch.keys)) * cfg.consistency
  end

  step:train(memory, {
    weights = targets, teacher = teacher, losses = cfg.consistency > 0 and { consistency = consistency } or nil,
  })
  if epoch + 1 == cfg.epochs then
    step:report { teacher = calr.pipeline.evaluate(teacher.net, data, cfg, "the teacher") }
  end
end

run:finish()
