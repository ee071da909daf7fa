--- @module calr.memory.instances
--- Memories with a vector for each image.

local bank = require "calr.bank"
local batch = require "calr.memory.batch"
local check_options = require "calr.options".check
local labels = require "calr.labels"
local state = require "calr.memory.state"
local T = require "calr.tensor"

local instances = {}

-- Row numbers as i32 labels of images.
local function as_labels(rows)
  return rows:dtype() == "i32" and rows or rows:to("i32")
end

local function as_rows(rows)
  return rows:dtype() == "i64" and rows or rows:to("i64")
end

local Instance = { takes = { "weights", "targets" } }
Instance.__index = Instance

--- calr.memory.instance{features=, momentum=.2, temperature=.05}
--- The instance memory: one unit vector for each image, each contrasted with all others (non-parametric instance
--- discrimination, Wu et al., CVPR 2018). For images without clusters: step:train draws all of them at random, unless
--- it is given labels.
--- @param features     f32[n x d]; normalised
--- @param momentum     how much of the old vector stays, 0 .. 1
--- @param temperature  divides the similarities
--- @return memory  with .vectors (f32[n x d]), instance:loss(features, batch), instance:update(features, batch),
---   instance:state(), instance:load_state(map)
function instances.instance(options)
  options = check_options("calr.memory.instance", options, { "features", "momentum", "temperature" })
  state.tensors("calr.memory.instance", options, { "features" })
  return setmetatable({
    temperature = state.number("temperature", options.temperature or 0.05, 0),
    momentum = state.number("momentum", options.momentum or 0.2, 0, 1),
    vectors = T.l2_normalize(options.features:detach()),
  }, Instance)
end

--- instance:loss(features, batch)
--- Cross-entropy of features . vectors^T / temperature with the images' own vectors.
--- @param features  f32[b x d] with a gradient
--- @param batch     {rows=, weights=, targets=}: i64[b] (or i32): which images they are, from 0; and f32[b] and
---   f32[b x n] where there are any
--- @return tensor  a single number
function Instance:loss(features, given)
  batch.check("calr.memory.instance", given, "rows")
  local logits = T.matmul(features, self.vectors, { transpose_b = true,
    scale = 1 / self.temperature })
  return batch.cross_entropy(logits, as_labels(given.rows), given)
end

--- instance:update(features, batch)
--- Moves the images' vectors towards their features; call it after the backward pass.
--- @param features  f32[b x d]
--- @param batch     {rows=}: i64[b] (or i32), from 0
function Instance:update(features, given)
  batch.check("calr.memory.instance", given, "rows")
  bank.update(self.vectors, features:detach(), as_labels(given.rows), { momentum = self.momentum })
end

--- instance:state()
--- What a checkpoint must keep; the memory's own tensors, not copies.
--- @return table  name -> tensor
function Instance:state()
  return state.save(self, { "vectors" })
end

--- instance:load_state(map)
--- Takes back what state() gave. What does not fit is an error, and changes nothing.
--- @param map  name -> tensor; copied
function Instance:load_state(map)
  state.load(self, { "vectors" }, map)
end

local Hybrid = { takes = { "weights", "targets" } }
Hybrid.__index = Hybrid

local hybrid_names = { "vectors", "labels", "classes", "means", "counts" }

--- calr.memory.hybrid{features=, labels=, momentum=.2, temperature=.05}
--- The hybrid memory of SpCL (Ge et al., NeurIPS 2020): a vector for each image. Images are contrasted with the means
--- of the clusters and, one by one, with all outliers, so that outliers teach too. The means follow the vectors.
---
--- step:train(hybrid) draws batches of clusters; step:train(hybrid, { labels = hybrid.classes, singles = true }) draws
--- outliers as well, as SpCL does. What class an image is of, the memory knows by its row in either case.
--- @param features     f32[n x d]; normalised
--- @param labels       i32[n], -1 for outliers
--- @param momentum     how much of the old vector stays, 0 .. 1
--- @param temperature  divides the similarities
--- @return memory  with .vectors (f32[n x d]), .labels, .clusters, .classes (i32[n]: clusters, then outliers one by
---   one), .means (f32[classes x d], not normalised), hybrid:loss(features, batch), hybrid:update(features, batch),
---   hybrid:relabel(labels), hybrid:state(), hybrid:load_state(map)
function instances.hybrid(options)
  options = check_options("calr.memory.hybrid", options, { "features", "labels", "momentum", "temperature" })
  state.tensors("calr.memory.hybrid", options, { "features", "labels" })
  local self = setmetatable({
    temperature = state.number("temperature", options.temperature or 0.05, 0),
    momentum = state.number("momentum", options.momentum or 0.2, 0, 1),
    vectors = T.l2_normalize(options.features:detach()),
  }, Hybrid)
  self:relabel(options.labels)
  return self
end

--- hybrid:relabel(labels)
--- New clusters for the same vectors, as at the start of an epoch.
--- @param labels  i32[n], -1 for outliers
function Hybrid:relabel(new_labels)
  local n = self.vectors:size(1)
  if new_labels:numel() ~= n then
    error(("%d labels for %d vectors"):format(new_labels:numel(), n), 2)
  end
  local clusters = labels.clusters(new_labels)
  local alone = new_labels:lt(0):nonzero():flatten()
  self.classes = new_labels:clone():index_copy_(1, alone, T.arange(clusters, clusters + alone:numel()):to "i32")
  self.labels, self.clusters = new_labels, clusters
  self.means, self.counts = bank.means(self.vectors, self.classes)
end

--- hybrid:loss(features, batch)
--- Cross-entropy of features . means^T / temperature with the classes of the images. No gradient flows into the
--- memory.
--- @param features  f32[b x d] with a gradient
--- @param batch     {rows=, weights=, targets=}: i64[b] (or i32): which images they are, from 0; and f32[b] and
---   f32[b x classes] where there are any
--- @return tensor  a single number
function Hybrid:loss(features, given)
  batch.check("calr.memory.hybrid", given, "rows")
  local logits = T.matmul(features, self.means, { transpose_b = true,
    scale = 1 / self.temperature })
  return batch.cross_entropy(logits, self.classes:index_select(1, given.rows), given)
end

--- hybrid:update(features, batch)
--- Moves the images' vectors towards their features, and the means of their classes with them; call it after the
--- backward pass.
--- @param features  f32[b x d]
--- @param batch     {rows=}: i64[b] (or i32), from 0
function Hybrid:update(features, given)
  batch.check("calr.memory.hybrid", given, "rows")
  bank.update_instances(self.vectors, self.classes, self.means, self.counts, features:detach(),
    as_rows(given.rows), { momentum = self.momentum })
end

--- hybrid:state()
--- What a checkpoint must keep; the memory's own tensors, not copies.
--- @return table  name -> tensor
function Hybrid:state()
  return state.save(self, hybrid_names)
end

--- hybrid:load_state(map)
--- Takes back what state() gave. What does not fit is an error, and changes nothing.
--- @param map  name -> tensor; copied
function Hybrid:load_state(map)
  state.load(self, hybrid_names, map)
  self.clusters = labels.clusters(self.labels)
end

local counted = require("calr.options").counted
counted("instance:", Instance)
counted("hybrid:", Hybrid)
return (counted("calr.memory.", instances))
