-- Reductions. vocabulary.lua says how a row reads.
local vocabulary = require "vocabulary"

-- fn(the items of the rows of a table of tables): along the last dimension of nested tables.
local function along_last(fn)
  local function walk(t)
    if type(t[1]) ~= "table" then return fn(t) end
    local out = {}
    for i, item in ipairs(t) do out[i] = walk(item) end
    return out
  end
  return walk
end

local function flat(value, out)
  out = out or {}
  if type(value) ~= "table" then value = { value } end
  for _, item in ipairs(value) do
    if type(item) == "table" then flat(item, out) else out[#out + 1] = item end
  end
  return out
end

local function sum(list)
  local total = 0
  for _, value in ipairs(list) do total = total + value end
  return total
end

local function mean(list) return sum(list) / #list end

-- fn over dimension 1 of a table of two dimensions
local function along_first(fn)
  return function(t)
    local out = {}
    for j = 1, #(t[1] or {}) do
      local column = {}
      for i = 1, #t do column[i] = t[i][j] end
      out[j] = fn(column)
    end
    return out
  end
end

-- fn over all elements
local function over_all(fn)
  return function(x) return fn(flat(x)) end
end

-- fn over dimensions 1 and 3 of a table of three dimensions
local function along_outer(fn)
  return function(t)
    local out = {}
    for j = 1, #(t[1] or {}) do
      local list = {}
      for i = 1, #t do
        for k = 1, #t[i][j] do list[#list + 1] = t[i][j][k] end
      end
      out[j] = fn(list)
    end
    return out
  end
end

local function product(list)
  local total = 1
  for _, value in ipairs(list) do total = total * value end
  return total
end

-- The first of the largest (by `better`) elements, and where it is, from 0.
local function best(better)
  return function(list)
    local at = 1
    for i = 2, #list do
      if better(list[i], list[at]) then at = i end
    end
    return list[at], at - 1
  end
end

local largest = best(function(a, b) return a > b end)
local smallest = best(function(a, b) return a < b end)
-- Divided by itself: NaN where 0 is, and all others the same.
local nan_and_equals = { 1, 2, 0, 4, 0, 5, 4, 3, 2, 1, 1, 2, 3, 4, 0 }

local function place_of(fn) return function(list) return select(2, fn(list)) end end
local function value_of(fn) return function(list) return (fn(list)) end end

local function variance(correction)
  return function(list)
    if #list == correction then return 0 / 0 end
    local middle, total = mean(list), 0
    for _, value in ipairs(list) do total = total + (value - middle) ^ 2 end
    return total / (#list - correction)
  end
end

local function deviation(correction)
  return function(list) return math.sqrt(variance(correction)(list)) end
end

local function norm(p)
  return function(list)
    local total, most, least = 0, 0, math.huge
    for _, value in ipairs(list) do
      local size = math.abs(value)
      total = total + (p == 0 and (size == 0 and 0 or 1) or size ^ p)
      most, least = math.max(most, size), math.min(least, size)
    end
    if p == math.huge then return most end
    if p == -math.huge then return least end
    return p == 0 and total or total ^ (1 / p)
  end
end

local function count(list)
  local total = 0
  for _, value in ipairs(list) do total = total + (value ~= 0 and 1 or 0) end
  return total
end

local function any(list) return count(list) > 0 and 1 or 0 end
local function all(list) return count(list) == #list and 1 or 0 end

local function log_sum_exp(list)
  local most, total = -math.huge, 0
  for _, value in ipairs(list) do most = math.max(most, value) end
  for _, value in ipairs(list) do total = total + math.exp(value - most) end
  return most + math.log(total)
end

-- Both results along the last dimension.
local function both(fn)
  return function(x) return along_last(value_of(fn))(x), along_last(place_of(fn))(x) end
end

-- The types of means, norms and variances of integers, which PyTorch refuses.
local as_floats = { i64 = "f32", i32 = "f32", u8 = "f32", bool = "f32" }
-- PyTorch gives u8.
local as_bool = { u8 = "bool" }
local everything = { "x 3 4", "x 0 4", "x 1", "x" }
local deep = { "x 3 4 2", "x 1 2 1", "x 20 3 5" }

return vocabulary.rows({ types = "all" }, {
  { "sum", on = everything, torch = "x.sum()", plain = over_all(sum),
    fails = { ["sum(x, 3)"] = "no dimension 3", ["sum(x, x)"] = "not a tensor", ["sum(x, 1, 2)"] = "boolean expected",
      ["sum(x, { 1, 1 })"] = "given twice", ["sum(x, { dims = 1 })"] = "no argument" } },
  { "sum", call = "sum(x, -1)", on = { "x 3 4", "x 2 3 2", "x 1 1", "x 300 3", "x 5 400", "x 3 0" },
    torch = "x.sum(-1)",
    plain = along_last(sum) },
  { "sum", call = "sum(x, 1)", on = { "x 3 4", "x 3 1", "x 300 5" }, torch = "x.sum(0)", plain = along_first(sum),
    near = 10 },
  { "sum", call = "sum(x, 2)", on = { "x 2 50 3", "x 3 4 2", "x 2 3 1" }, torch = "x.sum(1)", near = 10,
    plain = function(x)
      local out = {}
      for i, item in ipairs(x) do out[i] = along_first(sum)(item) end
      return out
    end },
  { "sum", call = "sum(x, { 1, 3 }, { keepdim = true })", on = deep, torch = "x.sum((0, 2), keepdim=True)",
    plain = along_outer(sum), near = 10 },
  { "sum", call = "sum(x, { dim = { -1, 1 } })", on = deep, torch = "x.sum((0, 2))", plain = along_outer(sum),
    near = 10 },
  { "sum", call = "sum(transpose(x, 1, 3), 1)", on = { "x 3 2 4" }, torch = "x.transpose(0, 2).sum(0)", grad = true,
    plain = function(x)
      local out = {}
      for j = 1, #x[1] do
        out[j] = {}
        for i = 1, #x do out[j][i] = sum(x[i][j]) end
      end
      return out
    end },
  { "mean", on = { "x 3 4", "x 1", "x", { "x 0 4", fails = "no items to take the mean of" } }, torch = "x.mean()",
    plain = over_all(mean), result = as_floats },
  { "mean", call = "mean(x, 1)", on = { "x 3 4", "x 3 1" }, torch = "x.mean(0)", plain = along_first(mean),
    result = as_floats },
  { "mean", call = "mean(x, { 1, 3 })", on = deep, torch = "x.mean((0, 2))", plain = along_outer(mean),
    result = as_floats },
  { "prod", on = { "x 3 2", "x 0 4", "x 1", "x" }, torch = "x.prod()", plain = over_all(product) },
  { "prod", call = "prod(x, 2)", name = "prod with zeros", on = { "x 3 3" }, torch = "x.prod(1)",
    with = { x = { values = { 0, 2, 3, 0, 0, 4, 1, 2, 3 } } }, plain = along_last(product) },
  { "max", on = { "x 3 4", "x 1", "x", { "x 0 4", fails = "no items to find the largest of" } }, torch = "x.max()",
    plain = over_all(value_of(largest)),
    fails = { ["max(x, x)"] = "see calr.maximum", ["max(x, { 1, 2 })"] = "amax" } },
  { "max", call = "max(x, -1)", on = { "x 3 4", "x 2 3 2", "x 1 1", "x 5 300", "x 0 4" }, torch = "x.max(-1)",
    plain = both(largest), with = { x = { distinct = true } }, types = "all" },
  { "max", call = "max(x, 2)", name = "max among equals", on = { "x 2 4" }, torch = "x.max(1)",
    with = { x = { values = { 1, 3, 3, 2, 5, 4, 0, 1 } } }, plain = both(largest), grad = true },
  { "max", call = "max(x, 1, { keepdim = true })", on = { "x 3 4", "x 400 3", "x 400 70" },
    torch = "x.max(0, keepdim=True)",
    plain = function(x) return along_first(value_of(largest))(x), along_first(place_of(largest))(x) end,
    with = { x = { distinct = true } } },
  { "min", on = { "x 3 4", "x 1", "x", { "x 0", fails = "no items to find the smallest of" } }, torch = "x.min()",
    plain = over_all(value_of(smallest)) },
  { "min", call = "min(x, 2)", on = { "x 3 4", "x 2 3", "x 1 1" }, torch = "x.min(1)", plain = both(smallest),
    with = { x = { distinct = true } } },
  { "amax", call = "amax(x, { 1, 3 })", on = deep, torch = "x.amax((0, 2))", plain = along_outer(value_of(largest)) },
  { "amin", call = "amin(x, { 1, 3 }, true)", on = deep, torch = "x.amin((0, 2), keepdim=True)",
    plain = along_outer(value_of(smallest)) },
  { "amax", call = "amax(x, 1)", name = "amax among equals", on = { "x 3 2" }, torch = "x.amax(0)",
    with = { x = { values = { 1, 3, 2, 3, 2, 0 } } }, plain = along_first(value_of(largest)) },
  { "aminmax", call = "aminmax(x, 2)", on = { "x 3 4", "x 2 1" }, torch = "x.aminmax(dim=1)",
    plain = function(x) return along_last(value_of(smallest))(x), along_last(value_of(largest))(x) end },
  { "argmax", on = { "x 3 4", "x 1", "x", { "x 0", fails = "no items" } }, torch = "x.argmax()", grad = false,
    with = { x = { distinct = true } }, plain = over_all(place_of(largest)), types = "all" },
  { "argmax", call = "argmax(x, 1, true)", on = { "x 3 4", "x 300 2" }, torch = "x.argmax(0, keepdim=True)",
    grad = false, plain = along_first(place_of(largest)), with = { x = { distinct = true } },
    types = "all" },
  { "argmax", call = "argmax(transpose(x, 1, 2))", on = { "x 3 4" }, torch = "x.transpose(0, 1).argmax()",
    grad = false, with = { x = { distinct = true } },
    plain = function(x)
      local list = {}
      for j = 1, #x[1] do
        for i = 1, #x do list[#list + 1] = x[i][j] end
      end
      return place_of(largest)(list)
    end },
  { "argmax", call = "argmax(div(x, x), 2)", name = "argmax of NaN and equals", on = { "x 3 5" },
    torch = "(x / x).argmax(1)", grad = false, with = { x = { values = nan_and_equals } }, inner = "div",
    plain = function() return { 2, 0, 4 } end },
  { "argmin", call = "argmin(div(x, x), 2)", name = "argmin of NaN and equals", on = { "x 3 5" },
    torch = "(x / x).argmin(1)", grad = false, with = { x = { values = nan_and_equals } }, inner = "div",
    plain = function() return { 2, 0, 4 } end },
  { "argmin", on = { "x 3 4", "x 1", "x" }, torch = "x.argmin()", grad = false, with = { x = { distinct = true } },
    plain = over_all(place_of(smallest)), types = "all" },
  { "argmin", call = "argmin(x, -1)", on = { "x 3 4", "x 70 3", "x 2 2 150" }, torch = "x.argmin(-1)", grad = false,
    plain = along_last(place_of(smallest)), with = { x = { distinct = true } } },
  { "any", on = everything, torch = "x.any()", result = as_bool, grad = false, plain = over_all(any) },
  { "any", call = "any(x, 2)", on = { "x 3 3", "x 2 0" }, torch = "x.any(1)", result = as_bool, grad = false,
    with = { x = { values = { 0, 0, 0, 0, 2, 0, 1, 1, 1 } } }, plain = along_last(any) },
  { "all", on = everything, torch = "x.all()", result = as_bool, grad = false, plain = over_all(all) },
  { "all", call = "all(x, 1, true)", on = { "x 3 3", "x 3 1" }, torch = "x.all(0, keepdim=True)", result = as_bool,
    grad = false,
    with = { x = { values = { 0, 0, 4, 0, 2, 3, 1, 1, 1 } } }, plain = along_first(all) },
  { "count_nonzero", on = everything, torch = "x.count_nonzero()", grad = false, plain = over_all(count) },
  { "count_nonzero", call = "count_nonzero(x, { 1, 3 })", on = deep, torch = "x.count_nonzero((0, 2))", grad = false,
    plain = along_outer(count) },
  { "logsumexp", call = "logsumexp(x, -1)", on = { "x 3 4", "x 2 1", "x 2 300", "x 300 3" },
    torch = "x.logsumexp(-1)", plain = along_last(log_sum_exp), near = 10, result = as_floats },
  { "logsumexp", call = "logsumexp(x, 1, true)", on = { "x 3 4", "x 300 70" }, torch = "x.logsumexp(0, keepdim=True)",
    plain = along_first(log_sum_exp), near = 10, result = as_floats },
  { "norm", on = { "x 3 4", "x 0 4", "x 1", "x" }, torch = "x.norm()", plain = over_all(norm(2)), near = 10,
    result = as_floats },
  { "norm", call = "norm(x, 1, 2)", on = { "x 3 4", "x 2 1" }, torch = "x.norm(1, 1)", plain = along_last(norm(1)),
    result = as_floats },
  { "norm", call = "norm(x, { dim = { 1, 3 }, keepdim = true })", on = deep, torch = "x.norm(2, (0, 2), keepdim=True)",
    plain = along_outer(norm(2)), near = 10, result = as_floats },
  { "norm", call = "norm(x, math.huge, 1)", on = { "x 3 4" }, torch = "x.norm(math.inf, 0)",
    plain = along_first(norm(math.huge)), near = 10, result = as_floats },
  { "norm", call = "norm(x, -math.huge, 1)", on = { "x 3 4", { "x 0 4", fails = "no items to take this norm of" } },
    torch = "x.norm(-math.inf, 0)", plain = along_first(norm(-math.huge)), near = 10, result = as_floats },
  { "norm", call = "norm(x, 0)", on = { "x 3 4" }, torch = "x.norm(0)", plain = over_all(norm(0)), near = 10,
    result = as_floats,
    name = "norm 0" },
  { "norm", call = "norm(x, 3, 2)", on = { "x 3 4", "x 2 1" }, torch = "x.norm(3, 1)", plain = along_last(norm(3)),
    near = 10,
    result = as_floats },
  { "norm", call = "norm(x, 1.5)", on = { "x 3 4" }, torch = "x.norm(1.5)", plain = over_all(norm(1.5)),
    result = as_floats },
  { "norm", call = "norm(x, 2, 2)", name = "norm of zeros", on = { "x 2 2" }, torch = "x.norm(2, 1)",
    with = { x = { values = { 0, 0, 0, 0 } } }, plain = along_last(norm(2)), near = 10, result = as_floats },
  { "var", on = { "x 3 4", "x 300" }, torch = "x.var()", plain = over_all(variance(1)), result = as_floats, near = 10,
    fails = { ["var(x, 1, true)"] = "number expected" } },
  { "var", call = "var(x, 1, 0)", on = { "x 3 4", "x 300 3" }, torch = "x.var(0, correction=0)",
    plain = along_first(variance(0)), result = as_floats, near = 10 },
  { "var", call = "var(x, { 1, 3 }, { keepdim = true })", on = { "x 3 4 2", "x 20 3 5" },
    torch = "x.var((0, 2), keepdim=True)", plain = along_outer(variance(1)), result = as_floats, near = 10 },
  { "std", on = { "x 3 4" }, torch = "x.std()", plain = over_all(deviation(1)), result = as_floats, near = 10 },
  { "std", call = "std(x, 2, { correction = 0 })", on = { "x 3 4" }, torch = "x.std(1, correction=0)",
    plain = along_last(deviation(0)), result = as_floats, near = 10 },
  { "std", call = "std(x, 2, 0)", name = "std of equals", on = { "x 2 3" }, torch = "x.std(1, correction=0)",
    with = { x = { values = { 1, 1, 1, 1, 2, 4 } } }, plain = along_last(deviation(0)), result = as_floats, near = 10 },
})
