--- @module calr.models.osnet
--- OSNet: omni-scale features by streams of light convolutions whose channels are weighted by the image (Zhou, Yang,
--- Cavallaro, Xiang, "Omni-scale feature learning for person re-identification", ICCV 2019, arXiv 1905.00953).
---
--- Names of tensors are those of the authors' torchreid (conv2.0.conv2b.1.conv2.weight, conv3.1.gate.fc1.bias,
--- fc.0.weight, ...), so that its weights load; the pooling exponent is pool.p and the neck is neck.*. Reached as
--- calr.models.osnet.

local T = require "calr.tensor"
local nn = require "calr.nn"

-- Instance norm and ReLU, as the variant "ibn" has it in its stem and after the blocks of its first stage.
local InstanceRelu = nn.class "OSNetInstanceRelu"
local function instance_relu(channels)
  local self = nn.new(InstanceRelu)
  self:add_parameter("weight", { channels }, function(tensor) tensor:fill(1) end)
  self:add_parameter("bias", { channels }, function(tensor) tensor:fill(0) end)
  return self
end

function InstanceRelu:forward(x)
  return T.instance_norm(x, self.weight, self.bias, { relu = true })
end

-- conv - norm - ReLU; forward(x, residual) adds the residual before the ReLU.
local ConvLayer = nn.class "OSNetConv"
ConvLayer.pairs = { { "conv", "bn" } }
local function conv_layer(inputs, outputs, kernel, stride, relu, instance)
  local self = nn.new(ConvLayer)
  self:add("conv", nn.conv(inputs, outputs, { kernel = kernel, stride = stride }))
  self:add("bn", instance and instance_relu(outputs) or nn.batch_norm(outputs, { relu = relu ~= false }))
  return self
end

function ConvLayer:forward(x, residual)
  return self.bn(self.conv(x), residual)
end

-- "Lite 3x3" (section 3.1): 1x1, then depthwise 3x3.
local LightConv = nn.class "OSNetLightConv"
LightConv.pairs = { { "conv2", "bn" } }
local function light_conv(channels)
  local self = nn.new(LightConv)
  self:add("conv1", nn.conv(channels, channels, { kernel = 1 }))
  self:add("conv2", nn.conv(channels, channels, { groups = channels }))
  self:add("bn", nn.batch_norm(channels, { relu = true }))
  return self
end

function LightConv:forward(x)
  return self.bn(self.conv2(self.conv1(x)))
end

-- The aggregation gate (section 3.2): a weight in 0 .. 1 for each image and channel, from the channels' means.
local Gate = nn.class "OSNetGate"
local function channel_gate(channels)
  local self = nn.new(Gate)
  self:add("fc1", nn.point(channels, channels // 16))
  self:add("fc2", nn.point(channels // 16, channels))
  return self
end

function Gate:forward(x)
  return T.sigmoid(self.fc2(T.relu(self.fc1(T.avg_pool(x)))))
end

local streams = { "conv2a", "conv2b", "conv2c", "conv2d" }

-- Figure 4: four streams of 1 to 4 light convolutions, added by one shared gate.
local Block = nn.class "OSNetBlock"
Block.pairs = { { "conv3.conv", "conv3.bn", true } }
local function block(inputs, outputs, ibn)
  local self, middle = nn.new(Block), outputs // 4
  self:add("conv1", conv_layer(inputs, middle, 1))
  self:add("conv2a", light_conv(middle))
  for depth = 2, 4 do
    local chain = {}
    for i = 1, depth do chain[i] = light_conv(middle) end
    self:add(streams[depth], nn.sequential(table.unpack(chain)))
  end
  self:add("gate", channel_gate(middle))
  self:add("conv3", conv_layer(middle, outputs, 1, 1, not ibn))
  if ibn then self:add("IN", instance_relu(outputs)) end
  if inputs ~= outputs then self:add("downsample", conv_layer(inputs, outputs, 1, 1, false)) end
  return self
end

function Block:forward(x)
  local x1, maps, gates = self.conv1(x), {}, {}
  for i, name in ipairs(streams) do
    maps[i] = self[name](x1)
    gates[i] = self.gate(maps[i])
  end
  local y = self.conv3(T.gated_sum(maps, gates), self.downsample and self.downsample(x) or x)
  return self.IN and self.IN(y) or y
end

-- Means of 2x2 pixels: a depthwise convolution with constant weights.
local Halve = nn.class "OSNetHalve"
local function halve(channels)
  local self = nn.new(Halve)
  self.filter = T.full({ channels, 1, 2, 2 }, 0.25)
  return self
end

function Halve:forward(x)
  return T.conv2d(x, self.filter, { stride = 2, groups = self.filter:size(1) })
end

local OSNet = nn.class "OSNet"

local function stage(inputs, outputs, reduce, ibn)
  local layers = { block(inputs, outputs, ibn), block(outputs, outputs, ibn) }
  if reduce then layers[3] = nn.sequential(conv_layer(outputs, outputs, 1), halve(outputs)) end
  return nn.sequential(table.unpack(layers))
end

function OSNet:forward(x)
  x = self.pool(self:maps(x))
  if self.fc then x = self.fc(x) end
  return T.l2_normalize(self.neck(x))
end

function OSNet:maps(x)
  if self.precision == "bf16" then x = x:to "bf16" end
  if self.checkpoint and self.training then return self:maps_by_blocks(x) end
  x = self.maxpool(self.conv1(x))
  return self.conv5(self.conv4(self.conv3(self.conv2(x))))
end

-- The stem, each block and each reduction run twice and keep no more than what they are given.
function OSNet:maps_by_blocks(x)
  local list = { nn.checkpointed(nn.sequential(self.conv1, self.maxpool)) }
  for i = 2, 4 do
    for _, child in ipairs(self["conv" .. i].children) do list[#list + 1] = nn.checkpointed(child.layer) end
  end
  list[#list + 1] = self.conv5
  return nn.chain(x, table.unpack(list))
end

-- channels: of the stem and the three stages; o: pooling (a layer), dim (of the features; nil for those of the last
-- stage), ibn.
return function(channels, o)
  local self, last = nn.new(OSNet), channels[4]
  self:add("conv1", conv_layer(3, channels[1], 7, 2, true, o.ibn))
  self:add("maxpool", nn.max_pool())
  self:add("conv2", stage(channels[1], channels[2], true, o.ibn))
  self:add("conv3", stage(channels[2], channels[3], true))
  self:add("conv4", stage(channels[3], channels[4], false))
  self:add("conv5", conv_layer(last, last, 1))
  self:add("pool", o.pooling)
  if o.dim then self:add("fc", nn.sequential(nn.linear(last, o.dim), nn.batch_norm(o.dim, { relu = true }))) end
  self:add("neck", nn.batch_norm(o.dim or last, { bias = false }))
  self.dim = o.dim or last
  return self
end
