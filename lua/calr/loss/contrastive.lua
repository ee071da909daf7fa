--- @module calr.loss.contrastive
--- Losses of self-supervised training: the partner of a row is the same row of another batch.

local T = require "calr.tensor"
local arguments = require "calr.options"
local common = require "calr.loss.common"
local form = require "calr.form"
local fail = common.fail

local contrastive = {}

local function rules(temperature)
  return { temperature = { default = temperature, above = 0 }, normalize = { default = true, switch = true },
    reduction = common.reduction }
end

local function views(what, first, x, second, y, o)
  x, y = common.float(what, first, x, 2, "n x d"), common.float(what, second, y, 2, "n x d")
  common.same_shape(what, first, x, second, y)
  if x:numel() == 0 then fail(what, "%s, %s, are empty", first, form.text(x)) end
  return common.unit(x, o.normalize), common.unit(y, o.normalize)
end

-- Cross-entropy of logits whose right column is known.
local function choose(logits, column, reduction)
  if reduction == "mean" and logits:dtype() == "f32" then return T.cross_entropy(logits, column:to "i32") end
  local each = logits:logsumexp(2) - logits:gather(2, column:unsqueeze(2)):squeeze(2)
  return common.reduce(each, reduction)
end

--- calr.loss.info_nce(queries, keys [, {temperature=.07, negatives=, normalize=true, reduction="mean"}])
--- InfoNCE (van den Oord et al., arXiv 1807.03748, equation 4; MoCo, He et al., CVPR 2020, equation 1), with t the
--- temperature:
---
---     L_i = -ln(exp(q_i . k_i / t) / sum_j exp(q_i . k_j / t))
---
--- The sum goes over the keys of the batch; with `negatives` over k_i and those rows in place of the other keys, as
--- with MoCo's queue. Gradients flow into all that has one: detach keys of a mean teacher (they come detached).
--- @param queries      f32[n x d]
--- @param keys         f32[n x d]; row i is the partner of query i
--- @param temperature  above 0
--- @param negatives    f32[m x d]
--- @param normalize    boolean; false: rows are of length 1 already
--- @param reduction    "mean", "sum" or "none"
--- @return tensor
function contrastive.info_nce(queries, keys, options)
  local what, allowed = "calr.loss.info_nce", rules(0.07)
  allowed.negatives = { tensor = "f32[m x d]" }
  local o = common.options(what, options, allowed)
  local q, k = views(what, "queries", queries, "keys", keys, o)
  local scale, n = 1 / o.temperature, q:size(1)
  if not o.negatives then
    return choose(q:matmul(k, { transpose_b = true, scale = scale }), T.arange(n), o.reduction)
  end
  local others = common.float(what, "negatives", o.negatives, 2, "m x d")
  if others:size(2) ~= q:size(2) then
    fail(what, "queries, %s, and negatives, %s, differ in the length of their rows", form.text(q), form.text(others))
  end
  others = common.unit(others, o.normalize):to(q:dtype())
  local logits = T.cat({ (q * k):sum(2, true) * scale, q:matmul(others, { transpose_b = true, scale = scale }) }, 2)
  return choose(logits, T.zeros({ n }, "i64"), o.reduction)
end

--- calr.loss.nt_xent(first, second [, {temperature=.5, normalize=true, reduction="mean"}])
--- The loss of SimCLR (Chen et al., ICML 2020, equation 1): each of the 2n features has the same image's other view as
--- its partner, and all other 2n - 2 as negatives.
---
---     L_i = -ln(exp(z_i . z_j / t) / sum_{k != i} exp(z_i . z_k / t))        j: the other view of i
--- @param first, second  f32[n x d]; two views of the same images, row by row
--- @param temperature    above 0
--- @param normalize      boolean; false: rows are of length 1 already
--- @param reduction      "mean" and "sum" over the 2n features, or "none": f32[2n], the first views first
--- @return tensor
function contrastive.nt_xent(first, second, options)
  local what = "calr.loss.nt_xent"
  local o = common.options(what, options, rules(0.5))
  local a, b = views(what, "first", first, "second", second, o)
  local z, n = T.cat({ a, b }, 1), a:size(1)
  local logits = z:matmul(z, { transpose_b = true, scale = 1 / o.temperature })
  logits = logits:masked_fill(T.eye(2 * n):to "bool", -3e38) -- as in calr.loss.batch
  return choose(logits, (T.arange(2 * n) + n) % (2 * n), o.reduction)
end

return (arguments.counted("calr.loss.", contrastive))
