--- @module calr.pipeline.optimizer
--- The optimiser that a configuration names, and its options: a name of calr.optim, or the path of a user's file.

local config = require "calr.config"
local optim = require "calr.optim"
local suggest = require("calr.options").suggest
local userfile = require "calr.userfile"

local optimizer = {}

local kind = { what = "optimizer", field = "make", arguments = "parameters, options" }

-- What every configuration gives an optimiser; the value of an option that need not be looked at.
local given = { lr = true, weight_decay = true }
local usual_decay = 5e-4

local bundled = {
  adam = function(parameters, o) return optim.adam(parameters, o) end,
  adamw = function(parameters, o) return optim.adamw(parameters, o) end,
  sgd = function(parameters, o)
    return optim.sgd(parameters, { lr = o.lr, momentum = 0.9, weight_decay = o.weight_decay })
  end,
}

--- calr.pipeline.optimizer.names
--- The optimisers that come with calr.
optimizer.names = { "adam", "adamw", "sgd" }

--- calr.pipeline.optimizer.declared(name)
--- @return table|nil  the options that a user's optimiser declares, without those that the pipeline has for all of them
function optimizer.declared(name)
  if not userfile.is_path(name) then return nil end
  local out = {}
  for option, default in pairs(userfile.load(name, kind).options) do
    if not given[option] then out[option] = config.declared_by(default, name) end
  end
  return out
end

-- By a file: its own options from the configuration, and the rate.
local function make_own(cfg, parameters, lr)
  local found, o = userfile.load(cfg.optimizer, kind), { lr = lr }
  for option in pairs(found.options) do
    if not given[option] then o[option] = cfg[option] end
  end
  if found.options.weight_decay ~= nil then
    o.weight_decay = cfg.weight_decay
  elseif cfg.weight_decay ~= 0 and cfg.weight_decay ~= usual_decay or cfg.no_decay then
    error(("the optimizer %s has no option weight_decay: leave out %s, or declare it in the file"):format(
      cfg.optimizer, cfg.no_decay and "no_decay" or ("weight_decay=%g"):format(cfg.weight_decay)), 0)
  end
  return optimizer.check(found.make(parameters, o), "the optimizer " .. cfg.optimizer)
end

--- calr.pipeline.optimizer.check(object, what)
--- Raises an error unless an object can be used as one of calr.optim can.
--- @return table  the object
function optimizer.check(object, what)
  for _, name in ipairs { "step", "zero_grad", "state", "load_state" } do
    if type(object) ~= "table" or type(object[name]) ~= "function" then
      error(("%s is %s; an optimizer has the methods step, zero_grad, state and load_state and the field lr: "
        .. "see calr.optim.define"):format(what, type(object) == "table" and "a table without " .. name
        or object == nil and "nil: end its function with return optimizer" or "a " .. type(object)), 0)
    end
  end
  if type(object.lr) ~= "number" then error(what .. " has no field lr, a number, which schedules set", 0) end
  return object
end

--- calr.pipeline.optimizer.make(cfg, parameters, lr)
--- The optimiser that a configuration names.
--- @return optimizer  see calr.optim
function optimizer.make(cfg, parameters, lr)
  if cfg.no_decay then parameters = optim.no_decay(parameters) end
  if userfile.is_path(cfg.optimizer) then return make_own(cfg, parameters, lr) end
  local make = bundled[cfg.optimizer]
  if not make then
    error(("there is no optimizer \"%s\"%s; there are: %s, or the path of a file of your own"):format(
      tostring(cfg.optimizer), suggest(cfg.optimizer, optimizer.names), table.concat(optimizer.names, ", ")), 0)
  end
  return make(parameters, { lr = lr, weight_decay = cfg.weight_decay })
end

return (require("calr.options").counted("calr.pipeline.optimizer.", optimizer))
