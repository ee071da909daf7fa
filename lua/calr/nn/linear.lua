--- @module calr.nn.linear
--- Linear layers. Reached through calr.nn.

local arguments = require "calr.options"
local check_options, counted = arguments.check, arguments.counted
local initial = require "calr.nn.initial"
local module = require "calr.nn.module"
local T = require "calr.tensor"
local class, new = module.class, module.new

local linear = {}

local Linear = class "Linear"

--- calr.nn.linear(inputs, outputs, {bias=true})
--- @return layer  [n x inputs] -> [n x outputs]; weight is f32[outputs x inputs]
function linear.linear(inputs, outputs, options)
  local o = check_options("calr.nn.linear", options, { "bias" })
  local self = new(Linear)
  self:add_parameter("weight", { outputs, inputs }, initial.uniform_fan_in(inputs))
  if o.bias ~= false then self:add_parameter("bias", { outputs }, initial.uniform_fan_in(inputs)) end
  return self
end

function Linear:forward(x)
  return T.linear(x, self.weight, self.bias)
end

return (counted("calr.nn.", linear))
