---@meta calr.bench.train
-- Made by `calr docs`; do not edit.

--- calr bench train: one training step, beside PyTorch.
---@class calr.bench.train
local M = {}

--- One row, and with --scaling three more for one thread against all. The limit counts the operations of convolutions
--- and products as they are defined.
---@param bench any
---@param options any
function M.rows(bench, options) end

return M
