--- @module calr.memory.queues
--- A queue of keys.

local batch = require "calr.memory.batch"
local check_options = require "calr.options".check
local state = require "calr.memory.state"
local T = require "calr.tensor"

local queues = {}

local Queue = { needs = { "keys" }, takes = { "weights" } }
Queue.__index = Queue

local names = { "vectors", "cursor", "filled" }

--- calr.memory.queue{size=, dim=, temperature=.07}
--- The queue of MoCo (He et al., CVPR 2020): the keys of the last batches, from a slowly moving copy of the network,
--- are the negatives. The oldest keys go first.
---
--- A queue outlives an epoch: make it before the loop, and let checkpoints keep it.
---
---     local queue = calr.memory.queue { size = 4096, dim = net.dim }
---     for _, step in calr.pipeline.epochs(net, data, cfg, { keep = { queue = queue } }) do
---       step:train(queue, { teacher = { momentum = 0.999 } })
---     end
--- @param size         keys it holds
--- @param dim          numbers of a key
--- @param temperature  divides the similarities
--- @return memory  with .vectors (f32[size x dim]), queue:count(), queue:loss(features, batch),
---   queue:update(features, batch), queue:push(keys), queue:state(), queue:load_state(map)
function queues.queue(options)
  options = check_options("calr.memory.queue", options, { "size", "dim", "temperature" })
  for _, name in ipairs { "size", "dim" } do
    local value = options[name]
    if math.type(value) ~= "integer" or value < 1 then
      error(("%s must be an integer of at least 1, not %s"):format(name, tostring(value)), 2)
    end
  end
  return setmetatable({
    temperature = state.number("temperature", options.temperature or 0.07, 0),
    vectors = T.zeros { options.size, options.dim },
    cursor = T.zeros({ 1 }, "i64"), -- rows before it are newer than those from it on
    filled = T.zeros({ 1 }, "i64"),
  }, Queue)
end

--- queue:count()
--- @return integer  how many keys it holds
function Queue:count()
  return math.tointeger(self.filled:get(1))
end

--- queue:loss(features, batch)
--- InfoNCE: cross-entropy of [feature . own key, feature . queue^T] / temperature with the own key. 0 while the queue
--- is empty. No gradient flows into keys or queue.
--- @param features  f32[b x dim], unit rows with a gradient
--- @param batch     {keys=, weights=}: f32[b x dim], unit rows: other views of the same images; and f32[b] where there
---   are any
--- @return tensor  a single number
function Queue:loss(features, given)
  batch.check("calr.memory.queue", given, "keys")
  local size = features:size(1)
  local logits = (features * given.keys:detach()):sum(2):reshape { size, 1 }
  if self:count() > 0 then
    local negatives = T.matmul(features, self.vectors:narrow(1, 1, self:count()), { transpose_b = true })
    logits = T.cat({ logits, negatives }, 2)
  end
  return batch.cross_entropy(logits * (1 / self.temperature), T.zeros({ size }, "i32"), given)
end

--- queue:update(features, batch)
--- Puts the keys of a batch into the queue: queue:push(batch.keys). Call it after the backward pass.
--- @param features  not looked at
--- @param batch     {keys=}: f32[b x dim]
function Queue:update(_, given)
  batch.check("calr.memory.queue", given, "keys")
  self:push(given.keys)
end

--- queue:push(keys)
--- Replaces the oldest keys with those of a batch; call it after the backward pass. From a batch larger than the
--- queue the last keys stay.
--- @param keys  f32[b x dim]
function Queue:push(keys)
  local size, count = self.vectors:size(1), keys:size(1)
  keys = keys:detach()
  if count > size then
    keys, count = keys:narrow(1, count - size + 1, size), size
  end
  local at = math.tointeger(self.cursor:get(1))
  self.vectors:index_copy_(1, T.arange(at, at + count) % size, keys)
  self.cursor:set(1, (at + count) % size)
  self.filled:set(1, math.min(size, self:count() + count))
end

--- queue:state()
--- What a checkpoint must keep; the memory's own tensors, not copies.
--- @return table  name -> tensor
function Queue:state()
  return state.save(self, names)
end

--- queue:load_state(map)
--- Takes back what state() gave, of a queue of the same size. What does not fit is an error, and changes nothing.
--- @param map  name -> tensor; copied
function Queue:load_state(map)
  if T.is(map.vectors) and map.vectors:size(1) ~= self.vectors:size(1) then
    error(("the state is of a queue of %d keys, this one holds %d"):format(map.vectors:size(1),
      self.vectors:size(1)), 2)
  end
  state.load(self, names, map)
end

local counted = require("calr.options").counted
counted("queue:", Queue)
return (counted("calr.memory.", queues))
