--- @module calr.nn.module
--- The common part of all layers: named parameters and buffers, named children, training and evaluation mode. What it
--- offers is reached through calr.nn.

--- @class layer
--- Called with a tensor, a layer does its forward(x). Its children and its own tensors are fields by their names.
--- @call fun(x: tensor, ...: any): tensor
--- @others any
--- @field training  boolean; whether it is in training mode: see layer:train


local sorted_keys = require "calr.tables".sorted_keys
local Tensor = require "calr.tensor"
local form = require "calr.form"
local keeping = require "calr.nn.keeping"
local autograd_leaf = function(tensor) return tensor:requires_grad(true) end

local Module = {}
Module.__index = Module
Module.__call = function(self, ...) return self:forward(...) end

-- A class whose objects are layers; `name` is shown by tostring.
local function class(name)
  local new = setmetatable({ class_name = name }, { __index = Module })
  new.__index = new
  new.__call = Module.__call
  new.__newindex = function(self, key, value)
    if key == "forward" or key == "lets_go" then keeping.changed() end
    rawset(self, key, value)
  end
  new.__tostring = function(self) return name end
  return new
end

local function new(kind)
  if type(kind) ~= "table" then
    error(("calr.nn.new wants a class, made by calr.nn.class, not a %s"):format(type(kind)), 2)
  end
  return setmetatable({ own_parameters = {}, own_buffers = {}, children = {}, training = true }, kind)
end

