---@meta calr.report.runs
-- Made by `calr docs`; do not edit.

--- A folder of runs as a view of the shape that calr.study.view gives: runs with one configuration but different seeds
--- are a row, runs are trials.
---@class calr.report.runs
local M = {}

---@param folder any
---@return table|nil # nil when there are no runs in the folder
function M.view(folder) end

return M
