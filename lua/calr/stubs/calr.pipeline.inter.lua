---@meta calr.pipeline.inter
-- Made by `calr docs`; do not edit.

--- Stage 2, inter-camera: the frame around an epoch. The function behind calr.pipeline.epochs.
---@class calr.pipeline.inter
local M = {}

---@class step
local step = {}

--- Unit features of all training images with the network as it is now.
---@return tensor # f32[n x dim]
function step:features() end

--- The nearest neighbours of all training images among each other by the cosine, as many as infomap.k says:
--- calr.cluster.infomap takes them in place of features, and refinement rules see them.
---@param features any
---@return table # see calr.cluster.knn
function step:neighbours(features) end

--- The cluster weights ln(1 + H_k) of this epoch, or nil while camera_weights_from says that there are none.
---@param labels any
---@return tensor # f32[clusters] or nil
function step:cluster_weights(labels) end

--- Measures clusters against the true identities, where there are any, into the epoch's record.
---@param options any
function step:quality(options) end

--- Puts fields into the epoch's record.
---@param table any
function step:report(table) end

--- Saves the epoch for `calr refine`, when it is one that the option snapshot_every names: after so many epochs, and
--- after the last. The file RUN/snapshots/epoch-NNN.safetensors is whole or absent; see calr.pipeline.snapshot for what
--- it holds.
---@param context any what a refinement rule sees: global, features, and where there are any locals, scores, neighbours; other fields are not saved
---@param options any
--- - `refined`: i32[n]: the labels that are trained on
--- - `reasons`: the third result of calr.refine.apply
--- - `always`: save this epoch, whatever the option says
---@return string|nil # the file; nil when there was nothing to do
function step:snapshot(context, options) end

--- An epoch of contrastive training against a memory, with the camera alignment where it is on. Fewer than two clusters
--- to learn from is an error: the epochs to come would find the same.
---
--- The record also gets `silhouette`, how well separated the clusters are that the epoch trains on, in the features
--- that this epoch's step:features() found: see calr.cluster.simplified_silhouette. It knows no identities, so that an
--- epoch may be chosen by it.
---@param memory any of calr.memory, or an object of your own with :loss(features, labels), :update(features, labels), .labels (i32[n], of all training images) and .clusters (how many)
function step:train(memory) end

return M
