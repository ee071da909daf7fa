--- @module calr.lab.study.sampler.gp
--- Gaussian process (Snoek et al., NeurIPS 2012): models the losses with a Matern 5/2 kernel and takes the point with
--- the largest expected improvement. Best for up to some hundred trials that take long, of one goal, with at most
--- some twenty parameters. A suggestion takes a tenth of a second to a second.
---
--- The kernel has a length for each parameter, chosen by the marginal likelihood under the priors of Optuna's
--- GPSampler; choices differ or not; a parameter that exists only under another choice has one place where it does
--- not exist. The search for the best point starts at points of Sobol's sequence and at the best trials, and climbs
--- along the gradient (see calr.tune.acquire).
---
--- A failed trial is a bad one: a second process models where trials fail, and the improvement counts as far as a
--- result is probable there; and the model of the losses has nothing more to learn at a point that failed. A pruned
--- trial counts with its last report, and no better than the median of the finished ones. At running trials the
--- model's own mean is taken for the result, so that several workers do not try the same place.
---
--- Options, with their defaults: `startup` (10): trials drawn from Sobol's sequence first; `candidates` (2048): how
--- many points the search looks at; `starts` (10): from how many it climbs; `most` (300): the better half and the
--- newest of more trials are modelled.

local history = require "calr.lab.study.sampler.history"
local tune = require "calr.tune"
local Rng = require "calr.rng"

local Gp = {}
Gp.__index = Gp

-- Numbers with more values than that are continuous while the search climbs, and rounded after it: it then asks for
-- places that are not the best of those that exist, and for the same one twice.
local POSITIONS = 4096
local DIMENSIONS = 256 -- of Sobol's sequence

-- ---- points as lists of numbers ----

-- The number of values of a number with steps; nil for a continuous one.
local function levels(p)
  if p.kind == "int" then return (p.high - p.low) // (p.step or 1) + 1 end
  return p.step and math.floor((p.high - p.low) / p.step + 1e-9) + 1 or nil
end

local function axis_of(space, i, column)
  local p, axis = space.parameters[i], {}
  if p.kind == "choice" then
    axis.choices = #p.choices
  else
    local n = levels(p)
    if n and n <= POSITIONS then
      axis.positions = {}
      for k = 1, n do
        local value = space:clip(p, p.low + (k - 1) * (p.step or 1))
        axis.positions[k] = space:to_unit({ [p.name] = value })[i]
      end
    end
  end
  if p.parent then
    axis.parent = column[p.parent.name]
    for c, choice in ipairs(space.by_name[p.parent.name].choices) do
      if choice == p.parent.value then axis.under = c - 1 end
    end
  end
  return axis
end

-- A point as the models have it.
function Gp:encode(point)
  local x = self.space:to_unit(point)
  for i, p in ipairs(self.space.parameters) do
    if p.kind == "choice" then x[i] = self.number_of[i][point[p.name]] or -1 end
  end
  return x
end

function Gp:decode(x)
  local u = {}
  for i, p in ipairs(self.space.parameters) do
    u[i] = p.kind == "choice" and (math.max(0, x[i]) + 0.5) / #p.choices or math.min(x[i], 1 - 1e-12)
  end
  return self.space:from_unit(u)
end

-- ---- what the models learn ----

