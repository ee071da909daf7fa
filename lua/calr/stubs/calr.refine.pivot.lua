---@meta calr.refine.pivot
-- Made by `calr docs`; do not edit.

--- Pivot refinement (CALR, arXiv 2403.16450): a member of a global cluster that is of the pivot's camera but not of the
--- pivot's local cluster is discarded, with the probability of the pace. Members of other cameras stay.
---@class calr.refine.pivot
local M = {}

return M
