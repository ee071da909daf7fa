---@meta calr.image
-- Made by `calr docs`; do not edit.

--- Single images: reading, writing, resizing. An image is a tensor u8[height x width x 3], RGB.
--- Batches for training come from calr.loader, which does all this in worker threads.
---@class calr.image
local M = {}

--- Decodes a JPEG file held in a string. Gray and CMYK become RGB; a truncated or corrupt file is
--- an error.
---@param bytes any string
---@param options any
--- - `pixel_limit`: larger images (width x height) are refused before decoding
---@return tensor # u8[height x width x 3]
function M.decode(bytes, options) end

--- Decodes a JPEG file.
---@param path any string
---@param options any
--- - `pixel_limit`: as for decode
---@return tensor # u8[height x width x 3]
function M.decode_file(path, options) end

--- Reads the header of a JPEG file held in a string, without decoding it.
---@param bytes any string; the first kilobytes of a file are enough when its header lies there
---@return table # {width=, height=, color="rgb"|"gray"|"cmyk"}
function M.probe(bytes) end

--- Encodes an image as JPEG. The same pixels give the same bytes.
---@param image any tensor u8[height x width x 3]
---@param options any
--- - `quality`: 1 to 100
--- - `chroma`: resolution of the colours: "444" full, "422" halved across, "420" halved both ways, as cameras do
---@return string # the bytes of the file
function M.encode(image, options) end

--- Resizes as Pillow's Image.resize does (antialiased), to the same bits.
---@param image any tensor u8[height x width x 3]
---@param options any
--- - `height`: of the result
--- - `width`: of the result
--- - `filter`: "bicubic" or "bilinear"
---@return tensor # u8[height x width x 3]
function M.resize(image, options) end

--- Writes a PNG file, whole or not at all.
---@param image any tensor u8[height x width x 3], or u8[height x width] for gray
---@param path any string
function M.save_png(image, path) end

--- Reads a PNG file of any kind as RGB; transparent pixels are laid on black.
---@param path any string
---@return tensor # u8[height x width x 3]
function M.load_png(path) end

return M
