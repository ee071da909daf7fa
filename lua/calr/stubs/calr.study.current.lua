---@meta calr.study.current
-- Made by `calr docs`; do not edit.

--- The trial of a study inside which a script runs, if there is one.
---@class calr.study.current
local M = {}

---@return trial|nil # see calr.study
function M.trial() end

--- Reports to the trial that runs; outside a study nothing happens. Values of nil, and metrics that are not finite, are
--- the trial's affair: see trial:report.
---@param step any whole number, from 1
---@param values any metric -> number
function M.report(step, values) end

return M
