--- @module calr.optim
--- Optimisers over a list of parameters, and schedules of their learning rate (calr.optim.schedule).
---
--- Parameters are a list of {name=, tensor=}, as from network:parameters(). The gradients are those left by
--- calr.autograd.backward; a parameter without a gradient is skipped. Parameters may come in groups, each with options
--- of its own in place of the optimiser's:
---
---     local optimizer = calr.optim.adamw({
---       { params = net:parameters() },
---       { params = head:parameters(), lr = 1e-3, weight_decay = 0 },
---     }, { lr = 1e-4, weight_decay = 0.05 })
---
--- Names must differ across groups; calr.optim.groups and calr.optim.no_decay make groups by rules. To keep gradients
--- within bounds, call calr.autograd.clip_grad_norm_(net:parameters(), 1) between backward and step.
---
--- An optimiser of your own is calr.optim.define: docs/guide/your-own-optimiser.md.

local arguments = require "calr.options"
local check_options = arguments.check
local groups = require "calr.optim.groups"
local new_optimizer = require "calr.optim.optimizer"
local steps = require "calr.optim.step"
local sorted_keys = require "calr.tables".sorted_keys

local optim = { groups = groups.by_rules, no_decay = groups.no_decay, schedule = require "calr.optim.schedule" }

-- What keeps a value from being an option; nil when nothing does.
local function option_problem(name, value, default)
  if type(value) ~= type(default) then
    return ("option \"%s\" must be a %s, not a %s"):format(name, type(default), type(value))
  end
  if type(value) == "number" and not (value >= 0 and value < math.huge) then
    return ("option \"%s\" must be 0 or more, not %s"):format(name, tostring(value))
  end
  if (name == "beta1" or name == "beta2") and value >= 1 then
    return ("option \"%s\" must be below 1, not %s"):format(name, tostring(value))
  end
end

-- Options with their defaults; an unknown one, or one out of range, is an error at the line of the caller's caller.
local function read_options(what, given, defaults)
  local options = {}
  for name, default in pairs(defaults) do options[name] = default end
  for name, value in pairs(check_options("calr.optim." .. what, given, sorted_keys(defaults), 2)) do
    local problem = option_problem(name, value, defaults[name])
    if problem then error(("%s: %s"):format(what, problem), 3) end
    options[name] = value
  end
  return options
end

-- function(given) that completes the options of a group from those of its optimiser. `check` may refuse the whole.
local function group_reader(what, options, check)
  return function(given)
    local complete, names = {}, sorted_keys(options)
    for name, value in pairs(options) do complete[name] = value end
    for name, value in pairs(given) do
      if options[name] == nil then
        error(("%s: a group has no option \"%s\"%s; there are: params, %s"):format(what, tostring(name),
          arguments.suggest(name, names), table.concat(names, ", ")), 0)
      end
      local problem = option_problem(name, value, options[name])
      if problem then error(("%s: %s in a group"):format(what, problem), 0) end
      complete[name] = value
    end
    local problem = check and check(complete)
    if problem then error(("%s: %s"):format(what, problem), 0) end
    return complete
  end
end

local function adam_kinds(o)
  return o.amsgrad and { "m", "v", "largest" } or { "m", "v" }
end

local function adam_update(decoupled)
  return function(weight, gradient, state, o)
    steps.adam(weight, gradient, state.m, state.v, {
      step = state.count, lr = o.lr, beta1 = o.beta1, beta2 = o.beta2, eps = o.eps, weight_decay = o.weight_decay,
      decoupled = decoupled, largest = state.largest,
    })
  end
end

local adam_defaults = { lr = 1e-3, beta1 = .9, beta2 = .999, eps = 1e-8, weight_decay = 0, amsgrad = false }

