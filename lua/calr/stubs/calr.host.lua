---@meta calr.host
-- Made by `calr docs`; do not edit.

--- The terminal of the prompt; only the program calr has it. For lua/calr/shell/repl.lua.
---@class calr.host
local M = {}

--- Reads a line with editing (libedit) and history.
---@param prompt any
---@return string|nil # nil at the end of the input
function M.read_line(prompt) end

--- Remembers a line for the arrow keys.
---@param line any
function M.add_history(line) end

--- Reads the remembered lines of earlier sessions; a missing file is none.
---@param path any
function M.load_history(path) end

--- Writes the remembered lines.
---@param path any
---@return boolean # whether that went well
function M.save_history(path) end

--- Forgets a request to stop and catches the next.
function M.clear_interrupt() end

return M
