---@meta calr.models.osnet
-- Made by `calr docs`; do not edit.

--- OSNet: omni-scale features by streams of light convolutions whose channels are weighted by the image (Zhou, Yang,
--- Cavallaro, Xiang, "Omni-scale feature learning for person re-identification", ICCV 2019, arXiv 1905.00953).
---
--- Names of tensors are those of the authors' torchreid (conv2.0.conv2b.1.conv2.weight, conv3.1.gate.fc1.bias,
--- fc.0.weight, ...), so that its weights load; the pooling exponent is pool.p and the neck is neck.*. Reached as
--- calr.models.osnet.
---@class calr.models.osnet
local M = {}

return M
