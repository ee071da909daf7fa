--- @module calr.optim
--- Optimisers over a list of parameters, and schedules of their learning rate.
---
--- Parameters are a list of {name=, tensor=}, as from network:parameters(). The gradients are those left by
--- calr.autograd.backward; a parameter without a gradient is skipped.

--- @class optimizer
--- Steps over a list of parameters by their gradients.
--- @field lr  number; the learning rate, which may be set at any time

local arguments = require "calr.options"
local check_options = arguments.check
local optimizer = require "calr.optim.step"
local tensor = require "calr.tensor"

local optim = {}

-- Options with their defaults; an unknown one, or one out of range, is an error at the caller's line.
local function read_options(what, given, defaults)
  local options, names = {}, {}
  for name, default in pairs(defaults) do
    options[name] = default
    names[#names + 1] = name
  end
  table.sort(names)
  for name, value in pairs(check_options("calr.optim." .. what, given, names, 2)) do
    if type(value) ~= type(defaults[name]) then
      error(("%s: option \"%s\" must be a %s, not a %s"):format(what, name, type(defaults[name]), type(value)), 3)
    end
    if type(value) == "number" and not (value >= 0 and value < math.huge) then
      error(("%s: option \"%s\" must be 0 or more, not %s"):format(what, name, tostring(value)), 3)
    end
    if (name == "beta1" or name == "beta2") and value >= 1 then
      error(("%s: option \"%s\" must be below 1, not %s"):format(what, name, tostring(value)), 3)
    end
    options[name] = value
  end
  return options
end

-- Copies the list, and checks it: every name once, every tensor f32.
local function read_parameters(what, params)
  if type(params) ~= "table" then
    error(("%s: a list of parameters {name=, tensor=} is needed, not a %s"):format(what, type(params)), 3)
  end
  if #params == 0 then
    error(type(params.parameters) == "function" and what .. ": give it the network's parameters, net:parameters()"
      or what .. ": there are no parameters to train", 3)
  end
  local list, seen = {}, {}
  for i, param in ipairs(params) do
    if type(param) ~= "table" or type(param.name) ~= "string" or not tensor.is(param.tensor) then
      error(("%s: parameter %d is not of the form {name=, tensor=}"):format(what, i), 3)
    end
    if seen[param.name] then error(("%s: two parameters are named \"%s\""):format(what, param.name), 3) end
    if param.tensor:dtype() ~= "f32" then
      error(("%s: parameter \"%s\" is %s; only f32 can be trained"):format(what, param.name, tostring(param.tensor)), 3)
    end
    seen[param.name] = true
    list[i] = { name = param.name, tensor = param.tensor }
  end
  return list
end

local Optimizer = {}
Optimizer.__index = Optimizer

-- kinds: the state tensors of a parameter. update(options, param, gradient, state): one step.
local function new(what, params, options, kinds, update)
  return setmetatable({
    lr = options.lr,
    what = what,
    params = read_parameters(what, params),
    options = options,
    kinds = kinds,
    update = update,
    states = {}, -- by the parameter's name: {count =, [kind] = tensor}
  }, Optimizer)
end

local function state_of(self, param)
  local state = self.states[param.name]
  if not state then
    state = { count = 0 }
    for _, kind in ipairs(self.kinds) do state[kind] = tensor.zeros(param.tensor:shape()) end
    self.states[param.name] = state
  end
  return state
end

--- optimizer:step()
--- Updates every parameter that has a gradient, with the learning rate optimizer.lr.
function Optimizer:step()
  for _, param in ipairs(self.params) do
    local gradient = param.tensor:grad()
    if gradient then
      local state = state_of(self, param)
      state.count = state.count + 1
      self:update(param.tensor, gradient, state)
    end
  end
end

--- optimizer:zero_grad()
--- Drops the gradients of all parameters.
function Optimizer:zero_grad()
  for _, param in ipairs(self.params) do param.tensor:zero_grad() end
end

--- optimizer:state()
--- Returns what a checkpoint must keep besides the parameters: for each parameter with steps, tensors under
--- "PARAMETER.KIND" and its number of steps under "PARAMETER.steps" (i64[1]). The learning rate is not included; a
--- schedule sets it. The tensors are the optimiser's own, not copies.
--- @return table  name -> tensor
function Optimizer:state()
  local map = {}
  for _, param in ipairs(self.params) do
    local state = self.states[param.name]
    if state then
      for _, kind in ipairs(self.kinds) do map[param.name .. "." .. kind] = state[kind] end
      map[param.name .. ".steps"] = tensor({ state.count }, "i64")
    end
  end
  return map
end

-- The state of one parameter from the map; nil if the map has none. Names used are removed from `left`.
local function read_state(self, map, left, param)
  local names = { param.name .. ".steps" }
  for _, kind in ipairs(self.kinds) do names[#names + 1] = param.name .. "." .. kind end
  local found = 0
  for _, name in ipairs(names) do
    if map[name] ~= nil then found = found + 1 end
    left[name] = nil
  end
  if found == 0 then return nil end
  local wanted = table.concat(param.tensor:shape(), " x ")
  for _, name in ipairs(names) do
    local value = map[name]
    if value == nil then error(("%s: the state lacks \"%s\""):format(self.what, name), 3) end
    local fits = tensor.is(value)
    if fits and name == names[1] then
      fits = value:numel() == 1 and value:item() >= 1 and math.tointeger(value:item()) ~= nil
    elseif fits then
      fits = value:dtype() == "f32" and table.concat(value:shape(), " x ") == wanted
    end
    if not fits then
      error(("%s: \"%s\" is %s; it does not fit the parameter, %s"):format(self.what, name, tostring(value),
        tostring(param.tensor)), 3)
    end
  end
  local state = { count = math.tointeger(map[names[1]]:item()) }
  for _, kind in ipairs(self.kinds) do state[kind] = map[param.name .. "." .. kind]:clone() end
  return state
end

--- optimizer:load_state(map [, metadata])
--- Restores the result of state(), by names. A missing or unknown name, or another shape, is an error that says so and
--- changes nothing.
--- @param map       name -> tensor; copied
--- @param metadata  table; the second result of calr.safetensors.load; it changes nothing
function Optimizer:load_state(map, metadata) -- luacheck: ignore 212
  local left, states = {}, {}
  for name in pairs(map) do left[name] = true end
  for _, param in ipairs(self.params) do states[param.name] = read_state(self, map, left, param) end
  local strange = next(left)
  if strange then
    error(("%s: the state holds \"%s\", which belongs to no parameter here"):format(self.what, tostring(strange)), 2)
  end
  self.states = states
end

local function adam_step(self, weight, gradient, state)
  local o = self.options
  optimizer.adam(weight, gradient, state.m, state.v, {
    step = state.count, lr = self.lr, beta1 = o.beta1, beta2 = o.beta2, eps = o.eps, weight_decay = o.weight_decay,
  })
end

--- calr.optim.adam(params [, {lr=1e-3, beta1=.9, beta2=.999, eps=1e-8, weight_decay=0}])
--- Makes Adam (Kingma and Ba, ICLR 2015) as in torch.optim.Adam: weight decay is added to the gradient.
--- @param params  list of {name=, tensor=}
--- @return optimizer  with the field lr
function optim.adam(params, options)
  options = read_options("adam", options, { lr = 1e-3, beta1 = .9, beta2 = .999, eps = 1e-8, weight_decay = 0 })
  return new("adam", params, options, { "m", "v" }, adam_step)
end

local function sgd_step(self, weight, gradient, state)
  local o = self.options
  optimizer.sgd(weight, gradient, state.velocity, {
    lr = self.lr, momentum = o.momentum, weight_decay = o.weight_decay, nesterov = o.nesterov,
  })
end

--- calr.optim.sgd(params [, {lr=.01, momentum=0, weight_decay=0, nesterov=false}])
--- Makes stochastic gradient descent as in torch.optim.SGD.
--- @param params  list of {name=, tensor=}
--- @return optimizer  with the field lr
function optim.sgd(params, options)
  options = read_options("sgd", options, { lr = .01, momentum = 0, weight_decay = 0, nesterov = false })
  if options.nesterov and options.momentum == 0 then error("sgd: nesterov needs a momentum", 2) end
  return new("sgd", params, options, options.momentum > 0 and { "velocity" } or {}, sgd_step)
end

local Schedule = {}
Schedule.__index = Schedule

--- calr.optim.step_schedule(optimizer [, {every=20, factor=.1}])
--- Multiplies the learning rate by `factor` every `every` epochs.
--- @return schedule
function optim.step_schedule(target, options)
  options = read_options("step_schedule", options, { every = 20, factor = .1 })
  if math.tointeger(options.every) == nil or options.every < 1 then
    error("step_schedule: option \"every\" must be a whole number from 1", 2)
  end
  local schedule = { optimizer = target, base = target.lr, every = options.every, factor = options.factor }
  return setmetatable(schedule, Schedule)
end

--- schedule:epoch(e)
--- Sets the learning rate of epoch e, counted from 0: the optimiser's rate when the schedule was made, times
--- factor^floor(e / every). It depends only on e, so a resumed run sets the same rate.
--- @return number  the learning rate
function Schedule:epoch(e)
  self.optimizer.lr = self.base * self.factor ^ (e // self.every)
  return self.optimizer.lr
end

arguments.counted("optimizer:", Optimizer)
arguments.counted("schedule:", Schedule)
return (arguments.counted("calr.optim.", optim))
