-- Element by element. vocabulary.lua says how a row reads.
local vocabulary = require "vocabulary"

local one, two = { "x 3 4", "x 0 4", "x 1", "x" }, { "a 2 3, b 2 3", "a 4 3, b 3", "a 2 3 2, b 3 1", "a 3 1, b 1 2",
  "a 2, b 3 2", "a, b 3", "a 0 3, b 3", "a 1, b 1", "a, b" }
local apart = { x = { .25, 2 }, a = { -2, 2 }, b = { .25, 2 } }
local positive = { x = { .25, 2 }, a = { .25, 2 }, b = { .25, 2 } }
local inside = { x = { -.9, .9 } }
local whole = { a = { -7, 7 }, b = { 1, 5 } }

local function sigmoid(x) return 1 / (1 + math.exp(-x)) end
local function tanh(x) return 2 * sigmoid(2 * x) - 1 end
local function clamped(x, low, high) return math.max(low, math.min(high, x)) end

-- The error function by its series.
local function erf(x)
  local sum, term = 0, x
  for n = 0, 60 do
    sum = sum + term / (2 * n + 1)
    term = -term * x * x / (n + 1)
  end
  return 2 / math.sqrt(math.pi) * sum
end

local function round(x)
  local down = math.floor(x)
  local rest = x - down
  return (rest > .5 or rest == .5 and down % 2 == 1) and down + 1 or down
end

local function set(x) return x ~= 0 and x ~= false end
local function trunc(x) return x < 0 and math.ceil(x) or math.floor(x) end
local function torch(name) return ("x.%s()"):format(name) end

-- Functions of one element of floats; integers are converted to f32.
local functions = {}
for _, f in ipairs {
  { "sqrt", math.sqrt, positive }, { "rsqrt", function(x) return 1 / math.sqrt(x) end, positive },
  { "reciprocal", function(x) return 1 / x end, positive },
  { "exp", math.exp }, { "exp2", function(x) return 2 ^ x end }, { "expm1", function(x) return math.exp(x) - 1 end },
  { "log", function(x) return math.log(x) end, positive }, { "log2", function(x) return math.log(x, 2) end, positive },
  { "log10", function(x) return math.log(x, 10) end, positive },
  { "log1p", function(x) return math.log(1 + x) end, positive },
  { "sin", math.sin }, { "cos", math.cos }, { "tan", math.tan, inside }, { "asin", math.asin, inside },
  { "acos", math.acos, inside }, { "atan", math.atan },
  { "sinh", function(x) return (math.exp(x) - math.exp(-x)) / 2 end },
  { "cosh", function(x) return (math.exp(x) + math.exp(-x)) / 2 end }, { "tanh", tanh }, { "erf", erf },
  { "sigmoid", sigmoid },
} do
  functions[#functions + 1] = { f[1], on = one, torch = torch(f[1]), each = f[2], with = f[3], types = "all" }
end

local activations = vocabulary.rows({ on = one, types = "all" }, {
  { "silu", torch = "F.silu(x)", each = function(x) return x * sigmoid(x) end, types = "all", torch_floats = true },
  { "gelu", torch = "F.gelu(x)", each = function(x) return x * .5 * (1 + erf(x / math.sqrt(2))) end },
  { "gelu", call = "gelu(x, { approximate = 'tanh' })", torch = "F.gelu(x, approximate='tanh')",
    each = function(x) return .5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + .044715 * x ^ 3))) end },
  { "softplus", torch = "F.softplus(x)", each = function(x) return math.log(1 + math.exp(x)) end },
  { "softplus", call = "softplus(x, 2, 1)", torch = "F.softplus(x, 2, 1)",
    each = function(x) return 2 * x > 1 and x or math.log(1 + math.exp(2 * x)) / 2 end },
  { "leaky_relu", torch = "F.leaky_relu(x)", each = function(x) return x > 0 and x or .01 * x end },
  { "leaky_relu", call = "leaky_relu(x, .2)", torch = "F.leaky_relu(x, .2)",
    each = function(x) return x > 0 and x or .2 * x end },
  { "elu", torch = "F.elu(x)", each = function(x) return x > 0 and x or math.exp(x) - 1 end },
  { "hardsigmoid", torch = "F.hardsigmoid(x)", each = function(x) return clamped(x + 3, 0, 6) / 6 end },
  { "hardswish", torch = "F.hardswish(x)", each = function(x) return x * clamped(x + 3, 0, 6) / 6 end },
})
for _, row in ipairs(activations) do row.types, row.torch_floats = "all", nil end

