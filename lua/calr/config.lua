--- @module calr.config
--- A script's options: `local cfg = calr.config { epochs = 20, lr = 3.5e-4, infomap = { k = 15 } }`.
---
--- The table gives names and defaults; `key=value` on the command line overrides them: `epochs=5 infomap.k=20`. The
--- type comes from the default: a whole number takes a whole number, 1.0 any number, true or false a switch
--- (true/false, yes/no, on/off), a string anything, a list values separated by commas, a table its members by dots. An
--- unknown name, a wrong type or a value out of range ends the program with exit status 2 and names what was meant.
--- `--help` after the script prints the options.
---
--- Everything else about an option is declared beside its default, and nowhere else:
---
---     local option = calr.config.option
---     local cfg = calr.config {
---       margin = option(0.3, "distance between clusters", { 0, 1 }),           -- a range; { 0 } has no upper end
---       mining = option("hard", "which negatives", { "hard", "all" }),         -- choices
---     }
---
--- It returns a table of the same shape. A field that was not declared is an error in the script, with what was meant:
--- `cfg.infomp` has no silent nil, and `cfg.epoch = 5` changes nothing in silence. calr.config.has asks.

--- calr.config(defaults)
--- Returns the options of the running script: the defaults, changed by the command line.
--- @param defaults  table; name -> default, or an option from calr.config.option and its like
--- @return table    of the same shape

local context = require "calr.context"
local errors = require "calr.errors"
local guarded, has = require "calr.options".guarded, require "calr.options".has
local suggest = require "calr.options".suggest
local sorted_keys = require "calr.tables".sorted_keys
local copy = require "calr.tables".copy
local userfile = require "calr.userfile"

local config = {}

local Option = {} -- metatable of defaults that carry more than a value
local known = setmetatable({}, { __mode = "k" }) -- resolved table -> its options

local function option(fields)
  return setmetatable(fields, Option)
end

-- Adds the allowed values to an option: choices, or the ends of a range.
local function allow(o, allowed)
  if allowed == nil then return o end
  if type(allowed) == "table" and type(allowed[1]) == "string" then
    o.choices, o.open = allowed, allowed.open
  elseif type(allowed) == "table" and type(allowed[1]) == "number" and #allowed <= 2
    and type(allowed[2] or 0) == "number" then
    o.low, o.high = allowed[1], allowed[2] or math.huge
  else
    error("an option allows { low, high }, { low }, or a list of strings", 3)
  end
  return o
end

--- calr.config.option(default, text [, allowed [, more]])
--- Makes an option: a default with a description for --help and the allowed values.
--- @param default  any; a value that sets the option's type
--- @param text     string
--- @param allowed  table; {low, high}: numbers from low to high; {low}: from low up; a list of strings: the choices.
---                 {"pivot", "none", open = "the path of a rule"} also takes a path, described by `open`
--- @param more     table; what the value of this option adds. declares: function(value) -> further options, by
---                 name, or nil; defaults: value -> names of other options and their defaults for this value
function config.option(default, text, allowed, more)
  local o = allow(option { default = default, text = text }, allowed)
  for name, value in pairs(more or {}) do
    if name ~= "declares" and name ~= "defaults" then
      error(("an option may add `declares` or `defaults`, not \"%s\""):format(tostring(name)), 2)
    end
    o[name] = value
  end
  return o
end

--- calr.config.with_default(option, default)
--- @param option   table; from calr.config.option
--- @param default  any; any value
--- @return table  an option like the given one, with another default
function config.with_default(given, default)
  local o = option {}
  for key, value in pairs(given) do o[key] = value end
  o.default = default
  return o
end

--- calr.config.declared_by(default, owner)
--- Marks options as added by a value of another option, and so owned by that value: a rule, a network. They may replace
--- options of another owner, but not the script's own.
--- @param default  any; any option or plain default, or a group of them
--- @param owner    string; such as "purity" or "./mine.lua"; printed before the description
--- @return table  the marked option or group of options
function config.declared_by(default, owner)
  if config.is_group(default) then
    local group = {}
    for name, inner in pairs(default) do group[name] = config.declared_by(inner, owner) end
    return group
  end
  local o = getmetatable(default) == Option and config.with_default(default, default.default)
    or option { default = default }
  o.owner, o.text = owner, o.text and owner .. ": " .. o.text or "of " .. owner
  return o
