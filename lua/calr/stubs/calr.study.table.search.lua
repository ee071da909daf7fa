---@meta calr.study.table.search
-- Made by `calr docs`; do not edit.

--- The sheet of a search: its best configurations, first those that were confirmed with more seeds, and in a sentence
--- the rest; for two goals the Pareto front.
---
--- The figure by which a configuration was chosen among many promises too much, so it stands in a column of its own,
--- apart from the figures of the seeds that had no part in the choice.
---@class calr.study.table.search
local M = {}

---@param index any
---@param part any
---@param list any columns, from calr.study.table.columns.parse
---@param options any top (how many configurations), versus (a label, compared over the confirming seeds), compare, stale
---@return table # a sheet
function M.sheet(index, part, list, options) end

--- The Pareto front of a search with two goals.
---@param index any
---@param part any
---@param list any
---@param options any
---@return table # a sheet
function M.front(index, part, list, options) end

return M
