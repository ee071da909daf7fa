--- @module calr.nn
--- Layers. A layer is an object with :forward(x), which calling it does too; it owns named parameters (learned),
--- buffers (running statistics) and children, in the order in which they were added. Names join with dots and follow
--- torchvision's, so that a state is a flat table of name -> tensor that other programs can read.

local autograd = require "calr.autograd"
local arguments = require "calr.options"
local check_options = arguments.check
local keeping = require "calr.nn.keeping"
local module = require "calr.nn.module"
local T = require "calr.tensor"
local class, new = module.class, module.new

local nn = { Module = module.Module }

--- calr.nn.class(name)
--- A class of layers of your own: local Mine = calr.nn.class "Mine"; function Mine:forward(x) ... end.
--- @return table  with Mine as the metatable for calr.nn.new(Mine)
nn.class = class

--- calr.nn.new(class)
--- An object of a class of layers, without parameters yet.
--- @return layer
nn.new = new

--- calr.nn.release(x, result, from, to)
--- Closes a tensor that lies between two layers as soon as the second has used it, so that its memory serves again;
--- what a gradient needs of it is kept. It stays open where one of the layers still has it: in a field, or in a
--- variable that its forward function reaches. A layer whose forward function was replaced may keep it anywhere, so
--- that it stays open as well, unless the layer says lets_go = true.
--- @param x       what `from` gave and `to` was given
--- @param result  tensor; what `to` made of it; when that is x itself, it stays
--- @param from, to  layer
nn.release = keeping.release

--- calr.nn.chain(x, layer, layer, ...)
--- One layer after the other; what lies between them is let go of as calr.nn.release says.
--- @return tensor
function nn.chain(x, ...)
  local before
  for i = 1, select("#", ...) do
    local layer = select(i, ...)
    local y = layer(x)
    if before then nn.release(x, y, before, layer) end
    x, before = y, layer
  end
  return x
end

local Checkpointed = class "Checkpointed"

--- calr.nn.checkpointed(layer)
--- The same layer, whose intermediate results are computed twice instead of kept (calr.autograd.checkpoint). It has no
--- parameters or state of its own: for use inside a forward function.
--- @return layer
function nn.checkpointed(layer)
  local self = new(Checkpointed)
  self.wraps = layer
  return self
end

function Checkpointed:forward(x)
  return autograd.checkpoint(self.wraps, x)
end

-- He et al., "Delving deep into rectifiers" (ICCV 2015), fan-out, as torchvision's residual networks start. Like
-- torchvision's, it does not look at the groups.
local function kaiming_fan_out(tensor, rng)
  rng:fill_normal(tensor, 0, math.sqrt(2 / (tensor:size(1) * tensor:size(3) * tensor:size(4))))
end

local function constant(value)
  return function(tensor) tensor:fill(value) end
end

-- PyTorch's default for linear layers: uniform within 1/sqrt(inputs).
local function uniform_fan_in(inputs)
  local bound = 1 / math.sqrt(inputs)
  return function(tensor, rng) rng:fill_uniform(tensor, -bound, bound) end
end

local Conv = class "Conv"
Conv.folds = "convolution" -- see calr.nn.folded