-- Of every number.
local numbers = vocabulary.rows({ on = one, types = "number" }, {
  { "neg", torch = "-x", each = function(x) return -x end, types = "f32 f64 bf16 i64 i32" },
  { "neg", call = "-x", torch = "-x", each = function(x) return -x end, types = "f32 f64 bf16 i64 i32" },
  { "abs", torch = "x.abs()", each = math.abs },
  { "sign", torch = "x.sign()", each = function(x) return x > 0 and 1 or x < 0 and -1 or 0 end },
  { "square", torch = "x.square()", each = function(x) return x * x end },
  { "relu", torch = "F.relu(x)", each = function(x) return math.max(x, 0) end },
  { "floor", torch = "x.floor()", each = math.floor }, { "ceil", torch = "x.ceil()", each = math.ceil },
  { "round", torch = "x.round()", each = round }, { "trunc", torch = "x.trunc()", each = trunc },
  { "clamp", call = "clamp(x, -1, 1)", torch = "x.clamp(-1, 1)", each = function(x) return clamped(x, -1, 1) end,
    types = "f32 f64 bf16 i64 i32" },
  { "clamp", call = "clamp(x, { max = 1 })", torch = "x.clamp(max=1)", each = function(x) return math.min(x, 1) end },
  { "clamp", call = "clamp(x, -.5, .5)", torch = "x.clamp(-.5, .5)", also = "bool",
    each = function(x) return clamped(x, -.5, .5) end },
})

