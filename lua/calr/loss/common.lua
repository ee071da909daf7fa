--- @module calr.loss.common
--- What all losses share: checked arguments, reductions, pairs of a batch.

local T = require "calr.tensor"
local arguments = require "calr.options"
local form = require "calr.form"

local common = {}

--- calr.loss.common.fail(what, format, ...)
--- Raises an error at the line of the script that called the loss, however deep in the library the mistake shows.
--- @param what    the loss, as messages name it: "calr.loss.triplet"
--- @param format  as for string.format
function common.fail(what, format, ...)
  local level = 2
  for i = 2, 60 do
    local info = debug.getinfo(i, "S")
    if not info then break end
    if info.what ~= "C" and not arguments.is_library(info.source) then
      level = i
      break
    end
  end
  error(what .. ": " .. format:format(...), level)
end

local fail = common.fail

-- The kinds of options: each returns what keeps a value from being one.
local function number_problem(value, rule)
  if type(value) ~= "number" then return "must be a number, not " .. form.text(value) end
  local low, high = rule.low or -math.huge, rule.high or math.huge
  local above = rule.above and not (value > rule.above)
  if above or not (value >= low and value <= high and math.abs(value) < math.huge) then
    return ("must be %s, not %g"):format(rule.above and ("above %g"):format(rule.above)
      or high < math.huge and ("from %g to %g"):format(low, high) or ("%g or more"):format(low), value)
  end
end

local function choice_problem(value, rule)
  for _, choice in ipairs(rule.choices) do
    if value == choice then return nil end
  end
  return ("must be \"%s\", not %s%s"):format(table.concat(rule.choices, "\", \""),
    type(value) == "string" and ("\"%s\""):format(value) or form.text(value), arguments.suggest(value, rule.choices))
end

local function problem_of(value, rule)
  if rule.word and value == rule.word then return nil end
  if rule.choices then return choice_problem(value, rule) end
  if rule.tensor then
    return not T.is(value) and ("must be a tensor, %s, not %s"):format(rule.tensor, form.text(value)) or nil
  end
  if rule.switch then
    return type(value) ~= "boolean" and "must be true or false, not " .. form.text(value) or nil
  end
  if rule.integer and math.type(value) ~= "integer" then
    return "must be a whole number, not " .. tostring(value)
  end
  return number_problem(value, rule)
end

--- calr.loss.common.reduction
--- The rule of the option that most losses have.
common.reduction = { default = "mean", choices = { "mean", "sum", "none" } }

--- calr.loss.common.options(what, given, rules)
--- The options of a loss with their defaults; what is unknown or out of range is an error of the script's line.
--- @param rules  name -> {default=, and low=, high=, above= for numbers; integer=true; choices=; switch=true; tensor=
---               its form in words; word= a text that is valid beside numbers}
--- @return table
function common.options(what, given, rules)
  local names, o = {}, {}
  for name, rule in pairs(rules) do
    names[#names + 1], o[name] = name, rule.default
  end
  table.sort(names)
  if T.is(given) then fail(what, "options are a table, not a tensor: %s", form.text(given)) end
  for name, value in pairs(arguments.check(what, given, names, 2)) do
    local problem = problem_of(value, rules[name])
    if problem then fail(what, "option \"%s\" %s", name, problem) end
    o[name] = value
  end
  return o
end

--- calr.loss.common.float(what, name, x [, dims [, shape]])
--- An argument in a type that losses are computed in: f32 and f64 stay, bf16 and f16 become f32 (their gradient is
--- rounded on its way back).
--- @param name   string; of the argument, for the message
--- @param dims   integer; how many dimensions it must have
--- @param shape  string; its form in words, for the message
--- @return tensor
function common.float(what, name, x, dims, shape)
  local kind = T.is(x) and x:dtype()
  if not (kind == "f32" or kind == "f64" or kind == "bf16" or kind == "f16") or dims and x:dim() ~= dims then
    fail(what, "%s must be a tensor of real numbers%s, not %s", name, shape and ", f32[" .. shape .. "]" or "",
      form.text(x))
  end
  return (kind == "f32" or kind == "f64") and x or x:to "f32"
end

--- calr.loss.common.same_shape(what, first, x, second, y)
--- Two arguments must agree: broadcasting [n] with [n x 1] gives n x n numbers, which nobody means in a loss.
--- @param first, second  string; their names
function common.same_shape(what, first, x, second, y)
  if not form.is(y, y:dtype(), table.unpack(x:shape())) then
    fail(what, "%s, %s, and %s, %s, differ in shape", first, form.text(x), second, form.text(y))
  end
end

local whole = { i64 = true, i32 = true, u8 = true }

--- calr.loss.common.labels(what, labels, n)
--- Labels of n items, in i64.
--- @return tensor  i64[n]
function common.labels(what, labels, n)
  if not T.is(labels) or not whole[labels:dtype()] or labels:dim() ~= 1 or labels:size(1) ~= n then
    fail(what, "labels must be whole numbers, i64[%d], a label for each row, not %s", n, form.text(labels))
  end
  return labels:to "i64"
end

--- calr.loss.common.reduce(values, reduction [, weight])
--- The mean, the sum, or the values themselves.
--- @param weight  tensor or number; what the mean divides by, in place of the number of values. Where it is 0 the mean
---                is 0, and its gradient too: nothing in the batch counts
--- @return tensor
function common.reduce(values, reduction, weight)
  if reduction == "none" then return values end
  local sum = values:sum()
  if reduction == "sum" then return sum end
  if weight == nil then return values:mean() end
  local total = T.is(weight) and weight:item() or weight
  return total == 0 and sum * 0 or sum / total
end

--- calr.loss.common.batch(what, features, labels)
--- Features of a batch and the pairs in it.
--- @return tensor  features, [n x d]
--- @return tensor  bool[n x n]: two different images of one label
--- @return tensor  bool[n x n]: images of different labels
function common.batch(what, features, labels)
  features = common.float(what, "features", features, 2, "n x d")
  local n = features:size(1)
  if n == 0 then fail(what, "features, %s, are empty", form.text(features)) end
  labels = common.labels(what, labels, n)
  local same = labels:unsqueeze(2):eq(labels:unsqueeze(1))
  return features, same & ~T.eye(n):to "bool", ~same
end

--- calr.loss.common.anchors(positive, negative)
--- Rows with at least one pair of each kind; negative may be nil.
--- @return tensor|nil  i64[m], from 0; nil where there is none
function common.anchors(positive, negative)
  local valid = positive:any(2)
  if negative then valid = valid & negative:any(2) end
  local rows = valid:nonzero():reshape(-1)
  return rows:numel() > 0 and rows or nil
end

--- calr.loss.common.nothing(features, reduction)
--- The loss of a batch without a pair to learn from: 0, with gradient 0. It is NaN where the features are.
--- @return tensor
function common.nothing(features, reduction)
  if reduction == "none" then return features:sum(2) * 0 end
  return features:sum() * 0
end

--- calr.loss.common.spread(each, rows, n, reduction)
--- Reduces the losses of some anchors; with "none", those of the others are 0.
--- @param each  [m]
--- @param rows  i64[m]
--- @return tensor
function common.spread(each, rows, n, reduction)
  if reduction ~= "none" then return common.reduce(each, reduction) end
  return T.zeros({ n }, each:dtype()):index_add(1, rows, each)
end

--- calr.loss.common.unit(features, normalize)
--- @return tensor  rows of length 1 unless normalize is false
function common.unit(features, normalize)
  return normalize and features:l2_normalize(2) or features
end

return common
