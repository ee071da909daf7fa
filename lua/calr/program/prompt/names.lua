--- @module calr.program.prompt.names
--- The variables of the prompt. To Lua each line is a chunk of its own, and `local x = 1` would vanish with its line.
--- Here a local of the outermost level is kept for the lines that follow: it belongs to the prompt, hides a global of
--- the same name, and no module sees it.

local tokens = require "calr.program.prompt.tokens"

local names = {}

--- calr.program.prompt.names.new()
--- @return table  the environment of the prompt's lines: its own variables, then the globals
--- @return function  declare(name): from now on `name` is a variable of the prompt
function names.new()
  local declared, behaviour = {}, {}
  -- A declared name that is nil hides a global: only then the lookup needs a function, which is slower.
  local function lookup(_, name)
    if not declared[name] then return _G[name] end
  end
  behaviour.__index = _G
  behaviour.__newindex = function(variables, name, value)
    if declared[name] then rawset(variables, name, value) else _G[name] = value end
  end
  local variables = setmetatable({}, behaviour)
  return variables, function(name)
    declared[name] = true
    if _G[name] ~= nil then behaviour.__index = lookup end
  end
end

local opens = { ["function"] = true, ["do"] = true, ["if"] = true, ["repeat"] = true }
local closes = { ["end"] = true, ["until"] = true }

-- The names of `local a, b <const>` from token number i on, and the number of the token behind; nil when it cannot be
-- kept: a <close> variable ends with its line.
local function declared_names(list, i)
  local found = {}
  while list[i] and list[i].kind == "name" do
    found[#found + 1] = list[i].text
    i = i + 1
    if list[i] and list[i].text == "<" then
      if not list[i + 1] or list[i + 1].text ~= "const" then return nil end
      list[i].drop, list[i + 1].drop, list[i + 2].drop = true, true, true
      i = i + 3
    end
    if not list[i] or list[i].text ~= "," then return found, i end
    i = i + 1
  end
  return nil
end

--- calr.program.prompt.names.keep(source)
--- Turns the locals of the outermost level into assignments, so that they outlive their line.
--- @param source  string; Lua that compiles
--- @return string  the same with `local x = 1` as `x = 1`, on the same lines
--- @return table   list of the names that were declared
function names.keep(source)
  local list = {}
  for _, token in ipairs(tokens.of(source)) do
    if token.kind ~= "comment" then list[#list + 1] = token end
  end
  local depth, all, inserts = 0, {}, {}
  for i, token in ipairs(list) do
    if token.kind == "name" and opens[token.text] then depth = depth + 1 end
    if token.kind == "name" and closes[token.text] then depth = depth - 1 end
    if depth == 0 and token.kind == "name" and token.text == "local" then
      local following = list[i + 1]
      if following and following.text == "function" then
        token.drop = true
        all[#all + 1] = list[i + 2].text
      else
        local found, behind = declared_names(list, i + 1)
        if found then
          token.drop = true
          table.move(found, 1, #found, #all + 1, all)
          if not list[behind] or list[behind].text ~= "=" then inserts[list[behind - 1]] = " = nil" end
        end
      end
    end
  end
  local out, at = {}, 1
  for _, token in ipairs(list) do
    if token.drop then
      out[#out + 1] = source:sub(at, token.first - 1)
      at = token.last + 1
    end
    if inserts[token] then
      out[#out + 1] = source:sub(at, token.last) .. inserts[token]
      at = token.last + 1
    end
  end
  out[#out + 1] = source:sub(at)
  return table.concat(out), all
end

return names
