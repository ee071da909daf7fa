---@meta calr.study.table.markdown
-- Made by `calr docs`; do not edit.

--- A sheet as a Markdown table (GitHub's), with its notes and the commands that reproduce the figures below.
---@class calr.study.table.markdown
local M = {}

---@param sheet any
---@return string # without a newline at its end
function M.render(sheet) end

return M
