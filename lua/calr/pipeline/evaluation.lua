--- @module calr.pipeline.evaluation
--- The features that a network gives images, and how well they find people again. The functions behind
--- calr.pipeline.features and calr.pipeline.evaluate, where they are described.

local L = require "calr.labels"
local autograd = require "calr.autograd"
local models = require "calr.models"
local progress = require "calr.progress"
local rank = require "calr.rank"
local T = require "calr.tensor"

local evaluation = {}

local function diverged()
  error("the network's features are not finite: its training has diverged, lower the learning rate", 0)
end

function evaluation.features(net, split, cfg, rows)
  models.check(net)
  local count = rows and rows:numel() or split:count()
  local features, cameras = T.zeros { count, net.dim }, split:cameras()
  -- A ReLU inside a kernel may make 0 of a NaN: weights are looked at, not only what comes out.
  for _, tensor in pairs(net:state()) do
    if not tensor:is_finite() then diverged() end
  end
  models.check(net, cfg)
  local fast = models.inference(net)
  autograd.no_grad(function()
    local first = 1
    for images, index in split:batches { order = rows, batch = cfg.eval_batch, height = cfg.height, width = cfg.width,
                                  workers = cfg.workers } do
      local f = fast:forward(images, { rows = index, cameras = L.take(cameras, index), images = images })
      features:narrow(1, first, f:size(1)):copy(f)
      first = first + f:size(1)
    end
  end)
  if not features:is_finite() then diverged() end
  return features
end

function evaluation.evaluate(net, data, cfg)
  local query, gallery = data:query(), data:gallery()
  local function known(split)
    return L.total(L.at_least(split:identities(), 0))
  end
  if known(query) == 0 or known(gallery) == 0 then
    progress.print(("note: %s is not evaluated: it has %d query and %d gallery images of known identity"):format(
      data:name(), known(query), known(gallery)))
    return nil
  end
  local result = rank.evaluate {
    query = evaluation.features(net, query, cfg), gallery = evaluation.features(net, gallery, cfg),
    query_ids = query:identities(), gallery_ids = gallery:identities(),
    query_cameras = query:cameras(), gallery_cameras = gallery:cameras(), ap = cfg.ap,
  }
  local function at(k) return result.cmc[math.min(k, #result.cmc)] end
  return { mAP = result.mAP, mINP = result.mINP, rank1 = at(1), rank5 = at(5), rank10 = at(10), queries = result.valid }
end

return evaluation
