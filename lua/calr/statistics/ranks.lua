--- @module calr.statistics.ranks
--- Signed ranks, for calr.statistics.wilcoxon.

local normal = require "calr.statistics.normal"

local ranks = {}

local abs, sqrt = math.abs, math.sqrt

--- calr.statistics.ranks.doubled(values)
--- Returns twice the ranks of the absolute values. Equal ones get the mean of their ranks; twice a rank is whole.
--- @return table  list of doubled ranks
--- @return table  list of the sizes of groups of ties
function ranks.doubled(values)
  local order, doubled, ties = {}, {}, {}
  for i in ipairs(values) do order[i] = i end
  table.sort(order, function(i, j) return abs(values[i]) < abs(values[j]) end)
  local first = 1
  while first <= #order do
    local last, size = first, abs(values[order[first]])
    while last < #order and abs(values[order[last + 1]]) == size do last = last + 1 end
    for k = first, last do doubled[order[k]] = first + last end
    ties[#ties + 1] = last - first + 1
    first = last + 1
  end
  return doubled, ties
end

-- counts[s]: the number of sign choices for which the doubled ranks of the positive ones sum to s.
local function sum_counts(doubled)
  local counts, total = { [0] = 1.0 }, 0
  for _, rank in ipairs(doubled) do
    for s = total, 0, -1 do
      local count = counts[s]
      if count then counts[s + rank] = (counts[s + rank] or 0.0) + count end
    end
    total = total + rank
  end
  return counts, total
end

--- calr.statistics.ranks.exact_tails(doubled, positive)
--- Returns where a sum of doubled ranks lies among those of all sign choices.
--- @param doubled   list of doubled ranks of the values with a sign
--- @param positive  the sum of the positive ones
--- @return number  share of the sums that are no larger
--- @return number  share of the sums that are no smaller
function ranks.exact_tails(doubled, positive)
  local counts, total = sum_counts(doubled)
  local below, above = 0.0, 0.0
  for s = 0, total do
    local count = counts[s] or 0.0
    if s <= positive then below = below + count end
    if s >= positive then above = above + count end
  end
  return below / 2.0 ^ #doubled, above / 2.0 ^ #doubled
end

--- calr.statistics.ranks.normal_tails(positive, n, ties)
--- Returns the same for a sum of ranks (not doubled) taken as normal, its variance corrected for ties, without a
--- continuity correction.
--- @param n     number of ranks
--- @param ties  list of the sizes of groups of ties
--- @return number  the lower tail
--- @return number  the upper tail
function ranks.normal_tails(positive, n, ties)
  local variance = n * (n + 1) * (2 * n + 1)
  for _, t in ipairs(ties) do variance = variance - (t ^ 3 - t) / 2 end
  local z = (positive - n * (n + 1) / 4) / sqrt(variance / 24)
  return normal.cdf(z), normal.cdf(-z)
end

return ranks
