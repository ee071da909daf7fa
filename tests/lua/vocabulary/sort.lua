-- Order: sorted, the largest, the different ones, counts. vocabulary.lua says how a row reads.
local check = require "check"
local lines = require "vocabulary_lines"
local vocabulary = require "vocabulary"

local along, flat, sorted = lines.along, lines.flat, lines.sorted

local function sort_along(dim, descending)
  return function(x) return along(x, dim, function(list) return sorted(list, descending) end) end
end

local function second(fn) return function(...) return (select(2, fn(...))) end end
local function first(fn) return function(...) return (fn(...)) end end

-- The first k of a line in order.
local function top(k, descending)
  return function(list)
    local values, positions = sorted(list, descending)
    return { table.unpack(values, 1, k) }, { table.unpack(positions, 1, k) }
  end
end

local function kth(k)
  return function(list)
    local values, positions = sorted(list)
    local at = k(#list)
    return values[at], positions[at]
  end
end

local function middle(n) return (n + 1) // 2 end

local function rows(fn, dim)
  return function(x) return along(x, dim, fn) end
end

-- What a position points to is the value beside it.
local function points_back(dim)
  return function(variables, values, positions)
    check.ok(variables.x:take_along_dim(positions, dim):equal(values), "positions do not point to the values")
  end
end

local function unique(x)
  local values, counts, inverse, all = {}, {}, {}, flat(x)
  for _, value in ipairs((sorted(all))) do
    if #values == 0 or values[#values] ~= value then
      values[#values + 1], counts[#values + 1] = value, 0
    end
    counts[#values] = counts[#values] + 1
  end
  for i, value in ipairs(all) do
    for k, other in ipairs(values) do
      if other == value then inverse[i] = k - 1 end
    end
  end
  return values, inverse, counts
end

local function bins(count, low, high)
  return function(x)
    local counts = {}
    for i = 1, count do counts[i] = 0 end
    for _, value in ipairs(flat(x)) do
      if value >= low and value <= high then
        local bin = math.min(math.floor((value - low) / (high - low) * count), count - 1)
        counts[bin + 1] = counts[bin + 1] + 1
      end
    end
    return counts
  end
end

local function bincount(least)
  return function(x, weights)
    local counts = {}
    for i = 1, least do counts[i] = 0 end
    for i, value in ipairs(x) do
      for k = #counts + 1, value + 1 do counts[k] = 0 end
      counts[value + 1] = counts[value + 1] + (weights and weights[i] or 1)
    end
    return counts
  end
end

-- The lower (or upper) bound in a sorted list.
local function bound(list, value, right)
  local count = 0
  for _, item in ipairs(list) do
    if item < value or right and item == value then count = count + 1 end
  end
  return count
end

local function bounds(right)
  return function(list, x)
    local out = {}
    for i, value in ipairs(flat(x)) do out[i] = bound(list, value, right) end
    return out
  end
end

local distinct = { x = { -6, 6, distinct = true } }
local ascending = { s = { values = { -2, -1, -1, 0, 1, 1, 3 }, [3] = "f32" } }

local order = vocabulary.rows({ types = "all" }, {
  { "sort", call = "sort(x, 2)", on = { "x 3 7", "x 2 1", "x 2 20" }, with = distinct,
    torch = "x.sort(dim=1, stable=True)", plain = sort_along(2), name = "sort(x, 2) of different numbers",
    fails = { ["sort(x, 3)"] = "no dimension 3", ["sort(x, 1, 1)"] = "boolean expected",
      ["sort(x, { axis = 1 })"] = "no argument \"axis\"" } },
  { "sort", call = "sort(x)", on = { "x 2 9", "x 30", "x 2 0", "x 1", "x", "x 1 250" }, with = distinct,
    torch = "x.sort(stable=True)", plain = function(x)
      if type(x) ~= "table" then return x, 0 end
      return along(x, type(x[1]) == "table" and 2 or 1, sorted)
    end },
  { "sort", call = "sort(x, 1, true)", on = { "x 6 3", "x 0 2", "x 1 3", "x 3 2 4" },
    torch = "x.sort(dim=0, descending=True, stable=True)",
    plain = sort_along(1, true) },
  { "sort", call = "sort(x, { descending = true, stable = true })", on = { "x 2 6" },
    torch = "x.sort(descending=True, stable=True)", plain = sort_along(2, true) },
  { "argsort", call = "argsort(x, 1, true)", on = { "x 6 3", "x 0 2" },
    torch = "x.argsort(dim=0, descending=True, stable=True)", grad = false,
    plain = second(sort_along(1, true)) },
  { "argsort", on = { "x 9", "x 1", "x 300" }, torch = "x.argsort(stable=True)", grad = false,
    plain = function(x) return (select(2, sorted(x))) end },
  { "topk", call = "topk(x, 3)", on = { "x 2 7", "x 3", "x 1 300" }, with = distinct, torch = "x.topk(3)",
    plain = function(x) return along(x, type(x[1]) == "table" and 2 or 1, top(3, true)) end,
    fails = { ["topk(x, 8)"] = "k is 8, and dimension 2 of f32[2 x 7] has 7 items", ["topk(x, -1)"] = "k is -1",
      ["topk(x)"] = "number expected" } },
  { "topk", call = "topk(x, 2, 1, false)", on = { "x 7 2", "x 2 2", "x 9 1 3" }, with = distinct,
    torch = "x.topk(2, 0, False)", plain = rows(top(2, false), 1) },
  { "topk", name = "topk of equal numbers", call = "topk(x, 3, -1)", on = { "x 2 7" }, torch = false,
    holds = points_back(-1) },
  { "topk", name = "topk, not sorted", call = "topk(x, 4, 1, true, false)", on = { "x 7" }, torch = false,
    holds = points_back(1) },
  { "kthvalue", call = "kthvalue(x, 2)", on = { "x 3 5", "x 2", "x 1 100" }, with = distinct,
    torch = "x.kthvalue(2)",
    plain = function(x) return along(x, type(x[1]) == "table" and 2 or 1, kth(function() return 2 end)) end,
    fails = { ["kthvalue(x, 0)"] = "k is 0, and must be 1 to 5", ["kthvalue(x, 6)"] = "k is 6" } },
  { "kthvalue", call = "kthvalue(x, 4, 1, true)", on = { "x 5 3", "x 4 1" }, with = distinct,
    torch = "x.kthvalue(4, 0, True)", plain = rows(kth(function() return 4 end), 1) },
  { "median", on = { "x 3 5", "x 4", "x 1", "x", { "x 0", fails = "has no items" } }, with = distinct,
    torch = "x.median()", plain = function(x) return (kth(middle)(flat(x))) end },
  { "median", call = "median(x, 2)", on = { "x 3 5", "x 2 4", "x 2 1", "x 1 600" }, with = distinct,
    torch = "x.median(1)", plain = rows(kth(middle), 2) },
  { "median", call = "median(x, 1, { keepdim = true })", on = { "x 5 2", "x 4 2 3" }, with = distinct,
    torch = "x.median(0, True)", plain = rows(kth(middle), 1) },
})

local plain = vocabulary.rows({ types = "all", grad = false }, {
  { "unique", on = { "x 3 5", "x 0", "x 1", "x", "x 100" }, torch = "x.unique()", plain = first(unique) },
  { "unique", call = "unique(x, true, true)", on = { "x 3 4", "x 0 3", "x 60" },
    torch = "x.unique(return_inverse=True, return_counts=True)", plain = unique },
  { "unique", call = "unique(x, { return_counts = true })", on = { "x 9" }, torch = "x.unique(return_counts=True)",
    plain = function(x) return unique(x), (select(3, unique(x))) end },
  { "bincount", on = { "x 9", "x 0", "x 1" }, with = { x = { 0, 5 } }, types = "i64 i32 u8", torch = "x.bincount()",
    plain = bincount(0), fails = { ["bincount(calr.tensor({ 1, -2 }, 'i64'))"] = "is below 0" } },
  { "bincount", call = "bincount(x, nil, 8)", on = { "x 9" }, with = { x = { 0, 4 } }, types = "i64 i32 u8",
    torch = "x.bincount(minlength=8)", plain = bincount(8) },
  { "histc", call = "histc(x, 5, -1, 1)", on = { "x 3 9", "x 0", "x 1", "x 200" }, types = "float",
    torch = "x.histc(5, -1, 1)", plain = bins(5, -1, 1),
    fails = { ["histc(x, 0)"] = "bins must be at least 1", ["histc(x, 5, 2, 1)"] = "must not be above" } },
  { "histc", call = "histc(x, { bins = 4 })", on = { "x 50" }, types = "float", torch = "x.histc(4)",
    holds = function() end },
  { "searchsorted", call = "searchsorted(s, x)", on = { "s 7, x 3 4", "s 7, x 0", "s 7, x" }, with = ascending,
    torch = "torch.searchsorted(s, x)", plain = bounds(false),
    fails = { ["searchsorted(reshape(s, 1, 7), x)"] = "must be one list" } },
  { "searchsorted", call = "searchsorted(s, x, true)", on = { "s 7, x 12" }, with = ascending,
    torch = "torch.searchsorted(s, x, right=True)", plain = bounds(true) },
  { "bucketize", call = "bucketize(x, s)", on = { "x 3 4, s 7", "x, s 7" }, with = ascending,
    torch = "torch.bucketize(x, s)", plain = function(x, s) return bounds(false)(s, x) end },
  { "bucketize", call = "bucketize(x, s, { right = true })", on = { "x 9, s 7" }, with = ascending,
    torch = "torch.bucketize(x, s, right=True)", plain = function(x, s) return bounds(true)(s, x) end },
})

local weighted = { { "bincount", call = "bincount(i, x)", on = { "i 9, x 9", "i 0, x 0" },
    with = { i = { 0, 5, "i64" } },
  types = "f32 f64 bf16 i64 i32 u8", torch = false, plain = bincount(0),
  fails = { ["bincount(i, reshape(x, 3, 3))"] = "must have the length" } } }

table.move(plain, 1, #plain, #order + 1, order)
return table.move(weighted, 1, #weighted, #order + 1, order)
