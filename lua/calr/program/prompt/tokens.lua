--- @module calr.program.prompt.tokens
--- Cuts Lua source into tokens, also source that is not finished: a typed line, up to the cursor.

local tokens = {}

-- The end of a long bracket that opens at i ("[[", "[==["); nil when none opens there, #text + 1 when it stays open.
local function long_bracket(text, i)
  local level = text:match("^%[(=*)%[", i)
  if not level then return nil end
  local _, last = text:find("]" .. level .. "]", i, true)
  return last or #text + 1
end

-- The end of a string in quotes that opens at i; #text + 1 when it stays open.
local function quoted(text, i)
  local quote, at = text:sub(i, i), i + 1
  while at <= #text do
    local c = text:sub(at, at)
    if c == quote then return at end
    if c == "\n" then return at - 1 end
    at = at + (c == "\\" and 2 or 1)
  end
  return #text + 1
end

local function token_at(text, i)
  local c = text:sub(i, i)
  if c:match "[%a_]" then return "name", select(2, text:find("^[%w_]+", i)) end
  if c:match "%d" or text:match("^%.%d", i) then return "number", select(2, text:find("^[%w_.]+", i)) end
  if text:match("^%-%-", i) then
    return "comment", long_bracket(text, i + 2) or (text:find("\n", i, true) or #text + 2) - 1
  end
  if c == "\"" or c == "'" then return "string", quoted(text, i) end
  if c == "[" and long_bracket(text, i) then return "string", long_bracket(text, i) end
  for _, long in ipairs { "^%.%.%.", "^%.%.", "^[=~<>]=", "^::", "^//", "^<<", "^>>" } do
    local _, last = text:find(long, i)
    if last then return "op", last end
  end
  return "op", i
end

--- calr.program.prompt.tokens.of(text)
--- Returns the tokens of a text, comments included.
--- @return table  list of {kind = "name", "number", "string", "comment" or "op", text=, first=, last= (positions),
---                open = whether it goes on behind the end of the text}
function tokens.of(text)
  local list, i = {}, 1
  while true do
    i = text:find("%S", i)
    if not i then return list end
    local kind, last = token_at(text, i)
    list[#list + 1] = { kind = kind, text = text:sub(i, last), first = i, last = math.min(last, #text),
      open = last > #text }
    i = last + 1
  end
end

return tokens
