--- @module calr.lab.export.record
--- Records what a network computes: runs its forward function on images and notes every function of tensors that is
--- called, with its arguments and the layer that called it. Nothing of a network needs to be declared for it; layers of
--- a user's own are recorded like those of the library.
---
--- While the network runs, the functions of calr.tensor, the methods and the operators of tensors are replaced by ones
--- that take notes. What is called in another way (a function that a file has kept in a local variable, an operation of
--- calr.autograd.op) leaves a tensor of unknown origin, which then counts as a constant; calr.lab.export.program finds
--- such constants, because they differ between two recordings.

local T = require "calr.tensor"
local autograd = require "calr.autograd"
local keeping = require "calr.nn.keeping"
local operations = require "calr.lab.export.operations"
local vocabulary = require "calr.vocabulary"

local record = {}

local meta = debug.getregistry()["calr.tensor"]
local methods = meta.methods
local detach = methods.detach -- the plain one, also while notes are taken

-- What tells of a tensor without computing with its numbers.
local neutral = {}
for name in ([[is memory shape size dim numel dtype close requires_grad requires_grad_ is_leaf grad retain_grad
  register_hook backward is_finite describe zeros ones empty full arange linspace eye frombuffer from rand randn randint
  randperm _word]]):gmatch "%S+" do neutral[name] = true end
for _, name in ipairs(vocabulary.names()) do neutral[name] = true end -- in Lua, of functions that are recorded

-- What turns numbers of a tensor into numbers of Lua, on which anything may depend.
local reads = { item = true, get = true, totable = true, equal = true, tobytes = true, apply = true }

local writes = { copy = true, fill = true, set = true }

local metamethods = { __add = "add", __sub = "sub", __mul = "mul", __div = "div", __pow = "pow", __unm = "neg" }

local Value = {} -- the metatable of values: tensors in a recording

--- calr.lab.export.record.is_value(thing)
--- @return boolean  whether an argument of a recorded call stands for a tensor
function record.is_value(thing)
  return getmetatable(thing) == Value
end

local Recorder = {}
Recorder.__index = Recorder

