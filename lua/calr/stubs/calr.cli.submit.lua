---@meta calr.cli.submit
-- Made by `calr docs`; do not edit.

--- calr submit DIR --slurm: workers of a study as jobs of a cluster.
---@class calr.cli.submit
local M = {}

---@param args any
---@return integer # exit status
function M.run(args) end

return M
