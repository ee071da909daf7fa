---@meta calr.cli.info
-- Made by `calr docs`; do not edit.

--- calr info: versions, processor, libraries in use, threads, folders.
---@class calr.cli.info
local M = {}

---@param args any
---@return integer # exit status
function M.run(args) end

return M
