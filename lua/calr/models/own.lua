--- @module calr.models.own
--- Networks of a user's own, by the path of a file or by a registered name: behind calr.models.make and register.

local config = require "calr.config"
local contract = require "calr.models.contract"
local userfile = require "calr.userfile"
local watched = require("calr.options").watched

local own = {}

local kind = { what = "network", field = "make", arguments = "options" }
local registered = {} -- name -> {make=, options=}

--- calr.models.own.register(name, network)
--- See calr.models.register.
function own.register(name, network)
  if type(name) ~= "string" or name == "" or userfile.is_path(name) then
    error("a network is registered under a name: a text without a slash that does not end in .lua", 3)
  end
  registered[name] = userfile.check(network, kind, ("the network \"%s\""):format(name))
end

--- calr.models.own.names()
--- @return table  the registered names
function own.names()
  local names = {}
  for name in pairs(registered) do names[#names + 1] = name end
  return names
end

local function find(name)
  if userfile.is_path(name) then return userfile.load(name, kind) end
  return registered[name]
end

--- calr.models.own.declared(name)
--- @return table|nil  the options that a network declares, as its own
function own.declared(name)
  local found = find(name)
  return found and own.marked(found.options, name)
end

--- calr.models.own.marked(options, name)
--- @return table  the options, as declared by a network
function own.marked(options, name)
  local out = {}
  for option, default in pairs(options) do out[option] = config.declared_by(default, name) end
  return out
end

-- Options of all networks, and the values that need not be looked at. The seed draws more than weights, and weights
-- that are loaded need none.
local common = { pooling = "gem", precision = "f32", ibn = false, checkpoint = false }

--- calr.models.own.make(name, options)
--- @return layer|nil  nil when there is no such network
function own.make(name, options)
  local found = find(name)
  if not found then return nil end
  local values = {}
  for option, value in pairs(options) do values[option] = value end
  for option, default in pairs(config.apply(found.options, {})) do
    if values[option] == nil then values[option] = default end
  end
  local view, looked_at = watched(values)
  local network = found.make(view)
  if network == nil then
    error(("the function that makes the network %s returns nothing: end it with return net"):format(name), 0)
  end
  for option, usual in pairs(common) do
    local value = options[option]
    if value and value ~= usual and not looked_at[option] then
      error(("the network %s does not look at the option %s=%s: leave it out, or let the network's function use "
        .. "options.%s"):format(name, option, config.format(value), option), 0)
    end
  end
  if type(network) == "table" and rawget(network, "name") == nil then network.name = name end
  return contract.check(network)
end

return own
