---@meta calr.study.pruner.ranked
-- Made by `calr docs`; do not edit.

--- A growing collection of numbers that knows its k-th smallest, where k follows from how many there are: two heaps
--- meet at the cut. Adding takes O(log n), asking O(1).
---@class calr.study.pruner.ranked
local M = {}

---@param rank any function(n) -> k, 1 <= k <= n, which never falls while n grows
function M.new(rank) end

---@class ranked
local ranked = {}

---@param value any
function ranked:add(value) end

---@return number|nil # the k-th smallest; nil when there is nothing
---@return number|nil # the one after it; nil when there is none
function ranked:cut() end

return M
