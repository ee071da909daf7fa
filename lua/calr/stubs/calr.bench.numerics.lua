---@meta calr.bench.numerics
-- Made by `calr docs`; do not edit.

--- calr bench numerics: the gradients of a batch and the losses of an epoch, against PyTorch's in f32 and in f64.
---
--- Both programs get the same weights, images and memory, in a temporary folder. The peer computes the gradients of
--- the first batch in f64, and says how far from them calr's are and how far its own f32 ones.
---
--- Where what a ReLU is given lies within rounding of zero, or two pixels of a pooling window within rounding of each
--- other, one computation decides this way and another that way, and the gradients follow. So calr's are also compared
--- with those in f64 where all these decisions are calr's: that distance is the arithmetic's alone.
---@class calr.bench.numerics
local M = {}

--- Two tables: distances of gradients, and of loss curves, from the last line, which is PyTorch in f64.
---@param bench any
---@param options any
function M.rows(bench, options) end

return M
