--- @module calr.data.sheet
--- Contact sheets: some images of a data set, a row an identity or a camera, as a picture or as a page.

local font = require "calr.data.font"
local image = require "calr.image"
local layout = require "calr.data.layout"
local rng = require "calr.rng"
local T = require "calr.tensor"
local text = require "calr.text"

local sheet = {}

local GAP = 4 -- pixels around a tile
local FRAME = 3 -- pixels of a frame, in the gap

-- Of frames: their lightness differs, too, for those who see red and green alike.
local colours = { green = { 0, 158, 96 }, red = { 213, 30, 30 } }

-- The images of a split by the number in a field: list of {number=, images=list of positions from 1}.
local function groups_of(numbers)
  local groups, by_number = {}, {}
  for i, number in ipairs(numbers) do
    if not by_number[number] then
      by_number[number] = { number = number, images = {} }
      groups[#groups + 1] = by_number[number]
    end
    table.insert(by_number[number].images, i)
  end
  table.sort(groups, function(a, b) return a.number < b.number end)
  return groups
end

-- At most `most` of a list, drawn at random, in their order.
local function some(list, most, stream)
  local order, kept = {}, {}
  for i = 1, #list do order[i] = i end
  stream:shuffle(order)
  for i = 1, math.min(most, #list) do kept[i] = order[i] end
  table.sort(kept)
  for i, at in ipairs(kept) do kept[i] = list[at] end
  return kept
end

local function plural(count, one, many) return ("%s %s"):format(text.count(count), count == 1 and one or many) end

local function distinct(values, images)
  local seen, count = {}, 0
  for _, i in ipairs(images) do
    if not seen[values[i]] then seen[values[i]], count = true, count + 1 end
  end
  return count
end

-- What an identity is called: under an image, and above a row.
local function tag(number, split)
  if number == -1 then return split == "gallery" and "junk" or "unknown" end
  return number == 0 and split == "gallery" and "nobody" or tostring(number)
end

local function person(number, split)
  local name = tag(number, split)
  return tonumber(name) and "identity " .. name or name
end

--- calr.data.sheet.rows(dataset, {split="train", by="identity", rows=8, columns=10, seed=0})
--- Chooses what a contact sheet shows, at random by the seed: identities (or cameras), and of each some images, by
--- camera (or identity).
--- @param split  "train", "query", "gallery" or "multi"
--- @param by     "identity" or "camera"
--- @return table  list of {caption=, images= list of {jpeg=, caption=, path=}}
function sheet.rows(dataset, o)
  local split = o.split == "gallery" and dataset:gallery { junk = true } or dataset[o.split](dataset)
  if split:count() == 0 then layout.fail("%s has no images in its split %s", dataset:name(), o.split) end
  local identities, cameras = split:identities():totable(), split:cameras():totable()
  local by_camera = o.by == "camera"
  local own, other = by_camera and cameras or identities, by_camera and identities or cameras
  local stream = rng.open { seed = o.seed, purpose = "contact sheet" }
  local rows = {}
  for i, group in ipairs(some(groups_of(own), o.rows, stream)) do
    local row = { images = {}, caption = ("%s: %s, %s"):format(
      by_camera and "camera " .. group.number or person(group.number, o.split),
      plural(#group.images, "image", "images"), plural(distinct(other, group.images),
        by_camera and "identity" or "camera", by_camera and "identities" or "cameras")) }
    local chosen = some(group.images, o.columns, stream)
    table.sort(chosen, function(a, b)
      if other[a] ~= other[b] then return other[a] < other[b] end
      return a < b
    end)
    for j, at in ipairs(chosen) do
      row.images[j] = { jpeg = split:jpeg(at), path = split:path(at),
        caption = by_camera and tag(other[at], o.split) or "cam " .. other[at] }
    end
    rows[i] = row
  end
  return rows
end

-- A rectangle of one colour around a tile.
local function frame(canvas, name, top, left, height, width)
  local colour = colours[name]
  local place = canvas:narrow(1, top + 1 - FRAME, height + 2 * FRAME):narrow(2, left + 1 - FRAME, width + 2 * FRAME)
  for c = 1, 3 do place:narrow(3, c, 1):copy(T.full({ height + 2 * FRAME, width + 2 * FRAME, 1 }, colour[c], "u8")) end
end

--- calr.data.sheet.picture(rows, {height=128})
--- Paints a contact sheet: each row below its caption, each image above its own, all of one height. An image with
--- frame = "green" or "red" has a frame of that colour.
--- @return tensor  u8[height x width x 3]
function sheet.picture(rows, o)
  local height, line, most, tiles = o.height, font.height(), 0, {}
  for r, row in ipairs(rows) do
    local width = GAP
    tiles[r] = {}
    for i, item in ipairs(row.images) do
      local pixels = image.decode(item.jpeg)
      local wide = math.min(math.max(1, pixels:size(2) * height // pixels:size(1)), 8 * height)
      tiles[r][i] = image.resize(pixels, { height = height, width = wide })
      width = width + wide + GAP
    end
    most = math.max(most, width, 40 * GAP)
  end
  local step = height + 2 * line + 3 * GAP
  local canvas = T.full({ #rows * step + GAP, most, 3 }, 255, "u8")
  for r, row in ipairs(rows) do
    local top, x = (r - 1) * step + GAP, GAP
    font.write(canvas, row.caption, GAP, top)
    for i, tile in ipairs(tiles[r]) do
      local wide, framed = tile:size(2), row.images[i].frame
      if framed then frame(canvas, framed, top + line + GAP, x, height, wide) end
      canvas:narrow(1, top + line + GAP + 1, height):narrow(2, x + 1, wide):copy(tile)
      local caption = row.images[i].caption:sub(1, font.columns(wide))
      font.write(canvas, caption, x, top + line + GAP + height + FRAME, 96)
      x = x + wide + GAP
    end
  end
  return canvas
end

local function escape(words)
  return (text.visible(words):gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ["\""] = "&quot;" }))
end

local style = "body{font:14px sans-serif;margin:2em}h1{font-size:20px}h2{font-size:15px;margin:1.2em 0 .3em}"
  .. "figure{display:inline-block;margin:0 9px 6px 0}img{height:%dpx;display:block}"
  .. "figcaption{color:#555;font-size:12px;margin-top:4px}.green{outline:3px solid #009e60}"
  .. ".red{outline:3px dashed #d51e1e}"
  .. "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}figcaption{color:#aaa}}"

--- calr.data.sheet.page(rows, {height=128, title=})
--- The same as a page of HTML in one file, the images inside as they are in the data set; the path of each shows when
--- the pointer rests on it.
--- @return string
function sheet.page(rows, o)
  local parts = { ("<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"
    .. "<meta name=\"viewport\" content=\"width=device-width\"><title>%s</title><style>%s</style>"
    .. "</head><body><h1>%s</h1>"):format(escape(o.title), style:format(o.height), escape(o.title)) }
  for _, row in ipairs(rows) do
    parts[#parts + 1] = ("<h2>%s</h2>"):format(escape(row.caption))
    for _, item in ipairs(row.images) do
      parts[#parts + 1] = ("<figure><img%s src=\"data:image/%s;base64,%s\" title=\"%s\" alt=\"%s\"><figcaption>%s"
        .. "</figcaption></figure>"):format(item.frame and (" class=\"%s\""):format(item.frame)
        or "", image.probe(item.jpeg).format, text.base64(item.jpeg), escape(item.path),
        escape(item.path), escape(item.caption))
    end
  end
  parts[#parts + 1] = "</body></html>"
  return table.concat(parts, "\n") .. "\n"
end

return (require("calr.options").counted("calr.data.sheet.", sheet))
