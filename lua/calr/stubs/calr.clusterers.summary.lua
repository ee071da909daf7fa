---@meta calr.clusterers.summary
-- Made by `calr docs`; do not edit.

--- What came out of a clustering: counts, sizes, quality where identities are known.
---@class calr.clusterers.summary
local M = {}

---@param options any
---@return table # images, dimensions, clusters, outliers, sizes (list of {from=, to=, clusters=, images=}), largest, median, silhouette (against centroids; nil when there are fewer than two clusters), seen_by (with cameras: how many clusters are seen by 1, 2, ... of them), quality (with identities)
function M.of(options) end

---@param result any what summary.of gives, with file, method, options (text), info, seconds, output
---@return string
function M.text(result) end

return M
