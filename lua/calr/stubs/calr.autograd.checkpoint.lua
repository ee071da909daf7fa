---@meta calr.autograd.checkpoint
-- Made by `calr docs`; do not edit.

--- The Lua half of calr.autograd: functions whose intermediate results are computed twice instead of kept. Reached as
--- calr.autograd.checkpoint and calr.autograd.once.
---@class calr.autograd.checkpoint
local M = {}

--- See calr.autograd.once.
---@param fn any
---@return any
function M.once(fn) end

--- See calr.autograd.checkpoint.
---@param fn any
---@param ... any
---@return tensor
function M.run(fn, ...) end

return M
