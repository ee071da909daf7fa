---@meta calr.cli.run
-- Made by `calr docs`; do not edit.

--- calr run SCRIPT.lua [key=value ...]: runs a script.
---@class calr.cli.run
local M = {}

--- Runs a script with what a command line said about it; runs that it opened are ended.
---@param fields any see calr.shell.launch; threads: how many (text)
---@return integer # exit status; 1 when trials of a study failed
function M.execute(fields) end

---@param args any
---@return integer # exit status
function M.run(args) end

return M
