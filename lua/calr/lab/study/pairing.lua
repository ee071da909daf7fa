--- @module calr.lab.study.pairing
--- The rules by which the rows of a study are compared. Tables and reports both follow them, so that they give the same
--- figures: which seeds count, what makes a pair, which row is best and which rows are as good.
---
--- A row is a table with `values` (seed -> figure) and `trials` (seed -> trial).

local statistics = require "calr.statistics"

local pairing = {}

--- calr.lab.study.pairing.seeds(view, part)
--- Returns the seeds whose figures count for the rows of a part. The seed of a search chose the configurations, and the
--- best of many is too optimistic, so the confirmation counts only the other seeds.
--- @param part    position among the study's parts
--- @return table  list of seeds
function pairing.seeds(view, part)
  local kind = view.parts[part].kind
  if kind == "search" then return { view.seeds[1] } end
  return table.move(view.seeds, kind == "confirm" and 2 or 1, #view.seeds, 1, {})
end

--- calr.lab.study.pairing.same(a, b)
--- Tells whether two trials are one and the same, or one repeats the other: they cannot differ in more than chance.
--- @param a  trial or nil
--- @return boolean
function pairing.same(a, b)
  if a == nil or b == nil then return false end
  return a == b or a.identity ~= nil and a.identity == b.identity
end

-- The seeds of both rows whose trials are not the same, ascending; and how many are the same.
local function shared(a, b)
  local seeds, same = {}, 0
  for seed, value in pairs(a.values) do
    if value and b.values[seed] then
      if pairing.same(a.trials and a.trials[seed], b.trials and b.trials[seed]) then
        same = same + 1
      else
        seeds[#seeds + 1] = seed
      end
    end
  end
  table.sort(seeds)
  return seeds, same
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

--- calr.lab.study.pairing.differences(rows, reference [, level])
--- Returns the differences of all rows from one of them, paired by seed: mean, BCa interval, sign-flip p, and p
--- corrected by Holm's method. A row that has nothing but the reference's own trials is not compared.
--- @param reference  position of a row
--- @param level      of the intervals; 0.95
--- @return table  position -> what calr.statistics.paired returns, and p_corrected; nil without a pair
--- @return table  comparisons (how many), least and most (pairs), smallest_p (for the most pairs), same (positions of
---                the rows that have the reference's own trials)
function pairing.differences(rows, reference, level)
  local list, order, ps = {}, {}, {}
  local info = { comparisons = 0, least = math.huge, most = 0, same = {} }
  for g, row in ipairs(rows) do
    if g == reference then goto continue end
    do
      local seeds, same = shared(row, rows[reference])
      if #seeds == 0 and same > 0 then info.same[#info.same + 1] = g end
      if #seeds == 0 then goto continue end
      local a, b, resamples = {}, {}, resamples_for(#seeds, #rows - 1)
      for _, seed in ipairs(seeds) do a[seed], b[seed] = row.values[seed], rows[reference].values[seed] end
      local pairs_of = statistics.paired { a = a, b = b, level = level, resamples = resamples }
      if #seeds > 20 then pairs_of.p = p_of(pairs_of.differences, resamples) end
      list[g] = pairs_of
      order[#order + 1], ps[#ps + 1] = g, pairs_of.p
      info.least, info.most = math.min(info.least, #seeds), math.max(info.most, #seeds)
    end
    ::continue::
  end
  for i, p in ipairs(statistics.holm(ps)) do list[order[i]].p_corrected = p end
  info.comparisons, info.smallest_p = #order, statistics.smallest_p(info.most)
  return list, info
end

--- calr.lab.study.pairing.best(rows, direction)
--- Returns the position of the row with the best mean among those with the most seeds, so that one lucky seed does not
--- win.
--- @param rows       position -> {n=, mean=}; rows without figures may be missing
--- @param direction  "max" or "min"
--- @return integer|nil  nil without figures
function pairing.best(rows, direction)
  local sign, best = direction == "max" and 1 or -1, nil
  for g, row in pairs(rows) do
    local other = rows[best]
    if row.n > 0 and (not other or row.n > other.n or row.n == other.n and (sign * row.mean > sign * other.mean
      or row.mean == other.mean and g < best)) then
      best = g
    end
  end
  return best
end

--- calr.lab.study.pairing.surpassed(rows, best, direction)
--- @param rows  as for calr.lab.study.pairing.best
--- @param best  position of the best row
--- @return boolean  whether a row with fewer seeds has a better mean than the best row
function pairing.surpassed(rows, best, direction)
  local sign = direction == "max" and 1 or -1
  for _, row in pairs(rows) do
    if row.n > 0 and sign * row.mean > sign * rows[best].mean then return true end
  end
  return false
end

--- calr.lab.study.pairing.standing(rows, best, level)
--- Sorts the other rows by what their seeds can say against the best one. Rows without figures are left out.
--- @param best   position of the best row
--- @param level  the largest p that counts as a difference, such as 0.05
--- @return table  comparable (positions of the rows with enough pairs for a p of `level`), p_corrected (position -> p
---                of the sign-flip test, corrected by Holm's method over the comparable rows), few (positions of the
---                rows with too few pairs), same (positions of the rows that have nothing but the best's own trials),
---                pairs (the most with a row), decided (whether so many pairs can tell any of the comparable rows from
---                the best)
function pairing.standing(rows, best, level)
  local result, ps = { comparable = {}, few = {}, same = {}, p_corrected = {}, pairs = 0 }, {}
  for g, row in ipairs(rows) do
    if g ~= best and next(row.values) ~= nil then
      local seeds, same = shared(row, rows[best])
      if #seeds == 0 and same > 0 then
        result.same[#result.same + 1] = g
      elseif statistics.smallest_p(#seeds) <= level + 1e-12 then
        local differences = {}
        for i, seed in ipairs(seeds) do differences[i] = row.values[seed] - rows[best].values[seed] end
        result.comparable[#result.comparable + 1] = g
        ps[#ps + 1] = p_of(differences, resamples_for(#seeds, #rows - 1))
      else
        result.few[#result.few + 1] = g
      end
      result.pairs = math.max(result.pairs, #seeds)
    end
  end
  for i, p in ipairs(statistics.holm(ps)) do result.p_corrected[result.comparable[i]] = p end
  result.decided = #ps > 0 and statistics.smallest_p(result.pairs) * #ps <= level + 1e-12
  return result
end

--- calr.lab.study.pairing.same_note(reference, labels)
--- @param labels       list of the labels of rows that have the reference's own trials
--- @return string|nil  a sentence about them; nil for none
function pairing.same_note(reference, labels)
  if #labels == 0 then return nil end
  local quoted = {}
  for i, label in ipairs(labels) do quoted[i] = ("\"%s\""):format(label) end
  return ("%s %s the same trials as \"%s\": a row is not compared with itself."):format(table.concat(quoted, ", "),
    #labels == 1 and "has" or "have", reference)
end

return pairing
