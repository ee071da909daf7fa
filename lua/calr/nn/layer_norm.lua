--- @module calr.nn.layer_norm
--- Normalisations of each sample by itself. Reached through calr.nn.

local arguments = require "calr.options"
local check_options, counted = arguments.check, arguments.counted
local given = require "calr.nn.given"
local initial = require "calr.nn.initial"
local module = require "calr.nn.module"
local T = require "calr.tensor"
local class, new = module.class, module.new

local layer_norm = {}

local function add_affine(self, shape, o, bias)
  if o.affine == false then return end
  self:add_parameter("weight", shape, initial.constant(1))
  if bias ~= false then self:add_parameter("bias", shape, initial.constant(0)) end
end

local function checked_shape(what, shape)
  if type(shape) ~= "table" then shape = { shape } end
  if #shape == 0 then error(what .. ": shape is an empty list", 3) end
  for _, length in ipairs(shape) do
    if math.type(length) ~= "integer" or length < 1 then
      error(("%s: shape must be a whole number of at least 1, or a list of such, not %s"):format(what,
        tostring(length)), 3)
    end
  end
  return shape
end

local LayerNorm = class "LayerNorm"

--- calr.nn.layer_norm(shape, {eps=1e-5, affine=true, bias=true})
--- Layer normalisation of the last dimensions (Ba, Kiros, Hinton, arXiv 1607.06450).
--- @param shape   the length of the last dimension, or a list of the lengths of the last ones
--- @param affine  with a learned weight, and bias unless that is false
--- @return layer  [... x shape] -> the same
function layer_norm.layer_norm(shape, options)
  local o = check_options("calr.nn.layer_norm", options, { "eps", "affine", "bias" })
  local self = new(LayerNorm)
  self.shape = checked_shape("calr.nn.layer_norm", shape)
  self.eps = given.number("calr.nn.layer_norm", "eps", o.eps or 1e-5, 0, math.huge)
  add_affine(self, self.shape, o, o.bias)
  return self
end

function LayerNorm:forward(x)
  return T.layer_norm(x, self.shape, self.weight, self.bias, self.eps)
end

local RMSNorm = class "RMSNorm"

--- calr.nn.rms_norm(shape, {eps=2^-23, affine=true})
--- Division by the root mean square of the last dimensions (Zhang and Sennrich, NeurIPS 2019).
--- @param shape   the length of the last dimension, or a list of the lengths of the last ones
--- @param affine  with a learned weight
--- @return layer  [... x shape] -> the same
function layer_norm.rms_norm(shape, options)
  local o = check_options("calr.nn.rms_norm", options, { "eps", "affine" })
  local self = new(RMSNorm)
  self.shape = checked_shape("calr.nn.rms_norm", shape)
  self.eps = given.number("calr.nn.rms_norm", "eps", o.eps or 0x1p-23, 0, math.huge)
  add_affine(self, self.shape, o, false)
  return self
end

function RMSNorm:forward(x)
  return T.rms_norm(x, self.shape, self.weight, self.eps)
end

local GroupNorm = class "GroupNorm"

--- calr.nn.group_norm(groups, channels, {eps=1e-5, affine=true})
--- Normalises equal parts of the channels of each image (Wu and He, ECCV 2018).
--- @param groups    divides channels
--- @param channels  the length of the last dimension
--- @param affine    with a learned weight and bias
--- @return layer  [n x ... x channels] -> the same
function layer_norm.group_norm(groups, channels, options)
  local o = check_options("calr.nn.group_norm", options, { "eps", "affine" })
  given.whole("calr.nn.group_norm", "groups", groups, 1)
  given.whole("calr.nn.group_norm", "channels", channels, 1)
  if channels % groups ~= 0 then
    error(("calr.nn.group_norm: %d groups do not divide %d channels"):format(groups, channels), 2)
  end
  local self = new(GroupNorm)
  self.groups = groups
  self.eps = given.number("calr.nn.group_norm", "eps", o.eps or 1e-5, 0, math.huge)
  add_affine(self, { channels }, o)
  return self
end

function GroupNorm:forward(x)
  return T.group_norm(x, self.groups, self.weight, self.bias, self.eps)
end

return (counted("calr.nn.", layer_norm))
