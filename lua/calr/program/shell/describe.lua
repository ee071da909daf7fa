--- @module calr.program.shell.describe
--- What the commands take, read from what `calr COMMAND --help` prints: the one source of the completion for shells,
--- the man page and the help, so that none can fall behind.
---
--- A line of the help is an option if it begins with two spaces and a dash: `  --out DIR   the folder of the record`.
--- Its value is a folder, a file or something else by its name (DIR, FILE.npy, N); further lines of its text stand
--- below the text. Options of the usage line that have no line of their own count too.

local sys = require "calr.sys"

local describe = {}

--- calr.program.shell.describe.names()
--- Returns the subcommands: the files of lua/calr/program/command, with - for _.
--- @return table  sorted names
function describe.names()
  local names = {}
  for _, file in ipairs(sys.list(sys.paths.lua .. "/calr/program/command")) do
    local name = file:match "^([%w_]+)%.lua$"
    names[#names + 1] = name and name:gsub("_", "-")
  end
  return names
end

-- Calls fn and returns what it printed.
local function captured(fn, ...)
  local parts, old_print, old_write = {}, print, io.write
  local function restore()
    rawset(_G, "print", old_print)
    rawset(io, "write", old_write)
  end
  rawset(_G, "print", function(...)
    local words = table.pack(...)
    for i = 1, words.n do words[i] = tostring(words[i]) end
    parts[#parts + 1] = table.concat(words, "\t", 1, words.n) .. "\n"
  end)
  rawset(io, "write", function(...)
    parts[#parts + 1] = table.concat({ ... })
    return io.stdout
  end)
  local ok, problem = pcall(fn, ...)
  restore()
  if not ok then error(problem, 0) end
  return table.concat(parts)
end

--- calr.program.shell.describe.help(command [, words])
--- Returns what a command prints for --help.
--- @param command  module of calr.program.command
--- @param words    list of the words before --help
--- @return string
function describe.help(command, words)
  if not command.own_help then return ("usage: %s\n\n%s\n"):format(command.usage, command.summary) end
  local args = table.move(words or {}, 1, #(words or {}), 1, {})
  args[#args + 1] = "--help"
  return captured(command.run, args)
end

--- calr.program.shell.describe.kind(takes)
--- What the value of an option is, by its name in the help.
--- @param takes  "DIR", "FILE.npy", "N"; or nil
--- @return string|nil  "folder", "file", "other"; nil: the option takes no value
--- @return string|nil  the ending of a file
function describe.kind(takes)
  if not takes then return nil end
  local ending = takes:match "%w%.(%l%w*)$"
  if ending then return "file", ending end
  for _, word in ipairs { "FILE", "PYTHON", "PATH", "SCRIPT", "IMAGE", "PICTURE", "DATA", "MODEL", "WHERE" } do
    if takes:find(word, 1, true) then return "file" end
  end
  if takes:match "^DIR" or takes:match "^FOLDER" or takes:match "^RUN" then return "folder" end
  return "other"
end

-- ---- options ----

-- Adds an option. Of one that is known, a usage line may say better what it takes: RUN|FILE rather than M.
local function add(list, seen, names, takes, text)
  local fresh = {}
  for _, name in ipairs(names) do
    local known = seen[name]
    if not known then
      fresh[#fresh + 1] = name
    elseif takes and describe.kind(known.takes) == "other" and (describe.kind(takes) ~= "other" or takes:find "|") then
      known.takes = takes
    end
  end
  if #fresh == 0 then return nil end
  local option = { names = fresh, takes = takes, text = text or "", choices = {} }
  for _, name in ipairs(fresh) do seen[name] = option end
  list[#list + 1] = option
  return option
end

-- "--columns A,B" or "--md --tex": the options of a spec, each with what it takes.
local function read_spec(spec)
  local found, current = {}, nil
  for word in spec:gmatch "%S+" do
    local name, value = word:match "^(%-%-?%l[%w-]*)=?(%S-),?$"
    if name then
      current = { name = name, takes = value ~= "" and value or nil }
      found[#found + 1] = current
    elseif current and word ~= "..." and word ~= "--" then
      current.takes = current.takes or word:gsub("[%[%],]", "")
      current = nil
    end
  end
  return found
end

-- The values that a text lists at its end: "between images (jaccard, cosine)".
local function choices_of(text)
  local choices, inside = {}, text:match "%(([%l%d][%w%-, ]*)%)%.?$"
  if not (inside and inside:find(", ", 1, true)) then return choices end
  for word in (inside .. ","):gmatch "%s*([^,]*)," do
    if not word:match "^[%w-]+$" then return {} end
    choices[#choices + 1] = word
  end
  return choices
end

-- The options of "[--out DIR] [--md|--csv] ...".
local function read_usage(usage, list, seen)
  for part in usage:gsub("[%[%]]", "\n"):gmatch "[^\n]+" do
    for piece in part:gsub("|(%s*%-)", "\n%1"):gmatch "[^\n]+" do
      for _, item in ipairs(read_spec(piece)) do add(list, seen, { item.name }, item.takes) end
    end
  end
end

-- The first line of an entry: its indentation, spec and text; nil for other lines.
local function entry(line)
  local indent, rest = line:match "^(%s+)(%S.*)$"
  if not indent or #indent > 4 then return nil end
  local spec, text = rest:match "^(.-)%s%s+(.*)$"
  if not spec then
    if rest:sub(1, 1) ~= "-" then return nil end
    spec, text = rest, ""
  end
  return #indent, spec, text
end

--- calr.program.shell.describe.read(help)
--- Reads a help text.
--- @return table  usage (list of lines, without "usage: "), options (list of {names, takes, text, choices}), words
---   (list of {word, text}: what a NAME may be, such as the benchmarks), blocks (the text after the usage, for a man
---   page: list of {kind = "text", "head", "entry" or "raw", text, spec, default, lines})
function describe.read(help)
  local result = { usage = {}, options = {}, words = {}, blocks = {} }
  local seen, sections, block, in_usage = {}, {}, nil, true
  local function start(kind, fields)
    fields.kind = kind
    result.blocks[#result.blocks + 1] = fields
    block = fields
  end
  for line in help:gmatch "([^\n]*)\n" do
    local usage = in_usage and (line:match "^usage: (.*)" or line:match "^%s+(calr .*)")
    in_usage = in_usage and usage ~= nil
    local indent, spec, text = entry(line)
    if usage then
      result.usage[#result.usage + 1] = usage
    elseif line == "" then
      block = nil
    elseif spec then
      start("entry", { spec = spec, text = text })
      local default = text:match "^(%S+)%s%s+%S"
      if default then block.text, block.default = text:match "^%S+%s+(.*)", default end
      if spec:sub(1, 1) == "-" then
        for _, item in ipairs(read_spec(spec)) do
          block.option = add(result.options, seen, { item.name }, item.takes or default and "VALUE", block.text)
            or block.option
        end
      elseif spec:match "^%l[%w_-]*$" and indent == 2 then
        result.words[#result.words + 1] = { spec, text }
      end
    elseif block and block.kind == "entry" and line:match "^%s%s%s" then
      block.text = (block.text .. " " .. line:match "^%s*(.*)"):gsub("^ ", "")
      if block.option then block.option.text = block.text end
    elseif line:match "^%s" then
      if not block or block.kind ~= "raw" then start("raw", { lines = {} }) end
      block.lines[#block.lines + 1] = line
    else
      local name = line:match "^(%l[%w_-]*): %S"
      if name then sections[#sections + 1] = name end
      if name or line:match ":$" and not block then
        start("head", { text = line })
        block = nil
      else
        if not block or block.kind ~= "text" then start("text", { text = "" }) end
        block.text = (block.text .. " " .. line):gsub("^ ", "")
      end
    end
  end
  for _, line in ipairs(result.usage) do read_usage(line, result.options, seen) end
  for _, option in ipairs(result.options) do
    option.choices = option.text:find("one of the methods below", 1, true) and sections or choices_of(option.text)
    for word in (option.takes or ""):match "^%l%w*|[%l%d|]+$" and option.takes:gmatch "[^|]+" or function() end do
      option.choices[#option.choices + 1] = word -- f32|bf16|auto
    end
  end
  return result
end

-- ---- commands ----

-- "calr data import NAME DIR", "calr data info FILE": the second words, where there are several usage lines.
local function parts_of(name, usage)
  local parts = {}
  for _, line in ipairs(#usage > 1 and usage or {}) do
    local part = line:match("^calr " .. name:gsub("%p", "%%%0") .. " (%l[%w-]*)")
    if part then parts[#parts + 1] = part end
  end
  return #parts == #usage and parts or {}
end

--- calr.program.shell.describe.commands(load)
--- Describes all commands.
--- @param load    function(name) -> module of calr.program.command
--- @return table  list of what describe.read returns, with name, summary and parts (a list of the same for each second
---                word, as of `calr data import`)
function describe.commands(load)
  local list = {}
  for _, name in ipairs(describe.names()) do
    local command = load(name)
    local item = describe.read(describe.help(command))
    item.name, item.summary, item.parts = name, command.summary or "", {}
    for i, part in ipairs(parts_of(name, item.usage)) do
      item.parts[i] = describe.read(describe.help(command, { part }))
      item.parts[i].name = part
    end
    list[#list + 1] = item
  end
  return list
end

return describe
