---@meta calr.sampler
-- Made by `calr docs`; do not edit.

--- Samplers: from labels to the order in which images are drawn.
---@class calr.sampler
local M = {}

--- P clusters x K images a batch, each cluster's images from other cameras than its first. Clusters are drawn in random
--- order, all of them before any comes again; a cluster of one image is skipped. Where fewer than P clusters can be
--- drawn, batches hold them all.
---@param options any
--- - `labels`: i32[n], -1 for outliers
--- - `cameras`: i32[n]
--- - `clusters`: P
--- - `instances`: K, at least 2
--- - `iterations`: batches; default: as many as it takes to draw every cluster once
---@return tensor # i64[iterations * batch]: rows in the order of drawing, batch after batch
---@return integer # images in a batch (P * K, or less when there are fewer clusters); 0 when no cluster has two images
function M.cross_camera(options) end

--- All rows once, in random order.
---@param options any
---@return tensor # i64[count]
function M.shuffled(options) end

return M
