---@meta calr.bench.step
-- Made by `calr docs`; do not edit.

--- calr bench step: where the time of a training step goes, kernel by kernel, and what is left outside of kernels.
---@class calr.bench.step
local M = {}

--- Tables of the step that took the median time of --repeat, counted with calr.meter; then a row for the step without
--- counting and one for the time outside of kernels.
---@param bench any
---@param options any
function M.rows(bench, options) end

return M
