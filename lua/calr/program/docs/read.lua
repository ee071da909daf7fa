--- @module calr.program.docs.read
--- Reads the documentation from the sources: blocks of `///` lines in C files and of `---` lines in Lua files.
---
--- A block that begins with `@module NAME` describes a module, and the blocks after it belong to it; without a text it
--- only says that they do, in a second file of the module. A block that begins with `@class NAME` or
--- `@class NAME: PARENT` describes a kind of object, with prose and
---
---     @field NAME  TYPE; text              a field of the objects (in a module's block: of the module)
---     @others TYPE                         objects may have any other field, of this type
---     @operator add(tensor|number)         an operator: its operand (none for unm); gives the class
---     @call fun(x: tensor, ...): tensor    the arguments and result of calling an object
---
--- Every other block describes one function: its first line is the signature, `calr.rng.open{seed=0}` or
--- `rng:uniform([low, high])`, followed by prose, `@param NAME  text` and `@return TYPE  text`. A `@param` may name an
--- argument or an option of the table in the signature, or several, separated by commas. Its text begins with the
--- type if there is one to state: `f32[n x d]`, `integer`, `"gem" or "average"`, `list of strings`, `whether ...`;
--- calr.program.docs.types says which types are understood. A line `@internal` keeps a function off the pages.

local sys = require "calr.sys"

local read = {}

-- The blocks of a file: {line=, lines={...}} without the marks.
local function blocks_of(text, mark)
  local blocks, current, number = {}, nil, 0
  local pattern = "^" .. mark:gsub("%p", "%%%0") .. " ?(.*)$"
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local content = line:match(pattern)
    if content and line:match("^%S", #mark + 1) then content = nil end -- "----" is a rule, not a block
    if content then
      current = current or { line = number, lines = {} }
      current.lines[#current.lines + 1] = content
    elseif current then
      blocks[#blocks + 1] = current
      current = nil
    end
  end
  blocks[#blocks + 1] = current
  return blocks
end

-- Number of brackets left open at the end of a text.
local function open_brackets(text)
  local plain = text:gsub("\"[^\"]*\"", "")
  return select(2, plain:gsub("[%(%[{]", "")) - select(2, plain:gsub("[%)%]}]", ""))
end

-- "name" of a signature: up to the first bracket or space.
local function signature_name(signature)
  return signature:match "^([%w_%.:]+)"
end

-- Splits a text at the commas outside brackets and strings.
local function split_commas(text)
  local parts, depth, first, quoted = {}, 0, 1, false
  for i = 1, #text do
    local c = text:sub(i, i)
    if c == "\"" then
      quoted = not quoted
    elseif not quoted then
      if c:match "[%(%[{]" then depth = depth + 1 end
      if c:match "[%)%]}]" then depth = depth - 1 end
      if c == "," and depth == 0 then
        parts[#parts + 1] = text:sub(first, i - 1)
        first = i + 1
      end
    end
  end
  parts[#parts + 1] = text:sub(first)
  return parts
end

-- The options between the braces of a signature: {k=15, base=nil, ...} gives {name=, default=text or nil}.
local function signature_options(braces, out)
  for _, part in ipairs(split_commas(braces:sub(2, -2))) do
    local name, default = part:match "^%s*([%a_][%w_]*)%s*=%s*(.-)%s*$"
    if name then out[#out + 1] = { name = name, default = default ~= "" and default or nil } end
  end
end

-- The arguments between the brackets of a signature: (x, {k=15} [, w]) gives x, options and w.
-- Each is {name=, optional=, options=}; the last, of a table of options, is the list of signature_options.
local function signature_parameters(signature)
  local inside = signature:match "^[%w_%.:]+%s*(.*)$"
  local only = inside:match "^%b{}"
  inside = only or (inside:match "^(%b())" or "()"):sub(2, -2)
  local list, depth, i = {}, 0, 1
  while i <= #inside do
    local c = inside:sub(i, i)
    local braces, word = inside:match("^%b{}", i), inside:match("^[%w_%.]+", i)
    if c == "[" then depth = depth + 1 elseif c == "]" then depth = depth - 1 end
    if braces then
      local options = {}
      signature_options(braces, options)
      list[#list + 1] = { name = "options", optional = depth > 0, options = options }
    elseif word then
      list[#list + 1] = { name = word:match "^%.%.%.$" or word, optional = depth > 0 }
      if word == "..." and not inside:find("%w", i) then break end
    end
    i = i + #(braces or word or c)
    if not braces and inside:sub(i, i) == "=" then i = inside:find("[,%]]", i) or #inside + 1 end
  end
  for n = #list, 1, -1 do -- what follows "..." has no position in a call, nor does a repeated name
    if list[n].name == "..." then
      for m = #list, n + 1, -1 do list[m] = nil end
    end
  end
  for n = #list, 2, -1 do
    if list[n].name == list[n - 1].name and list[n].name ~= "options" then table.remove(list, n) end
  end
  return list
end

-- The names at the head of what follows @param: "k1, k2  text".
local function param_names(rest)
  local names, after, more = {}, rest, true
  while more and after ~= "" do
    local name, comma, others = after:match "^([^%s,]+)(,?)%s*(.*)$"
    names[#names + 1], after, more = name, others, comma == ","
  end
  return names, after
end

-- The tags of a block, each with its continuation lines; `at` says which list a tag belongs to.
local tags = {
  param = function(item, rest)
    local names, text = param_names(rest)
    local tag = { name = names[1], text = text }
    item.params[#item.params + 1] = tag
    for i = 2, #names do item.params[#item.params + 1] = { name = names[i], as = tag } end
    return tag
  end,
  ["return"] = function(item, rest)
    local kind, text = rest:match "^(%S+)%s*(.*)$"
    item.returns[#item.returns + 1] = { kind = kind, text = text }
    return item.returns[#item.returns]
  end,
  field = function(item, rest)
    local name, text = rest:match "^(%S+)%s*(.*)$"
    item.fields[#item.fields + 1] = { name = name, text = text }
    return item.fields[#item.fields]
  end,
  operator = function(item, rest)
    item.operators[#item.operators + 1] = { name = rest:match "^%a+", operand = rest:match "%((.-)%)", text = rest }
  end,
  others = function(item, rest)
    item.others = rest
  end,
  call = function(item, rest)
    item.call = rest
  end,
  internal = function(item)
    item.internal = true
  end,
}

local function parse_tags(lines, first, item)
  local tag
  local prose = {}
  for i = first, #lines do
    local line = lines[i]
    local name, rest = line:match "^@(%a+)%s*(.*)$"
    if name and tags[name] then
      tag = tags[name](item, rest)
    elseif tag and line:match "^%s+%S" then
      tag.text = tag.text .. " " .. line:match "^%s*(.-)%s*$"
    else
      tag = nil
      prose[#prose + 1] = line
    end
  end
  for _, param in ipairs(item.params or {}) do
    if param.as then param.text = param.as.text end
  end
  item.text = table.concat(prose, "\n"):match "^%s*(.-)%s*$"
end

local function parse_function(block)
  local lines = block.lines
  local signature, i = lines[1], 1
  while open_brackets(signature) > 0 and lines[i + 1] do
    i = i + 1
    signature = signature .. " " .. lines[i]:match "^%s*(.-)%s*$"
  end
  local name = signature_name(signature)
  if not name or not name:find "[%.:]" then return nil end
  local item = { name = name, signature = signature, parameters = signature_parameters(signature), params = {},
    returns = {}, line = block.line }
  local curried = signature:match "^[%w_%.:]+%b()%s*(%b{})" -- calr.study(name){goal=}: what it returns takes the table
  if curried then
    item.curried = { name = "options", options = {} }
    signature_options(curried, item.curried.options)
  end
  parse_tags(lines, i + 1, item)
  return item
end

local function module_named(modules, name)
  modules[name] = modules[name] or { name = name, text = "", functions = {}, classes = {}, fields = {}, files = {} }
  return modules[name]
end

local function add_block(block, file, modules, state)
  local name = block.lines[1]:match "^@module%s+(%S+)"
  if name then
    state.module = module_named(modules, name)
    local item = { fields = state.module.fields }
    parse_tags(block.lines, 2, item)
    local prose = item.text
    if prose ~= "" then state.module.text = (state.module.text .. "\n\n" .. prose):match "^%s*(.*)$" end
    state.module.files[#state.module.files + 1] = file
    return
  end
  local class, parent = block.lines[1]:match "^@class%s+([%w_]+):?%s*([%w_.]*)"
  if class then
    local item = { name = class, fields = {}, operators = {}, line = block.line }
    if parent ~= "" then item.parent = parent end
    parse_tags(block.lines, 2, item)
    table.insert(state.module.classes, item)
    return
  end
  local item = parse_function(block)
  if not item then return end
  item.file = file
  -- A file without @module documents functions of a module by their names.
  local owner = state.module
  if not owner then
    local prefix = item.name:match "^(.*)%.[^%.]+$" or "calr"
    owner = module_named(modules, prefix)
  end
  owner.functions[#owner.functions + 1] = item
  -- "In place too." on the page of calr.relu stands for calr.relu_ as well.
  if item.text:find "In place%s+too%." then
    local written = item.name .. "_"
    owner.functions[#owner.functions + 1] = { name = written, signature = (item.signature:gsub("^[%w_.:]+", written)),
      parameters = item.parameters, params = item.params, returns = item.returns, file = file, line = item.line,
      text = ("%s, written into its first argument."):format(item.name), in_place = true }
  end
end

local function walk(folder, pattern, out)
  for _, name in ipairs(sys.is_folder(folder) and sys.list(folder) or {}) do
    local path = folder .. "/" .. name
    if sys.is_folder(path) then
      walk(path, pattern, out)
    elseif name:match(pattern) then
      out[#out + 1] = path
    end
  end
  return out
end

--- calr.program.docs.read.modules(root)
--- @param root  path of a source checkout
--- @return table  sorted list of modules: {name=, text=, files=, fields= of the module itself, classes={{name=,
---                parent=, text=, fields=, operators=, call=, line=}}, functions={{name=, signature=, parameters=,
---                text=, params=, returns=, internal=, file=, line=}}}
function read.modules(root)
  local modules, list = {}, {}
  local files = walk(root .. "/engine", "%.c$", {})
  walk(root .. "/lua/calr", "%.lua$", files)
  for _, path in ipairs(files) do
    local state = {}
    local relative = path:sub(#root + 2)
    for _, block in ipairs(blocks_of(sys.read_file(path), path:match "%.c$" and "///" or "---")) do
      add_block(block, relative, modules, state)
    end
  end
  for _, module in pairs(modules) do list[#list + 1] = module end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

return read
