--- @module calr.nn.attention
--- Attention and transformer blocks. Reached through calr.nn.

local arguments = require "calr.options"
local check_options, counted = arguments.check, arguments.counted
local activation = require "calr.nn.activation"
local dropout = require "calr.nn.dropout"
local given = require "calr.nn.given"
local initial = require "calr.nn.initial"
local layer_norm = require "calr.nn.layer_norm"
local linear = require "calr.nn.linear"
local module = require "calr.nn.module"
local passes = require "calr.nn.passes"
local T = require "calr.tensor"
local class, new = module.class, module.new

local attention = {}

local function check_heads(what, width, heads)
  given.whole(what, "width", width, 1, 2)
  given.whole(what, "heads", heads, 1, 2)
  if width % heads ~= 0 then
    error(("%s: %d heads do not divide a width of %d"):format(what, heads, width), 3)
  end
end

-- Uniform within sqrt(6 / (inputs + outputs)) (Glorot and Bengio, AISTATS 2010), of one of the three parts.
local function xavier(width)
  local bound = math.sqrt(6 / (4 * width)) -- in_proj_weight counts as one matrix [3 width x width], as in PyTorch
  return function(tensor, rng) rng:fill_uniform(tensor, -bound, bound) end
end

-- What calr.scaled_dot_product_attention needs to know of a forward pass.
local function pass_options(self, given_options)
  local o = { mask = given_options.mask, causal = given_options.causal }
  if self.training and self.dropout > 0 then
    o.dropout, o.seed, o.epoch = self.dropout, self.seed, passes.next(self)
  end
  return o
end

local function add_dropout(self, what, o)
  self.dropout = given.number(what, "dropout", o.dropout or 0, 0, 0.999, 2)
  self.seed = given.whole(what, "seed", o.seed or 0, math.mininteger, 2)
  if self.dropout > 0 then passes.count(self) end
end

local forward_names = { "mask", "causal" }

local MultiHead = class "MultiHeadAttention"

--- calr.nn.multi_head_attention(width, heads, {bias=true, dropout=0, seed=0})
--- Attention with several heads (Vaswani et al., NeurIPS 2017, section 3.2.2). Its tensors are in_proj_weight,
--- in_proj_bias, out_proj.weight and out_proj.bias, as in PyTorch's MultiheadAttention. Called as layer(x) queries,
--- keys and values come of x; as layer(q, k, v) of each. A table at the end may hold mask and causal, as of
--- calr.scaled_dot_product_attention (bool masks are true where a query sees a key; PyTorch's layer has it the other
--- way round).
--- @param width  integer; numbers of a token
--- @param heads  integer; divides the width
--- @param dropout  among the weights, in training; seed and state as calr.nn.dropout has them
--- @return layer  [b x n x width] (and [b x m x width] twice) -> [b x n x width]
function attention.multi_head_attention(width, heads, options)
  local what = "calr.nn.multi_head_attention"
  local o = check_options(what, options, { "bias", "dropout", "seed" })
  check_heads(what, width, heads)
  local self = new(MultiHead)
  self.width, self.heads = width, heads
  self:add_parameter("in_proj_weight", { 3 * width, width }, xavier(width))
  if o.bias ~= false then self:add_parameter("in_proj_bias", { 3 * width }, initial.constant(0)) end
  self:add("out_proj", linear.linear(width, width, { bias = o.bias }))
  add_dropout(self, what, o)
  return self
end

