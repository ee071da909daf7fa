--- @module calr.lab.export.program
--- What a network computes, for any number of images. Two recordings with different images, and different numbers of
--- them, are laid one upon the other: numbers of the arguments and lengths of dimensions that differ are multiples of
--- the number of images; constants must be the same in both.

local T = require "calr.tensor"
local record = require "calr.lab.export.record"
local rng = require "calr.rng"

local program = {}

local COUNTS = { 2, 3 } -- images of the two recordings; 1 would hide which dimensions are of length 1 anyway

local function fail(layer, text, ...) error(("%s cannot be exported: %s"):format(layer, text:format(...)), 0) end

local Multiple = {}

--- calr.lab.export.program.is_multiple(thing)
--- @return boolean  whether a number among the arguments is a multiple of the number of images: {times=}
function program.is_multiple(thing)
  return getmetatable(thing) == Multiple
end

local function batch_of(count, size, seed)
  local images = rng.open { seed = seed, purpose = "export" }:fill_normal(T.zeros { count, size.height, size.width, 3 })
  local numbers = {}
  for i = 1, count do numbers[i] = 0 end
  return { images = images, rows = T(numbers, "i64"), cameras = T(numbers, "i32") }
end

-- The nodes that the result depends on, in their order.
local function needed(recording)
  local wanted, list = {}, {}
  local function visit(thing)
    if record.is_value(thing) then
      if thing.unknown then
        fail(thing.layer, "it calls calr.%s, which has no counterpart among the operations of calr.export",
          thing.unknown)
      end
      if thing.node and not wanted[thing.node] then
        wanted[thing.node] = true
        visit(thing.node.raw)
      end
    elseif type(thing) == "table" then
      for _, item in pairs(thing) do visit(item) end
    end
  end
  visit(recording.result)
  for _, node in ipairs(recording.nodes) do
    if wanted[node] then list[#list + 1] = node end
  end
  return list
end

local function multiple(layer, a, b, what)
  if math.type(a) == "integer" and math.type(b) == "integer" and a % COUNTS[1] == 0 and b % COUNTS[2] == 0
    and a // COUNTS[1] == b // COUNTS[2] then
    return setmetatable({ times = a // COUNTS[1] }, Multiple)
  end
  fail(layer, "%s depends on the number of images in another way than as a multiple of it (%s for %d, %s for %d)", what,
    tostring(a), COUNTS[1], tostring(b), COUNTS[2])
end

-- Lengths of dimensions: value.shape for the first recording, value.batch[d] where one is a multiple.
local function merge_shapes(a, b)
  if a.batch then return end
  a.batch = {}
  if #a.shape ~= #b.shape then fail(a.layer, "the number of dimensions depends on the number of images") end
  for d, length in ipairs(a.shape) do
    if length ~= b.shape[d] then a.batch[d] = multiple(a.layer, length, b.shape[d], "the shape of a tensor").times end
  end
end

local function same_numbers(a, b)
  return a:dtype() == b:dtype() and table.concat(a:shape(), " ") == table.concat(b:shape(), " ")
    and a:contiguous():equal(b:contiguous())
end

local function merge_values(node, a, b)
  merge_shapes(a, b)
  if a.merged then return end
  a.merged = true
  if a.node or a.input then return end
  if not a.constant or not b.constant or not same_numbers(a.constant, b.constant) then
    fail(node.layer, "calr.%s is given a tensor that depends on the images or on their number, and was computed out of "
      .. "sight: call functions of tensors by their full name, calr.relu(x) or x:relu(), and not by local copies, and "
      .. "make no tensors of as many rows as there are images (x:expand does)", node.name)
  end
end

-- The arguments of the first recording; numbers that differ become multiples.
local function merge(node, a, b)
  if record.is_value(a) and record.is_value(b) then
    merge_values(node, a, b)
    return a
  end
  if type(a) == "table" and type(b) == "table" and not record.is_value(a) and not record.is_value(b) then
    local merged = {}
    for key, item in pairs(a) do merged[key] = merge(node, item, b[key]) end
    return merged
  end
  if a == b then return a end
  if type(a) == "number" and type(b) == "number" then
    return multiple(node.layer, a, b, ("an argument of calr.%s"):format(node.name))
  end
  fail(node.layer, "it calls calr.%s with other arguments when there are other images", node.name)
end

-- A result that depends on no input is a constant, unless it grows with the number of images.
local function settle(node, other)
  for i, value in pairs(node.outs) do
    local twin = other.outs[i]
    merge_shapes(value, twin)
    if not value.live then value.fixed = same_numbers(value.constant, twin.constant) end
  end
end

local function lay_upon(a, b)
  local first, second = needed(a), needed(b)
  for i = 1, math.max(#first, #second) do
    local x, y = first[i], second[i]
    if not x or not y or x.name ~= y.name then
      fail((x or y).layer, "it computes other things when there are other images (calr.%s)", (x or y).name)
    end
    x.given = merge(x, x.raw, y.raw)
    settle(x, y)
  end
  local kept = {}
  for _, node in ipairs(first) do
    local fixed = true
    for _, value in pairs(node.outs) do fixed = fixed and value.fixed end
    if not fixed then kept[#kept + 1] = node end
  end
  return kept
end

local function agree(a, b, tolerance)
  return a:is_finite() and b:is_finite() and (a - b):abs():max():item() <= tolerance
end

--- calr.lab.export.program.of(net, size)
--- @param net   a network; its weights count as they are now
--- @param size  {height=, width=} of the images
--- @return table  nodes: list of {name=, layer=, given= arguments, outs= values}, each of which is needed; result: the
---                value of the features; paths: names of layers by how messages call them. A value has shape, batch
---                (dimension -> how many times the number of images it is long) and, where it is a constant (`fixed`,
---                or without a node), `constant`; state tensors have a name
function program.of(net, size)
  local recordings = {}
  for i, count in ipairs(COUNTS) do recordings[i] = record.run(net, batch_of(count, size, i)) end
  local a, b = recordings[1], recordings[2]
  if not a.result.live then fail("the network", "its result does not depend on the images") end
  local nodes = lay_upon(a, b)
  local others = batch_of(COUNTS[2], size, 3)
  local _, features = record.run(net, others)
  if not features:is_finite() then
    error("the network's features are not finite: its training has diverged, or it has no weights", 0)
  end
  if not agree(record.replay(b, others), features, 1e-4) then
    fail("the network", "what was recorded of it gives other features than itself: does it change tensors in place of "
      .. "which it holds views?")
  end
  return { nodes = nodes, result = a.result, paths = a.paths }
end

return program
