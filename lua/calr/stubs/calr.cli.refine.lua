---@meta calr.cli.refine
-- Made by `calr docs`; do not edit.

--- calr refine SNAPSHOT RULE ...: what refinement rules do to the clusters of a training run.
---@class calr.cli.refine
local M = {}

---@param args any
---@return integer # exit status; 1 when a rule failed
function M.run(args) end

return M
