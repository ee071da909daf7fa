---@meta calr.ops
-- Made by `calr docs`; do not edit.

--- Operations with gradients. Each runs at once; when an input needs a gradient
--- (tensor:requires_grad), it is recorded, and calr.autograd.backward follows the record back.
---
--- All take and return f32 tensors. Arithmetic, relu, reverse_gradient and max_pool also work on
--- bf16, and give it (of a bf16 and an f32 tensor comes f32); avg_pool and gem make f32 of it. A
--- gradient has the type of its tensor. Those whose first argument is a tensor are methods of tensors
--- too: x:relu(). The operators + - * / ^ and unary minus work on tensors and numbers.
---@class calr.ops
local M = {}

--- a + b, element by element. One of the two may be a number. Shapes are aligned at their last
--- dimensions; a missing dimension, or one of length 1, is repeated: f32[64 x 10] + f32[10] adds
--- the row to each row.
---@param a any
---@param b any
---@return tensor
function M.add(a, b) end

--- a - b, as calr.ops.add.
---@param a any
---@param b any
---@return tensor
function M.sub(a, b) end

--- a * b element by element, as calr.ops.add.
---@param a any
---@param b any
---@return tensor
function M.mul(a, b) end

--- a / b element by element, as calr.ops.add.
---@param a any
---@param b any
---@return tensor
function M.div(a, b) end

--- -x
---@param x any
---@return tensor
function M.neg(x) end

--- max(0, x)
---@param x any
---@return tensor
function M.relu(x) end

---@param x any
---@return tensor
function M.exp(x) end

--- 1 / (1 + e^-x)
---@param x any
---@return tensor
function M.sigmoid(x) end

--- The natural logarithm.
---@param x any
---@return tensor
function M.log(x) end

---@param x any
---@return tensor
function M.sqrt(x) end

--- x to a power; also x ^ exponent.
---@param x any
---@param exponent any a number
---@return tensor
function M.pow(x, exponent) end

--- The sum of all elements (a single number), or along one dimension, which goes away. Added up in
--- double precision.
---@param x any
---@param dim any from 1; -1 is the last
---@return tensor
function M.sum(x, dim) end

--- The mean, as calr.ops.sum.
---@param x any
---@param dim any
---@return tensor
function M.mean(x, dim) end

--- Rows of the first dimension, in the order of `index`, with a gradient (tensor:rows is the same
--- without).
---@param x any
---@param index any i64[m], or i32[m], of row numbers from 0
---@return tensor # [m x ...]
function M.gather(x, index) end

--- Feature maps weighted by channel and added: y = sum over i of gates[i] maps[i], one number of a gate for each
--- image and channel (the aggregation of OSNet's streams: Zhou et al., ICCV 2019, eq. 4).
---@param maps any a list of 1 to 16 f32[n x h x w x c]
---@param gates any as many f32[n x c]
---@return tensor # f32[n x h x w x c]
function M.gated_sum(maps, gates) end

--- One after the other along a dimension; the others must agree.
---@param tensors any a list
---@param dim any from 1 (default); -1 is the last
---@return tensor
function M.concat(tensors, dim) end

--- The matrix product of f32[m x k] and f32[k x n], either transposed on the way if so told, times `scale`.
---@param a any
---@param b any
---@param options any
---@return tensor # [m x n]
function M.matmul(a, b, options) end

--- x w^T + bias.
---@param x any f32[n x in]
---@param w any f32[out x in]
---@param bias any f32[out]
---@return tensor # [n x out]
function M.linear(x, w, bias) end

--- Convolution of feature maps. With groups the channels of the input and of the output are cut into so many
--- parts, and part i of the output sees part i of the input only; groups = in = out is a depthwise convolution.
---@param x any f32[n x h x w x in]
---@param w any f32[out x in/groups x kh x kw], the order of torchvision's files
---@param options any
--- - `groups`: divides in and out
--- - `bias`: f32[out]
---@return tensor # [n x h' x w' x out], h' = (h + 2 padding - kh) / stride + 1, rounded down
function M.conv2d(x, w, options) end

--- Batch normalisation over all but the last dimension, with what often follows it fused in:
--- y = max(0, norm(x) gamma + beta + residual). In training the statistics are those of the batch,
--- and the running ones become (1 - momentum) running + momentum batch, with the unbiased variance,
--- as in PyTorch; otherwise the statistics are the running ones.
--- shape of x
---@param x any f32[n x c] or f32[n x h x w x c]
---@param gamma any f32[c], or nil for 1
---@param beta any f32[c], or nil for 0
---@param running_mean any f32[c], changed in place in training; both may be nil then
---@param running_var any f32[c]
---@param options any {training=false, momentum=.1, eps=1e-5, relu=false, residual=}; residual has the
---@return tensor # the shape of x
function M.batch_norm(x, gamma, beta, running_mean, running_var, options) end

--- Normalisation of every channel of every image by its own mean and variance, in training and
--- evaluation alike.
---@param x any f32[n x h x w x c]
---@param gamma any f32[c], or nil for 1
---@param beta any f32[c], or nil for 0
---@param options any
---@return tensor # the shape of x
function M.instance_norm(x, gamma, beta, options) end

--- The maximum of each window.
---@param x any f32[n x h x w x c]
---@param options any
---@return tensor # [n x h' x w' x c]
function M.max_pool(x, options) end

--- The mean of each channel over the whole map.
---@param x any f32[n x h x w x c]
---@return tensor # [n x c]
function M.avg_pool(x) end

--- Generalised mean of each channel over the whole map: (mean max(x, eps)^p)^(1/p). p = 1 is the
--- mean, large p the maximum. Radenovic, Tolias, Chum, arXiv 1711.02512.
---@param x any f32[n x h x w x c]
---@param p any f32[1], above 0; a parameter like any other
---@param options any
---@return tensor # [n x c]
function M.gem(x, p, options) end

--- Along the last dimension.
---@param x any
---@return tensor
function M.softmax(x) end

--- Along the last dimension.
---@param x any
---@return tensor
function M.log_softmax(x) end

--- x / max(|x|, eps) along the last dimension.
---@param x any
---@param options any
---@return tensor
function M.l2_normalize(x, options) end

--- The mean of -log softmax(logits)[label], weighted by the weight of the label's class; 0, with
--- gradient 0, when the weights of the batch sum to 0. Against a memory of centroids: logits =
--- matmul(f, M, {transpose_b=true}) / tau.
---@param logits any f32[n x classes]
---@param labels any i32[n] (or i64[n]) in 0 .. classes-1
---@param options any
--- - `weights`: f32[classes], 0 or more; no gradient
---@return tensor # a single number
function M.cross_entropy(logits, labels, options) end

--- Sets elements to 0 with probability p and divides the others by 1 - p; in evaluation, x itself.
--- Which elements depends on (seed, epoch, index) alone: give every call of a run an index of its
--- own.
---@param x any
---@param options any
---@return tensor
function M.dropout(x, options) end

--- x itself on the way forward; on the way back the gradient is multiplied by -alpha. What follows
--- learns to tell something (the camera, say), what comes before learns to hide it. Ganin and
--- Lempitsky, ICML 2015.
---@param x any
---@param alpha any 1 by default
---@return tensor
function M.reverse_gradient(x, alpha) end

return M
