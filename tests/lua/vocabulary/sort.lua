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
    bench = { "s 7, x 16", "s 7, x 64 2048" }, torch = "torch.searchsorted(s, x)", plain = bounds(false),
    fails = { ["searchsorted(reshape(s, 1, 7), x)"] = "must be one list" } },
  { "searchsorted", call = "searchsorted(s, x, true)", on = { "s 7, x 12" }, with = ascending,
    torch = "torch.searchsorted(s, x, right=True)", plain = bounds(true) },
  { "bucketize", call = "bucketize(x, s)", on = { "x 3 4, s 7", "x, s 7" }, with = ascending,
    bench = { "x 16, s 7", "x 64 2048, s 7" },
    torch = "torch.bucketize(x, s)", plain = function(x, s) return bounds(false)(s, x) end },
  { "bucketize", call = "bucketize(x, s, { right = true })", on = { "x 9, s 7" }, with = ascending,
    torch = "torch.bucketize(x, s, right=True)", plain = function(x, s) return bounds(true)(s, x) end },
})

-- ---- words in Lua ----

local function quantile(q)
  return function(list)
    local values = sorted(list)
    local at = q * (#values - 1)
    local low, high = values[math.floor(at) + 1], values[math.ceil(at) + 1]
    return low + (high - low) * (at - math.floor(at))
  end
end

local function differences(list)
  local out = {}
  for i = 2, #list do out[i - 1] = list[i] - list[i - 1] end
  return out
end

local function repeats(counts)
  return function(list)
    local out = {}
    for i, item in ipairs(list) do
      for _ = 1, type(counts) == "table" and counts[i] or counts do out[#out + 1] = item end
    end
    return out
  end
end

local function counted_between(edges)
  return function(x)
    local counts = {}
    for i = 1, #edges - 1 do counts[i] = 0 end
    for _, value in ipairs(flat(x)) do
      if value >= edges[1] and value <= edges[#edges] then
        local bin = math.min(bound(edges, value, true), #edges - 1)
        counts[bin] = counts[bin] + 1
      end
    end
    return counts, edges
  end
end

local in_lua = {
  { "quantile", call = "quantile(x, .3)", on = { "x 3 5", "x 1", "x", "x 4", { "x 0", fails = "has no items" } },
    with = distinct, types = "float", torch = "x.quantile(.3)",
    plain = function(x) return quantile(.3)(flat(x)) end,
    fails = { ["quantile(x, 1.5)"] = "q must be 0 to 1, not 1.5", ["quantile(x, .5, 3)"] = "no dimension 3",
      ["quantile(x, .5, 1, false, 'cubic')"] = "interpolation must be" } },
  { "quantile", call = "quantile(x, { 0, .25, 1 }, 2, true)", on = { "x 3 6", "x 2 1" }, with = distinct,
    types = "float", torch = "x.quantile(torch.tensor([0, .25, 1], dtype=x.dtype), 1, True)", plain = function(x)
      local out = {}
      for _, q in ipairs { 0, .25, 1 } do out[#out + 1] = along(x, 2, quantile(q)) end
      return out
    end },
  { "quantile", call = "quantile(x, .4, { dim = 1, interpolation = 'nearest' })", on = { "x 4 3" }, with = distinct,
    types = "float", torch = "x.quantile(.4, 0, interpolation='nearest')",
    plain = rows(function(list) return sorted(list)[2] end, 1) },
  { "quantile", call = "quantile(x, .4, 1, false, 'midpoint')", on = { "x 4 3" }, with = distinct, types = "float",
    torch = "x.quantile(.4, 0, interpolation='midpoint')",
    plain = rows(function(list) return (sorted(list)[2] + sorted(list)[3]) / 2 end, 1) },
  { "diff", on = { "x 3 5", "x 6", "x 1", "x 2 0" }, types = "number", torch = "x.diff()",
    plain = function(x) return along(x, type(x[1]) == "table" and 2 or 1, differences) end,
    fails = { ["diff(x, -1)"] = "n must be", ["diff(x, 1, 4)"] = "no dimension 4" } },
  { "diff", call = "diff(x, 2, 1)", on = { "x 4 3", "x 2 2" }, types = "number", torch = "x.diff(2, 0)",
    plain = rows(function(list) return differences(differences(list)) end, 1) },
  { "diff", call = "diff(x, 1, 1, before, after)", on = { "x 3, before 1, after 2" }, types = "number",
    torch = "x.diff(1, 0, before, after)", plain = function(x, before, after)
      return differences(table.move(after, 1, 2, 5, table.move(x, 1, 3, 2, before)))
    end },
  { "repeat_interleave", call = "repeat_interleave(x, 3)", on = { "x 2 3", "x 1", "x 0", "x" }, types = "any",
    torch = "x.repeat_interleave(3)", plain = function(x) return repeats(3)(flat(x)) end,
    fails = { ["repeat_interleave(x, -1)"] = "must be a whole number from 0",
      ["repeat_interleave(x, 1 << 62)"] = "more than can be counted",
      ["repeat_interleave(calr.tensor { 1, 2 }, calr.full({ 2 }, 1 << 61, 'i64'))"] = "more than can be counted",
      ["repeat_interleave(x, 1, 3)"] = "no dimension" } },
  { "repeat_interleave", call = "repeat_interleave(x, 2, 2)", on = { "x 2 3", "x 2 3 2" }, types = "any",
    torch = "x.repeat_interleave(2, 1)", plain = rows(repeats(2), 2) },
  { "repeat_interleave", call = "repeat_interleave(x, n, 1)", on = { "x 3 2, n 3" }, types = "any",
    with = { n = { values = { 2, 0, 3 }, [3] = "i64" } }, torch = "x.repeat_interleave(n, 0)",
    plain = function(x, n) return along(x, 1, repeats(n)) end },
  { "histogram", call = "histogram(x, 4, { -1, 1 })", on = { "x 3 9", "x 0", "x 1" }, types = "float", grad = false,
    torch = "x.histogram(4, range=(-1, 1))", plain = counted_between { -1, -.5, 0, .5, 1 },
    fails = { ["histogram(x, 0)"] = "at least 1", ["histogram(x, 2, { 1, -1 })"] = "from low to high" } },
  { "histogram", call = "histogram(x, 3)", on = { "x 30" }, types = "float", grad = false, torch = "x.histogram(3)",
    holds = function(variables, counts)
      local total = 0
      for _, count in ipairs(counts:totable()) do total = total + count end
      check.equal(total, variables.x:numel())
    end },
  { "histogram", call = "histogram(x, e, nil, w, true)", on = { "x 20, e 4, w 20" }, types = "float", grad = false,
    with = { e = { values = { -1.5, 0, .25, 2 } }, w = { 1, 2 } },
    torch = "torch.histogram(x, e, weight=w, density=True)", holds = function(_, density, edges)
      local area = 0
      for i = 1, 3 do area = area + density:get(i) * (edges:get(i + 1) - edges:get(i)) end
      check.near(area, 1, .01)
    end },
}

local weighted = { { "bincount", call = "bincount(i, x)", on = { "i 9, x 9", "i 0, x 0" },
    with = { i = { 0, 5, "i64" } },
  types = "f32 f64 bf16 i64 i32 u8", torch = false, plain = bincount(0),
  fails = { ["bincount(i, reshape(x, 3, 3))"] = "must have the length" } } }

table.move(plain, 1, #plain, #order + 1, order)
table.move(in_lua, 1, #in_lua, #order + 1, order)
return table.move(weighted, 1, #weighted, #order + 1, order)
