--- @module calr.nn.containers
--- Layers made of layers. Reached through calr.nn.

local autograd = require "calr.autograd"
local keeping = require "calr.nn.keeping"
local counted = require("calr.options").counted
local module = require "calr.nn.module"
local class, new = module.class, module.new

local containers = {}

local kinds = { ["nil"] = "nothing", table = "a table", ["function"] = "a function" }

-- What a layer gave must be a tensor for the next one; the error stands at the layer's forward function. Of the folded
-- form, what stands between convolution and normalisation is no tensor.
local function check_given(layer, y)
  if type(y) == "userdata" or rawget(layer, "frozen") then return end
  local forward = layer.forward
  local at = type(forward) == "function" and debug.getinfo(forward, "S")
  error(("%sthe layer %s gives %s, and must give a tensor to the next layer%s"):format(at and at.what == "Lua"
    and ("%s:%d: "):format(at.short_src, at.linedefined) or "", tostring(layer), kinds[type(y)] or "a " .. type(y),
    y == nil and ": end its forward function with return" or ""), 0)
end

local Sequential = class "Sequential"
Sequential.folds = "sequence" -- see calr.nn.folded

-- What a layer does when it is called, where its own forward function was replaced by one that only watches
-- (stands_for).
local function forward_of(layer)
  return rawget(layer, "stands_for") or layer.forward
end

-- The layers of a list and of the sequences in it, one after the other, each with the item of the list that holds it.
local function leaves(layer, holder, list, holders)
  if getmetatable(layer) == Sequential and forward_of(layer) == Sequential.forward then
    for _, child in ipairs(layer.children) do leaves(child.layer, holder, list, holders) end
  else
    list[#list + 1], holders[#holders + 1] = layer, holder
  end
end

-- One layer after the other; those that have one pass for themselves and some after them (fuse) in that pass.
local function run(given, list, holders)
  local x, before, i = given, nil, 1
  while i <= #list do
    local layer = list[i]
    if before then check_given(list[before], x) end
    local fuse, y, last = list[i + 1] and (rawget(layer, "fuse") or rawget(getmetatable(layer), "fuse")), nil, nil
    if fuse then y, last = fuse(list, i, x, forward_of) end
    if not y then
      if rawget(layer, "overwrites") then layer.input_is_free = x ~= given end
      y, last = layer(x), i
    end
    if before then
      local from, to = holders[before], holders[i]
      if from == to then from, to = list[before], layer end
      keeping.release(x, y, from, to)
    end
    x, before, i = y, last, last + 1
  end
  return x
end

--- calr.nn.chain(x, layer, layer, ...)
--- One layer after the other; what lies between them is let go of as calr.nn.release says. Sequences are taken apart,
--- and a batch norm is computed together with the convolution after it (calr.batch_norm_conv2d).
--- @return tensor
function containers.chain(x, ...)
  local list, holders = {}, {}
  for i = 1, select("#", ...) do
    local layer = select(i, ...)
    if type(layer) ~= "table" or getmetatable(layer) == nil then
      error(("calr.nn.chain: argument %d is a %s and no layer"):format(i + 1, type(layer)), 2)
    end
    leaves(layer, layer, list, holders)
  end
  return run(x, list, holders)
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

-- Adds layers as children 0, 1, 2, ...
local function add_all(what, self, ...)
  for i = 1, select("#", ...) do
    local layer = select(i, ...)
    if type(layer) ~= "table" or layer.forward == nil then
      local name = what:match "[^.]*$"
      error(("%s: argument %d is %s and no layer%s"):format(what, i, type(layer) == "table" and "a table"
        or "a " .. type(layer), type(layer) == "table" and layer[1] and ("; write %s(a, b), not %s{a, b}"):format(name,
        name) or ""), 3)
    end
    self:add(tostring(i - 1), layer)
  end
end

--- calr.nn.sequential(layer, layer, ...)
--- Layers one after the other; their names are 0, 1, 2, ... as in PyTorch.
--- @return layer
function containers.sequential(...)
  local self = new(Sequential)
  add_all("calr.nn.sequential", self, ...)
  return self
end

function Sequential:forward(x)
  local list, holders = {}, {}
  for _, child in ipairs(self.children) do leaves(child.layer, child.layer, list, holders) end
  return run(x, list, holders)
end

local ModuleList = class "ModuleList"

--- calr.nn.module_list(layer, layer, ...)
--- Layers that a forward function of your own calls; their names are 0, 1, 2, ... as in PyTorch. list[i], #list and
--- ipairs(list) count from 1; list:append(layer) adds one.
--- @return layer  without a forward function
function containers.module_list(...)
  local self = new(ModuleList)
  add_all("calr.nn.module_list", self, ...)
  return self
end

function ModuleList:add(name, child)
  self[#self.children + 1] = child
  return module.Module.add(self, name, child)
end

function ModuleList:append(layer)
  if type(layer) ~= "table" or layer.forward == nil then
    error(("list:append: a %s is no layer"):format(type(layer)), 2)
  end
  return self:add(tostring(#self.children), layer)
end

function ModuleList.forward()
  error("a module_list has no forward function of its own: call its layers, for _, layer in ipairs(list) do ... end", 0)
end

local ModuleDict = class "ModuleDict"

--- calr.nn.module_dict{name=layer, ...}
--- Layers by name that a forward function of your own calls: dict.name(x). Their order is that of the alphabet.
--- @return layer  without a forward function
function containers.module_dict(layers)
  if type(layers) ~= "table" or getmetatable(layers) ~= nil then
    error("calr.nn.module_dict wants a table { name = layer, ... }", 2)
  end
  local self, names = new(ModuleDict), {}
  for name, layer in pairs(layers) do
    if type(name) ~= "string" or type(layer) ~= "table" or layer.forward == nil then
      error(("calr.nn.module_dict: %s is a %s; names are texts, and what they name are layers"):format(tostring(name),
        type(layer)), 2)
    end
    if name:find(".", 1, true) or self[name] ~= nil then
      error(("calr.nn.module_dict: \"%s\" cannot be the name of a layer"):format(name), 2)
    end
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do self:add(name, layers[name]) end
  return self
end

function ModuleDict.forward()
  error("a module_dict has no forward function of its own: call its layers, dict.name(x)", 0)
end

return (counted("calr.nn.", containers))
