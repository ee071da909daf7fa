--- @module calr.nn.normalisation
--- Normalisations. Reached through calr.nn.

local arguments = require "calr.options"
local check_options, counted = arguments.check, arguments.counted
local given = require "calr.nn.given"
local initial = require "calr.nn.initial"
local module = require "calr.nn.module"
local T = require "calr.tensor"
local class, new = module.class, module.new

local normalisation = {}

local BatchNorm = class "BatchNorm"
BatchNorm.folds = "normalisation" -- see calr.nn.folded

local activations = { none = true, relu = true, relu6 = true, silu = true, hardswish = true }

--- calr.nn.batch_norm(channels, {activation="none", bias=true, momentum=.1, eps=1e-5, group=0})
--- Batch normalisation of the last dimension, for feature maps and for matrices. An activation follows in the same
--- pass; forward(x, residual) adds the residual before it.
--- @param activation  "none", "relu", "relu6", "silu" or "hardswish"; relu=true is the former way to say "relu"
--- @param bias        false fixes the bias at 0 (a "neck")
--- @param group       in training, every `group` images, one after the other, have statistics of their own, as if each
---     group were the batch of a worker: what a network learns then does not depend on how many workers share a batch
---     (authors' code with four GPUs: a quarter of the batch). It must divide the batch, unless it is larger; 0 takes
---     the whole batch. The running statistics move towards the mean of the groups'. The field .group may be changed
--- @return layer
function normalisation.batch_norm(channels, options)
  local o = check_options("calr.nn.batch_norm", options, { "relu", "activation", "bias", "momentum", "eps", "group" })
  given.whole("calr.nn.batch_norm", "channels", channels, 1)
  local self = new(BatchNorm)
  self.activation = o.activation or o.relu and "relu" or "none"
  if not activations[self.activation] then
    error(("calr.nn.batch_norm: activation must be none, relu, relu6, silu or hardswish, not %s"):format(
      tostring(o.activation)), 2)
  end
  self.group = o.group or 0
  if math.type(self.group) ~= "integer" or self.group < 0 then
    error(("calr.nn.batch_norm: group must be a whole number of at least 0, not %s"):format(tostring(o.group)), 2)
  end
  self.momentum, self.eps = o.momentum or 0.1, o.eps or 1e-5
  self:add_parameter("weight", { channels }, initial.constant(1))
  self:add_parameter("bias", { channels }, initial.constant(0))
  if o.bias == false then self:freeze "bias" end
  self:add_buffer("running_mean", { channels }, 0)
  self:add_buffer("running_var", { channels }, 1)
  return self
end

function BatchNorm:forward(x, residual)
  return T.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, {
    training = self.training, momentum = self.momentum, eps = self.eps, activation = self.activation,
    group = self.group, residual = residual,
  })
end

local own_forward = BatchNorm.forward

-- What layer i of a list and the one after it make of x in one pass, and the number of the last of them; nil where they
-- must be called one after the other. forward_of(layer) is what a layer does.
function BatchNorm.fuse(list, i, x, forward_of)
  local self, after = list[i], list[i + 1]
  if not self.training or forward_of(self) ~= own_forward or not rawget(getmetatable(after), "after_norm") then
    return nil
  end
  return after:after_norm(x, self, forward_of), i + 1
end

local IBN = class "IBN"

--- calr.nn.ibn(channels, {relu=true})
--- IBN-a (Pan et al., ECCV 2018): instance norm on the first half of the channels, batch norm on the rest. Its
--- tensors are called IN.* and BN.*, as in the authors' weights.
--- @return layer
function normalisation.ibn(channels, options)
  local o = check_options("calr.nn.ibn", options, { "relu" })
  given.whole("calr.nn.ibn", "channels", channels, 2)
  local self = new(IBN)
  self.half = channels // 2
  self.relu = o.relu ~= false
  self:add("IN", normalisation.instance_norm(self.half))
  self:add("BN", normalisation.batch_norm(channels - self.half))
  return self
end

function IBN:forward(x)
  local rest = x:size(4) - self.half
  local y = T.cat({
    self.IN(x:narrow(4, 1, self.half):contiguous()),
    self.BN(x:narrow(4, self.half + 1, rest):contiguous()),
  }, 4)
  return self.relu and T.relu(y) or y
end

local InstanceNorm = class "InstanceNorm"

--- calr.nn.instance_norm(channels, {eps=1e-5})
--- Normalises every channel of every image by itself, with learned scale and shift.
--- @return layer
function normalisation.instance_norm(channels, options)
  local o = check_options("calr.nn.instance_norm", options, { "eps" })
  given.whole("calr.nn.instance_norm", "channels", channels, 1)
  local self = new(InstanceNorm)
  self.eps = o.eps or 1e-5
  self:add_parameter("weight", { channels }, initial.constant(1))
  self:add_parameter("bias", { channels }, initial.constant(0))
  return self
end

function InstanceNorm:forward(x)
  return T.instance_norm(x, self.weight, self.bias, { eps = self.eps })
end

return (counted("calr.nn.", normalisation))
