--- @module calr.lab.export.onnx
--- Writes ONNX models (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto): the few messages of the format that a
--- network needs. Version 8 of the file format, operators of version 17: onnxruntime reads them from 1.13 on.

local protobuf = require "calr.protobuf"
local sys = require "calr.sys"
local sorted_keys = require "calr.tables".sorted_keys

local onnx = {}

onnx.OPERATORS = 17 -- version of the operators
local FORMAT = 8
local MOST = (1 << 31) - 1 -- bytes of a protobuf message

-- TensorProto.DataType
local types = { f32 = 1, u8 = 2, i32 = 6, i64 = 7, bool = 9 }

-- AttributeProto: field and type of each kind of value.
local function attribute(name, value)
  local message = protobuf.message():text(1, name)
  if math.type(value) == "integer" then return message:integer(3, value):integer(20, 2) end
  if type(value) == "number" then return message:float(2, value):integer(20, 1) end
  if type(value) == "string" then return message:text(4, value):integer(20, 3) end
  for _, item in ipairs(value) do message:integer(8, item) end
  return message:integer(20, 7)
end

-- ValueInfoProto: a name, a type and a shape, in which texts name lengths that are open.
local function value_info(name, dtype, shape)
  local dims = protobuf.message()
  for _, length in ipairs(shape) do
    local dim = protobuf.message()
    if type(length) == "string" then dim:text(2, length) else dim:integer(1, length) end
    dims:message(1, dim)
  end
  local tensor = protobuf.message():integer(1, types[dtype]):message(2, dims)
  return protobuf.message():text(1, name):message(2, protobuf.message():message(1, tensor))
end

local Model = {}
Model.__index = Model

--- calr.lab.export.onnx.model()
--- @return table  an empty model, with :node, :constant, :input, :output, :note, :bytes and :save
function onnx.model()
  return setmetatable({ nodes = {}, constants = {}, inputs = {}, outputs = {}, notes = {} }, Model)
end

--- model:node{kind=, name=, inputs=, output=, attributes=}
--- Adds an operator with one output.
function Model:node(node)
  self.nodes[#self.nodes + 1] = node
end

--- model:constant(name, tensor)
--- Adds a tensor of f32, i32, i64, u8 or bool.
function Model:constant(name, tensor)
  if not types[tensor:dtype()] then
    error(("a tensor of %s (%s) cannot be written to an ONNX file"):format(tensor:dtype(), name), 0)
  end
  self.constants[#self.constants + 1] = { name = name, tensor = tensor }
end

--- model:input(name, dtype, shape)
--- @param shape  list of lengths; a text names one that is open
function Model:input(name, dtype, shape)
  self.inputs[#self.inputs + 1] = { name, dtype, shape }
end

--- model:output(name, dtype, shape)
--- As model:input.
function Model:output(name, dtype, shape)
  self.outputs[#self.outputs + 1] = { name, dtype, shape }
end

--- model:note(key, value)
--- Adds a text to the metadata.
function Model:note(key, value)
  self.notes[#self.notes + 1] = { key, value }
end

local function node_message(node)
  local message = protobuf.message()
  for _, name in ipairs(node.inputs) do message:text(1, name) end
  message:text(2, node.output):text(3, node.name):text(4, node.kind)
  for _, name in ipairs(sorted_keys(node.attributes)) do message:message(5, attribute(name, node.attributes[name])) end
  return message
end

local function tensor_message(item)
  local message = protobuf.message()
  for _, length in ipairs(item.tensor:shape()) do message:integer(1, length) end
  return message:integer(2, types[item.tensor:dtype()]):text(8, item.name):text(9, item.tensor:tobytes())
end

--- model:bytes()
--- @return string  the model as it stands in a file
function Model:bytes()
  local graph = protobuf.message()
  for _, node in ipairs(self.nodes) do graph:message(1, node_message(node)) end
  graph:text(2, "calr")
  for _, item in ipairs(self.constants) do graph:message(5, tensor_message(item)) end
  for _, item in ipairs(self.inputs) do graph:message(11, value_info(table.unpack(item))) end
  for _, item in ipairs(self.outputs) do graph:message(12, value_info(table.unpack(item))) end
  local model = protobuf.message():integer(1, FORMAT):text(2, "calr"):text(3, sys.version.calr)
  model:message(7, graph):message(8, protobuf.message():text(1, ""):integer(2, onnx.OPERATORS))
  for _, pair in ipairs(self.notes) do
    model:message(14, protobuf.message():text(1, pair[1]):text(2, pair[2]))
  end
  if model:size() > MOST then
    error(("the network makes an ONNX file of %d bytes; the format ends at %d"):format(model:size(), MOST), 0)
  end
  return model:bytes()
end

--- model:save(path)
--- Writes the model; the file is whole or absent.
function Model:save(path)
  sys.write_file(path, self:bytes())
end

return onnx
