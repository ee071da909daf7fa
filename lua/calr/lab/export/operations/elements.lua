--- @module calr.lab.export.operations.elements
--- Functions of single elements.

local elements = {}

local SQRT_HALF = math.sqrt(0.5)
local SQRT_TWO_PI = math.sqrt(2 / math.pi)

-- A row of one tensor: make(graph, name, arguments) gives the result's name.
local function unary(takes, make)
  return { takes = takes, emit = function(g, a, node)
    local x = g:of(a.x)
    g:give(node, make(g, x.map and x.name or g:plain(x), a), x.map)
  end }
end

local function operator(kind, attributes)
  return unary("x", function(g, x) return g:op(kind, { x }, attributes) end)
end

-- One row each: functions that are one operator.
elements.abs = operator "Abs"
elements.acos = operator "Acos"
elements.asin = operator "Asin"
elements.atan = operator "Atan"
elements.ceil = operator "Ceil"
elements.cos = operator "Cos"
elements.cosh = operator "Cosh"
elements.erf = operator "Erf"
elements.exp = operator "Exp"
elements.floor = operator "Floor"
elements.hardsigmoid = operator("HardSigmoid", { alpha = 1 / 6, beta = 0.5 })
elements.hardswish = operator "HardSwish"
elements.log = operator "Log"
elements.neg = operator "Neg"
elements.reciprocal = operator "Reciprocal"
elements.relu = operator "Relu"
elements.round = operator "Round"
elements.sigmoid = operator "Sigmoid"
elements.sign = operator "Sign"
elements.sin = operator "Sin"
elements.sinh = operator "Sinh"
elements.sqrt = operator "Sqrt"
elements.tan = operator "Tan"
elements.tanh = operator "Tanh"

elements.square = unary("x", function(g, x) return g:op("Mul", { x, x }) end)
elements.rsqrt = unary("x", function(g, x) return g:op("Reciprocal", { g:op("Sqrt", { x }) }) end)
elements.exp2 = unary("x", function(g, x) return g:op("Pow", { g:scalar(2), x }) end)
elements.expm1 = unary("x", function(g, x) return g:op("Sub", { g:op("Exp", { x }), g:scalar(1) }) end)
elements.log1p = unary("x", function(g, x) return g:op("Log", { g:op("Add", { x, g:scalar(1) }) }) end)
elements.log2 = unary("x", function(g, x) return g:op("Mul", { g:op("Log", { x }), g:scalar(1 / math.log(2)) }) end)
elements.log10 = unary("x", function(g, x) return g:op("Mul", { g:op("Log", { x }), g:scalar(1 / math.log(10)) }) end)
elements.silu = unary("x", function(g, x) return g:op("Mul", { x, g:op("Sigmoid", { x }) }) end)

elements.clamp = unary("x, min, max", function(g, x, a)
  return g:op("Clip", { x, a.min and g:scalar(a.min) or "", a.max and g:scalar(a.max) or nil })
end)

elements.leaky_relu = unary("x, negative_slope", function(g, x, a)
  return g:op("LeakyRelu", { x }, { alpha = (a.negative_slope or 0.01) + 0.0 })
end)

elements.elu = unary("x, alpha", function(g, x, a) return g:op("Elu", { x }, { alpha = (a.alpha or 1) + 0.0 }) end)

-- Above the threshold x itself is within e^-threshold of it.
elements.softplus = unary("x, beta, threshold", function(g, x, a)
  local beta = a.beta or 1
  if (a.threshold or 20) < 17 then g:fail("a threshold below 17 has no counterpart") end
  local y = g:op("Softplus", { beta == 1 and x or g:op("Mul", { x, g:scalar(beta) }) })
  return beta == 1 and y or g:op("Div", { y, g:scalar(beta) })
end)

-- x/2 (1 + erf(x / sqrt 2)), and the approximation of Hendrycks and Gimpel (arXiv 1606.08415, section 2).
elements.gelu = unary("x, approximate", function(g, x, a)
  local inner
  if a.approximate == "tanh" then
    local cube = g:op("Mul", { g:op("Mul", { x, x }), x })
    local sum = g:op("Add", { x, g:op("Mul", { cube, g:scalar(0.044715) }) })
    inner = g:op("Tanh", { g:op("Mul", { sum, g:scalar(SQRT_TWO_PI) }) })
  else
    inner = g:op("Erf", { g:op("Mul", { x, g:scalar(SQRT_HALF) }) })
  end
  return g:op("Mul", { g:op("Mul", { x, g:scalar(0.5) }), g:op("Add", { inner, g:scalar(1) }) })
end)

local function binary(kind, takes)
  return { takes = takes or "a, b", emit = function(g, a, node)
    local x, y, map = g:operands(a.a, a.b)
    g:give(node, g:op(kind, { x, y }), map)
  end }
end

elements.mul = binary "Mul"
elements.maximum = binary "Max"
elements.minimum = binary "Min"

-- x + value a b, all three in the layout of a map among them.
elements.addcmul = { takes = "x, a, b, value", emit = function(g, a, node)
  local terms, lead, map = { a.x, a.a, a.b }, a.x, true
  for _, term in ipairs(terms) do
    if g:of(term).map then lead = term end
  end
  local names = {}
  for i, term in ipairs(terms) do
    local _, name, is_map = g:operands(lead, term)
    names[i], map = name, map and is_map
  end
  for i, term in ipairs(map and {} or terms) do names[i] = g:plain(g:of(term)) end
  local product = g:op("Mul", { names[2], names[3] })
  if a.value and a.value ~= 1 then product = g:op("Mul", { product, g:scalar(a.value) }) end
  g:give(node, g:op("Add", { names[1], product }), map)
end }

-- add and sub may multiply their second operand.
local function sum(kind)
  return { takes = "a, b, alpha", emit = function(g, a, node)
    local x, y, map = g:operands(a.a, a.b)
    if a.alpha and a.alpha ~= 1 then y = g:op("Mul", { y, g:scalar(a.alpha) }) end
    g:give(node, g:op(kind, { x, y }), map)
  end }
end

elements.add = sum "Add"
elements.sub = sum "Sub"

elements.div = { takes = "a, b, rounding_mode", emit = function(g, a, node)
  if a.rounding_mode then g:fail "a division that is rounded has no counterpart" end
  local x, y, map = g:operands(a.a, a.b)
  g:give(node, g:op("Div", { x, y }), map)
end }

elements.pow = { takes = "x, exponent", emit = function(g, a, node)
  local x, y, map = g:operands(a.x, a.exponent)
  g:give(node, g:op("Pow", { x, y }), map)
end }

local function is_float(kind)
  return type(kind) == "string" and kind:find "^b?f%d" ~= nil
end

-- Numbers as they are: an export computes in f32 throughout, and so does the recording.
elements.to = { takes = "x, type", same = function(given) return is_float(given[2]) and is_float(given[1]:dtype()) end }
elements.clone = { takes = "x", same = function() return true end }
elements.contiguous = elements.clone
elements.detach = elements.clone
elements.reverse_gradient = { takes = "x, alpha", same = function() return true end }

return elements
