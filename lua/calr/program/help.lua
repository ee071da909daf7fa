--- @module calr.program.help
--- Prints what --help says about a script.

local config = require "calr.config"

local help = {}

--- calr.program.help.about(path)
--- Returns the comment at the top of a script.
--- @param path     nil, or "-" for standard input, which has none
--- @return string  "" for none
function help.about(path)
  if not path or path == "-" then return "" end
  local lines = {}
  for line in io.lines(path) do
    local text = line:match "^%-%-+ ?(.*)$"
    if not text then break end
    lines[#lines + 1] = text
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
