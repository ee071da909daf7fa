--- @module calr.program.docs.read
--- Reads the documentation out of the sources: blocks of `///` lines in C files and of `---` lines in Lua files.
---
--- A block that begins with `@module NAME` describes a module, and the blocks after it belong to it. Every other block
--- describes one function: its first line is the signature, `calr.rng.open{seed=0}` or `rng:uniform([low, high])`,
--- then come prose, `@param NAME  text`, and `@return type  text`.

local sys = require "calr.sys"

local read = {}

-- The blocks of a file: {line=, lines={...}} with the marks taken off.
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

-- Brackets that are open at the end of a text.
local function open_brackets(text)
  local plain = text:gsub("\"[^\"]*\"", "")
  return select(2, plain:gsub("[%(%[{]", "")) - select(2, plain:gsub("[%)%]}]", ""))
end

-- "name" of a signature: up to the first bracket or space.
local function signature_name(signature)
  return signature:match "^([%w_%.:]+)"
end

-- The names between the brackets of a signature, as a call has them: (x, {k=15} [, w]) gives x, options, w.
local function signature_parameters(signature)
  local inside = signature:match "^[%w_%.:]+%s*(.*)$"
  if inside:match "^{" then return { "options" } end
  inside = inside:match "^(%b())" or "()"
  inside = inside:sub(2, -2):gsub("%b{}", "options"):gsub("[%[%]]", "")
  local names = {}
  for name in inside:gmatch "[^,]+" do
    name = name:gsub("=.*", ""):match "^%s*(%.?%.?%.?[%w_]*)"
    if name and name ~= "" then names[#names + 1] = name end
    if name == "..." then break end -- what follows has no name of its own in a call
  end
  return names
end

local function parse_tags(lines, first, item)
  local tag
  local prose = {}
  for i = first, #lines do
    local line = lines[i]
    local name, rest = line:match "^@param%s+(%S+)%s*(.*)$"
    local kind, text = line:match "^@return%s+(%S+)%s*(.*)$"
    if name then
      tag = { name = name, text = rest }
      item.params[#item.params + 1] = tag
    elseif kind then
      tag = { kind = kind, text = text }
      item.returns[#item.returns + 1] = tag
    elseif tag and line:match "^%s+%S" then
      tag.text = tag.text .. " " .. line:match "^%s*(.-)%s*$"
    else
      tag = nil
      prose[#prose + 1] = line
    end
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
  parse_tags(lines, i + 1, item)
  return item
end

local function add_block(block, file, modules, state)
  local name = block.lines[1]:match "^@module%s+(%S+)"
  if name then
    state.module = modules[name] or { name = name, text = "", functions = {}, files = {} }
    modules[name] = state.module
    local prose = table.concat(block.lines, "\n", 2):match "^%s*(.-)%s*$"
    state.module.text = state.module.text == "" and prose or state.module.text .. "\n\n" .. prose
    state.module.files[#state.module.files + 1] = file
    return
  end
  local item = parse_function(block)
  if not item then return end
  item.file = file
  -- A file without @module documents functions of a module by their names.
  local owner = state.module
  if not owner then
    local prefix = item.name:match "^(.*)%.[^%.]+$" or "calr"
    owner = modules[prefix] or { name = prefix, text = "", functions = {}, files = {} }
    modules[prefix] = owner
  end
  owner.functions[#owner.functions + 1] = item
end

local function walk(folder, pattern, skip, out)
  for _, name in ipairs(sys.is_folder(folder) and sys.list(folder) or {}) do
    local path = folder .. "/" .. name
    if sys.is_folder(path) then
      if name ~= skip then walk(path, pattern, skip, out) end
    elseif name:match(pattern) then
      out[#out + 1] = path
    end
  end
  return out
end

--- calr.program.docs.read.modules(root)
--- @param root  a source checkout
--- @return table  sorted list of modules: {name=, text=, files=, functions={{name=, signature=, text=, params=,
---                returns=, file=, line=}}}
function read.modules(root)
  local modules, list = {}, {}
  local files = walk(root .. "/engine", "%.c$", nil, {})
  walk(root .. "/lua/calr", "%.lua$", "stubs", files)
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
