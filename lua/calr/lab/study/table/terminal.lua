--- @module calr.lab.study.table.terminal
--- Writes a sheet for the terminal: aligned, split into blocks of columns if it is too wide.

local cells = require "calr.lab.study.table.cells"
local text = require "calr.text"

local terminal = {}

local plus_minus = " \u{b1} "

local function widest(list)
  local width = 0
  for _, item in ipairs(list) do width = math.max(width, text.width(item)) end
  return width
end

local function left_pad(item, width)
  return (" "):rep(width - text.width(item)) .. item
end

local function right_pad(item, width)
  return item .. (" "):rep(width - text.width(item))
end

-- The texts of a column of figures: mean and deviation each aligned, then marks; and whether there are marks.
local function figure_texts(column, rows, c)
  local means, deviations, marked = {}, {}, false
  for _, row in ipairs(rows) do
    local cell = row.cells[c]
    if cell then
      means[#means + 1] = cells.figure(column.of, cell.mean)
      if cell.sd then deviations[#deviations + 1] = plus_minus .. cells.figure(column.of, cell.sd) end
      marked = marked or cell.best or cell.as_good
    end
  end
  local mean_width, sd_width, texts = widest(means), widest(deviations), {}
  for r, row in ipairs(rows) do
    local cell = row.cells[c]
    if cell then
      local mean = left_pad(cells.figure(column.of, cell.mean), mean_width)
      local sd = right_pad(cell.sd and plus_minus .. cells.figure(column.of, cell.sd) or "", sd_width)
      local body = mean .. sd
      texts[r] = (cell.best and text.paint("bold", body) or body)
        .. (marked and (cell.best and " *" or cell.as_good and " \u{2248}" or "  ") or "")
    else
      texts[r] = "-" .. (" "):rep(sd_width + (marked and 2 or 0))
    end
  end
  return texts, marked
end

local function difference_texts(column, rows, c)
  local parts = { {}, {}, {} }
  for _, row in ipairs(rows) do
    local cell = row.cells[c]
    if cell then
      table.insert(parts[1], cells.figure(column.of, cell.mean, true))
      if cell.low then
        table.insert(parts[2], cells.figure(column.of, cell.low, true))
        table.insert(parts[3], cells.figure(column.of, cell.high, true))
      end
    end
  end
  local widths, texts = { widest(parts[1]), widest(parts[2]), widest(parts[3]) }, {}
  local tail = widths[2] > 0 and widths[2] + widths[3] + 5 or 0
  for r, row in ipairs(rows) do
    local cell = row.cells[c]
    if cell then
      local interval = cell.low and (" [%s, %s]"):format(left_pad(cells.figure(column.of, cell.low, true), widths[2]),
        left_pad(cells.figure(column.of, cell.high, true), widths[3])) or ""
      texts[r] = left_pad(cells.figure(column.of, cell.mean, true), widths[1]) .. right_pad(interval, tail)
    end
  end
  return texts
end

local plain = { text = tostring, count = text.count, value = cells.value, p = cells.probability }

local function column_texts(column, rows, c)
  if column.kind == "figure" then return figure_texts(column, rows, c) end
  if column.kind == "difference" then return difference_texts(column, rows, c) end
  local texts = {}
  for r, row in ipairs(rows) do
    if row.cells[c] ~= nil then texts[r] = plain[column.kind](row.cells[c]) end
    if column.kind == "text" and texts[r] then texts[r] = text.cut(texts[r], 44) end
  end
  return texts
end

local function is_right(column, rows, c)
  if column.kind == "text" then return false end
  if column.kind ~= "value" then return true end
  for _, row in ipairs(rows) do
    local value = row.cells[c]
    if value ~= nil and type(value) ~= "number" then return false end
  end
  return true
end

-- Columns in blocks that fit the width; those that name the row are in every block, those of a group stay together if
-- the width allows.
local function make_blocks(laid, width)
  local ids, id_width, blocks = {}, 0, {}
  for _, item in ipairs(laid) do
    if item.id then
      ids[#ids + 1] = item
      id_width = id_width + item.width + 2
    end
  end
  local block, used = nil, 0
  for i, item in ipairs(laid) do
    if not item.id then
      local wanted, j = item.width, i + 1
      while item.group and laid[j] and laid[j].group == item.group and laid[i - 1].group ~= item.group do
        wanted = wanted + 2 + laid[j].width
        j = j + 1
      end
      if not block or used + item.width > width or (used + wanted > width and id_width + wanted <= width) then
        block = table.move(ids, 1, #ids, 1, {})
        blocks[#blocks + 1] = block
        used = id_width
      end
      block[#block + 1] = item
      used = used + item.width + 2
    end
  end
  return #blocks > 0 and blocks or { ids }
end

local function lay_out(sheet)
  local laid = {}
  for c, column in ipairs(sheet.columns) do
    local first, second = cells.head(column)
    local texts, marked = column_texts(column, sheet.rows, c)
    local width = 1
    for r = 1, #sheet.rows do width = math.max(width, texts[r] and text.width(texts[r]) or 1) end
    local head_width = math.max(text.width(first), text.width(second))
    if marked and head_width + 2 <= width then first = first .. "  " end -- above the numbers, not the marks
    width = math.max(width, head_width)
    laid[c] = { head = second ~= "" and first .. "\n" .. second or first, texts = texts, width = width, id = column.id,
      painted = column.kind == "figure",
      group = column.group, align = is_right(column, sheet.rows, c) and "right" or "left" }
  end
  return laid
end

local function command_lines(sheet, lines, width)
  lines[#lines + 1] = ""
  lines[#lines + 1] = cells.commands_head(sheet)
  for r, row in ipairs(sheet.rows) do
    lines[#lines + 1] = text.cut(("[%d] %s"):format(r, text.visible(row.label)), width)
    if #row.commands == 0 then lines[#lines + 1] = "    nothing finished" end
    for _, item in ipairs(row.commands) do
      lines[#lines + 1] = ("    seed %-4s %s"):format(item.seed, item.command) -- uncut, so that it can be copied
    end
  end
end

--- calr.lab.study.table.terminal.render(sheet, options)
--- @param width     columns to fit into
--- @param folder    the study's, for the line about --commands
--- @param commands  whether to list the commands that reproduce the figures below
--- @return string  without a newline at its end
function terminal.render(sheet, options)
  local width = options.width or 80
  local numbered = sheet
  if options.commands and #sheet.rows > 0 then
    local columns = table.move(sheet.columns, 1, #sheet.columns, 2, { { head = "", kind = "text", id = true } })
    local rows = {}
    for r, row in ipairs(sheet.rows) do
      rows[r] = { cells = table.move(row.cells, 1, #sheet.columns, 2, { ("[%d]"):format(r) }) }
    end
    numbered = { columns = columns, rows = rows }
  end
  local lines = { text.wrap(text.paint("bold", text.visible(sheet.title)), width), "" }
  if #sheet.rows > 0 then
    for b, block in ipairs(make_blocks(lay_out(numbered), width)) do
      local columns, rows = {}, {}
      for c, item in ipairs(block) do columns[c] = { item.head, align = item.align, painted = item.painted } end
      for r = 1, #sheet.rows do
        rows[r] = {}
        for c, item in ipairs(block) do rows[r][c] = item.texts[r] or false end
      end
      if b > 1 then lines[#lines + 1] = "" end
      lines[#lines + 1] = text.table { columns = columns, rows = rows }
    end
  end
  local notes = cells.notes(sheet, "* ", "\u{2248} ")
  if #notes > 0 then lines[#lines + 1] = "" end
  for _, note in ipairs(notes) do lines[#lines + 1] = text.wrap(note, width, 2) end
  if options.commands then
    command_lines(sheet, lines, width)
  elseif #sheet.rows > 0 then
    local command = ("calr table %s --commands"):format(options.folder)
    lines[#lines + 1] = text.wrap("The command behind each figure: " .. command, width, 2)
  end
  return table.concat(lines, "\n")
end

return terminal
