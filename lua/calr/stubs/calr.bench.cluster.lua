---@meta calr.bench.cluster
-- Made by `calr docs`; do not edit.

--- calr bench cluster: clustering, memories and ranking, beside the programs that this field uses for them. `--only`
--- names the parts wanted: neighbours, lists, jaccard, rerank, infomap, agglomerative, hdbscan, kmeans, leiden,
--- silhouette, ranking, memories; and curve, Jaccard distances over the number of images, which runs only when named.
---@class calr.bench.cluster
local M = {}

--- The rows of all parts that `only` names.
---@param bench any
---@param options any
function M.rows(bench, options) end

return M
