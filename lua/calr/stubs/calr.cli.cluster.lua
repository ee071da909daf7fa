---@meta calr.cli.cluster
-- Made by `calr docs`; do not edit.

--- calr cluster FEATURES.npy: clusters features of one's own.
---@class calr.cli.cluster
local M = {}

---@param args any
---@return integer # exit status
function M.run(args) end

return M
