--- @module calr.nn.activation
--- Activations, and layers that compute nothing. Reached through calr.nn.

local arguments = require "calr.options"
local check_options, counted = arguments.check, arguments.counted
local given = require "calr.nn.given"
local initial = require "calr.nn.initial"
local module = require "calr.nn.module"
local T = require "calr.tensor"
local class, new = module.class, module.new

local activation = {}

-- A class whose forward is fn(x, layer).
local function with_options(name, fn)
  local kind = class(name)
  function kind:forward(x) return fn(x, self) end
  return kind
end

-- A class whose forward is one function of tensors, looked up when it is called: calr.export puts others in its place.
local function without_options(name, word)
  local kind = class(name)
  function kind.forward(_, x) return T[word](x) end
  return kind
end

local Relu = without_options("Relu", "relu")
--- calr.nn.relu()
--- max(0, x)
--- @return layer
function activation.relu() return new(Relu) end

local Relu6 = with_options("Relu6", function(x) return T.clamp(x, 0, 6) end)
--- calr.nn.relu6()
--- min(max(0, x), 6)
--- @return layer
function activation.relu6() return new(Relu6) end

local LeakyRelu = with_options("LeakyRelu", function(x, self) return T.leaky_relu(x, self.slope) end)
--- calr.nn.leaky_relu([slope])
--- x where it is above 0, slope x below.
--- @param slope  number; 0.01 by default
--- @return layer
function activation.leaky_relu(slope)
  local self = new(LeakyRelu)
  self.slope = given.number("calr.nn.leaky_relu", "slope", slope or 0.01, -math.huge, math.huge)
  return self
end

local PRelu = class "PRelu"
--- calr.nn.prelu([channels, {start=.25}])
--- The leaky ReLU with a learned slope (He et al., ICCV 2015).
--- @param channels  how many slopes: 1 (default), or one for each channel, the last dimension
--- @return layer
function activation.prelu(channels, options)
  local o = check_options("calr.nn.prelu", options, { "start" })
  local self = new(PRelu)
  local start = given.number("calr.nn.prelu", "start", o.start or 0.25, -math.huge, math.huge)
  self:add_parameter("weight", { given.whole("calr.nn.prelu", "channels", channels or 1, 1) }, initial.constant(start))
  return self
end

function PRelu:forward(x)
  local weight = self.weight
  if x:dtype() ~= weight:dtype() then weight = weight:to(x:dtype()) end
  return T.relu(x) - weight * T.relu(-x)
end

local Elu = with_options("Elu", function(x, self) return T.elu(x, self.alpha) end)
--- calr.nn.elu([alpha])
--- x where it is above 0, alpha (e^x - 1) below.
--- @param alpha  1 by default
--- @return layer
function activation.elu(alpha)
  local self = new(Elu)
  self.alpha = given.number("calr.nn.elu", "alpha", alpha or 1, -math.huge, math.huge)
  return self
end

local Gelu = with_options("Gelu", function(x, self) return T.gelu(x, self.approximate) end)
--- calr.nn.gelu{approximate="none"}
--- x times the normal distribution function of x (Hendrycks and Gimpel, arXiv 1606.08415).
--- @param approximate  "none", or "tanh": by way of the hyperbolic tangent
--- @return layer
function activation.gelu(options)
  local o = check_options("calr.nn.gelu", options, { "approximate" })
  local self = new(Gelu)
  self.approximate = given.choice("calr.nn.gelu", "approximate", o.approximate or "none", { "none", "tanh" })
  return self
end

local Silu = without_options("Silu", "silu")
--- calr.nn.silu()
--- x times the sigmoid of x; also called swish.
--- @return layer
function activation.silu() return new(Silu) end

local Hardswish = without_options("Hardswish", "hardswish")
--- calr.nn.hardswish()
--- x min(max(0, x + 3), 6) / 6 (Howard et al., ICCV 2019).
--- @return layer
function activation.hardswish() return new(Hardswish) end

local Hardsigmoid = without_options("Hardsigmoid", "hardsigmoid")
--- calr.nn.hardsigmoid()
--- min(max(0, x + 3), 6) / 6
--- @return layer
function activation.hardsigmoid() return new(Hardsigmoid) end

local Sigmoid = without_options("Sigmoid", "sigmoid")
--- calr.nn.sigmoid()
--- 1 / (1 + e^-x)
--- @return layer
function activation.sigmoid() return new(Sigmoid) end

local Tanh = without_options("Tanh", "tanh")
--- calr.nn.tanh()
--- @return layer
function activation.tanh() return new(Tanh) end

local Softplus = with_options("Softplus", function(x, self) return T.softplus(x, self.beta, self.threshold) end)
--- calr.nn.softplus{beta=1, threshold=20}
--- log(1 + e^(beta x)) / beta; x itself where beta x is above the threshold.
--- @return layer
function activation.softplus(options)
  local o = check_options("calr.nn.softplus", options, { "beta", "threshold" })
  local self = new(Softplus)
  self.beta = given.number("calr.nn.softplus", "beta", o.beta or 1, 1e-30, math.huge)
  self.threshold = given.number("calr.nn.softplus", "threshold", o.threshold or 20, -math.huge, math.huge)
  return self
end

local Softmax = with_options("Softmax", function(x, self) return T.softmax(x, self.dim) end)
--- calr.nn.softmax([dim])
--- e^x over its sum along a dimension.
--- @param dim  from 1; -1, the last, by default
--- @return layer
function activation.softmax(dim)
  local self = new(Softmax)
  self.dim = given.whole("calr.nn.softmax", "dim", dim or -1, -6)
  return self
end

local Identity = with_options("Identity", function(x) return x end)
--- calr.nn.identity()
--- The layer that gives what it is given, in place of one that is not wanted.
--- @return layer
function activation.identity() return new(Identity) end

local Flatten = with_options("Flatten", function(x, self) return T.flatten(x, self.first, self.last) end)
--- calr.nn.flatten([first, last])
--- Makes one dimension of several, in the order of memory: a map [n x h x w x c] becomes [n x h w c], where PyTorch's
--- maps become [n x c h w].
--- @param first  from 1; 2 by default
--- @param last   integer; -1, the last, by default
--- @return layer
function activation.flatten(first, last)
  local self = new(Flatten)
  self.first = given.whole("calr.nn.flatten", "first", first or 2, -6)
  self.last = given.whole("calr.nn.flatten", "last", last or -1, -6)
  return self
end

return (counted("calr.nn.", activation))
