--- @module calr.lab.study.sampler.nsga2
--- Evolution for one goal or two: NSGA-II (Deb et al., IEEE Trans. Evol. Comput. 6 (2002)). Best for two goals and many
--- hundred trials with many workers: a suggestion takes no time, and workers do not wait for a generation.
---
--- The parents are the best `population` of all finished trials, by their rank of non-domination, then by crowding
--- distance: the steady form of the algorithm (Durillo et al., EMO 2009), which learns from each trial as it ends.
--- Two parents are chosen by tournaments; their child takes each number by simulated binary crossover, each choice
--- from one of them, and is mutated: a number by polynomial mutation, a choice by drawing anew (Deb's settings). A
--- parameter that one parent lacks is the other's; one that both lack is drawn.
---
--- A failed trial is a bad one: it has no children. Pruned trials have children only while too few have finished.
---
--- Options, with their defaults: `population` (50); `startup` (0: as many as the population): trials drawn from Sobol's
--- sequence first; `crossover` (0.9): the chance of a second parent; `mutation` (0: 1 / parameters): the chance that a
--- parameter is mutated; `spread` (20): the distribution index of both, larger for children closer to their parents.

local history = require "calr.lab.study.sampler.history"
local pareto = require "calr.lab.study.sampler.pareto"
local tune = require "calr.tune"
local Rng = require "calr.rng"

local Nsga2 = {}
Nsga2.__index = Nsga2

local DIMENSIONS = 256 -- of Sobol's sequence

-- ---- parents ----

-- Adds the crowding distance of the places of one front to `crowding`.
local function crowd(front, loss, crowding)
  for _, place in ipairs(front) do crowding[place] = 0 end
  for _, losses in ipairs(loss) do
    table.sort(front, function(a, b)
      if losses[a] ~= losses[b] then return losses[a] < losses[b] end
      return a < b
    end)
    local range = losses[front[#front]] - losses[front[1]]
    crowding[front[1]], crowding[front[#front]] = math.huge, math.huge
    if range > 0 and range < math.huge then
      for i = 2, #front - 1 do
        crowding[front[i]] = crowding[front[i]] + (losses[front[i + 1]] - losses[front[i - 1]]) / range
      end
    end
  end
end

-- The trials of a state as losses by the order of their numbers, and their numbers in the history.
local function gather(h, state)
  local places, losses = {}, {}
  for _, place in ipairs(h:order()) do
    if h.states[place] == state and (state == "finished" or h.list[place].losses) then
      places[#places + 1] = place
      losses[#losses + 1] = { h.loss[1][place], h.loss[h.goals][place] }
    end
  end
  return places, losses
end

-- Appends the best of `places` to the parents, as tables of place, rank and crowding.
local function select_from(places, losses, parents, wanted, goals, below)
  local columns, fronts, crowding, deepest = { {} }, {}, {}, 0
  if goals == 2 then columns[2] = {} end
  for i, pair in ipairs(losses) do
    for goal, column in ipairs(columns) do column[i] = pair[goal] end
  end
  for i, rank in ipairs(pareto.ranks(losses)) do
    fronts[rank] = fronts[rank] or {}
    table.insert(fronts[rank], i)
    deepest = math.max(deepest, rank)
  end
  for rank = 1, deepest do
    local front = fronts[rank]
    crowd(front, columns, crowding)
    table.sort(front, function(a, b)
      if crowding[a] ~= crowding[b] then return crowding[a] > crowding[b] end
      return a < b
    end)
    for _, i in ipairs(front) do
      if #parents >= wanted then return end
      parents[#parents + 1] = { place = places[i], rank = below + rank, crowding = crowding[i] }
    end
  end
end

function Nsga2:parents()
  local h, parents = self.history, {}
  local places, losses = gather(h, "finished")
  select_from(places, losses, parents, self.population, h.goals, 0)
  if #parents < self.population then
    places, losses = gather(h, "pruned")
    select_from(places, losses, parents, self.population, h.goals, #h.list)
  end
  return parents
end

-- The better of two parents drawn by chance.
local function tournament(parents, rng)
  local a, b = parents[rng:integer(1, #parents)], parents[rng:integer(1, #parents)]
  if a.rank ~= b.rank then return a.rank < b.rank and a or b end
  return a.crowding >= b.crowding and a or b
end

-- ---- children ----

-- Simulated binary crossover within [0, 1] (Deb and Agrawal, Complex Systems 9 (1995)): one of the two children.
local function cross(x, y, spread, rng)
  local low, high = math.min(x, y), math.max(x, y)
  local u, upper = rng:uniform(), rng:uniform() < 0.5
  if high - low < 1e-14 then return x end
  local beta = 1 + 2 * (upper and 1 - high or low) / (high - low)
  local alpha = 2 - beta ^ -(spread + 1)
  local q = u <= 1 / alpha and (u * alpha) ^ (1 / (spread + 1)) or (1 / (2 - u * alpha)) ^ (1 / (spread + 1))
  local child = 0.5 * (low + high + (upper and q or -q) * (high - low))
  return math.max(0, math.min(1, child))
end

-- Polynomial mutation within [0, 1] (Deb and Goyal, Computer Science and Informatics 26 (1996)).
local function mutate(x, spread, rng)
  local u, power = rng:uniform(), 1 / (spread + 1)
  local shift
  if u < 0.5 then
    shift = (2 * u + (1 - 2 * u) * (1 - x) ^ (spread + 1)) ^ power - 1
  else
    shift = 1 - (2 * (1 - u) + (2 * u - 1) * x ^ (spread + 1)) ^ power
  end
  return math.max(0, math.min(1, x + shift))
end

function Nsga2:child(parents, rng)
  local h, space = self.history, self.space
  local one, other = h.list[tournament(parents, rng).place].point, nil
  if rng:uniform() < self.crossover then other = h.list[tournament(parents, rng).place].point end
  local u_one, u_other, u = space:to_unit(one), other and space:to_unit(other), {}
  local chance = self.mutation > 0 and self.mutation or 1 / #space.parameters
  for i, p in ipairs(space.parameters) do
    local x, y = one[p.name] ~= nil and u_one[i] or nil, other and other[p.name] ~= nil and u_other[i] or nil
    local swapped, mutated, fresh = rng:uniform() < 0.5, rng:uniform() < chance, rng:uniform()
    if not (x and y) then
      u[i] = x or y or fresh
    elseif p.kind == "choice" then
      u[i] = swapped and y or x
    else
      u[i] = swapped and cross(x, y, self.spread, rng) or x
    end
    if mutated then u[i] = p.kind == "choice" and fresh or mutate(u[i], self.spread, rng) end
    u[i] = math.min(u[i], 1 - 1e-12)
  end
  return space:from_unit(u)
end

function Nsga2:tell(trial)
  self.history:tell(trial)
end

function Nsga2:ask(number)
  local h, tries = self.history, 0
  local rng = Rng.open { seed = self.seed, purpose = "study.nsga2", index = number }
  local startup, dimensions = self.startup > 0 and self.startup or self.population, #self.space.parameters
  local parents = h.finished + h.pruned + h.failed >= startup and self:parents() or {}
  return h:draw(function()
    tries = tries + 1
    if #parents > 0 and tries <= 200 then return self:child(parents, rng) end
    if #parents == 0 and tries == 1 and dimensions <= DIMENSIONS then
      return self.space:from_unit(tune.sobol(number - 1, dimensions, self.seed))
    end
    return history.unit(self.space, rng)
  end, rng)
end

return function(space, options)
  local o = history.options("nsga2", options, { population = { 50, 2, 100000 }, startup = { 0, 0, 1000000 },
    crossover = { 0.9, 0, 1 }, mutation = { 0.0, 0, 1 }, spread = { 20.0, 0, 1000 } })
  if o.goals > 2 then error(("sampler \"nsga2\" takes one goal or two, not %d"):format(o.goals), 2) end
  local self = setmetatable(o, Nsga2)
  self.space, self.history = space, history.new(space, o.goals)
  return self
end
