--- @module calr.lab.report.results
--- Compares the configurations of a study for its report: differences, and those statistically as good as the best.

local columns = require "calr.lab.report.columns"
local compare = require "calr.lab.study.compare"
local errors = require "calr.errors"
local importance = require "calr.lab.study.importance"
local json = require "calr.json"
local suggest = require "calr.options".suggest

local results = {}

local most_rows = 60 -- larger tables are not compared
local most_metrics = 8

local function has_label(part, label)
  for _, row in ipairs(part.rows or {}) do
    if row.label == label then return true end
  end
  return false
end

local function check_versus(view, versus)
  local labels = {}
  for _, part in ipairs(view.parts) do
    if part.kind ~= "search" then
      if has_label(part, versus) then return end
      for _, row in ipairs(part.rows or {}) do labels[#labels + 1] = row.label end
    end
  end
  errors.usage("the study has no row \"%s\" to compare with%s", versus,
    suggest(versus, labels))
end

-- The row that others are compared with: the requested one, or else the first of an ablation.
local function reference(part, versus)
  if versus and has_label(part, versus) then return versus end
  return (part.kind == "ablate" or part.kind == "runs") and part.rows[1] and part.rows[1].label or nil
end

local function difference(row)
  local d = row.difference
  if not d then return nil end
  return { mean = columns.short(d.mean), low = d.low and columns.short(d.low), high = d.high and columns.short(d.high),
    n = d.n, p = d.p_corrected and columns.short(d.p_corrected), level = d.level }
end

local function numbers_of(rows)
  local list = json.array {}
  for i, row in ipairs(rows) do list[i] = row.row end
  return list
end

local function standing(view, index, metric)
  local best = compare.best(view, { part = index, metric = metric })
  if not best then return nil end
  return { best = best.best.row, as_good = numbers_of(best.as_good), decided = best.decided,
    surpassed = best.surpassed, undecided = #best.undecided,
    smallest_p = best.smallest_p and columns.short(best.smallest_p) }
end

--- calr.lab.report.results.comparisons(view, metrics [, versus])
--- Returns, for each part with repeated rows and each metric: differences from a reference, the best rows, notes.
--- @param metrics  names, including variants such as "mAP@best"; the first ones are compared
--- @param versus   label of the reference; default: the first row of an ablation
--- @return table   list of {part=, metric=, versus=, smallest_p=, comparisons=, rows={number -> difference}, best=,
---                 as_good=, decided=, notes=}
function results.comparisons(view, metrics, versus)
  if versus then check_versus(view, versus) end
  local list = json.array {}
  for index, part in ipairs(view.parts) do
    local count = #(part.rows or {})
    if part.kind ~= "search" and count > 1 and count <= most_rows then
      for m = 1, math.min(#metrics, most_metrics) do
        local metric = metrics[m]
        local table_of = compare.rows(view, { part = index, metric = metric, versus = reference(part, versus) })
        local item = { part = index, metric = metric, versus = table_of.versus, comparisons = table_of.comparisons,
          smallest_p = table_of.smallest_p and columns.short(table_of.smallest_p), rows = json.array {},
          notes = json.array(table_of.notes), standing = standing(view, index, metric) }
        for r, row in ipairs(table_of.rows) do item.rows[r] = difference(row) or json.null end
        list[#list + 1] = item
      end
    end
  end
  return list
end

--- calr.lab.report.results.members(view)
--- Returns the trials behind the rows of each part but searches: those that count for the row (calr.lab.study.pairing),
--- whichever part they ran for, and those that are planned for it and may still count.
--- @return table  part -> row -> list of numbers of trials, from 0; an empty list for a search
function results.members(view)
  local list, index = json.array {}, {}
  for i, trial in ipairs(view.trials) do index[trial] = i - 1 end
  for p, part in ipairs(view.parts) do
    local rows, seen = json.array {}, {}
    list[p] = rows
    if part.kind ~= "search" then
      for r in ipairs(part.rows or {}) do rows[r], seen[r] = json.array {}, {} end
      local function add(r, trial)
        if rows[r] and not seen[r][trial] then
          seen[r][trial] = true
          rows[r][#rows[r] + 1] = index[trial]
        end
      end
      local chose = part.kind == "confirm" and view.seeds[1]
      for _, trial in ipairs(view.trials) do
        if trial.part == p and trial.seed ~= chose and not trial.repeats then add(trial.row, trial) end
      end
      for r, row in ipairs(compare.rows(view, { part = p }).rows) do
        for _, seed in ipairs(row.seeds) do add(r, row.trials[seed]) end
      end
    end
  end
  return list
end

--- calr.lab.report.results.importance(view)
--- Returns which parameters matter, for every search and grid and every goal.
--- @return table  list of {part=, metric=, trials=, best=, notes=, parameters = {{name=, value=}}}
function results.importance(view)
  local list = json.array {}
  for p, part in ipairs(view.parts) do
    for _, goal in ipairs((part.kind == "search" or part.kind == "grid") and view.goals or {}) do
      local found = importance.rank(view, { part = p, metric = goal.metric })
      if found and found.n >= 4 and #found.parameters > 1 then
        local item = { part = p, metric = goal.metric, trials = found.n, best = found.best,
          notes = json.array(found.notes), parameters = json.array {} }
        for i, parameter in ipairs(found.parameters) do
          item.parameters[i] = { name = parameter.name, value = columns.short(parameter.share, 4) }
        end
        list[#list + 1] = item
      end
    end
  end
  return list
end

return results
