--- @module calr.optim.optimizer
--- What all optimisers share: groups of parameters, the state of each parameter, checkpoints.

--- @class optimizer
--- Steps over a list of parameters by their gradients.
--- @field lr      number; the learning rate, which may be set at any time. The rate of a group that has one of its own
---                moves in proportion: half of the first value halves all of them
--- @field groups  list of {params =, options =, lr =}; lr is nil where a group follows the optimiser's

local autograd = require "calr.autograd"
local groups = require "calr.optim.groups"
local tensor = require "calr.tensor"

local Optimizer = {}
Optimizer.__index = Optimizer

local function zeros(parameter) return tensor.zeros(parameter:shape()) end

-- What a script may set in the state of a parameter: the tensors that were declared.
local function guard(what, kinds)
  return { __newindex = function(_, name)
    error(("%s: the state has no \"%s\", so that a checkpoint would lose it; declared are: %s"):format(what,
      tostring(name), #kinds > 0 and table.concat(kinds, ", ") or "none"), 2)
  end }
end

-- The kinds of state that the parameters of a group have.
local function kinds_of(self, group)
  return type(self.kinds) == "function" and self.kinds(group.options) or self.kinds
end

local function state_of(self, group, param)
  local state = self.states[param.name]
  if not state then
    state = { count = 0, step = 0 }
    for _, kind in ipairs(kinds_of(self, group)) do state[kind] = (self.initial[kind] or zeros)(param.tensor) end
    setmetatable(state, self.guard)
    self.states[param.name] = state
  end
  return state
end

local function form_of(value)
  return tensor.is(value) and value:dtype() .. "[" .. table.concat(value:shape(), " x ") .. "]" or type(value)
end

-- A script may put a new tensor in the place of one of the state, but a checkpoint has the declared form.
local function check_state(self, param, state, kinds, forms)
  for _, kind in ipairs(kinds) do
    if form_of(state[kind]) ~= forms[kind] then
      error(("%s: state.%s of \"%s\" became %s; it was %s"):format(self.what, kind, param.name, form_of(state[kind]),
        forms[kind]), 0)
    end
  end
end

-- Gradients that are not finite would destroy the weights and all of the state: nothing is changed then.
local function check_gradients(self)
  for _, group in ipairs(self.groups) do
    for _, param in ipairs(group.params) do
      local gradient = param.tensor:grad()
      if gradient and not gradient:is_finite() then
        local state = self.states[param.name]
        error(("%s: the gradient of \"%s\" is %s at step %d (lr = %g): the loss, or what leads to it, is not finite. "
          .. "The weights are untouched. Lower the learning rate, clip the gradients "
          .. "(calr.autograd.clip_grad_norm_), or find the operation with calr.autograd.detect_anomaly"):format(
          self.what, param.name, gradient:isnan():any():item() and "NaN" or "infinite", state and state.count + 1 or 1,
          self.lr), 3)
      end
    end
  end
end

local function rate_of(self, group)
  if group.lr == nil then return self.lr end
  return self.base == 0 and group.lr or group.lr * (self.lr / self.base)
end

-- One parameter. The form of its state is checked at its first step, and in checkpoints.
local function update(self, group, param, gradient)
  local state = state_of(self, group, param)
  local first = state.count == 0
  local kinds, forms = first and kinds_of(self, group), {}
  for _, kind in ipairs(kinds or {}) do forms[kind] = form_of(state[kind]) end
  state.count, state.step = state.count + 1, state.count + 1
  self.update(param.tensor, gradient, state, group.now)
  if first then check_state(self, param, state, kinds, forms) end
end

--- optimizer:step()
--- Updates every parameter that has a gradient, with the learning rate optimizer.lr. A gradient that is NaN or infinite
--- is an error that names the parameter, and changes nothing.
function Optimizer:step()
  if type(self.lr) ~= "number" or not (self.lr >= 0 and self.lr < math.huge) then
    error(("%s: the learning rate must be a number of 0 or more, not %s"):format(self.what, tostring(self.lr)), 2)
  end
  check_gradients(self)
  autograd.no_grad(function()
    for _, group in ipairs(self.groups) do
      group.now.lr = rate_of(self, group)
      for _, param in ipairs(group.params) do
        local gradient = param.tensor:grad()
        if gradient then update(self, group, param, gradient) end
      end
    end
  end)
end

--- optimizer:zero_grad()
--- Drops the gradients of all parameters.
function Optimizer:zero_grad()
  for _, group in ipairs(self.groups) do
    for _, param in ipairs(group.params) do param.tensor:zero_grad() end
  end
end

--- optimizer:state()
--- Returns what a checkpoint must keep besides the parameters: for each parameter with steps, tensors under
--- "PARAMETER.KIND" and its number of steps under "PARAMETER.steps" (i64[1]). The learning rate is not included; a
--- schedule sets it. The tensors are the optimiser's own, not copies.
--- @return table  name -> tensor
function Optimizer:state()
  local map = {}
  for _, group in ipairs(self.groups) do
    local kinds = kinds_of(self, group)
    for _, param in ipairs(group.params) do
      local state = self.states[param.name]
      for _, kind in ipairs(state and kinds or {}) do
        if not tensor.is(state[kind]) then
          error(("%s: state.%s of \"%s\" is %s, not a tensor"):format(self.what, kind, param.name,
            form_of(state[kind])), 2)
        end
        map[param.name .. "." .. kind] = state[kind]:detach()
      end
      if state then map[param.name .. ".steps"] = tensor({ state.count }, "i64") end
    end
  end
  return map
end

-- The state of one parameter from the map; nil if the map has none. Names used are removed from `left`.
local function read_state(self, map, left, group, param)
  local kinds, names = kinds_of(self, group), { param.name .. ".steps" }
  for _, kind in ipairs(kinds) do names[#names + 1] = param.name .. "." .. kind end
  local found = 0
  for _, name in ipairs(names) do
    if map[name] ~= nil then found = found + 1 end
    left[name] = nil
  end
  if found == 0 then return nil end
  for i, name in ipairs(names) do
    local value = map[name]
    if value == nil then error(("%s: the state lacks \"%s\""):format(self.what, name), 3) end
    local fits = tensor.is(value)
    if fits and i == 1 then
      fits = value:numel() == 1 and value:item() >= 1 and math.tointeger(value:item()) ~= nil
    elseif fits then
      fits = form_of(value) == form_of((self.initial[kinds[i - 1]] or zeros)(param.tensor))
    end
    if not fits then
      error(("%s: \"%s\" is %s; it does not fit the parameter, %s"):format(self.what, name, tostring(value),
        tostring(param.tensor)), 3)
    end
  end
  local count = math.tointeger(map[names[1]]:item())
  local state = { count = count, step = count }
  for _, kind in ipairs(kinds) do state[kind] = map[param.name .. "." .. kind]:clone() end
  return setmetatable(state, self.guard)
end

--- optimizer:load_state(map [, metadata])
--- Restores the result of state(), by names. A missing or unknown name, or another shape, is an error that says so and
--- changes nothing.
--- @param map       name -> tensor; copied
--- @param metadata  table; the second result of calr.safetensors.load; it changes nothing
function Optimizer:load_state(map, metadata) -- luacheck: ignore 212
  local left, states = {}, {}
  for name in pairs(map) do left[name] = true end
  for _, group in ipairs(self.groups) do
    for _, param in ipairs(group.params) do states[param.name] = read_state(self, map, left, group, param) end
  end
  local strange = next(left)
  if strange then
    error(("%s: the state holds \"%s\", which belongs to no parameter here"):format(self.what, tostring(strange)), 2)
  end
  self.states = states
end

require("calr.options").counted("optimizer:", Optimizer)

--- calr.optim.optimizer(what, params, options, spec)
--- An optimiser.
--- @param what     its name, for messages
--- @param options  complete
--- @param spec     {kinds =, initial =, update =, read =}: the names of a parameter's state, or function(options) ->
---                 such names; how a kind begins, function(parameter) -> tensor, zeros where there is none;
---                 update(parameter, gradient, state, options); read(given) -> complete options of a group
--- @return optimizer
return function(what, params, options, spec)
  local ok, list = pcall(groups.read, what, params, options, spec.read)
  if not ok then error(list, 3) end
  for _, group in ipairs(list) do
    group.now = setmetatable({}, { __index = group.options }) -- with the rate of the step under way
  end
  local kinds = type(spec.kinds) == "table" and spec.kinds or {}
  return setmetatable({
    lr = options.lr, base = options.lr, what = what, groups = list, options = options, kinds = spec.kinds,
    initial = spec.initial or {}, update = spec.update, states = {}, -- by the parameter's name: {count =, [kind] =}
    guard = spec.guarded and guard(what, kinds) or nil,
  }, Optimizer)
end
