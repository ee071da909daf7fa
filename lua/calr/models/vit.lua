--- @module calr.models.vit
--- Vision transformers (Dosovitskiy et al., ICLR 2021, arXiv 2010.11929) in the form of TransReID (He et al., ICCV
--- 2021, arXiv 2102.04378): patches that overlap (section 3.1), an embedding of the camera (section 3.3), a BatchNorm
--- neck.
---
--- Names of tensors are timm's (patch_embed.proj.weight, blocks.0.attn.qkv.weight, ...), so that its weights load; the
--- camera embedding is sie_embed, as in TransReID's, and the neck is neck.*. Reached as calr.models.vit_small.

local check_options = require "calr.options".check
local given = require "calr.nn.given"
local nn = require "calr.nn"
local option = require "calr.config".option
local passes = require "calr.nn.passes"
local T = require "calr.tensor"

local vit = {}

-- What a pipeline's configuration offers when a network of this kind is named.
vit.options = {
  channels = option(384, "width of the tokens, and of the features", { 1 }),
  depth = option(12, "transformer blocks", { 1 }),
  heads = option(6, "heads of each attention; they divide channels", { 1 }),
  patch = option(16, "height and width of a patch, in pixels", { 1 }),
  stride = option(16, "pixels from one patch to the next; below patch they overlap (TransReID: 12)", { 1 }),
  grid_height = option(14, "rows of position embeddings, which are interpolated to those of the image", { 1 }),
  grid_width = option(14, "columns of position embeddings", { 1 }),
  cameras = option(0, "cameras that have an embedding, added to all tokens; 0: none", { 0 }),
  camera_weight = option(3.0, "of the camera embedding", { 0 }),
  drop_path = option(0.1, "probability with which the last block is left out in training; earlier ones less",
    { 0, 0.99 }),
}

local function small_normal(tensor, rng) rng:fill_normal(tensor, 0, 0.02) end
local function zero(tensor) tensor:fill(0) end

local Patches = nn.class "PatchEmbed"
local Projection = nn.class "PatchProjection"

-- The convolution that makes a token of each patch.
local function patches(channels, patch, stride)
  local self, proj = nn.new(Patches), nn.new(Projection)
  proj.stride = stride
  proj:add_parameter("weight", { channels, 3, patch, patch }, small_normal)
  proj:add_parameter("bias", { channels }, zero)
  self:add("proj", proj)
  return self
end

function Projection:forward(x)
  return T.conv2d(x, self.weight, { stride = self.stride, bias = self.bias })
end

function Patches:forward(x)
  return self.proj(x)
end

local ViT = nn.class "ViT"

-- Position embeddings for a grid of rows x columns patches, that of the class token first.
function ViT:positions(rows, columns)
  if rows == self.grid[1] and columns == self.grid[2] then return self.pos_embed end
  local channels = self.dim
  local maps = self.pos_embed:narrow(2, 2, self.grid[1] * self.grid[2])
    :reshape { 1, self.grid[1], self.grid[2], channels }
  maps = T.interpolate(maps, { size = { rows, columns }, mode = "bilinear" })
  return T.cat({ self.pos_embed:narrow(2, 1, 1), maps:reshape { 1, rows * columns, channels } }, 2)
end

-- TransReID's side information (eq. 4): the embedding of each image's camera, [n x 1 x channels].
function ViT:camera_embeddings(n, batch)
  local cameras = batch and batch.cameras
  if not T.is(cameras) or cameras:numel() ~= n then
    error(("%s has camera embeddings and must know the cameras of the images: call it with a batch, net(images, "
      .. "{ cameras = i32[%d] })"):format(self.name, n), 0)
  end
  local most = cameras:max():item()
  if cameras:min():item() < 0 or most >= self.cameras then
    error(("%s has embeddings for the cameras 0 .. %d, and an image is of camera %d: set cameras=%d"):format(self.name,
      self.cameras - 1, most, most + 1), 0)
  end
  return self.sie_embed:index_select(1, cameras) * self.camera_weight
end

