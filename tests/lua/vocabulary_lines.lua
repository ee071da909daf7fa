-- Plain references that work along a dimension of nested tables.
local lines = {}

-- The elements of nested tables, in order.
function lines.flat(x, out)
  out = out or {}
  if type(x) ~= "table" then
    out[#out + 1] = x
  else
    for _, item in ipairs(x) do lines.flat(item, out) end
  end
  return out
end

-- The lengths of nested tables.
function lines.shape(x)
  local shape = {}
  while type(x) == "table" do
    shape[#shape + 1] = #x
    x = x[1]
  end
  return shape
end

-- fn of every line along dimension `dim` of nested tables; each of its results, a number or a list that takes the place
-- of the line, makes a list of elements in order.
function lines.along(x, dim, fn)
  local shape, all, outer, inner = lines.shape(x), lines.flat(x), 1, 1
  for d, size in ipairs(shape) do
    if d < dim then outer = outer * size elseif d > dim then inner = inner * size end
  end
  local n, out = shape[dim] or 0, { {}, {} }
  for o = 0, #all > 0 and outer - 1 or -1 do
    for i = 1, inner do
      local line = {}
      for k = 1, n do line[k] = all[(o * n + k - 1) * inner + i] end
      for r, value in ipairs { fn(line) } do
        if type(value) ~= "table" then value = { value } end
        for k, item in ipairs(value) do out[r][(o * #value + k - 1) * inner + i] = item end
      end
    end
  end
  return table.unpack(out)
end

-- A copy of nested tables.
function lines.copy(x)
  if type(x) ~= "table" then return x end
  local out = {}
  for i, item in ipairs(x) do out[i] = lines.copy(item) end
  return out
end

-- a stands before b among numbers of which NaN is the largest.
local function before(a, b)
  return a < b or (a == a and b ~= b)
end

-- The numbers of a list in order, and the positions, from 0, that they had; equal ones keep their order.
function lines.sorted(list, descending)
  local order, values, positions = {}, {}, {}
  for i = 1, #list do order[i] = i end
  table.sort(order, function(i, j)
    local a, b = list[i], list[j]
    if descending then a, b = b, a end
    if before(a, b) then return true end
    return not before(b, a) and i < j
  end)
  for i, at in ipairs(order) do values[i], positions[i] = list[at], at - 1 end
  return values, positions
end

return lines
