--- @module calr.lab.retrieval.evaluate
--- How well a trained network, or features made elsewhere, find people again: the figures of calr.pipeline.evaluate, by
--- pair of cameras, and the worst queries.

local csv = require "calr.csv"
local evaluation = require "calr.pipeline.evaluation"
local features = require "calr.lab.retrieval.features"
local json = require "calr.json"
local layout = require "calr.data.layout"
local ranking = require "calr.pipeline.ranking"
local sys = require "calr.sys"
local sorted_keys = require "calr.tables".sorted_keys
local text = require "calr.text"

local evaluate = {}

local WORST = 10 -- queries listed

local function fail(...) error((...):format(select(2, ...)), 0) end

-- The queries: what each is and how it was found.
local function queries_of(query, names, result)
  local identities, cameras = features.called(query, "identities"), features.called(query, "cameras")
  local precisions, firsts, rows = result.average_precision:totable(), result.first_match:totable(), json.array()
  for i, precision in ipairs(precisions) do
    rows[i] = { name = names and names(i), identity = identities[i], camera = cameras and cameras[i],
      average_precision = precision >= 0 and tonumber(("%.7g"):format(precision)) or nil,
      first_match = firsts[i] > 0 and firsts[i] or nil }
  end
  return rows
end

local function worst_of(queries, count)
  local found, kept = {}, json.array()
  for i, row in ipairs(queries) do
    if row.average_precision then found[#found + 1] = { row = row, at = i } end
  end
  table.sort(found, function(a, b)
    local x, y = a.row, b.row
    if x.average_precision ~= y.average_precision then return x.average_precision < y.average_precision end
    if x.first_match ~= y.first_match then return x.first_match > y.first_match end
    return a.at < b.at
  end)
  for i = 1, math.min(count, #found) do kept[i] = found[i].row end
  return kept
end

-- All that is said of one ranking.
local function summary(o)
  local figures, result = o.figures, o.result
  local queries = queries_of(o.query, o.names, result)
  local at20 = result.cmc[math.min(20, #result.cmc)]
  local found = { mAP = figures.mAP, mINP = figures.mINP, rank1 = figures.rank1, rank5 = figures.rank5,
    rank10 = figures.rank10, rank20 = at20, queries = figures.queries, query_images = o.query.identities:numel(),
    gallery_images = o.gallery.identities:ge(0):count_nonzero():item(), interval = figures.spread,
    remarks = evaluation.remarks(o.cfg):gsub("^; ", ""), ignore = o.cfg.ignore or "own",
    worst = worst_of(queries, o.worst or WORST), each = queries }
  if o.by_camera then
    found.camera_pairs, found.camera_names = json.array(), o.camera_names
    for i, pair in ipairs(ranking.by_camera(o.query, o.gallery, o.cfg)) do found.camera_pairs[i] = pair end
  end
  return found
end

--- calr.lab.retrieval.evaluate.model{model=, data=, by_camera=false, worst=10}
--- Evaluates a trained network on the queries and the gallery of a data set.
--- @param model      from calr.trained.open; its configuration has the options of evaluation
--- @param data       from calr.data.open
--- @param by_camera  also the figures of each pair of cameras
--- @param worst      integer; queries to list
--- @return table  mAP, mINP, rank1, rank5, rank10, rank20 (fractions), queries (with a match), query_images,
---                gallery_images, interval, remarks, worst and each = lists of {name=, identity=, camera=,
---                average_precision=, first_match=}, camera_pairs = list of {query=, gallery=, mAP=, rank1=, queries=}
function evaluate.model(o)
  local queries = o.data:query()
  for i = 1, queries:count() do layout.check_name(queries:path(i)) end
  local measured, reason = evaluation.measure(o.model.net, o.data, o.model.config)
  if not measured then fail("%s cannot be evaluated: %s", o.data:name(), reason) end
  local split = measured.query.split
  return summary { figures = measured.figures, result = measured.result, query = measured.query,
    gallery = measured.gallery, cfg = o.model.config, by_camera = o.by_camera, worst = o.worst,
    names = function(i) return split:path(i) end }
end

-- Query and gallery of the files given: two, or one whose table says which row is which.
local function sides(o)
  local sets = features.open(o.features, { csv = o.csv, raw = o.raw })
  for _, set in ipairs(sets) do features.needs(set, "identities") end
  if #sets == 2 then return sets[1], sets[2] end
  if not sets[1].splits then
    fail("%s says of no row whether it is a query or of the gallery: give two files (QUERY.npy GALLERY.npy), or a "
      .. "table with a column split", sets[1].path)
  end
  local query, gallery = features.of_split(sets[1], "query"), features.of_split(sets[1], "gallery")
  if not query or not gallery then
    fail("the column split of %s names no row \"%s\"; give two files, of queries and of the gallery", sets[1].table,
      query and "gallery" or "query")
  end
  return query, gallery
end

--- calr.lab.retrieval.evaluate.features{features=, csv=, cfg=, raw=false, by_camera=false, worst=10}
--- Evaluates features in files.
--- @param features   list of one path (whose table has a column split) or two: queries and gallery
--- @param csv        list of the paths of their tables; default: beside the features
--- @param cfg        table; the options of evaluation: ap, ignore, rerank, shots, eval_draws, expand, ...
--- @param raw        rows are not scaled to length 1: distances are euclidean
--- @param by_camera  also the figures of each pair of cameras
--- @param worst      integer; queries to list
--- @return table  as evaluate.model, and camera_names
function evaluate.features(o)
  local query, gallery = sides(o)
  if (query.cameras == nil) ~= (gallery.cameras == nil) then
    features.needs(query.cameras and gallery or query, "cameras")
  end
  if o.by_camera then features.needs(query, "cameras") end
  if o.raw and o.cfg.rerank then fail("re-ranking needs rows of length 1") end
  local figures, result = evaluation.rank(query, gallery, o.cfg)
  if not figures then fail("%s cannot be evaluated: %s", query.path, result) end
  return summary { figures = figures, result = result, query = query, gallery = gallery, cfg = o.cfg,
    by_camera = o.by_camera, worst = o.worst, camera_names = query.camera_names,
    names = query.names and function(i) return query.names[i] end }
end

-- ---- as text ----

local function percent(value) return ("%.1f"):format(100 * value) end

local function figures_text(found)
  local spread, rows = found.interval, {}
  for _, pair in ipairs { { "mAP", "mAP" }, { "mINP", "mINP" }, { "rank1", "rank-1" }, { "rank5", "rank-5" },
    { "rank10", "rank-10" }, { "rank20", "rank-20" } } do
    local low, high = spread and spread[pair[1] .. "_low"], spread and spread[pair[1] .. "_high"]
    rows[#rows + 1] = { pair[2], percent(found[pair[1]]),
      low and ("%s to %s"):format(percent(low), percent(high)) or "" }
  end
  return text.table { columns = { "figure", { "%", align = "right" }, "95 % of queries" }, rows = rows }
end

local function camera_text(found)
  local named, cells, queries, columns, rows = found.camera_names, {}, {}, {}, {}
  for _, pair in ipairs(found.camera_pairs) do
    cells[pair.query] = cells[pair.query] or {}
    cells[pair.query][pair.gallery] = pair.mAP
    queries[pair.query], columns[pair.gallery] = true, true
  end
  local function called(camera) return named and named[camera + 1] or tostring(camera) end
  local galleries, heads = sorted_keys(columns), { "query camera" }
  for i, camera in ipairs(galleries) do heads[i + 1] = { "in " .. called(camera), align = "right" } end
  for i, camera in ipairs(sorted_keys(queries)) do
    rows[i] = { called(camera), n = #galleries + 1 }
    for j, other in ipairs(galleries) do
      rows[i][j + 1] = cells[camera][other] and percent(cells[camera][other]) or "-"
    end
  end
  return text.table { title = "mAP by pair of cameras, %", columns = heads, rows = rows }
end

local function worst_text(found)
  local rows = {}
  for i, row in ipairs(found.worst) do
    rows[i] = { row.name or "query " .. i, row.identity, row.camera or false, percent(row.average_precision),
      row.first_match }
  end
  return text.table { title = "the worst queries", columns = { "query", "identity", "camera",
    { "AP %", align = "right" }, "first match" }, rows = rows }
end

--- calr.lab.retrieval.evaluate.text(found)
--- @return string  the figures for a terminal
function evaluate.text(found)
  local parts = { ("%s of %s queries have a match among %s gallery images%s"):format(text.count(found.queries),
    text.count(found.query_images), text.count(found.gallery_images),
    found.remarks ~= "" and " (" .. found.remarks .. ")" or ""), figures_text(found) }
  if found.camera_pairs then parts[#parts + 1] = camera_text(found) end
  if #found.worst > 0 then parts[#parts + 1] = worst_text(found) end
  return table.concat(parts, "\n\n") .. "\n"
end

local function column(rows, field, missing)
  local values = {}
  for i, row in ipairs(rows) do values[i] = row[field] == nil and missing or row[field] end
  return values
end

--- calr.lab.retrieval.evaluate.save(found, path)
--- Writes everything as JSON, or where the name ends in .csv a table of the queries (as queries.csv of a run).
function evaluate.save(found, path)
  if not path:match "%.csv$" then
    sys.write_file(path, json.encode(found, { indent = 2 }) .. "\n")
    return
  end
  local rows = found.each
  csv.save(path, { path = column(rows, "name", ""), identity = column(rows, "identity", -1),
    camera = column(rows, "camera", -1), average_precision = column(rows, "average_precision", -1),
    first_match = column(rows, "first_match", -1) }, { "path", "identity", "camera", "average_precision",
    "first_match" })
end

return (require("calr.options").counted("calr.lab.retrieval.evaluate.", evaluate))
