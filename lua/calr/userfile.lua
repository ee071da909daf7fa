--- @module calr.userfile
--- Loads a user's Lua files given in place of a name: refinement rules, paces, networks, layouts, samplers, pruners.
---
--- Such a file returns a function, or a table of the function and the options that it declares:
---
---     local option = require("calr.config").option
---     return {
---       options = { share = option(0.5, "of the best score that is enough", { 0, 1 }) },
---       apply = function(context) ... context.options.share ... end,
---     }

local userfile = {}

local loading -- the file that runs at the moment: {path=, what=, around=}; around: the one that loads it

--- calr.userfile.is_path(name)
--- @return boolean  whether a name is the path of a file: it has a slash, or ends in .lua
function userfile.is_path(name)
  return type(name) == "string" and (name:find("/", 1, true) ~= nil or name:sub(-4) == ".lua")
end

--- calr.userfile.check(value, kind, name)
--- Returns, as a table, what a file has returned or a script has given in its place.
--- @param value  a function, or a table of it and `options`
--- @param kind   its kind: what (for messages), field (the function's name in the table), arguments (for messages)
--- @param name   its name in messages
--- @return table  with the function under kind.field, and options (a table, empty if none are declared)
function userfile.check(value, kind, name)
  if type(value) == "function" then return { [kind.field] = value, options = {} } end
  if type(value) ~= "table" or type(value[kind.field]) ~= "function" then
    error(("%s must return a function(%s), or { options = {...}, %s = function(%s) ... end }, and returns %s"):format(
      name, kind.arguments, kind.field, kind.arguments, type(value) == "table" and "a table without " .. kind.field
      or value == nil and "nothing" or "a " .. type(value)), 0)
  end
  for key in pairs(value) do
    if key ~= "options" and key ~= kind.field then
      error(("%s returns a table with \"%s\", which no %s has; there are: options, %s"):format(name, tostring(key),
        kind.what, kind.field), 0)
    end
  end
  local options = value.options or {}
  if type(options) ~= "table" then
    error(("the options that %s declares must be a table, not a %s"):format(name, type(options)), 0)
  end
  return { [kind.field] = value[kind.field], options = options }
end

--- calr.userfile.run(path, what, ...)
--- Runs a file that describes something, and returns what it returns. Unlike a script it makes no configuration and
--- opens no run.
--- @param what  string; what it describes, for messages: "refinement rule"
--- @return any
function userfile.run(path, what, ...)
  local chunk, message = loadfile(path, "t")
  if not chunk then error(("cannot load the %s: %s"):format(what, message), 0) end
  local around = loading
  while around do
    if around.path == path then userfile.refuse_script "its own file" end
    around = around.around
  end
  around = loading
  local _ <close> = setmetatable({}, { __close = function() loading = around end })
  loading = { path = path, what = what, around = around }
  return (chunk(...))
end

--- calr.userfile.refuse_script(call)
--- Raises an error while a file given as a rule, a network or the like runs: for what only scripts do.
--- @param call  string; what the file has called: "calr.config"
function userfile.refuse_script(call)
  if not loading then return end
  error(("%s is a script of its own, not a %s: it calls %s. A %s is a file that only describes one"):format(
    loading.path, loading.what, call, loading.what), 0)
end

--- calr.userfile.load(path, kind)
--- Runs a file and checks what it returns. A mistake in it is an error with its line.
--- @param kind  see calr.userfile.check
--- @return table  as from calr.userfile.check
function userfile.load(path, kind)
  if path:sub(-4) ~= ".lua" then -- by this ending the files that a run depends on are known
    error(("the %s %s must be a file whose name ends in .lua"):format(kind.what, path), 0)
  end
  return userfile.check(userfile.run(path, kind.what), kind, path)
end

return userfile
