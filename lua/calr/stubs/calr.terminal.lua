---@meta calr.terminal
-- Made by `calr docs`; do not edit.

--- The terminal as a surface: its size, and keys as they are pressed.
---
---     local keys <close> = terminal.keys()
---     local key = keys:read(1)   -- nil after a second without one
---@class calr.terminal
local M = {}

--- The size of the terminal at fd (default 1). Where there is none, COLUMNS and LINES, or 80 x 24.
---@param fd any
---@return integer # columns
---@return integer # lines
function M.size(fd) end

--- Has the terminal at the standard input give every key at once and show none, until the value is
--- closed; a <close> variable. Ctrl-C is a key then ("\3") and stops nothing. An error where the
--- standard input is no terminal.
---@return keys
function M.keys() end

---@class keys
local keys = {}

--- Waits for a key; a request to stop ends the wait early.
---@param seconds any
---@return string|nil # what the keys pressed since the last call send; nil: none was pressed; "": the terminal has gone away
function keys:read(seconds) end

--- Gives the terminal back as it was; a second time does nothing.
function keys:close() end

return M
