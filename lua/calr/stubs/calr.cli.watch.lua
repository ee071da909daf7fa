---@meta calr.cli.watch
-- Made by `calr docs`; do not edit.

--- calr watch DIR: a study while it runs.
---@class calr.cli.watch
local M = {}

---@param args any
---@return integer # exit status
function M.run(args) end

return M
