--- @module calr.lab.pictures.poster
--- The pictures of a run on one canvas, for a PNG file. Behind calr.lab.pictures.paint.

local canvases = require "calr.lab.pictures.canvas"
local sheet = require "calr.lab.pictures.sheet"
local text = require "calr.text"

local poster = {}

local WIDTH, MARGIN, PANEL, GAP = 1400, 16, 440, 24
local LINE, SMALL = canvases.line(2), canvases.line(1)
local SHOWN = 12 -- identities and clusters that have colours of their own

-- ---- the plane ----

-- The numbers that get colours, the most frequent first: number -> place from 0; and how many.
local function coloured(numbers, most)
  local count, order = {}, {}
  for _, number in ipairs(numbers) do
    if number >= 0 then
      if not count[number] then order[#order + 1] = number end
      count[number] = (count[number] or 0) + 1
    end
  end
  table.sort(order, function(a, b)
    if most and count[a] ~= count[b] then return count[a] > count[b] end
    return a < b
  end)
  local places, shown = {}, math.min(#order, most or #order)
  for i = 1, shown do places[order[i]] = i - 1 end
  return places, shown, #order
end

-- A panel of points at (left, top), each coloured by its number; the grey ones lie below.
local function panel(canvas, points, numbers, most, left, top)
  local places, shown = coloured(numbers, most)
  local list = canvases.fitted(points, PANEL - 16):totable()
  local radius = #list > 2000 and 2 or #list > 500 and 2.6 or 3.6
  canvas:ink "rule"
  canvas:rectangle(left, top, PANEL, PANEL)
  canvas:ink "paper"
  canvas:rectangle(left + 1, top + 1, PANEL - 2, PANEL - 2)
  for pass = 1, 2 do
    for i, point in ipairs(list) do
      local place = places[numbers[i]]
      if (place ~= nil) == (pass == 2) then
        if place then canvas:ink(canvases.hue(place, shown), 0.85) else canvas:ink("grey", 0.8) end
        canvas:disc(left + 8 + point[1], top + 8 + point[2], radius)
      end
    end
  end
end

local function colourings(tsne)
  local list = {}
  if tsne.cameras then list[#list + 1] = { "camera", tsne.cameras:totable() } end
  for _, name in ipairs { "identity", "cluster" } do
    local numbers = name == "identity" and tsne.identities or name == "cluster" and tsne.clusters
    if numbers then list[#list + 1] = { name, numbers:totable(), SHOWN } end
  end
  if #list == 0 then
    local none = {}
    for i = 1, tsne.count do none[i] = 0 end
    list[1] = { "image", none }
  end
  return list
end

local function tsne_height(tsne)
  local rows = (tsne.before and 1 or 0) + (tsne.after and 1 or 0)
  return LINE + 8 + rows * (PANEL + LINE + SMALL + GAP)
end

local function put_tsne(canvas, tsne, y)
  local list, grey = colourings(tsne), false
  for _, colouring in ipairs(list) do
    local _, shown, all = coloured(colouring[2], colouring[3])
    grey = grey or shown < all
  end
  local of = tsne.count < tsne.total and ("%s of %s"):format(text.count(tsne.count), text.count(tsne.total))
    or "all " .. text.count(tsne.total)
  canvas:text(("t-SNE of the features of %s training images%s"):format(of, grey
    and ("; the %d largest identities and clusters have colours"):format(SHOWN) or ""), MARGIN, y,
    { width = WIDTH - 2 * MARGIN })
  y = y + LINE + 8
  for _, part in ipairs { { tsne.before, tsne.before_title }, { tsne.after, tsne.after_title } } do
    local points, title = part[1], part[2]
    if points then
      for i, colouring in ipairs(list) do
        local left = MARGIN + (i - 1) * (PANEL + GAP)
        canvas:text(("%s, by %s"):format(title, colouring[1]), left, y, { width = PANEL })
        panel(canvas, points, colouring[2], colouring[3], left, y + LINE + 2)
      end
      y = y + PANEL + LINE + SMALL + GAP
    end
  end
end

-- ---- the matrix ----

local CELL = 64

local function matrix_height(cameras)
  return 2 * LINE + 16 + (#cameras.values + 1) * math.min(CELL, (WIDTH - 2 * MARGIN) // (#cameras.values + 2))
end

-- From light to dark, as on the page.
local steps = { { 223, 230, 234 }, { 180, 205, 221 }, { 127, 176, 208 }, { 70, 140, 188 }, { 30, 99, 153 },
  { 10, 54, 96 } }

local function shade(t)
  local at = math.max(0, math.min(1, t)) * (#steps - 1)
  local i = math.min(math.floor(at), #steps - 2)
  local c = {}
  for k = 1, 3 do c[k] = steps[i + 1][k] + (at - i) * (steps[i + 2][k] - steps[i + 1][k]) end
  return c, at > 2.6
end

local function put_matrix(canvas, cameras, y)
  canvas:text("mAP in % by camera of the query (down) and of the gallery (across)", MARGIN, y)
  y = y + LINE + 8
  local count = #cameras.values
  local cell = math.min(CELL, (WIDTH - 2 * MARGIN) // (count + 2))
  local scale = cell >= 48 and 2 or 1
  local low, high = math.huge, -math.huge
  for _, row in ipairs(cameras.values) do
    for _, value in ipairs(row) do
      if value then low, high = math.min(low, value), math.max(high, value) end
    end
  end
  local middle = (cell - canvases.line(scale)) // 2
  for g = 1, count do canvas:text(("%d"):format(g - 1), MARGIN + g * cell + cell // 3, y + middle,
    { colour = "muted", scale = scale }) end
  for q = 1, count do
    local top = y + q * cell
    canvas:text(("%d"):format(q - 1), MARGIN + cell // 3, top + middle, { colour = "muted", scale = scale })
    for g = 1, count do
      local value = cameras.values[q][g]
      if value then
        local colour, dark = shade(high > low and (value - low) / (high - low) or 0.5)
        canvas:ink(colour)
        canvas:rectangle(MARGIN + g * cell + 1, top + 1, cell - 2, cell - 2)
        canvas:text(("%.1f"):format(100 * value), MARGIN + g * cell + 6, top + middle,
          { colour = dark and "paper" or "ink", scale = scale, width = cell - 8 })
      end
    end
  end
end

-- ---- images ----

local function cluster_sections(clusters, split)
  local sections = {}
  local function add(title, list)
    if not list then return end
    local items = {}
    for i, item in ipairs(list) do
      items[i] = { jpeg = split:jpeg(item.row + 1), frame = item.frame, cross = item.cross,
        captions = { ("cam %d"):format(item.camera), item.pivot and "pivot" or nil } }
    end
    sections[#sections + 1] = { title = title, items = items }
  end
  for _, c in ipairs(clusters.list) do
    add(("Cluster %d: %d images of %d camera%s%s%s"):format(c.number, c.size, c.cameras, c.cameras == 1 and "" or "s",
      c.discarded > 0 and (", %d discarded"):format(c.discarded) or "",
      #c.global < c.size and (", %d shown"):format(#c.global) or ""), c.global)
    add(c.local_size and ("  local cluster %s: %d image%s of camera %d"):format(c.pivot and "of its pivot"
      or "of most members", c.local_size, c.local_size == 1 and "" or "s", c.local_camera), c.locals)
    if c.discarded > 0 then add(c.discarded < c.size and "  refined" or "  refined: nothing is left", c.refined) end
  end
  return sections
end

local function ranked_sections(ranked, data)
  local query, gallery, sections = data:query(), data:gallery(), {}
  for _, part in ipairs { { "Best", ranked.best }, { "Worst", ranked.worst } } do
    for _, q in ipairs(part[2]) do
      local items = { { jpeg = query:jpeg(q.place), frame = "query", captions = { ("cam %d"):format(q.camera) } } }
      for _, hit in ipairs(q.hits) do
        items[#items + 1] = { jpeg = gallery:jpeg(hit.row + 1), frame = hit.right and "kept" or "discarded",
          captions = { ("cam %d"):format(hit.camera) } }
      end
      sections[#sections + 1] = { title = ("%s: AP %.1f %%, first match at rank %d"):format(part[1], 100 * q.ap,
        q.first), items = items }
    end
  end
  return sections
end

local function nearest_sections(nearest, split)
  local sections = {}
  for i, item in ipairs(nearest.list) do
    local items = { { jpeg = split:jpeg(item.row + 1), frame = "query",
      captions = { ("cam %d"):format(item.camera) } } }
    for _, hit in ipairs(item.hits) do
      items[#items + 1] = { jpeg = split:jpeg(hit.row + 1), captions = { ("cam %d"):format(hit.camera) } }
    end
    sections[i] = { items = items }
  end
  return sections
end

-- ---- all together ----

--- calr.lab.pictures.poster.paint(gathered)
--- @param gathered  table; from calr.lab.pictures.gather
--- @return canvas
function poster.paint(gathered)
  local record, parts, total = gathered.record, {}, MARGIN
  local function add(height, put)
    parts[#parts + 1] = { y = total, put = put }
    total = total + height + GAP
  end
  if gathered.tsne then
    add(tsne_height(gathered.tsne), function(canvas, y) put_tsne(canvas, gathered.tsne, y) end)
  end
  local function add_sheet(lines, sections)
    if #sections == 0 then return end
    local part = sheet.paint { lines = lines, sections = sections, width = WIDTH }
    add(part.height, function(canvas, y) canvas:tile(part:picture(), 0, y) end)
  end
  if gathered.clusters then
    local found, lines = gathered.clusters, {}
    lines[1] = ("Clusters of epoch %d%s"):format(found.epoch, found.refined and ": kept green, discarded red" or "")
    for _, c in ipairs(found.list) do
      if c.purity then lines[2] = "A black corner marks another identity than the cluster's most frequent one." end
    end
    add_sheet(lines, cluster_sections(found, record.split))
  end
  if gathered.ranked then
    add_sheet({ "Ranked lists: the query blue, the same person green, others red" },
      ranked_sections(gathered.ranked, record.data))
  end
  if gathered.nearest then
    add_sheet({ ("Training images in blue, and those nearest to them%s"):format(gathered.nearest.several
      and " from other cameras" or "") }, nearest_sections(gathered.nearest, record.split))
  end
  if gathered.cameras then
    add(matrix_height(gathered.cameras), function(canvas, y) put_matrix(canvas, gathered.cameras, y) end)
  end
  if #parts == 0 then error("there is nothing to draw: " .. table.concat(gathered.notes, "; "), 0) end
  local canvas = canvases.new(WIDTH, total)
  for _, part in ipairs(parts) do part.put(canvas, part.y) end
  return canvas
end

return (require("calr.options").counted("calr.lab.pictures.poster.", poster))
