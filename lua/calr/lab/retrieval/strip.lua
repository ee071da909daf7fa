--- @module calr.lab.retrieval.strip
--- Strips of pictures: a query, then what it found; green and red frames where identities are known.

local image = require "calr.image"
local sheet = require "calr.data.sheet"
local sys = require "calr.sys"

local strip = {}

local function fail(...) error((...):format(select(2, ...)), 0) end

local function tile(bytes, caption, path, frame)
  return { jpeg = bytes, caption = caption, path = path, frame = frame }
end

local function frame_of(hit)
  if hit.match == nil then return nil end
  return hit.match and "green" or "red"
end

-- One strip; a picture that is missing is left out, and counted.
local function row_of(list, side)
  local query, missing = list.query, 0
  local row = { caption = query.name, images = {} }
  local bytes = query.picture and query.picture()
  if bytes then row.images[1] = tile(bytes, "query", query.name) else missing = 1 end
  for _, hit in ipairs(list.hits) do
    local found = side.picture and side.picture(hit.row)
    if found then
      row.images[#row.images + 1] = tile(found, ("%d  %.3f"):format(hit.rank, hit.distance),
        ("%s, distance %.4f%s"):format(hit.name or "row " .. hit.row, hit.distance,
          hit.identity and (", identity %s"):format(hit.identity) or ""), frame_of(hit))
    else
      missing = missing + 1
    end
  end
  return row, missing
end

--- calr.lab.retrieval.strip.save(found, side, path [, {height=128}])
--- Writes the lists of a search as pictures: one PNG, or where the name ends in .html one page with the images inside.
--- @param found   from calr.lab.retrieval.search.run
--- @param side    the gallery
--- @param height  integer; of an image, in pixels
--- @return integer  pictures that were not to be had
function strip.save(found, side, path, o)
  local height, rows, missing, shown = o and o.height or 128, {}, 0, 0
  for i, list in ipairs(found.queries) do
    local lacking
    rows[i], lacking = row_of(list, side)
    missing, shown = missing + lacking, shown + #rows[i].images
  end
  if shown == 0 then
    fail("%s cannot be painted: the images of %s are not known; name their folder or data set (--images)", path,
      side.title)
  end
  if path:match "%.html?$" then
    sys.write_file(path, sheet.page(rows, { height = height, title = "found in " .. side.title }))
  else
    image.save_png(sheet.picture(rows, { height = height }), path)
  end
  return missing
end

return (require("calr.options").counted("calr.lab.retrieval.strip.", strip))
