---@meta calr.nn
-- Made by `calr docs`; do not edit.

--- Layers. A layer is an object with :forward(x), which calling it does too; it owns named parameters (learned),
--- buffers (running statistics) and children, in the order in which they were added. Names join with dots and follow
--- torchvision's, so that a state is a flat table of name -> tensor that other programs can read.
---@class calr.nn
local M = {}

--- A class of layers of your own: local Mine = calr.nn.class "Mine"; function Mine:forward(x) ... end.
---@param name any
---@return table # with Mine as the metatable for calr.nn.new(Mine)
function M.class(name) end

--- An object of a class of layers, without parameters yet.
---@param class any
---@return layer
function M.new(class) end

--- Whether a layer promises that it keeps neither what it is given nor what it gives: by the field lets_go = true of
--- its class, or of its own, which is what counts for a layer with a forward function of its own.
---@param layer any
---@return boolean
function M.lets_go(layer) end

--- Closes a tensor that lies between two layers as soon as the second has used it, so that its memory serves again;
--- what a gradient needs of it is kept. Only when both classes promise, by the field lets_go = true, that they keep
--- neither what they are given nor what they give; layers of calr.nn do. A layer whose forward function was replaced
--- promises nothing any more, unless it says lets_go = true itself.
---@param x any what `from` gave and `to` was given
---@param result any what `to` made of it; when that is x itself, it stays
---@param from any
---@param to any
function M.release(x, result, from, to) end

--- One layer after the other; what lies between them is let go of as calr.nn.release says.
---@param x any
---@param layer any
---@param layer any
---@param ... any
---@return tensor
function M.chain(x, layer, layer, ...) end

--- The same layer, whose intermediate results are computed twice instead of kept (calr.autograd.checkpoint). It has no
--- parameters or state of its own: for use inside a forward function.
---@param layer any
---@return layer
function M.checkpointed(layer) end

--- Convolution without bias (a norm follows). weight is f32[outputs x inputs/groups x kernel x kernel]. groups must
--- divide inputs and outputs; groups = inputs = outputs is a depthwise convolution.
---@param inputs any
---@param outputs any
---@param options any
---@return layer # [n x h x w x inputs] -> [n x h' x w' x outputs]
function M.conv(inputs, outputs, options) end

--- Batch normalisation of the last dimension, for feature maps and for matrices. With relu=true a ReLU follows in the
--- same pass; forward(x, residual) adds the residual before it. bias=false fixes the bias at 0 (a "neck").
---@param channels any
---@param options any
---@return layer
function M.batch_norm(channels, options) end

--- IBN-a (Pan et al., ECCV 2018): instance norm on the first half of the channels, batch norm on the rest. Its
--- tensors are called IN.* and BN.*, as in the authors' weights.
---@param channels any
---@param options any
---@return layer
function M.ibn(channels, options) end

--- Normalises every channel of every image by itself, with learned scale and shift.
---@param channels any
---@param options any
---@return layer
function M.instance_norm(channels, options) end

---@param inputs any
---@param outputs any
---@param options any
---@return layer # [n x inputs] -> [n x outputs]; weight is f32[outputs x inputs]
function M.linear(inputs, outputs, options) end

---@param options any
---@return layer
function M.max_pool(options) end

--- Global average pooling.
---@return layer # [n x h x w x c] -> [n x c]
function M.avg_pool() end

--- Generalised mean pooling with a learned exponent (Radenovic et al., TPAMI 2018): (mean max(x, eps)^p)^(1/p).
---@param options any
---@return layer # [n x h x w x c] -> [n x c]
function M.gem(options) end

---@return layer
function M.relu() end

--- In training mode sets each number to 0 with probability p and scales the rest by 1/(1-p). What is dropped is a
--- matter of the seed and of how many forward passes there were, which is part of the layer's state: give two such
--- layers of one network two seeds.
---@param options any
---@return layer
function M.dropout(options) end

--- Layers one after the other; their names are 0, 1, 2, ... as in PyTorch.
---@param layer any
---@param layer any
---@param ... any
---@return layer
function M.sequential(layer, layer, ...) end

--- The camera classifier of the alignment: inputs-100-100-cameras, batch norm and ReLU after both hidden layers,
--- dropout after the first (Ganin and Lempitsky, ICML 2015).
---@param inputs any
---@param cameras any
---@param options any
---@return layer # [n x inputs] -> logits [n x cameras]
function M.domain_head(inputs, cameras, options) end

return M
