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
--- cluster, with its sample least similar to the memory (both ClusterContrast, arXiv 2103.11568).
--- "average": once for each cluster, with the mean of its samples.
---@param memory any f32[clusters x d]
---@param features any f32[b x d], unit rows
---@param labels any i32[b]
---@param options any
---@return tensor # the memory
function M.update(memory, features, labels, options) end

--- The means of the vectors of each class, not normalised.
---@param vectors any f32[n x d]
---@param classes any i32[n], from 0
---@return tensor # f32[classes x d]
---@return tensor # i64[classes]: how many vectors each has
function M.means(vectors, classes) end

--- Moves vectors of an instance memory in place: for every sample in order, r := normalise(m r + (1 - m) f), and the
--- mean of its class with it (SpCL, Ge et al. 2020).
---@param vectors any f32[n x d]
---@param classes any i32[n]
---@param means any f32[classes x d], and
---@param counts any i64[classes], of calr.bank.means
---@param features any f32[b x d], unit rows
---@param rows any i64[b], from 0: whose features they are
---@param options any
---@return tensor # the vectors
function M.update_instances(vectors, classes, means, counts, features, rows, options) end

--- Which camera proxies a batch is contrasted with (CAP and O2CAP, Wang et al. 2021, 2022): the loss of a term is
--- -sum(target * log_softmax(logits + mask)). Targets of a sample are divided by the samples of its camera in the batch.
---@param term any "intra": the own proxy against those of its camera; "offline": all proxies of the own cluster against the highest others; "online": the best proxies of the best cameras against the highest others
---@param clusters any i32[p], of each proxy
---@param cameras any i32[p]
---@param own any i32[b]: the proxy of each sample, from 0
---@param options any
--- - `scores`: f32[b x p]: inner products of samples and proxies; for offline and online
--- - `affinity`: f32[b x p]: inner products of the samples' own proxies and all proxies; for online
--- - `positives`: proxies of different cameras that count as the same person; online
--- - `negatives`: how many others; offline and online
--- - `balance`: share of the scores in the choice, the rest is that of the affinity; online
---@return tensor # mask f32[b x p]: 0, or -1e30 for proxies that take no part
---@return tensor # target f32[b x p]
function M.proxies(term, clusters, cameras, own, options) end

return M
