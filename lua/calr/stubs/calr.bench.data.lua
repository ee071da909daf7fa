---@meta calr.bench.data
-- Made by `calr docs`; do not edit.

--- calr bench data: images of a store, decoded, resized, augmented and normalised into batches.
---@class calr.bench.data
local M = {}

--- Rows: decoding alone and whole batches, by one thread; whole batches by as many workers as there are threads. The
--- peer reads the same files; its worker processes are those of a DataLoader.
---@param bench any
---@param options any
function M.rows(bench, options) end

return M
