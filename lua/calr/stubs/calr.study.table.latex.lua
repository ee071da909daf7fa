---@meta calr.study.table.latex
-- Made by `calr docs`; do not edit.

--- A sheet as a LaTeX tabular with the rules of the package booktabs; notes and the commands that reproduce the
--- figures are comments.
---@class calr.study.table.latex
local M = {}

---@param string any
---@return string # with every character that LaTeX takes for its own made harmless
function M.escape(string) end

---@param sheet any
---@return string # without a newline at its end
function M.render(sheet) end

return M
