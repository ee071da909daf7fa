--- @module calr.lab.study.sampler.cmaes
--- Evolution strategy with covariance matrix adaptation (Hansen, "The CMA evolution strategy: a tutorial", arXiv
--- 1604.00772; weights and rates of its table 1, negative weights included), for one goal. Best if parameters are
--- numbers that depend on each other, and for more than a hundred trials.
---
--- It works in the unit cube of the space. Points outside are redrawn, and clipped at the hundredth attempt. Whole and
--- stepped numbers are rounded, and their deviation is kept large enough for the next value to have a chance (Hamano et
--- al., GECCO 2022, "CMA-ES with margin"). A choice has probabilities, which move towards the choices of the better
--- half. Parameters inactive in a point drift freely. When the distribution has converged or the losses no longer
--- differ, it restarts at a random place with twice the population (IPOP: Auger and Hansen, CEC 2005).
---
--- A generation consists of the next trials, by number, that have ended. Failed ones are its worst, pruned ones come
--- before them. The mean moves to trials that did not fail; failed ones only turn the covariance away from them. A
--- generation without any result starts again at a random place. With several workers, a trial drawn from an older
--- generation is included with its step limited (Hansen, "Injecting external solutions into CMA-ES", arXiv 1110.4181).
---
--- Options: `sigma` (0.2): the first deviation, in units of the range; `population` (0: 4 + floor(3 ln parameters));
--- `restart` (true).

local eigen = require "calr.lab.study.sampler.eigen"
local history = require "calr.lab.study.sampler.history"
local Rng = require "calr.rng"

local Cmaes = {}
Cmaes.__index = Cmaes

-- ---- the state: a distribution, and what its changes depend on ----

local function zeros(n)
  local list = {}
  for i = 1, n do list[i] = 0.0 end
  return list
end

-- Weights and rates for a population (table 1 of the tutorial).
local function rates(n, population)
  local r, positive, negative, squares, negative_squares = { weights = {} }, 0, 0, 0, 0
  local mu = population // 2
  for i = 1, population do
    local w = math.log((population + 1) / 2) - math.log(i)
    r.weights[i] = w
    if i <= mu then
      positive, squares = positive + w, squares + w * w
    else
      negative, negative_squares = negative + w, negative_squares + w * w
    end
  end
  local mass, negative_mass = positive ^ 2 / squares, negative ^ 2 / negative_squares
  r.mass = mass
  r.path_sigma = (mass + 2) / (n + mass + 5)
  r.damping = 1 + 2 * math.max(0, math.sqrt((mass - 1) / (n + 1)) - 1) + r.path_sigma
  r.path = (4 + mass / n) / (n + 4 + 2 * mass / n)
  r.one = 2 / ((n + 1.3) ^ 2 + mass)
  r.many = math.min(1 - r.one, 2 * (0.25 + mass + 1 / mass - 2) / ((n + 2) ^ 2 + mass))
  local share = math.min(1 + r.one / r.many, 1 + 2 * negative_mass / (mass + 2), (1 - r.one - r.many) / (n * r.many))
  r.total = 0
  for i, w in ipairs(r.weights) do
    r.weights[i] = i <= mu and w / positive or share * w / -negative
    r.total = r.total + r.weights[i]
  end
  r.mu, r.length = mu, math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n))
  return r
end

