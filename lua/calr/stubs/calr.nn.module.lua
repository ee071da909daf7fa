---@meta calr.nn.module
-- Made by `calr docs`; do not edit.

--- The common part of all layers: named parameters and buffers, named children, training and evaluation mode. What it
--- offers is reached through calr.nn.
---@class calr.nn.module
local M = {}

---@class layer
local layer = {}

--- Gives a layer a learned tensor f32[shape], zero until layer:init is called.
---@param name any
---@param shape any
---@param initialise any function(tensor, rng) that fills it
---@return tensor
function layer:add_parameter(name, shape, initialise) end

--- Gives a layer a tensor that is saved with it but not learned.
---@param name any
---@param shape any
---@param value any
---@return tensor
function layer:add_buffer(name, shape, value) end

--- Gives a layer a child; its tensors are called name.THEIRS.
---@param name any
---@param child any
---@return layer # the child
function layer:add(name, child) end

--- What an optimiser takes. Frozen parameters (layer:freeze) are left out.
---@return table # list of {name=, tensor=}, in a fixed order
function layer:parameters() end

--- Keeps one of the layer's own parameters as it is: no gradient, not in layer:parameters().
---@param name any
---@return layer # itself
function layer:freeze(name) end

--- All parameters and buffers, for a checkpoint.
---@return table # name -> tensor, the live ones
function layer:state() end

--- Copies a state into the layer. Every name must be there with its shape, and no other: a state of another network is
--- refused as a whole, before anything is changed. bf16 is converted.
---@param state any name -> tensor
---@return layer # itself
function layer:load_state(state) end

--- Fills all parameters with fresh random numbers and resets the buffers. Each parameter draws from a stream of its own
--- name: what one layer gets does not depend on the others.
---@param seed any integer, default 0
---@return layer # itself
function layer:init(seed) end

--- Switches the layer and its children to training mode, or with false to evaluation mode.
---@param on any
---@return layer # itself
function layer:train(on) end

--- The inference form of a layer or network as it is now, in evaluation mode: batch normalisations are multiplied into
--- the convolutions before them, whose weights are kept in the order that the kernels want; bias, residual and ReLU are
--- added while a result is at hand. It gives what the layer gives, to rounding (a NaN may become 0 in a ReLU), has no
--- gradients and does not follow later changes of the weights: make a new one after training. calr.pipeline.features
--- does so. Which layers are folded in networks of your own: see calr.nn.folded.
---
---     local fast = net:folded()
---     calr.no_grad(function() features = fast(images) end)
---@return layer
function layer:folded() end

---@return integer # the number of learned numbers
function layer:size() end

return M
