---@meta calr.study.sampler.pareto
-- Made by `calr docs`; do not edit.

--- Trials with two losses: ranks of non-domination, dominated area, and the choice of a subset by it.
---@class calr.study.sampler.pareto
local M = {}

--- The rank of each pair: 1 for those that no other dominates, 2 for those that only rank 1 dominates, and so on.
---@param losses any list of pairs; smaller is better
---@return table # list of integers
function M.ranks(losses) end

--- The area that is dominated by the pairs and dominates the reference.
---@param losses any list of pairs
---@param reference any a pair
---@return number
function M.hypervolume(losses, reference) end

--- Chooses trials: whole fronts, best first, and of the one that does not fit those that together dominate the largest
--- area (greedily: at least 1 - 1/e of the largest possible).
---@param places any list of places in `first` and `second`, sorted by the first loss, then the second
---@param first any place -> first loss
---@param second any place -> second loss
---@param count any how many, at most #places
---@param chosen any table: gets chosen[place] = true
function M.select(places, first, second, count, chosen) end

return M