--- calr.optim.adam(params [, {lr=1e-3, beta1=.9, beta2=.999, eps=1e-8, weight_decay=0, amsgrad=false}])
--- Makes Adam (Kingma and Ba, ICLR 2015) as in torch.optim.Adam: weight decay is added to the gradient.
--- @param params   list of {name=, tensor=}, or of groups
--- @param amsgrad  boolean; divides by the largest second moment so far (Reddi et al., ICLR 2018)
--- @return optimizer  with the field lr
function optim.adam(params, options)
  local o = read_options("adam", options, adam_defaults)
  return (new_optimizer("adam", params, o, { kinds = adam_kinds, update = adam_update(false),
    read = group_reader("adam", o) }))
end

--- calr.optim.adamw(params [, {lr=1e-3, beta1=.9, beta2=.999, eps=1e-8, weight_decay=.01, amsgrad=false}])
--- Makes AdamW (Loshchilov and Hutter, ICLR 2019, algorithm 2) as in torch.optim.AdamW: weights are multiplied by
--- 1 - lr weight_decay, and the decay does not pass through the moments.
--- @param params   list of {name=, tensor=}, or of groups: calr.optim.no_decay leaves norms and biases out
--- @param amsgrad  boolean; as for calr.optim.adam
--- @return optimizer  with the field lr
function optim.adamw(params, options)
  local defaults = {}
  for name, value in pairs(adam_defaults) do defaults[name] = value end
  defaults.weight_decay = 0.01
  local o = read_options("adamw", options, defaults)
  return (new_optimizer("adamw", params, o, { kinds = adam_kinds, update = adam_update(true),
    read = group_reader("adamw", o) }))
end

local function sgd_kinds(o)
  return o.momentum > 0 and { "velocity" } or {}
end

local function sgd_update(weight, gradient, state, o)
  steps.sgd(weight, gradient, state.velocity, {
    lr = o.lr, momentum = o.momentum, weight_decay = o.weight_decay, nesterov = o.nesterov,
    dampening = state.count > 1 and o.dampening or 0, -- PyTorch's velocity begins with the whole gradient
  })
end

local function sgd_problem(o)
  if o.nesterov and o.momentum == 0 then return "nesterov needs a momentum" end
  if o.nesterov and o.dampening ~= 0 then return "nesterov takes no dampening" end
  if o.dampening > 1 then return ("option \"dampening\" must be 0 to 1, not %g"):format(o.dampening) end
  if o.dampening > 0 and o.momentum == 0 then return "dampening needs a momentum" end
end

--- calr.optim.sgd(params [, {lr=.01, momentum=0, dampening=0, weight_decay=0, nesterov=false}])
--- Makes stochastic gradient descent as in torch.optim.SGD: g = gradient + weight_decay w; velocity = momentum velocity
--- + (1 - dampening) g, the first time g; w -= lr velocity, or lr (g + momentum velocity) with nesterov.
--- @param params  list of {name=, tensor=}, or of groups
--- @return optimizer  with the field lr
function optim.sgd(params, options)
  local o = read_options("sgd", options, { lr = .01, momentum = 0, dampening = 0, weight_decay = 0, nesterov = false })
  local problem = sgd_problem(o)
  if problem then error("sgd: " .. problem, 2) end
  return (new_optimizer("sgd", params, o, { kinds = sgd_kinds, update = sgd_update,
    read = group_reader("sgd", o, sgd_problem) }))
end

-- ---- an optimiser of a script's own ----

local reserved = { count = true, step = true, steps = true }