-- The rates of a generation of which only `results` trials did not fail: the others do not move the mean.
local function with_results(r, results)
  if results >= r.mu then return r end
  local sum, squares, weights = 0, 0, table.move(r.weights, 1, #r.weights, 1, {})
  for i = 1, results do sum = sum + weights[i] end
  for i = 1, r.mu do
    weights[i] = i <= results and weights[i] / sum or 0
    squares = squares + weights[i] ^ 2
  end
  return setmetatable({ weights = weights, mu = results, mass = 1 / squares }, { __index = r })
end

-- A fresh distribution; the first one in the middle of the space, those after a restart or a move anywhere.
function Cmaes:begin(restarts, moves)
  local n = #self.numbers
  local population = (self.population > 0 and self.population or 4 + math.floor(3 * math.log(math.max(1, n))))
  population = population << math.min(restarts, 10)
  local state = { restarts = restarts, moves = moves, population = population,
    rates = rates(math.max(1, n), population),
    sigma = self.sigma, mean = {}, covariance = {}, path = zeros(n), path_sigma = zeros(n), generation = 0,
    recent = {}, chances = {} }
  local rng = Rng.open { seed = self.seed, purpose = "study.cmaes.restart", index = restarts + (moves << 16) }
  for i = 1, n do
    state.mean[i] = restarts + moves == 0 and 0.5 or rng:uniform()
    state.covariance[i] = zeros(n)
    state.covariance[i][i] = 1.0
  end
  for _, p in ipairs(self.choices) do
    local list = {}
    for c = 1, #p.choices do list[c] = 1 / #p.choices end
    state.chances[p.name] = list
  end
  return self:decompose(state)
end

-- The bounds, in the unit interval, of the numbers that round to the same value as u; nil for continuous parameters.
local function cell(space, p, u)
  if p.kind == "float" and not p.step then return nil end
  if p.log then
    local a, b = math.log(p.low - 0.5), math.log(p.high + 0.5)
    local value = space:clip(p, math.exp(a + u * (b - a)))
    return (math.log(value - 0.5) - a) / (b - a), (math.log(value + 0.5) - a) / (b - a)
  end
  local count = math.floor((space:clip(p, p.high) - p.low) / (p.step or 1) + 0.5) + 1
  local k = math.max(0, math.min(count - 1, math.floor(u * count)))
  return k / count, (k + 1) / count
end

-- The normal deviation exceeded on one side with probability a: Abramowitz and Stegun 26.2.23.
local function quantile(a)
  local t = math.sqrt(-2 * math.log(a))
  return t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t ^ 3)
end

-- Square roots of the covariance, and the factors that keep stepped parameters moving.
function Cmaes:decompose(state)
  local n = #self.numbers
  local values, vectors = eigen(state.covariance)
  state.roots, state.vectors, state.stretch, state.widest = {}, vectors, {}, 0
  for i = 1, n do
    state.roots[i] = math.sqrt(math.max(values[i], 1e-20))
    state.widest = math.max(state.widest, state.roots[i])
  end
  local reach = quantile(math.min(0.25, 1 / (math.max(1, n) * state.population)))
  for i, p in ipairs(self.numbers) do
    local low, high = cell(self.space, p, state.mean[i])
    state.stretch[i] = 1
    if low then
      local left, right = state.mean[i] - low, high - state.mean[i]
      local near = low <= 1e-9 and right or high >= 1 - 1e-9 and left or math.min(left, right)
      local deviation = state.sigma * math.sqrt(math.max(state.covariance[i][i], 1e-20))
      state.stretch[i] = math.max(1, near / reach / deviation)
    end
  end
  return state
end

-- ---- drawing ----

local function inside(x)
  for _, value in ipairs(x) do
    if value < 0 or value > 1 then return false end
  end
  return true
end

-- A draw: the step y ~ N(0, C), and the place x in the unit cube.
function Cmaes:step(state, rng)
  local n, x, y = #self.numbers, nil, nil
  for _ = 1, 100 do
    local z = {}
    for k = 1, n do z[k] = rng:normal() * state.roots[k] end
    x, y = {}, {}
    for i = 1, n do
      local sum, row = 0.0, state.vectors[i]
      for k = 1, n do sum = sum + row[k] * z[k] end
      y[i], x[i] = sum, state.mean[i] + state.sigma * state.stretch[i] * sum
    end
    if inside(x) then return x, y end
  end
  for i = 1, n do
    x[i] = math.max(0, math.min(1, x[i]))
    y[i] = (x[i] - state.mean[i]) / (state.sigma * state.stretch[i])
  end
  return x, y
end

local function pick(chances, u)
  for c, chance in ipairs(chances) do
    u = u - chance
    if u < 0 then return c end
  end
  return #chances
end

-- A point drawn from the distribution, with its place and step.
function Cmaes:sample(state, rng)
  local x, y = self:step(state, rng)
  local u = {}
  for i = 1, #self.space.parameters do u[i] = 0.5 end
  for i, p in ipairs(self.numbers) do u[self.column[p.name]] = x[i] end
  for _, p in ipairs(self.choices) do
    u[self.column[p.name]] = (pick(state.chances[p.name], rng:uniform()) - 0.5) / #p.choices
  end
  return self.space:from_unit(u), x, y
end

function Cmaes:stream(number)
  return Rng.open { seed = self.seed, purpose = "study.cmaes", index = number }
end

-- ---- learning ----

-- The inverse root of the covariance, times y.
local function whiten(state, y)
  local n, out = #y, zeros(#y)
  for k = 1, n do
    local sum = 0.0
    for i = 1, n do sum = sum + state.vectors[i][k] * y[i] end
    sum = sum / state.roots[k]
    for i = 1, n do out[i] = out[i] + state.vectors[i][k] * sum end
  end
  return out
