---@meta calr.study.table.terminal
-- Made by `calr docs`; do not edit.

--- A sheet for the terminal: aligned, cut into blocks of columns where it is wider than the terminal.
---@class calr.study.table.terminal
local M = {}

---@param sheet any
---@param options any
--- - `width`: columns to fit into
--- - `folder`: the study's, for the line that tells of --commands
--- - `commands`: whether the commands that reproduce the figures stand below
---@return string # without a newline at its end
function M.render(sheet, options) end

return M
