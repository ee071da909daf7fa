--- @module calr.program.prompt.expression
--- What an expression on a typed line stands for, found without running it: a value that is already there, or the class
--- of what a documented function returns.

local keywords = require "calr.program.docs.keywords"
local manual = require "calr.program.prompt.manual"
local types = require "calr.program.docs.types"

local expression = {}

--- calr.program.prompt.expression.keywords()
--- @return table  the words of Lua: word -> true
function expression.keywords()
  return keywords
end

local pairs_of = { [")"] = "(", ["]"] = "[", ["}"] = "{" }

local function is_name(token)
  return token and token.kind == "name" and not keywords[token.text]
end

-- Whether a call or an index may follow the token.
local function ends_value(token)
  return is_name(token) or token and (token.kind == "string" or token.kind == "op" and pairs_of[token.text] ~= nil)
end

-- The number of the token that opens the bracket which token number i closes.
local function opening(list, i)
  local depth = 0
  for j = i, 1, -1 do
    local token = list[j]
    if token.kind == "op" and pairs_of[token.text] then depth = depth + 1 end
    if token.kind == "op" and (token.text == "(" or token.text == "[" or token.text == "{") then
      depth = depth - 1
      if depth == 0 then return j end
    end
  end
end

--- calr.program.prompt.expression.first(list, last)
--- @param list  tokens
--- @param last  integer; the number of the last token of an expression such as `calr.tensor.zeros{3}`
--- @return integer|nil  the number of its first token; nil when that is not clear
function expression.first(list, last)
  local i = last
  while i and i >= 1 do
    local token, before = list[i], list[i - 1]
    if is_name(token) then
      if not (before and before.kind == "op" and (before.text == "." or before.text == ":")) then return i end
      i = i - 2
    elseif token.kind == "string" then
      if not ends_value(before) then return i end
      i = i - 1
    elseif token.kind == "op" and pairs_of[token.text] then
      local open = opening(list, i)
      if not open then return nil end
      if not ends_value(list[open - 1]) then return token.text == ")" and open or nil end
      i = open - 1
    else
      return nil
    end
  end
end

-- The first type of a result, as the name of a class.
local function returned(item)
  local result = item and item.returns[1]
  if not result then return nil end
  return types.returned(result.kind, result.text, manual.classes()):match "^[%w_.]+"
end

local function index(value, key)
  local ok, found = pcall(function() return value[key] end)
  if ok then return found end
end

-- The documentation of a function that is reached by a name from something.
local function item_of(state, key, method)
  local class = state.class or state.value ~= nil and manual.class_of(state.value)
  if method then return class and manual.item(class .. ":" .. key) or nil end
  return state.module and manual.item(state.module .. "." .. key) or class and manual.item(class .. ":" .. key) or nil
end

local function module_of(value)
  for name, loaded in pairs(package.loaded) do
    if loaded == value and name:match "^calr" then return name end
  end
end

local function at_value(value, item)
  local module = type(value) == "table" and module_of(value) or nil
  return { value = value, known = value ~= nil, module = module, item = item }
end

local function after_call(state)
  local item = state.item
  if item then return { class = returned(item), item = item.curried and item or nil } end
  local class = state.known and manual.class_of(state.value)
  local call = class and manual.call_of(class)
  return { class = call and call:match "%):%s*([%w_]+)" or nil }
end

--- calr.program.prompt.expression.meaning(list, first, last, variables)
--- @param list       tokens
--- @param first      integer
--- @param last       integer
--- @param variables  the environment
--- @return table  {value=, known = whether there is one, class = the name of its class, module = the name of the module
---                that it is, item = the documentation of the function that it is}; what is not known is nil
function expression.meaning(list, first, last, variables)
  local token = list[first]
  local state
  local i = first + 1
  if token.kind == "string" then
    state = { value = "", known = true }
  elseif token.text == "(" then
    local close = first
    repeat close = close + 1 until close > last or opening(list, close) == first and pairs_of[list[close].text]
    if close > last or expression.first(list, close - 1) ~= first + 1 then return {} end
    state, i = expression.meaning(list, first + 1, close - 1, variables), close + 1
  else
    local value = index(variables, token.text)
    state = at_value(value, type(value) == "function" and manual.item_of(value) or nil)
  end
  while i <= last do
    token = list[i]
    local key = list[i + 1]
    if token.text == "." or token.text == ":" then
      local item = item_of(state, key.text, token.text == ":")
      local value = state.known and index(state.value, key.text)
      state = state.known and at_value(value or nil, item) or { item = item }
      i = i + 2
    elseif token.kind == "string" then
      state, i = after_call(state), i + 1
    else
      local close = i
      repeat close = close + 1 until close > last or opening(list, close) == i and pairs_of[list[close].text]
      if close > last then return {} end
      if token.text == "[" then
        local number = close == i + 2 and tonumber(list[i + 1].text)
        state = number and state.known and at_value(index(state.value, number)) or { class = state.class }
      else
        state = after_call(state)
      end
      i = close + 1
    end
  end
  if state.known and not state.class then state.class = manual.class_of(state.value) end
  return state
end

return expression
