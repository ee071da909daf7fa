--- @module calr.memory.parts
--- Classifiers over the features of parts of the body, with labels that the parts refine for each other.

local C = require "calr.cluster"
local bank = require "calr.bank"
local batch = require "calr.memory.batch"
local check_options = require("calr.options").check
local labels = require "calr.labels"
local optim = require "calr.optim"
local state = require "calr.memory.state"
local T = require "calr.tensor"

local parts = {}

--- calr.memory.agreement(a, b [, {k=20}])
--- How far two features of the same images agree about their neighbours: |A and B| / |A or B| for each image, A and B
--- being its k nearest neighbours by each feature (the cross agreement score of PPLR, Cho et al., CVPR 2022, eq. 3).
--- @param a  f32[n x d], unit rows
--- @param b  f32[n x e], unit rows
--- @param k  integer; neighbours, the image itself not among them; fewer where there are fewer images
--- @return tensor  f32[n], 0 .. 1
function parts.agreement(a, b, options)
  local o = check_options("calr.memory.agreement", options, { "k" })
  state.tensors("calr.memory.agreement", { a = a, b = b }, { "a", "b" })
  local k = math.min(o.k or 20, a:size(1) - 1)
  local function near(x) return C.knn(x, { k = k, include_self = false }).indices end
  local shared = near(a):unsqueeze(3):eq(near(b):unsqueeze(2)):sum { 2, 3 }:to "f32"
  return shared / (2 * k - shared)
end

local Parts = { needs = { "parts" }, takes = {} }
Parts.__index = Parts

-- The unit features of the parts, from the unit feature that they make together.
local function spaces_of(features, widths)
  local list, first = {}, 1
  for i, width in ipairs(widths) do
    list[i] = T.l2_normalize(features:narrow(2, first, width))
    first = first + width
  end
  return list
end

--- calr.memory.parts{features=, labels=, parts=, k=20, keep=.5, temperature=.05, lr=3.5e-4}
--- Part-based pseudo-label refinement (PPLR, Cho et al., CVPR 2022). The whole body and each part have a classifier
--- that starts from the means of the clusters and learns beside the network. A part's label is smoothed as much as its
--- neighbours disagree with those of the whole body (eq. 4); the label of the whole body is mixed with what the parts
--- predict, each by its agreement (eq. 5 and 6). Classifiers here see unit features divided by a temperature, where the
--- authors' see those behind the norm. The network's forward must leave its parts in batch.parts, the whole body
--- first: calr.models.parts { whole = true }.
--- @param features     f32[n x dim]: of the network, unit rows: those of the parts side by side
--- @param labels       i32[n], -1 for outliers
--- @param parts        integer; how many features stand side by side, of equal width, the whole body first; 2 or more
--- @param k            integer; neighbours of the agreement
--- @param keep         share of the cluster's own label in the label of the whole body, 0 .. 1 (beta)
--- @param temperature  divides the similarities
--- @param lr           learning rate of the classifiers (Adam)
--- @return memory  with .labels, .clusters, .scores (list of f32[n], of each part with the whole body),
---   :loss(features, batch), :update(features, batch)
function parts.parts(options)
  local o = check_options("calr.memory.parts", options,
    { "features", "labels", "parts", "k", "keep", "temperature", "lr" })
  state.tensors("calr.memory.parts", o, { "features", "labels" })
  local count, dim = o.parts, o.features:size(2)
  if math.type(count) ~= "integer" or count < 2 or dim % count ~= 0 then
    error(("calr.memory.parts: parts must be a whole number of 2 or more that divides the width of the features, %d, "
      .. "not %s"):format(dim, tostring(count)), 2)
  end
  local self = setmetatable({
    labels = o.labels, clusters = labels.clusters(o.labels),
    temperature = state.number("temperature", o.temperature or 0.05, 0),
    keep = state.number("keep", o.keep or 0.5, 0, 1), scores = {}, classifiers = {},
  }, Parts)
  local widths, learned = {}, {}
  for i = 1, count do widths[i] = dim // count end
  local spaces = spaces_of(o.features:detach(), widths)
  for i, space in ipairs(spaces) do
    self.classifiers[i] = bank.centroids(space:contiguous(), o.labels):requires_grad(true)
    learned[i] = { name = "classifier" .. i, tensor = self.classifiers[i] }
    if i > 1 then self.scores[i - 1] = parts.agreement(spaces[1], space, { k = o.k or 20 }) end
  end
  self.optimizer = optim.adam(learned, { lr = o.lr or 3.5e-4 })
  return self
end

-- sum over classes of -target log q, the mean over the batch.
local function soft(log_q, target)
  return (log_q * target):sum(2):mean() * -1
end

--- parts:loss(features, batch)
--- The cross-entropies of the whole body and of the parts, with their refined labels; the parts' mean.
--- @param features  f32[b x dim]; not looked at, the parts are
--- @param batch     {rows=, labels=, parts=}: i64[b], i32[b], list of f32[b x d]
--- @return tensor  a single number
function Parts:loss(features, given) -- luacheck: ignore 212
  batch.check("calr.memory.parts", given, "rows", "labels", "parts")
  local hard = T.one_hot(given.labels:to "i64", self.clusters):to "f32"
  local log_q, agreed = {}, {}
  for i, feature in ipairs(given.parts) do
    log_q[i] = T.matmul(feature, self.classifiers[i], { transpose_b = true, scale = 1 / self.temperature })
      :log_softmax(2)
    if i > 1 then agreed[i - 1] = self.scores[i - 1]:index_select(1, given.rows):unsqueeze(2) end
  end
  local weights, mixed = T.cat(agreed, 2):softmax(2), hard * self.keep
  local of_parts
  for i = 2, #log_q do
    -- C H(y, q) + (1 - C) KL(u || q), with what does not depend on q left out: cross-entropy with a smoothed label.
    local target = hard * agreed[i - 1] + (1 - agreed[i - 1]) / self.clusters
    local loss = soft(log_q[i], target)
    of_parts = of_parts and of_parts + loss or loss
    mixed = mixed + log_q[i]:detach():exp() * weights:narrow(2, i - 1, 1) * (1 - self.keep)
  end
  return soft(log_q[1], mixed) + of_parts * (1 / (#log_q - 1))
end

--- parts:update(features, batch)
--- A step of the classifiers, by the gradients that the loss has left.
--- @param features  f32[b x dim]
--- @param batch     table
function Parts:update(features, given) -- luacheck: ignore 212
  self.optimizer:step()
  self.optimizer:zero_grad()
end

--- parts:state()
--- Nothing: the classifiers are made anew in each epoch.
--- @return table  empty
function Parts:state() return {} end

--- parts:load_state(map)
--- Takes back what state() gave.
--- @param map  table
function Parts:load_state(map) -- luacheck: ignore 212
end

local counted = require("calr.options").counted
counted("parts:", Parts)
return (counted("calr.memory.", parts))
