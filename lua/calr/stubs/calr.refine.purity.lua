---@meta calr.refine.purity
-- Made by `calr docs`; do not edit.

--- Neighbourhood purity: an image stays when enough of its nearest neighbours are in its own cluster. The share that is
--- enough is the option `min_purity`, 0.5. An outlier among the neighbours speaks against the cluster.
---@class calr.refine.purity
local M = {}

return M
