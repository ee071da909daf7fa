--- @module calr.program.arguments
--- Parses the words of a command: flags, options with values, and the rest.

local errors = require "calr.errors"
local sys = require "calr.sys"

local arguments = {}

-- Neither an option nor NAME=VALUE.
local function belongs_to_list(word)
  return word ~= nil and (word == "-" or word:sub(1, 1) ~= "-") and not word:find "^[%a_][%w_]*="
end

local function is_option(word, options)
  local name = word:match "^(%-%-[%w-]+)=" or word
  for _, kind in ipairs { "flags", "values", "lists" } do
    if (options[kind] or {})[name] then return true end
  end
  return false
end

--- calr.program.arguments.parse(args, options)
--- Sorts a command's words. `--name value` and `--name=value` are the same; `--` ends the options.
--- @param args     list of words
--- @param options  flags = {["--quiet"] = "quiet"}, values = {["--out"] = "out"} (option -> name of the field), lists =
---                 {["--query"] = "query"}: the field becomes the list of all words up to the next option or
---                 NAME=VALUE, usage = the usage line for messages, at_most = the largest number of other words,
---                 hint = function(name) -> string: what to say of an unknown option that is not nearly another
--- @return table   fields by name: true for a flag, the text for an option with a value
--- @return table   the other words, in order; if there was a "--", its field `rest` lists the words after it
function arguments.parse(args, options)
  local fields, words, i = {}, {}, 1
  local flags, values, lists = options.flags or {}, options.values or {}, options.lists or {}
  while args[i] do
    local word = args[i]
    local name, value = word:match "^(%-%-[%w-]+)=(.*)$"
    if word == "--" then
      words.rest = table.move(args, i + 1, #args, 1, {})
      break
    elseif flags[word] then
      fields[flags[word]] = true
    elseif lists[name or word] then
      local field = lists[name or word]
      fields[field] = fields[field] or {}
      if name then table.insert(fields[field], value) end
      while not name and belongs_to_list(args[i + 1]) do
        i = i + 1
        table.insert(fields[field], args[i])
      end
      if #fields[field] == 0 then
        local dashed = args[i + 1] and #args[i + 1] > 1 and not is_option(args[i + 1], options)
        errors.usage("%s wants a value%s; usage: %s", word,
          dashed and (" (one that begins with a dash: %s=%s)"):format(word, args[i + 1]) or "", options.usage)
      end
    elseif values[name or word] then
      if not name then
        i = i + 1
        value = args[i]
      end
      if not value or value == "" then errors.usage("%s wants a value; usage: %s", name or word, options.usage) end
      if fields[values[name or word]] then errors.usage("%s is given twice", name or word) end
      fields[values[name or word]] = value
    elseif word:sub(1, 1) == "-" and word ~= "-" then
      local names = {}
      for option in pairs(flags) do names[#names + 1] = option end
      for option in pairs(values) do names[#names + 1] = option end
      for option in pairs(lists) do names[#names + 1] = option end
      table.sort(names)
      local near = sys.nearest(name or word, names)
      errors.usage("unknown option %s%s; usage: %s", word, near and (" (did you mean %s?)"):format(near)
        or options.hint and options.hint(word) or "", options.usage)
    else
      words[#words + 1] = word
    end
    i = i + 1
  end
  if options.at_most and #words > options.at_most then
    errors.usage("\"%s\" is one word too many; usage: %s", words[options.at_most + 1], options.usage)
  end
  return fields, words
end

--- calr.program.arguments.check_once(words)
--- Ends the program when one option key=value is given twice.
--- @param words  list of strings
function arguments.check_once(words)
  local seen = {}
  for _, word in ipairs(words) do
    local name = word:match "^([^=]+)="
    if name and seen[name] then errors.usage("%s is given twice: %s and %s", name, seen[name], word) end
    if name then seen[name] = word end
  end
end

--- calr.program.arguments.integer(fields, name, option, low, high)
--- Returns an option that must be a whole number.
--- @return integer|nil  nil when it was not given
function arguments.integer(fields, name, option, low, high)
  local value = fields[name]
  if value == nil then return nil end
  local n = math.tointeger(tonumber(value))
  if not n or n < low or n > high then
    errors.usage("%s must be a whole number from %d to %d, not \"%s\"", option, low, high, value)
  end
  return n
end

--- calr.program.arguments.choose_threads(fields)
--- Sets the number of threads to the option --threads (field "threads"), if it was given.
function arguments.choose_threads(fields)
  local threads = arguments.integer(fields, "threads", "--threads", 1, 1024)
  if threads then sys.threads(threads) end
end

--- calr.program.arguments.check_target(path)
--- Fails before the work if a result could not be written there: its folder is absent or read-only, or it is a folder
--- itself.
--- @param path  string; nil: nothing is written
function arguments.check_target(path)
  if not path then return end
  local folder = path:match "^(.*)/[^/]*$"
  if folder == "" then folder = "/" end
  if folder and not sys.is_folder(folder) then errors.usage("there is no folder %s to write %s in", folder, path) end
  if sys.is_folder(path) then errors.usage("%s is a folder", path) end
  local ok, problem = pcall(sys.check_writable, folder or ".")
  if not ok then errors.fail("%s cannot be made: %s", path, require("calr.traceback").plain(problem)) end
end

--- calr.program.arguments.check_source(path, what)
--- Fails before the work if a file or folder that the command line names is not there.
--- @param path  string; nil: none is named
--- @param what  string; what it should be, for the message: "folder", "data set", "table"
function arguments.check_source(path, what)
  if path and not sys.exists(path) then errors.usage("there is no %s %s", what, path) end
end

--- calr.program.arguments.choose(value, option, choices)
--- Ends the program unless the value of an option is one of those that there are.
--- @param value    string; nil: not given
--- @param option   string, such as "--split"
--- @param choices  list of strings
--- @return string|nil  the value
function arguments.choose(value, option, choices)
  if value == nil then return nil end
  for _, known in ipairs(choices) do
    if value == known then return value end
  end
  local named = #choices > 2 and table.concat(choices, ", ", 1, #choices - 1) .. " or " .. choices[#choices]
    or table.concat(choices, " or ")
  errors.usage("%s is %s, not \"%s\"%s", option, named, value, require("calr.options").suggest(value, choices))
end

--- calr.program.arguments.spare(path, inputs)
--- Fails before the work if the file to write is one that the command reads. Features F.npy stand for their table F.csv
--- and their record F.json, too.
--- @param path    string; nil: nothing is written
--- @param inputs  list of paths; those that do not exist are passed over
function arguments.spare(path, inputs)
  if not path or not sys.exists(path) then return end
  local target = sys.absolute(path)
  local function check(input)
    if sys.exists(input) and sys.absolute(input) == target then
      errors.usage("%s is read by this command and would be overwritten: give the result another name", path)
    end
  end
  for _, input in ipairs(inputs) do
    check(input)
    local stem = input:match "^(.*)%.npy$"
    if stem then
      check(stem .. ".csv")
      check(stem .. ".json")
    end
  end
end

--- calr.program.arguments.ends_in(path, ...)
--- Ends the program when the name of a file to write has none of these endings.
--- @param path  string or nil
--- @param ...   strings: ".html", ".png"
function arguments.ends_in(path, ...)
  if not path then return end
  for _, ending in ipairs { ... } do
    if path:lower():sub(-#ending) == ending then return end
  end
  errors.usage("-o %s: the file's name must end in %s", path, table.concat({ ... }, " or "))
end

--- calr.program.arguments.judge(fn, ...)
--- Calls fn(...), which judges what the command line says. An error of it ends the program with status 2, and names
--- options as they are typed: option "min_size" is --min-size.
--- @return any  what fn returns
function arguments.judge(fn, ...)
  local results = table.pack(pcall(fn, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  local problem = results[2]
  if type(problem) == "string" and problem:find "%.lua:%d+: attempt to " then error(problem, 0) end -- our own mistake
  local message = type(problem) == "string" and require("calr.traceback").plain(problem)
    or errors.is_exit(problem) and problem.status == 2 and problem.message or error(problem, 0)
  errors.usage("%s", (message:gsub("option \"([%w_]+)\"", function(name) return "--" .. name:gsub("_", "-") end)))
end

--- calr.program.arguments.try(fn, ...)
--- Calls fn(...); an error that is only a message ends the program with it, status 1 and no traceback.
--- @return any  what fn returns
function arguments.try(fn, ...)
  local results = table.pack(pcall(fn, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  if type(results[2]) ~= "string" then error(results[2], 0) end
  errors.fail("%s", require("calr.traceback").plain(results[2]))
end

--- calr.program.arguments.try_images(skip_bad, fn, ...)
--- Calls fn(...) as calr.program.arguments.try does; where an image ends it that cannot be decoded, the message names
--- the option that would leave the image out.
--- @param skip_bad  whether that option was given
--- @return any  what fn returns
function arguments.try_images(skip_bad, fn, ...)
  local results = table.pack(pcall(fn, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  local problem = results[2]
  if type(problem) ~= "string" then error(problem, 0) end
  problem = require("calr.traceback").plain(problem)
  local bad = problem:find "^image \"" or problem:find " is a bad image: "
  errors.fail("%s%s", problem, bad and not skip_bad and " (--skip-bad leaves out such images)" or "")
end

return arguments
