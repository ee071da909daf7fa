--- @module calr.program.prompt
--- The prompt: reads lines of Lua with history, completes names, prints results and documentation. Ctrl-C stops a
--- computation, not the program; an error loses nothing.

local complete = require "calr.program.prompt.complete"
local errors = require "calr.errors"
local manual = require "calr.program.prompt.manual"
local names = require "calr.program.prompt.names"
local show = require "calr.program.prompt.show"
local sys = require "calr.sys"
local traceback = require "calr.traceback"

local repl = { show = show }

local hints = [[
Tab completes names, options and files; f? or help(f) explains; _ is the last result; Ctrl-R searches the history;
exit() or Ctrl-D ends, Ctrl-C stops a computation.]]

local function history_path()
  local chosen = os.getenv "CALR_HISTORY"
  if chosen then return chosen ~= "" and chosen or nil end
  local home = os.getenv "HOME"
  return home and home ~= "" and home .. "/.calr_history" or nil
end

-- A new session: its variables, and how to declare one.
local function session()
  local variables, declare = names.new()
  rawset(variables, "help", function(subject)
    print(subject == nil and hints or manual.text(subject))
  end)
  rawset(variables, "exit", function() errors.exit(0) end)
  return { variables = variables, declare = declare, host = require "calr.host" }
end

-- `f?` and `x:sum?` explain; nil for every other line.
local function question(state, source)
  local subject = source:match "^%s*([%a_][%w_.:]*)%s*%?%s*$"
  if not subject then return nil end
  return function()
    local value, object = state.variables, nil
    for word in subject:gmatch "[^.:]+" do
      if value == nil then error(("%s: there is nothing before \"%s\""):format(subject, word), 0) end
      object, value = value, value[word]
    end
    local method = subject:match ":([%w_]+)$"
    local class = method and manual.class_of(object)
    if value == nil and not subject:find "[.:]" then error(("there is no variable \"%s\""):format(subject), 0) end
    print(manual.text(value, class and class .. ":" .. method or subject))
  end
end

-- A statement is compiled as an expression first. Its text is the name of the chunk, so that help can show a function
-- that was typed. Also returns the names that the statement declares.
local function compile(state, source)
  local asked = question(state, source)
  if asked then return asked, {} end
  local chunk = load("return " .. source, "=prompt", "t", state.variables)
  if chunk then return chunk, {} end
  local message
  chunk, message = load(source, "=prompt", "t", state.variables)
  if not chunk then return nil, message, message:find("<eof>", 1, true) ~= nil end
  local kept, declared = names.keep(source)
  return load(kept, "=prompt", "t", state.variables) or chunk, declared
end

-- Prints what a statement gave. Returns the request to end the program, if that is what it was.
local function print_results(state, ok, ...)
  if not ok then
    local problem = ...
    if errors.is_exit(problem) and not problem.message then return problem end
    io.stderr:write(tostring(problem), "\n")
    return
  end
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = show((select(i, ...))) end
  if #parts == 0 then return end
  if (...) ~= nil then rawset(state.variables, "_", (...)) end
  print(table.concat(parts, "\t"))
end

-- Reads lines until they make a whole statement. nil at the end of the input.
local function read_statement(state)
  local host = state.host
  state.pending = nil
  while true do
    local before = state.pending
    local line = host.read_line(before and ">> " or "> ", function(text)
      return complete(before and before .. "\n" .. text or text, state.variables)
    end)
    if not line then
      if not before then return nil end
      line = "" -- Ctrl-D ends a statement that waits for more
    end
    state.pending = before and before .. "\n" .. line or line
    local chunk, result, incomplete = compile(state, state.pending)
    if chunk or not incomplete or (before and line == "") then
      if state.pending:match "%S" then host.add_history(state.pending) end
      return chunk or function() error(result, 0) end, chunk and result or {}
    end
  end
end

-- Returns the exit status when that is the end.
local function step(state)
  state.running = false
  local chunk, declared = read_statement(state)
  if not chunk then
    io.write "\n"
    return 0
  end
  state.pending, state.running = nil, true
  for _, name in ipairs(declared) do state.declare(name) end
  local exit = print_results(state, xpcall(chunk, traceback.describe))
  return exit and exit.status
end

-- After a request to stop while a line is typed, or where the statement caught it. What was typed stays in the history.
local function recover(state, problem)
  if state.pending and state.pending:match "%S" then state.host.add_history(state.pending) end
  if state.running or not sys.is_interrupt(problem) then
    io.stderr:write(tostring(problem), "\n")
  else
    io.write "\n"
  end
end

--- calr.program.prompt.run(greeting)
--- Runs the prompt until the end of input (Ctrl-D).
--- @param greeting  printed first
--- @return integer  exit status
function repl.run(greeting)
  local state, path = session(), history_path()
  if path then state.host.open_history(path) end
  calr = require "calr" -- luacheck: globals calr
  print(greeting .. "\n" .. hints)
  return state.host.loop(function() return step(state) end, function(problem) recover(state, problem) end)
end

return repl
