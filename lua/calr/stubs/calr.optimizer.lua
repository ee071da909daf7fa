---@meta calr.optimizer
-- Made by `calr docs`; do not edit.

--- Single steps of optimisers on one parameter, in place. calr.optim is what training scripts use:
--- it keeps the state and steps over a list of parameters.
---@class calr.optimizer
local M = {}

--- One step of Adam as PyTorch defines it: g = dw + weight_decay w; m = beta1 m + (1 - beta1) g;
--- v = beta2 v + (1 - beta2) g^2; w -= lr / (1 - beta1^step) m / (sqrt(v / (1 - beta2^step)) +
--- eps).
---@param w any f32, changed in place
---@param dw any its gradient
---@param m any first moment, zeros at first, changed in place
---@param v any second moment, likewise
---@param options any
--- - `step`: of this call; the first is 1
function M.adam(w, dw, m, v, options) end

--- One step of stochastic gradient descent as PyTorch defines it: g = dw + weight_decay w; b =
--- momentum b + g; w -= lr (nesterov and g + momentum b or b).
---@param w any f32, changed in place
---@param dw any its gradient
---@param velocity any b, zeros at first, changed in place; nil when momentum is 0
---@param options any
function M.sgd(w, dw, velocity, options) end

return M
