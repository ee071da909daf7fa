--- @module calr.program.docs.write
--- Turns what calr.program.docs.read found into pages (Markdown) and into stubs for editors (annotations of the Lua
--- language server).

local write = {}

local function anchor(signature)
  return (signature:lower():gsub("[^%w _-]", ""):gsub(" ", "-"))
end

local function function_page(item, out)
  out[#out + 1] = "### `" .. item.signature .. "`\n"
  if item.text ~= "" then out[#out + 1] = item.text .. "\n" end
  if #item.params > 0 then
    for _, p in ipairs(item.params) do out[#out + 1] = ("- `%s`: %s"):format(p.name, p.text) end
    out[#out + 1] = ""
  end
  for _, r in ipairs(item.returns) do
    out[#out + 1] = ("Returns `%s`%s"):format(r.kind, r.text ~= "" and ": " .. r.text or "") .. "\n"
  end
end

--- calr.program.docs.write.page(module)
--- @return string  Markdown
function write.page(module)
  local out = { "# " .. module.name .. "\n" }
  if module.text ~= "" then out[#out + 1] = module.text .. "\n" end
  if #module.functions > 3 then
    for _, item in ipairs(module.functions) do
      out[#out + 1] = ("- [`%s`](#%s)"):format(item.name, anchor(item.signature))
    end
    out[#out + 1] = ""
  end
  for _, item in ipairs(module.functions) do function_page(item, out) end
  out[#out + 1] = ("From %s."):format(table.concat(module.files, ", "))
  return table.concat(out, "\n") .. "\n"
end

local function first_sentence(text)
  local line = text:match "^(.-)\n\n" or text
  line = line:gsub("\n", " ")
  return line:match "^(.-%.)%s" or line:match "^(.-):%s*$" or line
end

-- Modules that scripts have no business with, or that are parts of others.
local function is_internal(name)
  return name:match "^calr%.shell%." or name:match "^calr%.docs%." or name:match "^calr%.cli%."
    or name == "calr.host" or name:match "^calr%.[%w_]+%.[%w_]+"
end

--- calr.program.docs.write.index(modules)
--- @return string  Markdown: a list of all modules
function write.index(modules)
  local out = { "# Modules\n", "Made by `calr docs` from the comments of the sources; do not edit.\n" }
  local inside = { "\n## Parts of these, and of the program\n" }
  for _, module in ipairs(modules) do
    local list = is_internal(module.name) and inside or out
    list[#list + 1] = ("- [%s](%s.md): %s"):format(module.name, module.name, first_sentence(module.text))
  end
  table.move(inside, 1, #inside, #out + 1, out)
  return table.concat(out, "\n") .. "\n"
end

local types = { integer = "integer", number = "number", string = "string", boolean = "boolean", table = "table",
  ["function"] = "function", any = "any", ["nil"] = "nil" }

-- The type of a @return as an annotation: alternatives by |; "f32[n x d]" is a tensor; handles are classes.
local function annotation(kind, classes)
  local parts = {}
  for word in kind:gsub("%b[]", "[]"):gmatch "[^|]+" do
    local name = word:match "^[%w_%.]+" or "any"
    if name:match "^[fiu]%d+$" or word:match "^tensor" then name = "tensor" end
    parts[#parts + 1] = types[name] or (classes[name] and name) or "any"
  end
  return table.concat(parts, "|")
end

local keywords = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return then true "
  .. "until while"):gmatch "%a+" do
  keywords[word] = true
end

local function comment(prose, out)
  for line in (prose ~= "" and prose .. "\n" or ""):gmatch "(.-)\n" do
    out[#out + 1] = ("--- " .. line):gsub("%s+$", "")
  end
end

local function stub_function(item, target, classes, out)
  comment(item.text, out)
  local documented = {}
  for _, p in ipairs(item.params) do documented[p.name] = p.text end
  local names, options = {}, {}
  for i, name in ipairs(item.parameters) do
    names[i] = keywords[name] and name .. "_" or name
    out[#out + 1] = ("---@param %s any %s"):format(names[i], documented[name] or ""):gsub("%s+$", "")
    documented[name] = nil
  end
  for _, p in ipairs(item.params) do
    if documented[p.name] then options[#options + 1] = ("--- - `%s`: %s"):format(p.name, p.text) end
  end
  table.move(options, 1, #options, #out + 1, out)
  for _, r in ipairs(item.returns) do
    out[#out + 1] = ("---@return %s # %s"):format(annotation(r.kind, classes), r.text):gsub(" # $", "")
  end
  out[#out + 1] = ("function %s(%s) end\n"):format(target, table.concat(names, ", "))
end

--- calr.program.docs.write.classes(modules)
--- @return table  the kinds of objects that have documented methods: name -> true
function write.classes(modules)
  local classes = {}
  for _, module in ipairs(modules) do
    for _, item in ipairs(module.functions) do
      local class = item.name:match "^([%w_]+):"
      if class then classes[class] = true end
    end
  end
  return classes
end

--- calr.program.docs.write.stub(module, classes)
--- @return string  a Lua file for the language server; it is never run
function write.stub(module, classes)
  local out = { "---@meta " .. module.name, "-- Made by `calr docs`; do not edit.", "" }
  comment(module.text, out)
  out[#out + 1] = "---@class " .. module.name
  out[#out + 1] = "local M = {}\n"
  local seen = {}
  for _, item in ipairs(module.functions) do
    local class, method = item.name:match "^([%w_]+):([%w_]+)$"
    if class and not seen[class] then
      seen[class] = true
      out[#out + 1] = "---@class " .. class
      out[#out + 1] = ("local %s = {}\n"):format(class)
    end
    local name = item.name:sub(1, #module.name + 1) == module.name .. "." and item.name:sub(#module.name + 2)
    if class then
      stub_function(item, class .. ":" .. method, classes, out)
    elseif name and name:match "^[%w_%.]+$" then
      stub_function(item, "M." .. name, classes, out)
    end
  end
  out[#out + 1] = "return M"
  return table.concat(out, "\n") .. "\n"
end

return write
