--- @module calr.models.mobilenet_v2
--- MobileNetV2: inverted residuals with linear bottlenecks (Sandler, Howard, Zhu, Zhmoginov, Chen, CVPR 2018, arXiv
--- 1801.04381).
---
--- Names of tensors are torchvision's (features.2.conv.1.0.weight), so that its weights load. Reached as
--- calr.models.mobilenet_v2.

local backbone = require "calr.models.backbone"
local nn = require "calr.nn"

-- Channels are multiples of 8, and not less than nine tenths of what was asked for.
local function divisible(channels)
  local rounded = math.max(8, (math.floor(channels) + 4) // 8 * 8)
  return rounded < 0.9 * channels and rounded + 8 or rounded
end

local function conv_norm(inputs, outputs, o)
  return nn.sequential(nn.conv(inputs, outputs, o), nn.batch_norm(outputs, { activation = "relu6" }))
end

-- Table 1: expand by 1x1, filter each channel by 3x3, project by 1x1 without an activation. With stride 1 and as many
-- outputs as inputs the input is added (figure 4d).
local InvertedResidual = nn.class "InvertedResidual"

local function inverted_residual(inputs, outputs, stride, expand)
  local self, hidden, layers = nn.new(InvertedResidual), inputs * expand, {}
  if expand > 1 then layers[1] = conv_norm(inputs, hidden, { kernel = 1 }) end
  layers[#layers + 1] = conv_norm(hidden, hidden, { stride = stride, groups = hidden })
  layers[#layers + 1] = nn.conv(hidden, outputs, { kernel = 1 })
  layers[#layers + 1] = nn.batch_norm(outputs)
  self:add("conv", nn.sequential(table.unpack(layers)))
  self.adds = stride == 1 and inputs == outputs
  self.project, self.norm = tostring(#layers - 2), tostring(#layers - 1)
  self.pairs = { { "conv." .. self.project, "conv." .. self.norm, true } }
  return self
end

function InvertedResidual:forward(x)
  if not self.adds then return self.conv(x) end
  local conv = self.conv
  local project, norm = conv[self.project], conv[self.norm]
  if conv["3"] then return backbone.join(self, x, norm, project, conv["0"], conv["1"], project) end
  return backbone.join(self, x, norm, project, conv["0"], project)
end

-- Table 2: expansion, channels, blocks, stride of the first.
local stages = {
  { 1, 16, 1, 1 }, { 6, 24, 2, 2 }, { 6, 32, 3, 2 }, { 6, 64, 4, 2 }, { 6, 96, 3, 1 }, { 6, 160, 3, 2 },
  { 6, 320, 1, 1 },
}

local function blocks(self)
  local list = {}
  for i, child in ipairs(self.features.children) do list[i] = child.layer end
  return list
end

return function(options)
  local self, o = backbone.new("mobilenet_v2", options, { "width" })
  local width = o.width or 1
  if type(width) ~= "number" or not (width > 0 and width <= 8) then
    error(("calr.models.mobilenet_v2: width must be a number above 0 and at most 8, not %s"):format(tostring(o.width)),
      3)
  end
  local channels = divisible(32 * width)
  local layers = { conv_norm(3, channels, { stride = 2 }) }
  for stage, row in ipairs(stages) do
    local expand, outputs, depth, stride = row[1], divisible(row[2] * width), row[3], row[4]
    if stage == 6 and o.last_stride then stride = o.last_stride end
    for i = 1, depth do
      layers[#layers + 1] = inverted_residual(channels, outputs, i == 1 and stride or 1, expand)
      channels = outputs
    end
  end
  local last = divisible(1280 * math.max(1, width))
  layers[#layers + 1] = conv_norm(channels, last, { kernel = 1 })
  self:add("features", nn.sequential(table.unpack(layers)))
  return backbone.finish(self, last, blocks, o)
end
