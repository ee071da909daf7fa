--- @module calr.lab.study.table
--- Makes tables of a study's results: mean and standard deviation over seeds, paired differences with intervals and
--- p-values, marks on the best and on those statistically as good, and the command behind each figure.
---
---     S:table { rows = "label", columns = { "mAP", "rank1", "mAP@best" }, versus = "Baseline" }
---     print(require("calr.lab.study.table").render(view, { format = "markdown" }))
---
--- An ablation or a grid has a row for each configuration, or for each value of a parameter (then, seed by seed, the
--- mean over everything else that varies), or is a matrix of two parameters. A search shows its best configurations,
--- with the figures of the seeds that confirmed them. With two goals it shows its Pareto front.
---
--- calr.lab.study.table.columns sets units, digits and what counts as better. Pairs are made of the seeds that both
--- rows have.

local check_options = require "calr.options".check
local columns = require "calr.lab.study.table.columns"
local groups = require "calr.lab.study.table.groups"
local json = require "calr.json"
local search = require "calr.lab.study.table.search"
local sheets = require "calr.lab.study.table.sheets"
local suggest = require "calr.options".suggest
local sys = require "calr.sys"

local study_table = {}

local formats = { terminal = "terminal", markdown = "markdown", md = "markdown", latex = "latex", tex = "latex",
  csv = "csv", json = "json" }

local option_names = { "rows", "columns", "versus", "compare", "part", "matrix", "top", "stale", "format", "commands",
  "width" }

local function whole(options, name, low, default)
  local value = options[name]
  if value == nil then return default end
  if not math.tointeger(value) or value < low then
    error(("option \"%s\" must be a whole number of at least %d, not %s"):format(name, low, tostring(value)), 0)
  end
  return math.tointeger(value)
end

local function names_of(value, what)
  if type(value) == "string" then return { value } end
  if type(value) ~= "table" or #value == 0 then error(("%s must be a name or a list of names"):format(what), 0) end
  return value
end

local function has_row(part, label)
  for _, row in pairs(part.rows) do
    if row.label == label then return true end
  end
  return false
end

-- The row that the others are compared with: by default the first of an ablation.
local function choose_versus(view, part, options)
  if options.versus == false then return nil end
  if options.versus ~= nil then
    -- among several parts, only those with that row are compared with it
    local by_label = options.rows == nil or options.rows == "label"
    local elsewhere = by_label and not options.part and not has_row(view.parts[part], options.versus)
    for _, other in ipairs(elsewhere and view.parts or {}) do
      if has_row(other, options.versus) then return nil end
    end
    return options.versus
  end
  local p = view.parts[part]
  return p.kind == "ablate" and not options.rows and #p.rows > 1 and p.rows[1].label or nil
end

local function matrix_names(view, part, wanted)
  if wanted ~= true then
    local names = names_of(wanted, "matrix")
    if #names ~= 2 then error("matrix needs two parameters", 0) end
    return names
  end
  local names = groups.varying(view.parts[part].rows)
  if #names ~= 2 then
    error(("a matrix has two parameters; part %d varies %d: %s. Name two: --matrix %s"):format(part, #names,
      table.concat(names, ", "), "A,B"), 0)
  end
  return names
end

local function build_part(index, part, list, options)
  local view, kind = index.view, index.view.parts[part].kind
  local compared = {}
  for _, column in ipairs(options.compare and columns.parse(view, options.compare) or { list[1] }) do
    compared[column.name] = true
  end
  local by_label = options.rows == nil or options.rows == "label"
  local parameters = not by_label and names_of(options.rows, "rows") or nil
  local settings = { stale = options.stale, compare = compared, parameters = parameters, top = options.top,
    versus = choose_versus(view, part, options) }
  if kind == "search" then
    if parameters or options.matrix then
      error("the configurations of a search differ in everything at once, so its rows cannot be values of one "
        .. "parameter; `calr report` shows the effect of each", 0)
    end
    if #view.goals == 2 then return search.front(index, part, list, settings) end
    return search.sheet(index, part, list, settings)
  end
  if options.matrix then
    return sheets.matrix(index, part, matrix_names(view, part, options.matrix), list[1], settings)
  end
  return sheets.of_rows(index, part, list, settings)
end

