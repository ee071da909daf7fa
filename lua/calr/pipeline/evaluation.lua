--- @module calr.pipeline.evaluation
--- The features that a network gives images, and how well they find people again. The functions behind
--- calr.pipeline.features and calr.pipeline.evaluate, where they are described.

local autograd = require "calr.autograd"
local models = require "calr.models"
local opened = require "calr.pipeline.opened"
local phases = require "calr.phases"
local progress = require "calr.progress"
local rank = require "calr.rank"
local ranking = require "calr.pipeline.ranking"
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
  local bar <close> = progress.new(("features of %s"):format(split:name()), count)
  autograd.no_grad(function()
    local first = 1
    for images, index in split:batches { order = rows, batch = cfg.eval_batch, height = cfg.height, width = cfg.width,
                                  workers = cfg.workers } do
      local f = fast:forward(images, { rows = index, cameras = cameras:index_select(1, index), images = images })
      features:narrow(1, first, f:size(1)):copy(f)
      first = first + f:size(1)
      bar:update(first - 1)
    end
  end)
  if not features:is_finite() then diverged() end
  return features
end

-- A split, or the rows of it that take part: its identities and cameras.
local function side(split, rows)
  local identities, cameras = split:identities(), split:cameras()
  if rows then identities, cameras = identities:index_select(1, rows), cameras:index_select(1, rows) end
  return { split = split, rows = rows, identities = identities, cameras = cameras }
end

-- Why there is nothing to rank, or nil.
local function nothing_to_rank(query, gallery, ignore)
  local function known(half) return half.identities:ge(0):count_nonzero():item() end
  if known(query) == 0 or known(gallery) == 0 then
    return ("it has %d query and %d gallery images of known identity"):format(known(query), known(gallery))
  end
  local matched = rank.matched { query_ids = query.identities, gallery_ids = gallery.identities,
    query_cameras = query.cameras, gallery_cameras = gallery.cameras, ignore = ignore }
  if matched == 0 then
    return ("none of its %d queries has a match in the gallery%s"):format(query.split:count(), ignore ~= "junk"
      and " from another camera (ignore=junk counts matches from the query's own camera)" or "")
  end
end

--- calr.pipeline.evaluation.describe(result)
--- @return string  such as "mAP 13.4 %, rank-1 0.0 %, rank-5 6.3 %, rank-10 31.3 % (16 queries; mAP 9.1 to 19.2)"
function evaluation.describe(result)
  local spread = result.spread
  return ("mAP %.1f %%, rank-1 %.1f %%, rank-5 %.1f %%, rank-10 %.1f %% (%d queries%s)"):format(100 * result.mAP,
    100 * result.rank1, 100 * result.rank5, 100 * result.rank10, result.queries,
    spread and ("; mAP %.1f to %.1f"):format(100 * spread.mAP_low, 100 * spread.mAP_high) or "")
end

-- Says a line: in the run's log, where one is open.
local function say(cfg, ...)
  local line, run = (...):format(select(2, ...)), opened.run(cfg)
  if run then run:log("%s", line) else progress.print(line) end
end

-- The features of the queries, after pooling and expansion.
local function query_features(net, data, cfg, query, gallery_features)
  local features = evaluation.features(net, query.split, cfg)
  local how, expand = cfg.multi_query or "none", cfg.expand or "none"
  if how ~= "none" then
    local multi = side(data:multi())
    features = ranking.pool(features, query, evaluation.features(net, multi.split, cfg), multi, how)
  end
  if expand ~= "none" then
    features = rank.expand { query = features, gallery = gallery_features, k = cfg.expand_k or 10,
      alpha = expand == "alpha" and (cfg.expand_alpha or 3.0) or 0 }
  end
  return features
end

-- What the figures are of, where it is not the usual: " (a part ...)".
local function remarks(cfg)
  local list = {}
  if (cfg.multi_query or "none") ~= "none" then list[#list + 1] = cfg.multi_query .. "-pooled multi-query" end
  if (cfg.expand or "none") ~= "none" then list[#list + 1] = cfg.expand .. " query expansion" end
  if cfg.rerank then list[#list + 1] = "re-ranked" end
  if cfg.shots == "single" then list[#list + 1] = "single-shot" end
  if (cfg.eval_gallery or 1) < 1 then list[#list + 1] = ("%g of the gallery"):format(cfg.eval_gallery) end
  return #list > 0 and ("; %s"):format(table.concat(list, ", ")) or ""
end

local function figures_of(result)
  local function at(k) return result.cmc[math.min(k, #result.cmc)] end
  return { mAP = result.mAP, mINP = result.mINP, rank1 = at(1), rank5 = at(5), rank10 = at(10),
    queries = result.valid, spread = ranking.intervals(result.average_precision:totable(),
      result.first_match:totable()) }
end

local function evaluate(net, data, cfg, label)
  local gallery = data:gallery()
  local ignore = cfg.ignore or "own"
  local query = side(data:query())
  gallery = side(gallery, ranking.part(gallery:count(), cfg.eval_gallery or 1.0))
  local reason = nothing_to_rank(query, gallery, ignore)
  if reason then
    say(cfg, "note: %s is not evaluated: %s", data:name(), reason)
    return nil
  end
  if (cfg.multi_query or "none") ~= "none" and data:multi():count() == 0 then
    error(("multi_query=%s needs further images of the queries, and %s has none: import it by a layout that has them "
      .. "(market1501_multi)"):format(cfg.multi_query, data:name()), 0)
  end
  local gallery_features = evaluation.features(net, gallery.split, cfg, gallery.rows)
  local result = rank.evaluate {
    query = query_features(net, data, cfg, query, gallery_features), gallery = gallery_features,
    query_ids = query.identities, gallery_ids = gallery.identities, query_cameras = query.cameras,
    gallery_cameras = gallery.cameras, ap = cfg.ap, ignore = ignore, rerank = cfg.rerank or false, shots = cfg.shots,
    repeats = cfg.shots == "single" and cfg.eval_draws or nil, per_query = true,
  }
  local figures = figures_of(result)
  say(cfg, "%s: %s%s", label or "evaluation", evaluation.describe(figures), remarks(cfg))
  local run = opened.run(cfg)
  if run then ranking.save(run.path, query.split, result) end
  return figures
end

function evaluation.evaluate(net, data, cfg, label)
  return phases.measure("evaluation", evaluate, net, data, cfg, label)
end

return (require("calr.options").counted("calr.pipeline.", evaluation))