end

local function square(list)
  local sum = 0.0
  for _, value in ipairs(list) do sum = sum + value * value end
  return sum
end

local function same(space, a, b)
  for _, p in ipairs(space.parameters) do
    local x, y = a[p.name], b[p.name]
    if x ~= y then
      if type(x) ~= "number" or type(y) ~= "number" then return false end
      if math.abs(x - y) > 1e-12 * math.max(math.abs(x), math.abs(y)) then return false end
    end
  end
  return true
end

-- The position of a told trial in this distribution: as drawn, if it was drawn from it; otherwise its point, at most a
-- long step away.
function Cmaes:place(state, trial)
  local rng = self:stream(trial.number)
  for _ = 1, 20 do
    local point, x, y = self:sample(state, rng)
    if same(self.space, point, trial.point) then return x, y end
  end
  local u, n = self.space:to_unit(trial.point), #self.numbers
  local x, y = {}, {}
  for i, p in ipairs(self.numbers) do
    local known = trial.point[p.name] ~= nil
    x[i] = known and math.max(0, math.min(1, u[self.column[p.name]])) or state.mean[i]
    y[i] = (x[i] - state.mean[i]) / (state.sigma * state.stretch[i])
  end
  local length = math.sqrt(square(whiten(state, y)))
  local limit = math.sqrt(n) + 2 * n / (n + 2)
  if length > limit then
    for i = 1, n do
      y[i] = y[i] * limit / length
      x[i] = state.mean[i] + state.sigma * state.stretch[i] * y[i]
    end
  end
  return x, y
end

local function better(a, b)
  if a.state ~= b.state then return a.state == "finished" or a.state == "pruned" and b.state == "failed" end
  if a.state == "pruned" then
    local a_step, b_step = a.losses and a.step or -math.huge, b.losses and b.step or -math.huge
    if a_step ~= b_step then return a_step > b_step end
  end
  local a_loss, b_loss = a.losses and a.losses[1] or 0, b.losses and b.losses[1] or 0
  if a_loss ~= b_loss then return a_loss < b_loss end
  return a.number < b.number
end

