--- @module calr.program.prompt.complete
--- Completion: what can follow the text before the cursor.

local expression = require "calr.program.prompt.expression"
local manual = require "calr.program.prompt.manual"
local sys = require "calr.sys"
local terminal = require "calr.terminal"
local tokens = require "calr.program.prompt.tokens"
local types = require "calr.program.docs.types"

-- Adds the names that a value has as fields, and those of the tables behind its __index.
local function add_members(value, functions_only, add)
  local seen = {}
  while type(value) == "table" and not seen[value] do
    seen[value] = true
    for key, member in next, value do
      if type(key) == "string" and key:match "^[%a_][%w_]*$" and (not functions_only or type(member) == "function") then
        add(key)
      end
    end
    local behaviour = debug.getmetatable(value)
    value = type(behaviour) == "table" and rawget(behaviour, "__index") or nil
  end
end

-- Adds the methods of a class; a tensor has the words of the vocabulary too.
local function add_methods(class, add)
  for name in pairs(manual.methods(class)) do add(name) end
  if class ~= "tensor" then return end
  local methods, vocabulary = debug.getregistry()["calr.tensor"].methods, require "calr.vocabulary"
  for name in pairs(methods) do add(name) end
  for _, name in ipairs(vocabulary.names()) do
    if vocabulary.find(methods, name) then add(name) end
  end
end

-- The names behind `what.` or `what:`.
local function members(list, last, separator, variables, add)
  local first = expression.first(list, last)
  local state = first and expression.meaning(list, first, last, variables)
  if not state then return end
  local method = separator == ":"
  if state.module and not method then manual.each_below(state.module, add) end
  if state.known then
    local value = state.value
    if type(value) == "string" then value = string end
    local behaviour = type(value) == "userdata" and debug.getmetatable(value)
    if type(behaviour) == "table" then value = rawget(behaviour, "methods") or rawget(behaviour, "__index") end
    add_members(value, method, add)
  end
  if state.class and method then add_methods(state.class, add) end
  if state.class and not method then
    for _, field in ipairs(manual.fields(state.class)) do add(field.name) end
  end
end

-- The number of the innermost bracket that is open at the end of the list.
local function open_bracket(list, from)
  local depth = 0
  for i = from, 1, -1 do
    local text = list[i].kind == "op" and list[i].text
    if text == ")" or text == "}" or text == "]" then depth = depth + 1 end
    if text == "(" or text == "{" or text == "[" then
      if depth == 0 then return i end
      depth = depth - 1
    end
  end
end

