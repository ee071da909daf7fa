--- @module calr.lab.pictures
--- Pictures of what a run has learned: the t-SNE of its features before and after training, its clusters with what
--- refinement discarded, the ranked lists of its best and worst queries, and the mAP by pair of cameras. They are parts
--- of `calr report RUN`, and `calr draw RUN` writes them alone.

local canvases = require "calr.lab.pictures.canvas"
local clusters = require "calr.lab.pictures.clusters"
local features = require "calr.lab.pictures.features"
local json = require "calr.json"
local records = require "calr.lab.pictures.record"
local text = require "calr.text"
local thumbs = require "calr.lab.pictures.thumbs"

local pictures = {}

--- calr.lab.pictures.kinds
--- The names of the pictures, in their order.
pictures.kinds = { "tsne", "clusters", "ranked", "cameras" }

local MOST_POINTS, MOST_IMAGES, MOST_QUERIES = 2000, 700, 5

-- ---- what there is to show ----

local function tsne_of(record, labels, most, notes)
  local tensors, about = features.planes(record, most)
  if not tensors then
    notes[#notes + 1] = "no t-SNE: " .. about
    return nil
  end
  if about.missing then notes[#notes + 1] = about.missing end
  local rows, split = tensors.rows, record.split
  local found = labels and (labels.refined or labels.global)
  return { before = tensors.before, after = tensors.after, before_title = about.before, after_title = about.after,
    count = rows:numel(), total = split and split:count() or rows:numel(), epoch = found and labels.epoch,
    cameras = split and split:cameras():index_select(1, rows) or nil,
    identities = split and split:identities():ge(0):any():item() and split:identities():index_select(1, rows) or nil,
    clusters = found and found:index_select(1, rows) or nil }
end

local function clusters_of(record, labels, notes)
  local reason = record.missing or not labels and record:without_labels()
  if reason then
    notes[#notes + 1] = "no galleries of clusters: " .. reason
    return nil
  end
  local list, total = clusters.collect(record, labels)
  return { list = list, total = total, epoch = labels.epoch, refined = labels.refined ~= nil }
end

-- The first `most` of an order of queries, each of another identity as far as there are any.
local function of_different(order, identities, most)
  local chosen, rest, seen = {}, {}, {}
  for _, place in ipairs(order) do
    table.insert(seen[identities[place]] and rest or chosen, place)
    seen[identities[place]] = true
  end
  table.move(rest, 1, #rest, #chosen + 1, chosen)
  return table.move(chosen, 1, math.min(most, #chosen), 1, {})
end

-- Positions (from 1) of the queries with the highest and the lowest average precision.
local function extremes(precisions, identities, most)
  local order = {}
  for i, precision in ipairs(precisions) do
    if precision >= 0 then order[#order + 1] = i end
  end
  table.sort(order, function(a, b)
    if precisions[a] ~= precisions[b] then return precisions[a] > precisions[b] end
    return a < b
  end)
  local half, upper, lower = (#order + 1) // 2, {}, {}
  for i = 1, half do upper[i] = order[i] end
  for i = #order, half + 1, -1 do lower[#lower + 1] = order[i] end
  return of_different(upper, identities, most), of_different(lower, identities, most)
end

-- The best and the worst queries: {place=, camera=, ap=, first=, hits = {{row=, right=, camera=}}}.
local function ranked_of(record, tensors)
  local query, gallery = record.data:query(), record.data:gallery()
  local precisions, firsts = tensors.average_precision:totable(), tensors.first_match:totable()
  local ids, own = gallery:identities():totable(), query:identities():totable()
  local cameras, own_cameras = gallery:cameras():totable(), query:cameras():totable()
  local best, worst = extremes(precisions, own, MOST_QUERIES)
  local function described(places)
    local list = {}
    for i, place in ipairs(places) do
      local hits = {}
      for _, row in ipairs(tensors.indices[place]:totable()) do
        if row >= 0 then
          hits[#hits + 1] = { row = row, right = ids[row + 1] == own[place], camera = cameras[row + 1] }
        end
      end
      list[i] = { place = place, camera = own_cameras[place], ap = precisions[place], first = firsts[place],
        hits = hits }
    end
    return list
  end
  return { best = described(best), worst = described(worst) }
end

-- A few training images and those nearest to them: {row=, camera=, hits = {{row=, camera=}}}.
local function nearest_of(record, tensors, about)
  local cameras, list = record.split:cameras():totable(), {}
  for i, row in ipairs(tensors.rows:totable()) do
    local hits = {}
    for _, hit in ipairs(tensors.indices[i]:totable()) do
      if hit >= 0 and hit ~= row and #hits < 10 then hits[#hits + 1] = { row = hit, camera = cameras[hit + 1] } end
    end
    list[i] = { row = row, camera = cameras[row + 1], hits = hits }
  end
  return { list = list, several = about.several == "yes" }
end

-- values[query camera][gallery camera], both from 1; false where no query has a match there.
local function matrix_of(record, cells)
  local count = record.data:camera_count()
  local values, queries = {}, {}
  for q = 1, count do
    values[q], queries[q] = {}, {}
    for g = 1, count do values[q][g], queries[q][g] = false, 0 end
  end
  for _, cell in ipairs(cells) do
    values[cell.query + 1][cell.gallery + 1] = cell.mAP
    queries[cell.query + 1][cell.gallery + 1] = cell.queries
  end
  return { values = values, queries = queries }
end

--- calr.lab.pictures.gather(path [, {what=, points=2000, epoch=, model=, trust=false}])
--- Computes the pictures of a run. Those that need what is missing (its data set, its network, its labels) are left
--- out, and a note says so.
--- @param path    a run folder
--- @param what    list of kinds: tsne, clusters, ranked, cameras; default: all
--- @param points  integer; of the t-SNE at most
--- @param epoch   integer from 0; whose clusters; default: the last
--- @param model   table; option -> value, in place of those of the run's network: see calr.trained.open
--- @param trust   whether a Lua file that the run names as its network may run
--- @return table  for calr.lab.pictures.page and calr.lab.pictures.paint: record, tsne, clusters, ranked (or nearest,
---                of a data set that cannot be ranked), cameras, figures, notes
function pictures.gather(path, options)
  local o = require("calr.options").check("calr.lab.pictures.gather", options,
    { "what", "points", "epoch", "model", "trust" })
  local record, set = records.open(path, { model = o.model, trust = o.trust }), {}
  for _, kind in ipairs(o.what or pictures.kinds) do set[kind] = true end
  local out = { record = record, notes = json.array {} }
  local of_labels = #(o.what or pictures.kinds) == 1 and set.clusters -- nothing else could be drawn
  local place = (o.epoch or of_labels or #record.epochs > 0) and record:place(o.epoch) or nil
  local labels = place and record:labels(place)
  if set.tsne then out.tsne = tsne_of(record, labels, o.points or MOST_POINTS, out.notes) end
  if set.clusters then out.clusters = clusters_of(record, labels, out.notes) end
  if set.ranked or set.cameras then
    local tensors, about = features.rankings(record)
    if tensors then
      out.figures = about.figures
      out.ranked = set.ranked and ranked_of(record, tensors) or nil
      out.cameras = set.cameras and matrix_of(record, about.pairs) or nil
    else
      out.notes[#out.notes + 1] = "no ranked lists: " .. about
      local near, more = nil, nil
      if set.ranked then near, more = features.nearest(record) end
      if near then out.nearest = nearest_of(record, near, more) end
    end
  end
  return out
end

-- ---- for the page ----

-- Coordinates as whole numbers from 0 to 1000.
local function coordinates(points)
  if not points then return nil end
  local scaled = (canvases.fitted(points, 1000) + 0.5):floor():to "i32"
  return { x = json.array(scaled:narrow(2, 1, 1):reshape(-1):totable()),
    y = json.array(scaled:narrow(2, 2, 1):reshape(-1):totable()) }
end

local function list_of(tensor) return tensor and json.array(tensor:totable()) or nil end

local function tsne_page(tsne)
  return { count = tsne.count, total = tsne.total, epoch = tsne.epoch, before = coordinates(tsne.before),
    after = coordinates(tsne.after), beforeTitle = tsne.before_title, afterTitle = tsne.after_title,
    cameras = list_of(tsne.cameras), identities = list_of(tsne.identities), clusters = list_of(tsne.clusters) }
end

local function camera_text(camera) return ("cam %d"):format(camera) end

local function clusters_page(found, split, album)
  local function items(list)
    if not list then return nil end
    local out = json.array {}
    for i, item in ipairs(list) do
      out[i] = { image = album:add(split, item.row), frame = item.frame, cross = item.cross, pivot = item.pivot,
        caption = camera_text(item.camera) }
    end
    return out
  end
  local list = json.array {}
  for i, c in ipairs(found.list) do
    list[i] = { number = c.number, size = c.size, discarded = c.discarded, cameras = c.cameras, purity = c.purity,
      localSize = c.local_size, localCamera = c.local_camera, pivot = c.pivot ~= nil, global = items(c.global),
      locals = items(c.locals), refined = items(c.refined) }
  end
  return { epoch = found.epoch, list = list, total = found.total, refined = found.refined }
end

local function ranked_page(ranked, data, album)
  local query, gallery = data:query(), data:gallery()
  local function queries(list)
    local out = json.array {}
    for i, q in ipairs(list) do
      local hits = json.array {}
      for j, hit in ipairs(q.hits) do
        hits[j] = { image = album:add(gallery, hit.row), frame = hit.right and "kept" or "discarded",
          caption = camera_text(hit.camera) }
      end
      out[i] = { image = album:add(query, q.place - 1), path = text.visible(query:path(q.place)), ap = q.ap,
        first = q.first, caption = camera_text(q.camera), hits = hits }
    end
    return out
  end
  return { best = queries(ranked.best), worst = queries(ranked.worst) }
end

local function nearest_page(nearest, split, album)
  local list = json.array {}
  for i, item in ipairs(nearest.list) do
    local hits = json.array {}
    for j, hit in ipairs(item.hits) do
      hits[j] = { image = album:add(split, hit.row), caption = camera_text(hit.camera) }
    end
    list[i] = { image = album:add(split, item.row), caption = camera_text(item.camera), hits = hits }
  end
  return { list = list, several = nearest.several }
end

local function matrix_page(cameras)
  local values = json.array {}
  for q, row in ipairs(cameras.values) do
    values[q] = json.array {}
    for g, value in ipairs(row) do values[q][g] = value or json.null end
  end
  return { values = values, queries = cameras.queries }
end

--- calr.lab.pictures.page(gathered)
--- @param gathered  table; from calr.lab.pictures.gather
--- @return table  its part of the page's data: tsne, clusters, ranked, cameras, figures, images (data URIs), paths,
---                notes
function pictures.page(gathered)
  local record, album = gathered.record, thumbs.album(MOST_IMAGES)
  local out = { figures = gathered.figures, notes = gathered.notes }
  out.tsne = gathered.tsne and tsne_page(gathered.tsne)
  out.clusters = gathered.clusters and clusters_page(gathered.clusters, record.split, album)
  out.ranked = gathered.ranked and ranked_page(gathered.ranked, record.data, album)
  out.nearest = gathered.nearest and nearest_page(gathered.nearest, record.split, album)
  out.cameras = gathered.cameras and matrix_page(gathered.cameras)
  out.images, out.paths = album.images, album.paths
  return out
end

--- calr.lab.pictures.paint(gathered)
--- @param gathered  table; from calr.lab.pictures.gather
--- @return canvas  the pictures below each other: canvas:save(path)
function pictures.paint(gathered)
  return require("calr.lab.pictures.poster").paint(gathered)
end

return (require("calr.options").counted("calr.lab.pictures.", pictures))
