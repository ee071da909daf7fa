---@meta calr.pipeline
-- Made by `calr docs`; do not edit.

--- The two stages of CALR, features and evaluation, on the public modules: read them, copy them, change them.
---@class calr.pipeline
local M = {}

--- The options that experiments share, with their defaults (listed in lua/calr/pipeline/config.lua), and a script's own
--- values in their place. For calr.config.
---@param changes any table; nested tables are merged
---@param without any list of options and groups that the script has no use for, such as {"intra"}: to give one is an error then
---@return table
function M.defaults(changes, without) end

--- The network that a configuration names, with random weights of its seed or those of the file cfg.weights.
---@param cfg any
---@return layer
function M.network(cfg) end

--- The record of the run with this configuration: opened (or resumed) on the first call, the same on later ones.
---@param cfg any
---@param data any
---@return run
function M.run_of(cfg, data) end

--- Unit features of the images of a split, in evaluation mode and without gradients, by the inference form of the
--- network (layer:folded). Features that are not finite are an error.
---@param net any
---@param split any of a data set: data:train(), data:query(), data:gallery()
---@param cfg any
---@param rows any i64[m]: only these images, in this order
---@return tensor # f32[m x dim]
function M.features(net, split, cfg, rows) end

--- Ranks the gallery for every query of the data set.
---@param net any
---@param data any
---@param cfg any
---@return table # mAP, rank1, rank5, rank10, mINP (fractions) and queries (how many had a match); or nil, with a note to the terminal, for a data set that has nothing to rank: no query or gallery, or no identities
function M.evaluate(net, data, cfg) end

--- How good clusters are against the true identities: B-cubed precision, recall and F, pairwise F, NMI and expansion.
--- Images of unknown identity (-1) do not count.
---@param split any
---@param labels any i32[n], -1 for outliers, which count as clusters of their own
---@return table # or nil when the split has no identities
function M.quality(split, labels) end

--- The same for local clusters: inside each camera, then the mean over the cameras weighted by their images.
---@param split any
---@param locals any
---@return table # or nil when the split has no identities
function M.local_quality(split, locals) end

--- Stage 1: reliable local labels. For every camera on its own, from the weights that `net` has, which it has again
--- afterwards: cluster the camera's images, train against their memory, repeat; the labels of the epoch with the
--- highest silhouette are kept. Resumes where it was interrupted.
---@param net any
---@param data any
---@param cfg any
---@return tensor # i32[n]: local cluster of each training image, numbered over all cameras
function M.intra(net, data, cfg) end

--- Stage 2, the frame: for epoch, step in calr.pipeline.epochs(net, data, cfg) do ... end, with epoch from 0. At the
--- end of each epoch its record and a checkpoint are written; a resumed run goes on with the first epoch that is
--- missing. Inside a study (calr.study) each epoch is reported, as step epoch + 1: mAP, rank1, rank5, rank10, mINP
--- (where it was evaluated, see eval_every), loss, alignment, silhouette, clusters, outliers, and the precision,
--- recall, f and expansion of the labels that were trained on.
--- `step` has :features(), :neighbours(features), :train(memory), :cluster_weights(labels), :quality{...},
--- :report(table) and :snapshot(context).
---@param net any
---@param data any
---@param cfg any
---@return function # an iterator
function M.epochs(net, data, cfg) end

return M
