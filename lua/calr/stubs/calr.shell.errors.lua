---@meta calr.shell.errors
-- Made by `calr docs`; do not edit.

--- How a program ends: wrong usage, a wish to exit, an interrupt, an error of the script with the lines that
--- matter to its author.
---@class calr.shell.errors
local M = {}

--- Ends the program with a message and exit status 2: it was called wrongly.
---@param format any
---@param ... any
function M.usage(format, ...) end

--- Ends the program with a message and exit status 1, without a traceback: for what is not the script's fault.
---@param format any
---@param ... any
function M.fail(format, ...) end

--- Ends the program quietly. Runs that are open are finished; <close> variables are closed.
---@param status any
function M.exit(status) end

--- Unwinds the script without its being at fault: `reason` is "pruned" (a study gave the trial up), "fenced" (another
--- worker has taken it over) or "warned" (the machine is about to be taken away). Runs that are open end with the
--- status "pruned" or "interrupted".
---@param reason any
---@param status any
function M.leave(reason, status) end

---@param value any
---@return boolean # whether an error value is one of those above
function M.is_exit(value) end

--- A message handler for xpcall: turns an error value into text that starts with the user's line and ends with the
--- calls of the user's functions that led there. The environment variable CALR_TRACEBACK=full shows all of them.
--- Values of exit(), usage() and interrupts pass unchanged.
---@param value any
---@param level any
---@return string|any
function M.describe(value, level) end

--- Prints what an error value has to say to people, to stderr.
---@param value any
---@return integer # the exit status that goes with it
function M.status(value) end

return M
