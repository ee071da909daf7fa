---@meta calr.bench.frame.step
-- Made by `calr docs`; do not edit.

--- A training step on made-up images, as the benchmarks measure it: forward, the loss of a cluster memory, backward,
--- Adam, the memory's update.
---@class calr.bench.frame.step
local M = {}

--- The options that choose the work: network, batch, height, width, precision.
---@param more any further options, or other defaults
---@return table # for a benchmark's `options`
function M.options(more) end

---@param options any
---@return tensor # f32[batch x height x width x 3], normal numbers
function M.images(options) end

---@param options any network, precision; checkpoint: only the inputs of its blocks are kept for the way back
---@return layer
function M.network(options) end

--- A network and all that trains it.
---@param options any network, batch, height, width, precision, clusters (of the memory; default 1000)
---@return function # does one step
---@return layer # the network
---@return table # the parts of a step in order: {{name=, run=function}}
function M.make(options) end

--- From now on calr.meter notes the kernels of every layer under a number of its own.
---@param network any
---@return table # number -> {name=, layer=}, in the order of the network; 0 is all that belongs to no layer
function M.label(network) end

---@param options any
---@return string # "resnet50 256x128, batch 32"
function M.text(options) end

---@param events any
---@param field any
---@param pattern any only events whose kernel matches
---@return number # the sum of a field of what calr.meter.count noted
function M.total(events, field, pattern) end

return M
