--- @module calr.traceback
--- Explains an error to the author of a script: where in the script it happened, and how the script got there.

local errors = require "calr.errors"
local options = require "calr.options"
local sys = require "calr.sys"

local traceback = {}

local function is_user(source)
  return not options.is_library(source)
end

-- A position "file:line" inside our library, whose path Lua may have shortened to "...end".
local function is_ours(position)
  return not is_user("@" .. position) or position:find "^%.%.%.[^:]*calr/[%w_/]+%.lua:%d+$" ~= nil
end

local function place(info)
  local source = info.source:match "^[@=](.*)" or info.short_src
  return ("%s:%d"):format(source, info.currentline)
end

local function label(info)
  if info.what == "main" then return "main part" end
  return info.name and ("%s '%s'"):format(info.namewhat ~= "" and info.namewhat or "function", info.name)
    or ("function of line %d"):format(info.linedefined)
end

-- Cuts "file.lua:12: " off a message; Lua shortens long file names to "...end of name".
local function split_position(message, path)
  local file, line, rest = message:match "^(%.*[^\n:]*):(%d+): (.*)$"
  if not file then return nil, message end
  local tail = file:match "^%.%.%.(.+)"
  if path and tail and path:sub(-#tail) == tail then file = path end
  return file .. ":" .. line, rest
end

-- Adds the names of a value's functions, its own and its class's, to a list.
local function add_methods(value, names)
  for _ = 1, 16 do -- classes of classes; a script's own may form a circle
    local meta = debug.getmetatable(value)
    if type(value) == "table" then
      for name, field in next, value do
        if type(name) == "string" and type(field) == "function" and not name:find "^_" then names[#names + 1] = name end
      end
    end
    local class = type(meta) == "table" and rawget(meta, "__index")
    if type(class) ~= "table" or class == value then return end
    value = class
  end
end

-- What was meant by a method that a value does not have: ` (did you mean "train"?)`, or the empty text. Lua's message
-- gives only the name; the value lies behind the place of the function, among the temporaries of the failed call.
local function meant(message, level)
  local name = message:match "attempt to call a nil value %(method '([%w_]+)'%)$"
  local info = name and debug.getinfo(level + 1, "S")
  if not info or info.what == "C" then return "" end
  local missing = false
  for i = 1, 255 do
    local kind, value = debug.getlocal(level + 1, i)
    if not kind then return "" end
    if missing and (type(value) == "table" or debug.getmetatable(value)) then
      local names = {}
      add_methods(value, names)
      table.sort(names)
      local hint = options.suggest(name, names)
      if hint ~= "" then return hint end
    end
    missing = value == nil
  end
  return ""
end

--- calr.traceback.plain(problem)
--- A message without the position in calr's own files that raised it, which means nothing to its reader. The position
--- in a file of the reader's own stays.
--- @param problem  any; an error value
--- @return string
function traceback.plain(problem)
  local message = tostring(problem)
  local position, rest = message:match "^([^\n]-%.lua:%d+): (.*)$"
  local data = sys.paths and sys.paths.datasets
  local ours = position and (is_ours(position) or data and position:sub(1, #data + 1) == data .. "/")
  return ours and traceback.plain(rest) or message
end

--- calr.traceback.describe(value [, level])
--- A message handler for xpcall: turns an error value into text that starts with the user's line and ends with the
--- calls of the user's functions that led there. Positions inside calr's own files are left out; the environment
--- variable CALR_TRACEBACK=full shows everything.
--- Values of exit(), usage() and interrupts pass unchanged.
--- @return string|any
function traceback.describe(value, level)
  if errors.is_exit(value) or sys.is_interrupt(value) then return value end
  local message = tostring(value)
  if type(value) == "table" and not (getmetatable(value) or {}).__tostring then
    message = "an error value of type table was raised"
  end
  message = message .. meant(message, (level or 1) + 1)
  if os.getenv "CALR_TRACEBACK" == "full" then return debug.traceback(message, (level or 1) + 1) end
  local frames, first = {}, nil
  for i = (level or 1) + 1, 200 do
    local info = debug.getinfo(i, "Slnt")
    if not info then break end
    if info.what ~= "C" and is_user(info.source) and info.currentline > 0 then
      first = first or info
      frames[#frames + 1] = info.istailcall and ("  %s (tail call)"):format(place(info))
        or ("  %s in %s"):format(place(info), label(info))
    end
  end
  if not first then
    local position, rest = split_position(message)
    return position and is_ours(position) and rest or message
  end
  local path = first.source:match "^@(.*)"
  local position, rest = split_position(message, path)
  if not position then
    message = place(first) .. ": " .. rest
  else
    message = (is_ours(position) and place(first) or position) .. ": " .. rest
  end
  if #frames > 12 then
    local more = #frames - 11
    table.move(frames, #frames - 2, #frames, 10)
    for i = 13, #frames do frames[i] = nil end
    table.insert(frames, 10, ("  ... %d more"):format(more))
  end
  return message .. (#frames > 1 and "\ncalled from\n" .. table.concat(frames, "\n", 2) or "")
end

return traceback
