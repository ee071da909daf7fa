---@meta calr.bench.clustering.ranking
-- Made by `calr docs`; do not edit.

--- Rows of calr bench cluster: how good a search is.
---@class calr.bench.clustering.ranking
local M = {}

--- Mean average precision and cumulative matches of Market-1501's numbers of images, distances included.
---@param bench any
---@param options any
function M.ranking(bench, options) end

return M
