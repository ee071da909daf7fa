--- @module calr.program.prompt.show
--- How the prompt prints a value: tensors with their numbers, tables with their members, cut where they get long.

local tensor = require "calr.tensor"

local LONGEST = 10000 -- bytes of a text
local ITEMS, FIELDS, LEVELS = 20, 40, 3 -- of one table
local VALUES = 300 -- in all

local function is_name(key)
  return type(key) == "string" and key:match "^[%a_][%w_]*$"
end

-- The same for anything: what raises an error when it is asked for its text or its members must not end the prompt.
local function text_of(value)
  local ok, text = pcall(tostring, value)
  return ok and text or ("%s that cannot be shown: %s"):format(type(value), tostring(text))
end

local function cut(text)
  if #text <= LONGEST then return text end
  local last = utf8.offset(text, 0, LONGEST + 1) or LONGEST + 1
  return ("%s\n... %d bytes in all; print(_) shows them"):format(text:sub(1, last - 1), #text)
end

local function order(a, b)
  if type(a) == "number" and type(b) == "number" then return a < b end
  if type(a) ~= type(b) then return type(a) < type(b) end
  return text_of(a) < text_of(b)
end

local show_table

local function quote(text)
  return (("%q"):format(text):gsub("\\\n", "\\n"))
end

-- `inside` lists the tables that are being shown, from the outermost, and counts the values shown so far.
local function show(value, inside)
  local depth = #inside
  inside.values = (inside.values or 0) + 1
  if inside.values > VALUES then return "..." end
  if depth == 0 and tensor.is(value) then return value:describe() end
  if type(value) == "string" then
    if depth == 0 then return cut(value) end
    return #value > 100 and ("%s... (%d bytes)"):format(quote(value:sub(1, 60)), #value) or quote(value)
  end
  local behaviour = type(value) == "table" and debug.getmetatable(value)
  if type(value) ~= "table" or (type(behaviour) == "table" and behaviour.__tostring) then return text_of(value) end
  for level, outer in ipairs(inside) do
    if outer == value then return ("{... the table %s}"):format(level == 1 and "itself" or "around it") end
  end
  if depth >= LEVELS then return next(value) == nil and "{}" or "{...}" end
  inside[depth + 1] = value
  local text = show_table(value, inside)
  inside[depth + 1] = nil
  return text
end

function show_table(value, inside)
  local depth, parts, keys, width = #inside, {}, {}, 0
  local length = rawlen(value)
  for i = 1, math.min(length, ITEMS) do parts[i] = show(rawget(value, i), inside) end
  if length > ITEMS then parts[ITEMS + 1] = ("... %d in all"):format(length) end
  for key in next, value do
    if not (math.type(key) == "integer" and key >= 1 and key <= length) then keys[#keys + 1] = key end
  end
  table.sort(keys, order)
  for i, key in ipairs(keys) do
    if i > FIELDS or inside.values > VALUES then
      parts[#parts + 1] = ("... %d more"):format(#keys - i + 1)
      break
    end
    local name = is_name(key) and key or "[" .. show(key, { value }) .. "]"
    parts[#parts + 1] = name .. " = " .. show(rawget(value, key), inside)
  end
  if #parts == 0 then return "{}" end
  local many_lines = false
  for _, part in ipairs(parts) do
    width = width + #part + 2
    many_lines = many_lines or part:find("\n", 1, true)
  end
  if width <= 96 - 2 * depth and not many_lines then return "{ " .. table.concat(parts, ", ") .. " }" end
  local indent = ("  "):rep(depth)
  return "{\n" .. indent .. table.concat(parts, ",\n" .. indent) .. "\n" .. indent:sub(3) .. "}"
end

--- calr.program.prompt.show(value)
--- Returns a value as the prompt prints it: a tensor with its numbers, a table with its members, three levels deep.
--- @return string
return function(value)
  local ok, text = pcall(show, value, {})
  return ok and text or ("%s that cannot be shown: %s"):format(type(value), tostring(text))
end
