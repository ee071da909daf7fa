-- Self-supervised pre-training: no labels and no clusters, two views of each image. The network that it writes is where
-- other experiments start from:
--
--     calr run experiments/pretrain.lua data=street.lmdb --out start
--     calr run experiments/calr.lua data=street.lmdb preset=street weights=start/model.safetensors
--
-- form=simclr: the other views of a batch are the negatives (Chen et al., ICML 2020); with same_camera only those of
-- the image's own camera, so that what differs between cameras does not tell two images apart, and the network has no
-- reason to learn it. form=moco: a queue of keys from a mean teacher (He et al., CVPR 2020).
-- Options: calr run experiments/pretrain.lua --help
local calr = require "calr"
local nn, option = calr.nn, calr.config.option

local cfg = calr.config(calr.pipeline.defaults({
  form = option("simclr", "where negatives come from: the batch, or a queue", { "simclr", "moco" }),
  projection = option(128, "width of the projection that the views are compared in", { 1 }),
  contrast = option(0.2, "temperature: divides the similarities of views", { 1e-3 }),
  queue = option(1024, "keys in the queue (moco)", { 1 }),
  teacher = option(0.99, "share of the mean teacher's weights that stays at each step (moco)", { 0, 1 }),
  same_camera = option(true, "only images of the same camera are negatives (simclr)"),
  epochs = 8, lr = 1e-3, untrained = true,
}, { "refine", "alignment", "intra", "edges_kept", "oracle" }))
local data  = calr.data.open(cfg.data, { ids = cfg.ids })
local net   = calr.pipeline.network(cfg)
local run   = calr.pipeline.run_of(cfg, data)

-- The projection (SimCLR, section 4.2): what is thrown away after it may forget what the contrast does not need.
local head = nn.sequential(
  nn.linear(net.dim, net.dim), nn.batch_norm(net.dim, { relu = true }), nn.linear(net.dim, cfg.projection)
):init(cfg.seed)

-- SimCLR's loss as a memory that keeps nothing: the cross-entropy of each view with the other one of its image among
-- all views of the batch (eq. 1), or among those of the same camera.
local pairs_of_views = { needs = { "views" } }

function pairs_of_views:loss(features, batch)
  local other = net:forward(batch.views, batch)
  local z = calr.cat({ head(features), head(other) }):l2_normalize()
  local n = features:size(1)
  local place = calr.arange(2 * n)
  local out = place:unsqueeze(2):eq(place) -- a view is no negative of itself
  if cfg.same_camera then
    local cameras = calr.cat { batch.cameras, batch.cameras }
    out = out | cameras:unsqueeze(2):ne(cameras)
  end
  local logits = z:matmul(z, { transpose_b = true, scale = 1 / cfg.contrast }):masked_fill(out, -1e9)
  return logits:cross_entropy((place + n) % (2 * n))
end

function pairs_of_views:update() end

local queue  = cfg.form == "moco" and calr.memory.queue { size = cfg.queue, dim = net.dim, temperature = cfg.contrast }
local memory = queue or pairs_of_views

for _, step in calr.pipeline.epochs(net, data, cfg, { keep = queue and { queue = queue } or nil,
                                                      layers = not queue and { head = head } or nil }) do
  step:train(memory, { views = true, teacher = queue and { momentum = cfg.teacher } or nil })
end

calr.safetensors.save(run.path .. "/model.safetensors", net:state())
run:finish()
