---@meta calr.memory.instances
-- Made by `calr docs`; do not edit.

--- Memories with a vector for each image.
---@class calr.memory.instances
local M = {}

---@class instance
local instance = {}

--- Cross-entropy of features . vectors^T / temperature with the images' own vectors.
---@param features any f32[b x d] with a gradient
---@param rows any i64[b] (or i32): which images they are, from 0
---@return tensor # a single number
function instance:loss(features, rows) end

--- Moves the images' vectors towards their features; call it after the backward pass.
---@param features any f32[b x d]
---@param rows any i64[b] (or i32), from 0
function instance:update(features, rows) end

--- What a checkpoint must keep; the memory's own tensors, not copies.
---@return table # name -> tensor
function instance:state() end

--- Takes back what state() gave. What does not fit is an error, and changes nothing.
---@param map any name -> tensor; copied
function instance:load_state(map) end

---@class hybrid
local hybrid = {}

--- New clusters for the same vectors, as at the start of an epoch.
---@param labels any i32[n], -1 for outliers
function hybrid:relabel(labels) end

--- Cross-entropy of features . means^T / temperature with the classes of the images. No gradient flows into the
--- memory.
---@param features any f32[b x d] with a gradient
---@param rows any i64[b] (or i32): which images they are, from 0
---@return tensor # a single number
function hybrid:loss(features, rows) end

--- Moves the images' vectors towards their features, and the means of their classes with them; call it after the
--- backward pass.
---@param features any f32[b x d]
---@param rows any i64[b] (or i32), from 0
function hybrid:update(features, rows) end

--- What a checkpoint must keep; the memory's own tensors, not copies.
---@return table # name -> tensor
function hybrid:state() end

--- Takes back what state() gave. What does not fit is an error, and changes nothing.
---@param map any name -> tensor; copied
function hybrid:load_state(map) end

return M
