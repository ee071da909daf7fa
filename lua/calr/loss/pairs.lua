--- @module calr.loss.pairs
--- The caller says which images belong together. Losses that find the pairs in a batch by its labels come below.

local arguments = require "calr.options"
local common = require "calr.loss.common"
local form = require "calr.form"
local fail, float = common.fail, common.float

local pairs_of = {}

-- The targets of pairs: 1 and -1 only, one for each.
local function signs(what, target, n)
  local y = float(what, "target", target)
  if not form.is(y, y:dtype(), n) then
    fail(what, "target must be f32[%d], 1 or -1 for each pair, not %s", n, form.text(target))
  end
  if (y * y):ne(1):any():item() then fail(what, "target must hold 1 and -1 only") end
  return y
end

-- Two batches of vectors of the same shape.
local function vectors(what, first, x, second, y)
  x, y = float(what, first, x, 2, "n x d"), float(what, second, y, 2, "n x d")
  common.same_shape(what, first, x, second, y)
  return x, y
end

--- calr.loss.cosine_embedding(x1, x2, target [, {margin=0, reduction="mean"}])
--- As torch.nn.functional.cosine_embedding_loss: 1 - cos(x1, x2) for pairs with target 1, and
--- max(0, cos(x1, x2) - margin) for those with target -1.
--- @param x1, x2     f32[n x d]
--- @param target     f32[n]; 1: the same, -1: different
--- @param margin     -1 .. 1
--- @param reduction  "mean", "sum" or "none"
--- @return tensor
function pairs_of.cosine_embedding(x1, x2, target, options)
  local what = "calr.loss.cosine_embedding"
  local o = common.options(what, options, { margin = { default = 0, low = -1, high = 1 },
    reduction = common.reduction })
  x1, x2 = vectors(what, "x1", x1, "x2", x2)
  local y = signs(what, target, x1:size(1)):to(x1:dtype())
  -- PyTorch's: the squares get a small number each, so that a row of zeros has a cosine of 0.
  local eps = 2 ^ -23
  local norms = ((x1 * x1):sum(2) + eps) * ((x2 * x2):sum(2) + eps)
  local cosine = (x1 * x2):sum(2) / norms:sqrt()
  local alike = (y + 1) / 2
  return common.reduce((1 - cosine) * alike + (cosine - o.margin):relu() * (1 - alike), o.reduction)
end

--- calr.loss.margin_ranking(x1, x2, target [, {margin=0, reduction="mean"}])
--- As torch.nn.functional.margin_ranking_loss: max(0, -y (x1 - x2) + margin). With y = 1, x1 should be the larger one.
--- @param x1, x2     f32[n]
--- @param target     f32[n]; y, 1 or -1
--- @param margin     number
--- @param reduction  "mean", "sum" or "none"
--- @return tensor
function pairs_of.margin_ranking(x1, x2, target, options)
  local what = "calr.loss.margin_ranking"
  local o = common.options(what, options, { margin = { default = 0 }, reduction = common.reduction })
  x1, x2 = float(what, "x1", x1, 1, "n"), float(what, "x2", x2, 1, "n")
  common.same_shape(what, "x1", x1, "x2", x2)
  local y = signs(what, target, x1:size(1)):to(x1:dtype())
  return common.reduce(((x2 - x1) * y + o.margin):relu(), o.reduction)
end

local function distance(x, y, p, eps)
  return (x - y + eps):norm(p, { dim = 2 })
end

--- calr.loss.triplet_margin(anchor, positive, negative [, {margin=1, p=2, eps=1e-6, swap=false, reduction="mean"}])
--- As torch.nn.functional.triplet_margin_loss: max(0, d(a, p) - d(a, n) + margin), d(x, y) = |x - y + eps|_p (FaceNet,
--- Schroff et al., CVPR 2015, equation 1, without the squares). calr.loss.triplet finds the triplets of a batch.
--- @param anchor, positive, negative  f32[n x d]
--- @param margin     above 0
--- @param p          the norm, 1 or more
--- @param eps        keeps the gradient of equal vectors finite
--- @param swap       boolean; takes d(p, n) in place of d(a, n) where it is smaller (Balntas et al., BMVC 2016)
--- @param reduction  "mean", "sum" or "none"
--- @return tensor
function pairs_of.triplet_margin(anchor, positive, negative, options)
  local what = "calr.loss.triplet_margin"
  local o = common.options(what, options, { margin = { default = 1, above = 0 }, p = { default = 2, low = 1 },
    eps = { default = 1e-6, low = 0 }, swap = { default = false, switch = true }, reduction = common.reduction })
  local a, n = vectors(what, "anchor", anchor, "negative", negative)
  local p = float(what, "positive", positive, 2, "n x d")
  common.same_shape(what, "anchor", a, "positive", p)
  local far = distance(a, n, o.p, o.eps)
  if o.swap then far = far:minimum(distance(p, n, o.p, o.eps)) end
  return common.reduce((distance(a, p, o.p, o.eps) - far + o.margin):relu(), o.reduction)
end

return (arguments.counted("calr.loss.", pairs_of))
