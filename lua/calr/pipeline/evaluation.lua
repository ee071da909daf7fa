--- @module calr.pipeline.evaluation
--- The features that a network gives images, and how well they find people again. The functions behind
--- calr.pipeline.features and calr.pipeline.evaluate, where they are described.

local autograd = require "calr.autograd"
local context = require "calr.context"
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

--- calr.pipeline.evaluation.extractor(net, cfg)
--- Makes a function that does what calr.pipeline.features does, for calls on many parts of a split: it checks the
--- network and takes its inference form once.
--- @return function  (split [, rows [, {each=, skip_bad=}]]) -> f32[m x dim], and the list of {row=, reason=} of the
---                   images that skip_bad has left out because they could not be read or decoded; row is the place in
---                   the order, from 1. each: function(count), called after each batch
function evaluation.extractor(net, cfg)
  models.check(net)
  -- A ReLU inside a kernel may make 0 of a NaN: weights are looked at, not only what comes out.
  for _, tensor in pairs(net:state()) do
    if not tensor:is_finite() then diverged() end
  end
  models.check(net, cfg)
  local fast = models.inference(net)
  return function(split, rows, o)
    o = o or {}
    local features, cameras = T.zeros { rows and rows:numel() or split:count(), net.dim }, split:cameras()
    local first, bad, kept = 0, {}, {}
    local loader, state, control, closing = split:batches { order = rows, batch = cfg.eval_batch,
      height = cfg.height, width = cfg.width, workers = cfg.workers, skip_bad = o.skip_bad }
    local _ <close> = closing
    autograd.no_grad(function()
      for images, index in loader, state, control do
        local f = fast:forward(images, { rows = index, cameras = cameras:index_select(1, index), images = images })
        features:narrow(1, first + 1, f:size(1)):copy(f)
        for _, image in ipairs(o.skip_bad and loader:bad() or {}) do
          bad[#bad + 1] = { row = first + image.at, reason = image.reason }
        end
        first = first + f:size(1)
        if o.each then o.each(first) end
      end
    end)
    if not features:is_finite() then diverged() end
    if #bad == 0 then return features, bad end
    local next_bad = 1
    for i = 1, first do
      if bad[next_bad] and bad[next_bad].row == i then
        next_bad = next_bad + 1
      else
        kept[#kept + 1] = i - 1
      end
    end
    return features:index_select(1, T(kept, "i64")), bad
  end
end

function evaluation.features(net, split, cfg, rows)
  local extract = evaluation.extractor(net, cfg)
  local bar <close> = progress.new(("features of %s"):format(split:name()), rows and rows:numel() or split:count())
  return (extract(split, rows, { each = function(done) bar:update(done) end }))
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
    return ("none of its %d queries has a match in the gallery%s"):format(query.identities:numel(), ignore ~= "junk"
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

-- The features of the queries, after pooling.
local function query_features(net, data, cfg, query)
  local features, how = evaluation.features(net, query.split, cfg), cfg.multi_query or "none"
  if how == "none" then return features end
  local multi = side(data:multi())
  return (ranking.pool(features, query, evaluation.features(net, multi.split, cfg), multi, how))
end

--- calr.pipeline.evaluation.remarks(cfg)
--- @return string  what figures are of, where it is not the usual: "; re-ranked, single-shot", or ""
function evaluation.remarks(cfg)
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
      result.rank1:totable()) }
end

--- calr.pipeline.evaluation.rank(query, gallery, cfg)
--- Ranks features that are there already. Query expansion (cfg.expand) changes query.features.
--- @param query    {features = f32[q x d] of unit rows, identities=, cameras=}: i32 or i64 [q]; cameras may be absent,
---                 in both
--- @param gallery  the same
--- @param cfg      table; the options of evaluation, those of calr.pipeline.evaluate
--- @return table|nil     the figures of calr.pipeline.evaluate; nil where there is nothing to rank
--- @return table|string  the result of calr.rank.evaluate, with figures of each query; or the reason
function evaluation.rank(query, gallery, cfg)
  local reason = nothing_to_rank(query, gallery, cfg.ignore or "own")
  if reason then return nil, reason end
  if (cfg.expand or "none") ~= "none" then
    query.features = rank.expand { query = query.features, gallery = gallery.features, k = cfg.expand_k or 10,
      alpha = cfg.expand == "alpha" and (cfg.expand_alpha or 3.0) or 0 }
  end
  local result = rank.evaluate(ranking.request(query, gallery, cfg))
  return figures_of(result), result
end

--- calr.pipeline.evaluation.measure(net, data, cfg)
--- Computes the features of queries and gallery and ranks them, without a word.
--- @return table|nil  {figures=, result=, query=, gallery=}: figures and result as evaluation.rank gives them, and the
---                    sides that were ranked, {split=, rows=, identities=, cameras=, features=}; nil where there is
---                    nothing to rank
--- @return string     then the reason
function evaluation.measure(net, data, cfg)
  local gallery = data:gallery()
  local query = side(data:query())
  gallery = side(gallery, ranking.part(gallery:count(), cfg.eval_gallery or 1.0))
  local reason = nothing_to_rank(query, gallery, cfg.ignore or "own")
  if reason then return nil, reason end
  if (cfg.multi_query or "none") ~= "none" and data:multi():count() == 0 then
    error(("multi_query=%s needs further images of the queries, and %s has none: import it by a layout that has them "
      .. "(market1501_multi)"):format(cfg.multi_query, data:name()), 0)
  end
  gallery.features = evaluation.features(net, gallery.split, cfg, gallery.rows)
  query.features = query_features(net, data, cfg, query)
  local figures, result = evaluation.rank(query, gallery, cfg)
  return { figures = figures, result = result, query = query, gallery = gallery }
end

local function evaluate(net, data, cfg, label)
  local measured, reason = evaluation.measure(net, data, cfg)
  if not measured then
    if not context.current().expected.evaluation then
      say(cfg, "note: %s is not evaluated: %s", data:name(), reason)
    end
    return nil
  end
  say(cfg, "%s: %s%s", label or "evaluation", evaluation.describe(measured.figures), evaluation.remarks(cfg))
  local run = opened.run(cfg)
  if run then ranking.save(run.path, measured.query.split, measured.result) end
  return measured.figures
end

function evaluation.evaluate(net, data, cfg, label)
  return phases.measure("evaluation", evaluate, net, data, cfg, label)
end

return (require("calr.options").counted("calr.pipeline.", evaluation))
