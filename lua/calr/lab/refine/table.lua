--- @module calr.lab.refine.table
--- Shows what rules do to a snapshot, as text, Markdown, CSV or JSON.

local json = require "calr.json"
local sorted_keys = require "calr.tables".sorted_keys
local text = require "calr.text"

local tables = {}

local figures = {
  { "precision", "P", "%.3f" }, { "recall", "R", "%.3f" }, { "f", "F", "%.3f" },
  { "pairwise_f", "pair F", "%.3f" }, { "nmi", "NMI", "%.3f" }, { "expansion", "exp.", "%.2f" },
}
local counts = { { "clusters", "clusters" }, { "outliers", "outliers" }, { "discarded", "discarded" } }

-- The columns: quality only if identities are known.
local function columns_of(has_quality, of_camera)
  local list = {}
  for _, figure in ipairs(has_quality and figures or {}) do
    list[#list + 1] = { key = figure[1], head = figure[2], format = figure[3], quality = true }
  end
  for _, count in ipairs(counts) do
    if not (of_camera and count[1] == "clusters") then
      list[#list + 1] = { key = count[1], head = count[2], format = "%d" }
    end
  end
  return list
end

local function value(result, column)
  if column.quality then return (result.quality or {})[column.key] end
  return result[column.key]
end

local function difference(result, plain, column)
  local a, b = value(result, column), value(plain, column)
  return a and b and a - b or nil
end

local function show(column, number)
  return number and column.format:format(number) or "-"
end

local function show_difference(column, number)
  if not number then return "" end
  local shown = ("%+" .. column.format:sub(2)):format(number)
  return shown:match "[1-9]" and shown or "="
end

--- calr.lab.refine.table.label(result)
--- @return string  the rule with its given options: "pivot pivot=camera-max"
function tables.label(result)
  local words = { tostring(result.rule) }
  for _, name in ipairs(sorted_keys(result.changed or {})) do
    words[#words + 1] = ("%s=%s"):format(name, tostring(result.changed[name]))
  end
  return table.concat(words, " ")
end

-- Rows of the tables: {label, result or camera of it, the same without refinement or nil}.
local function rows_of(report)
  local rows = { { "no refinement", report.plain } }
  for _, result in ipairs(report.results) do rows[#rows + 1] = { tables.label(result), result, report.plain } end
  return rows
end

local function camera_rows(report, label, result)
  local rows = {}
  for i, camera in ipairs(result.cameras) do
    rows[i] = { label, camera, result ~= report.plain and report.plain.cameras[i] or nil }
  end
  return rows
end

local function headline(report)
  local s = report.bench.snapshot
  return ("%s: epoch %d of %d%s, %s images under %d cameras%s"):format(s.file, s.epoch, s.epochs,
    s.data ~= "" and " on " .. s.data or "", text.count(s.global:numel()), report.bench.cameras,
    report.bench.identities > 0 and (", %s identities"):format(text.count(report.bench.identities))
    or "; no identities, so no quality")
end

local function reason_rows(report)
  local rows = {}
  for _, result in ipairs(report.results) do
    for _, item in ipairs(result.reasons) do
      rows[#rows + 1] = { tables.label(result), item.reason, item.images, item.misplaced or false }
    end
  end
  return rows
end

local function misplaced_note(report)
  local bench = report.bench
  local clustered = bench.snapshot.global:ge(0):count_nonzero():item()
  return ("misplaced: not of their cluster's majority identity, as %s of the %s clustered images are")
    :format(text.count(bench.misplaced:count_nonzero():item()), text.count(clustered))
end

local camera_note = "by camera: clusters inside each camera; pairs between cameras do not count"

local function terminal_table(columns, rows, first)
  local heads, lines = { first }, {}
  for _, column in ipairs(columns) do heads[#heads + 1] = { column.head, align = "right" } end
  for _, row in ipairs(rows) do
    local line, change = { row.name or row[1] }, { "" }
    for _, column in ipairs(columns) do
      line[#line + 1] = show(column, value(row[2], column))
      change[#change + 1] = row[3] and show_difference(column, difference(row[2], row[3], column)) or ""
    end
    lines[#lines + 1] = line
    if row[3] then lines[#lines + 1] = change end
  end
  return text.table { columns = heads, rows = lines }
end

local function terminal(report)
  local has_quality = report.plain.quality ~= nil
  local parts = { headline(report), terminal_table(columns_of(has_quality), rows_of(report), "rule") }
  local reasons = reason_rows(report)
  if #reasons > 0 then
    local heads = { "rule", "why images were discarded", { "images", format = "%d" } }
    if has_quality then heads[4] = { "misplaced", format = "%d" } end
    parts[#parts + 1] = text.table { columns = heads, rows = reasons }
  end
  if report.by_camera then
    for _, row in ipairs(rows_of(report)) do
      local rows = camera_rows(report, row[1], row[2])
      for i, item in ipairs(row[2].cameras) do
        rows[i].name = ("camera %d, %s images"):format(item.camera, text.count(item.images))
      end
      parts[#parts + 1] = terminal_table(columns_of(has_quality, true), rows, row[1])
    end
  end
  local notes = {}
  if has_quality then
    notes[1] = ("P, R, F: B-cubed; outliers count as %s; exp.: clusters over which an identity is spread"):format(
      report.bench.outliers == "ignore" and "absent" or "single clusters")
  end
  if has_quality and #reasons > 0 then notes[#notes + 1] = misplaced_note(report) end
  if report.by_camera then notes[#notes + 1] = camera_note end
  parts[#parts + 1] = #notes > 0 and table.concat(notes, "\n") or nil
  return table.concat(parts, "\n\n") .. "\n"
end

local function escape(string)
  return (string:gsub("[\\`*_<>|]", "\\%0"))
end

local function markdown_line(cells)
  return "| " .. table.concat(cells, " | ") .. " |"
end

local function markdown_table(columns, rows, first)
  local heads, rule = { first }, { ":--" }
  for _, column in ipairs(columns) do heads[#heads + 1], rule[#rule + 1] = column.head, "--:" end
  local lines = { markdown_line(heads), markdown_line(rule) }
  for _, row in ipairs(rows) do
    local cells = { escape(row.name or row[1]) }
    for _, column in ipairs(columns) do
      local change = row[3] and show_difference(column, difference(row[2], row[3], column)) or ""
      cells[#cells + 1] = show(column, value(row[2], column)) .. (change ~= "" and change ~= "=" and
        (" (%s)"):format(change) or "")
    end
    lines[#lines + 1] = markdown_line(cells)
  end
  return table.concat(lines, "\n")
end

local function markdown(report)
  local has_quality = report.plain.quality ~= nil
  local parts = { escape(headline(report)), markdown_table(columns_of(has_quality), rows_of(report), "rule") }
  local reasons = reason_rows(report)
  if #reasons > 0 then
    local lines = { "| rule | why images were discarded | images |", "| :-- | :-- | --: |" }
    if has_quality then lines = { lines[1] .. " misplaced |", lines[2] .. " --: |" } end
    for _, row in ipairs(reasons) do
      local cells = { escape(row[1]), escape(row[2]), ("%d"):format(row[3]) }
      if has_quality then cells[4] = ("%d"):format(row[4]) end
      lines[#lines + 1] = markdown_line(cells)
    end
    parts[#parts + 1] = table.concat(lines, "\n")
    if has_quality then parts[#parts + 1] = misplaced_note(report) end
  end
  if report.by_camera then
    local rows = {}
    for _, row in ipairs(rows_of(report)) do
      for i, item in ipairs(camera_rows(report, row[1], row[2])) do
        item.name = ("%s, camera %d"):format(row[1], row[2].cameras[i].camera)
        rows[#rows + 1] = item
      end
    end
    parts[#parts + 1] = markdown_table(columns_of(has_quality, true), rows, "rule, camera")
    parts[#parts + 1] = camera_note
  end
  return table.concat(parts, "\n\n") .. "\n"
end

local function exact(number)
  if number == nil then return "" end
  return math.type(number) == "integer" and ("%d"):format(number) or ("%.17g"):format(number)
end

-- RFC 4180. A row for each rule (camera empty), and with by_camera one for each rule and camera.
local function csv(report)
  local columns = columns_of(report.plain.quality ~= nil)
  local heads, lines = { "rule", "camera", "images" }, {}
  for _, column in ipairs(columns) do
    heads[#heads + 1], heads[#heads + 2] = column.key, column.key .. "_difference"
  end
  lines[1] = table.concat(heads, ",")
  local function add(row, camera)
    local result = row[2]
    local cells = { text.csv(row[1]), exact(camera), exact(result.images or report.bench.snapshot.global:numel()) }
    for _, column in ipairs(columns) do
      cells[#cells + 1] = exact(value(result, column))
      cells[#cells + 1] = exact(row[3] and difference(result, row[3], column) or nil)
    end
    lines[#lines + 1] = table.concat(cells, ",")
  end
  for _, row in ipairs(rows_of(report)) do add(row) end
  for _, row in ipairs(report.by_camera and rows_of(report) or {}) do
    for _, item in ipairs(camera_rows(report, row[1], row[2])) do add(item, item[2].camera) end
  end
  return table.concat(lines, "\r\n") .. "\r\n"
end

local function differences(result, plain)
  local out = {}
  for _, column in ipairs(columns_of(result.quality ~= nil)) do out[column.key] = difference(result, plain, column) end
  return out
end

local function plain_fields(result, by_camera)
  return { clusters = result.clusters, outliers = result.outliers, discarded = result.discarded,
    quality = result.quality, cameras = by_camera and json.array(result.cameras) or nil }
end

local function to_json(report)
  local s = report.bench.snapshot
  local out = { snapshot = s.file, epoch = s.epoch, epochs = s.epochs, data = s.data, images = s.global:numel(),
    cameras = report.bench.cameras, identities = report.bench.identities, outliers_count_as = report.bench.outliers,
    plain = plain_fields(report.plain, report.by_camera), rules = json.array() }
  for i, result in ipairs(report.results) do
    local fields = plain_fields(result, report.by_camera)
    fields.rule, fields.options, fields.seconds = result.rule, result.changed, result.seconds
    fields.reasons, fields.difference = json.array(result.reasons), differences(result, report.plain)
    out.rules[i] = fields
  end
  return json.encode(out, { indent = 2 }) .. "\n"
end

local formats = { terminal = terminal, markdown = markdown, csv = csv, json = to_json }

--- calr.lab.refine.table.render(report, format)
--- @param report  bench, plain (from bench:measure of the global clusters), results (list, from
---                bench:try), by_camera
--- @param format  "terminal", "markdown", "csv" or "json"
--- @return string
function tables.render(report, format)
  return formats[format](report)
end

return tables
