--- @module calr.vocabulary.shapes
--- Tensors in parts, as views, and what is put together from views.

local tensor = require "calr.tensor"
local dimension = require "calr.vocabulary.dimension"

local shapes = {}

-- Methods are looked up at each call, not kept in locals: an export replaces them to see which are called.

-- Parts of the lengths given along a dimension.
local function parts(x, lengths, dim)
  local list, first = {}, 1
  for i, length in ipairs(lengths) do
    list[i] = x:narrow(dim, first, length)
    first = first + length
  end
  return list
end

-- Parts of one length, but for the last one. An empty tensor is one part.
local function equal_parts(x, length, dim, total)
  local list, i = {}, 0
  for first = 1, total == 0 and 1 or total, length do
    i = i + 1
    list[i] = x:narrow(dim, first, length < total - first + 1 and length or total - first + 1)
  end
  return list
end

--- calr.split(x, split_size [, dim])
--- Cuts a tensor into parts along a dimension; views.
--- @param split_size  integer or table; the length of each part (the last one may be shorter), or a list of all lengths
--- @param dim         integer, 1 by default
--- @return table      list of tensors
function shapes.split(x, split_size, dim)
  dim = dimension("split", x, dim, 1)
  local total = x:size(dim)
  if type(split_size) == "table" then
    local sum = 0
    for _, length in ipairs(split_size) do sum = sum + length end
    if sum ~= total then
      local said = "split: the lengths add up to %d, and dimension %d of %s is %d long"
      error(said:format(sum, dim, tostring(x), total), 2)
    end
    return parts(x, split_size, dim)
  end
  if math.type(split_size) ~= "integer" or split_size < 1 then
    error(("split: split_size is an integer above 0, or a list of lengths, not %s"):format(tostring(split_size)), 2)
  end
  return equal_parts(x, split_size, dim, total)
end

--- calr.chunk(x, chunks [, dim])
--- Cuts a tensor into as many parts along a dimension, all but the last of one length; fewer where the dimension is too
--- short. Views.
--- @param chunks  integer
--- @param dim     integer, 1 by default
--- @return table  list of tensors
function shapes.chunk(x, chunks, dim)
  dim = dimension("chunk", x, dim, 1)
  if math.type(chunks) ~= "integer" or chunks < 1 then
    error(("chunk: chunks is an integer above 0, not %s"):format(tostring(chunks)), 2)
  end
  local total = x:size(dim)
  if total == 0 then
    local lengths = {}
    for i = 1, chunks do lengths[i] = 0 end
    return parts(x, lengths, dim)
  end
  return equal_parts(x, -(-total // chunks), dim, total)
end

--- calr.unbind(x [, dim])
--- The items of a dimension, without it; views. pairs(x) goes over those of the first one by one.
--- @param dim     integer, 1 by default
--- @return table  list of tensors
function shapes.unbind(x, dim)
  local list = {}
  dim = dimension("unbind", x, dim, 1)
  for i = 1, x:size(dim) do list[i] = x:select(dim, i) end
  return list
end

--- calr.meshgrid(tensors [, indexing])
--- The coordinates of a grid: for each of the vectors a tensor in the shape of the grid that repeats it along the other
--- dimensions. Views: to be read, not written.
--- @param tensors   list of vectors, or single numbers
--- @param indexing  string; "ij" (default): the first vector runs along the first dimension; "xy": along the second
--- @return table    list of tensors
function shapes.meshgrid(tensors, indexing)
  if indexing ~= nil and indexing ~= "ij" and indexing ~= "xy" then
    error(("meshgrid: indexing is \"ij\" or \"xy\", not %s"):format(tostring(indexing)), 2)
  end
  if type(tensors) ~= "table" or #tensors == 0 then error("meshgrid: a list of vectors is needed", 2) end
  local count, swaps, sizes = #tensors, indexing == "xy" and #tensors > 1, {}
  local function dim_of(i) return swaps and i <= 2 and 3 - i or i end
  for i, vector in ipairs(tensors) do
    if not tensor.is(vector) or vector:dim() > 1 then
      error(("meshgrid: item %d is %s, not a vector"):format(i, tostring(vector)), 2)
    end
    sizes[dim_of(i)] = vector:numel()
  end
  local list = {}
  for i, vector in ipairs(tensors) do
    local shape = {}
    for d = 1, count do shape[d] = d == dim_of(i) and vector:numel() or 1 end
    list[i] = vector:reshape(shape):expand(sizes)
  end
  return list
end

return shapes
