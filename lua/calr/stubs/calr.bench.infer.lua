---@meta calr.bench.infer
-- Made by `calr docs`; do not edit.

--- calr bench infer: features of a batch, beside PyTorch.
---@class calr.bench.infer
local M = {}

--- A row for the folded network (in bf16 it computes in f32 where the processor has no bf16), with --unfolded one for
--- the other, with --features N one for a data set's features.
---@param bench any
---@param options any
function M.rows(bench, options) end

return M
