--- @module calr.program.profile
--- `calr run --profile`: where the time and the memory of a script went, as tables on standard error, and as a file for
--- ui.perfetto.dev or speedscope.app.

local context = require "calr.context"
local meter = require "calr.meter"
local sys = require "calr.sys"

local profile = {}

local MOST = 25 -- rows of a table

local function bytes_text(bytes)
  local units, i = { "B", "KiB", "MiB", "GiB", "TiB" }, 1
  while bytes >= 1024 and i < #units do bytes, i = bytes / 1024, i + 1 end
  return (i == 1 and "%d %s" or "%.1f %s"):format(i == 1 and math.floor(bytes) or bytes, units[i])
end

-- Rows {text, ...} under their heads; the first column is left-aligned, the others right-aligned.
local function table_text(heads, rows)
  local widths = {}
  for i, head in ipairs(heads) do
    widths[i] = #head
    for _, row in ipairs(rows) do widths[i] = math.max(widths[i], utf8.len(row[i]) or #row[i]) end
  end
  local lines = {}
  for _, row in ipairs { heads, table.unpack(rows) } do
    local cells = {}
    for i, cell in ipairs(row) do
      local gap = (" "):rep(widths[i] - (utf8.len(cell) or #cell))
      cells[i] = i == 1 and cell .. gap or gap .. cell
    end
    lines[#lines + 1] = ("  " .. table.concat(cells, "  "):gsub("%s+$", ""))
  end
  return table.concat(lines, "\n")
end

-- The rows with most seconds, and one for all others.
local function largest(list, seconds_of, row_of, sum_row)
  table.sort(list, function(a, b) return seconds_of(a) > seconds_of(b) end)
  local rows = {}
  for i = 1, math.min(MOST, #list) do rows[i] = row_of(list[i]) end
  if #list > MOST then rows[MOST + 1] = sum_row(table.move(list, MOST + 1, #list, 1, {})) end
  return rows
end

local function operations_text(report)
  local list = { { name = "Lua, outside of the engine", pass = "", calls = 0, seconds = report.lua, bytes = 0 } }
  table.move(report.operations, 1, #report.operations, 2, list)
  local function row(item)
    return { item.name, item.pass, item.calls > 0 and ("%d"):format(item.calls) or "", ("%.4f"):format(item.seconds),
      ("%.1f %%"):format(100 * item.seconds / report.seconds), bytes_text(item.bytes) }
  end
  local rows = largest(list, function(item) return item.seconds end, row, function(others)
    local sum = { name = ("%d others"):format(#others), pass = "", calls = 0, seconds = 0, bytes = 0 }
    for _, item in ipairs(others) do
      for _, key in ipairs { "calls", "seconds", "bytes" } do sum[key] = sum[key] + item[key] end
    end
    return row(sum)
  end)
  return table_text({ "operation", "pass", "calls", "seconds", "share", "allocated" }, rows)
end

local function line_seconds(item)
  return item.seconds + item.backward + item.lua
end

local function lines_text(report)
  local list = {}
  for _, item in ipairs(report.lines) do
    if item.calls > 0 or line_seconds(item) > 0 then list[#list + 1] = item end
  end
  local function row(item)
    local seconds = line_seconds(item)
    return { item.source and ("%s:%d"):format(item.source, item.line) or item.text or "(no line)",
      ("%.4f"):format(seconds), ("%.1f %%"):format(100 * seconds / report.seconds), ("%.4f"):format(item.seconds),
      ("%.4f"):format(item.backward), ("%.4f"):format(item.lua), bytes_text(item.bytes) }
  end
  local rows = largest(list, line_seconds, row, function(others)
    local sum = { text = ("%d other lines"):format(#others), seconds = 0, backward = 0, lua = 0, bytes = 0 }
    for _, item in ipairs(others) do
      for _, key in ipairs { "seconds", "backward", "lua", "bytes" } do sum[key] = sum[key] + item[key] end
    end
    return row(sum)
  end)
  return table_text({ "line", "seconds", "share", "engine", "its backward", "Lua", "allocated" }, rows)
end

--- calr.program.profile.text(report)
--- Returns the tables of a profile.
--- @param report  table; what calr.meter.profile_stop returns
--- @return string
function profile.text(report)
  return ("profile: %.3f s, tensors at most %s; times are own times, without what runs inside\n\n%s\n\n%s\n"):format(
    report.seconds, bytes_text(report.peak), operations_text(report), lines_text(report))
end

-- Ends the profile, however the script has ended.
local function finish(fields)
  local report = meter.profile_stop()
  io.stderr:write("\n", profile.text(report))
  if report.lost > 0 then
    io.stderr:write(("calr: the file lists %d spans, and the tables count %d more\n"):format(report.spans, report.lost))
  end
  if not fields.profile_file then return end
  local ok, problem = pcall(meter.profile_write, fields.profile_file, fields.script or "calr")
  io.stderr:write(ok and ("profile: %s opens in ui.perfetto.dev and speedscope.app\n"):format(fields.profile_file)
    or ("calr: %s\n"):format(tostring(problem)))
end

--- calr.program.profile.around(fields)
--- @param fields  of calr.program.command.run: `script`, and `profile_file` or nil
--- @return function  like calr.context.with, but what it runs is profiled; the tables go to standard error
function profile.around(fields)
  return function(inside, chunk, ...)
    if fields.profile_file then sys.write_file(fields.profile_file, "") end -- not after hours: can it be written?
    meter.profile_start()
    local _ <close> = setmetatable({}, { __close = function() finish(fields) end })
    return context.with(inside, chunk, ...)
  end
end

return profile
