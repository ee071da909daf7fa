-- Reads the ONNX files that calr.export writes, and computes what they say, without Python: for test_export.lua. That
-- onnxruntime reads and computes them in the same way is checked by tests/reference/export/make.py.
local calr = require "calr"
local T = calr.tensor

local onnx_file = {}

-- ---- protobuf ----

local function varint(bytes, at)
  local value, shift = 0, 0
  while true do
    local byte = bytes:byte(at)
    value, at = value | (byte & 127) << shift, at + 1
    if byte < 128 then return value, at end
    shift = shift + 7
  end
end

-- A message as a list of {field=, kind=, value=}.
local function fields(bytes)
  local list, at = {}, 1
  while at <= #bytes do
    local tag, value
    tag, at = varint(bytes, at)
    local kind = tag & 7
    if kind == 0 then
      value, at = varint(bytes, at)
    elseif kind == 2 then
      local length
      length, at = varint(bytes, at)
      assert(at + length - 1 <= #bytes, "a field reaches beyond its message")
      value, at = bytes:sub(at, at + length - 1), at + length
    elseif kind == 5 then
      value, at = ("<f"):unpack(bytes, at)
    else
      error("wire type " .. kind)
    end
    list[#list + 1] = { field = tag >> 3, kind = kind, value = value }
  end
  return list
end

local function one(list, field)
  for _, item in ipairs(list) do
    if item.field == field then return item.value end
  end
end

local function all(list, field)
  local found = {}
  for _, item in ipairs(list) do
    if item.field == field then found[#found + 1] = item.value end
  end
  return found
end

local dtypes = { [1] = "f32", [2] = "u8", [6] = "i32", [7] = "i64", [9] = "bool" }

local function attribute(bytes)
  local list = fields(bytes)
  local kind = one(list, 20)
  local field = assert(({ 2, 3, 4, [7] = 8 })[kind], "attribute type")
  return one(list, 1), kind == 7 and all(list, field) or one(list, field)
end

local function value_info(bytes)
  local list = fields(bytes)
  local tensor = fields(one(fields(one(list, 2)), 1))
  local shape = {}
  for i, dim in ipairs(all(fields(one(tensor, 2)), 1)) do
    local d = fields(dim)
    shape[i] = one(d, 1) or one(d, 2)
  end
  return { name = one(list, 1), dtype = dtypes[one(tensor, 1)], shape = shape }
end

-- nodes {kind=, inputs=, output=, attributes=}, constants by name, inputs, outputs, notes by key, opset, format.
function onnx_file.read(path)
  local model = fields(calr.sys.read_file(path))
  local graph = fields(one(model, 7))
  local out = { nodes = {}, constants = {}, order = {}, inputs = {}, outputs = {}, notes = {}, format = one(model, 1),
    opset = one(fields(one(model, 8)), 2) }
  for i, bytes in ipairs(all(graph, 1)) do
    local list = fields(bytes)
    local node = { kind = one(list, 4), name = one(list, 3), inputs = all(list, 1), output = one(list, 2),
      attributes = {} }
    for _, inner in ipairs(all(list, 5)) do
      local name, value = attribute(inner)
      node.attributes[name] = value
    end
    out.nodes[i] = node
  end
  for i, bytes in ipairs(all(graph, 5)) do
    local list = fields(bytes)
    local name = one(list, 8)
    assert(not out.constants[name], "a constant twice")
    out.constants[name], out.order[i] = T.frombuffer(one(list, 9), dtypes[one(list, 2)], all(list, 1)), name
  end
  for i, bytes in ipairs(all(graph, 11)) do out.inputs[i] = value_info(bytes) end
  for i, bytes in ipairs(all(graph, 12)) do out.outputs[i] = value_info(bytes) end
  for _, bytes in ipairs(all(model, 14)) do
    local pair = fields(bytes)
    out.notes[one(pair, 1)] = one(pair, 2)
  end
  return out
end

local function text_of(value)
  if type(value) == "table" then return "[" .. table.concat(value, " ") .. "]" end
  return math.type(value) == "float" and ("%.6g"):format(value) or tostring(value)
end

-- The graph as text, without the numbers of weights.
function onnx_file.structure(model)
  local lines = { ("format %d, operators %d"):format(model.format, model.opset) }
  for _, list in ipairs { "inputs", "outputs" } do
    for _, item in ipairs(model[list]) do
      lines[#lines + 1] = ("%s %s %s %s"):format(list:sub(1, -2), item.name, item.dtype, text_of(item.shape))
    end
  end
  for _, name in ipairs(model.order) do
    local tensor = model.constants[name]
    lines[#lines + 1] = ("constant %s %s %s"):format(name, tensor:dtype(), text_of(tensor:shape()))
  end
  for _, node in ipairs(model.nodes) do
    local names, words = {}, {}
    for name in pairs(node.attributes) do names[#names + 1] = name end
    table.sort(names)
    for i, name in ipairs(names) do words[i] = (" %s=%s"):format(name, text_of(node.attributes[name])) end
    lines[#lines + 1] = ("%s = %s(%s)%s"):format(node.output, node.kind, table.concat(node.inputs, ", "),
      table.concat(words))
  end
  return table.concat(lines, "\n") .. "\n"
end

-- ---- computing ----

local function inward(x) return x:permute(1, 3, 4, 2):contiguous() end
local function outward(x) return x:permute(1, 4, 2, 3):contiguous() end
local function whole(tensor) return tensor:reshape(-1):totable() end

local function padding(a)
  local p = a.pads or { 0, 0, 0, 0 }
  return { p[1], p[3], p[2], p[4] }
end

local function square_padding(a)
  local p = a.pads or { 0, 0, 0, 0 }
  assert(p[1] == p[3] and p[2] == p[4])
  return { p[1], p[2] }
end

-- Axes from 0 as dimensions from 1.
local function dims(axes)
  local list = {}
  for i, axis in ipairs(axes) do list[i] = axis >= 0 and axis + 1 or axis end
  return list
end

local run = {}

for kind, word in pairs { Abs = "abs", Acos = "acos", Asin = "asin", Atan = "atan", Ceil = "ceil", Cos = "cos",
  Cosh = "cosh", Erf = "erf", Exp = "exp", Floor = "floor", HardSwish = "hardswish", Identity = "clone", Log = "log",
  Neg = "neg", Reciprocal = "reciprocal", Relu = "relu", Round = "round", Sigmoid = "sigmoid", Sign = "sign",
  Sin = "sin", Sinh = "sinh", Sqrt = "sqrt", Tan = "tan", Tanh = "tanh", Softplus = "softplus" } do
  run[kind] = function(_, x) return T[word](x) end
end
for kind, word in pairs { Add = "add", Sub = "sub", Mul = "mul", Div = "div", Pow = "pow", Max = "maximum",
  Min = "minimum", MatMul = "matmul" } do
  run[kind] = function(_, a, b) return T[word](a, b) end
end
for kind, word in pairs { ReduceMean = "mean", ReduceMax = "amax", ReduceMin = "amin", ReduceProd = "prod",
  ReduceLogSumExp = "logsumexp" } do
  run[kind] = function(a, x) return T[word](x, dims(a.axes), a.keepdims == 1) end
end

function run.ReduceSum(a, x, axes) return T.sum(x, dims(whole(axes)), a.keepdims == 1) end
function run.ReduceL1(a, x) return T.sum(x:abs(), dims(a.axes), a.keepdims == 1) end
function run.ReduceL2(a, x) return T.sum(x * x, dims(a.axes), a.keepdims == 1):sqrt() end
function run.HardSigmoid(a, x) return (x * a.alpha + a.beta):clamp(0, 1) end
function run.LeakyRelu(a, x) return T.leaky_relu(x, a.alpha) end
function run.Elu(a, x) return T.elu(x, a.alpha) end
function run.Softmax(a, x) return T.softmax(x, dims { a.axis }[1]) end
function run.LogSoftmax(a, x) return T.log_softmax(x, dims { a.axis }[1]) end
function run.Clip(_, x, low, high) return x:clamp(low and low:item(), high and high:item()) end

function run.Conv(a, x, w, bias)
  return outward(T.conv2d(inward(x), w, { stride = a.strides, padding = padding(a), dilation = a.dilations,
    groups = a.group, bias = bias }))
end

function run.ConvTranspose(a, x, w, bias)
  return outward(T.conv_transpose2d(inward(x), w, { stride = a.strides, padding = padding(a), dilation = a.dilations,
    output_padding = a.output_padding, groups = a.group, bias = bias }))
end

function run.Gemm(a, x, w, bias)
  assert(a.transB == 1)
  return T.linear(x, w, bias)
end

function run.InstanceNormalization(a, x, scale, shift)
  local rest, shape = {}, x:shape()
  for d = 3, #shape do rest[#rest + 1] = d end
  local distance = x - x:mean(rest, true)
  local y = distance / ((distance * distance):mean(rest, true) + a.epsilon):sqrt()
  for d = 3, #shape do shape[d] = 1 end
  shape[1] = 1
  return y * scale:reshape(shape) + shift:reshape(shape)
end

function run.LayerNormalization(a, x, scale, shift)
  local rest = {}
  for i = 1, -a.axis do rest[i] = -i end
  local distance = x - x:mean(rest, true)
  local y = distance / ((distance * distance):mean(rest, true) + a.epsilon):sqrt() * scale
  return shift and y + shift or y
end

function run.GlobalAveragePool(_, x) return x:mean({ 3, 4 }, true) end
function run.GlobalMaxPool(_, x) return x:amax({ 3, 4 }, true) end

function run.MaxPool(a, x)
  return outward(T.max_pool(inward(x), { kernel = a.kernel_shape, stride = a.strides, padding = square_padding(a) }))
end

function run.AveragePool(a, x)
  return outward(T.avg_pool(inward(x), { kernel = a.kernel_shape, stride = a.strides, padding = square_padding(a),
    count_include_pad = a.count_include_pad == 1 }))
end

function run.Flatten(a, x)
  assert(a.axis == 1)
  return x:reshape(x:size(1), -1)
end

function run.Reshape(_, x, shape) return x:reshape(whole(shape)) end
function run.Transpose(a, x) return x:permute(dims(a.perm)):contiguous() end
function run.Expand(_, x, shape) return x:expand(whole(shape)):contiguous() end
function run.Shape(_, x) return T(x:shape(), "i64") end
function run.Concat(a, ...) return T.cat({ ... }, dims { a.axis }[1]) end

function run.Unsqueeze(_, x, axes)
  for _, axis in ipairs(whole(axes)) do x = x:unsqueeze(axis + 1) end
  return x
end

function run.Slice(_, x, first, last, axes)
  local dim = axes and whole(axes)[1] + 1 or 1
  local from, to = whole(first)[1], math.min(whole(last)[1], x:size(dim))
  return x:narrow(dim, from + 1, to - from):contiguous()
end

function run.Gather(a, x, index)
  local dim = a.axis + 1
  if index:dim() > 0 then return T.index_select(x, dim, index) end
  local at = index:item()
  return x:select(dim, at < 0 and x:size(dim) + at + 1 or at + 1):contiguous()
end

function run.Pad(a, x, pads, value)
  local p, widths = whole(pads), {}
  for d = 1, x:dim() do widths[d] = { p[d], p[d + x:dim()] } end
  return x:pad(widths, a.mode == "edge" and "replicate" or a.mode, value and value:item() or nil)
end

local resize_modes = { nearest = "nearest", linear = "bilinear", cubic = "bicubic" }

function run.Resize(a, x, _, scales, sizes)
  local corners = a.coordinate_transformation_mode == "align_corners" or nil
  local how = { mode = resize_modes[a.mode], align_corners = corners }
  local list = whole(sizes or scales)
  how[sizes and "size" or "scale_factor"] = { list[3], list[4] }
  return outward(T.interpolate(inward(x), how))
end

-- The features of images f32[n x 3 x h x w]; `more`: further inputs by name.
function onnx_file.run(model, images, more)
  local known = { images = images }
  for name, tensor in pairs(more or {}) do known[name] = tensor end
  for name, tensor in pairs(model.constants) do known[name] = tensor end
  for _, node in ipairs(model.nodes) do
    local inputs = {}
    for i, name in ipairs(node.inputs) do
      inputs[i] = name ~= "" and assert(known[name], "no tensor " .. name) or nil
    end
    assert(not known[node.output], "a name twice: " .. node.output)
    known[node.output] = assert(run[node.kind], node.kind)(node.attributes,
      table.unpack(inputs, 1, #node.inputs))
  end
  return known.features
end

return onnx_file
