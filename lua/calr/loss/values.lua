--- @module calr.loss.values
--- Losses between numbers that are known and numbers that are predicted.

local arguments = require "calr.options"
local common = require "calr.loss.common"

local values = {}

local function pair(what, input, target)
  local x, y = common.float(what, "input", input), common.float(what, "target", target)
  common.same_shape(what, "input", x, "target", y)
  return x - y
end

--- calr.loss.mse(input, target [, {reduction="mean"}])
--- Squared error (x - y)^2, as torch.nn.functional.mse_loss. Shapes must agree: a target f32[n] and a prediction
--- f32[n x 1] are an error.
--- @param input      f32[...], or f64 or bf16
--- @param target     f32[...], of the same shape
--- @param reduction  "mean", "sum" or "none"
--- @return tensor
function values.mse(input, target, options)
  local o = common.options("calr.loss.mse", options, { reduction = common.reduction })
  local d = pair("calr.loss.mse", input, target)
  return common.reduce(d * d, o.reduction)
end

--- calr.loss.l1(input, target [, {reduction="mean"}])
--- Absolute error |x - y|, as torch.nn.functional.l1_loss.
--- @param input      f32[...]
--- @param target     f32[...], of the same shape
--- @param reduction  "mean", "sum" or "none"
--- @return tensor
function values.l1(input, target, options)
  local o = common.options("calr.loss.l1", options, { reduction = common.reduction })
  return common.reduce(pair("calr.loss.l1", input, target):abs(), o.reduction)
end

-- d^2 / 2 up to delta, and the line delta (|d| - delta / 2) that continues it. The square is that of the clipped
-- difference, so that the gradient is exact on both sides.
local function huber(d, delta)
  local size = d:abs()
  local near = size:clamp(0, delta)
  return near * near * 0.5 + (size - near) * delta
end

--- calr.loss.huber(input, target [, {delta=1, reduction="mean"}])
--- Huber's loss (Ann. Math. Stat. 1964), as torch.nn.functional.huber_loss: with d = x - y, d^2 / 2 where |d| <= delta,
--- and delta (|d| - delta / 2) beyond.
--- @param input      f32[...]
--- @param target     f32[...], of the same shape
--- @param delta      above 0
--- @param reduction  "mean", "sum" or "none"
--- @return tensor
function values.huber(input, target, options)
  local o = common.options("calr.loss.huber", options, { delta = { default = 1, above = 0 },
    reduction = common.reduction })
  return common.reduce(huber(pair("calr.loss.huber", input, target), o.delta), o.reduction)
end

--- calr.loss.smooth_l1(input, target [, {beta=1, reduction="mean"}])
--- Smooth absolute error (Girshick, ICCV 2015, equation 3), as torch.nn.functional.smooth_l1_loss: Huber's loss divided
--- by its delta, called beta. With beta = 0 it is |x - y|.
--- @param input      f32[...]
--- @param target     f32[...], of the same shape
--- @param beta       0 or more
--- @param reduction  "mean", "sum" or "none"
--- @return tensor
function values.smooth_l1(input, target, options)
  local o = common.options("calr.loss.smooth_l1", options, { beta = { default = 1, low = 0 },
    reduction = common.reduction })
  local d = pair("calr.loss.smooth_l1", input, target)
  return common.reduce(o.beta == 0 and d:abs() or huber(d, o.beta) / o.beta, o.reduction)
end

return (arguments.counted("calr.loss.", values))
