--- @module calr.options
--- Checks arguments and tables of options, for functions written in Lua.

local sys = require "calr.sys"

local options = {}

--- calr.options.suggest(name, names)
--- What was meant by a misspelt name, for the end of a message.
--- @param name   any; what was given
--- @param names  list of strings; what there is
--- @return string  ` (did you mean "epochs"?)`, or the empty text where nothing is near
function options.suggest(name, names)
  if type(name) ~= "string" then return "" end
  local near
  for _, known in ipairs(names) do
    if known:lower() == name:lower() then near = known end
  end
  near = near or sys.nearest(name, names)
  return near and (" (did you mean \"%s\"?)"):format(near) or ""
end

--- calr.options.check(what, given, names [, depth])
--- Raises an error, at the line that called the checking function, if a table has a key that is not among the names; it
--- suggests the nearest name.
--- @param what   the function, for the message: "calr.models.small"
--- @param given  the table of options, or nil
--- @param names  list of the valid names
--- @param depth  1 (default): check is called by the function itself; 2: by one that it calls
--- @return table  the options; an empty table for nil
function options.check(what, given, names, depth)
  local level = (depth or 1) + 2
  if given == nil then return {} end
  if type(given) ~= "table" then error(("%s wants a table of options, not a %s"):format(what, type(given)), level) end
  local known = {}
  for _, name in ipairs(names) do known[name] = true end
  for name in pairs(given) do
    if not known[name] then
      error(("%s has no option \"%s\"%s; there are: %s"):format(what, tostring(name), options.suggest(name, names),
        table.concat(names, ", ")), level)
    end
  end
  return given
end

