-- Memories: what features are contrasted with.
local bank = require "calr.bank"
local arguments = require "calr.options"
local check_options = arguments.check
local labels = require "calr.labels"
local ops = require "calr.ops"
local state = require "calr.memory.state"
local T = require "calr.tensor"

--- @module calr.memory
--- Memory banks for contrastive training: calr.memory.cluster, and from the modules below it
--- calr.memory.instance, calr.memory.hybrid, calr.memory.camera and calr.memory.queue. Each has a loss, an update for
--- after the backward pass, and state() and load_state(map) for checkpoints.

local instances = require "calr.memory.instances"

local memory = {
  camera = require("calr.memory.proxies").camera,
  hybrid = instances.hybrid,
  instance = instances.instance,
  queue = require("calr.memory.queues").queue,
}

local Cluster = {}
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
--- @return memory  with .labels, .clusters, .vectors (f32[clusters x d]), :loss(features, labels),
---   :update(features, labels), :state(), :load_state(map)
function memory.cluster(options)
  check_options("calr.memory.cluster", options,
    { "features", "labels", "momentum", "temperature", "update", "weights" })
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

--- memory:loss(features, labels)
--- Cross-entropy of features . vectors^T / temperature with the labels, weighted by cluster where there are weights
--- (0 when the weights of the whole batch are 0). No gradient flows into the memory.
--- @param features  f32[b x d] with a gradient
--- @param labels    i32[b]
--- @return tensor  f32[], a single number
function Cluster:loss(features, batch_labels)
  local logits = ops.matmul(features, self.vectors, { transpose_b = true,
    scale = 1 / self.temperature })
  return ops.cross_entropy(logits, batch_labels, { weights = self.weights })
end

--- memory:update(features, labels)
--- Moves the memory towards the features of a batch; call it after the backward pass.
function Cluster:update(features, batch_labels)
  bank.update(self.vectors, features:detach(), batch_labels, self.options)
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
  local entropy = labels.entropy(cluster_labels, cameras):totable()
  for k, h in ipairs(entropy) do entropy[k] = math.log(1 + h) end
  return T(entropy)
end

return arguments.counted("calr.memory.", memory)