--- layer:add_parameter(name, shape, initialise)
--- Gives a layer a learned tensor f32[shape], zero until layer:init is called.
--- @param initialise  function(tensor, rng) that fills it
--- @return tensor
function Module:add_parameter(name, shape, initialise)
  local tensor = autograd_leaf(Tensor.zeros(shape))
  self.own_parameters[#self.own_parameters + 1] = { name = name, tensor = tensor, initialise = initialise }
  self[name] = tensor
  return tensor
end

--- layer:add_buffer(name, shape, value)
--- Gives a layer a tensor that is saved with it but not learned.
--- @param value  number; what it is filled with
--- @return tensor
function Module:add_buffer(name, shape, value)
  local tensor = Tensor.full(shape, value)
  self.own_buffers[#self.own_buffers + 1] = { name = name, tensor = tensor, value = value }
  self[name] = tensor
  return tensor
end

--- layer:add(name, child)
--- Gives a layer a child; its tensors are called name.THEIRS.
--- @return layer  the child
function Module:add(name, child)
  self.children[#self.children + 1] = { name = name, layer = child }
  keeping.changed()
  self[name] = child
  return child
end

-- Calls visit(full name, entry, layer) for every entry of `list` ("own_parameters" or "own_buffers") of the tree.
local function walk(layer, list, prefix, visit)
  for _, entry in ipairs(layer[list]) do visit(prefix .. entry.name, entry, layer) end
  for _, child in ipairs(layer.children) do walk(child.layer, list, prefix .. child.name .. ".", visit) end
end

--- layer:parameters()
--- What an optimiser takes. Frozen parameters (layer:freeze) are left out.
--- @return table  list of {name=, tensor=}, in a fixed order
function Module:parameters()
  local list = {}
  walk(self, "own_parameters", "", function(name, entry)
    if not entry.frozen then list[#list + 1] = { name = name, tensor = entry.tensor } end
  end)
  return list
end

-- An iterator over names and what belongs to them.
local function each(names, items)
  local i = 0
  return function()
    i = i + 1
    return names[i], items[i]
  end
end

local function each_of(layer, list)
  local names, tensors = {}, {}
  walk(layer, list, "", function(name, entry)
    names[#names + 1], tensors[#names + 1] = name, entry.tensor
  end)
  return each(names, tensors)
end

--- layer:named_parameters()
--- for name, tensor in net:named_parameters() do ... end: all parameters, the frozen ones too, in their order.
--- @return function  an iterator
function Module:named_parameters()
  return each_of(self, "own_parameters")
end

--- layer:named_buffers()
--- for name, tensor in net:named_buffers() do ... end
--- @return function  an iterator
function Module:named_buffers()
  return each_of(self, "own_buffers")
end

--- layer:named_children()
--- for name, layer in net:named_children() do ... end: the layers that were added to this one.
--- @return function  an iterator
function Module:named_children()
  local names, layers = {}, {}
  for i, child in ipairs(self.children) do names[i], layers[i] = child.name, child.layer end
  return each(names, layers)
end

local function visit_modules(layer, name, visit)
  visit(name, layer)
  for _, child in ipairs(layer.children) do
    visit_modules(child.layer, name == "" and child.name or name .. "." .. child.name, visit)
  end
end

--- layer:named_modules()
--- for name, layer in net:named_modules() do ... end: the layer itself, with the name "", and all layers inside it.
--- @return function  an iterator
function Module:named_modules()
  local names, layers = {}, {}
  visit_modules(self, "", function(name, layer) names[#names + 1], layers[#names + 1] = name, layer end)
  return each(names, layers)
end

--- layer:apply(fn)
--- Calls fn(layer, name) for every layer inside this one and then for itself, children before parents.
--- @param fn  a function; the name is a full one, "" for the layer itself
--- @return layer  itself
function Module:apply(fn)
  if type(fn) ~= "function" then error(("layer:apply wants a function, not a %s"):format(type(fn)), 2) end
  local function visit(layer, name)
    for _, child in ipairs(layer.children) do
      visit(child.layer, name == "" and child.name or name .. "." .. child.name)
    end
    fn(layer, name)
  end
  visit(self, "")
  return self
end

-- Whether `which` names a parameter: as a whole, as what stands before a dot, or as a pattern of the whole name.
local function selects(which, name)
  return name == which or name:sub(1, #which + 1) == which .. "." or name:find("^" .. which .. "$") ~= nil
end

local function set_frozen(self, which, frozen)
  if which ~= nil and type(which) ~= "string" then
    error(("parameters are named by a text, not a %s"):format(type(which)), 3)
  end
  local found = false
  walk(self, "own_parameters", "", function(name, entry)
    if which == nil or selects(which, name) then
      found, entry.frozen = true, frozen or nil
      entry.tensor:requires_grad(not frozen)
    end
  end)
  if which ~= nil and not found then error(("%s has no parameter \"%s\""):format(tostring(self), which), 3) end
  return self
end

--- layer:freeze([which])
--- Keeps parameters as they are: no gradient, not in layer:parameters(). Statistics of batch normalisations still
--- follow the batches in training mode: net.layer1:train(false) stops these.
--- @param which  string; the name of a parameter ("conv1.weight"), of a child ("layer1": all below it), or a pattern of
---               Lua that fits whole names ("blocks%.[0-5]%..*"); nil: all parameters
--- @return layer  itself
function Module:freeze(which)
  return set_frozen(self, which, true)
end

--- layer:unfreeze([which])
--- Undoes layer:freeze. Make the optimiser after it: one that exists does not know the parameters.
--- @param which  string; as of layer:freeze; nil: all parameters
--- @return layer  itself
function Module:unfreeze(which)
  return set_frozen(self, which, false)
end

--- layer:state()
--- All parameters and buffers, for a checkpoint.
--- @return table  name -> tensor, the live ones
function Module:state()
  local state = {}
  local function keep(name, entry) state[name] = entry.tensor end
  walk(self, "own_parameters", "", keep)
  walk(self, "own_buffers", "", keep)
  return state
end

local function first_words(list)
  table.sort(list)
  local shown = table.concat(list, ", ", 1, math.min(#list, 4))
  return #list > 4 and ("%s and %d more"):format(shown, #list - 4) or shown
end

local floats = { f32 = true, f64 = true, bf16 = true, f16 = true }

-- Whether a tensor of a state can be copied into the layer's own.
local function fits(given, own)
  if not Tensor.is(given) then return false end
  local kind, wanted = given:dtype(), own:dtype()
  return form.is(given, kind, table.unpack(own:shape())) and (kind == wanted or floats[kind] and floats[wanted])
end

--- layer:load_state(state [, metadata])
--- Copies a state into the layer. Every name must be there with its shape, and no other: a state of another network is
--- refused as a whole, before anything is changed. f64, bf16 and f16 are converted.
--- @param state     name -> tensor
--- @param metadata  table; the second result of calr.safetensors.load, so that a file is loaded by
---                  net:load_state(calr.safetensors.load(path)); it changes nothing
--- @return layer  itself
function Module:load_state(state, metadata) -- luacheck: ignore 212
  local own, missing, unknown = self:state(), {}, {}
  for _, name in ipairs(sorted_keys(own)) do -- sorted, so that the same mistake always gives the same message
    local given, tensor = state[name], own[name]
    if not given then
      missing[#missing + 1] = name
    elseif not fits(given, tensor) then
      error(("this is the state of another network: %s is %s there and %s here"):format(name, form.text(given),
        form.text(tensor)), 2)
    end
  end
  for name in pairs(state) do
    if not own[name] then unknown[#unknown + 1] = name end
  end
  if #missing > 0 then error("this is the state of another network: it lacks " .. first_words(missing), 2) end
  if #unknown > 0 then error("this is the state of another network: it also has " .. first_words(unknown), 2) end
  for name, tensor in pairs(own) do tensor:detach():copy(state[name]:detach()) end
  return self
end

--- layer:init([seed])
--- Fills all parameters with fresh random numbers and resets the buffers. Each parameter draws from a stream of its own
--- name: what one layer gets does not depend on the others.
--- @param seed  integer, default 0
--- @return layer  itself
function Module:init(seed)
  local Rng = require "calr.rng"
  require("calr.autograd").no_grad(walk, self, "own_parameters", "", function(name, entry)
    entry.initialise(entry.tensor, Rng.open { seed = seed or 0, purpose = "init " .. name })
  end)
  walk(self, "own_buffers", "", function(_, entry) entry.tensor:fill(entry.value) end)
  return self
end

--- layer:train([on])
--- Switches the layer and its children to training mode, or with false to evaluation mode.
--- @return layer  itself
function Module:train(on)
  self.training = on ~= false
  for _, child in ipairs(self.children) do child.layer:train(on) end
  return self
end

-- A copy of a layer's tables and tensors; what stands in two places is copied once. Classes and functions are shared.
local function copy(value, copies)
  if copies[value] then return copies[value] end
  if Tensor.is(value) then
    copies[value] = value:detach():clone():requires_grad(value:requires_grad())
  elseif type(value) == "table" and rawget(value, "__index") ~= value then
    local twin = setmetatable({}, getmetatable(value))
    copies[value] = twin
    for name, item in pairs(value) do twin[name] = copy(item, copies) end
  else
    return value
  end
  return copies[value]
end

--- layer:clone()
--- A copy of a layer or network with parameters and buffers of its own, in the same mode; frozen parameters stay
--- frozen. Changes of the one do not show in the other.
--- @return layer
function Module:clone()
  return copy(self, {})
end

--- layer:folded()
--- The inference form of a layer or network as it is now, in evaluation mode: batch normalisations are multiplied into
--- the convolutions before them, whose weights are kept in the order that the kernels want; bias, residual and ReLU are
--- added while a result is at hand. It gives what the layer gives, to rounding (a NaN may become 0 in a ReLU), has no
--- gradients and does not follow later changes of the weights: make a new one after training. calr.pipeline.features
--- does so. Which layers are folded in networks of your own: see calr.nn.folded.
---
---     local fast = net:folded()
---     calr.no_grad(function() features = fast(images) end)
--- @return layer
function Module:folded()
  return require("calr.nn.folded").make(self)
end

--- layer:summary()
--- The layers inside this one as text, a line each: name, class, shapes of its own parameters, how many numbers
--- they are, and which of them are frozen. calr.models.summary also runs a network, and shows the shapes between
--- its layers.
--- @return string
function Module:summary()
  local lines, total, learned = {}, 0, 0
  visit_modules(self, "", function(name, layer)
    local shapes, count = {}, 0
    for _, entry in ipairs(layer.own_parameters) do
      local numbers = entry.tensor:numel()
      count, learned = count + numbers, learned + (entry.frozen and 0 or numbers)
      shapes[#shapes + 1] = ("%s %s%s"):format(entry.name, table.concat(entry.tensor:shape(), " x "),
        entry.frozen and " (frozen)" or "")
    end
    total = total + count
    local _, depth = name:gsub("[^.]+", "")
    local called = name == "" and "" or name:match "[^.]*$" .. ": "
    local line = ("%-40s %10s  %s"):format(("  "):rep(depth) .. called .. tostring(layer),
      count > 0 and tostring(count) or "", table.concat(shapes, ", "))
    lines[#lines + 1] = line:match "^(.-)%s*$"
  end)
  lines[#lines + 1] = ("%d parameters, %d of them learned"):format(total, learned)
  return table.concat(lines, "\n")
end

--- layer:size()
--- @return integer  the number of learned numbers
function Module:size()
  local total = 0
  for _, parameter in ipairs(self:parameters()) do total = total + parameter.tensor:numel() end
  return total
end

local counted = require("calr.options").counted
counted("layer:", Module)
return (counted("calr.nn.", { Module = Module, class = class, new = new }))
