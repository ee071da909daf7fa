---@meta calr.options
-- Made by `calr docs`; do not edit.

--- The check of a table of options, for functions written in Lua.
---@class calr.options
local M = {}

--- Raises an error, at the line that called the function that checks, when a table has a key that is not among the
--- names; it says which was meant.
---@param what any the function, for the message: "calr.models.small"
---@param given any the table of options, or nil
---@param names any list of the names there are
---@param depth any 1 (default): check is called by the function itself; 2: by one that it calls
---@return table # the options; an empty table for nil
function M.check(what, given, names, depth) end

return M
