--- @module calr.lab.cluster.summary
--- Summarises a clustering: counts, sizes, and quality if identities are known.

local C = require "calr.cluster"
local L = require "calr.labels"
local Q = require "calr.quality"
local json = require "calr.json"
local sorted_keys = require "calr.tables".sorted_keys
local text = require "calr.text"

local summary = {}

-- Clusters by size, in classes 1, 2, 3-4, 5-8, 9-16 and so on: {from=, to=, clusters=, images=}.
local function size_classes(sizes)
  local classes, highest = {}, 0
  for _, size in ipairs(sizes) do
    local class, limit = 1, 1
    while size > limit do class, limit = class + 1, limit * 2 end
    local entry = classes[class] or { from = limit // 2 + 1, to = limit, clusters = 0, images = 0 }
    entry.clusters, entry.images = entry.clusters + 1, entry.images + size
    classes[class], highest = entry, math.max(highest, class)
  end
  local list = {}
  for class = 1, highest do
    local limit = math.tointeger(2 ^ (class - 1))
    local entry = classes[class] or { from = limit // 2 + 1, to = limit, clusters = 0, images = 0 }
    if #list > 0 or entry.clusters > 0 then list[#list + 1] = entry end
  end
  return list
end

local function figures(report)
  return {
    precision = report.bcubed.precision, recall = report.bcubed.recall, f = report.bcubed.f,
    pairwise_precision = report.pairwise.precision, pairwise_recall = report.pairwise.recall,
    pairwise_f = report.pairwise.f, nmi = report.nmi, ami = report.ami, ari = report.ari,
    purity = report.purity, expansion = report.expansion,
  }
end

local function quality_of(labels, truth, cameras, names)
  local known = truth:ge(0)
  local rows = known:nonzero():flatten()
  if rows:numel() == 0 then return nil end
  local ids, found = truth:index_select(1, rows), labels:index_select(1, rows)
  local quality = figures(Q.report(ids, found))
  quality.images, quality.identities = rows:numel(), Q.report(ids, found).identities
  if cameras then
    quality.cameras = json.array()
    for i, report in ipairs((Q.by_camera(ids, found, cameras:index_select(1, rows)))) do
      quality.cameras[i] = figures(report)
      quality.cameras[i].camera, quality.cameras[i].images = names[report.camera + 1], report.items
    end
  end
  return quality
end

-- How many clusters are seen by 1, 2, 3 ... cameras.
local function camera_counts(labels, cameras)
  local pair = L.pair(labels, cameras)
  local pairs_of, counts = {}, {}
  local of_cluster = L.commonest(pair, labels):totable()
  for _, cluster in ipairs(of_cluster) do pairs_of[cluster] = (pairs_of[cluster] or 0) + 1 end
  local most = 0
  for _, number in pairs(pairs_of) do
    counts[number], most = (counts[number] or 0) + 1, math.max(most, number)
  end
  local list = json.array()
  for number = 1, most do list[number] = counts[number] or 0 end
  return list
end

--- calr.lab.cluster.summary.of{features=, labels=, truth=nil, cameras=nil, camera_names=nil}
--- @return table  images, dimensions, clusters, outliers, sizes (list of {from=, to=, clusters=, images=}), largest,
---                median, silhouette (against centroids; nil when there are fewer than two clusters), seen_by (with
---                cameras: how many clusters are seen by 1, 2, ... of them), quality (with identities)
function summary.of(given)
  local labels = given.labels
  local sizes = L.count(labels):totable()
  local result = {
    images = labels:numel(), dimensions = given.features:size(2), clusters = #sizes,
    outliers = labels:lt(0):count_nonzero():item(), sizes = json.array(size_classes(sizes)),
    silhouette = (C.simplified_silhouette(given.features, labels)),
    seen_by = given.cameras and camera_counts(labels, given.cameras) or nil,
    quality = given.truth and quality_of(labels, given.truth, given.cameras, given.camera_names) or nil,
  }
  table.sort(sizes)
  result.largest, result.median = sizes[#sizes], sizes[(#sizes + 1) // 2]
  return result
end

local function percent(part, whole)
  return whole > 0 and ("%.1f %%"):format(100 * part / whole) or "-"
end

local function histogram(result)
  local most, rows = 0, {}
  for _, class in ipairs(result.sizes) do most = math.max(most, class.clusters) end
  for i, class in ipairs(result.sizes) do
    local length = class.clusters > 0 and math.max(1, math.floor(24 * class.clusters / most + 0.5)) or 0
    rows[i] = { class.from == class.to and ("%d"):format(class.to) or ("%d - %d"):format(class.from, class.to),
      class.clusters, class.images, ("#"):rep(length) }
  end
  return text.table { columns = { { "size", align = "right" }, "clusters", "images", "" }, rows = rows }
end

local function quality_table(quality)
  local function row(head, q)
    return { head, q.precision, q.recall, q.f, q.pairwise_f, q.nmi, q.ami, q.ari, q.expansion }
  end
  local columns = { "against the identities" }
  for _, head in ipairs { "P", "R", "F", "pair F", "NMI", "AMI", "ARI" } do
    columns[#columns + 1] = { head, format = "%.3f" }
  end
  columns[#columns + 1] = { "exp.", format = "%.2f" }
  local rows = { row(("%s images, %s identities"):format(text.count(quality.images), text.count(quality.identities)),
    quality) }
  for _, camera in ipairs(quality.cameras or {}) do
    rows[#rows + 1] = row(("inside camera %d, %s images"):format(camera.camera, text.count(camera.images)), camera)
  end
  return text.table { columns = columns, rows = rows }
    .. "\nP, R, F: B-cubed; each outlier counts as a cluster; exp.: clusters over which an identity is spread"
end

--- calr.lab.cluster.summary.text(result)
--- @param result  as returned by summary.of, with file, method, options (text), info, seconds, output
--- @return string
function summary.text(result)
  local lines = {}
  local function add(name, value, ...) lines[#lines + 1] = ("%-11s %s"):format(name, value:format(...)) end
  add("features", "%s, %s x %d", result.file, text.count(result.images), result.dimensions)
  add("method", "%s  %s", result.method, result.options_text)
  local sizes = ", the largest of %s images, the median of %s"
  add("clusters", "%s%s", text.count(result.clusters),
    result.largest and sizes:format(text.count(result.largest), text.count(result.median)) or "")
  add("outliers", "%s (%s)", text.count(result.outliers), percent(result.outliers, result.images))
  if result.seen_by and #result.seen_by > 0 then
    local parts = {}
    for number, count in ipairs(result.seen_by) do parts[number] = ("%d: %s"):format(number, text.count(count)) end
    add("cameras", "clusters by how many see them: %s", table.concat(parts, ", "))
  end
  if result.silhouette then add("silhouette", "%.3f (against centroids, cosine)", result.silhouette) end
  local names = sorted_keys(result.info)
  for _, name in ipairs(names) do
    local value = result.info[name]
    add(name, "%s", type(value) == "string" and value or math.type(value) == "integer" and text.count(value)
      or ("%.6g"):format(value))
  end
  add("time", "%s", text.duration(result.seconds))
  if result.output then add("labels", "%s, %s", result.output, result.type) end
  if #result.sizes > 0 then lines[#lines + 1] = "\n" .. histogram(result) end
  if result.quality then lines[#lines + 1] = "\n" .. quality_table(result.quality) end
  return table.concat(lines, "\n") .. "\n"
end

return summary
