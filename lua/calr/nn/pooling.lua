--- @module calr.nn.pooling
--- Pooling of feature maps. Reached through calr.nn.

local arguments = require "calr.options"
local check_options, counted = arguments.check, arguments.counted
local initial = require "calr.nn.initial"
local module = require "calr.nn.module"
local T = require "calr.tensor"
local class, new = module.class, module.new

local pooling = {}

local MaxPool = class "MaxPool"

--- calr.nn.max_pool{kernel=3, stride=2, padding=1}
--- @return layer
function pooling.max_pool(options)
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
function pooling.avg_pool()
  return new(AvgPool)
end

function AvgPool:forward(x)
  return T.avg_pool(x)
end

local GeM = class "GeM"

--- calr.nn.gem{p=3, eps=1e-6}
--- Generalised mean pooling with a learned exponent (Radenovic et al., TPAMI 2018): (mean max(x, eps)^p)^(1/p).
--- @return layer  [n x h x w x c] -> [n x c]
function pooling.gem(options)
  local o = check_options("calr.nn.gem", options, { "p", "eps" })
  local self = new(GeM)
  self.eps = o.eps or 1e-6
  self:add_parameter("p", { 1 }, initial.constant(o.p or 3))
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

return (counted("calr.nn.", pooling))
