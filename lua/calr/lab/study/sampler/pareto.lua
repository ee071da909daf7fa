--- @module calr.lab.study.sampler.pareto
--- Ranks trials with two losses by non-domination, and selects subsets by dominated area.

local pareto = {}

-- Ranks of pairs sorted by the first loss, then the second. In that order, the last of each front has its smallest
-- second loss; a pair belongs to the first front whose last does not dominate it. Fronts are followed until they hold
-- `wanted` pairs together; pairs beyond get no rank (false).
local function sorted_ranks(places, first, second, wanted)
  local last_first, last_second, sizes, ranks = {}, {}, {}, {}
  local deepest, held = 0, 0 -- fronts followed, pairs in them
  for i, place in ipairs(places) do
    local x, y = first[place], second[place]
    local low, high = 1, deepest + 1
    if deepest > 0 and (last_second[deepest] < y or last_second[deepest] == y and last_first[deepest] < x) then
      low = high
    end
    while low < high do
      local middle = (low + high) // 2
      local other = last_second[middle]
      if other < y or other == y and last_first[middle] < x then
        low = middle + 1
      else
        high = middle
      end
    end
    ranks[i] = false
    if low <= deepest or held < wanted then
      ranks[i], last_first[low], last_second[low] = low, x, y
      sizes[low] = low <= deepest and sizes[low] + 1 or 1
      deepest, held = math.max(deepest, low), held + 1
      while held - sizes[deepest] >= wanted do
        held, deepest = held - sizes[deepest], deepest - 1
      end
    end
  end
  return ranks
end

--- calr.lab.study.sampler.pareto.ranks(losses)
--- Returns the rank of each pair: 1 if no other dominates it, 2 if only rank 1 does, and so on.
--- @param losses  list of pairs; smaller is better
--- @return table  list of integers
function pareto.ranks(losses)
  local order, ranks, first, second = {}, {}, {}, {}
  for i = 1, #losses do order[i] = i end
  table.sort(order, function(a, b)
    local x, y = losses[a], losses[b]
    if x[1] ~= y[1] then return x[1] < y[1] end
    if x[2] ~= y[2] then return x[2] < y[2] end
    return a < b
  end)
  for i, pair in ipairs(losses) do first[i], second[i] = pair[1], pair[2] end
  for i, rank in ipairs(sorted_ranks(order, first, second, math.huge)) do ranks[order[i]] = rank end
  return ranks
end

--- calr.lab.study.sampler.pareto.hypervolume(losses, reference)
--- Returns the area between the pairs and the reference: dominated by a pair, and dominating the reference.
--- @param losses     list of pairs
--- @param reference  a pair
--- @return number
function pareto.hypervolume(losses, reference)
  local inside = {}
  for _, pair in ipairs(losses) do
    if pair[1] < reference[1] and pair[2] < reference[2] then inside[#inside + 1] = pair end
  end
  table.sort(inside, function(a, b) return a[1] < b[1] end)
  local area, height = 0.0, reference[2]
  for _, pair in ipairs(inside) do
    if pair[2] < height then
      area = area + (reference[1] - pair[1]) * (height - pair[2])
      height = pair[2]
    end
  end
  return area
end

-- A little beyond the worst finite value.
local function beyond(front, losses)
  local worst = -math.huge
  for _, place in ipairs(front) do
    if losses[place] < math.huge then worst = math.max(worst, losses[place]) end
  end
  local reference = math.max(1.1 * worst, 0.9 * worst)
  return reference == 0 and 1e-12 or reference
end

-- Chooses `count` of a front one after the other, each for the area that it adds. The front is sorted by the first
-- loss, so that the added area depends only on the chosen neighbours; each gap between two knows its best.
local function subset(front, first, second, count, chosen)
  local far_first, far_second = beyond(front, first), beyond(front, second)
  local function gap(from, to)
    local right = front[to + 1] and first[front[to + 1]] or far_first
    local upper = front[from - 1] and second[front[from - 1]] or far_second
    local g = { from = from, to = to, area = -1 }
    for i = from, to do
      local area = math.max(0, right - first[front[i]]) * math.max(0, upper - second[front[i]])
      if area ~= area or area == math.huge then area = 0 end
      if area > g.area then g.area, g.at = area, i end
    end
    return g
  end
  local gaps = { gap(1, #front) }
  for _ = 1, count do
    local widest = 1
    for i = 2, #gaps do
      if gaps[i].area > gaps[widest].area then widest = i end
    end
    local g = gaps[widest]
    chosen[front[g.at]] = true
    gaps[widest] = gaps[#gaps]
    gaps[#gaps] = nil
    if g.from < g.at then gaps[#gaps + 1] = gap(g.from, g.at - 1) end
    if g.at < g.to then gaps[#gaps + 1] = gap(g.at + 1, g.to) end
  end
end

--- calr.lab.study.sampler.pareto.select(places, first, second, count, chosen)
--- Chooses trials: whole fronts, best first, and from the first that does not fit those that together dominate the
--- largest area (greedily: at least 1 - 1/e of the largest possible).
--- @param places  list of places in `first` and `second`, sorted by the first loss, then the second
--- @param first   place -> first loss
--- @param second  place -> second loss
--- @param count   number to choose, at most #places
--- @param chosen  table: gets chosen[place] = true
function pareto.select(places, first, second, count, chosen)
  local fronts = {}
  for i, rank in ipairs(sorted_ranks(places, first, second, count)) do
    local front = rank and fronts[rank]
    if front then
      front[#front + 1] = places[i]
    elseif rank then
      fronts[rank] = { places[i] }
    end
  end
  local left = count
  for _, front in ipairs(fronts) do
    if left <= 0 then return end
    if #front <= left then
      for _, place in ipairs(front) do chosen[place] = true end
    else
      subset(front, first, second, left, chosen)
    end
    left = left - #front
  end
end

return pareto
