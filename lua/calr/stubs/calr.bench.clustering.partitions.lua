---@meta calr.bench.clustering.partitions
-- Made by `calr docs`; do not edit.

--- Rows of calr bench cluster: hierarchies, densities, means, and what tells how good clusters are.
---@class calr.bench.clustering.partitions
local M = {}

--- Average linkage of given distances: those of one camera, as stage 1 has them, and those of a whole data set.
---@param bench any
---@param options any
function M.agglomerative(bench, options) end

--- HDBSCAN of given distances.
---@param bench any
---@param options any
function M.hdbscan(bench, options) end

--- Twenty rounds of k-means from k-means++ seeds.
---@param bench any
---@param options any
function M.kmeans(bench, options) end

--- The silhouette by the cosine distances of features.
---@param bench any
---@param options any
function M.silhouette(bench, options) end

return M
