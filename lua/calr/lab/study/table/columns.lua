--- @module calr.lab.study.table.columns
--- The columns of a study's tables: which figure of a trial, its unit, its better direction, its digits.
---
--- A column is named by a metric, "mAP", for the figure at the trial's end, or by a metric and how its epoch was
--- chosen: "mAP@select" (the epoch picked by the study's label-free criterion) or "mAP@best" (the best epoch on the
--- test set, a choice impossible without labels). The heads say so: figures chosen in different ways are different
--- columns.
---
--- **Percent.** A metric is shown in percent, as usual in the field, if its name is that of a ranking score (mAP, mINP,
--- rank1, rank-5, cmc10, top1, accuracy, acc; for "test.mAP" the last part counts) and all values of the column lie in
--- [0, 1]. Everything else is shown as reported. Files (CSV, JSON) always hold the reported values.
---
--- **Digits.** Percentages have one decimal, or two if the seeds differ by less than 0.1 points. Other figures show two
--- digits of the typical standard deviation, or four digits of the value if there is none. Very large and very small
--- values have exponents.
---
--- **Better.** A goal states its direction. Without one, ranking scores, silhouette, nmi, precision, recall and f are
--- better when larger; loss, error, hours, seconds, expansion and codelength when smaller; no other figure gets a mark
--- for the best.

local suggest = require "calr.options".suggest

local columns = {}

local variants = { last = "", select = " (label-free epoch)", best = " (best on test)" }

local larger = { "^map$", "^minp$", "^rank[-_@]?%d+$", "^cmc[-_@]?%d+$", "^top[-_@]?%d+$", "^accuracy$", "^acc$",
  "^silhouette$", "^nmi$", "^precision$", "^recall$", "^f$", "^f1$" }
local percents = 7 -- this many of the names above are ranking scores
local smaller = { "loss", "error", "^hours$", "^seconds$", "^expansion$", "^codelength$" }

local function matches(name, patterns, count)
  local last = name:lower():match "[^./]*$"
  for i = 1, count or #patterns do
    if last:find(patterns[i]) then return true end
  end
  return false
end

--- calr.lab.study.table.columns.direction(view, metric)
--- @return string|nil  "max", "min", or nil if unknown
function columns.direction(view, metric)
  for _, goal in ipairs(view.goals) do
    if goal.metric == metric then return goal.direction end
  end
  if matches(metric, larger) then return "max" end
  if matches(metric, smaller) then return "min" end
  return nil
end

--- calr.lab.study.table.columns.is_score(metric)
--- @return boolean  whether a metric is a ranking score by its name, shown in percent if its values lie in [0, 1]
function columns.is_score(metric)
  return matches(metric, larger, percents)
end

--- calr.lab.study.table.columns.head(name)
--- @return string  the head of a column: "mAP@best" -> "mAP (best on test)"
function columns.head(name)
  local metric, variant = name:match "^(.*)@(%a+)$"
  return metric and variants[variant] and metric .. variants[variant] or name
end

-- All metrics of the study, sorted.
local function known_metrics(view)
  local seen, names = { hours = true }, { "hours" }
  local function add(name)
    if not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
  for _, goal in ipairs(view.goals) do add(goal.metric) end
  for _, trial in ipairs(view.trials) do
    for name in pairs(trial.metrics) do add(name) end
  end
  table.sort(names)
  return names
end

--- calr.lab.study.table.columns.parse(view, names)
--- Returns the columns for a list of names; an unknown name is an error that lists the known ones.
--- @param names  list, or nil: the goals' metrics, and rank1 beside mAP when the trials have it
--- @return table  list of {name=, metric=, variant="last"|"select"|"best", head=, direction=}
function columns.parse(view, names)
  local known = known_metrics(view)
  local is_known = {}
  for _, name in ipairs(known) do is_known[name] = true end
  if not names then
    names = {}
    for i, goal in ipairs(view.goals) do names[i] = goal.metric end
    if #names == 1 and names[1] == "mAP" and is_known.rank1 then names[2] = "rank1" end
  end
  local list, seen = {}, {}
  for _, name in ipairs(names) do
    local metric, variant = name:match "^(.*)@(%a+)$"
    if not metric or not variants[variant] then metric, variant = name, "last" end
    if not is_known[metric] then
      error(("the study has no metric \"%s\"%s; there are: %s; each also as \"%s@select\" and \"%s@best\""):format(name,
        suggest(metric, known), table.concat(known, ", "), known[1], known[1]), 0)
    end
    if variant == "select" and not view.select then
      error(("\"%s\" needs a label-free criterion, and the study has none: give it select = \"max silhouette\""):format(
        name), 0)
    end
    local full = variant == "last" and metric or metric .. "@" .. variant
    if not seen[full] then
      seen[full] = true
      list[#list + 1] = { name = full, metric = metric, variant = variant, head = metric .. variants[variant],
        direction = columns.direction(view, metric) }
    end
  end
  return list
end

--- calr.lab.study.table.columns.value(view, trial, column)
--- @return number|nil  the figure of a finished trial
function columns.value(view, trial, column)
  if trial.state ~= "finished" then return nil end
  local value
  if column.variant == "last" then
    value = trial.metrics[column.metric]
  else
    value = require("calr.lab.study.view").value(trial, column.name, view)
  end
  return value and value == value and math.abs(value) < math.huge and value or nil
end

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

--- calr.lab.study.table.columns.scale(column, means, deviations)
--- Chooses unit and digits of a column from its values: sets column.percent, column.scientific (booleans) and
--- column.digits.
--- @param means       list of the numbers shown
--- @param deviations  list of standard deviations
function columns.scale(column, means, deviations)
  local inside, largest = true, 0
  for _, value in ipairs(means) do
    inside = inside and value >= 0 and value <= 1
    largest = math.max(largest, math.abs(value))
  end
  local positive = {}
  for _, value in ipairs(deviations) do
    if value > 0 then positive[#positive + 1] = value end
  end
  local typical = median(positive)
  column.percent = inside and #means > 0 and columns.is_score(column.metric)
  column.scientific = not column.percent and (largest >= 1e7 or (largest > 0 and largest < 1e-4))
  if column.percent then
    column.digits = typical and typical < 0.001 and 2 or 1
  else
    local digits
    if typical then
      digits = 1 - math.floor(math.log(typical, 10))
    else
      digits = largest > 0 and largest < math.huge and 3 - math.floor(math.log(largest, 10)) or 3
    end
    column.digits = math.max(0, math.min(8, digits))
  end
end

return columns