return (function(...)
  local all = {}
  for _, list in ipairs { ... } do table.move(list, 1, #list, #all + 1, all) end
  return all
end)(functions, activations, numbers, vocabulary.rows({ on = one, types = "all", grad = false }, {
  { "logical_not", torch = "x.logical_not()", each = function(x) return x == 0 or x == false end },
  { "isnan", torch = "x.isnan()", each = function(x) return x ~= x end },
  { "isinf", torch = "x.isinf()", each = function(x) return math.abs(x) == math.huge end },
  { "isfinite", torch = "x.isfinite()", each = function(x) return math.abs(x) < math.huge end },
}), vocabulary.rows({ on = one, types = "float", with = positive, also = "i64 i32 u8 bool" }, {
  { "pow", call = "pow(x, 2.5)", torch = "x ** 2.5", each = function(x) return x ^ 2.5 end, with = positive },
  { "pow", call = "x ^ 3", torch = "x ** 3", each = function(x) return x ^ 3 end },
  { "pow", call = "2 ^ x", torch = "2 ** x", each = function(x) return 2 ^ x end },
  { "mul", call = "3 - 2 * x + 1", torch = "3 - 2 * x + 1", each = function(x) return 4 - 2 * x end },
  { "div", call = "1 / x - x / 4", torch = "1 / x - x / 4", each = function(x) return 1 / x - x / 4 end,
    with = positive },
}), vocabulary.rows({ on = two, types = "number", pairs = true }, {
  { "add", torch = "a + b", each = function(a, b) return a + b end, also = "bool" },
  { "sub", torch = "a - b", each = function(a, b) return a - b end },
  { "mul", torch = "a * b", each = function(a, b) return a * b end, types = "all" },
  { "div", torch = "a / b", each = function(a, b) return a / b end, with = { a = { -3, 3 }, b = { 1, 3 } },
    also = "bool" },
  { "maximum", torch = "torch.maximum(a, b)", each = math.max, types = "all" },
  { "minimum", torch = "torch.minimum(a, b)", each = math.min, types = "all" },
  { "remainder", torch = "torch.remainder(a, b)", each = function(a, b) return a % b end, with = whole, also = "bool" },
  { "fmod", torch = "torch.fmod(a, b)", each = math.fmod, with = whole, also = "bool" },
  { "floor_divide", torch = "torch.floor_divide(a, b)", each = function(a, b) return a // b end, with = whole,
    types = "i64 i32 u8", also = "f32 f64 bf16 bool", pairs = false },
  { "floor_divide", call = "a // b", torch = "torch.floor(a / b)", each = function(a, b) return a // b end,
    with = whole, types = "float", also = "i64 i32 u8 bool" },
}), vocabulary.rows({ on = two, types = "float", also = "i64 i32 u8 bool f16" }, {
  { "add", call = "a + b", torch = "a + b", each = function(a, b) return a + b end },
  { "add", call = "add(a, b, { alpha = 2 })", torch = "torch.add(a, b, alpha=2)",
    each = function(a, b) return a + 2 * b end },
  { "sub", call = "sub(a, b, .5)", torch = "torch.sub(a, b, alpha=.5)", each = function(a, b) return a - b / 2 end },
  { "div", call = "a / b", torch = "a / b", each = function(a, b) return a / b end, with = apart },
  { "div", call = "div(a, b, 'trunc')", torch = "torch.div(a, b, rounding_mode='trunc')",
    each = function(a, b) return trunc(a / b) end, with = apart },
  { "pow", torch = "torch.pow(a, b)", each = function(a, b) return a ^ b end, with = positive },
  { "atan2", torch = "torch.atan2(a, b)", each = math.atan, with = apart },
}), vocabulary.rows({ on = two, types = "all", grad = false }, {
  { "eq", torch = "a == b", each = function(a, b) return a == b end },
  { "ne", torch = "a != b", each = function(a, b) return a ~= b end },
  { "lt", torch = "a < b", each = function(a, b) return a < b end, types = "number", also = "bool" },
  { "le", torch = "a <= b", each = function(a, b) return a <= b end, types = "number", also = "bool" },
  { "gt", torch = "a > b", each = function(a, b) return a > b end, types = "number", also = "bool" },
  { "ge", torch = "a >= b", each = function(a, b) return a >= b end, types = "number", also = "bool" },
}), vocabulary.rows({ on = two, types = "any", grad = false }, {
  { "logical_and", torch = "torch.logical_and(a, b)", each = function(a, b) return set(a) and set(b) end },
  { "logical_or", torch = "torch.logical_or(a, b)", each = function(a, b) return set(a) or set(b) end },
  { "logical_xor", torch = "torch.logical_xor(a, b)", each = function(a, b) return set(a) ~= set(b) end },
}), vocabulary.rows({ on = two, types = "i64 i32 u8", also = "bool", grad = false }, {
  { "bitwise_and", torch = "a & b", each = function(a, b) return a & b end },
  { "bitwise_or", torch = "a | b", each = function(a, b) return a | b end },
  { "bitwise_xor", torch = "a ^ b", each = function(a, b) return a ~ b end },
  { "bitwise_and", call = "(a & b) | (a ~ b)", torch = "(a & b) | (a ^ b)",
    each = function(a, b) return a & b | (a ~ b) end },
}), vocabulary.rows({ with = { m = { 0, 1, "bool" } } }, {
  { "where", on = { "m 2 3, a 2 3, b 3", "m 2 1, a 3, b", "m, a, b", "m 0 3, a 3, b 1" }, types = "any",
    torch = "torch.where(m, a, b)", each = function(m, a, b) if set(m) then return a end return b end },
  { "where", call = "where(m, a, 2)", on = { "m 2 3, a 2 3" }, types = "number", also = "bool f16",
    torch = "torch.where(m, a, 2)", each = function(m, a) return set(m) and a or 2 end },
  { "masked_fill", call = "masked_fill(x, m, 2)", on = { "x 2 3, m 2 3", "x 2 3, m 3", "x, m", "x 0 3, m 3" },
    types = "number", also = "bool f16", torch = "x.masked_fill(m, 2)",
    each = function(x, m) return set(m) and 2 or x end },
}), vocabulary.rows({ types = "float", also = "i64 i32 u8 bool", with = apart }, {
  { "lerp", call = "lerp(a, c, b)", on = { "a 2 3, c 2 3, b 3", "a 0 3, c 3, b 1", "a, c, b" },
    torch = "torch.lerp(a, c, b)", each = function(a, c, b) return a + b * (c - a) end },
  { "lerp", call = "lerp(a, b, .3)", on = { "a 2 3, b 2 3" }, torch = "torch.lerp(a, b, .3)",
    each = function(a, b) return a + .3 * (b - a) end },
  { "addcmul", call = "addcmul(x, a, b, .5)", on = { "x 2 3, a 2 3, b 3", "x, a, b", "x 0 3, a 1, b 3" },
    torch = "torch.addcmul(x, a, b, value=.5)", each = function(x, a, b) return x + .5 * a * b end },
  { "addcdiv", call = "addcdiv(x, a, b)", on = { "x 2 3, a 2 3, b 3", "x, a, b", "x 0 3, a 1, b 3" },
    torch = "torch.addcdiv(x, a, b)", each = function(x, a, b) return x + a / b end },
}))
