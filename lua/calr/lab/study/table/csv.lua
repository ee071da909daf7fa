--- @module calr.lab.study.table.csv
--- Writes a sheet as CSV (RFC 4180: CRLF, quotes doubled), in the reported unit and with all digits. A figure takes the
--- columns NAME, NAME_sd, NAME_n and NAME_mark ("best", "as good" or empty), a difference NAME, NAME_low, NAME_high and
--- NAME_n. The last two columns are a note on the row and the commands that reproduce it, joined by " && ".

local cells = require "calr.lab.study.table.cells"
local quote = require("calr.text").csv

local csv = {}

local function exact(value)
  return value == nil and "" or cells.exact(value)
end

-- kind -> heads of a column, cells of a value (nil: none)
local kinds = {
  figure = {
    heads = { "", "_sd", "_n", "_mark" },
    cells = function(cell)
      local mark = cell.best and "best" or cell.as_good and "as good" or ""
      return { exact(cell.mean), exact(cell.sd), exact(cell.n), mark }
    end,
  },
  difference = {
    heads = { "", "_low", "_high", "_n" },
    cells = function(cell) return { exact(cell.mean), exact(cell.low), exact(cell.high), exact(cell.n) } end,
  },
}
local single = { heads = { "" }, cells = function(cell) return { exact(cell) } end }

--- calr.lab.study.table.csv.render(sheet)
--- @return string  with CRLF at the end of each line but the last
function csv.render(sheet)
  local lines, heads = {}, {}
  for _, column in ipairs(sheet.columns) do
    for _, ending in ipairs((kinds[column.kind] or single).heads) do
      heads[#heads + 1] = quote((column.csv or column.head) .. ending)
    end
  end
  heads[#heads + 1] = "note"
  heads[#heads + 1] = "commands"
  lines[1] = table.concat(heads, ",")
  for _, row in ipairs(sheet.rows) do
    local items = {}
    for c, column in ipairs(sheet.columns) do
      local kind = kinds[column.kind] or single
      local parts = row.cells[c] ~= nil and kind.cells(row.cells[c]) or {}
      for i = 1, #kind.heads do items[#items + 1] = quote(parts[i] or "") end
    end
    local commands = {}
    for i, item in ipairs(row.commands) do commands[i] = item.command end
    items[#items + 1] = quote(row.note or "")
    items[#items + 1] = quote(table.concat(commands, " && "))
    lines[#lines + 1] = table.concat(items, ",")
  end
  return table.concat(lines, "\r\n")
end

return csv
