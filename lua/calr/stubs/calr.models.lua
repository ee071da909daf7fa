---@meta calr.models
-- Made by `calr docs`; do not edit.

--- Networks for re-identification: a residual backbone, pooling, a BatchNorm neck, L2 normalisation. Called with images
--- f32[n x h x w x 3] a network gives unit features f32[n x dim].
---
--- Names of parameters are torchvision's (conv1.weight, layer1.0.bn2.running_var, ...), so that weights can be matched;
--- the pooling exponent is pool.p and the neck is neck.*.
---@class calr.models
local M = {}

---@class network
local network = {}

--- The feature maps before pooling.
---@param images any
---@return tensor # [n x h' x w' x channels], f32 or bf16 as the network's .precision says
function network:maps(images) end

---@param options any
--- - `pooling`: "gem" or "average"
--- - `last_stride`: 1 (re-identification) or 2 (as trained on ImageNet)
--- - `ibn`: instance norm on half of the channels (IBN-a) in stages 1-3
--- - `checkpoint`: true or "blocks": each residual block keeps its input only and runs once more on the way back; less memory, more time, the same gradients
--- - `seed`: of the random weights
--- - `init`: false: the weights stay zero, for who loads others
--- - `precision`: "f32", or "bf16": feature maps and their gradients are kept in bf16, half the memory; weights, statistics, sums, and all from the pooling on stay f32
---@return layer # with .dim = 512
function M.resnet18(options) end

--- Options as calr.models.resnet18.
---@param options any
---@return layer # with .dim = 512
function M.resnet34(options) end

--- Options as calr.models.resnet18.
---@param options any
---@return layer # with .dim = 2048
function M.resnet50(options) end

--- Options as calr.models.resnet18.
---@param options any
---@return layer # with .dim = 2048
function M.resnet101(options) end

--- Options as calr.models.resnet18.
---@param options any
---@return layer # with .dim = 2048
function M.resnet152(options) end

--- A residual network for experiments on a CPU and images of about 64x32: a 3x3 stem of stride 2 and three stages of
--- one basic block with width, 2 width and 4 width channels.
---@param options any
---@return layer # with .dim = 4 width
function M.small(options) end

--- OSNet (Zhou et al., ICCV 2019), a small network made for re-identification; tensors are named as in torchreid. For
--- the network= of configurations its widths have names, too: osnet_x1_0, osnet_x0_75, osnet_x0_5, osnet_x0_25.
---@param options any
--- - `width`: 1, 0.75, 0.5 or 0.25: of all layers
--- - `features`: what the fully connected layer after the pooling gives; false: no such layer
--- - `pooling`: "gem" or "average" (the authors')
--- - `ibn`: the authors' variant with instance norm in the stem and the first stage
--- - `seed`: of the random weights
--- - `init`: false: the weights stay zero, for who loads others
--- - `checkpoint,`: precision  as in calr.models.resnet18
---@return layer # with .dim = features, or the channels of the last stage (512 width)
function M.osnet(options) end

--- calr.models.osnet{width=1}, with its other options.
---@param options any
---@return layer
function M.osnet_x1_0(options) end

--- calr.models.osnet{width=0.75}, with its other options.
---@param options any
---@return layer
function M.osnet_x0_75(options) end

--- calr.models.osnet{width=0.5}, with its other options.
---@param options any
---@return layer
function M.osnet_x0_5(options) end

--- calr.models.osnet{width=0.25}, with its other options.
---@param options any
---@return layer
function M.osnet_x0_25(options) end

---@return table # the names that calr.models.make knows, sorted
function M.names() end

--- A network by its name, as configurations give it.
---@param name any
---@param options any
---@return layer
function M.make(name, options) end

return M