function Recorder:layer()
  return self.layers[#self.layers]
end

-- A failure of the export, which is no fault of the layer that happens to run.
function Recorder:refuse(text, ...)
  error(("%s: %s"):format(self:layer(), text:format(...)), 0)
end

-- The value of a tensor; one that no recorded call has made is a constant.
function Recorder:value(tensor)
  local value = self.values[tensor]
  if not value then
    local alias = detach(tensor)
    value = setmetatable({ constant = alias, shape = alias:shape(), dtype = alias:dtype(), layer = self:layer() },
      Value)
    self.values[tensor] = value
  end
  return value
end

-- Arguments with values in the place of tensors, in lists and options too.
function Recorder:noted(thing, depth)
  if T.is(thing) then return self:value(thing) end
  if type(thing) ~= "table" or depth == 0 then return thing end
  local copy = {}
  for key, item in pairs(thing) do copy[key] = self:noted(item, depth - 1) end
  return copy
end

-- Whether one of the arguments depends on the inputs.
function Recorder:is_live(thing, depth)
  if T.is(thing) then
    local value = self.values[thing]
    return value and value.live
  end
  if type(thing) == "table" and depth > 0 then
    for _, item in pairs(thing) do
      if self:is_live(item, depth - 1) then return true end
    end
  end
  return false
end

local function live_among(thing)
  if record.is_value(thing) then return thing.live end
  if type(thing) == "table" then
    for _, item in pairs(thing) do
      if live_among(item) then return true end
    end
  end
  return false
end

-- Whether all that depends on the inputs depends on those of which numbers may be read.
local function free_among(thing)
  if record.is_value(thing) then return not thing.live or thing.free end
  if type(thing) == "table" then
    for _, item in pairs(thing) do
      if not free_among(item) then return false end
    end
  end
  return true
end

-- Names of state tensors that a value is made of.
local function roots_of(thing, roots)
  if record.is_value(thing) then
    for name in pairs(thing.roots or {}) do roots[name] = true end
  elseif type(thing) == "table" then
    for _, item in pairs(thing) do roots_of(item, roots) end
  end
  return roots
end

local function made(self, node, tensor, index)
  local live = live_among(node.raw)
  local value = setmetatable({ node = node, index = index, shape = tensor:shape(), dtype = tensor:dtype(), live = live,
    free = free_among(node.raw), layer = node.layer }, Value)
  if not live then value.constant, value.roots = detach(tensor), roots_of(node.raw, {}) end
  node.outs[index] = value
  return value
end

-- Runs a function that has a row among the operations, and notes the call.
function Recorder:call(name, fn, ...)
  local row, base = operations[name], name
  if not row then base, row = name:sub(1, -2), operations[name:sub(1, -2)] end -- NAME_
  local given = table.pack(...)
  if row.same then -- the result has the numbers of the first argument, or there is no row after all
    if not T.is(given[1]) or not row.same(given) then return self:unknown(name, fn, ...) end
    local result = name == "to" and fn(given[1], "f32") or fn(...)
    self.values[result] = self:value(given[1])
    return result
  end
  local raw = self:noted(given, 2)
  raw.n = given.n
  local results = table.pack(fn(...))
  local node = { name = base, layer = self:layer(), raw = raw, outs = {} }
  local count = 0
  for i = 1, results.n do
    if T.is(results[i]) then
      count = count + 1
      self.values[results[i]] = made(self, node, results[i], count)
    end
  end
  if count > 0 then self.nodes[#self.nodes + 1] = node end
  return table.unpack(results, 1, results.n)
end

-- Runs a function that has no row. What it makes of the images cannot be exported, if anything comes of it.
function Recorder:unknown(name, fn, ...)
  local given, live = table.pack(...), false
  for i = 1, given.n do live = live or self:is_live(given[i], 1) end
  if live and reads[name] and self:is_live(given[1], 1) then
    if not self.values[given[1]].free then
      self:refuse("it reads numbers of a tensor that depends on the images (%s), and what a file computes cannot "
        .. "depend on them so", name)
    end
  end
  local results = table.pack(fn(...))
  if live then
    local function mark(tensor)
      self.values[tensor] = setmetatable({ unknown = name, live = true, layer = self:layer(), shape = tensor:shape(),
        dtype = tensor:dtype() }, Value)
    end
    for i = 1, results.n do
      if T.is(results[i]) and not self.values[results[i]] then mark(results[i]) end
    end
    if (writes[name] or name:sub(-1) == "_") and T.is(given[1]) then mark(given[1]) end
  end
  return table.unpack(results, 1, results.n)
end

local function has_row(name)
  return operations[name] ~= nil or name:sub(-1) == "_" and operations[name:sub(1, -2)] ~= nil
end

function Recorder:wrapper(name, fn)
  local how = has_row(name) and self.call or self.unknown
  return function(...) return how(self, name, fn, ...) end
end

-- x[key] for keys that are no strings, as calls of select and narrow.
function Recorder:brackets(x, key, plain)
  if math.type(key) == "integer" then key = { key } end
  local is_list = type(key) == "table" and getmetatable(key) == nil
  local simple = is_list
  for _, item in ipairs(is_list and key or {}) do
    simple = simple and (math.type(item) == "integer" or type(item) == "table" and (item[3] or 1) == 1)
  end
  if not simple then return self:unknown("brackets with a mask, an index or a step", plain, x, key) end
  local dim = 1
  for _, item in ipairs(key) do
    local size = x:size(dim)
    local function place(at) return at < 0 and at + size + 1 or at end
    if type(item) == "table" then
      if #item > 0 then
        local first, last = place(item[1]), place(item[2])
        x = methods.narrow(x, dim, first, last - first + 1)
      end
      dim = dim + 1
    else
      x = methods.select(x, dim, place(item))
    end
  end
  return x
end

-- Puts the recorder's functions in the place of the usual ones; returns what undoes that.
function Recorder:install()
  local undo, wrappers = {}, {}
  local function replace(list, name, new)
    undo[#undo + 1] = { list, name, rawget(list, name) }
    wrappers[new] = true
    rawset(list, name, new)
  end
  local door = package.loaded.calr -- which keeps functions of tensors that scripts have named
  for name, fn in pairs(type(door) == "table" and door or {}) do
    if type(fn) == "function" and not neutral[name] and rawequal(fn, rawget(T, name)) then
      replace(door, name, self:wrapper(name, fn))
    end
  end
  for _, list in ipairs { methods, T } do
    for name, fn in pairs(list) do
      if type(fn) == "function" and not neutral[name] then replace(list, name, self:wrapper(name, fn)) end
    end
  end
  for name, word in pairs(metamethods) do
    local fn = meta[name]
    replace(meta, name, name == "__unm" and function(x) return self:call(word, fn, x) end or self:wrapper(word, fn))
  end
  local index, newindex = meta.__index, meta.__newindex
  replace(meta, "__index", function(x, key)
    if type(key) == "string" then return index(x, key) end
    return self:brackets(x, key, index)
  end)
  replace(meta, "__newindex", function(...) return self:unknown("brackets on the left of =_", newindex, ...) end)
  return function()
    for _, item in ipairs(undo) do rawset(item[1], item[2], item[3]) end
    for name, fn in pairs(type(door) == "table" and door or {}) do -- named for the first time while the network ran
      if wrappers[fn] then rawset(door, name, nil) end
    end
  end
end

-- Lets layers say who runs; returns what undoes that. bf16 is a matter of how features are computed, not of what the
-- network is: the recording is one in f32.
function Recorder:follow(net)
  local replaced, seen = {}, {}
  local function visit(layer, name)
    if type(layer) ~= "table" or type(layer.children) ~= "table" or seen[layer] then return end
    seen[layer] = true
    local forward, precision = layer.forward, rawget(layer, "precision")
    replaced[#replaced + 1] = { layer = layer, forward = rawget(layer, "forward"), precision = precision }
    local called = ("the layer %s (%s)"):format(name == "" and "itself" or name, tostring(layer))
    if name == "" then called = ("the network (%s)"):format(tostring(layer)) end
    if precision == "bf16" then rawset(layer, "precision", "f32") end
    rawset(layer, "forward", function(...)
      self.layers[#self.layers + 1] = called
      self.paths[called] = name
      local results = table.pack(forward(...))
      self.layers[#self.layers] = nil
      return table.unpack(results, 1, results.n)
    end)
    for _, child in ipairs(layer.children) do
      visit(child.layer, name == "" and child.name or name .. "." .. child.name)
    end
  end
  visit(net, "")
  keeping.changed()
  return function()
    for _, item in ipairs(replaced) do
      rawset(item.layer, "forward", item.forward)
      rawset(item.layer, "precision", item.precision)
    end
    keeping.changed()
  end
end

local function input(name, tensor)
  return setmetatable({ input = name, live = true, free = name ~= "images", shape = tensor:shape(),
    dtype = tensor:dtype(), layer = "the network" }, Value)
end

--- calr.lab.export.record.run(net, batch)
--- Runs a network, in evaluation mode, and records what it computes.
--- @param net    a network
--- @param batch  {images=, cameras=, rows=}: its inputs, as of calr.models
--- @return table  nodes, a list of {name=, layer=, raw= the arguments, outs= the results}, in their order; result, a
---                value; paths: of layers by how messages call them
--- @return tensor  the features
function record.run(net, batch)
  local self = setmetatable({ values = {}, nodes = {}, layers = { "the network" }, paths = {} }, Recorder)
  for name, tensor in pairs(net:state()) do
    local value = self:value(tensor)
    value.name, value.roots = name, { [name] = true }
  end
  self.values[batch.images] = input("images", batch.images)
  self.values[batch.cameras] = input("cameras", batch.cameras)
  local training = net.training
  if training then net:train(false) end
  local leave, restore = self:follow(net), nil
  local ok, features = pcall(function()
    restore = self:install()
    return autograd.no_grad(function() return net:forward(batch.images, batch) end)
  end)
  if restore then restore() end
  leave()
  if training then net:train(true) end
  if not ok then error(features, 0) end
  if not T.is(features) then error("the network gives no tensor", 0) end
  return { nodes = self.nodes, result = self:value(features), paths = self.paths }, features
end

--- calr.lab.export.record.replay(recording, batch)
--- Computes the features anew from a recording, for other images (as many as it was made with). Where they differ from
--- what the network gives, the recording has missed something.
--- @return tensor
function record.replay(recording, batch)
  local known = {}
  local function resolve(thing)
    if record.is_value(thing) then
      return known[thing] or thing.input and batch[thing.input] or thing.constant
    end
    if type(thing) ~= "table" then return thing end
    local copy = {}
    for key, item in pairs(thing) do copy[key] = resolve(item) end
    return copy
  end
  return autograd.no_grad(function()
    for _, node in ipairs(recording.nodes) do
      local given, count = resolve(node.raw), 0
      local results = table.pack(T[node.name](table.unpack(given, 1, node.raw.n)))
      for i = 1, results.n do
        if T.is(results[i]) then
          count = count + 1
          known[node.outs[count]] = results[i]
        end
      end
    end
    return resolve(recording.result)
  end)
end

return record
