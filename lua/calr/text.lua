--- @module calr.text
--- Text for people: aligned tables, numbers, durations, colour on a terminal.

local sys = require "calr.sys"

local text = {}

local codes = { bold = 1, dim = 2, red = 31, green = 32, yellow = 33, blue = 34, cyan = 36 }

--- calr.text.has_colour([fd])
--- Tells whether colour is wanted: a terminal at fd (default 1), no NO_COLOR, not TERM=dumb.
--- @return boolean
function text.has_colour(fd)
  return sys.is_terminal(fd or 1) and not os.getenv "NO_COLOR" and os.getenv "TERM" ~= "dumb"
end

local function escaped(byte) return ("\\x%02X"):format(byte:byte()) end

--- calr.text.visible(string)
--- Returns a text of somebody else's (a name of a file, a label, the metadata of a file) as a terminal may have it:
--- control characters and bytes that are not UTF-8 become \\xHH, so that no text can move the cursor or colour what
--- follows.
--- @return string  of UTF-8, in one line
function text.visible(string)
  if not string:find "[%c\128-\255]" then return string end
  local parts, at = {}, 1
  while at <= #string do
    local _, bad = utf8.len(string, at)
    parts[#parts + 1] = string:sub(at, (bad or #string + 1) - 1)
    if bad then parts[#parts + 1] = escaped(string:sub(bad, bad)) end
    at = (bad or #string) + 1
  end
  return (table.concat(parts):gsub("\xC2([\x80-\x9F])", escaped):gsub("%c", escaped))
end

--- calr.text.visible_lines(string)
--- Does the same for a text of several lines, whose ends and tabs stay.
--- @return string
function text.visible_lines(string)
  if not string:find "[%c\128-\255]" then return string end
  return (string:gsub("[^\n\t]+", text.visible))
end

--- calr.text.paint(name, string [, fd])
--- Returns the string in a colour ("bold", "dim", "red", "green", "yellow", "blue", "cyan") where colour is wanted,
--- otherwise unchanged.
--- @return string
function text.paint(name, string, fd)
  local code = codes[name] or error(("no colour \"%s\""):format(tostring(name)), 2)
  return text.has_colour(fd) and ("\27[%dm%s\27[0m"):format(code, string) or string
end

--- calr.text.width(string)
--- @return integer  columns of a UTF-8 string, without colour codes; wide letters count as one
function text.width(string)
  if not string:find "[\27\128-\255]" then return #string end
  local plain = string:gsub("\27%[[%d;]*m", "")
  return utf8.len(plain) or #plain
end

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local pairs_of = {} -- 12 bits -> two letters
for i = 0, 4095 do
  local a, b = i >> 6, i & 63
  pairs_of[i] = alphabet:sub(a + 1, a + 1) .. alphabet:sub(b + 1, b + 1)
end

--- calr.text.base64(bytes)
--- @return string  RFC 4648, with padding
function text.base64(bytes)
  local parts, whole = {}, #bytes - #bytes % 3
  for i = 1, whole, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    parts[#parts + 1] = pairs_of[a << 4 | b >> 4]
    parts[#parts + 1] = pairs_of[(b & 15) << 8 | c]
  end
  local a, b = bytes:byte(whole + 1, #bytes)
  if b then
    parts[#parts + 1] = pairs_of[a << 4 | b >> 4] .. pairs_of[(b & 15) << 8]:sub(1, 1) .. "="
  elseif a then
    parts[#parts + 1] = pairs_of[a << 4] .. "=="
  end
  return table.concat(parts)
end

--- calr.text.csv(cell)
--- Quotes a cell of a CSV file, if it needs quotes: RFC 4180, and blanks at its ends, which some readers drop.
--- @param cell  string
--- @return string
function text.csv(cell)
  if cell:find "[\",\r\n]" or cell:find "^%s" or cell:find "%s$" then
    return "\"" .. cell:gsub("\"", "\"\"") .. "\""
  end
  return cell
end

--- calr.text.quote(word)
--- Quotes a word for the shell, if it needs quotes.
--- @return string
function text.quote(word)
  return word:match "^[%w_./:=,+%%@-]+$" and word or "'" .. word:gsub("'", "'\\''") .. "'"
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

--- calr.text.wrap(string, width [, hang])
--- Breaks a text at its spaces into lines of at most `width` columns; a longer word stays whole.
--- @param hang  indent of all lines but the first; default 0
--- @return string  lines with newlines between them
function text.wrap(string, width, hang)
  local lines, line, used = {}, nil, 0
  local indent = (" "):rep(hang or 0)
  local lead = string:match "^%s*"
  for word in string:gmatch "%S+" do
    local length = text.width(word)
    if line and used + 1 + length > width then
      lines[#lines + 1] = line
      line, used = indent .. word, #indent + length
    elseif line then
      line, used = line .. " " .. word, used + 1 + length
    else
      line, used = lead .. word, #lead + length
    end
  end
  lines[#lines + 1] = line or ""
  return table.concat(lines, "\n")
end

--- calr.text.cut(string, width)
--- Returns the string, or its beginning and "\u{2026}" if it is wider. Colours stay.
--- @return string
function text.cut(string, width)
  if text.width(string) <= width then return string end
  local parts, room, position, coloured = {}, width - 1, 1, false
  while room > 0 do
    local code = string:match("^\27%[[%d;]*m", position)
    local letter = code or string:match("^[%z\1-\127\194-\244][\128-\191]*", position) or string:sub(position, position)
    parts[#parts + 1] = letter
    position = position + #letter
    if code then coloured = code ~= "\27[0m" else room = room - 1 end
  end
  return width < 1 and "" or table.concat(parts) .. (coloured and "\27[0m" or "") .. "\u{2026}"
end

local blocks = { "\u{2581}", "\u{2582}", "\u{2583}", "\u{2584}", "\u{2585}", "\u{2586}", "\u{2587}", "\u{2588}" }

--- calr.text.sparkline(values, width [, low, high])
--- Draws a curve in one line of block characters. With more values than columns, each column shows the last of its
--- share.
--- @param values  list of numbers; NaN leaves a gap
--- @param low     the value of the lowest block; default the smallest value
--- @param high    the value of the highest block; default the largest value
--- @return string  of at most `width` columns
function text.sparkline(values, width, low, high)
  local n = #values
  if not low or not high then
    local smallest, largest = math.huge, -math.huge
    for _, value in ipairs(values) do
      if value == value then smallest, largest = math.min(smallest, value), math.max(largest, value) end
    end
    low, high = low or smallest, high or largest
  end
  local count, parts = math.min(n, width), {}
  for i = 1, count do
    local value = values[n <= width and i or i * n // count]
    local level = high > low and (value - low) / (high - low) or 0.5
    parts[i] = value == value and blocks[1 + math.floor(7 * math.max(0, math.min(1, level)) + 0.5)] or " "
  end
  return table.concat(parts)
end

local function pad(cell, width, align)
  local space = (" "):rep(width - text.width(cell))
  return align == "right" and space .. cell or cell .. space
end

local function cell_text(value, column)
  if value == nil then return column.missing or "-" end
  if type(value) == "number" and column.format then return column.format:format(value) end
  return column.painted and value or text.visible(tostring(value))
end

--- calr.text.table{columns=, rows=, title=, indent=0}
--- Formats an aligned table: a line of heads, a rule, the rows. Columns of numbers are right-aligned. A newline in a
--- head makes another line of heads. Control characters in cells, heads and title are shown as by calr.text.visible.
--- @param columns  list of heads, or of tables {head, format="%.1f", align="left"|"right", missing="-",
---                 painted=true: its cells are texts of calr.text.paint}
--- @param rows     list of lists of cells; the string "-" instead of a row draws a rule; nil cells: give row.n or use
---                 false
--- @param title    a line above
--- @param indent   spaces before each line
--- @return string  without a newline at its end
function text.table(options)
  local columns, lines, cells, heads = {}, {}, {}, {}
  for c, column in ipairs(options.columns) do
    column = type(column) == "table" and column or { column }
    columns[c] = { format = column.format, align = column.align, missing = column.missing, painted = column.painted,
      width = 0 }
    local h = 0
    for line in (column[1] .. "\n"):gmatch "([^\n]*)\n" do
      h = h + 1
      heads[h] = heads[h] or {}
      heads[h][c] = text.visible(line)
      columns[c].width = math.max(columns[c].width, text.width(heads[h][c]))
    end
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
    for c, column in ipairs(columns) do parts[c] = pad(values[c] or "", column.width, column.align) end
    lines[#lines + 1] = (margin .. table.concat(parts, "  ")):gsub("%s+$", "")
  end
  local rule = {}
  for c, column in ipairs(columns) do rule[c] = ("-"):rep(column.width) end
  if options.title then lines[1] = margin .. text.paint("bold", text.visible(options.title)) end
  for _, head in ipairs(heads) do line(head) end
  line(rule)
  for _, row in ipairs(cells) do line(row == "-" and rule or row) end
  return table.concat(lines, "\n")
end

return (require("calr.options").counted("calr.text.", text))
