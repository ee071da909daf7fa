---@meta calr.memory.state
-- Made by `calr docs`; do not edit.

--- What memories share: checked settings, and state for checkpoints.
---@class calr.memory.state
local M = {}

--- A setting of a memory: a number of low .. high (low itself is out when it is 0 and high is nil). An error of the
--- caller's caller otherwise.
---@param what any its name, for the message
---@param value any what was given
---@param low any the least
---@param high any the most; nil: there is none, and the number is above `low`
---@return number
function M.number(what, value, low, high) end

--- The tensors of a memory, by name; its own, not copies.
---@param memory any a table
---@param names any list of fields that are tensors; those that are nil are left out
---@return table # name -> tensor
function M.save(memory, names) end

--- Takes back what save gave, as copies. A name that is missing or strange, or a tensor of another type or another
--- number of dimensions or columns than the memory's, is an error that says so, and changes nothing.
---@param memory any a table
---@param names any list of fields
---@param map any name -> tensor
function M.load(memory, names, map) end

return M
