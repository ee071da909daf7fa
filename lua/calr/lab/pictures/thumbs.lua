--- @module calr.lab.pictures.thumbs
--- Small copies of images for a page: each image once, however often it is shown.

local image = require "calr.image"
local json = require "calr.json"
local text = require "calr.text"

local thumbs = {}

local Album = {}
Album.__index = Album

local HEIGHT, KEEP = 112, 3 * 1024 -- pixels; files up to this size stay as they are

--- calr.lab.pictures.thumbs.uri(bytes [, height])
--- @param bytes   of an image file
--- @param height  integer; larger images are reduced to it; default 112
--- @return string  a data URI
function thumbs.uri(bytes, height)
  local about = image.probe(bytes)
  if #bytes > KEEP and (about.height > (height or HEIGHT) or #bytes > 24 * 1024 or about.format == "bmp") then
    local pixels = image.decode(bytes)
    local h, w = pixels:size(1), pixels:size(2)
    if h > (height or HEIGHT) then
      pixels = image.resize(pixels, { height = height or HEIGHT, width = math.max(1, w * (height or HEIGHT) // h) })
    end
    bytes = image.encode(pixels, { quality = 82 })
  end
  return ("data:image/%s;base64,%s"):format(image.probe(bytes).format, text.base64(bytes))
end

--- calr.lab.pictures.thumbs.album(most)
--- @param most  integer; images it takes at most
--- @return album  with album:add(split, row) and album.images, the data URIs
function thumbs.album(most)
  return setmetatable({ images = json.array {}, paths = json.array {}, places = {}, most = most }, Album)
end

--- album:add(split, row)
--- @param split  of a data set
--- @param row    integer, from 0
--- @return integer  the image's place in album.images and album.paths, from 0; -1 when the album is full or the image
---                  does not decode
function Album:add(split, row)
  local key = ("%s/%d"):format(split:name(), row)
  if not self.places[key] then
    if #self.images >= self.most then return -1 end
    local ok, uri = pcall(thumbs.uri, split:jpeg(row + 1))
    if not ok then return -1 end
    self.images[#self.images + 1], self.paths[#self.paths + 1] = uri, text.visible(split:path(row + 1))
    self.places[key] = #self.images - 1
  end
  return self.places[key]
end

return thumbs
