-- Memories: what features are contrasted with.
local bank = require "calr.bank"
local arguments = require "calr.options"
local batch = require "calr.memory.batch"
local check_options = arguments.check
local labels = require "calr.labels"
local state = require "calr.memory.state"
local T = require "calr.tensor"

--- @module calr.memory
--- Memory banks for contrastive training: calr.memory.cluster, and from the modules below it
--- calr.memory.instance, calr.memory.hybrid, calr.memory.camera, calr.memory.queue and calr.memory.parts.
---
--- All follow one contract, and so does a memory of your own (docs/guide/your-own-memory.md), so that step:train takes
--- any of them:
---
---     memory:loss(features, batch)    the loss, a single number with a gradient to features (f32[b x d], unit rows)
---     memory:update(features, batch)  called after the backward pass and the optimiser's step
---     memory:state()                  name -> tensor, for checkpoints
---     memory:load_state(map)          takes that back
---     memory.labels                   i32[n], -1 for outliers: clusters of the training images to draw batches by,
---                                     where step:train is not given others; nil: all images are drawn at random
---     memory.needs                    list of the fields that it must find in a batch besides rows and labels
---     memory.takes                    list of "weights" and "targets", where it heeds them
---
--- loss and update are what every memory has; state and load_state are for those that outlive an epoch (`keep` of
--- calr.pipeline.epochs); the three lists may be absent. What a memory needs and a training cannot give is an error
--- before the first batch, and so are weights or targets for a memory that does not heed them.
---
--- `batch` is one table:
---
---     rows      i64[b]: which images, as positions in the split, from 0
---     labels    i32[b]: their labels in this training
---     cameras   i32[b]: their cameras
---     images    f32[b x h x w x 3]: the images as the network saw them
---     views     f32[b x h x w x 3]: a second view of each, augmented by separate random numbers; if needed
---     keys      f32[b x d]: unit features of the views by the mean teacher; where there is one
---     weights   f32[b]: weights of the images; where step:train was given some
---     targets   f32[b x classes]: soft targets; where step:train was given some
---     features  the first argument again, for further losses (`losses` of step:train)
---     parts     list of f32[b x d]: features of parts of the images, where the network makes some (calr.models.parts)
---
--- In a training loop of your own, pass any table with the fields that the memory reads:
--- memory:loss(features, { labels = labels }). Earlier versions took a tensor (labels, rows or keys) in its place; it
--- is refused now, with the form to write.

local instances = require "calr.memory.instances"

local parts = require "calr.memory.parts"

local memory = {
  agreement = parts.agreement,
  parts = parts.parts,
  camera = require("calr.memory.proxies").camera,
  hybrid = instances.hybrid,
  instance = instances.instance,
  queue = require("calr.memory.queues").queue,
}

--- calr.memory.cross_entropy(logits, classes, batch [, weights])
--- The loss of memories whose logits have a column for each class: the mean of -log softmax(logits)[class] over the
--- batch. With batch.weights, the mean weighted by image; with `weights`, by class; both multiply. With batch.targets
--- an image counts for every class by its share in the row of targets, and `classes` is not looked at. 0, with
--- gradient 0, where all weights of the batch are 0.
--- @param logits   f32[b x classes]
--- @param classes  i32[b], from 0
--- @param batch    table; see above; only weights and targets are looked at
--- @param weights  f32[classes], or nil
--- @return tensor  a single number
memory.cross_entropy = batch.cross_entropy

local Cluster = { takes = { "weights", "targets" } }
Cluster.__index = Cluster

