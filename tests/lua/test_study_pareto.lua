-- Two goals: ranks, dominated area, and TPE with two losses.
local check = require "check"
local pareto = require "calr.lab.study.sampler.pareto"
local sampler = require "calr.lab.study.sampler"
local space = require "calr.lab.study.space"
local Rng = require "calr.rng"

local function dominates(a, b)
  return a[1] <= b[1] and a[2] <= b[2] and (a[1] < b[1] or a[2] < b[2])
end

check.test("ranks are those of the definition", function()
  local rng = Rng.open { seed = 1, purpose = "test" }
  for _ = 1, 40 do
    local losses, left, want = {}, {}, {}
    for i = 1, rng:integer(1, 40) do losses[i], left[i] = { rng:integer(0, 9), rng:integer(0, 9) }, i end
    local rank = 0
    while #left > 0 do -- peel
      rank = rank + 1
      local front, rest = {}, {}
      for _, i in ipairs(left) do
        local free = true
        for _, j in ipairs(left) do free = free and not dominates(losses[j], losses[i]) end
        table.insert(free and front or rest, i)
      end
      for _, i in ipairs(front) do want[i] = rank end
      left = rest
    end
    check.equal(table.concat(pareto.ranks(losses), " "), table.concat(want, " "))
  end
  check.equal(#pareto.ranks {}, 0)
end)

check.test("the dominated area", function()
  check.near(pareto.hypervolume({ { 1, 2 }, { 2, 1 } }, { 3, 3 }), 3, 1e-12)
  check.near(pareto.hypervolume({ { 1, 2 }, { 2, 1 }, { 2, 2 }, { 5, 0 }, { 1, 2 } }, { 3, 3 }), 3, 1e-12)
  check.equal(pareto.hypervolume({}, { 1, 1 }), 0.0)
end)

check.test("the chosen subset dominates nearly as much as any", function()
  local rng = Rng.open { seed = 2, purpose = "test" }
  for _ = 1, 20 do
    local trials, places, first, second = {}, {}, {}, {}
    for i = 1, 9 do
      first[i] = rng:uniform()
      second[i] = (1 - first[i]) ^ 2 + 0.1
      trials[i], places[i] = { losses = { first[i], second[i] } }, i
    end
    table.sort(places, function(a, b) return trials[a].losses[1] < trials[b].losses[1] end)
    local chosen, worst = {}, { -math.huge, -math.huge }
    pareto.select(places, first, second, 3, chosen)
    for _, trial in ipairs(trials) do
      for g = 1, 2 do worst[g] = math.max(worst[g], trial.losses[g] * 1.1) end
    end
    local function area(set)
      local losses = {}
      for i in pairs(set) do losses[#losses + 1] = trials[i].losses end
      check.equal(#losses, 3)
      return pareto.hypervolume(losses, worst)
    end
    local best = 0
    for a = 1, 7 do
      for b = a + 1, 8 do
        for c = b + 1, 9 do best = math.max(best, area { [a] = true, [b] = true, [c] = true }) end
      end
    end
    check.ok(area(chosen) >= (1 - 1 / math.exp(1)) * best)
  end
end)

-- ZDT1 (Zitzler, Deb and Thiele 2000) of five parameters.
local ranges = {}
for i = 1, 5 do ranges["x" .. i] = space.float(0, 1) end

local function zdt1(p)
  local g = 1 + 9 * (p.x2 + p.x3 + p.x4 + p.x5) / 4
  return { p.x1, g * (1 - math.sqrt(p.x1 / g)) }
end

local function volume(name, options, trials)
  options.goals = 2
  local s, losses = sampler.make(name, space.make(ranges), options), {}
  for i = 1, trials do
    local point = s:ask(i)
    losses[i] = zdt1(point)
    s:tell { number = i, point = point, state = "finished", losses = losses[i] }
  end
  return pareto.hypervolume(losses, { 1.1, 8 })
end

check.test("tpe with two goals dominates more than chance does", function()
  for _, multivariate in ipairs { false, true } do
    local won = 0
    for seed = 1, 10 do
      if volume("tpe", { seed = seed, multivariate = multivariate }, 100) > volume("random", { seed = seed }, 100) then
        won = won + 1
      end
    end
    check.equal(won, 10, tostring(multivariate))
  end
end)

check.test("two goals: equal, infinite and pruned losses, and what is not possible", function()
  local sp = space.make(ranges)
  local s = sampler.make("tpe", sp, { goals = 2 })
  for i = 1, 40 do
    local losses = i % 4 == 0 and { math.huge, 1 } or i % 4 == 1 and { 1, -math.huge } or { 1, 1 }
    s:tell { number = i, point = s:ask(i), state = i % 7 == 0 and "pruned" or "finished", losses = losses, step = i }
  end
  check.ok(s:ask(41))
  check.fails("2 losses", s.tell, s, { number = 41, point = {}, state = "finished", losses = { 1 } })
  check.fails("one goal", sampler.make, "cmaes", sp, { goals = 2 })
end)

check.finish()
