--- @module calr.lab.pictures.sheet
--- Rows of images under their titles, framed, with words below each: for PNG files.

local canvases = require "calr.lab.pictures.canvas"

local sheet = {}

local GAP, FRAME, MARGIN = 6, 4, 16
local LINE, SMALL = canvases.line(2), canvases.line(1)

-- The tiles of a section, in rows that fit the width: list of rows, each a list of {item=, pixels=, width=}.
local function rows_of(section, width, height)
  local rows, row, used = {}, {}, 0
  for _, item in ipairs(section.items) do
    local pixels = canvases.tile_of(item.jpeg, height)
    local wide = pixels:size(2) + 2 * FRAME
    if used + wide > width and #row > 0 then
      rows[#rows + 1], row, used = row, {}, 0
    end
    row[#row + 1] = { item = item, pixels = pixels, width = wide }
    used = used + wide + GAP
  end
  rows[#rows + 1] = #row > 0 and row or nil
  return rows
end

local function captions_of(section)
  local most = 0
  for _, item in ipairs(section.items) do most = math.max(most, #(item.captions or {})) end
  return most
end

local function put_row(canvas, row, y, height)
  local x = MARGIN
  for _, tile in ipairs(row) do
    local item = tile.item
    canvas:tile(tile.pixels, x + FRAME, y + FRAME)
    if item.frame then canvas:box(x, y, tile.width, height + 2 * FRAME, item.frame, FRAME) end
    if item.cross then -- another person than the rest: a corner that shows without colours too
      canvas:box(x + tile.width - 18, y, 18, 18, "paper", 9)
      canvas:box(x + tile.width - 16, y, 16, 16, "ink", 8)
    end
    for i, caption in ipairs(item.captions or {}) do
      canvas:text(caption, x + FRAME, y + height + 2 * FRAME + 2 + (i - 1) * SMALL,
        { colour = "muted", scale = 1, width = tile.width + GAP })
    end
    x = x + tile.width + GAP
  end
end

--- calr.lab.pictures.sheet.paint{lines=, sections=, width=1400, height=128}
--- @param lines     list of strings above all
--- @param sections  list of {title=, note=, items = list of {jpeg=, frame=, cross=, captions=}}: frame is the name of a
---                  colour of calr.lab.pictures.canvas, cross marks an image, captions are lines below it
--- @param width     pixels of the whole
--- @param height    pixels of an image
--- @return canvas
function sheet.paint(o)
  local width, height = o.width or 1400, o.height or 128
  local total, plan = MARGIN + #o.lines * (LINE + 2), {}
  for i, section in ipairs(o.sections) do
    local rows, captions = rows_of(section, width - 2 * MARGIN, height), captions_of(section)
    local step = height + 2 * FRAME + captions * SMALL + GAP + 2
    plan[i] = { rows = rows, step = step }
    total = total + (section.title and LINE + 10 or 4) + (section.note and SMALL + 4 or 0) + #rows * step
  end
  local canvas = canvases.new(width, total + MARGIN)
  local y = MARGIN
  for _, line in ipairs(o.lines) do
    canvas:text(line, MARGIN, y, { width = width - 2 * MARGIN })
    y = y + LINE + 2
  end
  for i, section in ipairs(o.sections) do
    y = y + 4
    if section.title then
      canvas:text(section.title, MARGIN, y + 2, { width = width - 2 * MARGIN })
      y = y + LINE + 6
    end
    if section.note then
      canvas:text(section.note, MARGIN, y, { colour = "muted", scale = 1, width = width - 2 * MARGIN })
      y = y + SMALL + 4
    end
    for _, row in ipairs(plan[i].rows) do
      put_row(canvas, row, y, height)
      y = y + plan[i].step
    end
  end
  return canvas
end

return (require("calr.options").counted("calr.lab.pictures.sheet.", sheet))
