---@meta calr.memory.queues
-- Made by `calr docs`; do not edit.

--- A queue of keys.
---@class calr.memory.queues
local M = {}

---@class queue
local queue = {}

---@return integer # how many keys it holds
function queue:count() end

--- InfoNCE: cross-entropy of [feature . own key, feature . queue^T] / temperature with the own key. 0 while the queue
--- is empty. No gradient flows into keys or queue.
---@param features any f32[b x dim], unit rows with a gradient
---@param keys any f32[b x dim], unit rows: other views of the same images
---@return tensor # a single number
function queue:loss(features, keys) end

--- Puts the keys of a batch in the place of the oldest; call it after the backward pass. Of a batch larger than the
--- queue the last keys stay.
---@param keys any f32[b x dim]
function queue:push(keys) end

--- What a checkpoint must keep; the memory's own tensors, not copies.
---@return table # name -> tensor
function queue:state() end

--- Takes back what state() gave, of a queue of the same size. What does not fit is an error, and changes nothing.
---@param map any name -> tensor; copied
function queue:load_state(map) end

return M
