--- @module calr.csv
--- Small tables of comma-separated values (RFC 4180): a line a row, cells in double quotes where they hold a comma, a
--- quote (doubled) or the end of a line. Read as a whole: a million rows take seconds. Features belong into calr.npy.

local counting = require "calr.options"
local sys = require "calr.sys"
local T = require "calr.tensor"
local text = require "calr.text"

local csv = {}

local MOST_PLAIN = 30 -- columns that one pattern of Lua can read

-- Where a byte of the file is, for messages.
local function place(path, source, at)
  local line, last = 1, 0
  for ended in source:sub(1, at - 1):gmatch "()\n" do
    line, last = line + 1, ended
  end
  return ("%s:%d:%d"):format(path, line, at - last)
end

-- One cell from `at` on: its text, whether it stood in quotes, and where it ends.
local function read_cell(path, source, at, separator)
  if source:sub(at, at) ~= '"' then
    local ends = source:find("[" .. separator .. "\r\n]", at) or #source + 1
    local cell = source:sub(at, ends - 1)
    local quote = cell:find('"', 1, true)
    if quote then
      error(place(path, source, at + quote - 1) .. ": a quote inside a cell that does not begin with one", 0)
    end
    return cell, false, ends
  end
  local parts, from = {}, at + 1
  while true do
    local ends = source:find('"', from, true)
    if not ends then error(place(path, source, at) .. ": this quote is never closed", 0) end
    parts[#parts + 1] = source:sub(from, ends - 1)
    if source:sub(ends + 1, ends + 1) ~= '"' then return table.concat(parts), true, ends + 1 end
    parts[#parts + 1] = '"'
    from = ends + 2
  end
end

-- An empty line, which is a row only where every row is one cell.
local function is_blank(row, rows)
  return rows[1] and #rows[1] > 1 and #row == 1 and row[1][1] == "" and not row[1][2]
end

-- All rows: lists of { text, whether it was quoted, where it began }. The end of the last line begins no further row.
local function read_rows(path, source, separator)
  local rows, at = {}, source:sub(1, 3) == "\239\187\191" and 4 or 1
  while at <= #source do
    local row = {}
    repeat
      local cell, quoted, ends = read_cell(path, source, at, separator)
      row[#row + 1] = { cell, quoted, at }
      at = ends + 1
      local follows = source:sub(ends, ends)
      if follows == "\r" and source:sub(at, at) == "\n" then at = at + 1 end
      if follows ~= "" and not follows:find("[" .. separator .. "\r\n]") then
        error(place(path, source, ends) .. ": text behind the closing quote", 0)
      end
    until follows ~= separator
    if not is_blank(row, rows) then rows[#rows + 1] = row end
    if #rows[#rows] ~= #rows[1] then
      error(("%s: this row has %d cells, the first one %d"):format(place(path, source, row[1][3]), #row, #rows[1]), 0)
    end
  end
  return rows
end

-- Cells as a tensor where all are numbers, i64 or f64, unless texts are wanted; otherwise as they are.
local function column_of(texts, quoted, wants_text)
  local numbers, whole = {}, true
  if wants_text then return texts end
  for i, cell in ipairs(texts) do
    local number = not (quoted and quoted[i]) and not cell:find "0[xX]" and tonumber(cell)
    if not number then return texts end
    numbers[i] = number
    whole = whole and math.type(number) == "integer"
  end
  return #numbers > 0 and T(numbers, whole and "i64" or "f64") or texts
end

-- The columns of rows, each a list of texts and one of whether they were quoted.
local function columns_of(rows)
  local columns = {}
  for c = 1, rows[1] and #rows[1] or 0 do
    local texts, quoted = {}, {}
    for r, row in ipairs(rows) do texts[r], quoted[r] = row[c][1], row[c][2] end
    columns[c] = { texts, quoted }
  end
  return columns
end

-- The same of a file without quotes, ten times as fast; nil where anything is unusual, for the rows to say what.
local function plain_columns(source, separator)
  local at = source:sub(1, 3) == "\239\187\191" and 4 or 1
  if at > #source or source:find('"', 1, true) then return nil end
  local first_line = source:match("^[^\r\n]*", at)
  local _, count = first_line:gsub("[" .. separator .. "]", "")
  count = count + 1
  if count > MOST_PLAIN then return nil end
  local columns, r = {}, 0
  for c = 1, count do columns[c] = { {} } end
  local cell = "([^" .. separator .. "\r\n]*)"
  local line = "^" .. cell .. ("%" .. separator .. cell):rep(count - 1) .. "()"
  local function take(...)
    local ends = select(count + 1, ...)
    if not ends then return nil end
    for c = 1, count do columns[c][1][r] = (select(c, ...)) end
    return ends
  end
  while at <= #source do
    r = r + 1
    local ends = take(source:match(line, at))
    local follows = ends and source:sub(ends, ends)
    if not ends or follows == separator then return nil end
    at = ends + (follows == "\r" and source:sub(ends + 1, ends + 1) == "\n" and 2 or 1)
  end
  return columns
end

--- calr.csv.load(path [, {header=true, separator=",", numbers=true}])
--- Reads a table. A column whose cells are all numbers becomes a tensor, i64 or f64; every other one a list of strings.
--- Numbers in quotes are strings. Empty lines between rows of several cells are passed over. An error names line and
--- column.
--- @param header     false: the first line is no line of names; columns then have numbers for names
--- @param separator  string of one character
--- @param numbers    false: all columns are lists of strings, so that "0012" stays what it is
--- @return table       name -> column
--- @return table       list of the names, in their order
function csv.load(path, options)
  options = options or {}
  for key in pairs(options) do
    if key ~= "header" and key ~= "separator" and key ~= "numbers" then
      error(("calr.csv.load: unknown option \"%s\"; there are header, separator and numbers"):format(tostring(key)), 2)
    end
  end
  local separator = options.separator or ","
  if type(separator) ~= "string" or not separator:match "^[,;|\t ]$" then
    error("calr.csv.load: separator is a comma, a semicolon, a bar, a tab or a space", 2)
  end
  local source = sys.read_file(path)
  local named, columns, names = options.header ~= false, {}, {}
  for c, column in ipairs(plain_columns(source, separator) or columns_of(read_rows(path, source, separator))) do
    local texts, quoted = column[1], column[2]
    local name = named and table.remove(texts, 1) or c
    if named and quoted then table.remove(quoted, 1) end
    if columns[name] then
      local again = read_rows(path, source, separator)[1][c][3]
      error(("%s: two columns are called \"%s\""):format(place(path, source, again), name), 0)
    end
    columns[name], names[c] = column_of(texts, quoted, options.numbers == false), name
  end
  return columns, names
end

-- The cells of a column as text.
local function cells_of(name, column)
  local list = T.is(column) and column:totable() or column
  if type(list) ~= "table" or T.is(column) and column:dim() ~= 1 then
    local said = "calr.csv.save: column \"%s\" is %s, neither a vector nor a list"
    error(said:format(tostring(name), tostring(column)), 3)
  end
  local cells = {}
  for i = 1, #list do
    local value = list[i]
    if math.type(value) == "float" then
      local short = ("%.9g"):format(value)
      cells[i] = tonumber(short) == value and short or ("%.17g"):format(value)
    elseif type(value) == "string" and tonumber(value) then
      cells[i] = '"' .. value .. '"' -- stays a string when it is read
    else
      cells[i] = text.csv(tostring(value))
    end
  end
  return cells
end

--- calr.csv.save(path, columns [, names])
--- Writes columns, vectors or lists of one length, under a line of their names; the file is whole or absent.
--- @param columns  table; name -> column
--- @param names    list of strings: which columns, in which order; all, sorted, by default
function csv.save(path, columns, names)
  if not names then
    names = {}
    for name in pairs(columns) do names[#names + 1] = name end
    table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  end
  local cells, head = {}, {}
  for c, name in ipairs(names) do
    if columns[name] == nil then error(("calr.csv.save: there is no column \"%s\""):format(tostring(name)), 2) end
    cells[c], head[c] = cells_of(name, columns[name]), text.csv(tostring(name))
    if #cells[c] ~= #cells[1] then
      error(("calr.csv.save: column \"%s\" has %d cells, \"%s\" %d"):format(tostring(name), #cells[c],
        tostring(names[1]), #cells[1]), 2)
    end
  end
  local lines = { table.concat(head, ",") }
  for r = 1, cells[1] and #cells[1] or 0 do
    local row = {}
    for c = 1, #names do row[c] = cells[c][r] end
    lines[r + 1] = table.concat(row, ",")
  end
  sys.write_file(path, table.concat(lines, "\n") .. "\n")
end

return (counting.counted("calr.csv.", csv))
