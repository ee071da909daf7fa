--- @module calr.lab.export.graph
--- Builds the graph of an ONNX model: names, constants, layouts.
---
--- calr's feature maps are [N x H x W x C], ONNX's [N x C x H x W]. A tensor of the graph is a handle {name=, shape=,
--- batch=, map=}: shape is calr's, and map says that in the graph it is a map in ONNX's layout. Operations of layers
--- take maps and give maps, functions of single elements leave the layout as it is, and everything else asks for calr's
--- layout (graph:plain), so that a transposition stands only where it must. Weights of convolutions have ONNX's layout
--- already.

local T = require "calr.tensor"
local onnx = require "calr.lab.export.onnx"
local operations = require "calr.lab.export.operations"
local program = require "calr.lab.export.program"
local record = require "calr.lab.export.record"

local graph = {}

local Graph = {}
Graph.__index = Graph

-- Axes of a map from calr's dimensions (from 1) to ONNX's (from 0).
local map_axis = { 0, 2, 3, 1 }

--- graph:fail(text, ...)
--- Ends the export: the layer of the operation at hand cannot be expressed.
function Graph:fail(text, ...)
  error(("%s cannot be exported: calr.%s: %s"):format(self.node.layer, self.node.name, text:format(...)), 0)
end

--- graph:unique(name)
--- @return string  the name, or with a number behind it where it is taken
function Graph:unique(name)
  local count = self.taken[name]
  self.taken[name] = (count or 0) + 1
  return count and self:unique(("%s_%d"):format(name, count)) or name
end

-- What a new tensor is called: by the layer, then the operation.
local function tensor_name(self, word)
  local path = self.paths[self.node.layer] or ""
  return self:unique((path ~= "" and path .. "/" or "") .. word)
end

--- graph:op(kind, inputs [, attributes, outputs])
--- Adds a node.
--- @param kind    the operator: "Conv"
--- @param inputs  list of names; "" for one that is left out
--- @param attributes  name -> number (written as a float where it is one), text, or list of integers
--- @return string  the name of its output
function Graph:op(kind, inputs, attributes)
  local output = tensor_name(self, kind)
  self.model:node { kind = kind, name = output, inputs = inputs, output = output, attributes = attributes or {} }
  return output
end

--- graph:tensor(tensor, name)
--- @param tensor  of numbers that are known
--- @param name    what it is called, if that is free
--- @return string  the name of the constant
function Graph:tensor(tensor, name)
  name = self:unique(name)
  self.model:constant(name, tensor)
  return name
end

--- graph:scalar(value)
--- @return string  the name of an f32 of no dimensions
function Graph:scalar(value)
  local key = ("%.17g"):format(value)
  self.scalars[key] = self.scalars[key] or self:tensor(T(value), "number")
  return self.scalars[key]
end

