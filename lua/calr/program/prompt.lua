--- @module calr.program.prompt
--- The prompt: reads lines of Lua with history, prints results; Ctrl-C stops a computation, not the program.

local errors = require "calr.errors"
local sys = require "calr.sys"
local tensor = require "calr.tensor"
local traceback = require "calr.traceback"

local repl = {}

local function history_path()
  local chosen = os.getenv "CALR_HISTORY"
  if chosen then return chosen ~= "" and chosen or nil end
  local home = os.getenv "HOME"
  return home and home ~= "" and home .. "/.calr_history" or nil
end

-- A "local x" would vanish with its line; everything else is compiled as an expression first.
local function compile(source)
  local chunk = load("return " .. source, "=prompt", "t")
  if chunk then return chunk end
  local other, message = load(source, "=prompt", "t")
  if other then return other end
  return nil, message, message:find("<eof>", 1, true) ~= nil
end

local function is_name(key)
  return type(key) == "string" and key:match "^[%a_][%w_]*$"
end

local function show(value, depth)
  if depth == 0 and tensor.is(value) then return value:describe() end
  if type(value) == "string" then return depth > 0 and ("%q"):format(value) or value end
  if type(value) ~= "table" or (getmetatable(value) or {}).__tostring then return tostring(value) end
  if depth > 1 then return "{...}" end
  local keys, parts, length = {}, {}, #value
  for i = 1, math.min(length, 20) do parts[i] = show(value[i], depth + 1) end
  if length > 20 then parts[21] = ("... %d in all"):format(length) end
  for key in pairs(value) do
    if not (math.type(key) == "integer" and key >= 1 and key <= length) then keys[#keys + 1] = key end
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for i, key in ipairs(keys) do
    if i > 40 then
      parts[#parts + 1] = ("... %d more"):format(#keys - 40)
      break
    end
    local name = is_name(key) and key or "[" .. show(key, 1) .. "]"
    parts[#parts + 1] = name .. " = " .. show(value[key], depth + 1)
  end
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #parts == 0 then return "{}" end
  if #line > 100 and depth == 0 then return "{\n  " .. table.concat(parts, ",\n  ") .. "\n}" end
  return line
end

--- calr.program.prompt.show(value)
--- Returns a value as the prompt prints it: tables with their members, two levels deep.
--- @return string
function repl.show(value)
  return show(value, 0)
end

local function print_results(ok, ...)
  if not ok then
    local problem = ...
    if errors.is_exit(problem) then return problem end
    io.stderr:write(tostring(problem), "\n")
    return
  end
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = show((select(i, ...)), 0) end
  if #parts > 0 then print(table.concat(parts, "\t")) end
end

-- Reads lines until they make a whole chunk. nil at the end of the input.
local function read_chunk(host)
  local source
  while true do
    local line = host.read_line(source and ">> " or "> ")
    if not line then
      return source and load(source, "=prompt", "t") or nil, source == nil
    else
      source = source and source .. "\n" .. line or line
      local chunk, message, incomplete = compile(source)
      if chunk or not incomplete then
        if source:match "%S" then host.add_history(source) end
        return chunk, false, message
      end
    end
  end
end

local function loop(host)
  while true do
    local chunk, ended, message = read_chunk(host)
    if ended then return 0 end
    if chunk then
      local exit = print_results(xpcall(chunk, traceback.describe))
      if exit then return exit.status end
      if sys.interrupted() then host.clear_interrupt() end
    elseif message then
      io.stderr:write(message, "\n")
    end
  end
end

--- calr.program.prompt.run(greeting)
--- Runs the prompt until the end of input (Ctrl-D).
--- @param greeting  printed first
--- @return integer  exit status
function repl.run(greeting)
  local host = require "calr.host"
  local path = history_path()
  if path then host.load_history(path) end
  calr = require "calr" -- luacheck: globals calr
  print(greeting .. "; Ctrl-D ends, Ctrl-C stops a computation")
  local ok, result
  repeat -- Ctrl-C during typing arrives here
    ok, result = pcall(loop, host)
    if not ok and sys.is_interrupt(result) then
      host.clear_interrupt()
      io.write "\n"
    end
  until ok or not sys.is_interrupt(result)
  if path then host.save_history(path) end
  if not ok then error(result, 0) end
  io.write "\n"
  return result
end

return repl
