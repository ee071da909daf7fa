--- @module calr.lab.refine.options
--- The options that a rule sees at the workbench: those of the run, changed by words key=value, with a record of which
--- ones it read.

local config = require "calr.config"
local errors = require "calr.errors"
local sorted_keys = require "calr.tables".sorted_keys
local copy = require "calr.tables".copy

local options = {}

local function read(text)
  if text == "true" then return true end
  if text == "false" then return false end
  local number = tonumber(text)
  return number and (math.tointeger(number) or number) or text
end

--- calr.lab.refine.options.parse(word)
--- @param word    key=value; a value that looks like a number, true or false becomes one
--- @return string  the name
--- @return any     the value
function options.parse(word)
  local name, value = word:match "^([%w_.]+)=(.*)$"
  if not name then errors.usage("\"%s\" is not of the form key=value", word) end
  return name, read(value)
end

-- A view of a table that records the dotted names read.
local function view(values, prefix, seen)
  return setmetatable({}, {
    __index = function(_, key)
      local value, name = values[key], prefix .. tostring(key)
      if type(value) == "table" and #value == 0 then return view(value, name .. ".", seen) end
      seen[name] = true
      return value
    end,
    __pairs = function()
      for key in pairs(values) do seen[prefix .. tostring(key)] = true end
      return next, values, nil
    end,
    __newindex = function(_, key)
      error(("a rule must not change its options (\"%s%s\")"):format(prefix, tostring(key)), 2)
    end,
  })
end

-- The entry under a dotted name in the options that a rule declares.
local function declaration(declared, name)
  local at = declared
  for part in name:gmatch "[^.]+" do
    if at ~= declared and not config.is_group(at) then return nil end
    at = at[part]
    if at == nil then return nil end
  end
  return not config.is_group(at) and at or nil
end

local function set(values, name, value, declared)
  local option = declaration(declared, name)
  if option ~= nil then value = config.value(name, option, value) end
  local at, last = values, name
  for part, rest in name:gmatch "([^.]+)%.()" do
    if type(at[part]) ~= "table" then at[part] = {} end
    at, last = at[part], name:sub(rest)
  end
  local old = at[last]
  if option == nil and old ~= nil and type(old) ~= type(value) then
    errors.usage("option \"%s\" must be a %s; \"%s\" is not", name, type(old), tostring(value))
  end
  at[last] = value
end

--- calr.lab.refine.options.merge(base, given [, declared])
--- @param base   options of a run
--- @param given  dotted name -> value; epoch, epochs and seed are not options and are returned separately
--- @param declared  the options that the rule declares; given values are checked against them
--- @return table  options (what the rule sees), epoch, epochs, seed (or nil), and used(): the sorted names of the
---                options read
function options.merge(base, given, declared)
  local values, seen, out = copy(base), {}, {}
  for name, value in pairs(given) do
    if name == "epoch" or name == "epochs" or name == "seed" then
      if math.type(value) ~= "integer" or value < (name == "epochs" and 1 or 0) then
        errors.usage("%s must be a whole number, %d or more; \"%s\" is not", name, name == "epochs" and 1 or 0,
          tostring(value))
      end
      out[name], seen[name] = value, true
    else
      set(values, name, value, declared or {})
    end
  end
  out.options = view(values, "", seen)
  function out.used()
    return sorted_keys(seen)
  end
  return out
end

return options
