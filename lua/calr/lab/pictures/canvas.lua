--- @module calr.lab.pictures.canvas
--- A white canvas for pictures in PNG files: text, discs and rectangles, images of a data set and frames around them.

local font = require "calr.data.font"
local image = require "calr.image"
local paint = require "calr.paint"
local T = require "calr.tensor"

local canvas = {}

local Canvas = {}
Canvas.__index = Canvas

local LARGEST = 8192 -- pixels of a side, of calr.paint

--- calr.lab.pictures.canvas.colours
--- Colours by name, 0 .. 255: those of the report's page on white paper.
canvas.colours = {
  ink = { 27, 30, 34 }, muted = { 102, 106, 112 }, rule = { 220, 220, 214 }, grey = { 200, 202, 200 },
  kept = { 32, 140, 70 }, discarded = { 200, 30, 30 }, query = { 21, 91, 181 }, outlier = { 131, 145, 160 },
  paper = { 255, 255, 255 },
}

--- calr.lab.pictures.canvas.hue(i, count)
--- One of `count` colours around the circle, the same as on the page.
--- @param i  integer, from 0
--- @return table  {r, g, b}, 0 .. 255
function canvas.hue(i, count)
  local few = { { 21, 91, 181 }, { 217, 120, 10 }, { 15, 90, 67 }, { 122, 45, 117 }, { 174, 118, 68 },
    { 69, 151, 220 }, { 117, 128, 111 }, { 131, 59, 0 } }
  if count <= #few then return few[i + 1] end
  local hue, light = (i * 360 / count) % 360, i % 2 == 0 and 0.42 or 0.6
  local chroma = (1 - math.abs(2 * light - 1)) * 0.72
  local function channel(shift)
    local k = (shift + hue / 30) % 12
    return math.floor(255 * (light - chroma / 2 * math.max(-1, math.min(k - 3, 9 - k, 1))) + 0.5)
  end
  return { channel(0), channel(8), channel(4) }
end

--- calr.lab.pictures.canvas.new(width, height)
--- @param width   pixels, at most 8192; so is height
--- @return canvas
function canvas.new(width, height)
  if width > LARGEST or height > LARGEST then
    error(("the picture would be %d x %d pixels, and may have %d on a side: show less, or write a page (.html)"):format(
      width, height, LARGEST), 0)
  end
  local scene = paint.scene(width, height)
  scene:color { 1, 1, 1 }
  scene:rectangle(0, 0, width, height)
  return setmetatable({ width = width, height = height, scene = scene, tiles = {}, boxes = {} }, Canvas)
end

--- canvas:ink(colour [, alpha])
--- The colour of the shapes to come: a name of calr.lab.pictures.canvas.colours, or {r, g, b}.
function Canvas:ink(colour, alpha)
  local c = type(colour) == "table" and colour or canvas.colours[colour]
  self.scene:color({ c[1] / 255, c[2] / 255, c[3] / 255 }, alpha or 1)
end

--- canvas:rectangle(x, y, width, height)
function Canvas:rectangle(x, y, width, height)
  self.scene:rectangle(x, y, x + width, y + height)
end

--- canvas:disc(x, y, radius)
function Canvas:disc(x, y, radius)
  self.scene:ellipse(x, y, radius, radius)
end

--- canvas:text(words, x, y [, {colour="ink", width=, scale=2}])
--- Writes a line, its top left corner at (x, y), under the images; what goes beyond `width` pixels is cut off.
--- @param scale  pixels of the canvas for one of the font
function Canvas:text(words, x, y, options)
  local o = options or {}
  local scale = o.scale or 2
  if o.width then words = words:sub(1, math.max(0, font.columns(o.width // scale))) end
  self:ink(o.colour or "ink")
  for _, r in ipairs(font.strokes(words)) do
    self:rectangle(x + scale * r[1], y + scale * r[2], scale * r[3], scale * r[4])
  end
end

--- calr.lab.pictures.canvas.line(scale)
--- @param scale  of the text; default 2
--- @return integer  the height of a line of text, in pixels
function canvas.line(scale)
  return font.height() * (scale or 2)
end

--- canvas:tile(pixels, x, y)
--- Puts an image onto the canvas, over the shapes.
--- @param pixels  u8[h x w x 3]
function Canvas:tile(pixels, x, y)
  table.insert(self.tiles, { pixels, x, y })
end

--- canvas:box(x, y, width, height, colour, thickness)
--- A frame inside the rectangle, over the images.
function Canvas:box(x, y, width, height, colour, thickness)
  table.insert(self.boxes, { x, y, width, height, canvas.colours[colour] or colour, thickness })
end

-- Fills a rectangle of the picture, as far as it lies inside.
local function fill(picture, x, y, width, height, colour)
  local h, w = picture:size(1), picture:size(2)
  local right, bottom = math.min(w, x + width), math.min(h, y + height)
  x, y = math.max(0, x), math.max(0, y)
  if right <= x or bottom <= y then return end
  local part = picture:narrow(1, y + 1, bottom - y):narrow(2, x + 1, right - x)
  for channel = 1, 3 do part:narrow(3, channel, 1):fill(colour[channel]) end
end

local function frame(picture, x, y, width, height, colour, t)
  fill(picture, x, y, width, t, colour)
  fill(picture, x, y + height - t, width, t, colour)
  fill(picture, x, y, t, height, colour)
  fill(picture, x + width - t, y, t, height, colour)
end

--- canvas:picture()
--- @return tensor  u8[height x width x 3]
function Canvas:picture()
  local picture = paint.render({ self.scene }, { height = self.height, width = self.width })
    :view(self.height, self.width, 3)
  for _, tile in ipairs(self.tiles) do
    local pixels, x, y = table.unpack(tile)
    picture:narrow(1, y + 1, pixels:size(1)):narrow(2, x + 1, pixels:size(2)):copy(pixels)
  end
  for _, box in ipairs(self.boxes) do frame(picture, table.unpack(box)) end
  return picture
end

--- canvas:save(path)
--- Writes the picture as a PNG file, completely or not at all.
function Canvas:save(path)
  image.save_png(self:picture(), path)
end

--- calr.lab.pictures.canvas.fitted(points, side)
--- Moves and scales points into a square, its longer extent from side to side, the shorter in the middle.
--- @param points  f32[n x 2]
--- @param side    of the square
--- @return tensor  f32[n x 2], 0 .. side
function canvas.fitted(points, side)
  local low, high = points:amin(1, { keepdim = true }), points:amax(1, { keepdim = true })
  local range = math.max((high - low):max():item(), 1e-9)
  return (points - (low + high) / 2) * (side / range) + side / 2
end

--- calr.lab.pictures.canvas.tile_of(bytes, height)
--- @param bytes  of an image file
--- @return tensor  u8[height x w x 3]; the image at that height, at most 4 times as wide. An image that does not decode
---                 is a grey tile
function canvas.tile_of(bytes, height)
  local ok, pixels = pcall(image.decode, bytes)
  if not ok then return T.full({ height, height // 2, 3 }, 200, "u8") end
  local wide = math.min(math.max(1, pixels:size(2) * height // pixels:size(1)), 4 * height)
  return image.resize(pixels, { height = height, width = wide })
end

return canvas
