---@meta calr.frozen
-- Made by `calr docs`; do not edit.

--- Convolutions for inference. The weights are copied once, in the order that the kernels want;
--- bias, residual and ReLU are added while a result is still in registers. There are no gradients.
--- layer:folded() builds an inference form of a whole network on it.
---@class calr.frozen
local M = {}

---@class frozen
local frozen = {}

--- Frees the weights now rather than at a collection. Twice is fine.
function frozen:close() end

--- A convolution with weights that stay as they are now, times scale. The result is called as
--- conv(x [, residual [, overwrite]]): y = max(0, conv(x, w) + bias + residual), without the
--- maximum when relu is false. With overwrite=true y may take the memory of the residual, whose
--- numbers are gone then: less memory is read and written.
---@param w any f32[out x in/groups x kh x kw]
---@param options any
--- - `scale`: f32[out]: a factor for each output's weights
--- - `bias`: f32[out]
---@return frozen # x: [n x h x w x in], f32 or bf16 -> [n x h' x w' x out] of the same type, as the residual must be
function M.conv(w, options) end

--- What computes the convolution for images of this size: the name of oneDNN's implementation, or
--- "portable: im2col".
---@param n any
---@param h any
---@param w any
---@param residual any whether one is added
---@return string
function frozen:name(n, h, w, residual) end

return M
