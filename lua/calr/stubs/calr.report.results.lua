---@meta calr.report.results
-- Made by `calr docs`; do not edit.

--- What a study's report says about its configurations: differences, and which are statistically as good as the best.
---@class calr.report.results
local M = {}

--- For each part with rows that are repeated, and each metric: differences to a reference, the best rows, notes.
---@param view any
---@param metrics any names, variants such as "mAP@best" among them; the first ones are compared
---@param versus any label of the reference; default: the first row of an ablation
---@return table # list of {part=, metric=, versus=, smallest_p=, comparisons=, rows={number -> difference}, best=, as_good=, decided=, notes=}
function M.comparisons(view, metrics, versus) end

--- The trials behind the rows of each part but searches: those that count for the row by their configuration, whatever
--- part they were run for, and those that were planned for it.
---@param view any
---@return table # part -> row -> list of numbers of trials, from 0; an empty list for a search
function M.members(view) end

--- Which parameters matter, for every search and grid and every goal.
---@param view any
---@return table # list of {part=, metric=, trials=, best=, notes=, parameters = {{name=, value=}}}
function M.importance(view) end

return M
