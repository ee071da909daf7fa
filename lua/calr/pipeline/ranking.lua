--- @module calr.pipeline.ranking
--- What the options of an evaluation do to features before they are ranked, and to the figures after: several images a
--- query, query expansion, a part of the gallery, intervals by the bootstrap, a file of the single queries.

local T = require "calr.tensor"
local csv = require "calr.csv"
local rank = require "calr.rank"
local rng = require "calr.rng"
local statistics = require "calr.statistics"
local text = require "calr.text"

local ranking = {}

local RESAMPLES, CHUNK = 2000, 250 -- of the bootstrap; in memory at a time
local FILE = "queries.csv"

--- calr.pipeline.ranking.part(count, share)
--- Chooses a part of a gallery, each entry by the same draw in every run and epoch, so that figures can be compared.
--- @param share  above 0 to 1
--- @return tensor|nil  i64[m]; nil: all
function ranking.part(count, share)
  if share >= 1 then return nil end
  return rng.chance(count, share, { seed = 0, purpose = "part of the gallery" }):nonzero():flatten()
end

-- identity and camera of each image as one text.
local function sightings(identities, cameras)
  local ids, cams, list = identities:totable(), cameras:totable(), {}
  for i = 1, #ids do list[i] = ids[i] .. " " .. cams[i] end
  return list
end

--- calr.pipeline.ranking.pool(features, query, multi_features, multi, how)
--- Multi-query: each query's features become those of all further images of its identity by its camera, pooled and
--- normalised (Zheng et al., ICCV 2015, section 4.2); a query without any keeps its own.
--- @param features        f32[q x d]
--- @param query           {identities=, cameras=} of the queries, i32[q]
--- @param multi_features  f32[m x d]
--- @param multi           the same of the further images
--- @param how             "mean" or "max"
--- @return tensor   f32[q x d], unit features
--- @return integer  queries that had further images
function ranking.pool(features, query, multi_features, multi, how)
  local rows, pooled, out, count = {}, {}, features:clone(), 0
  for i, key in ipairs(sightings(multi.identities, multi.cameras)) do
    rows[key] = rows[key] or {}
    table.insert(rows[key], i - 1)
  end
  for i, key in ipairs(sightings(query.identities, query.cameras)) do
    if rows[key] then
      if not pooled[key] then
        local own = multi_features:index_select(1, T(rows[key], "i64"))
        pooled[key] = (how == "max" and own:amax(1) or own:mean(1)):view(1, -1):l2_normalize()
      end
      out:narrow(1, i, 1):copy(pooled[key])
      count = count + 1
    end
  end
  return out, count
end

--- calr.pipeline.ranking.request(query, gallery, cfg)
--- What calr.rank.evaluate is asked for by the options of an evaluation.
--- @param query    {features=, identities=, cameras=}
--- @param gallery  the same
--- @param cfg      table; ap, ignore, rerank, shots and eval_draws
--- @return table
function ranking.request(query, gallery, cfg)
  return { query = query.features, gallery = gallery.features, query_ids = query.identities,
    gallery_ids = gallery.identities, query_cameras = query.cameras, gallery_cameras = gallery.cameras, ap = cfg.ap,
    ignore = cfg.ignore or "own", rerank = cfg.rerank or false, shots = cfg.shots,
    repeats = cfg.shots == "single" and cfg.eval_draws or nil, per_query = true }
end

-- The gallery with the entries of one camera alone. Re-ranking looks at neighbours of all cameras, so there the others
-- stay, as junk that no query finds.
local function only(gallery, camera, cfg)
  local seen = gallery.cameras:eq(camera)
  if cfg.rerank then
    return { features = gallery.features, cameras = gallery.cameras,
      identities = T.where(seen, gallery.identities, -1) }
  end
  local rows = seen:nonzero():flatten()
  return { features = gallery.features:index_select(1, rows), cameras = gallery.cameras:index_select(1, rows),
    identities = gallery.identities:index_select(1, rows) }
end

