--- @module calr.nn.containers
--- Layers made of layers. Reached through calr.nn.

local autograd = require "calr.autograd"
local keeping = require "calr.nn.keeping"
local counted = require("calr.options").counted
local module = require "calr.nn.module"
local class, new = module.class, module.new

local containers = {}

--- calr.nn.chain(x, layer, layer, ...)
--- One layer after the other; what lies between them is let go of as calr.nn.release says.
--- @return tensor
function containers.chain(x, ...)
  local before
  for i = 1, select("#", ...) do
    local layer = select(i, ...)
    local y = layer(x)
    if before then keeping.release(x, y, before, layer) end
    x, before = y, layer
  end
  return x
end

local Checkpointed = class "Checkpointed"

--- calr.nn.checkpointed(layer)
--- The same layer, whose intermediate results are computed twice instead of kept (calr.autograd.checkpoint). It has no
--- parameters or state of its own: for use inside a forward function.
--- @return layer
function containers.checkpointed(layer)
  local self = new(Checkpointed)
  self.wraps = layer
  return self
end

function Checkpointed:forward(x)
  return autograd.checkpoint(self.wraps, x)
end

local Sequential = class "Sequential"
Sequential.folds = "sequence" -- see calr.nn.folded

--- calr.nn.sequential(layer, layer, ...)
--- Layers one after the other; their names are 0, 1, 2, ... as in PyTorch.
--- @return layer
function containers.sequential(...)
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
    if before then keeping.release(x, y, before, child.layer) end
    x, before = y, child.layer
  end
  return x
end

return (counted("calr.nn.", containers))
