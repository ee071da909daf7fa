--- @module calr.study.sampler.pareto
--- Trials with two losses: ranks of non-domination, dominated area, and the choice of a subset by it.

local pareto = {}

-- Ranks of pairs that come sorted by the first loss, then the second; losses(i) gives both of number i. By the first
-- loss, the last of each front has its smallest second one; a pair belongs to the first front whose last does not
-- dominate it.
local function sorted_ranks(count, losses)
  local last_first, last_second, ranks = {}, {}, {}
  for i = 1, count do
    local x, y = losses(i)
    local low, high = 1, #last_first + 1
    while low < high do
      local middle = (low + high) // 2
      local second = last_second[middle]
      if second < y or second == y and last_first[middle] < x then
        low = middle + 1
      else
        high = middle
      end
    end
    ranks[i], last_first[low], last_second[low] = low, x, y
  end
  return ranks
end

--- calr.study.sampler.pareto.ranks(losses)
--- The rank of each pair: 1 for those that no other dominates, 2 for those that only rank 1 dominates, and so on.
--- @param losses  list of pairs; smaller is better
--- @return table  list of integers
function pareto.ranks(losses)
  local order, ranks = {}, {}
  for i = 1, #losses do order[i] = i end
  table.sort(order, function(a, b)
    local x, y = losses[a], losses[b]
    if x[1] ~= y[1] then return x[1] < y[1] end
    if x[2] ~= y[2] then return x[2] < y[2] end
    return a < b
  end)
  local sorted = sorted_ranks(#losses, function(i) return losses[order[i]][1], losses[order[i]][2] end)
  for i, place in ipairs(order) do ranks[place] = sorted[i] end
  return ranks
end

--- calr.study.sampler.pareto.hypervolume(losses, reference)
--- The area that is dominated by the pairs and dominates the reference.
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
local function beyond(front, goal)
  local worst = -math.huge
  for _, trial in ipairs(front) do
    if trial.losses[goal] < math.huge then worst = math.max(worst, trial.losses[goal]) end
  end
  local reference = math.max(1.1 * worst, 0.9 * worst)
  return reference == 0 and 1e-12 or reference
end

-- Chooses `count` of a front's trials one after the other, each for the area that it adds. The front is sorted by the
-- first loss, so that what one adds depends on its chosen neighbours alone; each gap between two knows its best.
local function subset(front, count, chosen)
  local reference = { beyond(front, 1), beyond(front, 2) }
  local function gap(first, last)
    local right = front[last + 1] and front[last + 1].losses[1] or reference[1]
    local upper = front[first - 1] and front[first - 1].losses[2] or reference[2]
    local g = { first = first, last = last, area = -1 }
    for i = first, last do
      local x = front[i].losses
      local area = math.max(0, right - x[1]) * math.max(0, upper - x[2])
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
    chosen[front[g.at].place] = true
    gaps[widest] = gaps[#gaps]
    gaps[#gaps] = nil
    if g.first < g.at then gaps[#gaps + 1] = gap(g.first, g.at - 1) end
    if g.at < g.last then gaps[#gaps + 1] = gap(g.at + 1, g.last) end
  end
end

--- calr.study.sampler.pareto.select(places, trials, count, chosen)
--- Chooses trials: whole fronts, best first, and of the one that does not fit those that together dominate the largest
--- area (greedily: at least 1 - 1/e of the largest possible).
--- @param places  list of places in `trials`, sorted by the first loss, then the second
--- @param trials  list of tables with `losses` (a pair)
--- @param count   how many, at most #places
--- @param chosen  table: gets chosen[place] = true
function pareto.select(places, trials, count, chosen)
  local fronts = {}
  local ranks = sorted_ranks(#places, function(i)
    local losses = trials[places[i]].losses
    return losses[1], losses[2]
  end)
  for i, rank in ipairs(ranks) do
    local front = fronts[rank]
    if not front then
      front = {}
      fronts[rank] = front
    end
    front[#front + 1] = places[i]
  end
  local left = count
  for _, front in ipairs(fronts) do
    if left <= 0 then return end
    if #front <= left then
      for _, place in ipairs(front) do chosen[place] = true end
    else
      for i, place in ipairs(front) do front[i] = { place = place, losses = trials[place].losses } end
      subset(front, left, chosen)
    end
    left = left - #front
  end
end

return pareto
