---@meta calr.shell.repl
-- Made by `calr docs`; do not edit.

--- The prompt: lines of Lua with history, results printed, Ctrl-C stops a computation and not the program.
---@class calr.shell.repl
local M = {}

--- A value as the prompt prints it: tables with their members, two levels deep.
---@param value any
---@return string
function M.show(value) end

--- Runs the prompt until the end of the input (Ctrl-D).
---@return integer # exit status
function M.run() end

return M
