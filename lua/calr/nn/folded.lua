--- @module calr.nn.folded
--- The inference form of a network: batch normalisation multiplied into the weights of the convolution before it,
--- transposed ones included, with bias, residual and activation computed where the convolution's result still is.
--- `layer:folded()` makes one.
---
--- Which convolution belongs to which normalisation is said by the class, in a list of names: a class whose forward
--- computes self.bn1(self.conv1(x)) declares
---
---     Mine.pairs = { { "conv1", "bn1" } }
---
--- which promises that what conv1 gives goes to bn1 and nowhere else. A third item, { "conv2", "bn2", true }, promises
--- that the residual bn2 is given is not looked at afterwards, so that the result may take its memory. Names may lead
--- to children of children ("conv3.bn"). Neighbours in a calr.nn.sequential are found without being declared. What is
--- not declared stays as it is: right, and slower.

local T = require "calr.tensor"
local autograd = require "calr.autograd"
local frozen = require "calr.frozen"
local sys = require "calr.sys"

local folded = {}

-- w' = w gamma / sqrt(var + eps), b' = beta - mean gamma / sqrt(var + eps): with fixed statistics the normalisation of
-- what a convolution gives is the convolution with these.
local function fold_weights(conv, norm)
  local scale = norm.weight / (norm.running_var + norm.eps):sqrt()
  local bias = norm.bias - norm.running_mean * scale
  if conv.bias then bias = bias + conv.bias * scale end
  return scale, bias
end

local activate = {
  relu = T.relu_, relu6 = function(y) return y:clamp_(0, 6) end, silu = T.silu_, hardswish = T.hardswish_,
}

