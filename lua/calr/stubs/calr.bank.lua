---@meta calr.bank
-- Made by `calr docs`; do not edit.

--- Memory banks: what calr.memory is made of, for memories of your own.
---@class calr.bank
local M = {}

--- The L2-normalised mean of the features of each cluster; outliers (-1) do not count.
---@param features any f32[n x d]
---@param labels any i32[n]
---@return tensor # f32[clusters x d]
function M.centroids(features, labels) end

--- Moves a cluster memory in place towards the features of a batch and keeps its rows at length 1.
--- "mean": for every sample in order, M_y := normalise(m M_y + (1 - m) f). "hard": once for each
--- cluster, with its sample least similar to the memory (ClusterContrast, arXiv 2103.11568).
---@param memory any f32[clusters x d]
---@param features any f32[b x d], unit rows
---@param labels any i32[b]
---@param options any
---@return tensor # the memory
function M.update(memory, features, labels, options) end

return M
