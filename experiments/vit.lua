-- A vision transformer in TransReID's form (He et al., ICCV 2021), trained without labels: global clusters against a
-- cluster memory, as in experiments/baseline.lua, with an embedding of each camera. The learning rate rises linearly in
-- the first epochs and falls with a cosine, by iteration. A small one for the generated pedestrians, and the published
-- one for images of 256 x 128 and weights of timm:
--
--     calr run experiments/vit.lua data=street.lmdb channels=96 depth=4 heads=3 patch=8 stride=6
--     calr run experiments/vit.lua data=market.lmdb stride=12 height=256 width=128 lr=1e-4 weights=vit.safetensors
-- Options: calr run experiments/vit.lua --help
local calr = require "calr"
local option = calr.config.option

local cfg = calr.config(calr.pipeline.defaults({
  network = "vit_small", lr = 5e-4, weight_decay = 1e-4, untrained = true,
  warm_up = option(3, "epochs in which the learning rate rises", { 0 }),
  camera_embedding = option(true, "a learned vector for each camera of the data (TransReID, section 3.3)"),
}, { "refine", "alignment", "intra", "oracle" }))
local data = calr.data.open(cfg.data, { ids = cfg.ids })
if cfg.camera_embedding and calr.config.has(cfg, "cameras") then cfg.cameras = data:camera_count() end
local net = calr.pipeline.network(cfg)
local run = calr.pipeline.run_of(cfg, data)

-- The share of cfg.lr at a point of the training, counted in epochs.
local function share(time)
  if time < cfg.warm_up then return time / cfg.warm_up end
  local left = math.max(1, cfg.epochs - cfg.warm_up)
  return 0.5 * (1 + math.cos(math.pi * math.min(1, (time - cfg.warm_up) / left)))
end

for epoch, step in calr.pipeline.epochs(net, data, cfg) do
  local features     = step:features()
  local labels, info = step:infomap(step:neighbours(features))
  step:quality { global = labels }
  step:report { clusters = info.clusters }
  step:train(calr.memory.cluster {
    features = features, labels = labels, weights = step:cluster_weights(labels),
    temperature = cfg.temperature, momentum = cfg.momentum, update = cfg.update,
  }, {
    each = function(iteration, iterations)
      step.optimizer.lr = cfg.lr * share(epoch + iteration / iterations)
    end,
  })
end

run:finish()
