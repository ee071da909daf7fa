-- Reduces what `calr draw` and `calr why` have painted to the pictures of docs/guide/pictures.md.
-- calr run docs/images/pictures.lua from=tsne.png to=docs/images/tsne.jpg
local calr = require "calr"
local image = calr.image

local option = calr.config.option
local cfg = calr.config {
  from = option("tsne.png", "a PNG file"),
  to = option("small.png", "the picture, .png or .jpg"),
  width = option(1000, "of the result, in pixels"),
  right = option(0, "columns of the file that are left out at its right side, in pixels"),
  top = option(0, "first row of the file that is shown, in pixels"),
  rows = option(0, "rows of the file that are shown; 0: all"),
}

local pixels = image.load_png(cfg.from)
local rows = cfg.rows > 0 and cfg.rows or pixels:size(1) - cfg.top
pixels = pixels:narrow(1, cfg.top + 1, rows):narrow(2, 1, pixels:size(2) - cfg.right):contiguous()
local small = image.resize(pixels, { width = cfg.width, height = cfg.width * pixels:size(1) // pixels:size(2) })
if cfg.to:match "%.png$" then
  image.save_png(small, cfg.to)
else
  calr.sys.write_file(cfg.to, image.encode(small, { quality = 80 }))
end
