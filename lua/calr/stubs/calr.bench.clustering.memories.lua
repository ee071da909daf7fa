---@meta calr.bench.clustering.memories
-- Made by `calr docs`; do not edit.

--- Rows of calr bench cluster: a step of each memory: unit features, loss, gradient of the features, update.
---@class calr.bench.clustering.memories
local M = {}

--- A row for each memory. The cluster memory has two peers: the update sample by sample in Python, as this field's code
--- has it, and the same by whole tensors.
---@param bench any
---@param options any
function M.memories(bench, options) end

return M
