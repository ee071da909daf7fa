-- Standard functions for samplers, the same as in tests/reference/study/make_regrets.py: spaces, losses less their
-- minimum, numbers of trials (`few`: for Gaussian processes); and the comparison of two lists of regrets. Functions of
-- two goals have a reference point; their regret is the share of its area that the front found does not dominate.
local pareto = require "calr.lab.study.sampler.pareto"
local space = require "calr.lab.study.space"
local sampler = require "calr.lab.study.sampler"

local problems = {}

local A = { { 10, 3, 17, 3.5, 1.7, 8 }, { 0.05, 10, 17, 0.1, 8, 14 }, { 3, 3.5, 1.7, 10, 17, 8 },
  { 17, 8, 0.05, 10, 0.1, 14 } }
local P = { { 1312, 1696, 5569, 124, 8283, 5886 }, { 2329, 4135, 8307, 3736, 1004, 9991 },
  { 2348, 1451, 3522, 2883, 3047, 6650 }, { 4047, 8828, 8732, 5743, 1091, 381 } }
local alpha = { 1, 1.2, 3, 3.2 }

local list = {
  branin = { trials = 60, few = 30, space = { x = space.float(-5, 10), y = space.float(0, 15) }, loss = function(p)
    local b, c, t = 5.1 / (4 * math.pi ^ 2), 5 / math.pi, 1 / (8 * math.pi)
    return (p.y - b * p.x * p.x + c * p.x - 6) ^ 2 + 10 * (1 - t) * math.cos(p.x) + 10 - 0.39788735772973816
  end },

  hartmann6 = { trials = 100, few = 50, space = {}, loss = function(p)
    local sum = 3.322368011415515
    for i = 1, 4 do
      local inner = 0
      for j = 1, 6 do inner = inner + A[i][j] * (p["x" .. j] - P[i][j] * 1e-4) ^ 2 end
      sum = sum - alpha[i] * math.exp(-inner)
    end
    return sum
  end },

  mixed = { trials = 100, few = 50, space = { lr = space.float(1e-5, 1, "log"), x = space.float(-5, 5),
    k = space.int(1, 50), n = space.int(1, 1024, "log"), b = space.int(16, 512, 16),
    c = space.choice { "a", "b", "c", "d" } },
    loss = function(p)
      local lr, x, c = math.log(p.lr, 10) + 3, p.x - 1, { a = 0.5, b = 0, c = 1, d = 0.2 }
      return lr * lr / 2 + x * x / 10 + 0.3 * math.abs(lr * x) + ((p.k - 20) / 10) ^ 2 + (math.log(p.n, 2) - 6) ^ 2 / 4
        + ((p.b - 128) / 128) ^ 2 + c[p.c]
    end },

  conditional = { trials = 100, few = 40, space = { scale = space.float(0, 1), kind = space.choice {
    { "linear", decay = space.float(1e-6, 1, "log") },
    { "tree", depth = space.int(1, 20), leaf = space.int(1, 100, "log") },
    { "mlp", lr = space.float(1e-5, 1, "log"), units = space.int(4, 512, "log"),
      act = space.choice { "relu", "tanh" } } } },
    loss = function(p)
      if p.kind == "linear" then return 0.4 + (math.log(p["kind.decay"], 10) + 2) ^ 2 / 10 + (p.scale - 0.5) ^ 2 end
      if p.kind == "tree" then
        return 0.2 + ((p["kind.depth"] - 7) / 5) ^ 2 + math.log(p["kind.leaf"] / 5) ^ 2 / 4 + (p.scale - 0.8) ^ 2
      end
      local lr, units = math.log(p["kind.lr"], 10) + 2.5, math.log(p["kind.units"], 2) - 6
      return lr * lr / 2 + units * units / 8 + (p["kind.act"] == "tanh" and 0.15 or 0) + (p.scale - 0.2) ^ 2
    end },

  sphere = { trials = 60, few = 30, space = {}, loss = function(p)
    local sum = 0
    for j = 1, 4 do sum = sum + (p["x" .. j] - 1) ^ 2 end
    return sum
  end },

  rosenbrock = { trials = 100, few = 50, space = {}, loss = function(p)
    local sum = 0
    for j = 1, 2 do
      local x = p["x" .. j]
      sum = sum + 100 * (p["x" .. j + 1] - x * x) ^ 2 + (1 - x) ^ 2
    end
    return sum
  end },

  zdt1 = { trials = 400, space = {}, reference = { 1.1, 10.0 }, loss = function(p)
    local sum = 0
    for j = 2, 6 do sum = sum + p["x" .. j] end
    local g = 1 + 9 * sum / 5
    return p.x1, g * (1 - math.sqrt(p.x1 / g))
  end },

  cost = { trials = 300, reference = { 2.0, 400.0 }, space = { epochs = space.int(1, 200, "log"),
    lr = space.float(1e-5, 1e-1, "log"), width = space.choice { 16, 32, 64, 128 } }, loss = function(p)
      local lr = math.log(p.lr, 10) + 3
      return 0.2 + lr * lr / 10 + 0.6 * math.exp(-p.epochs / (20 * p.width / 32)) + 2 / p.width,
        p.epochs * p.width / 64
    end },
}
for j = 1, 6 do
  list.hartmann6.space["x" .. j], list.zdt1.space["x" .. j] = space.float(0, 1), space.float(0, 1)
