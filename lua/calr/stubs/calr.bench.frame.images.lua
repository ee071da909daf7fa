---@meta calr.bench.frame.images
-- Made by `calr docs`; do not edit.

--- Data sets for benchmarks: made in a temporary folder, or the user's.
---@class calr.bench.frame.images
local M = {}

---@return table # path=: a new folder; a value for <close>, which removes it and its files
function M.folder() end

--- The training images of a data set.
---@param path any of a file, or "" for a set of generated pictures of 128x64
---@param count any how many images are wanted of a generated set
---@param folder any as made by folder(), where it is written
---@param bench any
---@return split
function M.open(path, count, folder, bench) end

return M
