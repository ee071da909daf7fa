--- @module calr.lab.study.table.cells
--- The sheet of a study's table before it becomes text, and the formatting of its numbers.
---
--- A sheet is `{kind=, title=, columns=, rows=, notes=}`, the same for every format:
---
---     columns  list of {head=, kind=, id=, csv=, of=}; kind is the kind of its cells
---              "text"        a string
---              "count"       a whole number
---              "value"       a parameter's value: number, string, boolean
---              "figure"      {mean=, sd=, n=, best=, as_good=}; `of` is the column of calr.lab.study.table.columns
---              "difference"  {mean=, low=, high=, n=}, in the unit of `of`
---              "p"           a probability
---     rows     list of {cells = {...; nil where empty}, n = number of columns,
---              commands = {{seed=, command=}...}, note=}
---     notes    list of strings
---     marks    {best=, as_good=, undecided=, any=}: the meaning of the marks, and whether any row is as good; nil if
---              there are no marks
---     start    the folder to run the commands in, if not the current one

local cells = {}

local formats = {} -- "%.1f", "%+.1f" by digits
for digits = 0, 17 do formats[digits] = { ("%%.%df"):format(digits), ("%%+.%df"):format(digits) } end

--- calr.lab.study.table.cells.number(value, digits [, signed])
--- @return string  with `digits` decimals; never "-0.0"; "inf" and "nan" unchanged
function cells.number(value, digits, signed)
  if value ~= value then return "nan" end
  if value == math.huge or value == -math.huge then return value > 0 and "inf" or "-inf" end
  if math.abs(value) >= 1e15 then return ("%.4g"):format(value) end
  local text = formats[digits][signed and 2 or 1]:format(value)
  if not text:find "[1-9]" then text = text:gsub("^[-+]", "") end
  return text
end

--- calr.lab.study.table.cells.figure(column, value [, signed])
--- Formats a figure in the unit and with the digits of its column.
--- @param column  one of calr.lab.study.table.columns, after columns.scale
--- @return string
function cells.figure(column, value, signed)
  if column.scientific then
    local text = (signed and "%+.3g" or "%.3g"):format(value)
    return text
  end
  return cells.number(column.percent and 100 * value or value, column.digits, signed)
end

--- calr.lab.study.table.cells.probability(p)
--- @return string  "0.031", "0.0004", "6.1e-05"
function cells.probability(p)
  if p ~= p then return "nan" end
  if p >= 0.00095 or p == 0 then return ("%.3f"):format(p) end
  return ("%.1e"):format(p)
end

--- calr.lab.study.table.cells.value(value)
--- Formats a parameter's value for people: numbers with four digits.
--- @return string
function cells.value(value)
  if math.type(value) == "float" then
    local text = ("%.4g"):format(value)
    return text
  end
  if type(value) == "table" then
    local parts = {}
    for i, item in ipairs(value) do parts[i] = cells.value(item) end
    return "{" .. table.concat(parts, ", ") .. "}"
  end
  return tostring(value)
end

--- calr.lab.study.table.cells.exact(value)
--- Formats a number so that it reads back as the same bits; anything else as calr.lab.study.table.cells.value.
--- @return string
function cells.exact(value)
  if math.type(value) ~= "float" then return cells.value(value) end
  for digits = 15, 17 do
    local text = ("%." .. digits .. "g"):format(value)
    if tonumber(text) == value then return text end
  end
  return tostring(value)
end

--- calr.lab.study.table.cells.head(column [, percent])
--- Returns the head of a sheet's column: two lines if it names how the epoch was chosen.
--- @param percent  the sign; default "%"
--- @return string, string  the metric with its unit; the rest or ""
function cells.head(column, percent)
  if column.kind ~= "figure" or column.bare then return column.head, "" end
  local metric, rest = column.head:match "^(.-) (%(.*%))$"
  metric = metric or column.head
  return column.of.percent and metric .. " " .. (percent or "%") or metric, rest or ""
end

--- calr.lab.study.table.cells.notes(sheet, best, as_good)
--- @param best     the format's mark of the best figure, put before its meaning
--- @param as_good  the same for figures statistically as good
--- @return table   the notes of a sheet, the meaning of its marks first
function cells.notes(sheet, best, as_good)
  local notes, marks = {}, sheet.marks
  if marks then
    local rest = marks.as_good and ("; %s%s."):format(marks.any and as_good or "no row is ", marks.as_good) or "."
    notes[1] = best .. marks.best .. rest
    notes[2] = marks.undecided
  end
  return table.move(sheet.notes, 1, #sheet.notes, #notes + 1, notes)
end

--- calr.lab.study.table.cells.commands_head(sheet)
--- @return string  the line above the commands; it names their folder, unless it is the current one
function cells.commands_head(sheet)
  return "Commands that reproduce the figures" .. (sheet.start and (", in %s:"):format(sheet.start) or ":")
end

return cells
