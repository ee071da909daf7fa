---@meta calr.autograd
-- Made by `calr docs`; do not edit.

--- Gradients. Operations on tensors that need a gradient are recorded as they run; backward(loss)
--- follows the record from a single number back to the tensors declared with requires_grad(true)
--- and adds the gradients there.
---@class calr.autograd
local M = {}

--- Follows a single number back to every tensor with requires_grad(true) it was computed from, and
--- adds the gradients there (tensor:grad()). The record is freed on the way, so it can be followed
--- once. A tensor that was changed in place since an operation saved it is an error that names
--- both. Also loss:backward().
---@param loss any a tensor of one element; with a gradient, of any shape
---@param gradient any of its shape: what is known of the gradient at this place
function M.backward(loss, gradient) end

--- Calls fn(...) without recording: nothing computed inside needs a gradient, or keeps memory for
--- one. fn may not yield out of it. Also calr.no_grad.
---@param fn any
---@param ... any
---@return any # fn returns
function M.no_grad(fn, ...) end

--- Calls fn(...) with recording, wherever it is called from, and as the second run of work that was
--- done before: batch norms in training leave their running statistics as they are. What
--- calr.autograd.checkpoint does on the way back.
---@param fn any
---@param ... any
---@return any # fn returns
function M.replay(fn, ...) end

--- fn(...), a function of tensors (and other values) that gives one tensor, without keeping what its
--- gradient needs: only its arguments are kept, and the backward pass runs it once more (Chen et
--- al., "Training deep nets with sublinear memory cost", arXiv 1604.06174). Gradients are the same
--- bits, of parameters that fn uses too, where its arguments are used nowhere else; otherwise their
--- gradients are added up in another order. The second run must do what the first did: batch norms
--- and dropout layers take care of it, other effects belong into calr.autograd.once. Without
--- recording it is fn(...).
---@param fn any function(...) -> tensor
---@param ... any its arguments; a tensor is given a gradient only as an argument, or as a parameter
---@return tensor
function M.checkpoint(fn, ...) end

--- Inside a function that calr.autograd.checkpoint runs twice: calls fn() in the first run only, and
--- returns the same value in the second. For random numbers and counters. Elsewhere it is fn().
---@param fn any function() -> value, not a tensor
---@return any
function M.once(fn) end

--- Outputs of batch norms are not kept for the backward pass but computed again there, at the price
--- of one pass, unless they are smaller than this: 8 MiB at first; 0: none is kept; math.maxinteger:
--- all are. Gradients are the same bits. For measurements: docs/performance.md.
---@param bytes any the new bound, for graphs recorded from now on
---@return integer # the bound before
function M.keep_below(bytes) end

--- Whether operations are recorded now (not inside no_grad).
---@return boolean
function M.recording() end

--- An operation with a gradient of your own. Returns a function: f(...) runs forward(ctx, ...), and
--- when a gradient is wanted, calr.autograd.backward later runs backward(ctx, dy). A loss built of
--- existing operations needs no such thing.
---
--- forward returns one tensor. Tensors that backward needs go through ctx:save(a, b, ...) and come
--- back from ctx:saved(), so that a change in place is noticed and memory is freed when it should
--- be; kept as fields of ctx, they may keep a graph alive for good. Other values may be fields of
--- ctx. backward returns one gradient for each argument of forward, of the argument's shape; nil
--- for an argument that is no tensor, and for a gradient of zeros. dy and what ctx:saved() gives
--- must not be changed in place; they may be closed. Both run without recording. With ctx.gives =
--- true backward says that nobody else holds the gradients it returns: the tape takes them over, and
--- they are closed.
---@param options any
--- - `name`: for messages; "op" by default
--- - `forward`: function(ctx, ...) -> tensor
--- - `backward`: function(ctx, dy) -> dx1, dx2, ...
---@return function
function M.op(options) end

---@class ctx
local ctx = {}

--- In forward of an operation: keeps tensors for backward. Called again, it adds to them.
---@param tensor any
---@param ... any
function ctx:save(tensor, ...) end

--- In backward of an operation: the tensors that forward saved, in that order.
---@return tensor # ...
function ctx:saved() end

---@class tensor
local tensor = {}

--- Declares that gradients with respect to this f32 tensor are wanted (true) or not (false).
--- Without an argument: whether it was so declared, or computed from tensors that were.
---@param wanted any
---@return tensor # itself; or a boolean
function tensor:requires_grad(wanted) end

--- The gradient that backward() has added up in a tensor declared with requires_grad(true); nil
--- when there is none. It is the gradient itself, not a copy: later backward() calls add to it.
---@return tensor
function tensor:grad() end

--- Drops the gradient.
---@return tensor # itself
function tensor:zero_grad() end

--- Replaces the gradient by a copy of a tensor of the same shape.
---@param gradient any
---@return tensor # itself
function tensor:set_grad(gradient) end

--- The same elements (shared memory) without the record of how they were computed.
---@return tensor
function tensor:detach() end

return M
