--- @module calr.nn.convolution
--- Convolutions. Reached through calr.nn.

local arguments = require "calr.options"
local check_options, counted = arguments.check, arguments.counted
local initial = require "calr.nn.initial"
local module = require "calr.nn.module"
local T = require "calr.tensor"
local class, new = module.class, module.new

local convolution = {}

local Conv = class "Conv"
Conv.folds = "convolution" -- see calr.nn.folded

--- calr.nn.conv(inputs, outputs, {kernel=3, stride=1, padding=(kernel-1)/2, groups=1})
--- Convolution without bias (a norm follows). weight is f32[outputs x inputs/groups x kernel x kernel]. groups must
--- divide inputs and outputs; groups = inputs = outputs is a depthwise convolution.
--- @return layer  [n x h x w x inputs] -> [n x h' x w' x outputs]
function convolution.conv(inputs, outputs, options)
  local o = check_options("calr.nn.conv", options, { "kernel", "stride", "padding", "groups" })
  local self = new(Conv)
  local kernel = o.kernel or 3
  self.stride, self.padding = o.stride or 1, o.padding or (kernel - 1) // 2
  self.groups = o.groups or 1
  if math.type(self.groups) ~= "integer" or self.groups < 1 or inputs % self.groups ~= 0
    or outputs % self.groups ~= 0 then
    error(("calr.nn.conv: groups must be a whole number that divides inputs (%s) and outputs (%s), not %s")
      :format(inputs, outputs, self.groups), 2)
  end
  self:add_parameter("weight", { outputs, inputs // self.groups, kernel, kernel }, initial.kaiming_fan_out)
  return self
end

function Conv:forward(x)
  return T.conv2d(x, self.weight, { stride = self.stride, padding = self.padding, groups = self.groups })
end

return (counted("calr.nn.", convolution))
