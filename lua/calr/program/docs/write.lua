--- @module calr.program.docs.write
--- Turns the output of calr.program.docs.read into the pages of docs/api (Markdown), in the order of
--- calr.program.docs.pages.

local outline = require "calr.program.docs.pages"
local stubs = require "calr.program.docs.stubs"

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

local function class_page(class, out)
  out[#out + 1] = ("### A `%s`\n"):format(class.name)
  if class.text ~= "" then out[#out + 1] = class.text .. "\n" end
  for _, field in ipairs(class.fields) do out[#out + 1] = ("- `.%s`: %s"):format(field.name, field.text) end
  if #class.fields > 0 then out[#out + 1] = "" end
end

-- Whether a module's function stands on a page: from its parts, only methods and functions with the page's name do.
local function belongs(item, module, page)
  if item.internal then return false end
  if module.name == page.name or #page.of == 1 then return true end
  return item.name:find ":" or item.name == page.name or page.name == "calr.tensor" and item.name:match "^calr%.[%w_]+$"
    or item.name:sub(1, #page.name + 1) == page.name .. "."
    and not item.name:find("%.", #page.name + 2)
end

-- A page: its `sections` as printed, and one list each of all their classes and functions.
local function assemble(entry, by_name, title)
  local of = entry.of or { entry.name }
  local page = { name = entry.name, title = title, of = of, sections = {}, classes = {}, functions = {}, files = {} }
  for i, name in ipairs(of) do
    local module = by_name[name]
    if not module then error(("pages.lua names %s, which no source documents"):format(name), 0) end
    local section = { title = i > 1 and name:match "[%w_]+$" or nil, text = module.text, classes = module.classes,
      functions = {} }
    if entry.silent and entry.silent[name] then section.title, section.text = nil, "" end
    for _, item in ipairs(module.functions) do
      if belongs(item, module, page) then section.functions[#section.functions + 1] = item end
    end
    page.sections[i] = section
    table.move(module.files, 1, #module.files, #page.files + 1, page.files)
    table.move(module.classes, 1, #module.classes, #page.classes + 1, page.classes)
    table.move(section.functions, 1, #section.functions, #page.functions + 1, page.functions)
  end
  page.text, page.fields = page.sections[1].text, by_name[of[1]].fields
  return page
end

--- calr.program.docs.write.pages(modules)
--- Returns the public pages, in the order of calr.program.docs.pages.
--- @param modules  table; as calr.program.docs.read.modules returns it
--- @return table  list of pages: {name=, title=, of=, text=, fields=, sections=, classes=, functions=, files=}
function write.pages(modules)
  local by_name, pages = {}, {}
  for _, module in ipairs(modules) do by_name[module.name] = module end
  for _, section in ipairs(outline) do
    for _, entry in ipairs(section) do pages[#pages + 1] = assemble(entry, by_name, section.title) end
  end
  return pages
end

local function methods_page(page, pages, out)
  if page.name ~= "calr.tensor" then return end
  local names = {}
  for _, entry in ipairs(stubs.methods(pages)) do
    local module = entry.item.name:match "^(calr%..*)%." or page.name
    if not entry.item.in_place then
      names[#names + 1] = ("[`%s`](%s.md#%s)"):format(entry.method, module, anchor(entry.item.signature))
    end
  end
  out[#out + 1] = "### Operations that are methods too\n"
  out[#out + 1] = "`x:relu()` is `calr.relu(x)`. The others are: " .. table.concat(names, ", ") .. ".\n"
end

--- calr.program.docs.write.page(page, pages)
--- @param page   table; one of the pages
--- @param pages  table of all of them
--- @return string  Markdown
function write.page(page, pages)
  local out = { "# " .. page.name .. "\n" }
  if page.text ~= "" then out[#out + 1] = page.text .. "\n" end
  for _, field in ipairs(page.fields) do out[#out + 1] = ("- `%s.%s`: %s"):format(page.name, field.name, field.text) end
  if #page.fields > 0 then out[#out + 1] = "" end
  if #page.functions > 3 then
    for _, item in ipairs(page.functions) do
      if not item.in_place then
        out[#out + 1] = ("- [`%s`](#%s)"):format(item.name, anchor(item.signature))
      end
    end
    out[#out + 1] = ""
  end
  for _, section in ipairs(page.sections) do
    if section.title then out[#out + 1] = ("## %s\n\n%s\n"):format(section.title, section.text) end
    for _, class in ipairs(section.classes) do class_page(class, out) end
    for _, item in ipairs(section.functions) do
      if not item.in_place then function_page(item, out) end
    end
  end
  methods_page(page, pages, out)
  out[#out + 1] = ("From %s."):format(table.concat(page.files, ", "))
  return table.concat(out, "\n") .. "\n"
end

local function first_sentence(text)
  local line = text:match "^(.-)\n\n" or text
  line = line:gsub("\n", " ")
  return line:match "^(.-%.)%s" or line:match "^(.-):%s*$" or line
end

--- calr.program.docs.write.index(pages)
--- @param pages  table of the pages
--- @return string  Markdown: the pages in reading order, one line each
function write.index(pages)
  local out = { "# The modules of calr\n", "In the order in which a reader needs them. Made by `calr docs` from the "
    .. "comments in the sources; do not edit.\n[How an editor shows them](../guide/editor.md) while you type." }
  local title
  for _, page in ipairs(pages) do
    if page.title ~= title then
      title = page.title
      out[#out + 1] = "\n## " .. title .. "\n"
    end
    out[#out + 1] = ("- [%s](%s.md): %s"):format(page.name, page.name, first_sentence(page.text))
  end
  return table.concat(out, "\n") .. "\n"
end

return write