local function chosen_parts(view, options)
  local parts = {}
  for i, part in ipairs(view.parts) do
    if part.kind ~= "confirm" then parts[#parts + 1] = i end
  end
  if not options.part then return parts end
  local n = whole(options, "part", 1)
  local part = view.parts[n]
  if part and part.kind == "confirm" then n = part.of end
  if not part then
    error(("the study has no part %d; there %s %d"):format(n, #view.parts == 1 and "is" or "are", #view.parts), 0)
  end
  return { n }
end

--- calr.lab.study.table.build(view, options)
--- Returns the tables as sheets (calr.lab.study.table.cells), before they become text. An option that does not fit the
--- study is an error.
--- @param view     calr.lab.study.view.read's
--- @param options  rows, columns, versus, compare, part, matrix, top, stale: see calr.lab.study.table.render
--- @return table   list of sheets
function study_table.build(view, options)
  options = check_options("calr.study.table", options, option_names)
  local settings = { rows = options.rows, matrix = options.matrix, versus = options.versus, stale = options.stale,
    part = options.part, top = whole(options, "top", 1, 10),
    compare = options.compare and names_of(options.compare, "compare") }
  if #view.parts == 0 or #view.goals == 0 then
    error(("the study %s has no plan yet; run it first: %s"):format(view.name, view.command or "calr study"), 0)
  end
  local list = columns.parse(view, options.columns and names_of(options.columns, "columns"))
  local index, result = groups.index(view), {}
  for i, part in ipairs(chosen_parts(view, settings)) do
    local own = {} -- digits and unit are chosen for each part separately
    for c, column in ipairs(list) do
      own[c] = {}
      for key, value in pairs(column) do own[c][key] = value end
    end
    result[i] = build_part(index, part, own, settings)
    result[i].start = view.start ~= sys.current_folder() and view.start or nil
  end
  for _, note in ipairs(view.notes or {}) do table.insert(result[1].notes, note) end
  return result
end

-- A sheet for JSON: figures by the names of the CSV columns.
local function plain(sheet)
  local rows, names = json.array {}, {}
  for c, column in ipairs(sheet.columns) do names[c] = column.csv or column.head end
  for r, row in ipairs(sheet.rows) do
    local cells = {}
    for c, name in ipairs(names) do cells[name] = row.cells[c] end
    rows[r] = { label = row.label, note = row.note, cells = cells, commands = json.array(row.commands) }
  end
  return { kind = sheet.kind, part = sheet.part, title = sheet.title, columns = json.array(names), rows = rows,
    notes = json.array(require("calr.lab.study.table.cells").notes(sheet, "best: ", "as_good: ")) }
end

local function to_json(view, list)
  local tables = json.array {}
  for i, sheet in ipairs(list) do tables[i] = plain(sheet) end
  return json.encode({ study = view.name, command = view.command, tables = tables }, { indent = 2 })
end

--- calr.lab.study.table.render(view, options)
--- Returns the tables of a study as text.
--- @param view      calr.lab.study.view.read's
--- @param rows      "label" (default): a row for each configuration; the name of a parameter: for each of its values
--- @param columns   list of metrics, "mAP", "mAP@select" (the epoch chosen without labels), "mAP@best" (chosen on the
---                  test set); default: the goals, and rank1 beside mAP
--- @param versus    label of the row that the others are compared with; default: the first of an ablation; false: none
--- @param compare   columns whose differences are shown; default: the first
--- @param part      number of one part; default: all
--- @param matrix    true, or {first, second}: a grid of two parameters with values of the second as columns
--- @param top       number of configurations of a search to show; default 10; confirmed ones always show
--- @param stale     true: use results of older code or data where there are no others; the notes say so
--- @param format    "terminal" (default), "markdown", "latex", "csv" (one part), "json"
--- @param commands  in the terminal: list the command that reproduces each figure
--- @param width     columns of the terminal; default: its width
--- @return string   without a newline at its end
function study_table.render(view, options)
  options = check_options("calr.study.table", options, option_names)
  local format = formats[options.format or "terminal"]
  if not format then
    local known = { "terminal", "markdown", "latex", "csv", "json" }
    error(("there is no format \"%s\"%s; there are: %s"):format(tostring(options.format),
      suggest(options.format, known), table.concat(known, ", ")), 0)
  end
  local list = study_table.build(view, options)
  if format == "json" then return to_json(view, list) end
  if format == "csv" and #list > 1 then
    error(("a CSV file holds one table, and the study has %d parts: choose one with part (--part 1)"):format(#list), 0)
  end
  local render = require("calr.lab.study.table." .. format).render
  local settings = { commands = options.commands, width = options.width or sys.terminal_width(1),
    folder = view.folder }
  local texts = {}
  for i, sheet in ipairs(list) do texts[i] = render(sheet, settings) end
  return table.concat(texts, "\n\n")
end

return (require("calr.options").counted("calr.lab.study.table.", study_table))
