--- @module calr.lab.study.table.figures
--- Computes the figures of a sheet: mean and deviation over seeds, differences from one row, the best row and those
--- statistically as good.

local columns = require "calr.lab.study.table.columns"
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

-- The position of the best mean among those with the most seeds, so that one lucky seed does not win; nil if the better
-- direction is unknown.
local function best_of(cells, direction)
  local best
  for g, cell in pairs(cells) do
    local other = cells[best]
    if not other or cell.n > other.n then
      best = g
    elseif cell.n == other.n then
      local sign = direction == "max" and 1 or -1
      if sign * cell.mean > sign * other.mean or (cell.mean == other.mean and g < best) then best = g end
    end
  end
  return direction and best
end

-- Number of resamples of a bootstrap interval: fewer if many pairs and rows would take long.
local function resamples_for(pairs_count, comparisons)
  return math.max(999, math.min(9999, math.floor(3e6 / math.max(1, pairs_count * comparisons))))
end

-- The p of the sign-flip test. Many pairs make it costly, and if the difference is obvious a bound will do: a sum of
-- random signs times d exceeds t in size with probability at most 2 exp(-t^2 / 2 sum d^2) (Hoeffding 1963).
local function p_of(differences, resamples)
  if #differences > 20 then
    local sum, squares = 0.0, 0.0
    for _, d in ipairs(differences) do sum, squares = sum + d, squares + d * d end
    local bound = squares > 0 and 2 * math.exp(-sum * sum / (2 * squares)) or 1
    if bound < 1e-4 then return bound end
  end
  return (statistics.sign_flip(differences, { resamples = resamples }))
end

-- a - b for the seeds of both, by ascending seed.
local function paired(a, b, seeds)
  local differences = {}
  for _, seed in ipairs(seeds) do
    if a[seed] and b[seed] then differences[#differences + 1] = a[seed] - b[seed] end
  end
  return differences
end

-- Marks the best cell, and those whose paired difference from it no test distinguishes from chance; the rule of
-- calr.lab.study.compare.best, without its intervals, which take a hundred times as long.
local function mark(cells, groups, column, seeds)
  local best = best_of(cells, column.direction)
  if not best or next(cells, next(cells)) == nil then return nil end
  cells[best].best = true
  local others, ps, info = {}, {}, { pairs = 0, few = {} }
  for g, group in ipairs(groups) do
    if cells[g] and g ~= best then
      local differences = paired(group.values[column.name], groups[best].values[column.name], seeds)
      if statistics.smallest_p(#differences) <= level then
        others[#others + 1], ps[#ps + 1] = cells[g], p_of(differences, resamples_for(#differences, #groups - 1))
      else
        info.few[#info.few + 1] = group.label
      end
      info.pairs = math.max(info.pairs, #differences)
    end
  end
  info.comparisons = #others > 0 and #others or #info.few
  if #others == 0 then return info end
  info.decided = statistics.smallest_p(info.pairs) * #others <= level
  if info.decided then
    for i, p in ipairs(statistics.holm(ps)) do
      others[i].as_good = p > level
      info.any = info.any or p > level
    end
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
---                    common with the best for any p to be 0.05), any (whether one is as good); nil: no marks
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
  return cells, mark(cells, groups, column, seeds)
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

--- calr.lab.study.table.figures.differences(groups, column, versus, seeds)
--- Returns paired differences of all groups from one of them: mean, BCa interval, exact sign-flip p, and p corrected by
--- Holm.
--- @param versus  position of a group
--- @return table  position -> {mean=, low=, high=, n=, p=, corrected=}; without an entry for versus
--- @return table  comparisons (how many), least and most (pairs), smallest_p (for this many pairs)
function figures.differences(groups, column, versus, seeds)
  local cells, order, ps = {}, {}, {}
  local info = { comparisons = 0, least = math.huge, most = 0 }
  for g, group in ipairs(groups) do
    local differences = g ~= versus and paired(group.values[column.name], groups[versus].values[column.name], seeds)
    local n = differences and #differences or 0
    if n > 0 then
      local resamples = resamples_for(n, #groups - 1)
      local interval = statistics.bootstrap(differences, { resamples = resamples })
      cells[g] = { mean = interval.estimate, low = interval.low, high = interval.high, n = n,
        p = p_of(differences, resamples) }
      order[#order + 1], ps[#ps + 1] = g, cells[g].p
      info.least, info.most = math.min(info.least, n), math.max(info.most, n)
    end
  end
  for i, p in ipairs(statistics.holm(ps)) do cells[order[i]].corrected = p end
  info.comparisons, info.smallest_p = #order, statistics.smallest_p(info.most)
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