--- calr.pipeline.ranking.by_camera(query, gallery, cfg)
--- How well each camera's queries are found among the gallery entries of each camera alone. With re-ranking the
--- distances are those of the whole gallery.
--- @param query    {features=, identities=, cameras=}, as evaluation.rank takes it; cameras from 0
--- @param gallery  the same
--- @param cfg      table; the options of evaluation
--- @return table   list of {query = camera, gallery = camera, mAP=, rank1=, queries = those with a match}, without the
---                 pairs that have no match
function ranking.by_camera(query, gallery, cfg)
  local pairs_of, query_cameras = {}, query.cameras:totable()
  for camera = 0, gallery.cameras:numel() > 0 and gallery.cameras:max():item() or -1 do
    local part = only(gallery, camera, cfg)
    local matched = rank.matched { query_ids = query.identities, gallery_ids = part.identities,
      query_cameras = query.cameras, gallery_cameras = part.cameras, ignore = cfg.ignore or "own" }
    local result = matched > 0 and rank.evaluate(ranking.request(query, part, cfg))
    local cells = {}
    for i, precision in ipairs(result and result.average_precision:totable() or {}) do
      if precision >= 0 then
        local cell = cells[query_cameras[i]] or { query = query_cameras[i], gallery = camera, mAP = 0, rank1 = 0,
          queries = 0 }
        cells[query_cameras[i]] = cell
        cell.mAP, cell.queries = cell.mAP + precision, cell.queries + 1
        cell.rank1 = cell.rank1 + result.rank1:get(i)
      end
    end
    for _, cell in pairs(cells) do
      cell.mAP, cell.rank1 = cell.mAP / cell.queries, cell.rank1 / cell.queries
      pairs_of[#pairs_of + 1] = cell
    end
  end
  table.sort(pairs_of, function(a, b)
    if a.query ~= b.query then return a.query < b.query end
    return a.gallery < b.gallery
  end)
  return pairs_of
end

-- The means of resamples of n values, drawn from a fixed stream.
local function resample(values)
  local n, figures = #values, {}
  local column, stream = T(values, "f64"), rng.open { seed = 0, purpose = "queries", index = n }
  for _ = 1, RESAMPLES // CHUNK do
    local positions = stream:fill_uniform(T.zeros({ CHUNK * n }), 0, n):floor():clamp(0, n - 1):to "i64"
    local means = column:index_select(1, positions):view(CHUNK, n):mean(2):totable()
    table.move(means, 1, CHUNK, #figures + 1, figures)
  end
  return figures
end

--- calr.pipeline.ranking.intervals(precisions, hits)
--- Intervals of level .95 of mAP and rank-1 by the BCa bootstrap over the queries (calr.statistics.bootstrap): how far
--- another sample of queries would lead, not another seed.
--- @param precisions  list of numbers; average precision of each query, -1: left out
--- @param hits        list of numbers; whether a match comes first, 0 or 1, or in which share of the draws
--- @return table  {mAP_low=, mAP_high=, rank1_low=, rank1_high=}, or nil for fewer than three queries
function ranking.intervals(precisions, hits)
  local found, first = {}, {}
  for i, precision in ipairs(precisions) do
    if precision >= 0 then found[#found + 1], first[#first + 1] = precision, hits[i] end
  end
  if #found < 3 then return nil end
  local map = statistics.bootstrap(found, { figures = resample(found) })
  local rank1 = statistics.bootstrap(first, { figures = resample(first) })
  return { mAP_low = map.low, mAP_high = map.high, rank1_low = rank1.low, rank1_high = rank1.high }
end

--- calr.pipeline.ranking.save(folder, query, result)
--- Writes queries.csv into a folder: of each query its path, identity, camera, average precision and the rank of its
--- first match (-1 for queries without a match).
function ranking.save(folder, query, result)
  local paths = {}
  for i = 1, query:count() do
    local path = query:path(i)
    paths[i] = utf8.len(path) and path or text.visible(path)
  end
  csv.save(folder .. "/" .. FILE, { path = paths, identity = query:identities(), camera = query:cameras(),
    average_precision = result.average_precision, first_match = result.first_match },
    { "path", "identity", "camera", "average_precision", "first_match" })
end

return (require("calr.options").counted("calr.pipeline.ranking.", ranking))
