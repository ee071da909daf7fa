--- @module calr.csv
--- Small tables of comma-separated values (RFC 4180): a line a row, cells in double quotes where they hold a comma, a
--- quote (doubled) or the end of a line. Read as a whole, so for thousands of rows, not millions: features belong into
--- calr.npy.

local counting = require "calr.options"
local sys = require "calr.sys"
local T = require "calr.tensor"
local text = require "calr.text"

local csv = {}

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
    rows[#rows + 1] = row
    if #row ~= #rows[1] then
      error(("%s: this row has %d cells, the first one %d"):format(place(path, source, row[1][3]), #row, #rows[1]), 0)
    end
  end
  return rows
end

-- The cells of a column: a tensor where all are numbers, i64 or f64, unless texts are wanted; otherwise their texts.
local function column_of(rows, first, c, wants_text)
  local texts, numbers, whole = {}, {}, true
  for r = first, #rows do
    local cell, quoted = rows[r][c][1], rows[r][c][2]
    texts[#texts + 1] = cell
    local number = not quoted and numbers and not cell:find "0[xX]" and tonumber(cell)
    if number then
      numbers[#numbers + 1] = number
      whole = whole and math.type(number) == "integer"
    else
      numbers = nil
    end
  end
  if not numbers or #numbers == 0 or wants_text then return texts end
  return T(numbers, whole and "i64" or "f64")
end

--- calr.csv.load(path [, {header=true, separator=",", numbers=true}])
--- Reads a table. A column whose cells are all numbers becomes a tensor, i64 or f64; every other one a list of strings.
--- Numbers in quotes are strings. An error names line and column.
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
  local rows = read_rows(path, source, separator)
  local named, columns, names = options.header ~= false, {}, {}
  for c = 1, rows[1] and #rows[1] or 0 do
    local name = named and rows[1][c][1] or c
    if columns[name] then
      error(("%s: two columns are called \"%s\""):format(place(path, source, rows[1][c][3]), name), 0)
    end
    columns[name], names[c] = column_of(rows, named and 2 or 1, c, options.numbers == false), name
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