function ViT:tokens(x, batch)
  if self.precision == "bf16" then x = x:to "bf16" end
  local maps = self.patch_embed(x)
  local n, rows, columns = maps:size(1), maps:size(2), maps:size(3)
  local added = self:positions(rows, columns)
  if self.cameras > 0 then added = added + self:camera_embeddings(n, batch) end
  local class_token = self.cls_token:expand(n, 1, self.dim)
  if maps:dtype() == "bf16" then class_token, added = class_token:to "bf16", added:to "bf16" end
  return T.cat({ class_token, maps:reshape { n, rows * columns, self.dim } }, 2) + added
end

function ViT:forward(x, batch)
  x = self:tokens(x, batch)
  for _, child in ipairs(self.blocks.children) do
    local block = child.layer
    if self.checkpoint and self.training then block = nn.checkpointed(block) end
    x = block(x)
  end
  local feature = self.norm(x:select(2, 1))
  if feature:dtype() == "bf16" then feature = feature:to "f32" end
  return T.l2_normalize(self.neck(feature))
end

-- What a network of this kind has no use for.
local function refuse(name, o)
  if o.pooling ~= nil and o.pooling ~= "gem" then
    error(("%s takes the class token, and has no pooling: leave pooling=%s out"):format(name, tostring(o.pooling)), 0)
  end
  if o.ibn then error(("%s has no batch normalisations for ibn: leave it out"):format(name), 0) end
end

local function checked(what, o)
  local plain = {}
  for name, declared in pairs(vit.options) do
    local value = o[name]
    if value == nil then value = declared.default end
    plain[name] = value
  end
  for _, name in ipairs { "channels", "depth", "heads", "patch", "stride", "grid_height", "grid_width" } do
    given.whole(what, name, plain[name], 1)
  end
  given.whole(what, "cameras", plain.cameras, 0)
  given.number(what, "camera_weight", plain.camera_weight, 0, math.huge)
  given.number(what, "drop_path", plain.drop_path, 0, 0.99)
  if plain.channels % plain.heads ~= 0 then
    error(("%s: %d heads do not divide %d channels"):format(what, plain.heads, plain.channels), 0)
  end
  return plain
end

local function blocks(o, seed)
  local list = {}
  for i = 1, o.depth do
    local path = o.depth > 1 and o.drop_path * (i - 1) / (o.depth - 1) or 0
    list[i] = nn.transformer_block(o.channels, o.heads, { drop_path = path, seed = seed * 1024 + i })
  end
  return nn.sequential(table.unpack(list))
end

-- One counter of passes for all that is dropped at random, at the head of the network.
local function count_passes(self)
  passes.count(self)
  self:apply(function(layer)
    if layer ~= self and layer.passes then passes.share(layer, self) end
  end)
end

-- Linear layers start as timm's do.
local function start_small(layer)
  for _, entry in ipairs(layer.own_parameters) do
    local kind = tostring(layer)
    if kind == "Linear" then entry.initialise = entry.name == "weight" and small_normal or zero end
  end
end

--- calr.models.vit.make(name, options)
--- What calr.models.vit_small does.
--- @return network
function vit.make(name, options)
  local what, names = "calr.models." .. name, { "pooling", "ibn", "seed", "init", "checkpoint", "precision" }
  for declared in pairs(vit.options) do names[#names + 1] = declared end
  table.sort(names)
  local all = check_options(what, options, names, 2)
  refuse(name, all)
  local o, self = checked(what, all), nn.new(ViT)
  self.name, self.dim, self.grid = name, o.channels, { o.grid_height, o.grid_width }
  self.precision = given.choice(what, "precision", all.precision or "f32", { "f32", "bf16" })
  self.checkpoint, self.cameras, self.camera_weight = all.checkpoint, o.cameras, o.camera_weight
  self:add_parameter("cls_token", { 1, 1, o.channels }, function(tensor, rng) rng:fill_normal(tensor, 0, 1e-6) end)
  self:add_parameter("pos_embed", { 1, 1 + o.grid_height * o.grid_width, o.channels }, small_normal)
  if o.cameras > 0 then self:add_parameter("sie_embed", { o.cameras, 1, o.channels }, small_normal) end
  self:add("patch_embed", patches(o.channels, o.patch, o.stride))
  self:add("blocks", blocks(o, all.seed or 0)):apply(start_small)
  if o.drop_path > 0 then count_passes(self) end
  self:add("norm", nn.layer_norm(o.channels, { eps = 1e-6 }))
  self:add("neck", nn.batch_norm(o.channels, { bias = false }))
  return all.init == false and self or self:init(all.seed)
end

return vit
