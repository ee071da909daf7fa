---@meta calr.study.table.figures
-- Made by `calr docs`; do not edit.

--- The figures of a sheet: mean and deviation over seeds, differences from one row, which row is best and which are
--- statistically as good.
---@class calr.study.table.figures
local M = {}

---@param comparisons any
---@return integer # how many seeds allow a corrected p-value of 0.05 for so many comparisons
function M.seeds_wanted(comparisons) end

--- The cells of a column of figures; decides its unit and digits (columns.scale).
---@param groups any
---@param column any
---@param seeds any
---@return table # position of the group -> cell; nil where a group has no figure
---@return table|nil # about the marks: pairs (the most of a comparison with the best), comparisons, decided (whether so many pairs can tell any row from the best), few (labels of rows that have too few seeds in common with the best for any p to be 0.05), any (whether one is as good); nil: no marks
function M.cells(groups, column, seeds) end

--- The group that the others are compared with: by its label, or by the value where rows are values of a parameter.
--- An unknown one is an error that says what there is.
---@param groups any
---@param versus any
---@return integer # its position
function M.find(groups, versus) end

--- Paired differences of all groups from one of them: mean, BCa interval, exact sign-flip p, and p corrected by Holm.
---@param groups any
---@param column any
---@param versus any position of a group
---@param seeds any
---@return table # position -> {mean=, low=, high=, n=, p=, corrected=}; without an entry for versus
---@return table # comparisons (how many), least and most (pairs), smallest_p (what so many pairs allow)
function M.differences(groups, column, versus, seeds) end

---@param seeds any
---@return string # "seed 3", "seeds 1, 2, 5", "seeds 1-6"
function M.seed_list(seeds) end

return M
