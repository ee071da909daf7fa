--- @module calr.memory.batch
--- What memories are asked with: the table `batch` of memory:loss(features, batch) and memory:update(features, batch),
--- and the cross-entropy that they share.

local T = require "calr.tensor"
local form = require "calr.form"

local batch = {}

local state = require "calr.memory.state"
local suggest = require "calr.options".suggest

--- calr.memory.batch.fields
--- What a batch may hold, in the order of the documentation: see calr.memory.
batch.fields = { "rows", "labels", "cameras", "images", "views", "keys", "weights", "targets", "features",
  "parts" }

local known = {}
for _, name in ipairs(batch.fields) do known[name] = true end

-- A field that no batch has is a slip of the pen, or a script that takes the batch for a tensor of labels.
local guard = {
  __index = function(_, name)
    if known[name] then return nil end
    error(("a batch has no field \"%s\"%s; it is a table with %s"):format(tostring(name),
      suggest(name, batch.fields), table.concat(batch.fields, ", ")), 2)
  end,
}

--- calr.memory.batch.new(fields)
--- A batch: the table itself, in which to ask for a field that no batch has is an error from now on.
--- @param fields  rows, labels and others, see calr.memory
--- @return table
function batch.new(fields)
  return setmetatable(fields, guard)
end

--- calr.memory.batch.check(what, given, ...)
--- Raises an error, at the line that called the memory, unless `given` is a batch with these fields.
--- @param what  the memory, for the message: "calr.memory.cluster"
--- @param ...   names of fields
function batch.check(what, given, ...)
  local wanted = { ... }
  if type(given) ~= "table" then
    local fields = {}
    for i, name in ipairs(wanted) do fields[i] = ("%s = %s"):format(name, name) end
    error(("%s takes a batch, a table such as { %s }, not %s"):format(what, table.concat(fields, ", "),
      T.is(given) and "a tensor: " .. form.text(given) or tostring(given)), 3)
  end
  for _, name in ipairs(wanted) do
    if given[name] == nil then error(("%s: the batch has no \"%s\""):format(what, name), 3) end
  end
end

local function soft_cross_entropy(logits, given, weights)
  local images, classes = logits:size(1), logits:size(2)
  if not form.is(given.targets, "f32", images, classes) then
    error(("targets must be f32[%d x %d], a share of each class for each image, not %s"):format(images, classes,
      form.text(given.targets)), 4)
  end
  local mass = given.targets
  if weights then mass = mass * weights end
  if given.weights then mass = mass * given.weights:reshape { -1, 1 } end
  local total = mass:sum():item()
  if total == 0 then return logits:sum() * 0 end
  return (logits:log_softmax() * mass):sum() * (-1 / total)
end

--- calr.memory.batch.cross_entropy(logits, classes, batch [, weights])
--- The cross-entropy of a batch, with its weights and soft targets where it has any. Reached as
--- calr.memory.cross_entropy, where it is described.
--- @return tensor  a single number
function batch.cross_entropy(logits, classes, given, weights)
  state.tensors("calr.memory.cross_entropy", { logits = logits, classes = classes }, { "logits", "classes" })
  if type(given) ~= "table" then
    error(("calr.memory.cross_entropy wants the batch, as memory:loss(features, batch) is given it, not a %s"):format(
      type(given)), 2)
  end
  if given.targets then return soft_cross_entropy(logits, given, weights) end
  return T.cross_entropy(logits, classes, { weights = weights, row_weights = given.weights })
end

return (require("calr.options").counted("calr.memory.", batch))
