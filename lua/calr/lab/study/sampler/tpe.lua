--- @module calr.lab.study.sampler.tpe
--- Tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011; Watanabe, arXiv 2304.11127): splits the trials so
--- far into good ones and the rest, draws candidates where the good ones are dense, and takes the candidate with the
--- largest ratio of the two densities.
---
--- Trials rank by their losses; pruned ones come after all finished ones, ranked by how far they got and then by
--- their last report. Failed trials belong to the rest: where trials fail, the next ones are not drawn. Running ones
--- do too, so that several workers do not try the same place. A parameter that exists only under a choice is modelled
--- by the trials that have it. With two goals, trials are good by their rank of non-domination, and those of the
--- first rank that does not fit are chosen by the area that they dominate (Ozaki et al., JAIR 73 (2022)).
---
--- Options, with their defaults: `startup` (10): trials drawn at random first; `candidates` (24); `gamma` (0.1) and
--- `most` (25, with two goals no limit): min(ceil(gamma * n), most) trials are good; `prior` (1): weight of the prior
--- kernel; `multivariate` (true; false with two goals and in spaces with conditional parameters): parameters are drawn
--- together, separately for each choice, rather than one by one; `bandwidth` ("neighbour" or
--- "scott") and `endpoints` (false): see calr.tune.parzen; `clip` (1.5; 1 in spaces with conditional parameters): no
--- kernel is narrower than range / min(100, (n + 2)^clip); `liar` (true): whether running trials count.
---
--- Clip is 1 in Optuna and Hyperopt. 1.5 finds optima of numbers more closely within a hundred trials
--- (tests/bench/samplers.lua compares them), but lets a search settle on one alternative before it knows the others; so
--- does drawing together.

local history = require "calr.lab.study.sampler.history"
local pareto = require "calr.lab.study.sampler.pareto"
local tune = require "calr.tune"
local Rng = require "calr.rng"

local Tpe = {}
Tpe.__index = Tpe

-- ---- parameters as axes of estimators ----

-- The axis of a parameter, and the functions from its values to numbers and back.
local function make_axis(space, p)
  if p.kind == "choice" then
    local index = {}
    for i, choice in ipairs(p.choices) do index[choice] = i - 1 end
    return {
      single = #p.choices == 1, axis = { kind = "choice", choices = #p.choices },
      to = function(value) return value ~= nil and index[value] or false end,
      from = function(x) return p.choices[math.tointeger(x) + 1] end,
    }
  end
  local low, high = p.low, space:clip(p, p.high)
  local step = p.step or (p.kind == "int" and 1 or nil)
  return {
    single = low == high,
    axis = { kind = step and "step" or "float", low = low, high = high, step = step, log = p.log },
    to = function(value)
      return type(value) == "number" and value == value and math.abs(value) < math.huge and value or false
    end,
    from = function(x) return space:clip(p, x) end,
  }
end

