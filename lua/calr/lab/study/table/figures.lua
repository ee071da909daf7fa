--- @module calr.lab.study.table.figures
--- Computes the figures of a sheet: mean and deviation over seeds, differences from one row, the best row and those
--- statistically as good.

local columns = require "calr.lab.study.table.columns"
local pairing = require "calr.lab.study.pairing"
local statistics = require "calr.statistics"
local suggest = require "calr.options".suggest
local text = require "calr.text"

local figures = {}

local level = 0.05

-- The values of a table by seed, by ascending seed.
local function listed(by_seed, seeds)
  local list = {}
  for _, seed in ipairs(seeds) do list[#list + 1] = by_seed[seed] end
  return list
end

-- The groups as rows of calr.lab.study.pairing, with the figures of one column.
local function rows_of(groups, column)
  local rows = {}
  for g, group in ipairs(groups) do rows[g] = { values = group.values[column.name], trials = group.trials } end
  return rows
end

-- Marks the best cell, and those whose paired difference from it no test distinguishes from chance.
local function mark(cells, groups, column)
  local best = column.direction and pairing.best(cells, column.direction)
  if not best or next(cells, next(cells)) == nil then return nil end
  cells[best].best = true
  local standing = pairing.standing(rows_of(groups, column), best, level)
  local info = { pairs = standing.pairs, few = {}, decided = standing.decided,
    surpassed = pairing.surpassed(cells, best, column.direction) }
  for i, g in ipairs(standing.few) do info.few[i] = groups[g].label end
  info.comparisons = #standing.comparable > 0 and #standing.comparable or #info.few
  if #standing.comparable + #info.few == 0 then return nil end
  if info.decided then
    for _, g in ipairs(standing.comparable) do cells[g].as_good = standing.p_corrected[g] > level end
    for _, g in ipairs(standing.same) do cells[g].as_good = true end
    for _, cell in pairs(cells) do info.any = info.any or cell.as_good end
  end
  return info
end

--- calr.lab.study.table.figures.seeds_wanted(comparisons)
--- @return integer  how many seeds allow a corrected p-value of 0.05 for this many comparisons
function figures.seeds_wanted(comparisons)
  local n = 1
  while statistics.smallest_p(n) * comparisons > level do n = n + 1 end
  return n
end

--- calr.lab.study.table.figures.cells(groups, column, seeds)
--- Returns the cells of a column of figures; chooses its unit and digits (columns.scale).
--- @return table      position of the group -> cell; nil where a group has no figure
--- @return table|nil  about the marks: pairs (the most in a comparison with the best), comparisons, decided (whether
---                    this many pairs can separate any row from the best), few (labels of rows with too few seeds in
---                    common with the best for any p to be 0.05), any (whether one is as good), surpassed (whether a
---                    row with fewer seeds has a better mean); nil: no marks
function figures.cells(groups, column, seeds)
  local cells, means, deviations = {}, {}, {}
  for g, group in ipairs(groups) do
    local summary = statistics.summary(listed(group.values[column.name], seeds))
    if summary.n > 0 then
      cells[g] = { mean = summary.mean, sd = summary.sd, n = summary.n }
      means[#means + 1] = summary.mean
      deviations[#deviations + 1] = summary.sd
    end
  end
  columns.scale(column, means, deviations)
  return cells, mark(cells, groups, column)
end

--- calr.lab.study.table.figures.find(groups, versus)
--- Returns the group to compare the others with: by its label, or by the value if rows are values of a parameter.
--- An unknown one is an error that lists the known ones.
--- @return integer  its position
function figures.find(groups, versus)
  local labels = {}
  for g, group in ipairs(groups) do
    labels[g] = group.label
    if group.label == versus or (#group.ids == 1 and tostring(group.ids[1]) == tostring(versus)) then return g end
  end
  error(("there is no row \"%s\"%s; there are: %s"):format(versus,
    suggest(tostring(versus), labels), table.concat(labels, ", ")), 0)
end

--- calr.lab.study.table.figures.differences(groups, column, versus)
--- Returns paired differences of all groups from one of them: mean, BCa interval, exact sign-flip p, and p corrected by
--- Holm.
--- @param versus  position of a group
--- @return table  position -> {mean=, low=, high=, n=, p=, corrected=}; without an entry for versus
--- @return table  what calr.lab.study.pairing.differences says about them
function figures.differences(groups, column, versus)
  local cells = {}
  local list, info = pairing.differences(rows_of(groups, column), versus)
  for g, d in pairs(list) do
    cells[g] = { mean = d.mean, low = d.low, high = d.high, n = d.n, p = d.p, corrected = d.p_corrected }
  end
  return cells, info
end

--- calr.lab.study.table.figures.seed_list(seeds)
--- @return string  "seed 3", "seeds 1, 2, 5", "seeds 1-6"
function figures.seed_list(seeds)
  local sorted = table.move(seeds, 1, #seeds, 1, {})
  table.sort(sorted)
  if #sorted == 1 then return "seed " .. sorted[1] end
  if #sorted > 2 and sorted[#sorted] - sorted[1] == #sorted - 1 then
    return ("seeds %s-%s"):format(sorted[1], sorted[#sorted])
  end
  return #sorted > 12 and ("%s seeds"):format(text.count(#sorted)) or "seeds " .. table.concat(sorted, ", ")
end

return figures
