-- Of all numbers so far, along a dimension. vocabulary.lua says how a row reads.
local lines = require "vocabulary_lines"
local vocabulary = require "vocabulary"

-- fn(all so far, the next) -> all so far; the list of them.
local function running(fn)
  return function(list)
    local out, sum = {}, nil
    for i, value in ipairs(list) do
      sum = i == 1 and value or fn(sum, value)
      out[i] = sum
    end
    return out
  end
end

local along = lines.along

local function sum(a, b) return a + b end
local function product(a, b) return a * b end
local function log_sum(a, b) return math.max(a, b) + math.log(1 + math.exp(-math.abs(a - b))) end

-- The best so far and its position, the last of equals.
local function best(better)
  return function(list)
    local values, positions, at = {}, {}, 1
    for i, value in ipairs(list) do
      if not better(list[at], value) then at = i end
      values[i], positions[i] = list[at], at - 1
    end
    return values, positions
  end
end

local function dim(d, fn)
  return function(x) return along(x, d, fn) end
end

local function above(a, b) return a > b end
local function below(a, b) return a < b end

local sets = { "x 3 4", "x 0 4", "x 1 1", "x 9 2", "x 2 3 2" }
local last = { "x 3 4", "x 2 0", "x 1", "x 5", "x 17", "x 2 2 3", "x 9 5" }
local zeros = { x = { values = { 2, 0, 3, 1, 4, 2, 0, 0, 4, 3, 1, 2 } } }

return vocabulary.rows({ types = "all" }, {
  { "cumsum", call = "cumsum(x, 1)", on = sets, torch = "x.cumsum(0)", plain = dim(1, running(sum)),
    fails = { ["cumsum(x, 3)"] = "no dimension 3", ["cumsum(x, 0)"] = "no dimension 0",
    ["cumsum(x, 1, 2)"] = "takes" } },
  { "cumsum", call = "cumsum(x, -1)", on = last, torch = "x.cumsum(-1)",
    plain = function(x) return along(x, #lines.shape(x), running(sum)) end },
  { "cumsum", call = "cumsum(x, { dim = 2 })", on = { "x 3 4" }, torch = "x.cumsum(1)", plain = dim(2, running(sum)) },
  { "cumprod", call = "cumprod(x, 1)", on = sets, torch = "x.cumprod(0)", plain = dim(1, running(product)), near = 4 },
  { "cumprod", call = "cumprod(x, 2)", on = { "x 3 4", "x 3 1" }, torch = "x.cumprod(1)",
    plain = dim(2, running(product)),
    near = 4 },
  { "cumprod", name = "cumprod with zeros", call = "cumprod(x, 2)", on = { "x 3 4", "x 2 6", "x 1 12" },
    with = zeros, torch = "x.cumprod(1)", plain = dim(2, running(product)) },
  { "logcumsumexp", call = "logcumsumexp(x, 1)", on = sets, torch = "x.logcumsumexp(0)", types = "float", near = 8,
    plain = dim(1, running(log_sum)) },
  { "logcumsumexp", name = "logcumsumexp of large numbers", call = "logcumsumexp(x, 2)", on = { "x 3 4" },
    with = { x = { -90, 90 } }, torch = "x.logcumsumexp(1)", types = "float", plain = dim(2, running(log_sum)) },
  { "cummax", call = "cummax(x, 1)", on = sets, torch = "x.cummax(0)", plain = dim(1, best(above)),
    fails = { ["cummax(x, 3)"] = "no dimension 3" } },
  { "cummax", call = "cummax(x, 2)", on = { "x 3 7", "x 1 1" }, torch = "x.cummax(1)", plain = dim(2, best(above)) },
  { "cummin", call = "cummin(x, 1)", on = sets, torch = "x.cummin(0)", plain = dim(1, best(below)) },
  { "cummin", call = "cummin(x, -1)", on = { "x 3 7", "x 1 1" }, torch = "x.cummin(-1)", plain = dim(2, best(below)) },
})