-- Lists of parameters (their numbers) to draw together: all under the same choice, or each alone.
local function make_groups(space, together)
  local groups, by_parent = {}, {}
  for i, p in ipairs(space.parameters) do
    local key = p.parent and p.parent.name .. "\0" .. type(p.parent.value) .. tostring(p.parent.value) or ""
    local group = together and by_parent[key]
    if not group then
      group = { parameter = p, columns = {}, axes = {} }
      groups[#groups + 1] = group
      by_parent[key] = group
    end
    group[#group + 1] = i
  end
  return groups
end

-- ---- good trials and the rest ----

-- Pruned trials: those that got further first, then by their last report.
local function by_progress(a, b)
  local a_step, b_step = a.losses and a.step or -math.huge, b.losses and b.step or -math.huge
  if a_step ~= b_step then return a_step > b_step end
  local a_loss, b_loss = a.losses and a.losses[1] or 0, b.losses and b.losses[1] or 0
  if a_loss ~= b_loss then return a_loss < b_loss end
  return a.number < b.number
end

-- Rows of the good trials and of the rest, by number. `number` is the requested trial.
function Tpe:split(number)
  local h, own, good = self.history, self.history.place[number], {}
  local finished, pruned = {}, {}
  for _, row in ipairs(h:ranked()) do
    if row ~= own then finished[#finished + 1] = row end
  end
  if h.pruned > 0 then
    for row, state in ipairs(h.states) do
      if state == "pruned" and row ~= own then pruned[#pruned + 1] = row end
    end
  end
  local wanted = math.ceil(self.gamma * (#finished + #pruned))
  if self.most then wanted = math.min(wanted, self.most) end
  if h.goals == 1 then
    for i = 1, math.min(wanted, #finished) do good[finished[i]] = true end
  else
    pareto.select(finished, h.loss[1], h.loss[2], math.min(wanted, #finished), good)
  end
  if wanted > #finished then
    table.sort(pruned, function(a, b) return by_progress(h.list[a], h.list[b]) end)
    for i = 1, math.min(wanted - #finished, #pruned) do good[pruned[i]] = true end
  end
  local below, above, states, liar = {}, {}, h.states, self.liar
  for _, row in ipairs(h:order()) do
    local state = states[row]
    if good[row] then
      below[#below + 1] = row
    elseif row ~= own and (liar or state ~= "open") then
      above[#above + 1] = row
    end
  end
  return below, above
end

-- ---- candidates ----

function Tpe:estimator(group, rows, recent)
  return tune.parzen { history = self.values, rows = rows, columns = group.columns, axes = group.axes,
    prior = self.prior, bandwidth = self.bandwidth, clip = self.clip, endpoints = self.endpoints,
    recent = recent }
end

-- Sets the parameters of a group at a point.
function Tpe:draw_group(group, model, rng, point)
  for _, i in ipairs(group) do
    local p, axis = self.space.parameters[i], self.axes[i]
    if axis.single then point[p.name] = p.kind == "choice" and p.choices[1] or p.low end
  end
  if #group.columns == 0 then return end
  local own = model[group]
  if not own then
    own = { below = self:estimator(group, model.below, self.history.goals == 1),
      above = self:estimator(group, model.above, true) }
    model[group] = own
  end
  local candidates = own.below:sample(rng, self.candidates)
  local good, rest = own.below:log_density(candidates), own.above:log_density(candidates)
  local chosen = 1
  for i = 2, #candidates do
    if good[i] - rest[i] > good[chosen] - rest[chosen] then chosen = i end
  end
  for k, i in ipairs(group.columns) do
    point[self.space.parameters[i].name] = self.axes[i].from(candidates[chosen][k])
  end
end

function Tpe:propose(model, rng)
  local point = {}
  for _, group in ipairs(self.groups) do
    if self.space:active(point, group.parameter) then self:draw_group(group, model, rng, point) end
  end
  return point
end

function Tpe:tell(trial)
  local row, values = self.history:tell(trial), {}
  for i, p in ipairs(self.space.parameters) do values[i] = self.axes[i].to(trial.point[p.name]) end
  self.values:set(row, values)
end

function Tpe:ask(number)
  local h = self.history
  local rng = Rng.open { seed = self.seed, purpose = "study.tpe", index = number }
  local function by_chance()
    return history.unit(self.space, rng)
  end
  if h.finished + h.pruned + h.failed < math.max(1, self.startup) then return h:draw(by_chance, rng) end
  local model, tries = {}, 0
  model.below, model.above = self:split(number)
  return h:draw(function()
    tries = tries + 1
    if tries > 200 then return by_chance() end -- the constraint refuses what the model proposes
    return self:propose(model, rng)
  end, rng, 10)
end

local function conditional(space)
  for _, p in ipairs(space.parameters) do
    if p.parent then return true end
  end
  return false
end

return function(space, options)
  local o = history.options("tpe", options, { startup = { 10, 0, 1000000 }, candidates = { 24, 1, 100000 },
    gamma = { 0.1, 1e-6, 1 }, most = { 25, 1, 1000000 }, prior = { 1.0, 1e-6, 1e6 }, multivariate = {},
    bandwidth = { "neighbour", "scott" }, clip = { conditional(space) and 1.0 or 1.5, 0, 100 }, endpoints = { false },
    liar = { true } })
  if o.goals > 2 then error(("sampler \"tpe\" takes one goal or two, not %d"):format(o.goals), 2) end
  if o.multivariate == nil then o.multivariate = o.goals == 1 and not conditional(space) end
  if o.goals == 2 and options.most == nil then o.most = nil end
  local self = setmetatable(o, Tpe)
  self.space, self.history = space, history.new(space, o.goals)
  self.values = tune.history(#space.parameters)
  self.axes, self.groups = {}, make_groups(space, o.multivariate)
  for i, p in ipairs(space.parameters) do self.axes[i] = make_axis(space, p) end
  for _, group in ipairs(self.groups) do
    for _, i in ipairs(group) do
      if not self.axes[i].single then
        group.columns[#group.columns + 1] = i
        group.axes[#group.axes + 1] = self.axes[i].axis
      end
    end
  end
  return self
end