-- The names of the state, in a fixed order, and how each begins.
local function read_kinds(what, state)
  local kinds, initial = {}, {}
  for key, value in pairs(state or {}) do
    local name = math.type(key) == "integer" and value or key
    if type(name) ~= "string" or not name:match "^[%a_][%w_]*$" or reserved[name] then
      error(("%s: state names tensors, such as { \"m\" }; \"%s\" is no such name%s"):format(what, tostring(name),
        reserved[name] and ", because the count of steps has it" or ""), 3)
    end
    if name == key then
      if type(value) ~= "function" then
        error(("%s: state.%s must be a function(parameter) that makes a tensor, not a %s"):format(what, name,
          type(value)), 3)
      end
      initial[name] = value
    end
    kinds[#kinds + 1] = name
  end
  table.sort(kinds)
  return kinds, initial
end

--- calr.optim.define(name, {update=, options=, state=})
--- Makes an optimiser of your own from the update of one parameter. What it returns is called as calr.optim.adam is,
--- and a file that returns it is an optimiser of every experiment (`optimizer=./lion.lua`). Groups, schedules,
--- checkpoints and the check for NaN come with it.
---
---     local lion = calr.optim.define("lion", {             -- Chen et al., NeurIPS 2023, algorithm 2
---       options = { lr = 1e-4, beta1 = 0.9, beta2 = 0.99, weight_decay = 0 },
---       state = { "m" },
---       update = function(w, g, state, o)
---         local move = (state.m * o.beta1 + g * (1 - o.beta1)):sign()
---         w:sub_((move + w * o.weight_decay) * o.lr)
---         state.m = state.m * o.beta2 + g * (1 - o.beta2)
---       end,
---     })
---     local optimizer = lion(net:parameters(), { lr = 3e-4 })
--- @param name     string; for messages
--- @param update   function(w, g, state, o), without gradients: changes the parameter w in place (w:sub_, w:copy) by
---                 its gradient g. state holds the declared tensors and `step`, from 1; o the options, o.lr being the
---                 rate of this step
--- @param options  table; name -> default: numbers of 0 or more, booleans or strings. There must be an lr
--- @param state    list of names, each zeros of the parameter's shape at first, or name -> function(w) that makes the
---                 first tensor. All of them go into checkpoints
--- @return table   {options=, make=}, which can be called: optimizer = it(params, options)
function optim.define(name, spec)
  local what = "calr.optim.define"
  if type(name) ~= "string" or name == "" then error(what .. ": the first argument is the optimiser's name", 2) end
  spec = check_options(what, spec, { "update", "options", "state" })
  if type(spec.update) ~= "function" then
    error(("%s: %s needs update = function(w, g, state, o)"):format(what, name), 2)
  end
  local defaults = spec.options or {}
  if type(defaults.lr) ~= "number" then error(("%s: %s needs an option lr, a number"):format(what, name), 2) end
  local kinds, initial = read_kinds(what, spec.state)
  local function make(params, options)
    local o = {}
    for option, default in pairs(defaults) do o[option] = default end
    for option, value in pairs(check_options(name, options, sorted_keys(defaults))) do
      local problem = option_problem(option, value, defaults[option])
      if problem then error(("%s: %s"):format(name, problem), 2) end
      o[option] = value
    end
    return (new_optimizer(name, params, o, { kinds = kinds, initial = initial, update = spec.update, guarded = true,
      read = group_reader(name, o) }))
  end
  return setmetatable({ options = defaults, make = make }, {
    -- A tail call, so that errors name the script's line.
    __call = function(_, params, options) return make(params, options) end,
  })
end

local Schedule = {}
Schedule.__index = Schedule

--- calr.optim.step_schedule(optimizer [, {every=20, factor=.1}])
--- Multiplies the learning rate by `factor` every `every` epochs: schedule:epoch(e) sets it. It is
--- calr.optim.schedule.step with the optimiser's rate.
--- @return schedule  with :epoch(e)
function optim.step_schedule(target, options)
  options = read_options("step_schedule", options, { every = 20, factor = .1 })
  if math.tointeger(options.every) == nil or options.every < 1 then
    error("step_schedule: option \"every\" must be a whole number from 1", 2)
  end
  if type(target) ~= "table" or type(target.lr) ~= "number" then
    error("step_schedule: the first argument is an optimiser, with a field lr", 2)
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

arguments.counted("schedule:", Schedule)
return (arguments.counted("calr.optim.", optim))
