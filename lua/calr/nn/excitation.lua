--- @module calr.nn.excitation
--- Channels that are weighted by the image. Reached through calr.nn.

local arguments = require "calr.options"
local check_options, counted = arguments.check, arguments.counted
local activation = require "calr.nn.activation"
local given = require "calr.nn.given"
local linear = require "calr.nn.linear"
local module = require "calr.nn.module"
local T = require "calr.tensor"
local class, new = module.class, module.new

local excitation = {}

local SqueezeExcite = class "SqueezeExcite"

local activations = { "relu", "silu", "gelu", "hardswish" }
local gates = { "sigmoid", "hardsigmoid" }

--- calr.nn.squeeze_excite(channels, {reduced=channels//16, activation="relu", gate="sigmoid"})
--- Weights each channel of each image by a number in 0 .. 1 that comes of the means of all channels (Hu, Shen, Sun,
--- "Squeeze-and-excitation networks", CVPR 2018, eq. 2-4). Its tensors are fc1.* and fc2.*, as in torchvision.
--- @param reduced     integer; channels between the two fully connected layers
--- @param activation  after the first: "relu", "silu", "gelu" or "hardswish"
--- @param gate        after the second: "sigmoid" or "hardsigmoid"
--- @return layer  [n x h x w x channels] -> the same
function excitation.squeeze_excite(channels, options)
  local what = "calr.nn.squeeze_excite"
  local o = check_options(what, options, { "reduced", "activation", "gate" })
  given.whole(what, "channels", channels, 1)
  local reduced = given.whole(what, "reduced", o.reduced or math.max(1, channels // 16), 1)
  local self = new(SqueezeExcite)
  self:add("fc1", linear.point(channels, reduced))
  self:add("activation", activation[given.choice(what, "activation", o.activation or "relu", activations)]())
  self:add("fc2", linear.point(reduced, channels))
  self:add("gate", activation[given.choice(what, "gate", o.gate or "sigmoid", gates)]())
  return self
end

function SqueezeExcite:forward(x)
  return T.gated_sum({ x }, { self.gate(self.fc2(self.activation(self.fc1(T.avg_pool(x))))) })
end

return (counted("calr.nn.", excitation))
