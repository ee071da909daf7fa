---@meta calr.statistics.ranks
-- Made by `calr docs`; do not edit.

--- Signed ranks, for calr.statistics.wilcoxon.
---@class calr.statistics.ranks
local M = {}

--- Twice the ranks of the sizes of the values. Equal sizes get the mean of their ranks; twice a rank is whole.
---@param values any
---@return table # list of doubled ranks
---@return table # list of the numbers of equal ones
function M.doubled(values) end

--- Where a sum of doubled ranks lies among those of all choices of signs.
---@param doubled any list of doubled ranks of what has a sign
---@param positive any the sum of the positive ones
---@return number # share of the sums that are no larger
---@return number # share of the sums that are no smaller
function M.exact_tails(doubled, positive) end

--- The same for a sum of ranks (not doubled) taken as normal, its variance corrected for ties; no correction for
--- continuity.
---@param positive any
---@param n any how many ranks there are
---@param ties any list of the numbers of equal ones
---@return number # the lower tail
---@return number # the upper tail
function M.normal_tails(positive, n, ties) end

return M
