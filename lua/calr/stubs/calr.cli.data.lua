---@meta calr.cli.data
-- Made by `calr docs`; do not edit.

--- calr data import|info|make: data sets in files.
---@class calr.cli.data
local M = {}

---@param args any the words after `calr data`
---@return integer # exit status
function M.run(args) end

return M