--- graph:integers(list)
--- @return string  the name of an i64[n]
function Graph:integers(list)
  local key = table.concat(list, " ")
  self.lists[key] = self.lists[key] or self:tensor(#list > 0 and T(list, "i64") or T.zeros({ 0 }, "i64"), "integers")
  return self.lists[key]
end

--- graph:integer(value)
--- @return string  the name of an i64 of no dimensions
function Graph:integer(value)
  local key = "integer " .. value
  self.lists[key] = self.lists[key] or self:tensor(T(value, "i64"), "integer")
  return self.lists[key]
end

-- ---- handles ----

--- graph:of(value)
--- @return table  the handle of a recorded tensor
function Graph:of(value)
  if not record.is_value(value) then self:fail("a tensor is wanted here, and it is given %s", tostring(value)) end
  local handle = self.handles[value]
  if not handle then
    if not value.constant then self:fail "a tensor of it is not known" end
    handle = { const = value.constant, shape = value.shape, batch = value.batch or {}, made = {},
      called = value.name or next(value.roots or {}) or (self.paths[value.layer] or "") .. "constant" }
    self.handles[value] = handle
  end
  return handle
end

--- graph:give(node, name, map)
--- Says what the node at hand has made.
--- @param map  whether it is a map in ONNX's layout
function Graph:give(node, name, map)
  local value = node.outs[1]
  self.handles[value] = { name = name, shape = value.shape, batch = value.batch, map = map and #value.shape == 4,
    made = {} }
end

-- A constant in one of its forms, each made once.
local function constant(self, handle, form, make)
  if not handle.made[form] then handle.made[form] = self:tensor(make(handle.const), handle.called) end
  return handle.made[form]
end

local function f32(tensor)
  return tensor:dtype() == "f32" and tensor or tensor:to "f32"
end

--- graph:plain(handle)
--- @return string  the name of the tensor in calr's layout
function Graph:plain(handle)
  if handle.const then
    return constant(self, handle, "plain", function(x) return x:dtype():find "^b?f" and f32(x) or x end)
  end
  if not handle.map then return handle.name end
  handle.made.plain = handle.made.plain or self:op("Transpose", { handle.name }, { perm = { 0, 2, 3, 1 } })
  return handle.made.plain
end

--- graph:map(handle)
--- @return string  the name of a tensor of four dimensions as a map in ONNX's layout
function Graph:map(handle)
  if #handle.shape ~= 4 then self:fail("a feature map is wanted, not a tensor of %d dimensions", #handle.shape) end
  if handle.const then
    return constant(self, handle, "map", function(x) return f32(x):permute(1, 4, 2, 3):contiguous() end)
  end
  if handle.map then return handle.name end
  handle.made.map = handle.made.map or self:op("Transpose", { handle.name }, { perm = { 0, 3, 1, 2 } })
  return handle.made.map
end

--- graph:weight(handle)
--- @return string  the name of a tensor whose layout is the same in both, such as a convolution's weight
function Graph:weight(handle)
  return self:plain(handle)
end

--- graph:transposed(handle)
--- @return string  the name of a matrix with its dimensions exchanged
function Graph:transposed(handle)
  if handle.const then return constant(self, handle, "transposed", function(x) return f32(x):t():contiguous() end) end
  return self:op("Transpose", { self:plain(handle) }, { perm = { 1, 0 } })
end

local function numel(shape)
  local count = 1
  for _, length in ipairs(shape) do count = count * length end
  return count
end

-- A constant that is spread over maps: its last dimension is that of the channels.
local function spread(x)
  local shape = x:shape()
  while #shape < 4 do table.insert(shape, 1, 1) end
  return f32(x):reshape(shape):permute(1, 4, 2, 3):contiguous()
end

-- An operand beside a map, or nil where that cannot be.
local function beside_map(self, operand)
  if type(operand) == "number" then return self:scalar(operand) end
  if operand.map then return operand.name end
  if #operand.shape == 4 then return self:map(operand) end
  if not operand.const then return #operand.shape == 0 and operand.name or nil end
  if numel(operand.shape) == 1 then
    return constant(self, operand, "single", function(x) return f32(x):reshape {} end)
  end
  return constant(self, operand, "spread", spread)
end

local function beside_plain(self, operand)
  if type(operand) == "number" then return self:scalar(operand) end
  if operand.const then return constant(self, operand, "f32", f32) end
  return self:plain(operand)
end

--- graph:operands(a, b)
--- Two operands of a function of single elements, in one layout.
--- @param a, b  values or numbers
--- @return string, string  their names
--- @return boolean  whether the result is a map
function Graph:operands(a, b)
  if record.is_value(a) then a = self:of(a) end
  if record.is_value(b) then b = self:of(b) end
  if type(a) == "table" and a.map or type(b) == "table" and b.map then
    local x, y = beside_map(self, a), beside_map(self, b)
    if x and y then return x, y, true end
  end
  return beside_plain(self, a), beside_plain(self, b), false
end

--- graph:axes(handle, dims)
--- @param dims  list of dimensions as scripts write them: from 1, or from the end when negative; of a map those of its
---              layout in the graph come out
--- @return table  list of axes from 0
function Graph:axes(handle, dims)
  local axes = {}
  for i, dim in ipairs(dims) do
    if dim < 0 then dim = dim + #handle.shape + 1 end
    axes[i] = handle.map and map_axis[dim] or dim - 1
  end
  return axes
end

--- graph:images()
--- @return string  the name of an i64[1]: how many images there are
function Graph:images()
  if not self.count then
    local shape = self:op("Shape", { "images" })
    self.count = self:op("Gather", { shape, self:integers { 0 } }, { axis = 0 })
  end
  return self.count
end

--- graph:shape_of(value)
--- @return string  the name of an i64[n]: the shape of a recorded tensor, in calr's layout
function Graph:shape_of(value)
  local parts, known = {}, {}
  local function flush()
    if #known > 0 then parts[#parts + 1] = self:integers(known) end
    known = {}
  end
  for d, length in ipairs(value.shape) do
    local times = value.batch[d]
    if times then
      flush()
      parts[#parts + 1] = times == 1 and self:images() or self:op("Mul", { self:images(), self:integers { times } })
    else
      known[#known + 1] = length
    end
  end
  flush()
  if #parts <= 1 then return parts[1] or self:integers {} end
  return self:op("Concat", parts, { axis = 0 })
end

--- graph:reshape(name, value)
--- @return string  a tensor in the shape of a recorded one, in calr's layout
function Graph:reshape(name, value)
  local shape, open = {}, 0
  for d, length in ipairs(value.shape) do
    if value.batch[d] then
      shape[d], open = -1, open + 1
    else
      shape[d] = length
    end
  end
  return self:op("Reshape", { name, open > 1 and self:shape_of(value) or self:integers(shape) })
end

-- ---- a program ----

-- Arguments by their names. A table of names at the end is spread over them, as the engine does.
local function by_name(row, given)
  local names, found = {}, {}
  for name in row.takes:gmatch "[%w_.]+" do names[#names + 1] = name end
  local count = given.n
  local last = given[count]
  if count > 1 and count <= #names and type(last) == "table" and not record.is_value(last)
    and not program.is_multiple(last) and type(next(last)) == "string" and not row.tables[names[count]] then
    for name, value in pairs(last) do found[name] = value end
    count = count - 1
  end
  for i = 1, count do
    if names[i] == "..." then
      found.rest = table.move(given, i, count, 1, {})
      if #found.rest == 1 and type(found.rest[1]) == "table" and not program.is_multiple(found.rest[1])
        and not record.is_value(found.rest[1]) then
        found.rest = found.rest[1]
      end
      break
    end
    found[names[i]] = given[i]
  end
  return found
end

-- Numbers that are multiples of the number of images have their place in shapes only.
local function refuse_multiples(self, thing)
  if program.is_multiple(thing) then self:fail "it is given a number that depends on how many images there are" end
  if type(thing) == "table" and not record.is_value(thing) then
    for _, item in pairs(thing) do refuse_multiples(self, item) end
  end
end

--- calr.lab.export.graph.build(made, about)
--- @param made   a program of calr.lab.export.program, its norms folded or not
--- @param about  {width= of the features, height=, width_of_images=, cameras=, metadata=}
--- @return table  a model of calr.lab.export.onnx, complete
function graph.build(made, about)
  local taken = { images = 1, features = 1, cameras = 1 }
  local self = setmetatable({ paths = made.paths, model = onnx.model(), taken = taken, scalars = {}, lists = {},
    handles = {}, node = { layer = "the network", name = "forward", raw = {} } }, Graph)
  self.model:input("images", "f32", { "batch", 3, about.height, about.width })
  local function meet(thing) -- an input at its first use
    if record.is_value(thing) then
      if thing.input and not self.handles[thing] then
        if thing.input ~= "images" then self.model:input(thing.input, thing.dtype, { "batch" }) end
        self.handles[thing] = { name = thing.input, shape = thing.shape, batch = thing.batch,
          map = thing.input == "images", made = {} }
      end
    elseif type(thing) == "table" then
      for _, item in pairs(thing) do meet(item) end
    end
  end
  for _, node in ipairs(made.nodes) do
    local row = operations[node.name]
    self.node = node
    meet(node.given)
    if not row.shapes then refuse_multiples(self, node.given) end
    node.arguments = node.arguments or by_name(row, node.given)
    for i = 2, #node.outs do
      self.handles[node.outs[i]] = setmetatable({}, { __index = function()
        self:fail("its result number %d cannot be expressed", i)
      end })
    end
    row.emit(self, node.arguments, node)
  end
  local last = self:plain(self:of(made.result))
  self.model:node { kind = "Identity", name = "features", inputs = { last }, output = "features", attributes = {} }
  self.model:output("features", "f32", { "batch", about.dim })
  for _, pair in ipairs(about.metadata) do self.model:note(pair[1], pair[2]) end
  return self.model
end

--- calr.lab.export.graph.arguments(node)
--- @return table  the arguments of a recorded call by their names
function graph.arguments(node)
  node.arguments = node.arguments or by_name(operations[node.name], node.given)
  return node.arguments
end

return graph
