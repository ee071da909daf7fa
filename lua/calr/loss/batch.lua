--- @module calr.loss.batch
--- Losses over features and labels: they find the pairs in the batch. Draw batches of P labels x K images for them
--- (calr.batches.cross_camera), since an image without a partner in the batch teaches nothing.
---
--- An image is an *anchor* when the batch holds a positive (another image of its label) and a negative (an image of
--- another label). The mean is over anchors. A batch without any gives 0, with gradient 0.

local T = require "calr.tensor"
local arguments = require "calr.options"
local common = require "calr.loss.common"
local fail = common.fail

local batch = {}

-- What is left out of a maximum or a sum of exponentials: nearly the largest f32. An infinity would do as well, but
-- calr.autograd.detect_anomaly would stop at it.
local infinity = 3e38

local distances = {
  euclidean = function(x) return T.cdist(x, x) end,
  squared = function(x) return T.cdist(x, x) ^ 2 end,
  cosine = function(x)
    local unit = x:l2_normalize(2)
    return 1 - unit:matmul(unit, { transpose_b = true })
  end,
}

-- max(0, x + margin), or its smooth form ln(1 + exp(x)).
local function hinge(x, margin)
  return margin == "soft" and x:softplus() or (x + margin):relu()
end

local mining = {}

-- The farthest positive and the nearest negative of each anchor.
function mining.hard(d, positive, negative)
  return d:masked_fill(~positive, -infinity):amax(2) - d:masked_fill(~negative, infinity):amin(2)
end

-- Means over all positives and all negatives, the hard ones counting most.
function mining.weighted(d, positive, negative)
  local far = (d:masked_fill(~positive, -infinity):softmax(2) * d):sum(2)
  local near = ((-d):masked_fill(~negative, -infinity):softmax(2) * d):sum(2)
  return far - near
end

-- Every triplet of every anchor.
local function all_triplets(d, positive, negative, o)
  local valid = positive:unsqueeze(3) & negative:unsqueeze(2)
  local each = hinge(d:unsqueeze(3) - d:unsqueeze(2), o.margin)
  each = each:masked_fill(~valid, 0)
  if o.reduction == "sum" then return each:sum() end
  local counted = o.nonzero and valid & each:detach():gt(0) or valid
  return common.reduce(each, "mean", counted:count_nonzero():item())
end

--- calr.loss.triplet(features, labels [, {margin=.3, mining="hard", distance="euclidean", nonzero=false,
---   reduction="mean"}])
--- Triplet loss over the triplets of a batch (Hermans et al., arXiv 1703.07737). For anchor a with positives p and
--- negatives n, D the distance and h(x) = max(0, margin + x), or h(x) = ln(1 + exp(x)) with margin = "soft":
---
---     hard      h(max_p D(a, p) - min_n D(a, n))                  batch hard, equation 5
---     all       h(D(a, p) - D(a, n)) for all p and n              batch all, equation 6
---     weighted  h(sum_p w_p D(a, p) - sum_n w_n D(a, n))          w_p = softmax of D(a, p) over the positives,
---                                                                 w_n = softmax of -D(a, n) over the negatives
---
--- The weighted form is Ristani and Tomasi's (CVPR 2018, equation 4) and with margin = "soft" that of AGW (Ye et al.,
--- TPAMI 2021, equations 4 and 5). "all" looks at n^3 triplets.
--- @param features   f32[n x d], or f64 or bf16; not normalised by the loss
--- @param labels     i64 or i32[n]
--- @param margin     number of 0 or more, or "soft"
--- @param mining     "hard", "all" or "weighted"
--- @param distance   "euclidean", "squared" (its square, as in FaceNet) or "cosine" (1 - cosine)
--- @param nonzero    boolean; with "all": the mean is over the triplets whose loss is not 0
--- @param reduction  "mean", "sum", or, not with "all", "none": the loss of each image, 0 where it is no anchor
--- @return tensor
function batch.triplet(features, labels, options)
  local what = "calr.loss.triplet"
  local o = common.options(what, options, {
    margin = { default = 0.3, low = 0, word = "soft" }, mining = { default = "hard", choices = { "hard", "all",
      "weighted" } }, distance = { default = "euclidean", choices = { "euclidean", "squared", "cosine" } },
    nonzero = { default = false, switch = true }, reduction = common.reduction,
  })
  if o.mining == "all" and o.reduction == "none" then
    fail(what, "mining \"all\" has a loss for each triplet, not for each image: reduction must be \"mean\" or \"sum\"")
  end
  if o.nonzero and o.mining ~= "all" then fail(what, "nonzero belongs to mining = \"all\"") end
  local x, positive, negative = common.batch(what, features, labels)
  local anchors = common.anchors(positive, negative)
  if not anchors then return common.nothing(x, o.reduction) end
  local d = distances[o.distance](x):index_select(1, anchors)
  positive, negative = positive:index_select(1, anchors), negative:index_select(1, anchors)
  if o.mining == "all" then return all_triplets(d, positive, negative, o) end
  local each = hinge(mining[o.mining](d, positive, negative), o.margin)
  return common.spread(each, anchors, x:size(1), o.reduction)