-- The documentation of the function whose call is open at the end of the list; and the bracket, if that is its table of
-- options.
local function open_call(list, variables)
  local bracket = open_bracket(list, #list)
  if not bracket or list[bracket].text == "[" then return nil end
  local open, braces = bracket, list[bracket].text == "{" and bracket or nil
  local before = list[open - 1]
  if braces and before and (before.text == "(" or before.text == ",") then
    open = open_bracket(list, open - 1)
    if not open or list[open].text ~= "(" then return nil end
  end
  local first = open > 1 and expression.first(list, open - 1)
  local state = first and expression.meaning(list, first, open - 1, variables)
  return state and state.item, braces, open
end

-- The options that may still be named in the braces.
local function options_left(item, list, braces)
  local given, left, depth = {}, {}, 0
  for i = braces, #list do
    local text = list[i].kind == "op" and list[i].text
    if text == "{" or text == "(" then depth = depth + 1 end
    if text == "}" or text == ")" then depth = depth - 1 end
    local sign = depth == 1 and list[i].kind == "name" and list[i + 1]
    if sign and sign.text == "=" then given[list[i].text] = true end
  end
  for _, option in ipairs(manual.options(item)) do
    if not given[option.name] then left[#left + 1] = option end
  end
  return left
end

-- The words in quotes that an argument may be, at the end of the list: `metric = "`, `calr.meter.stream("`.
local function choices(list, variables)
  local item, braces, open = open_call(list, variables)
  if not item then return nil end
  local name
  if braces then
    local sign, key = list[#list], list[#list - 1]
    name = sign and sign.text == "=" and key and key.kind == "name" and key.text
  else
    local number, depth = 1, 0
    for i = open + 1, #list do
      local text = list[i].kind == "op" and list[i].text
      if text == "{" or text == "(" then depth = depth + 1 elseif text == "}" or text == ")" then depth = depth - 1 end
      if text == "," and depth == 0 then number = number + 1 end
    end
    if item.name:find ":" == nil and list[open - 2] and list[open - 2].text == ":" then number = number + 1 end
    name = item.parameters[number] and item.parameters[number].name
  end
  for _, param in ipairs(name and item.params or {}) do
    local kind = param.name == name and types.of(param.text, manual.classes())
    if kind and kind:match "^\"" then
      local words = {}
      for word in kind:gmatch "\"([^\"]*)\"" do words[#words + 1] = word end
      return words
    end
  end
end

local function files(typed, add)
  local folder, base = typed:match "^(.*/)([^/]*)$"
  folder, base = folder or "", base or typed
  local path = folder == "" and "." or folder
  if path:match "^~/" then path = (os.getenv "HOME" or "") .. path:sub(2) end
  if not sys.is_folder(path) then return base end
  for _, name in ipairs(sys.list(path)) do
    if base:match "^%." or not name:match "^%." then
      add(name, sys.is_folder(path .. "/" .. name) and "/" or "")
    end
  end
  return base
end

local function common_prefix(list)
  local prefix = list[1]
  for i = 2, #list do
    while list[i]:sub(1, #prefix) ~= prefix do prefix = prefix:sub(1, -2) end
  end
  return prefix
end

-- Names in columns, as `ls` prints them.
local function columns(names)
  local width = 0
  for _, name in ipairs(names) do width = math.max(width, utf8.len(name) or #name) end
  local across = math.max(1, terminal.size() // (width + 2))
  local down = (#names + across - 1) // across
  local lines = {}
  for row = 1, down do
    local line = {}
    for i = row, #names, down do
      line[#line + 1] = names[i] .. (" "):rep(width + 2 - (utf8.len(names[i]) or #names[i]))
    end
    lines[row] = (table.concat(line):gsub("%s+$", ""))
  end
  return table.concat(lines, "\n")
end

-- A set of candidates: name -> what follows it when it is the only one.
local function collection()
  local found = { ends = {}, labels = {} }
  return found, function(name, ending, label)
    found.ends[name], found.labels[name] = ending or "", label
  end
end

-- What to insert after `typed`, and what to list.
local function answer(typed, found)
  local names, labels = {}, {}
  for name in pairs(found.ends) do
    if name:sub(1, #typed) == typed and (typed ~= "" or name:sub(1, 1) ~= "_") then names[#names + 1] = name end
  end
  if #names == 0 then return "" end
  table.sort(names)
  local prefix = common_prefix(names)
  local insert = prefix:sub(#typed + 1)
  if #names == 1 then return insert .. found.ends[prefix] end
  if insert ~= "" then return insert end
  for i, name in ipairs(names) do labels[i] = found.labels[name] or name .. (found.ends[name] == "/" and "/" or "") end
  return "", columns(labels)
end

-- Inside a string that begins with the last token.
local function in_string(list, variables, found, add)
  local text = table.remove(list).text
  local typed = text:gsub("^%[=*%[", ""):gsub("^[\"']", "")
  local quote = text:match "^[\"']" or "]]"
  local last = list[#list]
  if last and last.text == "(" then last = list[#list - 1] end
  local loads = last and last.text:match "^require%s*$"
  if loads or last and last.text == "help" then
    manual.each_name(loads ~= nil, function(name) add(name, quote) end)
    return answer(typed, found)
  end
  local words = choices(list, variables)
  if words then
    for _, word in ipairs(words) do add(word, quote) end
    return answer(typed, found)
  end
  local base = files(typed, function(name, ending) add(name, ending == "/" and ending or quote) end)
  return answer(base, found)
end

-- A name, or nothing yet.
local function in_code(list, text, variables, found, add)
  local typed = ""
  if list[#list] and list[#list].kind == "name" and list[#list].last == #text then typed = table.remove(list).text end
  local last = list[#list]
  local sign = last and last.kind == "op" and last.text
  if sign == "." or sign == ":" then
    members(list, #list - 1, sign, variables, add)
    return answer(typed, found)
  end
  local item, braces = open_call(list, variables)
  if item and braces and (sign == "{" or sign == ",") then
    for _, option in ipairs(options_left(item, list, braces)) do
      add(option.name, " = ", option.default and option.name .. "=" .. option.default)
    end
    local insert, listing = answer(typed, found)
    if insert ~= "" or listing then return insert, listing end
  end
  if typed == "" then return "", item and item.signature or nil end
  for word in pairs(expression.keywords()) do add(word) end
  add_members(variables, false, add)
  return answer(typed, found)
end

--- calr.program.prompt.complete(text, variables)
--- @param text       string; the statement so far, up to the cursor
--- @param variables  the environment of the prompt
--- @return string  to be inserted at the cursor; may be empty
--- @return string|nil  to be shown: what there is to choose from
return function(text, variables)
  if text:match "[^\n]*$":match "^%s*$" then return "  " end
  local found, add = collection()
  local list = tokens.of(text)
  local last = list[#list]
  if last.kind == "comment" and (last.open or last.last == #text) then return "" end
  if last.kind == "string" and last.open then return in_string(list, variables, found, add) end
  for i = #list, 1, -1 do
    if list[i].kind == "comment" then table.remove(list, i) end
  end
  return in_code(list, text, variables, found, add)
end
