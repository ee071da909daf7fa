--- @module calr.program.prompt.manual
--- The documentation inside the program: what `help(f)` and `f?` print, and what completion knows of arguments. It
--- comes from the same comments as docs/api: from the sources in a checkout, and in an installed program from
--- manual.json, which the build makes.

local json = require "calr.json"
local sys = require "calr.sys"

local manual = {}

-- The documentation of the program that runs; nothing where neither manual.json nor the sources are there.
local function pages()
  local home = sys.paths.home
  if sys.exists(home .. "/manual.json") then return json.decode(sys.read_file(home .. "/manual.json")) end
  if not sys.is_folder(home .. "/engine") then return {} end
  local read, write = require "calr.program.docs.read", require "calr.program.docs.write"
  return require("calr.program.docs.manual").make(write.pages(read.modules(home)))
end

local index -- made when it is first asked for

-- The methods of a class: its own and those of its parent.
local function method_of(class, name)
  while class do
    local item = index.functions[class .. ":" .. name]
    if item then return item end
    class = index.classes[class] and index.classes[class].parent
  end
end

local function add(page)
  index.pages[page.name] = page
  for _, class in ipairs(page.classes) do index.classes[class.name] = class end
  for _, item in ipairs(page.functions) do
    if not index.functions[item.name] then index.functions[item.name] = item end
    local class, method = item.name:match "^([%w_]+):([%w_]+)$"
    if class then
      index.classes[class] = index.classes[class] or { name = class, text = "", fields = {} }
      index.methods[class] = index.methods[class] or {}
      index.methods[class][method] = item
    end
  end
end

local function load_index()
  if index then return index end
  index = { pages = {}, functions = {}, classes = {}, methods = {}, known = {} }
  for _, page in ipairs(pages()) do add(page) end
  for class in pairs(index.classes) do index.known[class] = true end
  return index
end

--- calr.program.prompt.manual.item(name)
--- @param name  string: "calr.nn.conv", "tensor:sum"
--- @return table|nil  the documentation of a function; nil when there is none
function manual.item(name)
  load_index()
  local class, method = name:match "^([%w_]+):([%w_]+)$"
  if class then
    local word = class == "tensor"
      and (index.functions["calr." .. method] or index.functions["calr.autograd." .. method])
    return method_of(class, method) or word or nil
  end
  return index.functions[name] or index.functions[(name:gsub("^calr%.tensor%.", "calr."))]
end

--- calr.program.prompt.manual.methods(class)
--- @param class  string
--- @return table  the documented methods: name -> documentation
function manual.methods(class)
  load_index()
  local all = {}
  while class do
    for name, item in pairs(index.methods[class] or {}) do all[name] = all[name] or item end
    class = index.classes[class] and index.classes[class].parent
  end
  return all
end

-- Whether a table has a method, in itself or in a table behind its __index; no code of the table runs.
local function has_method(value, name)
  for _ = 1, 10 do
    local member = rawget(value, name)
    if member ~= nil then return type(member) == "function" end
    local behaviour = debug.getmetatable(value)
    value = type(behaviour) == "table" and rawget(behaviour, "__index")
    if type(value) ~= "table" then return false end
  end
  return false
end

--- calr.program.prompt.manual.class_of(value)
--- Returns the name of the class, in the documentation, that a value is an object of.
--- @return string|nil
function manual.class_of(value)
  load_index()
  local behaviour = debug.getmetatable(value)
  if type(value) == "userdata" then
    local name = type(behaviour) == "table" and rawget(behaviour, "__name")
    return type(name) == "string" and name:match "([%w_]+)$" or nil
  end
  if type(value) ~= "table" or type(behaviour) ~= "table" then return nil end
  local best, most
  for class, methods in pairs(index.methods) do -- the class of which it has most methods, and no fewer than all but two
    local has, lacks = 0, 0
    for name in pairs(methods) do
      if has_method(value, name) then has = has + 1 else lacks = lacks + 1 end
    end
    if has > 0 and lacks <= 2 and (not most or has - lacks > most or (has - lacks == most and class < best)) then
      best, most = class, has - lacks
    end
  end
  return best