end

--- calr.loss.circle(features, labels [, {margin=.25, scale=128, normalize=true, reduction="mean"}])
--- Circle loss (Sun et al., CVPR 2020, equations 6 and 8) on cosines s, with m the margin and g the scale:
---
---     L   = ln(1 + sum_n exp(g a_n (s_n - m)) sum_p exp(-g a_p (s_p - (1 - m))))
---     a_p = max(0, 1 + m - s_p),   a_n = max(0, s_n + m)        constants: no gradient flows through them
---
--- for each anchor. The paper takes m = 0.25 and g = 128 for persons.
--- @param features   f32[n x d]
--- @param labels     i64 or i32[n]
--- @param margin     0 .. 1
--- @param scale      above 0
--- @param normalize  boolean; false: rows are of length 1 already
--- @param reduction  "mean" over the anchors, "sum", or "none": 0 where an image is no anchor
--- @return tensor
function batch.circle(features, labels, options)
  local what = "calr.loss.circle"
  local o = common.options(what, options, {
    margin = { default = 0.25, low = 0, high = 1 }, scale = { default = 128, above = 0 },
    normalize = { default = true, switch = true }, reduction = common.reduction,
  })
  local x, positive, negative = common.batch(what, features, labels)
  local anchors = common.anchors(positive, negative)
  if not anchors then return common.nothing(x, o.reduction) end
  local unit, m = common.unit(x, o.normalize), o.margin
  local s = unit:index_select(1, anchors):matmul(unit, { transpose_b = true })
  local fixed = s:detach()
  local near = (s - (1 - m)) * (1 + m - fixed):relu() * -o.scale
  local far = (s - m) * (fixed + m):relu() * o.scale
  near = near:masked_fill(~positive:index_select(1, anchors), -infinity):logsumexp(2)
  far = far:masked_fill(~negative:index_select(1, anchors), -infinity):logsumexp(2)
  return common.spread((near + far):softplus(), anchors, x:size(1), o.reduction)
end

--- calr.loss.supervised_contrastive(features, labels [, {temperature=.1, normalize=true, reduction="mean"}])
--- Supervised contrastive loss (Khosla et al., NeurIPS 2020, equation 2, L_out), z the unit features and t the
--- temperature:
---
---     L_i = -1 / |P(i)| sum_p ln(exp(z_i . z_p / t) / sum_{a != i} exp(z_i . z_a / t))
---
--- P(i) are the other images of i's label. An image without any has no loss; a batch of one label has.
--- @param features     f32[n x d]
--- @param labels       i64 or i32[n]
--- @param temperature  above 0
--- @param normalize    boolean; false: rows are of length 1 already
--- @param reduction    "mean" over the images that have a positive, "sum", or "none": 0 where there is none
--- @return tensor
function batch.supervised_contrastive(features, labels, options)
  local what = "calr.loss.supervised_contrastive"
  local o = common.options(what, options, { temperature = { default = 0.1, above = 0 },
    normalize = { default = true, switch = true }, reduction = common.reduction })
  local x, positive = common.batch(what, features, labels)
  local anchors = common.anchors(positive)
  if not anchors then return common.nothing(x, o.reduction) end
  local unit, n = common.unit(x, o.normalize), x:size(1)
  local s = unit:index_select(1, anchors):matmul(unit, { transpose_b = true, scale = 1 / o.temperature })
  local itself = T.eye(n):to "bool":index_select(1, anchors)
  local total = s:masked_fill(itself, -infinity):logsumexp(2, true)
  local mask = positive:index_select(1, anchors):to(x:dtype())
  local each = ((total - s) * mask):sum(2) / mask:sum(2)
  return common.spread(each, anchors, n, o.reduction)
end

return (arguments.counted("calr.loss.", batch))