-- The weights of a transposed convolution, f32[in x out/groups x kh x kw], with a factor for each output.
local function scale_transposed(conv, scale)
  local inputs, outputs, kh, kw = table.unpack(conv.weight:shape())
  local grouped = conv.weight:reshape(conv.groups, inputs // conv.groups, outputs, kh * kw)
  return (grouped * scale:reshape(conv.groups, 1, outputs, 1)):reshape(inputs, outputs, kh, kw)
end

-- There are no kernels for frozen transposed convolutions: what is saved is the pass of the normalisation.
local function freeze_transposed(conv, scale, bias, activation)
  local weight = (scale and scale_transposed(conv, scale) or conv.weight):detach():clone()
  local after = activate[activation]
  local options = { stride = conv.stride, padding = conv.padding, dilation = conv.dilation, groups = conv.groups,
    output_padding = conv.output_padding, bias = bias and bias:detach():clone() }
  return function(x, residual)
    if autograd.recording() and x:requires_grad() then
      error("a folded convolution has no gradient: run it inside calr.no_grad", 2)
    end
    local y = T.conv_transpose2d(x, weight, options)
    if residual then y = y:add_(residual) end
    return after and after(y) or y
  end
end

local function freeze(conv, scale, bias, activation)
  if conv.transposed then return freeze_transposed(conv, scale, bias, activation) end
  return frozen.conv(conv.weight:contiguous(), { scale = scale, bias = bias, activation = activation,
    stride = conv.stride, padding = conv.padding, dilation = conv.dilation, groups = conv.groups })
end

-- What a convolution of a pair gives: its input, for the normalisation that follows to compute. With `block`: the input
-- of a block of three convolutions, of which this is the last.
local Pending = {}
Pending.__index = function(_, name)
  error(("the result of a folded convolution was used (\"%s\") before its normalisation: the class declares them as a "
    .. "pair, but does something else with it in between"):format(tostring(name)), 2)
end

local function pending_forward(_, x)
  return setmetatable({ input = x }, Pending)
end

local function pair_forward(self, pending, residual)
  local x = getmetatable(pending) == Pending and rawget(pending, "input")
  if not x then error("this folded normalisation needs what its convolution gives: the two are declared a pair", 2) end
  -- A residual that the block made itself is its own to overwrite; its input only when nobody else holds that.
  local owner, block = self.owner, rawget(pending, "block")
  local free = residual and owner and (residual ~= owner.input or owner.input_is_free)
  local y = block and block(x, residual, free)
  if y then return y end
  for _, convolution in ipairs(rawget(pending, "before") or {}) do x = convolution(x) end
  return self.frozen(x, residual, free)
end

-- ---- inverted residuals ----

-- The frozen convolution of layers i and i + 1 of a list, where these are a pair.
local function pair_at(list, i, forward_of)
  local conv, norm = list[i], list[i + 1]
  return conv and norm and forward_of(conv) == pending_forward and forward_of(norm) == pair_forward
    and conv.frozen == norm.frozen and type(conv.frozen) == "userdata" and conv.frozen or nil
end

-- The block of the convolutions from layer i on: [expand, norm,] filter, norm, project; false where there is none.
local function make_block(list, i, forward_of)
  local first, second = pair_at(list, i, forward_of), pair_at(list, i + 2, forward_of)
  local function try(before, last)
    local layer = list[last]
    if not layer or forward_of(layer) ~= pending_forward or type(layer.frozen) ~= "userdata" then return nil end
    local block = frozen.block(before[2] and before[1], before[2] or before[1], layer.frozen)
    return block and { block = block, before = before, last = last - i, project = layer.frozen }
  end
  return first and second and try({ first, second }, i + 4) or first and try({ first }, i + 2) or false
end

-- See containers.lua. What has been found is kept by the first layer; another chain may go on otherwise.
local function fuse(list, i, x, forward_of)
  local layer = list[i]
  local found = layer.block
  if found == nil then
    found = make_block(list, i, forward_of)
    layer.block = found
  end
  local last = found and list[i + found.last]
  if not last or last.frozen ~= found.project then return nil end
  return setmetatable({ input = x, block = found.block, before = found.before }, Pending), i + found.last
end

local function frozen_forward(self, x)
  return self.frozen(x)
end

-- A block remembers its input while it runs, for pair_forward. Children of a sequence own what goes from one to the
-- next: containers.lua says with input_is_free whether it does.
local function block_forward(class_forward)
  return function(self, x, ...)
    self.input = x
    local y = class_forward(self, x, ...)
    self.input, self.input_is_free = nil, nil
    return y
  end
end

local function refuse_training(self, on)
  if on ~= false then
    error(("the folded form of %s is for inference: train the layer that it was made from"):format(tostring(self)), 2)
  end
  return self
end

-- A copy of a layer and its children: fields as they are, tensors of its own.
local function copy_tree(layer)
  local copy = {}
  for name, value in pairs(layer) do copy[name] = value end
  copy.own_parameters, copy.own_buffers, copy.children = {}, {}, {}
  for _, list in ipairs { layer.own_parameters, layer.own_buffers } do
    for _, entry in ipairs(list) do copy[entry.name] = entry.tensor:detach() end
  end
  for i, child in ipairs(layer.children) do
    local inner = copy_tree(child.layer)
    copy.children[i] = { name = child.name, layer = inner }
    for key, value in pairs(layer) do
      if rawequal(value, child.layer) then copy[key] = inner end
    end
  end
  copy.training = false
  -- Where the processor has no bf16, frozen convolutions are faster in f32, and memory is no concern.
  if copy.precision and sys.info().conv_bf16 ~= "onednn" then copy.precision = "f32" end
  copy.train = refuse_training
  copy.folded = function(self) return self end
  return setmetatable(copy, getmetatable(layer))
end

-- What the forward pass of a frozen layer does not need goes.
local function drop_tensors(layer)
  for name, value in pairs(layer) do
    if T.is(value) then layer[name] = nil end
  end
end

local function is_conv(layer) return layer and layer.folds == "convolution" and not layer.frozen end
local function is_norm(layer) return layer and layer.folds == "normalisation" and not layer.frozen end

local function fold_pair(owner, conv, norm, consumes)
  local scale, bias = fold_weights(conv, norm)
  norm.frozen = freeze(conv, scale, bias, norm.activation)
  norm.owner = consumes and owner or nil
  conv.frozen = norm.frozen
  drop_tensors(conv)
  drop_tensors(norm)
  conv.forward, norm.forward = pending_forward, pair_forward
  if not conv.transposed then conv.fuse = fuse end
end

local function descendant(layer, path)
  for name in path:gmatch "[^.]+" do layer = layer and layer[name] end
  return layer
end

local function fold_tree(layer)
  for _, pair in ipairs(layer.pairs or {}) do
    local conv, norm = descendant(layer, pair[1]), descendant(layer, pair[2])
    if is_conv(conv) and is_norm(norm) then fold_pair(layer, conv, norm, pair[3]) end
  end
  local before
  for _, child in ipairs(layer.folds == "sequence" and layer.children or {}) do
    if is_conv(before) and is_norm(child.layer) then fold_pair(layer, before, child.layer) end
    before = child.layer
  end
  if layer.pairs then
    layer.forward, layer.overwrites = block_forward(layer.forward), true
  elseif is_conv(layer) then
    layer.frozen = freeze(layer, nil, layer.bias)
    layer.forward = frozen_forward
    drop_tensors(layer)
  end
  for _, child in ipairs(layer.children) do fold_tree(child.layer) end
end

-- Tensors that are still there are the copy's own.
local function own_tensors(layer)
  for name, value in pairs(layer) do
    if T.is(value) then layer[name] = value:clone() end
  end
  for _, child in ipairs(layer.children) do own_tensors(child.layer) end
end

--- calr.nn.folded.make(layer)
--- What layer:folded() does.
--- @return layer
function folded.make(layer)
  return autograd.no_grad(function()
    local copy = copy_tree(layer)
    fold_tree(copy)
    own_tensors(copy)
    return copy
  end)
end

return folded
