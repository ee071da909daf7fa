--- @module calr.loss.classes
--- Losses over classes: logits, log-probabilities and probabilities, whose last dimension is the classes.

local T = require "calr.tensor"
local arguments = require "calr.options"
local common = require "calr.loss.common"
local form = require "calr.form"
local fail, float, reduction = common.fail, common.float, common.reduction

local classes = {}

-- Scores as rows [n x c]; an empty tensor has no loss.
local function rows_of(what, name, x)
  x = float(what, name, x)
  if x:dim() == 0 or x:numel() == 0 then
    fail(what, "%s must be f32[... x classes], at least one row and one class, not %s", name, form.text(x))
  end
  local shape = x:shape()
  local c = table.remove(shape)
  return x:reshape(-1, c), shape, c
end

-- Labels as i64[n], and which of them count (nil: all). What is neither a class nor ignore_index is an error.
local function labels_of(what, labels, shape, c, ignored)
  local kind = T.is(labels) and labels:dtype()
  if not (kind == "i64" or kind == "i32" or kind == "u8") or not form.is(labels, kind, table.unpack(shape)) then
    fail(what, "labels must be whole numbers, i64[%s], or soft targets, f32[%s], not %s", table.concat(shape, " x "),
      table.concat(shape, " x ") .. (#shape > 0 and " x " or "") .. ("%d"):format(c), form.text(labels))
  end
  labels = labels:to "i64":reshape(-1)
  local out = labels:lt(0) | labels:ge(c)
  if not out:any():item() then return labels end
  local strange = (out & labels:ne(ignored)):nonzero()
  if strange:numel() > 0 then
    local at = strange:reshape(-1):get(1)
    local label = labels:get(at + 1)
    fail(what, "label %d (item %d) is not one of the classes 0 to %d%s", label, at + 1, c - 1,
      label < 0 and ("; ignore_index = %d leaves such items out"):format(label) or "")
  end
  return labels:masked_fill(out, 0), ~out
end

local function check_weight(what, name, weight, n, of)
  if weight == nil then return nil end
  if not form.is(weight, weight:dtype(), n) then
    fail(what, "%s must be f32[%d], one a %s, not %s", name, n, of, form.text(weight))
  end
  weight = float(what, name, weight)
  if weight:lt(0):any():item() then fail(what, "%s must be 0 or more, and one of them is negative", name) end
  return weight
end

local function times(a, b)
  return a and b and a * b or a or b
end

-- The weight of each item; nil where all count alike.
local function item_weights(labels, counts, weight, sample_weight, like)
  local w = times(weight and weight:index_select(1, labels), sample_weight)
  return times(w, counts and counts:to(like:dtype()))
end

-- -log p of the labels, weighted, and the sum of the weights (nil: their number).
local function negative_log(log_p, labels, counts, w)
  local each = -log_p:gather(2, labels:unsqueeze(2)):squeeze(2)
  if counts then each = each:masked_fill(~counts, 0) end -- an infinity there does not count
  return w and each * w or each, w and w:sum()
end

local function shaped(values, shape, how)
  return how == "none" and values:reshape(#shape > 0 and shape or {}) or values
end

local function hard(what, x, labels, shape, c, o)
  local counts
  labels, counts = labels_of(what, labels, shape, c, o.ignore_index)
  if x:dtype() == "f32" and not counts and o.label_smoothing == 0 and o.reduction == "mean" then
    return T.cross_entropy(x, labels:to "i32", { weights = o.weight, row_weights = o.sample_weight })
  end
  local w = item_weights(labels, counts, o.weight, o.sample_weight, x)
  local log_p, s = x:log_softmax(2), o.label_smoothing
  local each, total = negative_log(log_p, labels, counts, w)
  if s > 0 then
    local uniform = -(o.weight and log_p * o.weight or log_p):sum(2)
    if counts then uniform = uniform:masked_fill(~counts, 0) end
    each = each * (1 - s) + (o.sample_weight and uniform * o.sample_weight or uniform) * (s / c)
  end
  return shaped(common.reduce(each, o.reduction, total), shape, o.reduction)
end

local function soft(what, x, targets, shape, c, o)
  local y = float(what, "targets", targets):reshape(-1, c)
  local s = o.label_smoothing
  if s > 0 then y = y * (1 - s) + s / c end
  if o.weight then y = y * o.weight end
  local each = -(x:log_softmax(2) * y):sum(2)
  if o.sample_weight then each = each * o.sample_weight end
  return shaped(common.reduce(each, o.reduction, o.sample_weight and o.sample_weight:sum()), shape, o.reduction)
end

--- calr.loss.cross_entropy(logits, targets [, {weight=, sample_weight=, label_smoothing=0, ignore_index=-100,
---   reduction="mean"}])
--- Cross-entropy of logits x, as torch.nn.functional.cross_entropy. With labels y, weight w and smoothing s
--- (Szegedy et al., CVPR 2016, section 7) over C classes:
---
---     l_i  = -(1 - s) w[y_i] log p_i[y_i] - (s / C) sum_c w[c] log p_i[c],    p_i = softmax(x_i)
---     mean = sum_i l_i / sum_i w[y_i]
---
--- With soft targets q_i: l_i = -sum_c w[c] ((1 - s) q_i[c] + s / C) log p_i[c], and the mean divides by the number of
--- items. `sample_weight` multiplies each l_i, and the mean becomes the weighted one. Where all weights of a batch are
--- 0, or every label is ignored, the mean is 0 and so is its gradient (PyTorch gives NaN).
--- @param logits   f32[... x classes], or f64 or bf16
--- @param targets  labels, i64 or i32[...], from 0; or soft targets, f32[... x classes]
--- @param weight   f32[classes]; how much each class counts
--- @param sample_weight    f32[n]; how much each item counts, in the order of the items
--- @param label_smoothing  0 .. 1
--- @param ignore_index     integer; a label that does not count: -1 for outliers of a clustering
--- @param reduction        "mean", "sum" or "none" (a loss for each item)
--- @return tensor  f32[], or f32[...] with "none"
function classes.cross_entropy(logits, targets, options)
  local what = "calr.loss.cross_entropy"
  local o = common.options(what, options, {
    weight = { tensor = "f32[classes]" }, sample_weight = { tensor = "f32[n]" }, reduction = reduction,
    label_smoothing = { default = 0, low = 0, high = 1 }, ignore_index = { default = -100, integer = true },
  })
  local x, shape, c = rows_of(what, "logits", logits)
  o.weight = check_weight(what, "weight", o.weight, c, "class")
  o.sample_weight = check_weight(what, "sample_weight", o.sample_weight, x:size(1), "item")
  if T.is(targets) and targets:is_floating_point() then
    common.same_shape(what, "logits", logits, "targets", targets)
    return soft(what, x, targets, shape, c, o)
  end
  return hard(what, x, targets, shape, c, o)
end

--- calr.loss.nll(log_probabilities, labels [, {weight=, ignore_index=-100, reduction="mean"}])
--- Negative log-likelihood, as torch.nn.functional.nll_loss: l_i = -w[y_i] log p_i[y_i]; the mean divides by
--- sum_i w[y_i]. calr.loss.cross_entropy takes logits, and is what a network usually needs.
--- @param log_probabilities  f32[... x classes]; x:log_softmax()
--- @param labels             i64 or i32[...], from 0
--- @param weight, ignore_index, reduction  as for calr.loss.cross_entropy
--- @return tensor
function classes.nll(log_probabilities, labels, options)
  local what = "calr.loss.nll"
  local o = common.options(what, options, { weight = { tensor = "f32[classes]" }, reduction = reduction,
    ignore_index = { default = -100, integer = true } })
  local log_p, shape, c = rows_of(what, "log_probabilities", log_probabilities)
  o.weight = check_weight(what, "weight", o.weight, c, "class")
  local counts
  labels, counts = labels_of(what, labels, shape, c, o.ignore_index)
  local each, total = negative_log(log_p, labels, counts, item_weights(labels, counts, o.weight, nil, log_p))
  return shaped(common.reduce(each, o.reduction, total), shape, o.reduction)
end

--- calr.loss.bce_with_logits(logits, targets [, {weight=, pos_weight=, reduction="mean"}])
--- Binary cross-entropy of logits x with targets y of 0 .. 1, as torch.nn.functional.binary_cross_entropy_with_logits:
---
---     l = -w (p y log s(x) + (1 - y) log(1 - s(x))),    s(x) = 1 / (1 + exp(-x))
---
--- computed so that no logit is too large for it.
--- @param logits      f32[...]
--- @param targets     f32[...], of the same shape
--- @param weight      tensor w that broadcasts to the logits
--- @param pos_weight  tensor p that broadcasts to the logits: how much a positive target counts
--- @return tensor
function classes.bce_with_logits(logits, targets, options)
  local what = "calr.loss.bce_with_logits"
  local o = common.options(what, options, { weight = { tensor = "that broadcasts to the logits" },
    pos_weight = { tensor = "that broadcasts to the logits" }, reduction = reduction })
  local x, y = float(what, "logits", logits), float(what, "targets", targets)
  common.same_shape(what, "logits", x, "targets", y)
  local each
  if o.pos_weight then
    each = x * (1 - y) + (y * (o.pos_weight - 1) + 1) * (-x):softplus()
  else
    each = x * (1 - y) + (-x):softplus()
  end
  return common.reduce(o.weight and each * o.weight or each, o.reduction)
end

local divergence = { default = "mean", choices = { "mean", "batchmean", "sum", "none" } }

-- "batchmean" divides by the first dimension, as PyTorch does.
local function reduce_divergence(each, how)
  if how == "batchmean" then return each:sum() / each:size(1) end
  return common.reduce(each, how)
end

--- calr.loss.kl_div(input, target [, {reduction="mean", log_target=false}])
--- Kullback-Leibler divergence, as torch.nn.functional.kl_div: element by element q (log q - log p), where q = 0 gives
--- 0. Mind the names: `input` is log p, and "mean" divides by all elements; "batchmean" divides by the first dimension
--- and is the divergence of the definition.
--- @param input       f32[n x ...]; log p
--- @param target      f32[n x ...]; q, or log q with log_target
--- @param reduction   "mean", "batchmean", "sum" or "none"
--- @param log_target  boolean
--- @return tensor
function classes.kl_div(input, target, options)
  local what = "calr.loss.kl_div"
  local o = common.options(what, options, { reduction = divergence, log_target = { default = false, switch = true } })
  local log_p, q = float(what, "input", input), float(what, "target", target)
  common.same_shape(what, "input", log_p, "target", q)
  if log_p:dim() == 0 then fail(what, "input must have a first dimension, the items") end
  if o.log_target then return reduce_divergence(q:exp() * (q - log_p), o.reduction) end
  local none = q:eq(0)
  local each = (q * (q:masked_fill(none, 1):log() - log_p)):masked_fill(none, 0)
  return reduce_divergence(each, o.reduction)
end

--- calr.loss.distillation(student, teacher [, {temperature=1, reduction="batchmean"}])
--- Soft labels of a teacher (Hinton et al., arXiv 1503.02531, section 2): T^2 KL(softmax(t / T) || softmax(s / T)), so
--- that gradients keep their size at any temperature T. No gradient flows into the teacher.
--- @param student      f32[n x classes]; logits s
--- @param teacher      f32[n x classes]; logits t
--- @param temperature  above 0
--- @param reduction    "batchmean", "mean", "sum" or "none", as for calr.loss.kl_div
--- @return tensor
function classes.distillation(student, teacher, options)
  local what = "calr.loss.distillation"
  local o = common.options(what, options, { temperature = { default = 1, above = 0 },
    reduction = { default = "batchmean", choices = divergence.choices } })
  local s = rows_of(what, "student", student)
  local t = rows_of(what, "teacher", teacher)
  common.same_shape(what, "student", student, "teacher", teacher)
  local log_p, log_q = (s / o.temperature):log_softmax(2), (t:detach() / o.temperature):log_softmax(2)
  local each = log_q:exp() * (log_q - log_p) * o.temperature ^ 2
  return reduce_divergence(o.reduction == "none" and each:reshape(student:shape()) or each, o.reduction)
end

return (arguments.counted("calr.loss.", classes))
