--- @module calr.lab.study.table.latex
--- Writes a sheet as a LaTeX tabular with booktabs rules; notes and the commands that reproduce the
--- figures are comments.

local cells = require "calr.lab.study.table.cells"
local text = require "calr.text"

local latex = {}

local escapes = {
  ["\\"] = "\\textbackslash{}", ["{"] = "\\{", ["}"] = "\\}", ["$"] = "\\$", ["&"] = "\\&", ["#"] = "\\#",
  ["%"] = "\\%", ["_"] = "\\_", ["^"] = "\\textasciicircum{}", ["~"] = "\\textasciitilde{}", ["<"] = "\\textless{}",
  [">"] = "\\textgreater{}", ["|"] = "\\textbar{}", ["\""] = "''", ["\n"] = " ",
}

--- calr.lab.study.table.latex.escape(string)
--- @return string  with every special character of LaTeX escaped
function latex.escape(string)
  return (string:gsub("[\\{}$&#%%_%^~<>|\"\n]", escapes))
end

local escape = latex.escape

-- A number in math mode, where a hyphen is a minus: 2e-05 -> 2 \cdot 10^{-5}.
local function math_number(number)
  return (number:gsub("e([-+]%d+)$", function(exponent)
    return (" \\cdot 10^{%d}"):format(math.tointeger(tonumber(exponent)))
  end))
end

local function tex_figure(column, value, signed)
  return math_number(cells.figure(column.of, value, signed))
end

local function math_figure(column, cell)
  local body = tex_figure(column, cell.mean)
  local sd = cell.sd and " \\pm " .. tex_figure(column, cell.sd) or ""
  if cell.best then return ("$\\mathbf{%s}%s$"):format(body, sd) end
  return ("$%s%s%s$"):format(body, sd, cell.as_good and "^{\\approx}" or "")
end

local function math_difference(column, cell)
  local body = tex_figure(column, cell.mean, true)
  if not cell.low then return ("$%s$"):format(body) end
  return ("$%s\\;[%s, %s]$"):format(body, tex_figure(column, cell.low, true), tex_figure(column, cell.high, true))
end

local function math_value(_, cell)
  if type(cell) ~= "number" then return escape(cells.value(cell)) end
  return ("$%s$"):format(math_number(cells.value(cell)))
end

local function probability(_, cell)
  return ("$%s$"):format(math_number(cells.probability(cell)))
end

local makers = {
  text = function(_, cell) return escape(cell) end,
  count = function(_, cell) return (text.count(cell):gsub(",", "{,}")) end,
  value = math_value,
  p = probability,
  figure = math_figure,
  difference = math_difference,
}

local function comment(lines, string)
  for part in (string .. "\n"):gmatch "([^\n]*)\n" do lines[#lines + 1] = ("% " .. part):gsub("%s+$", "") end
end

--- calr.lab.study.table.latex.render(sheet)
--- @return string  without a newline at its end
function latex.render(sheet)
  local align, heads, lines = {}, {}, {}
  comment(lines, sheet.title)
  comment(lines, "\\usepackage{booktabs}")
  for c, column in ipairs(sheet.columns) do
    local first, second = cells.head(column)
    align[c] = column.kind == "text" and "l" or "r"
    heads[c] = escape(second ~= "" and first .. " " .. second or first)
  end
  lines[#lines + 1] = ("\\begin{tabular}{%s}"):format(table.concat(align))
  lines[#lines + 1] = "\\toprule"
  lines[#lines + 1] = table.concat(heads, " & ") .. " \\\\"
  lines[#lines + 1] = "\\midrule"
  for _, row in ipairs(sheet.rows) do
    local items = {}
    for c, column in ipairs(sheet.columns) do
      local cell = row.cells[c]
      items[c] = cell ~= nil and makers[column.kind](column, cell) or "--"
    end
    -- LaTeX would take a row that begins with a bracket for the argument of the \\ before it.
    if items[1]:sub(1, 1) == "[" then items[1] = "{}" .. items[1] end
    lines[#lines + 1] = table.concat(items, " & ") .. " \\\\"
  end
  lines[#lines + 1] = "\\bottomrule"
  lines[#lines + 1] = "\\end{tabular}"
  for _, note in ipairs(cells.notes(sheet, "bold: ", "\\approx: ")) do comment(lines, note) end
  if #sheet.rows > 0 then comment(lines, cells.commands_head(sheet)) end
  for r, row in ipairs(sheet.rows) do
    comment(lines, ("[%d] %s"):format(r, row.label))
    for _, item in ipairs(row.commands) do comment(lines, ("    seed %s: %s"):format(item.seed, item.command)) end
  end
  return table.concat(lines, "\n")
end

return latex