-- "calr.optim.adam(params, options)", or "split:rows()" for a method, whose self is not written.
local function signature(name, fn, self, count)
  local names = {}
  for i = self + 1, count do names[#names + 1] = debug.getlocal(fn, i) end
  return ("%s(%s)"):format(name, table.concat(names, ", "))
end

-- fn, but arguments beyond its named ones are an error unless nil.
local function counting(name, fn, self, count)
  return function(...)
    local given = select("#", ...)
    while given > count and select(given, ...) == nil do given = given - 1 end
    if given > count then
      error(("%s takes %s argument%s, and %d %s given"):format(signature(name, fn, self, count),
        count == self and "no" or "at most " .. count - self, count - self == 1 and "" or "s", given - self,
        given - self == 1 and "was" or "were"), 2)
    end
    return fn(...)
  end
end

local names_shown = 30

--- calr.options.absent(what, module, name)
--- For the __index function of a module: raises an error if a script has looked for a name that the module does not
--- have, with the nearest one. It returns if the library or a C function has.
--- @param what    string; the module's name: "calr.optim"
--- @param module  table
--- @param name    any
function options.absent(what, module, name)
  local asked = type(name) == "string" and debug.getinfo(3, "S")
  if not asked or asked.what == "C" or options.is_library(asked.source) then return end
  local names = {}
  for known in next, module do
    if type(known) == "string" and not known:find "^_" then names[#names + 1] = known end
  end
  table.sort(names)
  local hint = options.suggest(name, names)
  if hint == "" then
    hint = "; there are: " .. table.concat(names, ", ", 1, math.min(#names, names_shown))
      .. (#names > names_shown and ", ..." or "")
  end
  error(("%s has no \"%s\"%s"):format(what, name, hint), 3)
end

--- calr.options.named(what, module)
--- Makes it an error in scripts to look for a name that a module does not have, with the nearest one that it has. A
--- module that has such a rule already keeps it.
--- @param what    string; its name: "calr.optim"
--- @param module  table; changed in place
--- @return table  the module
function options.named(what, module)
  local meta = getmetatable(module)
  if meta == nil then
    meta = {}
    setmetatable(module, meta)
  end
  if type(meta) == "table" and rawget(meta, "__index") == nil then
    local absent = options.absent
    meta.__index = function(values, name)
      absent(what, values, name)
      return nil
    end
  end
  return module
end

--- calr.options.counted(prefix, functions [, hot])
--- Makes every function of a table that is defined in the caller's file refuse extra arguments, by its name and at the
--- line of the call; of a module, looking for an unknown name is an error too (calr.options.named). A tail call hides
--- the caller's file and is an error: return (options.counted("calr.nn.", nn)).
--- @param prefix     "calr.optim." for a module, "split:" for the methods of a class
--- @param functions  the table, changed in place
--- @param hot        {name = true}: functions that are called too often to count
--- @return table  the functions
function options.counted(prefix, functions, hot)
  if debug.getinfo(1, "t").istailcall then
    error(("calr.options.counted(\"%s\") is a tail call: put it in parentheses"):format(prefix), 0)
  end
  local self, file = prefix:sub(-1) == ":" and 1 or 0, debug.getinfo(2, "S").source
  for name, fn in pairs(functions) do
    local info = type(name) == "string" and not name:find "^__" and type(fn) == "function" and debug.getinfo(fn, "uS")
    if info and info.what == "Lua" and info.source == file and not info.isvararg and not (hot and hot[name]) then
      functions[name] = counting(prefix .. name, fn, self, info.nparams)
    end
  end
  if self == 0 then options.named(prefix:sub(1, -2), functions) end
  return functions
end

--- calr.options.is_library(source)
--- @param source  string; of a chunk, as debug.getinfo gives it
--- @return boolean  whether the chunk is one of calr's own Lua files
function options.is_library(source)
  local lua = sys.paths and sys.paths.lua
  return lua ~= nil and source:sub(1, #lua + 2) == "@" .. lua .. "/"
end

--- calr.options.unknown(what, name, list [, elsewhere])
--- For the __index function of a table: raises an error if a script has looked for a field that the table does not
--- have, with the nearest name. It returns if the library or a C function has: a group of options is given to them as a
--- table of options, and they look for fields that may be absent.
--- @param what       string; begins the message: "the configuration"
--- @param list       function() -> list of the names that there are
--- @param elsewhere  function(name) -> string or nil: what was meant, where that is known better
function options.unknown(what, name, list, elsewhere)
  local asked = type(name) == "string" and debug.getinfo(3, "S")
  if not asked or asked.what == "C" or options.is_library(asked.source) then return end
  local names = list()
  table.sort(names)
  local hint = elsewhere and elsewhere(name) or options.suggest(name, names)
  error(("%s no \"%s\"%s; there are: %s"):format(what, name, hint, table.concat(names, ", ")), 3)
end

--- calr.options.guarded(values, what [, names [, elsewhere]])
--- Makes a misspelt field of a table an error in scripts, where it would be nil (see calr.options.unknown). To give the
--- table a field that it does not have is the same error.
--- @param values     table; changed in place. It must have no metatable
--- @param what       string; begins the message
--- @param names      table; name -> true: fields that may be nil
--- @param elsewhere  function(name) -> string or nil
--- @return table  values
function options.guarded(values, what, names, elsewhere)
  names = names or {}
  local unknown = options.unknown
  local function list()
    local all = {}
    for key in next, values do
      if type(key) == "string" then all[#all + 1] = key end
    end
    for key in pairs(names) do
      if rawget(values, key) == nil then all[#all + 1] = key end
    end
    return all
  end
  return setmetatable(values, {
    names = names,
    __index = function(_, name)
      if not names[name] then unknown(what, name, list, elsewhere) end
      return nil
    end,
    __newindex = function(_, name, value)
      if not names[name] then unknown(what, name, list, elsewhere) end
      rawset(values, name, value)
    end,
  })
end

--- calr.options.has(values, name)
--- @param values  table; guarded or not
--- @return boolean  whether a field is there, or is one of a guarded table that may be nil
function options.has(values, name)
  local meta = getmetatable(values)
  return rawget(values, name) ~= nil or type(meta) == "table" and meta.names ~= nil and meta.names[name] ~= nil
end

--- calr.options.watched(values)
--- A table with the same values that notes which of them are looked at: for the options of a user's own file, where one
--- that nobody looks at must not be given in vain. It cannot be written to.
--- @return table  the view
--- @return table  name -> true, for the names that were read up to now
function options.watched(values)
  local seen = {}
  return setmetatable({}, {
    __index = function(_, name)
      seen[name] = true
      return values[name]
    end,
    __pairs = function()
      for name in pairs(values) do seen[name] = true end
      return next, values, nil
    end,
    __newindex = function(_, name)
      error(("these options must not be changed (\"%s\")"):format(tostring(name)), 2)
    end,
  }), seen
end

return (options.counted("calr.options.", options, { counted = true })) -- which looks at its caller
