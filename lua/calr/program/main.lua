--- @module calr.program.main
--- What the program `calr` does with its arguments.

require "calr" -- makes the public names of modules known to require
local describe = require "calr.program.shell.describe"
local errors = require "calr.errors"
local sys = require "calr.sys"
local text = require "calr.text"
local traceback = require "calr.traceback"

local main = {}

-- A command import-weights is the module calr.program.command.import_weights.
local function file_of(name)
  return (name:gsub("-", "_"))
end

local function is_command(name)
  return name:match "^[%w-]+$" and package.searchpath("calr.program.command." .. file_of(name), package.path)
end

local function load_command(name)
  return require("calr.program.command." .. file_of(name))
end

local function version_line()
  local v = sys.version
  return ("calr %s%s, %s"):format(v.calr, v.revision and " (" .. v.revision .. ")" or "", "Lua " .. v.lua)
end

local function unknown(word)
  local names = describe.names()
  local near = sys.nearest(word, names)
  if word:match "%.lua$" or word:find("/", 1, true) then
    local folder, name = word:match "^(.*)/([^/]*)$"
    folder, name = folder or ".", name or word
    local beside = sys.is_folder(folder) and sys.nearest(name, sys.list(folder))
    errors.usage("there is no script %s%s", word, beside and (" (did you mean %s?)"):format(
      folder == "." and beside or folder .. "/" .. beside) or "")
  end
  errors.usage("\"%s\" is neither a command nor a script%s; commands: %s", word,
    near and (" (did you mean \"%s\"?)"):format(near) or "", table.concat(names, ", "))
end

-- Runs the command with the arguments from position `first` on.
local function run_command(name, args, first)
  local command = load_command(name)
  local rest = table.move(args, first, #args, 1, {})
  if rest[1] == "--help" and not command.own_help then
    print(("usage: %s\n\n%s"):format(command.usage, command.summary))
    return 0
  end
  return command.run(rest, load_command)
end

-- Words and the folder end up in records, which are JSON: that they cannot is said before the work. Code may be
-- anything.
local function check_words(args)
  for i, word in ipairs(args) do
    if not utf8.len(word) and args[i - 1] ~= "-e" then
      errors.usage("the word %s is not text in UTF-8; a file of such a name must be renamed (convmv -f latin1 -t utf8)",
        text.visible(word))
    end
  end
  local here = sys.absolute "."
  if args[1] and not args[1]:find "^%-" and not utf8.len(here) then
    errors.usage("the name of this folder, %s, is not text in UTF-8: rename it, or work in another", text.visible(here))
  end
end

local alone = { ["--help"] = true, ["-h"] = true, ["--version"] = true, ["-V"] = true }

local function dispatch(args)
  local word = args[1]
  check_words(args)
  if alone[word] and args[2] then
    errors.usage("%s stands alone; \"%s\" is one word too many (calr COMMAND --help says what a command takes)", word,
      args[2])
  end
  if not word then
    if sys.is_terminal(0) then return require("calr.program.prompt").run(version_line()) end
    return require("calr.program.command.run").run { "-" }
  elseif word == "--help" or word == "-h" or (word == "help" and not args[2]) then
    require("calr.program.help").screen(describe.names(), function(name) return load_command(name).summary end)
    return 0
  elseif word == "help" then
    return dispatch { args[2], "--help" }
  elseif word == "--version" or word == "-V" then
    print(version_line())
    return 0
  elseif word == "-e" then
    if not args[2] then errors.usage "-e takes a line of Lua: calr -e 'print(1)'" end
    return require("calr.program.command.run").run(table.move(args, 3, #args, 3, { "-e", args[2] }))
  elseif word:sub(1, 1) ~= "-" and is_command(word) then
    return run_command(word, args, 2)
  elseif word == "-" or (sys.exists(word) and not sys.is_folder(word)) or word == "--resume" then
    return run_command("run", args, 1)
  elseif word:sub(1, 1) == "-" then
    errors.usage("unknown option %s; see calr --help", word)
  end
  unknown(word)
end

-- Prints an error value for people; returns its exit status.
local function report(value)
  if errors.is_exit(value) then
    if value.message then io.stderr:write("calr: ", text.visible_lines(value.message), "\n") end
    return value.status
  end
  if sys.is_interrupt(value) then
    io.stderr:write "calr: interrupted\n"
    return 128 + (sys.interrupted() or 2)
  end
  io.stderr:write("calr: ", text.visible_lines(tostring(value)), "\n")
  return 1
end

--- calr.program.main.main(args)
--- @param args  the command line; args[0] is the program
--- @return integer  exit status
function main.main(args)
  arg = args -- luacheck: globals arg
  local ok, result = xpcall(dispatch, traceback.describe, args)
  return ok and (math.tointeger(result) or 0) or report(result)
end

return main