end
for j = 1, 4 do list.sphere.space["x" .. j] = space.float(-5, 5) end
for j = 1, 3 do list.rosenbrock.space["x" .. j] = space.float(-2, 2) end

problems.names = { "branin", "hartmann6", "mixed", "conditional", "sphere", "rosenbrock" }
problems.of_two_goals = { "zdt1", "cost" }

function problems.trials(name)
  return list[name].trials
end

-- The regret after the problem's number of trials, for gp after its few.
function problems.regret(problem, name, options)
  local p, own = list[problem], {}
  for key, value in pairs(options) do own[key] = value end
  own.goals = p.reference and 2 or 1
  local s, best, found = sampler.make(name, space.make(p.space), own), math.huge, {}
  for i = 1, name == "gp" and p.few or p.trials do
    local point = s:ask(i)
    if not point then break end
    local losses = { p.loss(point) }
    best, found[i] = math.min(best, losses[1]), losses
    s:tell { number = i, point = point, state = "finished", losses = losses }
  end
  if not p.reference then return best end
  return 1 - pareto.hypervolume(found, p.reference) / (p.reference[1] * p.reference[2])
end

function problems.regrets(problem, name, options, seeds, first)
  local out = {}
  for seed = first or 1, (first or 1) + seeds - 1 do
    local own = { seed = seed }
    for key, value in pairs(options) do own[key] = value end
    out[#out + 1] = problems.regret(problem, name, own)
  end
  return out
end

function problems.median(values)
  local sorted = table.move(values, 1, #values, 1, {})
  table.sort(sorted)
  local n = #sorted
  return n % 2 == 1 and sorted[n // 2 + 1] or (sorted[n // 2] + sorted[n // 2 + 1]) / 2
end

-- Mann-Whitney's test by the normal approximation: how probable ours would be so much larger than theirs if both came
-- from one distribution. Small: ours are worse. Near 1: ours are better.
function problems.worse(ours, theirs)
  local u = 0
  for _, a in ipairs(ours) do
    for _, b in ipairs(theirs) do u = u + (a > b and 1 or a == b and 0.5 or 0) end
  end
  local n, m = #ours, #theirs
  local z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
  local t = 1 / (1 + 0.2316419 * math.abs(z)) -- Abramowitz and Stegun 26.2.17
  local tail = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    * t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return z > 0 and tail or 1 - tail
end

return problems
