--- @module calr.config
--- A script's options: `local cfg = calr.config { epochs = 20, lr = 3.5e-4, infomap = { k = 15 } }`.
---
--- The table gives names and defaults; `key=value` on the command line overrides them: `epochs=5 infomap.k=20`. The
--- type comes from the default: a whole number wants a whole number, 1.0 any number, true or false a switch
--- (true/false, yes/no, on/off), a string anything, a list values between commas, a table its members by dots. An
--- unknown name or a wrong type ends the program with exit status 2 and says what was meant. `--help` after the
--- script prints the options.
---
--- What is returned is a plain table of the same shape.

--- calr.config(defaults)
--- The options of the script that runs: the defaults, changed by what the command line says.
--- @param defaults  table; name -> default, or what calr.config.option and its like give
--- @return table    of the same shape

local context = require "calr.context"
local errors = require "calr.errors"
local sys = require "calr.sys"

local config = {}

local Option = {} -- metatable of defaults with more to say than their value
local known = setmetatable({}, { __mode = "k" }) -- resolved table -> its options

local function option(fields)
  return setmetatable(fields, Option)
end

--- calr.config.choice(values [, text])
--- A default for a string option: the first of `values`. Others are refused, unless `values.open` says what else may
--- be given: `choice { "pivot", "none", open = "path of a rule" }`.
--- @param text  a description for --help
function config.choice(values, text)
  if type(values) ~= "table" or type(values[1]) ~= "string" then error("choice wants a list of strings", 2) end
  return option { kind = "string", default = values[1], choices = values, open = values.open, text = text }
end

--- calr.config.option(default, text)
--- A default with a description for --help.
--- @param default  any; a value whose type the option takes
function config.option(default, text)
  return option { default = default, text = text }
end

--- calr.config.optional(kind [, text])
--- An option without a default: absent (nil) unless it is given.
--- @param kind  "integer", "number", "boolean" or "string"
function config.optional(kind, text)
  if not ({ integer = 1, number = 1, boolean = 1, string = 1 })[kind] then
    error(("no kind of option \"%s\"; there are: integer, number, boolean, string"):format(tostring(kind)), 2)
  end
  return option { kind = kind, text = text }
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

