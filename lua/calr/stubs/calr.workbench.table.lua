---@meta calr.workbench.table
-- Made by `calr docs`; do not edit.

--- What rules do to a snapshot, as text, Markdown, CSV or JSON.
---@class calr.workbench.table
local M = {}

---@param result any
---@return string # the rule with the options it was given: "pivot pivot=camera-max"
function M.label(result) end

---@param report any bench, plain (what bench:measure gives of the global clusters), results (list of what bench:try gives), by_camera
---@param format any "terminal", "markdown", "csv" or "json"
---@return string
function M.render(report, format) end

return M
