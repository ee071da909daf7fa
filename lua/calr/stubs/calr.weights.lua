---@meta calr.weights
-- Made by `calr docs`; do not edit.

--- Weights that somebody else trained, put into a network: files of PyTorch (.pth, .pt) and safetensors.
---
--- Names are matched as they are, so the networks of calr.models carry the names of torchvision (ResNets), of the
--- authors of IBN-Net, and of torchreid (OSNet). A classifier in the file, and parts of the network that the file knows
--- nothing of (neck, pooling exponent), are passed over; anything else that does not fit is an error.
---@class calr.weights
local M = {}

--- Reads a file of weights: .safetensors by that ending, anything else as PyTorch's. The table of names is looked for
--- at the top and in the usual places; "module." and the like in front of all names go, and so do the counters of
--- PyTorch's batch norms (num_batches_tracked).
---@param path any
---@param options any
--- - `key`: the table that holds the weights, such as "state_dict" or "models/student"
--- - `strip`: text in front of all names, instead of the usual ones
---@return table # name -> tensor
---@return table # what was done: {key=, stripped={...}, counters=number}
function M.read(path, options) end

--- Whether a state fits a network, without changing it. A part of the network or of the file (conv1, layer1, fc: the
--- first word of a name) must fit as a whole or be absent as a whole. An error says what does not fit.
---@param net any
---@param state any
---@return table # {loaded = names in both, missing = names of the network only, unused = names of the file only}
function M.compare(net, state) end

--- Puts a file's weights into a network; nothing is changed when they do not fit.
---@param net any
---@param path any
---@param options any
---@return table # as calr.weights.compare
function M.load(net, path, options) end

return M