-- Walks nested defaults into a flat list of options with dotted names.
local function flatten(defaults, prefix, out)
  for key, default in pairs(defaults) do
    if type(key) ~= "string" then
      error("calr.config: options have names: write name = default", 0)
    end
    local name = prefix .. key
    if getmetatable(default) == Option then
      local o = option { name = name, kind = default.kind or kind_of(default.default, name), default = default.default,
        text = default.text, choices = default.choices, open = default.open }
      out[#out + 1] = o
    elseif type(default) == "table" and not is_list(default) then
      flatten(default, name .. ".", out)
    else
      out[#out + 1] = option { name = name, kind = kind_of(default, name), default = default }
    end
  end
  return out
end

--- calr.config.list(defaults)
--- The options that a table of defaults declares, sorted by name.
--- @return table  list of {name=, kind=, default=, text=, choices=, open=}: the dotted name, "integer", "number",
---                "boolean", "string" or "list", and what the declaration says
function config.list(defaults)
  local options = flatten(defaults, "", {})
  table.sort(options, function(a, b) return a.name < b.name end)
  return options
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local result = {}
  for key, item in pairs(value) do result[key] = copy(item) end
  return result
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
  local near = sys.nearest(name, names)
  errors.usage("unknown option \"%s\"%s; the script has: %s", name,
    near and (" (did you mean \"%s\"?)"):format(near) or "", #names > 0 and table.concat(names, ", ") or "none")
end

local function set_by_name(o, text)
  local value = parse[o.kind](text, o.default)
  if value == nil then
    local default = o.default ~= nil and (", like its default %s"):format(config.format(o.default)) or ""
    errors.usage("option \"%s\" must be %s%s; \"%s\" is not", o.name, wanted[o.kind], default, text)
  end
  if o.choices and not o.open then
    for _, choice in ipairs(o.choices) do
      if choice == value then return value end
    end
    local near = sys.nearest(value, o.choices)
    errors.usage("option \"%s\" has no choice \"%s\"%s; there are: %s", o.name, value,
      near and (" (did you mean \"%s\"?)"):format(near) or "", table.concat(o.choices, ", "))
  end
  return value
end

--- calr.config.format(value)
--- A value as it is written on the command line.
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
  if defaults[name] ~= nil then return defaults, name end
  for head, rest in name:gmatch "()%.()" do
    local group = defaults[name:sub(1, head - 1)]
    if type(group) == "table" and getmetatable(group) ~= Option then
      local t, key = locate(group, name:sub(rest))
      if t then return t, key, name:sub(1, head - 1) end
    end
  end
end

-- Builds the resolved table: the defaults' shape with the values by name.
local function build(defaults, prefix, values)
  local result = {}
  for key, default in pairs(defaults) do
    local name = prefix .. key
    if type(default) == "table" and getmetatable(default) ~= Option and not is_list(default) then
      result[key] = build(default, name .. ".", values)
    else
      result[key] = values[name]
    end
  end
  return result
end

-- Values of a resumed run by dotted name; they win over the defaults, and nothing may contradict them.
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

--- calr.config.resolve(defaults [, overrides [, recorded]])
--- What calr.config{...} does, with the overrides given: for scripts that run scripts, and for tests.
--- @param overrides  list of strings "key=value"; later ones win
--- @param recorded   table; the resolved values of a run that is resumed: they replace the defaults, and an override
---                   that says otherwise is refused
--- @return table
function config.resolve(defaults, overrides, recorded)
  local options = config.list(defaults)
  local values = {}
  for _, o in ipairs(options) do values[o.name] = copy(o.default) end
  if recorded then recorded_values(options, recorded, values) end
  for _, text in ipairs(overrides or {}) do
    local name, value = text:match "^([^=]+)=(.*)$"
    if not name then errors.usage("\"%s\" is not of the form key=value", text) end
    local o = find(options, name) or unknown(options, name)
    value = set_by_name(o, value)
    if recorded and not same(value, values[o.name]) then
      errors.usage("%s=%s contradicts the run that is resumed, which has %s=%s; leave it out, or start a new run",
        o.name, config.format(value), o.name, config.format(values[o.name]))
    end
    values[o.name] = value
  end
  local resolved = build(defaults, "", values)
  known[resolved] = { options = options, values = values }
  return resolved
end

-- A Lua value for an option, where one is given instead of text: checked and converted to the option's kind.
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
    converted = copy(value)
  end
  if converted == nil then
    errors.usage("option \"%s\" must be %s; %s is not", o.name, wanted[o.kind],
      type(value) == "table" and "a table" or tostring(value))
  end
  return converted
end

--- calr.config.apply(defaults, values)
--- The options of a script with values by name instead of words from the command line: for scripts that run scripts.
--- @param values  dotted name -> value (text is read as on the command line); an unknown name or a wrong type is the
---                same error as there
--- @return table  as calr.config returns it
function config.apply(defaults, values)
  local options = config.list(defaults)
  local resolved_values, names = {}, {}
  for _, o in ipairs(options) do resolved_values[o.name] = copy(o.default) end
  for name in pairs(values) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local o = find(options, name) or unknown(options, name)
    resolved_values[name] = set_by_value(o, values[name])
  end
  local resolved = build(defaults, "", resolved_values)
  known[resolved] = { options = options, values = resolved_values }
  return resolved
end

--- calr.config.names(defaults)
--- @return table  sorted list of the dotted names of all options
--- @return table  sorted list of the names of groups
function config.names(defaults)
  local names, groups, seen = {}, {}, {}
  for _, o in ipairs(flatten(defaults, "", {})) do
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
--- What differs from the script's defaults.
--- @param resolved  a table that calr.config returned
--- @return table    dotted name -> value
function config.difference(resolved)
  local meta = known[resolved] or error("calr.config.difference wants a table that calr.config returned", 2)
  local result = {}
  for _, o in ipairs(meta.options) do
    local t, key = locate(resolved, o.name)
    local value = t and t[key]
    if not same(value, o.default) then result[o.name] = value end
  end
  return result
end

--- calr.config.is(value)
--- @param value  any
--- @return boolean  whether a table came from calr.config
function config.is(value)
  return type(value) == "table" and known[value] ~= nil
end

setmetatable(config, {
  __call = function(_, defaults)
    if type(defaults) ~= "table" then error("calr.config wants a table of defaults: calr.config { epochs = 20 }", 2) end
    local current = context.current()
    current.heard = true
    current:tell("options", defaults)
    if current.values then return config.apply(defaults, current.values) end
    return config.resolve(defaults, current.overrides, current.record and current.record.config)
  end,
})

return config
