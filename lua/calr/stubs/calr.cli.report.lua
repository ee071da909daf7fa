---@meta calr.cli.report
-- Made by `calr docs`; do not edit.

--- calr report DIR: a study or a run as one HTML file.
---@class calr.cli.report
local M = {}

---@param args any
---@return integer # exit status
function M.run(args) end

return M
