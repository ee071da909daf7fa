---@meta calr.cli.run
-- Made by `calr docs`; do not edit.

--- calr run SCRIPT.lua [key=value ...]: runs a script.
---@class calr.cli.run
local M = {}

---@param args any
---@return integer # exit status
function M.run(args) end

return M
