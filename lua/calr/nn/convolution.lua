--- @module calr.nn.convolution
--- Convolutions. Reached through calr.nn.

local arguments = require "calr.options"
local check_options, counted = arguments.check, arguments.counted
local given = require "calr.nn.given"
local initial = require "calr.nn.initial"
local module = require "calr.nn.module"
local T = require "calr.tensor"
local class, new = module.class, module.new

local convolution = {}

local function is_whole(value) return math.type(value) == "integer" and value >= 1 end

-- A number for both directions, or {down, across}.
local function pair(name, option, value)
  if is_whole(value) then return { value, value } end
  if type(value) == "table" and #value == 2 and is_whole(value[1]) and is_whole(value[2]) then return value end
  error(("calr.nn.%s: %s must be a whole number of at least 1 or {down, across}, not %s"):format(name, option,
    tostring(value)), 4)
end

-- What both kinds of layer share. `shape` makes the weights' shape of the outputs and inputs of a group.
local function make(kind, name, inputs, outputs, options, more, shape)
  local known = { "kernel", "stride", "padding", "dilation", "groups", "bias" }
  known[#known + 1] = more
  local o, what = check_options("calr.nn." .. name, options, known, 2), "calr.nn." .. name
  given.whole(what, "inputs", inputs, 1, 2)
  given.whole(what, "outputs", outputs, 1, 2)
  local self = new(kind)
  local kernel = pair(name, "kernel", o.kernel or 3)
  local dilation = pair(name, "dilation", o.dilation or 1)
  self.stride, self.dilation, self.groups = pair(name, "stride", o.stride or 1), dilation, o.groups or 1
  self.padding = o.padding or { dilation[1] * (kernel[1] - 1) // 2, dilation[2] * (kernel[2] - 1) // 2 }
  if not is_whole(self.groups) or inputs % self.groups ~= 0 or outputs % self.groups ~= 0 then
    error(("calr.nn.%s: groups must be a whole number that divides inputs (%s) and outputs (%s), not %s")
      :format(name, inputs, outputs, self.groups), 3)
  end
  local first, second = shape(self.groups)
  self:add_parameter("weight", { first, second, kernel[1], kernel[2] }, initial.kaiming_fan_out)
  if o.bias then self:add_parameter("bias", { outputs }, initial.constant(0)) end
  return self, o
end

local Conv = class "Conv"
Conv.folds = "convolution" -- see calr.nn.folded

--- calr.nn.conv(inputs, outputs, {kernel=3, stride=1, padding=(kernel-1)/2, dilation=1, groups=1, bias=false})
--- Convolution, without bias unless it is asked for (a norm follows). weight is
--- f32[outputs x inputs/groups x kernel x kernel].
--- @param kernel, stride, dilation  integer|table; {down, across}
--- @param padding  integer|table|string; {down, across}, {top, bottom, left, right}, or "same": the result is as large
---     as the input, divided by the stride and rounded up, and of an odd number of zeros the last stands at the bottom
---     and at the right (TensorFlow's). By default all sides get dilation (kernel-1)/2
--- @param groups  integer; divides inputs and outputs; groups = inputs = outputs is a depthwise convolution
--- @param bias  boolean
--- @return layer  [n x h x w x inputs] -> [n x h' x w' x outputs]
function convolution.conv(inputs, outputs, options)
  local self = make(Conv, "conv", inputs, outputs, options, nil,
    function(groups) return outputs, inputs // groups end)
  return self
end

function Conv:forward(x)
  return T.conv2d(x, self.weight, { stride = self.stride, padding = self.padding, dilation = self.dilation,
    groups = self.groups, bias = self.bias })
end

local own_forward = Conv.forward

-- What the layer makes of a batch norm's output, in training, where x is the norm's input; nil where that is no faster
-- than one after the other.
function Conv:after_norm(x, norm, forward_of)
  if self.groups == 1 or self.bias or forward_of(self) ~= own_forward then return nil end
  return T.batch_norm_conv2d(x, norm.weight, norm.bias, norm.running_mean, norm.running_var, self.weight, {
    training = true, momentum = norm.momentum, eps = norm.eps, activation = norm.activation, group = norm.group,
    stride = self.stride, padding = self.padding, dilation = self.dilation, groups = self.groups })
end

local ConvTranspose = class "ConvTranspose"
ConvTranspose.folds = "convolution"
ConvTranspose.transposed = true

--- calr.nn.conv_transpose(inputs, outputs, {kernel=3, stride=1, padding=(kernel-1)/2, output_padding=0, dilation=1,
---   groups=1, bias=false})
--- Transposed convolution: a stride makes maps larger. weight is f32[inputs x outputs/groups x kernel x kernel], as
--- PyTorch's. With kernel=3, stride=2 and output_padding=1 a map becomes twice as large.
--- @param padding  integer|table; what is cut off the result: {down, across} or {top, bottom, left, right}
--- @param output_padding  integer|table; rows at the bottom and columns at the right that are not cut off, or are more;
---     below the stride
--- @param kernel, stride, dilation, groups, bias  as in calr.nn.conv
--- @return layer  [n x h x w x inputs] -> [n x (h-1) stride - top - bottom + dilation (kernel-1) + output_padding + 1 x
---   ... x outputs]
function convolution.conv_transpose(inputs, outputs, options)
  local self, o = make(ConvTranspose, "conv_transpose", inputs, outputs, options, "output_padding",
    function(groups) return inputs, outputs // groups end)
  self.output_padding = o.output_padding or 0
  return self
end

function ConvTranspose:forward(x)
  return T.conv_transpose2d(x, self.weight, { stride = self.stride, padding = self.padding, dilation = self.dilation,
    output_padding = self.output_padding, groups = self.groups, bias = self.bias })
end

return (counted("calr.nn.", convolution))