end

--- calr.config.choice(values [, text])
--- Same as calr.config.option(values[1], text, values).
--- @param values  list of strings
function config.choice(values, text)
  if type(values) ~= "table" or type(values[1]) ~= "string" then error("choice takes a list of strings", 2) end
  return config.option(values[1], text, values)
end

--- calr.config.optional(kind [, text [, allowed]])
--- Makes an option without a default: nil unless given.
--- @param kind     "integer", "number", "boolean" or "string"
--- @param allowed  table; as in calr.config.option
function config.optional(kind, text, allowed)
  if not ({ integer = 1, number = 1, boolean = 1, string = 1 })[kind] then
    error(("no kind of option \"%s\"; there are: integer, number, boolean, string"):format(tostring(kind)), 2)
  end
  return allow(option { kind = kind, text = text }, allowed)
end

local function is_list(value)
  return #value > 0 or next(value) == nil
end

local function kind_of(value, name)
  local kind = math.type(value) == "float" and "number" or math.type(value) or type(value)
  if kind == "integer" or kind == "number" or kind == "boolean" or kind == "string" then return kind end
  if kind == "table" and is_list(value) then return "list" end
  error(("calr.config: the default of \"%s\" is a %s; it must be a number, string, boolean or table"):format(name,
    kind), 0)
end

-- A table that contains itself has no end. `around`: the tables around this one.
local function refuse_cycles(value, name, around)
  if type(value) ~= "table" then return end
  if around[value] then error(("calr.config: the table \"%s\" contains itself"):format(name), 0) end
  around[value] = name
  for key, item in pairs(value) do
    refuse_cycles(item, name == "" and tostring(key) or name .. "." .. tostring(key), around)
  end
  around[value] = nil
end

