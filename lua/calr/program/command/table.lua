--- @module calr.program.command.table
--- calr table DIR: prints the tables of a study.

local arguments = require "calr.program.arguments"
local errors = require "calr.errors"
local sys = require "calr.sys"

local command = {
  summary = "tables of a study: mean and deviation over seeds, differences with intervals and p-values",
  usage = "calr table DIR [--columns A,B] [--versus ROW] [--md|--tex|--csv|--json] [-o FILE] [...]",
  own_help = true,
}

local help = [[
Prints the results of a study: means and standard deviations over seeds, paired
differences from one row with bootstrap intervals and exact p-values, the best row and
those statistically as good; for a search its best configurations, for two goals the
Pareto front. DIR is the study's folder or the name of one in studies/.

  --columns A,B   metrics: mAP (at the end), mAP@select (at the epoch that the study's
                  label-free criterion picks), mAP@best (the best epoch on the test set)
  --versus ROW    compare the others with this row; default: the first of an
                  ablation; --versus none: no comparison
  --compare A,B   columns to compare; default: the first
  --part N        show one part of the study only
  --rows NAME     one row per value of this parameter; default: per configuration
  --matrix [A,B]  a grid of two parameters with the values of B as columns
  --top N         number of configurations of a search to show; default 10
  --stale         use results of older code or data where there are no others
  --commands      list the command that reproduces each figure (files always do)
  --md --tex --csv --json
                  Markdown, LaTeX (booktabs), CSV (RFC 4180, all digits), JSON
  -o FILE         write to a file; its extension sets the default format]]

local flags = { ["--stale"] = "stale", ["--commands"] = "commands", ["--help"] = "help", ["-h"] = "help" }
local formats = { ["--md"] = "markdown", ["--tex"] = "latex", ["--csv"] = "csv", ["--json"] = "json" }
local valued = { ["--columns"] = "columns", ["--versus"] = "versus", ["--compare"] = "compare", ["--part"] = "part",
  ["--rows"] = "rows", ["--top"] = "top", ["-o"] = "file" }
local endings = { md = "markdown", tex = "latex", csv = "csv", json = "json", txt = "terminal" }

local function list(text)
  local names = {}
  for name in text:gmatch "[^,]+" do names[#names + 1] = name:match "^%s*(.-)%s*$" end
  return names
end

local function unknown(word)
  local names = { "--matrix" }
  for _, known in ipairs { flags, formats, valued } do
    for name in pairs(known) do names[#names + 1] = name end
  end
  local near = sys.nearest(word, names)
  errors.usage("unknown option %s%s; usage: %s", word, near and (" (did you mean %s?)"):format(near) or "",
    command.usage)
end

local function set_once(fields, name, value, word, otherwise)
  if fields[name] ~= nil then errors.usage(otherwise .. "; usage: %s", word, command.usage) end
  fields[name] = value
end

local function parse(args)
  local fields, i = {}, 1
  while args[i] do
    local word = args[i]
    local name, value = word:match "^(%-%-[%w-]+)=(.*)$"
    name = name or word
    if flags[word] then
      fields[flags[word]] = true
    elseif formats[word] then
      set_once(fields, "format", formats[word], word, "%s: another format is named already")
    elseif name == "--matrix" then
      if not value and args[i + 1] and args[i + 1]:match "^[^-][^/]*,[^/]*$" then
        i = i + 1
        value = args[i]
      end
      set_once(fields, "matrix", value and list(value) or true, name, "%s is given twice")
    elseif valued[name] then
      if not value then
        i = i + 1
        value = args[i]
      end
      if not value or value == "" then errors.usage("%s wants a value; usage: %s", name, command.usage) end
      set_once(fields, valued[name], value, name, "%s is given twice")
    elseif word:sub(1, 1) == "-" then
      unknown(name)
    else
      set_once(fields, "folder", word, word, "\"%s\" is one word too many")
    end
    i = i + 1
  end
  return fields
end

local function number(fields, name)
  if not fields[name] then return nil end
  local value = math.tointeger(tonumber(fields[name]))
  if not value then errors.usage("--%s wants a whole number, not \"%s\"", name, fields[name]) end
  return value
end

--- calr.program.command.table.folder(word, usage)
--- Returns the study folder that a word names: WORD itself or studies/WORD. Fails with a usage error if there is none.
--- @return string
function command.folder(word, usage)
  if not word then errors.usage("which study? usage: %s", usage) end
  local inside = "studies/" .. word
  if sys.is_folder(word) then return (word:gsub("(.)/+$", "%1")) end
  if sys.is_folder(inside) then return inside end
  local names = sys.is_folder "studies" and sys.list "studies" or {}
  local near = sys.nearest((word:gsub("^studies/", "")), names)
  errors.usage("there is no study %s%s", word, near and (" (did you mean studies/%s?)"):format(near) or "")
end

--- calr.program.command.table.run(args)
--- @return integer  exit status
function command.run(args)
  local fields = parse(args)
  if fields.help then
    print("usage: " .. command.usage .. "\n\n" .. help)
    return 0
  end
  local folder = command.folder(fields.folder, command.usage)
  local ending = fields.file and fields.file:match "%.(%w+)$"
  local versus = fields.versus
  if versus == "none" then versus = false end
  local options = {
    columns = fields.columns and list(fields.columns), compare = fields.compare and list(fields.compare),
    versus = versus, rows = fields.rows, part = number(fields, "part"), top = number(fields, "top"),
    matrix = fields.matrix, stale = fields.stale, commands = fields.commands,
    format = fields.format or endings[ending] or "terminal", width = fields.file and 120 or nil,
  }
  collectgarbage("incremental", 400) -- nearly everything allocated here lives to the end
  local study = require("calr.lab.study.view").read(folder)
  local text = arguments.judge(require("calr.lab.study.table").render, study, options)
  local newline = options.format == "csv" and "\r\n" or "\n"
  if fields.file then
    sys.write_file(fields.file, text .. newline)
  else
    io.write(text, newline)
  end
  return 0
end

return command
