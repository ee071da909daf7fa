---@meta calr.report.run
-- Made by `calr docs`; do not edit.

--- The data of a run's report, from its folder.
---@class calr.report.run
local M = {}

---@param path any a run folder
---@param options any
--- - `images`: whether its images belong in it
---@return table # what calr.report.page takes
function M.collect(path, options) end

return M
