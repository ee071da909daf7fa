-- Along a dimension, and comparisons of all elements. vocabulary.lua says how a row reads.
local vocabulary = require "vocabulary"

-- fn of each list of numbers along a dimension of a matrix.
local function columns(fn)
  return function(x)
    local out = {}
    for i = 1, #x do out[i] = {} end
    for j = 1, #(x[1] or {}) do
      local list = {}
      for i = 1, #x do list[i] = x[i][j] end
      for i, value in ipairs(fn(list)) do out[i][j] = value end
    end
    return out
  end
end

local function rows(fn)
  return function(x)
    local out = {}
    for i, list in ipairs(x) do out[i] = fn(list) end
    return out
  end
end

local function softmax(list)
  local sum, out = 0, {}
  for _, x in ipairs(list) do sum = sum + math.exp(x) end
  for i, x in ipairs(list) do out[i] = math.exp(x) / sum end
  return out
end

local function log_softmax(list)
  local out = softmax(list)
  for i, y in ipairs(out) do out[i] = math.log(y) end
  return out
end

local function normalize(list)
  local squares, out = 0, {}
  for _, x in ipairs(list) do squares = squares + x * x end
  for i, x in ipairs(list) do out[i] = x / math.sqrt(squares) end
  return out
end

local two = { "x 3 4", "x 1 1", "x 1 5" }
local all = vocabulary.rows({ types = "float" }, {
  { "softmax", on = two, torch = "F.softmax(x, -1)", plain = rows(softmax) },
  { "softmax", call = "softmax(x, 1)", on = two, torch = "F.softmax(x, 0)", plain = columns(softmax),
    fails = { ["softmax(x, 3)"] = "no dimension 3", ["softmax(x, { dims = 1 })"] = "did you mean \"dim\"" } },
  { "log_softmax", on = two, torch = "F.log_softmax(x, -1)", plain = rows(log_softmax) },
  { "log_softmax", call = "log_softmax(x, { dim = 1 })", on = two, torch = "F.log_softmax(x, 0)",
    plain = columns(log_softmax) },
  { "l2_normalize", on = two, torch = "F.normalize(x, dim=-1)", plain = rows(normalize) },
  { "l2_normalize", call = "l2_normalize(x, 1)", on = two, torch = "F.normalize(x, dim=0)",
    plain = columns(normalize) },
})

local function close(a, b) return math.abs(a - b) <= 1e-8 + .1 * math.abs(b) end

local comparisons = vocabulary.rows({ types = "all", grad = false }, {
  { "isclose", call = "isclose(a, b, .1)", on = { "a 3 4, b 3 4", "a 3 4, b 4", "a 0 4, b 4", "a, b" },
    torch = "torch.isclose(a, b.expand_as(a), rtol=.1)", each = close, also = "f16" },
  { "allclose", call = "allclose(a, b, { rtol = 2, atol = 9 })", on = { "a 3 4, b 4", "a 0 4, b 4" }, also = "f16",
    torch = "torch.allclose(a, b.expand_as(a), rtol=2, atol=9)", plain = function() return true end },
})

return table.move(comparisons, 1, #comparisons, #all + 1, all)