-- One of the three projections, as [b x heads x n x d]: a view.
function MultiHead:project(x, part)
  local first, width = part * self.width + 1, self.width
  local y = T.linear(x, self.in_proj_weight:narrow(1, first, width),
    self.in_proj_bias and self.in_proj_bias:narrow(1, first, width))
  return y:view { x:size(1), x:size(2), self.heads, width // self.heads }:transpose(2, 3)
end

function MultiHead:forward(q, k, v, options)
  if options == nil and type(k) == "table" then options, k = k, nil end
  local o = pass_options(self, check_options("layer:forward", options, forward_names))
  local y
  if k == nil then
    y = T.self_attention(T.linear(q, self.in_proj_weight, self.in_proj_bias), self.heads, o)
  else
    y = T.scaled_dot_product_attention(self:project(q, 0), self:project(k, 1), self:project(v or k, 2), o)
    y = y:transpose(2, 3):reshape { q:size(1), q:size(2), self.width }
  end
  return self.out_proj(y)
end

local SelfAttention = class "SelfAttention"

--- calr.nn.self_attention(width, heads, {qkv_bias=true, dropout=0, seed=0})
--- Attention of a sequence to itself with the tensors that timm's vision transformers have: qkv.* and proj.*. Called as
--- layer(x [, {mask=, causal=}]).
--- @param width  integer; numbers of a token
--- @param heads  integer; divides the width
--- @return layer  [b x n x width] -> the same
function attention.self_attention(width, heads, options)
  local what = "calr.nn.self_attention"
  local o = check_options(what, options, { "qkv_bias", "dropout", "seed" })
  check_heads(what, width, heads)
  local self = new(SelfAttention)
  self.heads = heads
  self:add("qkv", linear.linear(width, 3 * width, { bias = o.qkv_bias }))
  self:add("proj", linear.linear(width, width))
  add_dropout(self, what, o)
  return self
end

function SelfAttention:forward(x, options)
  local o = pass_options(self, check_options("layer:forward", options, forward_names))
  return self.proj(T.self_attention(self.qkv(x), self.heads, o))
end

local Mlp = class "Mlp"
local function mlp(width, hidden, act)
  local self = new(Mlp)
  self:add("fc1", linear.linear(width, hidden))
  self:add("act", act)
  self:add("fc2", linear.linear(hidden, width))
  return self
end

function Mlp:forward(x)
  return self.fc2(self.act(self.fc1(x)))
end

local Block = class "TransformerBlock"

--- calr.nn.transformer_block(width, heads, {mlp_ratio=4, qkv_bias=true, eps=1e-6, drop_path=0, dropout=0, seed=0})
--- x + attention(norm1(x)), then x + mlp(norm2(x)): the block of vision transformers (Dosovitskiy et al., ICLR 2021,
--- eq. 2 and 3). Its tensors are norm1.*, attn.qkv.*, attn.proj.*, norm2.*, mlp.fc1.* and mlp.fc2.*, as in timm. Called
--- as layer(x [, {mask=, causal=}]).
--- @param width  integer; numbers of a token
--- @param heads  integer; divides the width
--- @param drop_path  probability with which a branch is left out for a sample, in training
--- @param dropout    among the weights of the attention
--- @param seed       of both; give each block its own
--- @return layer  [b x n x width] -> the same
function attention.transformer_block(width, heads, options)
  local what = "calr.nn.transformer_block"
  local o = check_options(what, options, { "mlp_ratio", "qkv_bias", "eps", "drop_path", "dropout", "seed" })
  check_heads(what, width, heads)
  local ratio = given.number(what, "mlp_ratio", o.mlp_ratio or 4, 1 / width, 1024)
  local seed = given.whole(what, "seed", o.seed or 0, math.mininteger)
  local path = given.number(what, "drop_path", o.drop_path or 0, 0, 0.999)
  local self = new(Block)
  local norm = { eps = o.eps or 1e-6 }
  self:add("norm1", layer_norm.layer_norm(width, norm))
  self:add("attn", attention.self_attention(width, heads, { qkv_bias = o.qkv_bias, dropout = o.dropout, seed = seed }))
  self:add("norm2", layer_norm.layer_norm(width, norm))
  self:add("mlp", mlp(width, math.floor(width * ratio), activation.gelu()))
  if path > 0 then
    self:add("drop_path1", dropout.drop_path { p = path, seed = 2 * seed + 1 })
    self:add("drop_path2", dropout.drop_path { p = path, seed = 2 * seed + 2 })
  end
  return self
end

function Block:forward(x, options)
  local y = self.attn(self.norm1(x), options)
  x = x + (self.drop_path1 and self.drop_path1(y) or y)
  y = self.mlp(self.norm2(x))
  return x + (self.drop_path2 and self.drop_path2(y) or y)
end

return (counted("calr.nn.", attention))