end

--- calr.program.prompt.manual.classes()
--- @return table  the names of all classes: name -> true
function manual.classes()
  return load_index().known
end

--- calr.program.prompt.manual.fields(class)
--- @return table  list of the documented fields of objects: {name=, text=}
function manual.fields(class)
  local found = load_index().classes[class]
  return found and found.fields or {}
end

--- calr.program.prompt.manual.call_of(class)
--- @return string|nil  the arguments and the result of calling an object: "fun(x: tensor): tensor"
function manual.call_of(class)
  local found = load_index().classes[class]
  return found and found.call or nil
end

--- calr.program.prompt.manual.each_below(module, fn)
--- Calls fn(name) for every documented part and function of a module, loaded or not.
function manual.each_below(module, fn)
  load_index()
  local head = module .. "."
  for _, names in ipairs { index.functions, index.pages } do
    for name in pairs(names) do
      local key = name:sub(1, #head) == head and name:sub(#head + 1)
      if key and key:match "^[%w_]+$" then fn(key) end
    end
  end
end

--- calr.program.prompt.manual.each_name(modules_only, fn)
--- Calls fn(name) for everything that has documentation.
function manual.each_name(modules_only, fn)
  load_index()
  for name in pairs(index.pages) do fn(name) end
  for name in pairs(modules_only and {} or index.functions) do fn(name) end
end

--- calr.program.prompt.manual.options(item)
--- Returns what may be named in the table at the end of a call.
--- @param item  table; the documentation of a function
--- @return table  list of {name=, default=, text=}
function manual.options(item)
  local list, seen, texts, positional = {}, {}, {}, {}
  for _, param in ipairs(item.params) do texts[param.name] = param.text end
  local function take(name, default)
    if seen[name] or not name:match "^[%a_]" then return end
    seen[name] = true
    list[#list + 1] = { name = name, default = default, text = texts[name] }
  end
  local parameters = table.move(item.parameters, 1, #item.parameters, 1, {})
  if item.curried then parameters[#parameters + 1] = item.curried end
  for _, parameter in ipairs(parameters) do
    positional[parameter.name] = true
    for _, option in ipairs(parameter.options or {}) do take(option.name, option.default) end
  end
  for _, parameter in ipairs(parameters) do
    if parameter.options then
      for _, param in ipairs(item.params) do
        if not positional[param.name] then take(param.name) end
      end
      local other = #list == 0 and item.text:match "[Oo]ptions as ([%w_.]+)%."
      if other and index.functions[other] then return manual.options(index.functions[other]) end
    end
  end
  if #list == 0 then -- a function of the vocabulary takes its arguments by name, too
    for i = 2, #item.parameters do
      if item.parameters[i].name ~= "..." then take(item.parameters[i].name) end
    end
  end
  return list
end

-- ---- what is printed ----

local function first_sentence(text)
  local line = (text:match "^(.-)\n\n" or text):gsub("\n", " ")
  return line:match "^(.-%.)%s" or line
end

local function function_text(item)
  local out = { item.signature }
  if item.text ~= "" then out[#out + 1] = item.text end
  local width = 0
  for _, param in ipairs(item.params) do width = math.max(width, math.min(#param.name, 16)) end
  for _, param in ipairs(item.params) do
    out[#out + 1] = ("  %-" .. width .. "s  %s"):format(param.name, param.text)
  end
  for _, result in ipairs(item.returns) do
    out[#out + 1] = ("returns %s%s"):format(result.kind, result.text ~= "" and ": " .. result.text or "")
  end
  return table.concat(out, "\n")
end

-- One line for each of the functions: signature, and what it does.
local function overview(functions, out)
  for _, item in ipairs(functions) do
    if not item.in_place then
      out[#out + 1] = ("  %s\n      %s"):format(item.signature, first_sentence(item.text ~= "" and item.text
        or item.returns[1] and "Returns " .. item.returns[1].kind .. "." or ""))
    end
  end
end

local function page_text(page)
  local out = { page.name, page.text, "" }
  for _, field in ipairs(page.fields) do out[#out + 1] = ("  .%s  %s"):format(field.name, field.text) end
  overview(page.functions, out)
  return table.concat(out, "\n")
end

local function class_text(name)
  local class, methods = index.classes[name], {}
  local out = { "a " .. name }
  if class and class.text and class.text ~= "" then out[#out + 1] = class.text end
  for _, field in ipairs(class and class.fields or {}) do
    out[#out + 1] = ("  .%s  %s"):format(field.name, field.text)
  end
  for _, item in pairs(manual.methods(name)) do methods[#methods + 1] = item end
  table.sort(methods, function(a, b) return a.name < b.name end)
  overview(methods, out)
  return table.concat(out, "\n")
end

-- The comment above a function in its file.
local function source_text(fn)
  local info = debug.getinfo(fn, "S")
  if info.what == "C" then return "a function written in C, without documentation" end
  local path = info.source:match "^@(.*)"
  if not path or not sys.exists(path) then return ("a function of %s:%d"):format(info.short_src, info.linedefined) end
  local lines, out = {}, {}
  for line in (sys.read_file(path) .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  local first = info.linedefined
  while lines[first - 1] and lines[first - 1]:match "^%s*%-%-" do first = first - 1 end
  table.move(lines, first, info.linedefined, 1, out)
  return ("a function of %s:%d\n%s"):format(path, info.linedefined, table.concat(out, "\n"))
end

-- The documented name of a function that is a value: among the modules that are loaded, and the methods.
local function name_of(fn)
  for name in pairs(index.functions) do
    local module, key = name:match "^(.*)%.([%w_]+)$"
    local loaded = module and package.loaded[module]
    if type(loaded) == "table" and rawget(loaded, key) == fn then return name end
  end
  for kind, behaviour in pairs(debug.getregistry()) do
    local class = type(kind) == "string" and kind:match "^calr%.([%w_.]+)$"
    local methods = class and type(behaviour) == "table"
      and (rawget(behaviour, "methods") or rawget(behaviour, "__index"))
    for key, value in pairs(type(methods) == "table" and methods or {}) do
      if value == fn then return class:match "[%w_]+$" .. ":" .. tostring(key) end
    end
  end
end

--- calr.program.prompt.manual.item_of(fn)
--- @param fn  function; a value
--- @return table|nil  its documentation, if it belongs to a module that is loaded, or is a method
function manual.item_of(fn)
  load_index()
  return manual.item(name_of(fn) or "")
end

--- calr.program.prompt.manual.text(subject [, name])
--- Returns the documentation of anything, for people.
--- @param subject  a function, a module, an object; or a name as text, such as "calr.nn.conv"
--- @param name     how it was written, where that is known: `x:sum` says which method it is
--- @return string
function manual.text(subject, name)
  load_index()
  if type(subject) == "string" then
    local page, item = index.pages[subject], manual.item(subject)
    if page then return page_text(page) end
    if item then return function_text(item) end
    if index.classes[subject] then return class_text(subject) end
    local known = {}
    for one in pairs(index.functions) do known[#known + 1] = one end
    for one in pairs(index.pages) do known[#known + 1] = one end
    local near = sys.nearest(subject, known)
    return ("nothing is known about \"%s\"%s"):format(subject, near and (" (did you mean \"%s\"?)"):format(near) or "")
  end
  if type(subject) == "function" then
    local item = name and manual.item(name) or manual.item_of(subject)
    return item and function_text(item) or source_text(subject)
  end
  for page_name, page in pairs(index.pages) do
    if type(subject) == "table" and package.loaded[page_name] == subject then return page_text(page) end
  end
  local class = manual.class_of(subject)
  if class then return ("%s, %s"):format(tostring(subject), class_text(class)) end
  return ("a %s: %s"):format(type(subject), tostring(subject))
end

return manual
