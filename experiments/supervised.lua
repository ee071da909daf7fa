-- The supervised baseline of the field (Luo et al., "Bag of tricks", CVPRW 2019): cross-entropy of the identities with
-- label smoothing, batch-hard triplets, and a warm-up. Logits are scaled cosines, since features are of length 1.
-- Options: calr run experiments/supervised.lua --help
local calr   = require "calr"
local option = calr.config.option

local cfg = calr.config(calr.pipeline.defaults({
  untrained = true, schedule = "multi-step", milestones = { 12, 17 }, warmup = 3.0, lr = 1e-3,
  smoothing = option(0.1, "of the labels in the cross-entropy", { 0, 1 }),
  scale     = option(16.0, "of the cosines that are logits", { 1e-6 }),
  margin    = option(0.3, "of the triplets", { 0 }),
  triplet   = option(1.0, "weight of the triplet loss", { 0 }),
  center    = option(0.0, "weight of the centre loss", { 0 }),
}, { "refine", "alignment", "intra", "infomap", "compat", "temperature", "momentum", "update", "camera_weights_from",
  "singles", "snapshot_every", "edges_kept", "oracle" }))

local data   = calr.data.open(cfg.data, { ids = cfg.ids })
local net    = calr.pipeline.network(cfg)
local run    = calr.pipeline.run_of(cfg, data)
local labels = data:train():labels()
local count  = calr.labels.clusters(labels)

local classifier = calr.nn.linear(net.dim, count, { bias = false }):init(cfg.seed)
local layers     = { classifier = classifier }
local losses     = {}

if cfg.triplet > 0 then
  function losses.triplet(batch)
    return calr.loss.triplet(batch.features, batch.labels, { margin = cfg.margin }) * cfg.triplet
  end
end

if cfg.center > 0 then
  layers.center = calr.loss.center(count, net.dim):init(cfg.seed)
  function losses.center(batch) return layers.center(batch.features, batch.labels) * cfg.center end
end

-- What a batch is trained against: the classifier in the place of a memory.
local identities = { labels = labels, temperature = 1 / cfg.scale }

function identities:loss(features, batch)
  local cosines = features:matmul(classifier.weight:l2_normalize(2), { transpose_b = true })
  return calr.loss.cross_entropy(cosines * cfg.scale, batch.labels, { label_smoothing = cfg.smoothing })
end

function identities:update() end -- the optimiser updates the classifier

for _, step in calr.pipeline.epochs(net, data, cfg, { layers = layers }) do
  step:train(identities, { losses = losses })
end

run:finish()
