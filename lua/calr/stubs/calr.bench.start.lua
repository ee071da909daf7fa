---@meta calr.bench.start
-- Made by `calr docs`; do not edit.

--- calr bench start: how long the program takes to start.
---@class calr.bench.start
local M = {}

--- A row for each program; the shell's own start, which is in all of them, is the last.
---@param bench any
---@param options any
function M.rows(bench, options) end

return M
