---@meta calr.memory
-- Made by `calr docs`; do not edit.

--- Memory banks for contrastive training: calr.memory.cluster, and from the modules below it
--- calr.memory.instance, calr.memory.hybrid, calr.memory.camera and calr.memory.queue. Each has a loss, an update for
--- after the backward pass, and state() and load_state(map) for checkpoints.
---@class calr.memory
local M = {}

--- The cluster memory (ClusterContrast, Dai et al., arXiv 2103.11568): one unit vector for each cluster, the normalised
--- mean of its features.
---@param options any
--- - `features`: f32[n x d], unit rows
--- - `labels`: i32[n], 0-based and without gaps, -1 for outliers
--- - `momentum`: how much of the old vector stays, 0 .. 1
--- - `temperature`: divides the similarities
--- - `update`: "mean" (each sample in order), "hard" (the least similar sample of each cluster) or "average" (the mean of the samples of each cluster)
--- - `weights`: f32[clusters]: weight of each cluster in the loss, or nil for equal ones
---@return memory # with .labels, .clusters, .vectors (f32[clusters x d]), :loss(features, labels), :update(features, labels), :state(), :load_state(map)
function M.cluster(options) end

---@class memory
local memory = {}

--- Cross-entropy of features . vectors^T / temperature with the labels, weighted by cluster where there are weights
--- (0 when the weights of the whole batch are 0). No gradient flows into the memory.
---@param features any f32[b x d] with a gradient
---@param labels any i32[b]
---@return tensor # f32[], a single number
function memory:loss(features, labels) end

--- Moves the memory towards the features of a batch; call it after the backward pass.
---@param features any
---@param labels any
function memory:update(features, labels) end

--- What a checkpoint must keep; the memory's own tensors, not copies.
---@return table # name -> tensor
function memory:state() end

--- Takes back what state() gave. What does not fit is an error, and changes nothing.
---@param map any name -> tensor; copied
function memory:load_state(map) end

--- Cluster weights of the method: ln(1 + H_k), H_k the entropy of the camera distribution in cluster k. A cluster
--- seen by one camera has weight 0.
---@param labels any i32[n]
---@param cameras any i32[n]
---@return tensor # f32[clusters]
function M.camera_weights(labels, cameras) end

return M
