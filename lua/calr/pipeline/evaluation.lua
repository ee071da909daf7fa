--- @module calr.pipeline.evaluation
--- The features that a network gives images, and how well they find people again. The functions behind
--- calr.pipeline.features and calr.pipeline.evaluate, where they are described.

local autograd = require "calr.autograd"
local models = require "calr.models"
local opened = require "calr.pipeline.opened"
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
      local f = fast:forward(images, { rows = index, cameras = cameras:index_select(1, index), images = images })
      features:narrow(1, first, f:size(1)):copy(f)
      first = first + f:size(1)
    end
  end)
  if not features:is_finite() then diverged() end
  return features
end

-- Why there is nothing to rank, or nil.
local function nothing_to_rank(query, gallery, ignore)
  local function known(split)
    return split:identities():ge(0):count_nonzero():item()
  end
  if known(query) == 0 or known(gallery) == 0 then
    return ("it has %d query and %d gallery images of known identity"):format(known(query), known(gallery))
  end
  local matched = rank.matched { query_ids = query:identities(), gallery_ids = gallery:identities(),
    query_cameras = query:cameras(), gallery_cameras = gallery:cameras(), ignore = ignore }
  if matched == 0 then
    return ("none of its %d queries has a match in the gallery%s"):format(query:count(), ignore ~= "junk"
      and " from another camera (ignore=junk counts matches from the query's own camera)" or "")
  end
end

--- calr.pipeline.evaluation.describe(result)
--- @return string  such as "mAP 13.4 %, rank-1 0.0 %, rank-5 6.3 %, rank-10 31.3 % (16 queries)"
function evaluation.describe(result)
  return ("mAP %.1f %%, rank-1 %.1f %%, rank-5 %.1f %%, rank-10 %.1f %% (%d queries)"):format(100 * result.mAP,
    100 * result.rank1, 100 * result.rank5, 100 * result.rank10, result.queries)
end

-- Says a line: in the run's log, where one is open.
local function say(cfg, ...)
  local line, run = (...):format(select(2, ...)), opened.run(cfg)
  if run then run:log("%s", line) else progress.print(line) end
end

function evaluation.evaluate(net, data, cfg, label)
  local query, gallery, ignore = data:query(), data:gallery(), cfg.ignore or "own"
  local reason = nothing_to_rank(query, gallery, ignore)
  if reason then
    say(cfg, "note: %s is not evaluated: %s", data:name(), reason)
    return nil
  end
  local result = rank.evaluate {
    query = evaluation.features(net, query, cfg), gallery = evaluation.features(net, gallery, cfg),
    query_ids = query:identities(), gallery_ids = gallery:identities(),
    query_cameras = query:cameras(), gallery_cameras = gallery:cameras(), ap = cfg.ap, ignore = ignore,
  }
  local function at(k) return result.cmc[math.min(k, #result.cmc)] end
  local figures = { mAP = result.mAP, mINP = result.mINP, rank1 = at(1), rank5 = at(5), rank10 = at(10),
    queries = result.valid }
  say(cfg, "%s: %s", label or "evaluation", evaluation.describe(figures))
  return figures
end

return (require("calr.options").counted("calr.pipeline.", evaluation))