-- Walks nested defaults into a flat list of options with dotted names.
local function flatten(defaults, prefix, out)
  if prefix == "" then refuse_cycles(defaults, "", {}) end
  for key, default in pairs(defaults) do
    if type(key) ~= "string" then
      error("calr.config: options need names: write name = default", 0)
    end
    local name = prefix .. key
    if getmetatable(default) == Option then
      local o = config.with_default(default, default.default)
      o.name, o.kind = name, default.kind or kind_of(default.default, name)
      out[#out + 1] = o
    elseif type(default) == "table" and not is_list(default) then
      flatten(default, name .. ".", out)
    else
      out[#out + 1] = option { name = name, kind = kind_of(default, name), default = default }
    end
  end
  return out
end

local wanted = { integer = "a whole number", number = "a number", boolean = "true or false (or yes, no, on, off)",
  list = "values separated by commas", string = "text" }
local switches = { ["true"] = true, yes = true, on = true, ["false"] = false, no = false, off = false }

local parse = {}

function parse.integer(text)
  local value = tonumber(text)
  return value and math.tointeger(value)
end

function parse.number(text)
  local value = tonumber(text)
  return value and value + 0.0
end

function parse.boolean(text)
  return switches[text:lower()]
end

function parse.string(text)
  return text
end

function parse.any(text)
  local value = tonumber(text)
  if value == nil then value = switches[text] end
  if value == nil then return text end
  return value
end

function parse.list(text, default)
  local first = default and default[1]
  local reader = first ~= nil and parse[kind_of(first, "list")] or parse.any
  local values = {}
  for item in (text == "" and "" or text .. ","):gmatch "([^,]*)," do
    local value = reader(item:match "^%s*(.-)%s*$")
    if value == nil then return nil end
    values[#values + 1] = value
  end
  return values
end

local function find(options, name)
  for _, o in ipairs(options) do
    if o.name == name then return o end
  end
end

local function unknown(options, name)
  local names, members = {}, {}
  for _, o in ipairs(options) do
    names[#names + 1] = o.name
    if o.name:sub(1, #name + 1) == name .. "." then members[#members + 1] = o.name end
  end
  if #members > 0 then
    errors.usage("option \"%s\" is a group; give its members: %s", name, table.concat(members, ", "))
  end
  errors.usage("unknown option \"%s\"%s; the script has: %s", name,
    suggest(name, names), #names > 0 and table.concat(names, ", ") or "none")
end

local function range_text(o)
  return o.high < math.huge and ("%g to %g"):format(o.low, o.high) or ("%g or more"):format(o.low)
end

-- Refuses a value that is not one of an option's choices or is out of its range.
local function check_allowed(o, value)
  if type(value) == "table" then
    for _, item in ipairs(value) do check_allowed(o, item) end
  elseif o.low and type(value) == "number" then
    if not (value >= o.low and value <= o.high and value < math.huge) then
      errors.usage("option \"%s\" must be %s; %s is not", o.name, range_text(o), value)
    end
  elseif o.choices and value ~= nil and not (o.open and userfile.is_path(value)) then
    for _, choice in ipairs(o.choices) do
      if choice == value then return end
    end
    errors.usage("option \"%s\" has no choice \"%s\"%s; there are: %s%s", o.name, value,
      suggest(tostring(value), o.choices), table.concat(o.choices, ", "),
      o.open and ", or " .. tostring(o.open) or "")
  end
end

local function set_by_name(o, text)
  local value = parse[o.kind](text, o.default)
  if value == nil then
    local default = o.default ~= nil and (", like its default %s"):format(config.format(o.default)) or ""
    errors.usage("option \"%s\" must be %s%s; \"%s\" is not", o.name, wanted[o.kind], default, text)
  end
  check_allowed(o, value)
  return value
end

--- calr.config.format(value)
--- Formats a value as on the command line.
--- @param value  any
--- @return string
function config.format(value)
  if type(value) == "table" then
    local items = {}
    for i, item in ipairs(value) do items[i] = config.format(item) end
    return table.concat(items, ",")
  end
  if math.type(value) == "float" then
    for digits = 6, 17 do
      local text = ("%%.%dg"):format(digits):format(value)
      if tonumber(text) == value then return text end
    end
  end
  return tostring(value)
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b and math.type(a) == math.type(b) end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

-- The value under a dotted name in a table of the defaults' shape. A name may itself contain dots.
local function locate(defaults, name)
  if rawget(defaults, name) ~= nil then return defaults, name end
  for head, rest in name:gmatch "()%.()" do
    local group = rawget(defaults, name:sub(1, head - 1))
    if type(group) == "table" and getmetatable(group) ~= Option then
      local t, key = locate(group, name:sub(rest))
      if t then return t, key, name:sub(1, head - 1) end
    end
  end
end

-- Where else there is an option with a name: " (did you mean \"intra.k1\"?)" for "k1".
local function member_hint(values, name)
  local found = {}
  for full in pairs(values) do
    if full:sub(-#name - 1) == "." .. name then found[#found + 1] = ("\"%s\""):format(full) end
  end
  table.sort(found)
  return #found > 0 and (" (did you mean %s?)"):format(table.concat(found, " or ")) or nil
end

-- Builds the resolved table: the defaults' shape with the values by name. A name that is none of them is an error.
local function build(defaults, prefix, values)
  local result, names = {}, {}
  for key, default in pairs(defaults) do
    local name = prefix .. key
    names[key] = true
    if type(default) == "table" and getmetatable(default) ~= Option and not is_list(default) then
      result[key] = build(default, name .. ".", values)
    else
      result[key] = values[name]
    end
  end
  local what = prefix == "" and "the configuration has"
    or ("the group \"%s\" of the configuration has"):format(prefix:sub(1, -2))
  return guarded(result, what, names, function(name) return member_hint(values, name) end)
end

local function by_name(a, b) return a.name < b.name end

-- The entry under the name of an added option, if there is one already. A plain value there is the script's own default
-- for it.
local function joined(old, new, name)
  if old == nil or getmetatable(old) == Option and old.owner then return new end
  if type(old) ~= "table" and getmetatable(new) == Option then return config.with_default(new, old) end
  local owner = new.owner or "a file"
  errors.usage("%s declares the option \"%s\", which already exists; give it another name", owner, name)
end

-- The options of a script, sorted, and the defaults including options that a value adds: given(option) is the value
-- that a declaring option will have, nil for its default.
local function declared(defaults, given)
  local options, extended = flatten(defaults, "", {}), nil
  for _, o in ipairs(options) do
    local value = o.declares and given(o)
    if value == nil then value = o.default end
    for name, default in pairs(o.declares and o.declares(value) or {}) do
      if not extended then
        extended = {}
        for key, old in pairs(defaults) do extended[key] = old end
      end
      extended[name] = joined(extended[name], default, name)
    end
  end
  if extended then options = flatten(extended, "", {}) end
  table.sort(options, by_name)
  return options, extended or defaults
end

-- The last value given to an option by words key=value, as text.
local function last_word(overrides, name)
  for i = #(overrides or {}), 1, -1 do
    local key, value = overrides[i]:match "^([^=]+)=(.*)$"
    if key == name then return value end
  end
end

--- calr.config.list(defaults [, overrides])
--- Lists the options that a table of defaults declares, sorted by name.
--- @param overrides  list of strings "key=value": includes the options that these values add
--- @return table  list of {name=, kind=, default=, text=, choices=, open=, low=, high=}: the dotted name, "integer",
---                "number", "boolean", "string" or "list", and the rest of the declaration
function config.list(defaults, overrides)
  return (declared(defaults, function(o) return last_word(overrides, o.name) end))
end

-- The initial values of options: their defaults, or those set by the value of another option.
local function start_values(options, given)
  local values = {}
  for _, o in ipairs(options) do values[o.name] = copy(o.default) end
  for _, o in ipairs(options) do
    local value = o.defaults and given(o)
    if value == nil then value = o.default end
    for name, default in pairs(o.defaults and o.defaults[value] or {}) do
      if find(options, name) then values[name] = default end
    end
  end
  return values
end

-- A value not given may be the script's own default, outside the range of the option that it replaces.
local function check_values(options, values)
  for _, o in ipairs(options) do check_allowed(o, values[o.name]) end
end

-- Values of a resumed run by dotted name; they override the defaults, and nothing may contradict them.
local function recorded_values(options, record, values)
  for _, o in ipairs(options) do
    local t, key = locate(record, o.name)
    if t then
      local value = copy(t[key])
      if o.kind == "number" and type(value) == "number" then value = value + 0.0 end
      values[o.name] = value
    end
  end
end

--- calr.config.grows(name, old, new)
--- @param name  string; of an option
--- @param old   any; its value in a run
--- @param new   any
--- @return boolean  whether a run may go on with the new value: more of its `epochs`
function config.grows(name, old, new)
  return name == "epochs" and math.type(old) == "integer" and math.type(new) == "integer" and new > old
end

--- calr.config.resolve(defaults [, overrides [, recorded]])
--- Does the work of calr.config{...} with given overrides: for scripts that run scripts, and for tests.
--- @param overrides  list of strings "key=value"; later ones win
--- @param recorded   table; the resolved values of a resumed run: they replace the defaults, and an override
---                   that contradicts them is refused, except for more epochs (calr.config.grows)
--- @return table
function config.resolve(defaults, overrides, recorded)
  local function given(o)
    local word = last_word(overrides, o.name)
    if word == nil and recorded then
      local t, key = locate(recorded, o.name)
      word = t and t[key]
    end
    return word
  end
  local options
  options, defaults = declared(defaults, given)
  local values = start_values(options, given)
  if recorded then recorded_values(options, recorded, values) end
  for _, text in ipairs(overrides or {}) do
    local name, value = text:match "^([^=]+)=(.*)$"
    if not name then errors.usage("\"%s\" is not of the form key=value", text) end
    local o = find(options, name) or unknown(options, name)
    value = set_by_name(o, value)
    if recorded and not same(value, values[o.name]) and not config.grows(o.name, values[o.name], value) then
      errors.usage("%s=%s contradicts the resumed run, which has %s=%s; leave it out, or start a new run",
        o.name, config.format(value), o.name, config.format(values[o.name]))
    end
    values[o.name] = value
  end
  check_values(options, values)
  local resolved = build(defaults, "", values)
  known[resolved] = { options = options, values = values }
  return resolved
end

-- A Lua value for an option, given instead of text: checked and converted to the option's kind.
local function set_by_value(o, value)
  if type(value) == "string" then return set_by_name(o, value) end
  local converted
  if o.kind == "integer" then
    converted = type(value) == "number" and math.tointeger(value) or nil
  elseif o.kind == "number" then
    converted = type(value) == "number" and value + 0.0 or nil
  elseif o.kind == "boolean" and type(value) == "boolean" then
    converted = value
  elseif o.kind == "list" and type(value) == "table" and is_list(value) then
    refuse_cycles(value, o.name, {})
    converted = copy(value)
  end
  if converted == nil then
    errors.usage("option \"%s\" must be %s; %s is not", o.name, wanted[o.kind],
      type(value) == "table" and "a table" or type(value) == "userdata" and "null" or tostring(value))
  end
  check_allowed(o, converted)
  return converted
end

--- calr.config.value(name, default, value)
--- Returns one option's value: its default for nil, otherwise `value`, checked and converted as by calr.config.apply.
--- @param default  any; any option, or a plain default
--- @param value    any; any value, or nil
function config.value(name, default, value)
  local o = flatten({ [name] = default }, "", {})[1]
  if value == nil then return copy(o.default) end
  return set_by_value(o, value)
end

--- calr.config.apply(defaults, values)
--- Returns a script's options with values by name instead of command-line words: for scripts that run scripts.
--- @param values  dotted name -> value (text is read as on the command line); an unknown name or a wrong type is the
---                same error as there
--- @return table  as calr.config returns it
function config.apply(defaults, values)
  local function given(o) return values[o.name] end
  local options
  options, defaults = declared(defaults, given)
  local resolved_values = start_values(options, given)
  for _, name in ipairs(sorted_keys(values)) do
    local o = find(options, name) or unknown(options, name)
    resolved_values[name] = set_by_value(o, values[name])
  end
  check_values(options, resolved_values)
  local resolved = build(defaults, "", resolved_values)
  known[resolved] = { options = options, values = resolved_values }
  return resolved
end

--- calr.config.check(values, defaults)
--- Refuses values that are out of range or not among the choices, as if they were given: for a script that has changed
--- the result of calr.config, or made the table itself.
--- @param values    table; of the defaults' shape; missing values are not checked
--- @param defaults  table; needed if `values` did not come from calr.config
function config.check(values, defaults)
  local meta = known[values]
  for _, o in ipairs(meta and meta.options or (declared(defaults, function() end))) do
    local t, key = locate(values, o.name)
    if t then check_allowed(o, t[key]) end
  end
end

--- calr.config.names(defaults [, values])
--- @param values  table; dotted name -> value: includes the options that these add
--- @return table  sorted list of the dotted names of all options
--- @return table  sorted list of the names of groups
function config.names(defaults, values)
  local names, groups, seen = {}, {}, {}
  for _, o in ipairs((declared(defaults, function(o) return values and values[o.name] end))) do
    names[#names + 1] = o.name
    for stop in o.name:gmatch "()%." do
      local group = o.name:sub(1, stop - 1)
      if not seen[group] then groups[#groups + 1] = group end
      seen[group] = true
    end
  end
  table.sort(names)
  table.sort(groups)
  return names, groups
end

--- calr.config.difference(resolved)
--- Returns the values that differ from the script's defaults.
--- @param resolved  a table returned by calr.config
--- @return table    dotted name -> value
function config.difference(resolved)
  local meta = known[resolved] or error("calr.config.difference takes a table returned by calr.config", 2)
  local result = {}
  for _, o in ipairs(meta.options) do
    local t, key = locate(resolved, o.name)
    local value = t and t[key]
    if not same(value, o.default) then result[o.name] = value end
  end
  return result
end

--- calr.config.is_group(default)
--- @param default  any; any value
--- @return boolean  whether a default is a group of options rather than one
function config.is_group(default)
  return type(default) == "table" and getmetatable(default) ~= Option and not is_list(default)
end

--- calr.config.has(resolved, name)
--- @param resolved  table; as calr.config returns it
--- @param name      string; of an option or a group in it, without dots
--- @return boolean  whether the script has declared it, so that it can be read: for code that serves several scripts
function config.has(resolved, name)
  return has(resolved, name)
end

--- calr.config.is(value)
--- @param value  any
--- @return boolean  whether a table came from calr.config
function config.is(value)
  return type(value) == "table" and known[value] ~= nil
end

setmetatable(config, {
  __call = function(_, defaults)
    if type(defaults) ~= "table" then error("calr.config takes a table of defaults: calr.config { epochs = 20 }", 2) end
    userfile.refuse_script "calr.config"
    local current = context.current()
    current.heard = true
    current:tell("options", defaults)
    if current.values then return config.apply(defaults, current.values) end
    return config.resolve(defaults, current.overrides, current.record and current.record.config)
  end,
})

return (require("calr.options").counted("calr.config.", config))
