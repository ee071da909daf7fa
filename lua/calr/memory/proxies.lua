--- @module calr.memory.proxies
--- Camera proxies: a vector for each cluster and camera.

local bank = require "calr.bank"
local batch = require "calr.memory.batch"
local check_options = require "calr.options".check
local labels = require "calr.labels"
local state = require "calr.memory.state"
local T = require "calr.tensor"

local proxies = {}

local Camera = { needs = { "cameras" }, takes = { "weights" } }
Camera.__index = Camera

local names = { "vectors", "labels", "cluster_of", "camera_of" }

--- calr.memory.camera{features=, labels=, cameras=, momentum=.2, temperature=.07, intra=1, offline=1, online=0,
---   negatives=50, positives=3, balance=.15}
--- Camera proxies (CAP, Wang et al., AAAI 2021; O2CAP, IEEE TIP 2022): one unit vector for each cluster and camera, the
--- normalised mean of its features. The loss has three terms, each the sum over the cameras of a batch of the mean over
--- their samples:
--- intra - the own proxy against the others of its camera;
--- offline - all proxies of the own cluster, whatever their camera, against the hardest others (CAP's inter-camera
--- term, which it weighs 0.5);
--- online - the proxies of other cameras that are nearest now, whatever their cluster, against the hardest others
--- (O2CAP's third term, weight 1).
--- @param features     f32[n x d], unit rows
--- @param labels       i32[n], -1 for outliers
--- @param cameras      i32[n], from 0
--- @param momentum     how much of the old vector stays, 0 .. 1
--- @param temperature  divides the similarities
--- @param intra        weight of the intra-camera term
--- @param offline      weight of the offline term
--- @param online       weight of the online term
--- @param negatives    proxies against which the offline and online terms contrast
--- @param positives    proxies, of different cameras, that the online term takes for the same person
--- @param balance      share of the sample in that choice; the rest is its proxy's
--- @return memory  with .labels, .vectors (f32[p x d]), .proxies, .cluster_of and .camera_of (i32[p]),
---   camera:loss(features, batch), camera:update(features, batch), camera:state(), camera:load_state(map)
function proxies.camera(options)
  options = check_options("calr.memory.camera", options, { "features", "labels", "cameras", "momentum", "temperature",
    "intra", "offline", "online", "negatives", "positives", "balance" })
  state.tensors("calr.memory.camera", options, { "features", "labels", "cameras" })
  local self = setmetatable({
    labels = options.labels,
    temperature = state.number("temperature", options.temperature or 0.07, 0),
    momentum = state.number("momentum", options.momentum or 0.2, 0, 1),
    weights = {
      intra = state.number("intra", options.intra or 1, 0, math.huge),
      offline = state.number("offline", options.offline or 1, 0, math.huge),
      online = state.number("online", options.online or 0, 0, math.huge),
    },
    choice = {
      negatives = options.negatives or 50, positives = options.positives or 3, balance = options.balance or 0.15,
    },
  }, Camera)
  local pair, count = labels.pair(options.labels, options.cameras)
  local first = labels.argmax(pair, T.zeros { pair:numel() })
  self.vectors = bank.centroids(options.features, pair)
  self.cluster_of = options.labels:index_select(1, first)
  self.camera_of = options.cameras:index_select(1, first)
  self.proxies = count
  return self
end

local function own_proxies(self, given)
  return bank.own_proxies(self.cluster_of, self.camera_of, given.labels, given.cameras)
end

--- camera:loss(features, batch)
--- The weighted sum of the three terms. No gradient flows into the memory.
--- @param features  f32[b x d] with a gradient
--- @param batch     {labels=, cameras=, weights=}: i32[b] each, and where there are any f32[b], which weigh the samples
---   in the mean over those of a camera
--- @return tensor  a single number
--- @return table   the terms by name, each a tensor of a single number, not yet weighted; those of weight 0 are not
---   computed
function Camera:loss(features, given)
  batch.check("calr.memory.camera", given, "labels", "cameras")
  local own = own_proxies(self, given)
  local scores = T.matmul(features, self.vectors, { transpose_b = true })
  local logits, total, terms = scores * (1 / self.temperature), nil, {}
  local chosen = { scores = scores:detach(), positives = self.choice.positives, negatives = self.choice.negatives,
    balance = self.choice.balance, weights = given.weights }
  if self.weights.online > 0 then
    chosen.affinity = self.vectors:index_select(1, own):matmul(self.vectors, { transpose_b = true })
  end
  for _, name in ipairs { "intra", "offline", "online" } do
    if self.weights[name] > 0 then
      local mask, target = bank.proxies(name, self.cluster_of, self.camera_of, own, chosen)
      terms[name] = -((logits + mask):log_softmax() * target):sum()
      local weighted = terms[name] * self.weights[name]
      total = total and total + weighted or weighted
    end
  end
  return total or logits:sum() * 0, terms
end

--- camera:update(features, batch)
--- Moves every sample's own proxy towards it, in order; call it after the backward pass.
--- @param features  f32[b x d]
--- @param batch     {labels=, cameras=}: i32[b] each
function Camera:update(features, given)
  batch.check("calr.memory.camera", given, "labels", "cameras")
  bank.update(self.vectors, features:detach(), own_proxies(self, given), { momentum = self.momentum })
end

--- camera:state()
--- What a checkpoint must keep; the memory's own tensors, not copies.
--- @return table  name -> tensor
function Camera:state()
  return state.save(self, names)
end

--- camera:load_state(map)
--- Takes back what state() gave. What does not fit is an error, and changes nothing.
--- @param map  name -> tensor; copied
function Camera:load_state(map)
  state.load(self, names, map)
  self.proxies = self.vectors:size(1)
end

local counted = require("calr.options").counted
counted("camera:", Camera)
return (counted("calr.memory.", proxies))
