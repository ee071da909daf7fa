---@meta calr.bench.cluster
-- Made by `calr docs`; do not edit.

--- calr bench cluster: clustering, memories and ranking, beside the programs that this field uses for them. `--only`
--- names the parts wanted: infomap, agglomerative, hdbscan, kmeans, leiden, silhouette, ranking, memories.
---@class calr.bench.cluster
local M = {}

--- The rows of all parts that `only` names.
---@param bench any
---@param options any
function M.rows(bench, options) end

return M
