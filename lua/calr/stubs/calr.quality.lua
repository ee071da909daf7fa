---@meta calr.quality
-- Made by `calr docs`; do not edit.

--- How well clusters agree with true identities.
---
--- Every function takes true_labels (i32 or i64 [n], any numbers) and labels (i32[n], clusters from 0 on, -1 for
--- an outlier). The option `outliers` says what an outlier counts as: "singletons" (default), a cluster of its
--- own, which costs recall and NMI and adds to the expansion; or "ignore", left out as if it were not in the data.
--- A method that throws away much looks better with "ignore": say which one a table uses.
---@class calr.quality
local M = {}

--- Over all pairs of items: precision is the share of the pairs in one cluster that are of one identity, recall the
--- share of the pairs of one identity that are in one cluster. 0 where there is no such pair.
---@param true_labels any i32[n] or i64[n]
---@param labels any i32[n], -1 for an outlier
---@param options any
---@return table # {precision=, recall=, f=}, each 0 .. 1
function M.pairwise(true_labels, labels, options) end

--- B-cubed (Bagga and Baldwin 1998): the mean over items of the share of its cluster that is of its identity
--- (precision), and of the share of its identity that is in its cluster (recall).
---@param true_labels any i32[n] or i64[n]
---@param labels any i32[n], -1 for an outlier
---@param options any
---@return table # {precision=, recall=, f=}, each 0 .. 1
function M.bcubed(true_labels, labels, options) end

--- Normalised mutual information, divided by the arithmetic mean of the entropies as scikit-learn does.
---@param true_labels any i32[n] or i64[n]
---@param labels any i32[n], -1 for an outlier
---@param options any
---@return number # 0 .. 1
function M.nmi(true_labels, labels, options) end

--- The mean number of clusters over which one identity is spread: 1 is ideal.
---@param true_labels any i32[n] or i64[n]
---@param labels any i32[n], -1 for an outlier
---@param options any
---@return number
function M.expansion(true_labels, labels, options) end

return M
