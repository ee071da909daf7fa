--- @module calr.nn.linear
--- Linear layers and embeddings. Reached through calr.nn.

local arguments = require "calr.options"
local check_options, counted = arguments.check, arguments.counted
local given = require "calr.nn.given"
local initial = require "calr.nn.initial"
local module = require "calr.nn.module"
local T = require "calr.tensor"
local class, new = module.class, module.new

local linear = {}

local Linear = class "Linear"

--- calr.nn.linear(inputs, outputs, {bias=true})
--- y = x w^T + bias along the last dimension.
--- @return layer  [... x inputs] -> [... x outputs]; weight is f32[outputs x inputs]
function linear.linear(inputs, outputs, options)
  local o = check_options("calr.nn.linear", options, { "bias" })
  given.whole("calr.nn.linear", "inputs", inputs, 1)
  given.whole("calr.nn.linear", "outputs", outputs, 1)
  local self = new(Linear)
  self:add_parameter("weight", { outputs, inputs }, initial.uniform_fan_in(inputs))
  if o.bias ~= false then self:add_parameter("bias", { outputs }, initial.uniform_fan_in(inputs)) end
  return self
end

function Linear:forward(x)
  return T.linear(x, self.weight, self.bias)
end

local Point = class "Point"

--- calr.nn.point(inputs, outputs)
--- The linear layer with bias that other programs keep as a 1x1 convolution: its weight is f32[outputs x inputs x 1 x
--- 1].
--- @return layer  [... x inputs] -> [... x outputs]
function linear.point(inputs, outputs)
  given.whole("calr.nn.point", "inputs", inputs, 1)
  given.whole("calr.nn.point", "outputs", outputs, 1)
  local self = new(Point)
  self:add_parameter("weight", { outputs, inputs, 1, 1 }, initial.kaiming_fan_out)
  self:add_parameter("bias", { outputs }, initial.constant(0))
  return self
end

function Point:forward(x)
  return T.linear(x, self.weight:reshape { self.weight:size(1), self.weight:size(2) }, self.bias)
end

local Embedding = class "Embedding"

--- calr.nn.embedding(count, width, {padding_idx=})
--- A learned vector for each of the numbers 0 .. count-1. Only the vectors that were named get a gradient.
--- @param padding_idx  a number from 0, as numbers in tensors count, whose vector starts as 0 and never gets a gradient
--- @return layer  i64[...] or i32[...] -> f32[... x width]; weight is f32[count x width]
function linear.embedding(count, width, options)
  local o = check_options("calr.nn.embedding", options, { "padding_idx" })
  given.whole("calr.nn.embedding", "count", count, 1)
  given.whole("calr.nn.embedding", "width", width, 1)
  local padding = o.padding_idx
  if padding ~= nil and (math.type(padding) ~= "integer" or padding < 0 or padding >= count) then
    error(("calr.nn.embedding: padding_idx must be one of the numbers 0 .. %d, not %s"):format(count - 1,
      tostring(padding)), 2)
  end
  local self = new(Embedding)
  self.padding_idx = padding
  self:add_parameter("weight", { count, width }, function(tensor, rng)
    rng:fill_normal(tensor, 0, 1)
    if padding then tensor:detach():narrow(1, padding + 1, 1):fill(0) end
  end)
  return self
end

function Embedding:forward(index)
  local shape = index:shape()
  local flat = index:reshape(-1)
  local y = T.index_select(self.weight, 1, flat)
  if self.padding_idx then
    y = T.where(flat:eq(self.padding_idx):unsqueeze(2), y:detach(), y)
  end
  shape[#shape + 1] = self.weight:size(2)
  return y:reshape(shape)
end

return (counted("calr.nn.", linear))
