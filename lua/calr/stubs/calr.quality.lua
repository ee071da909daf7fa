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

--- Normalised mutual information (Strehl and Ghosh, JMLR 2002), divided by the arithmetic mean of the entropies as
--- scikit-learn does.
---@param true_labels any i32[n] or i64[n]
---@param labels any i32[n], -1 for an outlier
---@param options any
---@return number # 0 .. 1
function M.nmi(true_labels, labels, options) end

--- Adjusted mutual information (Vinh, Epps, Bailey, JMLR 2010): NMI less what chance gives to clusters of these sizes.
--- About 0 for random labels, where NMI grows with the number of clusters.
---@param true_labels any i32[n] or i64[n]
---@param labels any i32[n], -1 for an outlier
---@param options any
---@return number # 1 at most; may be below 0
function M.ami(true_labels, labels, options) end

--- Adjusted Rand index (Hubert and Arabie 1985): the pairs on which both agree, less what chance gives.
---@param true_labels any i32[n] or i64[n]
---@param labels any i32[n], -1 for an outlier
---@param options any
---@return number # -0.5 .. 1
function M.ari(true_labels, labels, options) end

--- Homogeneity (every cluster of one identity), completeness (every identity in one cluster) and v, their harmonic
--- mean (Rosenberg and Hirschberg 2007), which equals nmi.
---@param true_labels any i32[n] or i64[n]
---@param labels any i32[n], -1 for an outlier
---@param options any
---@return table # {homogeneity=, completeness=, v=}, each 0 .. 1
function M.v_measure(true_labels, labels, options) end

--- The share of items that are of the commonest identity of their cluster (Manning, Raghavan and Schütze, Introduction
--- to Information Retrieval, 2008, section 16.3): 1 for clusters of one image, so look at
--- their number too.
---@param true_labels any i32[n] or i64[n]
---@param labels any i32[n], -1 for an outlier
---@param options any
---@return number # 0 .. 1
function M.purity(true_labels, labels, options) end

--- The mean number of clusters over which one identity is spread: 1 is ideal.
---@param true_labels any i32[n] or i64[n]
---@param labels any i32[n], -1 for an outlier
---@param options any
---@return number
function M.expansion(true_labels, labels, options) end

--- All figures at once, for little more than the price of one.
---@param true_labels any i32[n] or i64[n]
---@param labels any i32[n], -1 for an outlier
---@param options any
---@return table # {pairwise={precision=, recall=, f=}, bcubed={precision=, recall=, f=}, nmi=, ami=, ari=, homogeneity=, completeness=, purity=, expansion=, items=, identities=, clusters=}; the last three are what the figures speak of
function M.report(true_labels, labels, options) end

--- The report of each camera on its own, for clusters that were made inside cameras or to find the camera that
--- spoils the others: what happens between cameras does not count. The mean weighs every camera by its images.
---@param true_labels any i32[n] or i64[n]
---@param labels any i32[n], -1 for an outlier
---@param cameras any i32[n], from 0; images of camera -1 are left out
---@param options any
---@return table # a list of reports, each with camera=, in the order of the cameras; cameras without images are left out
---@return table # the same figures, averaged over the images (without items, identities and clusters); nil when there is no image
function M.by_camera(true_labels, labels, cameras, options) end

--- How much of a clustering stayed from one epoch to the next. Clusters of both are matched one to one so that as many
--- images as possible are in matched clusters (the assignment problem, Kuhn 1955; calr.labels.match); their numbers play no
--- part.
---@param before any i32[n], -1 for an outlier
---@param after any i32[n], of the same images
---@return table # stable = share of the images in a cluster both times whose clusters are matched; kept = the same among the images in a cluster at least once, so that images that come and go count as unstable (both 1 where there is none); agreed, both, either: the counts behind them; matched: pairs of clusters; vanished and appeared: clusters without a partner
function M.stability(before, after) end

return M
