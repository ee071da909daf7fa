--- @module calr.program.docs.stubs
--- Writes stubs for editors: Lua files that declare what a page of calr.program.docs.pages documents, with annotations
--- for the Lua language server. They load as Lua but are never run.

local keywords = require "calr.program.docs.keywords"
local types = require "calr.program.docs.types"

local vocabulary = require "calr.vocabulary"

local stubs = {}

local function legal(name)
  return keywords[name] and name .. "_" or name
end

local function comment(prose, out)
  for line in (prose ~= "" and prose .. "\n" or ""):gmatch "(.-)\n" do
    out[#out + 1] = ("--- " .. line):gsub("%s+$", "")
  end
end

local function line(out, format, ...)
  out[#out + 1] = format:format(...):gsub("%s+$", "")
end

-- A text without the type at its head, which the annotation already states.
local function untyped(text, kind)
  if kind == "any" or text:sub(1, #kind) ~= kind then return text end
  return text == kind and "" or text:match("^; (.*)$", #kind + 1) or text
end

-- The texts of the @param lines by name, and the names that are not arguments of the call.
local function documented(item)
  local texts, positional, options = {}, {}, {}
  for _, parameter in ipairs(item.parameters) do positional[parameter.name] = true end
  for _, param in ipairs(item.params) do
    texts[param.name] = param.text
    if not positional[param.name] then options[#options + 1] = param.name end
  end
  return texts, options
end

-- The options of a table in the signature, and those with only a @param: list of {name=, default=}.
local function option_list(parameter, names)
  local list, seen = {}, {}
  for _, option in ipairs(parameter.options) do
    list[#list + 1] = option
    seen[option.name] = true
  end
  for _, name in ipairs(names) do
    if not seen[name] and name:match "^[%a_]" then list[#list + 1] = { name = name } end
  end
  return list
end

-- The table of options as a class of its own: calr.cluster.knn has calr.cluster.knn.options.
local function options_class(item, list, texts, classes, out)
  local class = item.name:gsub(":", ".") .. ".options"
  line(out, "---@class %s", class)
  for _, option in ipairs(list) do
    local text = texts[option.name] or ""
    local optional = text:match "%f[%a]required%f[%A]" and "" or "?"
    local default = option.default and not option.default:match "^%a$" and option.default ~= "nil" and option.default
    local note = default and ("(default %s) "):format(default) or ""
    local kind = types.guess(option.name, text, option.default, classes)
    line(out, "---@field %s%s %s %s", option.name, optional, kind, note .. untyped(text, kind))
  end
  out[#out + 1] = ""
  return class
end

-- Whether a table of options must be there, because one of them is required.
local function needs_one(parameter, texts)
  for _, option in ipairs(parameter.options) do
    if (texts[option.name] or ""):match "%f[%a]required%f[%A]" then return true end
  end
  return false
end

-- The annotations of a function's arguments; returns their names as declared.
local function arguments(item, texts, optional_names, classes, out, before)
  local names = {}
  for _, parameter in ipairs(item.parameters) do
    local name = legal(parameter.name)
    local kind
    if parameter.options then
      local list = option_list(parameter, optional_names)
      local other = item.text:match "[Oo]ptions as ([%w_.]+)%."
      kind = #list > 0 and options_class(item, list, texts, classes, before) or other and other .. ".options" or "table"
    else
      kind = types.guess(parameter.name, texts[parameter.name] or "", nil, classes)
    end
    names[#names + 1] = name
    local text = texts[parameter.name] or ""
    local optional = name ~= "..." and (parameter.optional or parameter.options and not needs_one(parameter, texts))
    line(out, "---@param %s%s %s %s", name, optional and "?" or "", kind, untyped(text, kind))
  end
  return names
end

local function declare(item, target, classes, out)
  local texts, optional_names = documented(item)
  local lines = {}
  comment(item.text, lines)
  local names = arguments(item, texts, optional_names, classes, lines, out)
  for _, r in ipairs(item.returns) do
    lines[#lines + 1] = ("---@return %s # %s"):format(types.returned(r.kind, r.text, classes), r.text):gsub(" # $", "")
  end
  table.move(lines, 1, #lines, #out + 1, out)
  line(out, "function %s(%s) end", target, table.concat(names, ", "))
  out[#out + 1] = ""
end

-- "(x, y) -> z" for a call, with the types of its arguments.
local function overload(parameters, kind, classes)
  local list = {}
  for _, parameter in ipairs(parameters) do
    local name = parameter.name == "..." and "...: any"
      or ("%s%s: %s"):format(legal(parameter.name), parameter.optional and "?" or "",
        parameter.options and "table" or types.guess(parameter.name, parameter.text or "", nil, classes))
    list[#list + 1] = name
  end
  return ("fun(%s)%s"):format(table.concat(list, ", "), kind and ": " .. kind or "")
end

-- A call of the module itself: calr.tensor { 1, 2 }, calr.study "name" { goal = }.
local function module_call(item, classes, out)
  local texts, optional_names = documented(item)
  for _, parameter in ipairs(item.parameters) do parameter.text = texts[parameter.name] end
  local kind = item.returns[1] and types.returned(item.returns[1].kind, item.returns[1].text, classes)
  if item.curried then
    local class = options_class(item, option_list(item.curried, optional_names), texts, classes, out)
    kind = ("fun(options: %s): %s"):format(class, kind)
  end
  return "---@overload " .. overload(item.parameters, kind, classes)
end

local function class_header(class, classes, out)
  if class.text then comment(class.text, out) end
  line(out, "---@class %s%s", class.name, class.parent and ": " .. class.parent or "")
  for _, field in ipairs(class.fields or {}) do
    local kind = types.of(field.text, classes) or "any"
    line(out, "---@field %s %s %s", field.name, kind, untyped(field.text, kind))
  end
  if class.others then line(out, "---@field [string] %s", class.others) end
  for _, operator in ipairs(class.operators or {}) do
    line(out, "---@operator %s%s: %s", operator.name, operator.operand and "(" .. operator.operand .. ")" or "",
      class.name)
  end
  if class.call then out[#out + 1] = "---@overload " .. class.call end
  line(out, "local %s = {}", class.name)
  out[#out + 1] = ""
end

-- The class of a module: what can follow its name, and the arguments of calling it.
local function module_header(page, pages, classes, out)
  local calls = {}
  for _, item in ipairs(page.functions) do
    if item.name == page.name then calls[#calls + 1] = module_call(item, classes, out) end
  end
  comment(page.text, out)
  line(out, "---@class %s", page.name)
  for _, other in ipairs(pages) do
    local name = other.name:match("^" .. page.name:gsub("%.", "%%.") .. "%.([%w_]+)$")
    if name then line(out, "---@field %s %s", name, other.name) end
  end
  for _, field in ipairs(page.fields) do
    local kind = types.of(field.text, classes) or "any"
    line(out, "---@field %s %s %s", field.name, kind, untyped(field.text, kind))
  end
  table.move(calls, 1, #calls, #out + 1, out)
  out[#out + 1] = "local M = {}\n"
end

--- calr.program.docs.stubs.classes(pages)
--- @param pages  table of the pages, as calr.program.docs.write.pages returns them
--- @return table  classes of objects with documented methods: name -> true
function stubs.classes(pages)
  local classes = {}
  for _, page in ipairs(pages) do
    classes[page.name] = true
    for _, class in ipairs(page.classes) do classes[class.name] = true end
    for _, item in ipairs(page.functions) do
      local class = item.name:match "^([%w_]+):"
      if class then classes[class] = true end
    end
  end
  return classes
end

--- calr.program.docs.stubs.methods(pages)
--- Lists the functions that are also methods of tensors, found in the running program: x:relu() is calr.relu(x).
--- @param pages  table of the pages
--- @return table  list of {method=, item=}, by name; the first argument is the tensor
function stubs.methods(pages)
  local methods, own, list = getmetatable(require("calr.tensor").zeros { 1 }).methods, {}, {}
  for _, page in ipairs(pages) do
    for _, item in ipairs(page.functions) do
      local name = item.name:match "^tensor:([%w_]+)$"
      if name then own[name] = true end
    end
  end
  for _, page in ipairs(pages) do
    for _, item in ipairs(page.functions) do
      local name = item.name:match "^calr%.([%w_]+)$" or item.name:match "^calr%.autograd%.([%w_]+)$"
      local is_method = name and not own[name] and (rawget(methods, name) or vocabulary.find(methods, name))
      if is_method then list[#list + 1] = { method = name, item = item } end
    end
  end
  table.sort(list, function(a, b) return a.method < b.method end)
  return list
end

-- The same function as a method: without its first argument.
local function as_method(item, method)
  local parameters = table.move(item.parameters, 2, #item.parameters, 1, {})
  return { name = "tensor:" .. method, parameters = parameters, params = item.params, returns = item.returns,
    text = item.text }
end

--- calr.program.docs.stubs.make(page, pages, classes)
--- @param page     table; one of the pages
--- @param pages    table of all of them
--- @param classes  table; as calr.program.docs.stubs.classes returns it
--- @return string  a Lua file for the language server; it is never run
function stubs.make(page, pages, classes)
  local out = { "---@meta " .. page.name, "-- Generated by `calr docs`; do not edit.", "" }
  module_header(page, pages, classes, out)
  local seen = {}
  for _, class in ipairs(page.classes) do
    class_header(class, classes, out)
    seen[class.name] = true
  end
  for _, item in ipairs(page.functions) do
    local class, method = item.name:match "^([%w_]+):([%w_]+)$"
    if class and not seen[class] then
      seen[class] = true
      class_header({ name = class }, classes, out)
    end
    local name = item.name:sub(1, #page.name + 1) == page.name .. "." and item.name:sub(#page.name + 2)
    if page.name == "calr.tensor" and not class then name = name or item.name:match "^calr%.([%w_]+)$" end
    if class then
      declare(item, class .. ":" .. method, classes, out)
    elseif name and name:match "^[%w_]+$" then
      declare(item, "M." .. legal(name), classes, out)
    end
  end
  for _, other in ipairs(page.name == "calr" and pages or {}) do
    for _, item in ipairs(other.name == "calr.tensor" and other.functions or {}) do
      local name = item.name:match "^calr%.([%w_]+)$"
      if name and name ~= "tensor" then declare(item, "M." .. legal(name), classes, out) end
    end
  end
  for _, entry in ipairs(page.name == "calr.tensor" and stubs.methods(pages) or {}) do
    declare(as_method(entry.item, entry.method), "tensor:" .. entry.method, classes, out)
  end
  out[#out + 1] = "return M"
  return table.concat(out, "\n") .. "\n"
end

return stubs