--- calr.memory.cluster{features=, labels=, momentum=.1, temperature=.05, update="mean", weights=nil}
--- The cluster memory (ClusterContrast, Dai et al., arXiv 2103.11568): one unit vector for each cluster, the normalised
--- mean of its features.
--- @param features     f32[n x d], unit rows
--- @param labels       i32[n], 0-based and without gaps, -1 for outliers
--- @param momentum     how much of the old vector stays, 0 .. 1
--- @param temperature  divides the similarities
--- @param update       "mean" (each sample in order), "hard" (the least similar sample of each cluster) or "average"
---   (the mean of the samples of each cluster)
--- @param weights      f32[clusters]: weight of each cluster in the loss, or nil for equal ones
--- @return memory  with .labels, .clusters, .vectors (f32[clusters x d]), :loss(features, batch),
---   :update(features, batch), :state(), :load_state(map)
function memory.cluster(options)
  options = check_options("calr.memory.cluster", options,
    { "features", "labels", "momentum", "temperature", "update", "weights" })
  state.tensors("calr.memory.cluster", options, { "features", "labels" })
  local temperature = state.number("temperature", options.temperature or 0.05, 0)
  local momentum, update = state.number("momentum", options.momentum or 0.1, 0, 1), options.update or "mean"
  if update ~= "mean" and update ~= "hard" and update ~= "average" then
    error(("there is no update \"%s\"; there are: mean, hard, average"):format(tostring(update)), 2)
  end
  local self = setmetatable({
    temperature = temperature,
    options = { momentum = momentum, update = update },
    weights = options.weights,
    labels = options.labels,
    clusters = labels.clusters(options.labels),
  }, Cluster)
  self.vectors = bank.centroids(options.features, options.labels)
  if self.weights and self.weights:numel() ~= self.clusters then
    error(("%d weights for %d clusters"):format(self.weights:numel(), self.clusters), 2)
  end
  return self
end

--- memory:loss(features, batch)
--- Cross-entropy of features . vectors^T / temperature with the labels, weighted by cluster and by image where there
--- are weights (0 when the weights of the whole batch are 0), or with soft targets: see calr.memory.cross_entropy. No
--- gradient flows into the memory.
--- @param features  f32[b x d] with a gradient
--- @param batch     {labels=, weights=, targets=}: i32[b], and f32[b] and f32[b x clusters] where there are any
--- @return tensor  f32[], a single number
function Cluster:loss(features, given)
  batch.check("calr.memory.cluster", given, "labels")
  local logits = T.matmul(features, self.vectors, { transpose_b = true,
    scale = 1 / self.temperature })
  return batch.cross_entropy(logits, given.labels, given, self.weights)
end

--- memory:update(features, batch)
--- Moves the memory towards the features of a batch; call it after the backward pass.
--- @param features  f32[b x d]
--- @param batch     {labels=}: i32[b]
function Cluster:update(features, given)
  batch.check("calr.memory.cluster", given, "labels")
  bank.update(self.vectors, features:detach(), given.labels, self.options)
end

--- memory:state()
--- What a checkpoint must keep; the memory's own tensors, not copies.
--- @return table  name -> tensor
function Cluster:state()
  return state.save(self, { "vectors", "labels", "weights" })
end

--- memory:load_state(map)
--- Takes back what state() gave. What does not fit is an error, and changes nothing.
--- @param map  name -> tensor; copied
function Cluster:load_state(map)
  state.load(self, { "vectors", "labels", "weights" }, map)
  self.clusters = labels.clusters(self.labels)
end

--- calr.memory.camera_weights(labels, cameras)
--- Cluster weights of the method: ln(1 + H_k), H_k the entropy of the camera distribution in cluster k. A cluster
--- seen by one camera has weight 0.
--- @param labels   i32[n]
--- @param cameras  i32[n]
--- @return tensor  f32[clusters]
function memory.camera_weights(cluster_labels, cameras)
  state.tensors("calr.memory.camera_weights", { labels = cluster_labels, cameras = cameras }, { "labels", "cameras" })
  local entropy = labels.entropy(cluster_labels, cameras)
  return (entropy:to "f64" + 1):log():to "f32" -- rounded once
end

arguments.counted("memory:", Cluster)
return (arguments.counted("calr.memory.", memory))
