-- A vision transformer in TransReID's form (He et al., ICCV 2021), trained without labels: global clusters against a
-- cluster memory, as in experiments/baseline.lua, with an embedding of each camera. The learning rate rises on a line
-- in the first epochs and falls with a cosine, by iteration (warmup, schedule, lr_by). A small one for the generated
-- pedestrians, and the published one for images of 256 x 128 and weights of timm:
--
--     calr run experiments/vit.lua data=street.lmdb channels=96 depth=4 heads=3 patch=8 stride=6
--     calr run experiments/vit.lua data=market.lmdb stride=12 height=256 width=128 lr=1e-4 weights=vit.safetensors
-- Options: calr run experiments/vit.lua --help
local calr = require "calr"
local option = calr.config.option

local cfg = calr.config(calr.pipeline.defaults({
  network = "vit_small", lr = 5e-4, weight_decay = 1e-4, untrained = true,
  schedule = "cosine", warmup = 3.0, lr_by = "iteration",
  camera_embedding = option(true, "a learned vector for each camera of the data (TransReID, section 3.3)"),
}, { "refine", "alignment", "intra", "oracle" }))
local data = calr.data.open(cfg.data, { ids = cfg.ids })
if cfg.camera_embedding and calr.config.has(cfg, "cameras") then cfg.cameras = data:camera_count() end
local net = calr.pipeline.network(cfg)
local run = calr.pipeline.run_of(cfg, data)

for _, step in calr.pipeline.epochs(net, data, cfg) do
  local features     = step:features()
  local neighbours   = step:neighbours(features)
  local labels, info = step:infomap(neighbours)
  step:snapshot { global = labels, scores = info.scores, features = features, neighbours = neighbours }
  step:quality { global = labels }
  step:report { clusters = info.clusters }
  step:train(calr.memory.cluster {
    features = features, labels = labels, weights = step:cluster_weights(labels),
    temperature = cfg.temperature, momentum = cfg.momentum, update = cfg.update,
  })
end

run:finish()
