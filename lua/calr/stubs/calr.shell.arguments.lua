---@meta calr.shell.arguments
-- Made by `calr docs`; do not edit.

--- The words of a command: flags, options with values, and the rest.
---@class calr.shell.arguments
local M = {}

--- Sorts a command's words. `--name value` and `--name=value` are the same; `--` ends the options.
---@param args any list of words
---@param options any flags = {["--quiet"] = "quiet"}, values = {["--out"] = "out"} (option -> name of the field), usage = the usage line for messages, at_most = how many other words there may be
---@return table # fields by name: true for a flag, the text for an option with a value
---@return table # the other words, in order; those after "--" are its field `rest` (a list), when there was one
function M.parse(args, options) end

--- An option that must be a whole number.
---@param fields any
---@param name any
---@param option any
---@param low any
---@param high any
---@return integer|nil # nil when it was not given
function M.integer(fields, name, option, low, high) end

return M
