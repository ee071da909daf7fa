--- @module calr.vocabulary.order
--- Words that are made of sorting, of index tensors and of differences.

local tensor = require "calr.tensor"
local dimension = require "calr.vocabulary.dimension"

local order = {}

local floats = { f32 = true, f64 = true, bf16 = true }

-- ---- quantile ----

-- Where the quantile lies between positions `lower` and `upper`, from 1, of n numbers in order, and how far.
local between = {
  linear = function(at) return math.floor(at), math.ceil(at), at - math.floor(at) end,
  lower = function(at) return math.floor(at), math.floor(at), 0 end,
  higher = function(at) return math.ceil(at), math.ceil(at), 0 end,
  midpoint = function(at) return math.floor(at), math.ceil(at), at == math.floor(at) and 0 or .5 end,
  nearest = function(at) -- to even between two, as PyTorch rounds
    local below = math.floor(at)
    local above = at - below > .5 or at - below == .5 and below % 2 == 1
    below = above and below + 1 or below
    return below, below, 0
  end,
}

local function one_quantile(sorted, q, dim, interpolation)
  local lower, upper, part = between[interpolation](q * (sorted:size(dim) - 1))
  local low = sorted:narrow(dim, math.tointeger(lower) + 1, 1)
  if part == 0 then return low end
  local high = sorted:narrow(dim, math.tointeger(upper) + 1, 1)
  return low + (high - low) * part
end

-- The quantiles wanted, as numbers, and whether they came as a list.
local function wanted(q)
  local list = tensor.is(q) and q:totable() or q
  local listed = type(list) == "table"
  if not listed then list = { list } end
  for _, value in ipairs(list) do
    if type(value) ~= "number" or not (value >= 0 and value <= 1) then
      error(("calr.quantile: q must be 0 to 1, not %s"):format(value), 3)
    end
  end
  return list, listed
end

--- calr.quantile(x, q [, dim, keepdim, interpolation])
--- The value below which the part q of the elements lies: 0 is the smallest, .5 the median, 1 the largest. NaN where
--- there is one.
--- @param x  tensor; f32, f64 or bf16
--- @param q  number, list of numbers, or tensor; 0 to 1. A list gives a first dimension with one item for each
--- @param dim  integer; from 1; left out: of all elements
--- @param keepdim  boolean; whether the dimension stays, with length 1
--- @param interpolation  "linear" (the default), "lower", "higher", "nearest" or "midpoint": what lies between two
--- @return tensor
function order.quantile(x, q, dim, keepdim, interpolation)
  interpolation = interpolation or "linear"
  if not tensor.is(x) or not floats[x:dtype()] then
    error(("calr.quantile: x must be f32, f64 or bf16, not %s"):format(tostring(x)), 2)
  end
  if not between[interpolation] then
    error(("calr.quantile: interpolation must be linear, lower, higher, nearest or midpoint, not %s"):format(
      tostring(interpolation)), 2)
  end
  local list, listed = wanted(q)
  local kept = x:dim()
  if dim == nil then x, dim = x:reshape(-1), 1 else dim = dimension("quantile", x, dim) end
  local n = x:size(dim)
  if n == 0 then error(("calr.quantile: dimension %d of %s has no items"):format(dim, x), 2) end
  local sorted = x:sort(dim)
  local last = sorted:narrow(dim, n, 1)
  local unknown, parts = last:isnan(), {}
  for i, value in ipairs(list) do
    local y = tensor.where(unknown, last, one_quantile(sorted, value, dim, interpolation))
    if not keepdim then
      y = y:squeeze(dim)
    elseif y:dim() < kept then
      local ones = {}
      for d = 1, kept do ones[d] = 1 end
      y = y:reshape(ones)
    end
    parts[i] = listed and y:unsqueeze(1) or y
  end
  return listed and tensor.cat(parts, 1) or parts[1]
end

-- ---- diff ----

--- calr.diff(x [, n, dim, prepend, append])
--- The differences of neighbours along a dimension: x[i + 1] - x[i].
--- @param x  tensor; of numbers
--- @param n  integer; how many times; 1 by default
--- @param dim  integer; from 1; the last by default
--- @param prepend  tensor; put before x first
--- @param append   tensor; put after it
--- @return tensor  n items shorter in that dimension
function order.diff(x, n, dim, prepend, append)
  if not tensor.is(x) or x:dtype() == "bool" or x:dtype() == "f16" then
    error(("calr.diff: x must be a tensor of numbers, not %s"):format(tostring(x)), 2)
  end
  n = n == nil and 1 or n
  if math.type(n) ~= "integer" or n < 0 then
    error(("calr.diff: n must be a whole number from 0, not %s"):format(tostring(n)), 2)
  end
  dim = dimension("diff", x, dim, x:dim())
  if prepend or append then
    local parts = { prepend or x }
    if prepend then parts[2] = x end
    parts[#parts + 1] = append
    x = tensor.cat(parts, dim)
  end
  for _ = 1, math.min(n, x:size(dim)) do -- then nothing is left
    local rest = math.max(0, x:size(dim) - 1)
    x = x:narrow(dim, math.min(2, x:size(dim) + 1), rest) - x:narrow(dim, 1, rest)
  end
  return x
end

-- ---- repeat_interleave ----

-- As many positions, from 0, as each number says, in order.
local function repeated(counts)
  if counts:to "f64":sum():item() >= 2 ^ 62 then
    error(("calr.repeat_interleave: %s repeats more than can be counted"):format(counts), 3)
  end
  local ends = counts:to "i64":cumsum(1)
  local total = #ends > 0 and ends:get(#ends) or 0
  -- A position is the number of items that have ended: those that end at it are marked there.
  return ends[ends:lt(total)]:bincount(nil, total):narrow(1, 1, total):cumsum(1)
end

--- calr.repeat_interleave(x, repeats [, dim])
--- Repeats every item of a dimension, one after the other: 1 2 becomes 1 1 2 2.
--- @param x  tensor
--- @param repeats  integer; or tensor i64[n], how often for each item
--- @param dim  integer; from 1; left out: of all elements, as one list
--- @return tensor
function order.repeat_interleave(x, repeats, dim)
  if not tensor.is(x) then error("calr.repeat_interleave: x must be a tensor, not " .. tostring(x), 2) end
  if dim == nil then x, dim = x:reshape(-1), 1 else dim = dimension("repeat_interleave", x, dim) end
  if tensor.is(repeats) then
    if repeats:dim() ~= 1 or repeats:size(1) ~= x:size(dim) or repeats:numel() > 0 and repeats:min():item() < 0 then
      error(("calr.repeat_interleave: repeats must be i64[%d], each 0 or more, not %s"):format(x:size(dim), repeats), 2)
    end
    return x:index_select(dim, repeated(repeats))
  end
  if math.type(repeats) ~= "integer" or repeats < 0 then
    error(("calr.repeat_interleave: repeats must be a whole number from 0, or a tensor, not %s"):format(
      tostring(repeats)), 2)
  end
  local shape = x:shape()
  if repeats > 0 and shape[dim] > math.maxinteger // repeats then
    error(("calr.repeat_interleave: %d items of %s, %d times each, are more than can be counted"):format(shape[dim], x,
      repeats), 2)
  end
  if x:dim() == 8 then return x:index_select(dim, tensor.arange(shape[dim] * repeats):floor_divide(repeats)) end
  table.insert(shape, dim + 1, repeats)
  return x:unsqueeze(dim + 1):expand(shape):flatten(dim, dim + 1)
end

return order
