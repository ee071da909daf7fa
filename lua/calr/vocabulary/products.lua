--- @module calr.vocabulary.products
--- Products that are made of calr.matmul, and solutions that are made of calr.pinverse.

local tensor = require "calr.tensor"

local products = {}

local takes = { f32 = true, f64 = true, bf16 = true }

-- Raises an error unless all are tensors of a type that can be multiplied.
local function check_types(name, types, ...)
  for i, x in ipairs { ... } do
    if not tensor.is(x) or not types[x:dtype()] then
      error(("calr.%s: %s must be a tensor in f32, f64%s, not %s"):format(name, i == 1 and "a" or "b",
        types.bf16 and " or bf16" or "", tostring(x)), 3)
    end
  end
end

--- calr.outer(a, b)
--- The product of every number of one vector with every number of another.
--- @param a  f32[m], or f64 or bf16
--- @param b  f32[n]
--- @return tensor  [m x n]
function products.outer(a, b)
  check_types("outer", takes, a, b)
  for i, x in ipairs { a, b } do
    if x:dim() ~= 1 then
      error(("calr.outer: %s must be a vector, not %s"):format(i == 1 and "a" or "b", tostring(x)), 2)
    end
  end
  return tensor.matmul(a:unsqueeze(2), b:unsqueeze(1))
end

--- calr.lstsq(a, b [, rcond])
--- The x for which |a x - b| is least, and among several the shortest: pinverse(a, rcond) b. The first result of
--- torch.linalg.lstsq.
--- @param a  f32[... x m x n], or f64
--- @param b  [... x m x k], or one vector [m]
--- @param rcond  number; as for calr.pinverse
--- @return tensor  [... x n x k], or [n]
function products.lstsq(a, b, rcond)
  check_types("lstsq", { f32 = true, f64 = true }, a, b)
  return tensor.matmul(tensor.pinverse(a, rcond), b)
end

-- ---- tensordot ----

-- The dimensions to sum over, for each operand: from 1, checked.
local function contracted(a, b, dims)
  if math.type(dims) == "integer" then
    local left, right = {}, {}
    if dims < 0 or dims > a:dim() or dims > b:dim() then
      error(("calr.tensordot: %s and %s have no %d dimensions to sum over"):format(a, b, dims), 3)
    end
    for i = 1, dims do left[i], right[i] = a:dim() - dims + i, i end
    return { left, right }
  end
  if type(dims) ~= "table" or type(dims[1]) ~= "table" or type(dims[2]) ~= "table" or #dims[1] ~= #dims[2] then
    error("calr.tensordot: dims must be a number, or two lists of the same length, such as {{2}, {1}}", 3)
  end
  local lists = { {}, {} }
  for side, x in ipairs { a, b } do
    local seen = {}
    for i, dim in ipairs(dims[side]) do
      local from_first = math.type(dim) == "integer" and (dim < 0 and dim + x:dim() + 1 or dim) or 0
      if from_first < 1 or from_first > x:dim() or seen[from_first] then
        error(("calr.tensordot: %s has no dimension %s, or it is named twice"):format(x, dim), 3)
      end
      lists[side][i], seen[from_first] = from_first, true
    end
  end
  return lists
end

-- The dimensions of x that are not in `list`, and their lengths.
local function others(x, list)
  local listed, dims, sizes = {}, {}, {}
  for _, dim in ipairs(list) do listed[dim] = true end
  for dim = 1, x:dim() do
    if not listed[dim] then
      dims[#dims + 1] = dim
      sizes[#sizes + 1] = x:size(dim)
    end
  end
  return dims, sizes
end

local function joined(a, b)
  return table.move(b, 1, #b, #a + 1, table.move(a, 1, #a, 1, {}))
end

local function product_of(sizes)
  local product = 1
  for _, size in ipairs(sizes) do product = product * size end
  return product
end

local function sizes_of(x, dims)
  local sizes = {}
  for i, dim in ipairs(dims) do sizes[i] = x:size(dim) end
  return sizes
end

local function permuted(x, dims)
  return x:dim() > 1 and x:permute(dims) or x
end

--- calr.tensordot(a, b [, dims])
--- Sums products over some dimensions of both: the others of a come first, then those of b.
--- @param a  tensor, f32, f64 or bf16
--- @param b  tensor
--- @param dims  integer or table; how many: the last of a and the first of b (2); or two lists, {{2, 3}, {1, 2}}, of
---   those that belong together
--- @return tensor
function products.tensordot(a, b, dims)
  check_types("tensordot", takes, a, b)
  local lists = contracted(a, b, dims == nil and 2 or dims)
  for i, dim in ipairs(lists[1]) do
    if a:size(dim) ~= b:size(lists[2][i]) then
      error(("calr.tensordot: dimension %d of %s and dimension %d of %s differ"):format(dim, a, lists[2][i], b), 2)
    end
  end
  local left, left_sizes = others(a, lists[1])
  local right, right_sizes = others(b, lists[2])
  local inner = product_of(sizes_of(a, lists[1]))
  local x = permuted(a, joined(left, lists[1])):reshape(product_of(left_sizes), inner)
  local y = permuted(b, joined(lists[2], right)):reshape(inner, product_of(right_sizes))
  return tensor.matmul(x, y):reshape(joined(left_sizes, right_sizes))
end

return products