-- Moves the probabilities of a choice towards the choices of the better half, leaving each a chance.
local function learn_choice(state, p, trials, r)
  local chances, wanted, total = state.chances[p.name], zeros(#p.choices), 0.0
  for i = 1, r.mu do
    for c, choice in ipairs(p.choices) do
      if trials[i].point[p.name] == choice then
        wanted[c], total = wanted[c] + r.weights[i], total + r.weights[i]
      end
    end
  end
  local count, rate = #chances, 0.4
  local least, sum = 1 / (state.population * count), 0.0
  for c = 1, count do
    if total > 0 then chances[c] = (1 - rate * total) * chances[c] + rate * wanted[c] end
    chances[c] = math.max(chances[c], least)
    sum = sum + chances[c]
  end
  for c = 1, count do chances[c] = chances[c] / sum end
end

-- The tutorial's equations: the mean moves, the paths lengthen, the covariance turns towards the steps that paid.
local function learn_numbers(state, xs, ys, r)
  local n = #state.mean
  local step, mean = zeros(n), zeros(n)
  for k = 1, r.mu do
    for i = 1, n do
      step[i] = step[i] + r.weights[k] * ys[k][i]
      mean[i] = mean[i] + r.weights[k] * xs[k][i]
    end
  end
  local white, keep = whiten(state, step), 1 - r.path_sigma
  local gain = math.sqrt(r.path_sigma * (2 - r.path_sigma) * r.mass)
  for i = 1, n do state.path_sigma[i] = keep * state.path_sigma[i] + gain * white[i] end
  local length = math.sqrt(square(state.path_sigma))
  state.generation = state.generation + 1
  local stalled = length / math.sqrt(1 - keep ^ (2 * state.generation)) >= (1.4 + 2 / (n + 1)) * r.length
  gain = stalled and 0 or math.sqrt(r.path * (2 - r.path) * r.mass)
  for i = 1, n do state.path[i] = (1 - r.path) * state.path[i] + gain * step[i] end
  local decay = 1 - r.one - r.many * r.total + (stalled and r.one * r.path * (2 - r.path) or 0)
  local factors = {}
  for k, w in ipairs(r.weights) do
    factors[k] = r.many * (w >= 0 and w or w * n / math.max(square(whiten(state, ys[k])), 1e-20))
  end
  for i = 1, n do
    for j = 1, i do
      local sum = decay * state.covariance[i][j] + r.one * state.path[i] * state.path[j]
      for k, factor in ipairs(factors) do sum = sum + factor * ys[k][i] * ys[k][j] end
      state.covariance[i][j], state.covariance[j][i] = sum, sum
    end
  end
  state.mean = mean
  state.sigma = math.min(1, state.sigma * math.exp(math.min(1, r.path_sigma / r.damping * (length / r.length - 1))))
end

-- Whether this distribution has nothing more to teach.
local function converged(state, trials)
  local n, recent = #state.mean, state.recent
  recent[#recent + 1] = trials[1].state == "finished" and trials[1].losses[1] or math.huge
  local window = 10 + math.ceil(30 * n / state.population)
  if #recent > window then table.remove(recent, 1) end
  local narrow, wide = math.huge, 0
  for i = 1, n do narrow, wide = math.min(narrow, state.roots[i]), math.max(wide, state.roots[i]) end
  if state.sigma * wide < 1e-9 or wide > 1e7 * narrow then return true end
  if #recent < window then return false end
  return math.max(table.unpack(recent)) - math.min(table.unpack(recent)) <= 1e-12
end

function Cmaes:learn(state, trials)
  local where = {}
  for _, trial in ipairs(trials) do
    local x, y = self:place(state, trial)
    where[trial] = { x, y }
  end
  table.sort(trials, better)
  local results = 0
  for _, trial in ipairs(trials) do results = results + (trial.state == "failed" and 0 or 1) end
  if results == 0 then return self:begin(state.restarts, state.moves + 1) end
  local r = with_results(state.rates, results)
  for _, p in ipairs(self.choices) do learn_choice(state, p, trials, r) end
  if #self.numbers > 0 then
    local xs, ys = {}, {}
    for k, trial in ipairs(trials) do xs[k], ys[k] = where[trial][1], where[trial][2] end
    learn_numbers(state, xs, ys, r)
  end
  self:decompose(state)
  if self.restart and converged(state, trials) then return self:begin(state.restarts + 1, state.moves) end
  return state
end

-- The distribution after all whole generations. It is kept until a trial with an older number arrives.
function Cmaes:current()
  local h = self.history
  if self.stale then self.state, self.used, self.last, self.stale = self:begin(0, 0), 0, nil, false end
  local ended = {}
  for _, place in ipairs(h:order()) do
    local trial = h.list[place]
    if trial.state ~= "open" then ended[#ended + 1] = trial end
  end
  while #ended - self.used >= self.state.population do
    local trials = table.move(ended, self.used + 1, self.used + self.state.population, 1, {})
    self.used, self.last = self.used + self.state.population, trials[#trials].number
    self.state = self:learn(self.state, trials)
  end
  return self.state
end

function Cmaes:tell(trial)
  local h = self.history
  local place = type(trial) == "table" and h.place[trial.number]
  local before = place and h.list[place] or nil
  local after = h.list[h:tell(trial)]
  local function counts(t)
    return t ~= nil and t.state ~= "open"
  end
  local changed = counts(before) ~= counts(after) or counts(after) and (before.state ~= after.state
    or (before.losses or {})[1] ~= (after.losses or {})[1] or before.step ~= after.step)
  if changed and trial.number <= (self.last or 0) then self.stale = true end
end

function Cmaes:ask(number)
  local state, rng = self:current(), self:stream(number)
  return self.history:draw(function() return (self:sample(state, rng)) end, rng)
end

return function(space, options)
  local o = history.options("cmaes", options, { sigma = { 0.2, 1e-6, 1 }, population = { 0, 0, 100000 },
    restart = { true } })
  if o.goals > 1 then error("sampler \"cmaes\" takes one goal; tpe takes two", 2) end
  if o.population > 0 and o.population < 4 then
    error("sampler \"cmaes\": option \"population\" must be 0 or at least 4", 2)
  end
  local self = setmetatable(o, Cmaes)
  self.space, self.history, self.numbers, self.choices, self.column = space, history.new(space, 1), {}, {}, {}
  for i, p in ipairs(space.parameters) do
    self.column[p.name] = i
    local list = p.kind == "choice" and self.choices or self.numbers
    if p.kind == "choice" or p.low < space:clip(p, p.high) then list[#list + 1] = p end
  end
  self.stale = true
  return self
end
