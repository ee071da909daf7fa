---@meta calr.bench.layers
-- Made by `calr docs`; do not edit.

--- calr bench layers: the roofline of a training step, layer by layer: operations, bytes, what they allow at least, and
--- the time each pass took.
---@class calr.bench.layers
local M = {}

--- A table of layers and its sum, then a row for each kind of pass. "%" is the share of the limit, max(operations /
--- rate of products, bytes / rate of the memory), in the measured time.
---@param bench any
---@param options any
function M.rows(bench, options) end

return M
