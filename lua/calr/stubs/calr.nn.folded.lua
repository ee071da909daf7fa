---@meta calr.nn.folded
-- Made by `calr docs`; do not edit.

--- The inference form of a network: batch normalisation multiplied into the weights of the convolution before it, with
--- bias, residual and ReLU computed where the convolution's result still is. `layer:folded()` makes one.
---
--- Which convolution belongs to which normalisation is said by the class, in a list of names: a class whose forward
--- computes self.bn1(self.conv1(x)) declares
---
---     Mine.pairs = { { "conv1", "bn1" } }
---
--- which promises that what conv1 gives goes to bn1 and nowhere else. A third item, { "conv2", "bn2", true }, promises
--- that the residual bn2 is given is not looked at afterwards, so that the result may take its memory. Names may lead
--- to children of children ("conv3.bn"). Neighbours in a calr.nn.sequential are found without being declared. What is
--- not declared stays as it is: right, and slower.
---@class calr.nn.folded
local M = {}

--- What layer:folded() does.
---@param layer any
---@return layer
function M.make(layer) end

return M
