---@meta calr.bench.infer
-- Made by `calr docs`; do not edit.

--- calr bench infer: features of a batch, beside PyTorch.
---@class calr.bench.infer
local M = {}

--- A row for the folded network, and with --unfolded one for the other.
---@param bench any
---@param options any
function M.rows(bench, options) end

return M
