---@meta calr.study.planned
-- Made by `calr docs`; do not edit.

--- Which trials a plan names, for calr.study.view: rows times seeds of ablations and grids, suggestions of searches,
--- the confirmations of their best.
---@class calr.study.planned
local M = {}

--- Puts a trial into a view, as one of the plan.
---@param view any
---@param trial any
---@param part any
---@param number any
---@param row any
function M.place(view, trial, part, number, row) end

--- Adds the trials that the plan names to view.trials and view.by_key, in the order of the plan, and completes the rows
--- of view.parts.
---@param view any
---@param plan any what plan.json says
---@param book any a ledger that has taken in all journals
function M.add(view, plan, book) end

return M
