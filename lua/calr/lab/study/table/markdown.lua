--- @module calr.lab.study.table.markdown
--- Writes a sheet as a GitHub Markdown table, followed by its notes and the commands that reproduce the figures.

local cells = require "calr.lab.study.table.cells"
local text = require "calr.text"

local markdown = {}

local function escape(string)
  return (string:gsub("[\\`*_{}%[%]<>|#~]", "\\%0"):gsub("\n", " "):gsub("^[-+]", "\\%0"))
end

local function figure(column, cell)
  local body = cells.figure(column.of, cell.mean)
  if cell.sd then body = body .. " \u{b1} " .. cells.figure(column.of, cell.sd) end
  if cell.best then return "**" .. body .. "**" end
  return cell.as_good and body .. " \u{2248}" or body
end

local function difference(column, cell)
  local body = cells.figure(column.of, cell.mean, true)
  if not cell.low then return body end
  return ("%s [%s, %s]"):format(body, cells.figure(column.of, cell.low, true), cells.figure(column.of, cell.high, true))
end

local function value(_, cell) return escape(cells.value(cell)) end

local makers = {
  text = function(_, cell) return escape(cell) end,
  count = function(_, cell) return text.count(cell) end,
  value = value,
  p = function(_, cell) return cells.probability(cell) end,
  figure = figure,
  difference = difference,
}

local function line(items)
  return "| " .. table.concat(items, " | ") .. " |"
end

--- calr.lab.study.table.markdown.render(sheet)
--- @return string  without a newline at its end
function markdown.render(sheet)
  local heads, rule = {}, {}
  for c, column in ipairs(sheet.columns) do
    local first, second = cells.head(column)
    heads[c] = escape(second ~= "" and first .. " " .. second or first)
    rule[c] = column.kind == "text" and ":--" or "--:"
  end
  local lines = { "### " .. escape(sheet.title), "" }
  if #sheet.rows > 0 then
    lines[#lines + 1] = line(heads)
    lines[#lines + 1] = line(rule)
  end
  for _, row in ipairs(sheet.rows) do
    local items = {}
    for c, column in ipairs(sheet.columns) do
      local cell = row.cells[c]
      items[c] = cell ~= nil and makers[column.kind](column, cell) or "-"
    end
    lines[#lines + 1] = line(items)
  end
  local notes = cells.notes(sheet, "bold: ", "\u{2248}: ")
  if #notes > 0 then lines[#lines + 1] = "" end
  for _, note in ipairs(notes) do lines[#lines + 1] = "- " .. escape(note) end
  if #sheet.rows > 0 then
    lines[#lines + 1] = ""
    lines[#lines + 1] = escape(cells.commands_head(sheet))
    lines[#lines + 1] = ""
    for r, row in ipairs(sheet.rows) do
      lines[#lines + 1] = ("%d. %s"):format(r, escape(row.label))
      for _, item in ipairs(row.commands) do
        lines[#lines + 1] = ("   - seed %s: `%s`"):format(item.seed, item.command:gsub("`", "'"))
      end
    end
  end
  return table.concat(lines, "\n")
end

return markdown