-- The losses of finished and pruned trials, place by place; nil where there is none.
function Gp:losses_of()
  local h, worst, list = self.history, -math.huge, {}
  local ranked = h:ranked()
  for _, place in ipairs(ranked) do
    local loss = h.loss[1][place]
    if loss < math.huge then worst = math.max(worst, loss) end
  end
  local middle = ranked[(#ranked + 1) // 2]
  local median = middle and h.loss[1][middle] or -math.huge
  for place, state in ipairs(h.states) do
    local loss = h.loss[1][place]
    if state == "finished" then
      list[place] = math.min(math.max(loss, -1e300), worst > -math.huge and worst or 0)
    elseif state == "pruned" and h.list[place].losses and loss < math.huge then
      list[place] = math.max(loss, math.min(median, 1e300))
    end
  end
  return list
end

-- The places, best first; the order does not depend on when the trials were told.
local function sorted(places, losses, list)
  local by_loss = table.move(places, 1, #places, 1, {})
  table.sort(by_loss, function(a, b)
    if losses[a] ~= losses[b] then return losses[a] < losses[b] end
    return list[a].number < list[b].number
  end)
  return by_loss
end

-- At most `most` of the places, which are sorted by number: the better half, then the newest.
local function thin(places, losses, list, most)
  if #places <= most then return places end
  local chosen, kept, by_loss = {}, {}, sorted(places, losses, list)
  for i = 1, most // 2 do chosen[by_loss[i]] = true end
  local left = most - most // 2
  for i = #places, 1, -1 do
    if left > 0 and not chosen[places[i]] then
      chosen[places[i]] = true
      left = left - 1
    end
  end
  for _, place in ipairs(places) do
    if chosen[place] then kept[#kept + 1] = place end
  end
  return kept
end

-- The models of the losses and, when trials have failed, of the fates; and the places of the losses, best first.
function Gp:models(number)
  local h, own, losses = self.history, self.history.place[number], self:losses_of()
  local results, ended, running, failed = {}, {}, {}, {}
  for _, place in ipairs(h:order()) do
    local state = h.states[place]
    if place == own then
      goto continue
    elseif losses[place] then
      results[#results + 1], ended[#ended + 1] = place, place
    elseif state == "failed" then
      ended[#ended + 1], failed[#failed + 1] = place, self.encoded[place]
    elseif state == "open" then
      running[#running + 1] = self.encoded[place]
    end
    ::continue::
  end
  if #results == 0 then return nil end
  results = thin(results, losses, h.list, self.most)
  local points, values = {}, {}
  for i, place in ipairs(results) do points[i], values[i] = self.encoded[place], losses[place] end
  local of_losses = tune.gaussian { axes = self.axes, points = points, values = values }
  if #running > 0 then of_losses:believe(running) end
  failed = table.move(failed, math.max(1, #failed - self.most + 1), #failed, 1, {})
  if #failed > 0 then of_losses:believe(failed, true) end
  local of_fates
  if h.failed > 0 then
    ended = table.move(ended, math.max(1, #ended - self.most + 1), #ended, 1, {})
    points, values = {}, {}
    for i, place in ipairs(ended) do points[i], values[i] = self.encoded[place], losses[place] and 1 or -1 end
    of_fates = tune.gaussian { axes = self.axes, points = points, values = values }
  end
  return of_losses, of_fates, sorted(results, losses, h.list)
end

-- ---- suggestions ----

-- Points of Sobol's sequence that the constraint allows.
function Gp:candidates_of(rng)
  local list, n = {}, #self.space.parameters
  local seed = rng:integer(0, 1 << 30)
  for i = 1, self.candidates do
    local point = n <= DIMENSIONS and self.space:from_unit(tune.sobol(i, n, seed)) or history.unit(self.space, rng)
    if self.space:allowed(point) then list[#list + 1] = self:encode(point) end
  end
  return list
end

-- The points to propose, best first: the ends of the search, then the candidates.
function Gp:ranked_points(number, rng)
  local losses, fates, results = self:models(number)
  if not losses then return {} end
  local candidates, known = self:candidates_of(rng), {}
  if #candidates == 0 then return {} end
  for i = 1, math.min(3, #results) do known[i] = self.encoded[results[i]] end
  local ends = tune.acquire { losses = losses, fates = fates, candidates = candidates, known = known,
    starts = self.starts, rng = rng }
  local list = {}
  for i, x in ipairs(ends) do list[i] = self:decode(x) end
  return list, function()
    local values, order = tune.improvement { losses = losses, fates = fates, points = candidates }, {}
    for i = 1, #candidates do order[i] = i end
    table.sort(order, function(a, b)
      if values[a] ~= values[b] then return values[a] > values[b] end
      return a < b
    end)
    for i, place in ipairs(order) do order[i] = self:decode(candidates[place]) end
    return order
  end
end

function Gp:tell(trial)
  local place = self.history:tell(trial)
  self.encoded[place] = self:encode(trial.point)
end

function Gp:startup_point(number, rng)
  local n, tried = #self.space.parameters, false
  return self.history:draw(function()
    if tried or n > DIMENSIONS then return history.unit(self.space, rng) end
    tried = true
    return self.space:from_unit(tune.sobol(number - 1, n, self.seed))
  end, rng)
end

function Gp:ask(number)
  local h = self.history
  local rng = Rng.open { seed = self.seed, purpose = "study.gp", index = number }
  if h.finished + h.pruned + h.failed < math.max(1, self.startup) then return self:startup_point(number, rng) end
  local list, more = self:ranked_points(number, rng)
  local next_place = 0
  return h:draw(function()
    next_place = next_place + 1
    if not list[next_place] and more then -- the ends are known or not allowed
      list, more, next_place = more(), nil, 1
    end
    return list[next_place] or history.unit(self.space, rng)
  end, rng, 250)
end

return function(space, options)
  local o = history.options("gp", options, { startup = { 10, 0, 1000000 }, candidates = { 2048, 1, 100000 },
    starts = { 10, 1, 1000 }, most = { 300, 2, 10000 } })
  if o.goals > 1 then error("sampler \"gp\" takes one goal; tpe and nsga2 take two", 2) end
  local self = setmetatable(o, Gp)
  self.space, self.history, self.encoded, self.axes, self.number_of = space, history.new(space, 1), {}, {}, {}
  local column = {}
  for i, p in ipairs(space.parameters) do
    column[p.name] = i
    self.axes[i] = axis_of(space, i, column)
    if p.kind == "choice" then
      self.number_of[i] = {}
      for c, choice in ipairs(p.choices) do self.number_of[i][choice] = c - 1 end
    end
  end
  return self
end