--- calr.nn.conv(inputs, outputs, {kernel=3, stride=1, padding=(kernel-1)/2, groups=1})
--- Convolution without bias (a norm follows). weight is f32[outputs x inputs/groups x kernel x kernel]. groups must
--- divide inputs and outputs; groups = inputs = outputs is a depthwise convolution.
--- @return layer  [n x h x w x inputs] -> [n x h' x w' x outputs]
function nn.conv(inputs, outputs, options)
  local o = check_options("calr.nn.conv", options, { "kernel", "stride", "padding", "groups" })
  local self = new(Conv)
  local kernel = o.kernel or 3
  self.stride, self.padding = o.stride or 1, o.padding or (kernel - 1) // 2
  self.groups = o.groups or 1
  if math.type(self.groups) ~= "integer" or self.groups < 1 or inputs % self.groups ~= 0
    or outputs % self.groups ~= 0 then
    error(("calr.nn.conv: groups must be a whole number that divides inputs (%s) and outputs (%s), not %s")
      :format(inputs, outputs, self.groups), 2)
  end
  self:add_parameter("weight", { outputs, inputs // self.groups, kernel, kernel }, kaiming_fan_out)
  return self
end

function Conv:forward(x)
  return T.conv2d(x, self.weight, { stride = self.stride, padding = self.padding, groups = self.groups })
end

local BatchNorm = class "BatchNorm"
BatchNorm.folds = "normalisation" -- see calr.nn.folded

--- calr.nn.batch_norm(channels, {relu=false, bias=true, momentum=.1, eps=1e-5})
--- Batch normalisation of the last dimension, for feature maps and for matrices. With relu=true a ReLU follows in the
--- same pass; forward(x, residual) adds the residual before it. bias=false fixes the bias at 0 (a "neck").
--- @return layer
function nn.batch_norm(channels, options)
  local o = check_options("calr.nn.batch_norm", options, { "relu", "bias", "momentum", "eps" })
  local self = new(BatchNorm)
  self.relu, self.momentum, self.eps = o.relu or false, o.momentum or 0.1, o.eps or 1e-5
  self:add_parameter("weight", { channels }, constant(1))
  self:add_parameter("bias", { channels }, constant(0))
  if o.bias == false then self:freeze "bias" end
  self:add_buffer("running_mean", { channels }, 0)
  self:add_buffer("running_var", { channels }, 1)
  return self
end

function BatchNorm:forward(x, residual)
  return T.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, {
    training = self.training, momentum = self.momentum, eps = self.eps, relu = self.relu, residual = residual,
  })
end

local IBN = class "IBN"

--- calr.nn.ibn(channels, {relu=true})
--- IBN-a (Pan et al., ECCV 2018): instance norm on the first half of the channels, batch norm on the rest. Its
--- tensors are called IN.* and BN.*, as in the authors' weights.
--- @return layer
function nn.ibn(channels, options)
  local o = check_options("calr.nn.ibn", options, { "relu" })
  local self = new(IBN)
  self.half = channels // 2
  self.relu = o.relu ~= false
  self:add("IN", nn.instance_norm(self.half))
  self:add("BN", nn.batch_norm(channels - self.half))
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
function nn.instance_norm(channels, options)
  local o = check_options("calr.nn.instance_norm", options, { "eps" })
  local self = new(InstanceNorm)
  self.eps = o.eps or 1e-5
  self:add_parameter("weight", { channels }, constant(1))
  self:add_parameter("bias", { channels }, constant(0))
  return self
end

function InstanceNorm:forward(x)
  return T.instance_norm(x, self.weight, self.bias, { eps = self.eps })
end

local Linear = class "Linear"

--- calr.nn.linear(inputs, outputs, {bias=true})
--- @return layer  [n x inputs] -> [n x outputs]; weight is f32[outputs x inputs]
function nn.linear(inputs, outputs, options)
  local o = check_options("calr.nn.linear", options, { "bias" })
  local self = new(Linear)
  self:add_parameter("weight", { outputs, inputs }, uniform_fan_in(inputs))
  if o.bias ~= false then self:add_parameter("bias", { outputs }, uniform_fan_in(inputs)) end
  return self
end

function Linear:forward(x)
  return T.linear(x, self.weight, self.bias)
end

local MaxPool = class "MaxPool"

--- calr.nn.max_pool{kernel=3, stride=2, padding=1}
--- @return layer
function nn.max_pool(options)
  local o = check_options("calr.nn.max_pool", options, { "kernel", "stride", "padding" })
  local self = new(MaxPool)
  self.options = { kernel = o.kernel or 3, stride = o.stride or 2, padding = o.padding or 1 }
  return self
end

function MaxPool:forward(x)
  return T.max_pool(x, self.options)
end

local AvgPool = class "AvgPool"

--- calr.nn.avg_pool()
--- Global average pooling.
--- @return layer  [n x h x w x c] -> [n x c]
function nn.avg_pool()
  return new(AvgPool)
end

function AvgPool:forward(x)
  return T.avg_pool(x)
end

local GeM = class "GeM"

--- calr.nn.gem{p=3, eps=1e-6}
--- Generalised mean pooling with a learned exponent (Radenovic et al., TPAMI 2018): (mean max(x, eps)^p)^(1/p).
--- @return layer  [n x h x w x c] -> [n x c]
function nn.gem(options)
  local o = check_options("calr.nn.gem", options, { "p", "eps" })
  local self = new(GeM)
  self.eps = o.eps or 1e-6
  self:add_parameter("p", { 1 }, constant(o.p or 3))
  return self
end

function GeM:forward(x)
  local p = self.p:get(1)
  if not (p > 0) then
    error(("the exponent of the GeM pooling became %g and must stay above 0: %s"):format(p, p == 0
      and "the network has no weights yet; end the function that makes it with return net:init(options.seed)"
      or "the training has diverged, lower the learning rate"), 0)
  end
  return T.gem(x, self.p, { eps = self.eps })
end

local Relu = class "Relu"

--- calr.nn.relu()
--- @return layer
function nn.relu()
  return new(Relu)
end

function Relu:forward(x)
  return T.relu(x)
end

local Dropout = class "Dropout"

--- calr.nn.dropout{p=.5, seed=0}
--- In training mode sets each number to 0 with probability p and scales the rest by 1/(1-p). What is dropped is a
--- matter of the seed and of how many forward passes there were, which is part of the layer's state: give two such
--- layers of one network two seeds.
--- @return layer
function nn.dropout(options)
  local o = check_options("calr.nn.dropout", options, { "p", "seed" })
  local self = new(Dropout)
  self.p, self.seed = o.p or 0.5, o.seed or 0
  self:add_buffer("passes", { 1 }, 0)
  return self
end

function Dropout:forward(x)
  if not self.training then return x end
  local pass = autograd.once(function()
    local count = self.passes:get(1)
    self.passes:fill(count + 1)
    return count
  end)
  return T.dropout(x, { p = self.p, seed = self.seed, epoch = pass // 1 | 0, training = true })
end

local Sequential = class "Sequential"
Sequential.folds = "sequence" -- see calr.nn.folded

--- calr.nn.sequential(layer, layer, ...)
--- Layers one after the other; their names are 0, 1, 2, ... as in PyTorch.
--- @return layer
function nn.sequential(...)
  local self = new(Sequential)
  for i = 1, select("#", ...) do
    local layer = select(i, ...)
    if type(layer) ~= "table" or layer.forward == nil then
      error(("calr.nn.sequential: argument %d is %s and no layer%s"):format(i, type(layer) == "table" and "a table"
        or "a " .. type(layer), type(layer) == "table" and layer[1] and "; write sequential(a, b), not sequential{a, b}"
        or ""), 2)
    end
    self:add(tostring(i - 1), layer)
  end
  return self
end

function Sequential:forward(x)
  local before
  for _, child in ipairs(self.children) do
    local y = child.layer(x)
    if before then nn.release(x, y, before, child.layer) end
    x, before = y, child.layer
  end
  return x
end

--- calr.nn.mean_teacher(net [, {momentum=.999}])
--- A copy of a network that follows it slowly: the average of its weights over the training (Tarvainen and Valpola,
--- NIPS 2017; the key encoder of MoCo). Call teacher:follow(net) after each step of the optimiser; step:train does so
--- with its own (`teacher`).
--- @param net       a layer or network
--- @param momentum  how much of the old weights stays at each step, 0 .. 1; the field .momentum, free to change
--- @return teacher  with .net, .momentum, teacher(images), teacher:follow(net), teacher:state() and
---   teacher:load_state(map)
function nn.mean_teacher(net, options)
  return require "calr.nn.teacher"(net, options)
end

--- calr.nn.domain_head(inputs, cameras, {hidden=100, dropout=.5, seed=0})
--- The camera classifier of the alignment: inputs-100-100-cameras, batch norm and ReLU after both hidden layers,
--- dropout after the first (Ganin and Lempitsky, ICML 2015).
--- @return layer  [n x inputs] -> logits [n x cameras]
function nn.domain_head(inputs, cameras, options)
  local o = check_options("calr.nn.domain_head", options, { "hidden", "dropout", "seed" })
  local hidden = o.hidden or 100
  return nn.sequential(
    nn.linear(inputs, hidden), nn.batch_norm(hidden, { relu = true }), nn.dropout { p = o.dropout, seed = o.seed },
    nn.linear(hidden, hidden), nn.batch_norm(hidden, { relu = true }),
    nn.linear(hidden, cameras))
end

return (arguments.counted("calr.nn.", nn))
