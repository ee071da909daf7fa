---@meta calr.refine.none
-- Made by `calr docs`; do not edit.

--- No refinement: the global clusters as they are.
---@class calr.refine.none
local M = {}

return M
