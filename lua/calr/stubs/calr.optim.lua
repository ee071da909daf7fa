---@meta calr.optim
-- Made by `calr docs`; do not edit.

--- Optimisers over a list of parameters, and schedules of their learning rate.
---
--- Parameters are a list of {name=, tensor=}, as network:parameters() gives it. The gradients are those that
--- calr.autograd.backward has left there; a parameter without a gradient is passed over.
---@class calr.optim
local M = {}

---@class optimizer
local optimizer = {}

--- Changes every parameter that has a gradient, with the learning rate optimizer.lr.
function optimizer:step() end

--- Drops the gradients of all parameters.
function optimizer:zero_grad() end

--- What a checkpoint must keep besides the parameters: for each parameter that was stepped, tensors under
--- "PARAMETER.KIND" and its number of steps under "PARAMETER.steps" (i64[1]); the learning rate is not among them, a
--- schedule sets it. The tensors are the optimiser's own, not copies.
---@return table # name -> tensor
function optimizer:state() end

--- Takes back what state() gave, by names. A name that is missing, strange, or of another shape is an error that says
--- so, and changes nothing.
---@param map any name -> tensor; copied
function optimizer:load_state(map) end

--- Adam (Kingma and Ba, ICLR 2015) as torch.optim.Adam has it: weight decay is added to the gradient.
---@param params any list of {name=, tensor=}
---@param options any
---@return optimizer # with the field lr
function M.adam(params, options) end

--- Stochastic gradient descent as torch.optim.SGD has it.
---@param params any list of {name=, tensor=}
---@param options any
---@return optimizer # with the field lr
function M.sgd(params, options) end

--- Multiplies the learning rate by `factor` every `every` epochs.
---@param optimizer any
---@param options any
---@return schedule
function M.step_schedule(optimizer, options) end

---@class schedule
local schedule = {}

--- Sets the learning rate of epoch e, counted from 0: the rate the optimiser had when the schedule was made, times
--- factor^floor(e / every). It depends on e alone, so a resumed run sets what the interrupted one had.
---@param e any
---@return number # the learning rate
function schedule:epoch(e) end

return M
