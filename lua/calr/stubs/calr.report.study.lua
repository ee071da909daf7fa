---@meta calr.report.study
-- Made by `calr docs`; do not edit.

--- The data of a study's report, from a view of it (calr.study.view, or calr.report.runs for a folder of runs).
---@class calr.report.study
local M = {}

---@param view any
---@param options any
--- - `versus`: label of the row that the others are compared with; default: the first
---@return table # what calr.report.page takes
function M.collect(view, options) end

return M
