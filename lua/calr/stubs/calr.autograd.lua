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
---@param loss any a tensor of one element
function M.backward(loss) end

--- Calls fn(...) without recording: nothing computed inside needs a gradient, or keeps memory for
--- one. fn may not yield out of it. Also calr.no_grad.
---@param fn any
---@param ... any
---@return any # fn returns
function M.no_grad(fn, ...) end

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
--- must not be changed in place. Both run without recording.
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
