-- Element by element. vocabulary.lua says how a row reads.
local vocabulary = require "vocabulary"

local one, two = { "x 3 4", "x 0 4", "x 1", "x" }, { "a 2 3, b 2 3", "a 4 3, b 3", "a 2 3 2, b 3 1", "a 3 1, b 1 2",
  "a 2, b 3 2", "a, b 3", "a 0 3, b 3", "a 1, b 1", "a, b" }
local apart = { x = { .25, 2 }, a = { -2, 2 }, b = { .25, 2 } }

local function power(x, e) return x ^ e end

local unary = vocabulary.rows({ on = one, types = "f32 bf16" }, {
  { "relu", torch = "F.relu(x)", each = function(x) return math.max(x, 0) end },
  { "exp", torch = "x.exp()", each = math.exp, types = "f32" },
  { "log", torch = "x.log()", each = function(x) return math.log(x) end, types = "f32", with = apart },
  { "sqrt", torch = "x.sqrt()", each = math.sqrt, types = "f32", with = apart },
  { "sigmoid", torch = "x.sigmoid()", each = function(x) return 1 / (1 + math.exp(-x)) end, types = "f32" },
  { "pow", call = "pow(x, 2.5)", torch = "x ** 2.5", each = function(x) return x ^ 2.5 end, types = "f32",
    with = apart },
  { "pow", call = "x ^ 3", torch = "x ** 3", each = function(x) return power(x, 3) end, types = "f32" },
})

local binary = vocabulary.rows({ on = two, types = "f32 bf16", pairs = true }, {
  { "add", torch = "a + b", each = function(a, b) return a + b end },
  { "sub", torch = "a - b", each = function(a, b) return a - b end },
  { "mul", torch = "a * b", each = function(a, b) return a * b end },
  { "div", torch = "a / b", each = function(a, b) return a / b end, with = apart },
  { "add", call = "a + b", torch = "a + b", each = function(a, b) return a + b end },
  { "div", call = "a / b", torch = "a / b", each = function(a, b) return a / b end, with = apart },
})

return table.move(binary, 1, #binary, #unary + 1, unary)
