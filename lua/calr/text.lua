--- @module calr.text
--- Text for people: aligned tables, numbers, durations, colour where a terminal shows it.

local sys = require "calr.sys"

local text = {}

local codes = { bold = 1, dim = 2, red = 31, green = 32, yellow = 33, blue = 34, cyan = 36 }

--- calr.text.has_colour([fd])
--- Whether colour is welcome: a terminal at fd (default 1), no NO_COLOR, not TERM=dumb.
--- @return boolean
function text.has_colour(fd)
  return sys.is_terminal(fd or 1) and not os.getenv "NO_COLOR" and os.getenv "TERM" ~= "dumb"
end

--- calr.text.paint(name, string [, fd])
--- The string in a colour ("bold", "dim", "red", "green", "yellow", "blue", "cyan") where colour is welcome,
--- otherwise the string.
--- @return string
function text.paint(name, string, fd)
  local code = codes[name] or error(("no colour \"%s\""):format(tostring(name)), 2)
  return text.has_colour(fd) and ("\27[%dm%s\27[0m"):format(code, string) or string
end

--- calr.text.width(string)
--- @return integer  columns that a UTF-8 string takes, without the codes of colours; wide letters count as one
function text.width(string)
  local plain = string:gsub("\27%[[%d;]*m", "")
  return utf8.len(plain) or #plain
end

--- calr.text.duration(seconds)
--- @return string  "0.8 s", "42 s", "3 min 20 s", "2 h 05 min", "3 d 04 h"
function text.duration(seconds)
  if seconds ~= seconds or seconds < 0 or seconds > 1e10 then return "?" end
  if seconds < 9.95 then return ("%.1f s"):format(seconds) end
  local s = math.floor(seconds + 0.5)
  if s < 120 then return ("%d s"):format(s) end
  if s < 3600 then return ("%d min %02d s"):format(s // 60, s % 60) end
  if s < 86400 then return ("%d h %02d min"):format(s // 3600, s % 3600 // 60) end
  return ("%d d %02d h"):format(s // 86400, s % 86400 // 3600)
end

--- calr.text.count(n)
--- @return string  a whole number with commas between thousands: "12,936"
function text.count(n)
  local digits = ("%d"):format(n)
  local sign, rest = digits:match "^(-?)(%d+)$"
  rest = rest:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return sign .. rest
end

--- calr.text.bytes(n)
--- @return string  "312 B", "4.2 MiB"
function text.bytes(n)
  local units = { "B", "KiB", "MiB", "GiB", "TiB" }
  local unit = 1
  while n >= 1024 and unit < #units do
    n = n / 1024
    unit = unit + 1
  end
  return (unit == 1 and "%d %s" or "%.1f %s"):format(unit == 1 and math.floor(n) or n, units[unit])
end

local function pad(cell, width, align)
  local space = (" "):rep(width - text.width(cell))
  return align == "right" and space .. cell or cell .. space
end

local function cell_text(value, column)
  if value == nil then return column.missing or "-" end
  if type(value) == "number" and column.format then return column.format:format(value) end
  return tostring(value)
end

--- calr.text.table{columns=, rows=, title=, indent=0}
--- An aligned table: a line of heads, a rule, the rows. A column of numbers is set flush right.
--- @param columns  list of heads, or of tables {head, format="%.1f", align="left"|"right", missing="-"}
--- @param rows     list of lists of cells; the string "-" instead of a row draws a rule; nil cells: give row.n or use
---                 false
--- @param title    a line above
--- @param indent   spaces before each line
--- @return string  without a newline at its end
function text.table(options)
  local columns, lines, cells = {}, {}, {}
  for c, column in ipairs(options.columns) do
    column = type(column) == "table" and column or { column }
    columns[c] = { head = column[1], format = column.format, align = column.align, missing = column.missing,
      width = text.width(column[1]) }
  end
  for r, row in ipairs(options.rows) do
    cells[r] = row
    if row ~= "-" then
      cells[r] = {}
      for c, column in ipairs(columns) do
        local value = row[c]
        if value == false then value = nil end
        if column.align == nil and value ~= nil then column.align = type(value) == "number" and "right" or "left" end
        cells[r][c] = cell_text(value, column)
        column.width = math.max(column.width, text.width(cells[r][c]))
      end
    end
  end
  local margin = (" "):rep(options.indent or 0)
  local function line(values)
    local parts = {}
    for c, column in ipairs(columns) do parts[c] = pad(values[c], column.width, column.align) end
    lines[#lines + 1] = (margin .. table.concat(parts, "  ")):gsub("%s+$", "")
  end
  local rule, heads = {}, {}
  for c, column in ipairs(columns) do
    rule[c] = ("-"):rep(column.width)
    heads[c] = column.head
  end
  if options.title then lines[1] = margin .. text.paint("bold", options.title) end
  line(heads)
  line(rule)
  for _, row in ipairs(cells) do line(row == "-" and rule or row) end
  return table.concat(lines, "\n")
end

return text
