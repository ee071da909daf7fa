---@meta calr.memory.proxies
-- Made by `calr docs`; do not edit.

--- Camera proxies: a vector for each cluster and camera.
---@class calr.memory.proxies
local M = {}

---@class camera
local camera = {}

--- The weighted sum of the three terms. No gradient flows into the memory.
---@param features any f32[b x d] with a gradient
---@param labels any i32[b]
---@param cameras any i32[b]
---@return tensor # a single number
---@return table # the terms by name, each a tensor of a single number, not yet weighted; those of weight 0 are not computed
function camera:loss(features, labels, cameras) end

--- Moves every sample's own proxy towards it, in order; call it after the backward pass.
---@param features any f32[b x d]
---@param labels any i32[b]
---@param cameras any i32[b]
function camera:update(features, labels, cameras) end

--- What a checkpoint must keep; the memory's own tensors, not copies.
---@return table # name -> tensor
function camera:state() end

--- Takes back what state() gave. What does not fit is an error, and changes nothing.
---@param map any name -> tensor; copied
function camera:load_state(map) end

return M
