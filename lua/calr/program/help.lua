--- @module calr.program.help
--- Prints what --help says about the program and about a script.

local config = require "calr.config"
local text = require "calr.text"

local help = {}

-- The commands in groups, each in a few words: `calr --help` fits a screen of 24 lines and 80 columns.
local groups = {
  { "data", { "data", "data sets in files" }, { "import-weights", "weights of PyTorch" } },
  { "training", { "run", "run a script" }, { "discover", "a folder of images" } },
  { "models", { "extract", "features of images" }, { "search", "find an image" },
    { "evaluate", "mAP and the rest" }, { "export", "for other programs" } },
  { "results", { "report", "one page of a run" }, { "draw", "pictures of a run" }, { "why", "an image's labels" },
    { "refine", "rules on a snapshot" } },
  { "studies", { "study", "ablation or search" }, { "work", "one more worker" }, { "watch", "while it runs" },
    { "table", "its results" }, { "submit", "workers for Slurm" } },
  { "tools", { "cluster", "your own features" }, { "bench", "speed and limits" }, { "info", "versions, threads" },
    { "docs", "reference pages" }, { "completion", "for bash and zsh" } },
}

local COLUMN, NAME = 35, 15

-- Two commands a line, the group's name before the first.
local function add_group(lines, name, items)
  for i = 1, #items, 2 do
    local cells = {}
    for k = i, math.min(i + 1, #items) do
      local cell = ("%-" .. NAME .. "s%s"):format(items[k][1], text.cut(items[k][2], COLUMN - NAME - 1))
      cells[#cells + 1] = k == i and k < #items and cell .. (" "):rep(COLUMN - text.width(cell)) or cell
    end
    lines[#lines + 1] = ("%-10s%s"):format(i == 1 and name or "", table.concat(cells))
  end
end

--- calr.program.help.screen(names, summary_of)
--- Prints what `calr --help` says: one screen.
--- @param names       list of commands
--- @param summary_of  function(name) -> string, for those without a place in the groups
function help.screen(names, summary_of)
  local known, placed = {}, {}
  for _, name in ipairs(names) do known[name] = true end
  local lines = { "calr: experiments in unsupervised re-identification, scripted in Lua", "",
    "usage:", "  calr SCRIPT.lua [key=value ...]   run a script; --help after it: its options",
    "  calr COMMAND ...                  run a command; --help after it: its options",
    "  calr -e CODE | calr - | calr      a line of Lua, standard input, a prompt",
    "  calr --help | --version", "", "commands:" }
  for _, group in ipairs(groups) do
    local items = {}
    for i = 2, #group do
      placed[group[i][1]] = true
      if known[group[i][1]] then items[#items + 1] = group[i] end
    end
    add_group(lines, group[1], items)
  end
  local rest = {}
  for _, name in ipairs(names) do
    if not placed[name] then rest[#rest + 1] = { name, summary_of(name) or "" } end
  end
  add_group(lines, "others", rest)
  print(table.concat(lines, "\n"))
end

--- calr.program.help.about(path)
--- Returns the comment at the top of a script.
--- @param path     nil, or "-" for standard input, which has none
--- @return string  "" for none
function help.about(path)
  if not path or path == "-" then return "" end
  local lines = {}
  for line in io.lines(path) do
    local comment = line:match "^%-%-+ ?(.*)$"
    if not comment then break end
    lines[#lines + 1] = comment
  end
  return table.concat(lines, "\n")
end

-- The description of an option, after its name and default.
local function note_of(option)
  local notes = {}
  if option.default == nil then notes[1] = "(" .. option.kind .. ")" end
  if option.text then notes[#notes + 1] = option.text end
  if option.choices then
    notes[#notes + 1] = ("[%s%s]"):format(table.concat(option.choices, ", "),
      option.open and ", or " .. tostring(option.open) or "")
  elseif option.low then
    notes[#notes + 1] = option.high < math.huge and ("[%g to %g]"):format(option.low, option.high)
      or ("[>= %g]"):format(option.low)
  end
  return table.concat(notes, " ")
end

--- calr.program.help.script(path, about [, defaults [, overrides]])
--- Prints what a script says about itself, and its options.
--- @param path      of the script; nil for code on the command line, "-" for standard input
--- @param about     what help.about said before the script ran (it may change the folder)
--- @param defaults  what the script gave calr.config; nil: it did not call it
--- @param overrides  words key=value: the options that they add are listed too
function help.script(path, about, defaults, overrides)
  local options = defaults and config.list(defaults, overrides) or {}
  local lines = { ("usage: calr run %s%s"):format(path or "-e CODE",
    defaults and " [key=value ...] [--out DIR] [--resume DIR] [--threads N] [--quiet]" or "") }
  if about ~= "" then lines[#lines + 1] = "\n" .. about end
  local width = 0
  for _, option in ipairs(options) do
    option.shown = ("%s=%s"):format(option.name, option.default ~= nil and config.format(option.default) or "")
    width = math.max(width, math.min(#option.shown, 40))
  end
  lines[#lines + 1] = #options > 0 and "\noptions with their defaults:" or "\nThe script has no options of its own."
  for _, option in ipairs(options) do
    lines[#lines + 1] = (("  %-" .. width .. "s  %s"):format(option.shown, note_of(option)):gsub("%s+$", ""))
  end
  print(table.concat(lines, "\n"))
end

return help
