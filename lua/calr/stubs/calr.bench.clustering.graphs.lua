---@meta calr.bench.clustering.graphs
-- Made by `calr docs`; do not edit.

--- Rows of calr bench cluster: clusters of the graph of nearest neighbours.
---@class calr.bench.clustering.graphs
local M = {}

--- Infomap on neighbours that are given: the graph, the flow and one search. The peer's time is that of its run()
--- alone, links already added.
---@param bench any
---@param options any
function M.infomap(bench, options) end

--- Leiden on the same graph. No program to compare with is usual in this field.
---@param bench any
---@param options any
function M.leiden(bench, options) end

return M
