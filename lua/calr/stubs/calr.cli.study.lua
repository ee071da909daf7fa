---@meta calr.cli.study
-- Made by `calr docs`; do not edit.

--- calr study SCRIPT.lua: runs a study, or goes on with it.
---@class calr.cli.study
local M = {}

---@param args any
---@return integer # exit status
function M.run(args) end

return M
