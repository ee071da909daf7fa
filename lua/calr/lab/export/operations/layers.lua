--- @module calr.lab.export.operations.layers
--- Convolutions, poolings and normalisations. They take maps in ONNX's layout and give such.

local T = require "calr.tensor"

local layers = {}

local function pair(value, default)
  if value == nil then value = default end
  if type(value) == "table" then return { value[1], value[2] } end
  return { value, value }
end

-- ---- activations that follow in the same function ----

local function activate(g, name, activation)
  if not activation or activation == "none" then return name end
  if activation == "relu" then return g:op("Relu", { name }) end
  if activation == "relu6" then return g:op("Clip", { name, g:scalar(0), g:scalar(6) }) end
  if activation == "silu" then return g:op("Mul", { name, g:op("Sigmoid", { name }) }) end
  if activation == "hardswish" then return g:op("HardSwish", { name }) end
  g:fail("the activation %s has no counterpart", tostring(activation))
end

local function activation_of(options)
  return options.activation or options.relu and "relu" or nil
end

-- ---- convolutions ----

-- Zeros of one direction that make the result as large as the input divided by the stride: TensorFlow's "same".
local function same_padding(size, kernel, stride, dilation)
  local total = math.max(0, ((size + stride - 1) // stride - 1) * stride + dilation * (kernel - 1) + 1 - size)
  return total // 2, total - total // 2
end

-- top, left, bottom, right
local function pads_of(o, x, kernel, stride, dilation)
  local padding = o.padding or 0
  if padding == "same" then
    local top, bottom = same_padding(x.shape[2], kernel[1], stride[1], dilation[1])
    local left, right = same_padding(x.shape[3], kernel[2], stride[2], dilation[2])
    return { top, left, bottom, right }
  end
  if type(padding) == "table" and #padding == 4 then return { padding[1], padding[3], padding[2], padding[4] } end
  local p = pair(padding)
  return { p[1], p[2], p[1], p[2] }
end

layers.conv2d = { takes = "x, w, options", tables = { options = true }, emit = function(g, a, node)
  local o, x, w = a.options or {}, g:of(a.x), g:of(a.w)
  local kernel = { w.shape[3], w.shape[4] }
  local stride, dilation = pair(o.stride, 1), pair(o.dilation, 1)
  -- With a norm multiplied into them: calr.lab.export.fold.
  local inputs = { g:map(x), node.weight and g:tensor(node.weight, w.called) or g:weight(w) }
  inputs[3] = node.bias and g:tensor(node.bias, node.bias_name) or o.bias and g:plain(g:of(o.bias)) or nil
  g:give(node, g:op("Conv", inputs, { kernel_shape = kernel, strides = stride, dilations = dilation,
    group = o.groups or 1, pads = pads_of(o, x, kernel, stride, dilation) }), true)
end }

layers.conv_transpose2d = { takes = "x, w, options", tables = { options = true }, emit = function(g, a, node)
  local o, x, w = a.options or {}, g:of(a.x), g:of(a.w)
  local kernel = { w.shape[3], w.shape[4] }
  local stride, dilation = pair(o.stride, 1), pair(o.dilation, 1)
  local inputs = { g:map(x), g:weight(w), o.bias and g:plain(g:of(o.bias)) or nil }
  g:give(node, g:op("ConvTranspose", inputs, { kernel_shape = kernel, strides = stride, dilations = dilation,
    group = o.groups or 1, pads = pads_of(o, x, kernel, stride, dilation),
    output_padding = pair(o.output_padding, 0) }), true)
end }

-- ---- normalisations ----

-- A constant for each channel, beside a tensor in its layout.
local function channels(g, tensor, map, name)
  return g:tensor(map and tensor:reshape(-1, 1, 1) or tensor, name)
end

local function constant_of(g, value, what)
  local handle = value and g:of(value)
  if handle and not handle.const then g:fail("%s depends on the images", what) end
  return handle and handle.const, handle and handle.called
end

-- (x - mean) / sqrt(var + eps) gamma + beta is x scale + shift.
local function affine(g, a, x)
  local o = a.options or {}
  local mean, var = constant_of(g, a.running_mean, "its mean"), constant_of(g, a.running_var, "its variance")
  if o.training or not mean then g:fail "it takes the statistics of the batch: switch it to evaluation" end
  local gamma, name = constant_of(g, a.gamma, "its weight")
  local beta, beta_name = constant_of(g, a.beta, "its bias")
  local scale = (var + (o.eps or 1e-5)):sqrt():reciprocal()
  if gamma then scale = gamma * scale end
  local shift = -(mean * scale)
  if beta then shift = beta + shift end
  local y = g:op("Mul", { x.map and x.name or g:plain(x), channels(g, scale, x.map, name or "scale") })
  return g:op("Add", { y, channels(g, shift, x.map, beta_name or "shift") })
end

layers.batch_norm = { takes = "x, gamma, beta, running_mean, running_var, options", tables = { options = true },
  emit = function(g, a, node)
    local o, x = a.options or {}, g:of(a.x)
    local y = node.folded and (x.map and x.name or g:plain(x)) or affine(g, a, x)
    if o.residual then
      local residual = g:of(o.residual)
      y = g:op("Add", { y, x.map and g:map(residual) or g:plain(residual) })
    end
    g:give(node, activate(g, y, activation_of(o)), x.map)
  end }

-- The weight of a normalisation, or ones.
local function weight_or(g, value, count, number, name)
  if value then return g:plain(g:of(value)) end
  return g:tensor(T.full({ count }, number), name)
end

layers.instance_norm = { takes = "x, gamma, beta, options", tables = { options = true }, emit = function(g, a, node)
  local o, x = a.options or {}, g:of(a.x)
  local count = x.shape[4]
  local y = g:op("InstanceNormalization", { g:map(x), weight_or(g, a.gamma, count, 1, "scale"),
    weight_or(g, a.beta, count, 0, "shift") }, { epsilon = (o.eps or 1e-5) + 0.0 })
  g:give(node, activate(g, y, activation_of(o)), true)
end }

-- How many of the last dimensions a normalisation takes.
local function last_dims(shape) return type(shape) == "table" and #shape or 1 end

layers.layer_norm = { takes = "x, shape, weight, bias, eps", tables = { shape = true }, emit = function(g, a, node)
  local x, count = g:of(a.x), last_dims(a.shape)
  local shape = table.move(x.shape, #x.shape - count + 1, #x.shape, 1, {})
  local inputs = { g:plain(x), a.weight and g:plain(g:of(a.weight)) or g:tensor(T.ones(shape), "scale"),
    a.bias and g:plain(g:of(a.bias)) or nil }
  g:give(node, g:op("LayerNormalization", inputs, { axis = -count, epsilon = (a.eps or 1e-5) + 0.0 }))
end }

layers.rms_norm = { takes = "x, shape, weight, eps", tables = { shape = true }, emit = function(g, a, node)
  local x, axes = g:of(a.x), {}
  for i = 1, last_dims(a.shape) do axes[i] = -i end
  local name = g:plain(x)
  local mean = g:op("ReduceMean", { g:op("Mul", { name, name }) }, { axes = axes, keepdims = 1 })
  local y = g:op("Div", { name, g:op("Sqrt", { g:op("Add", { mean, g:scalar(a.eps or 0x1p-23) }) }) })
  g:give(node, a.weight and g:op("Mul", { y, g:plain(g:of(a.weight)) }) or y)
end }

-- The groups of a map are the channels of an instance norm.
layers.group_norm = { takes = "x, groups, weight, bias, eps", emit = function(g, a, node)
  local x = g:of(a.x)
  if #x.shape ~= 4 then g:fail("of a tensor of %d dimensions it has no counterpart", #x.shape) end
  local h, w, c = x.shape[2], x.shape[3], x.shape[4]
  local parts = g:op("Reshape", { g:map(x), g:integers { -1, a.groups, h * w * c // a.groups } })
  local y = g:op("InstanceNormalization", { parts, weight_or(g, nil, a.groups, 1, "scale"),
    weight_or(g, nil, a.groups, 0, "shift") }, { epsilon = (a.eps or 1e-5) + 0.0 })
  y = g:op("Reshape", { y, g:integers { -1, c, h, w } })
  local weight, weight_name = constant_of(g, a.weight, "its weight")
  local bias, bias_name = constant_of(g, a.bias, "its bias")
  if weight then y = g:op("Mul", { y, channels(g, weight, true, weight_name) }) end
  if bias then y = g:op("Add", { y, channels(g, bias, true, bias_name) }) end
  g:give(node, y, true)
end }

-- ---- poolings ----

-- Of windows that reach beyond the border the formats count differently: they are refused where there are any.
local function windows(g, o, x, node, kernel, stride, padding)
  local p = pair(padding, 0)
  for axis = 1, 2 do
    local whole = (x.shape[1 + axis] + 2 * p[axis] - kernel[axis]) // stride[axis] + 1
    if o.ceil_mode and node.outs[1].shape[1 + axis] ~= whole then
      g:fail "windows that reach beyond the border (ceil_mode) have no exact counterpart"
    end
  end
  return { kernel_shape = kernel, strides = stride, pads = { p[1], p[2], p[1], p[2] } }
end

layers.max_pool = { takes = "x, options", tables = { options = true }, emit = function(g, a, node)
  local o, x = a.options or {}, g:of(a.x)
  local attributes = windows(g, o, x, node, pair(o.kernel, 3), pair(o.stride, 2), pair(o.padding, 1))
  g:give(node, g:op("MaxPool", { g:map(x) }, attributes), true)
end }

-- One number for each channel: [n x c].
local function whole_map(g, kind, x)
  return g:op("Flatten", { g:op(kind, { g:map(x) }) }, { axis = 1 })
end

layers.avg_pool = { takes = "x, options", tables = { options = true }, emit = function(g, a, node)
  local o, x = a.options or {}, g:of(a.x)
  if not o.kernel then return g:give(node, whole_map(g, "GlobalAveragePool", x)) end
  local kernel = pair(o.kernel)
  local attributes = windows(g, o, x, node, kernel, pair(o.stride, kernel), pair(o.padding, 0))
  attributes.count_include_pad = o.count_include_pad == false and 0 or 1
  g:give(node, g:op("AveragePool", { g:map(x) }, attributes), true)
end }

-- The mean of windows as a product: row i has 1 / (number of its pixels) at the pixels of window i, which are
-- floor(i size / count) .. ceil((i + 1) size / count) - 1.
local function window_means(size, count)
  local matrix = T.zeros { count, size }
  for i = 0, count - 1 do
    local first, last = i * size // count, ((i + 1) * size + count - 1) // count - 1
    matrix:narrow(1, i + 1, 1):narrow(2, first + 1, last - first + 1):fill(1 / (last - first + 1))
  end
  return matrix
end

layers.adaptive_avg_pool = { takes = "x, size", emit = function(g, a, node)
  local x, size = g:of(a.x), pair(a.size)
  if size[1] == 1 and size[2] == 1 then return g:give(node, g:op("GlobalAveragePool", { g:map(x) }), true) end
  local columns = g:tensor(window_means(x.shape[3], size[2]):t():contiguous(), "windows")
  local y = g:op("MatMul", { g:map(x), columns })
  g:give(node, g:op("MatMul", { g:tensor(window_means(x.shape[2], size[1]), "windows"), y }), true)
end }

layers.adaptive_max_pool = { takes = "x, size", emit = function(g, a, node)
  local x, size = g:of(a.x), pair(a.size)
  if size[1] == 1 and size[2] == 1 then return g:give(node, g:op("GlobalMaxPool", { g:map(x) }), true) end
  local h, w = x.shape[2], x.shape[3]
  if h % size[1] ~= 0 or w % size[2] ~= 0 then
    g:fail("windows of different sizes have no counterpart: %d x %d does not divide %d x %d", size[1], size[2], h, w)
  end
  local kernel = { h // size[1], w // size[2] }
  g:give(node, g:op("MaxPool", { g:map(x) }, { kernel_shape = kernel, strides = kernel }), true)
end }

-- (mean max(x, eps)^p)^(1/p)
layers.gem = { takes = "x, p, options", tables = { options = true }, emit = function(g, a, node)
  local p = constant_of(g, a.p, "its exponent"):item()
  local x = g:op("Clip", { g:map(g:of(a.x)), g:scalar((a.options or {}).eps or 1e-6) })
  local mean = g:op("ReduceMean", { g:op("Pow", { x, g:scalar(p) }) }, { axes = { 2, 3 }, keepdims = 0 })
  g:give(node, g:op("Pow", { mean, g:scalar(1 / p) }))
end }

-- ---- the rest ----

-- The sum of maps[i] gates[i], gates being [n x c].
layers.gated_sum = { takes = "maps, gates", emit = function(g, a, node)
  local sum
  for i, value in ipairs(a.maps) do
    local gate = g:op("Unsqueeze", { g:plain(g:of(a.gates[i])), g:integers { 2, 3 } })
    local term = g:op("Mul", { g:map(g:of(value)), gate })
    sum = sum and g:op("Add", { sum, term }) or term
  end
  g:give(node, sum, true)
end }

local resampling = {
  nearest = { mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor" },
  bilinear = { mode = "linear", coordinate_transformation_mode = "half_pixel" },
  bicubic = { mode = "cubic", coordinate_transformation_mode = "half_pixel", cubic_coeff_a = -0.75 },
}

layers.interpolate = { takes = "x, options", tables = { options = true }, emit = function(g, a, node)
  local o, x = a.options or {}, g:of(a.x)
  local attributes = {}
  for name, value in pairs(resampling[o.mode or "nearest"]) do attributes[name] = value end
  if o.align_corners then attributes.coordinate_transformation_mode = "align_corners" end
  local name = g:map(x)
  if o.scale_factor and not o.align_corners then
    local factor = pair(o.scale_factor)
    local scales = g:tensor(T { 1.0, 1.0, factor[1], factor[2] }, "scales")
    return g:give(node, g:op("Resize", { name, "", scales }, attributes), true)
  end
  local out = node.outs[1]
  local first = g:op("Slice", { g:op("Shape", { name }), g:integers { 0 }, g:integers { 2 } })
  local sizes = g:op("Concat", { first, g:integers { out.shape[2], out.shape[3] } }, { axis = 0 })
  g:give(node, g:op("Resize", { name, "", "", sizes }, attributes), true)
end }

layers.dropout = { takes = "x, options", tables = { options = true },
  same = function(given) return type(given[2]) == "table" and given[2].training == false end }

return layers
