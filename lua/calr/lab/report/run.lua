--- @module calr.lab.report.run
--- Collects the data of a run's report from its folder.

local columns = require "calr.lab.report.columns"
local json = require "calr.json"
local run = require "calr.run"
local sys = require "calr.sys"
local text = require "calr.text"

local report = {}

local log_lines = 200

-- ---- configuration ----

local function flatten(prefix, value, out)
  for name, item in pairs(value) do
    if type(item) == "table" and #item == 0 and next(item) ~= nil then
      flatten(prefix .. name .. ".", item, out)
    elseif item ~= json.null then
      out[#out + 1] = { name = prefix .. name, value = columns.scalar(item) }
    end
  end
  return out
end

local function options_of(record)
  local list = json.array(flatten("", record.config or {}, {}))
  table.sort(list, function(a, b) return a.name < b.name end)
  local changed = record.difference or {}
  for _, option in ipairs(list) do option.changed = changed[option.name] ~= nil end
  return list
end

local function command_of(record)
  local path = (record.script or {}).path
  if not path then return nil end
  local words = { "calr run", text.quote(path) }
  for _, word in ipairs(record.arguments or {}) do words[#words + 1] = text.quote(word) end
  return table.concat(words, " ")
end

-- ---- metrics ----

local function numbers(prefix, value, out)
  for name, item in pairs(value) do
    if type(name) == "string" then
      if type(item) == "number" then
        out[prefix .. name] = item
      elseif type(item) == "table" and item ~= json.null then
        numbers(prefix .. name .. ".", item, out)
      end
    end
  end
  return out
end

-- Recognises an evaluation, wherever it is in a line.
local function evaluation_in(line, place, out)
  for name, item in pairs(line) do
    if type(item) == "table" and type(item.mAP) == "number" then
      out[#out + 1] = { name = name, values = numbers("", item, {}), epoch = name ~= "untrained" and line.epoch or nil }
    end
  end
  if type(line.mAP) == "number" then
    out[#out + 1] = { name = "evaluation", values = { mAP = line.mAP }, epoch = line.epoch }
    for _, key in ipairs { "rank1", "rank5", "rank10", "mINP" } do out[#out].values[key] = line[key] end
  end
  return out
end

local function evaluations_of(lines)
  local list = {}
  for _, line in ipairs(lines) do evaluation_in(line, "", list) end
  table.sort(list, function(a, b)
    if (a.epoch or -1) ~= (b.epoch or -1) then return (a.epoch or -1) < (b.epoch or -1) end
    return a.name < b.name
  end)
  for _, item in ipairs(list) do
    for name, value in pairs(item.values) do item.values[name] = columns.short(value) end
    if item.name == "evaluation" and item.epoch then item.name = ("epoch %d"):format(item.epoch) end
  end
  return json.array(list)
end

-- Lines of one stage and camera become curves: {stage, camera, axis, x, values = {name -> list}}.
local function curves_of(lines)
  local sets, known = json.array {}, {}
  for _, line in ipairs(lines) do
    local camera = line.stage == "intra" and line.camera or nil
    local id = tostring(line.stage) .. "/" .. tostring(camera)
    local set = known[id]
    if not set then
      set = { stage = line.stage, camera = camera, rows = {}, names = {}, steps = {} }
      known[id] = set
      sets[#sets + 1] = set
    end
    set.axis = set.axis or (line.epoch and "epoch") or (line.step and "step") or "line"
    set.rows[#set.rows + 1] = numbers("", line, {})
  end
  for _, set in ipairs(sets) do
    local most = 2000
    local keep = columns.thin(#set.rows, most)
    set.x, set.values = json.array {}, {}
    for j, at in ipairs(keep) do
      local row = set.rows[at]
      set.x[j] = row[set.axis] or at
      for name in pairs(row) do set.values[name] = set.values[name] or json.array {} end
    end
    set.values.epoch, set.values.camera, set.values[set.axis] = nil, nil, nil
    for name, values in pairs(set.values) do
      for j, at in ipairs(keep) do values[j] = columns.short(set.rows[at][name], 6) end
    end
    set.rows, set.names, set.steps = nil, nil, nil
  end
  return sets
end

-- ---- text ----

local function log_of(path)
  local file = path .. "/log.txt"
  if not sys.exists(file) then return json.array {}, 0 end
  local lines = {}
  for line in (sys.read_file(file) .. "\n"):gmatch "([^\n]*)\n" do lines[#lines + 1] = text.visible_lines(line) end
  if lines[#lines] == "" then lines[#lines] = nil end
  local first = math.max(1, #lines - log_lines + 1)
  return json.array(table.move(lines, first, #lines, 1, {})), first - 1
end

local function summary_of(record)
  local list = {}
  for name, value in pairs(type(record.summary) == "table" and numbers("", record.summary, {}) or {}) do
    list[#list + 1] = { name, columns.short(value) }
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return json.array(list)
end

local function plain(evaluations)
  local lines = {}
  for _, item in ipairs(evaluations) do
    for name, value in pairs(item.values) do lines[#lines + 1] = { item.name, name, tostring(value) } end
  end
  table.sort(lines, function(a, b) return a[1] .. "\0" .. a[2] < b[1] .. "\0" .. b[2] end)
  return lines
end

-- What the run has learned, in pictures. What goes wrong there must not prevent the report.
local function pictures_of(path, record)
  if not record.data then return nil end
  local pictures = require "calr.lab.pictures"
  local ok, result = pcall(function() return pictures.page(pictures.gather(path)) end)
  if ok then return result end
  if sys.is_interrupt(result) then error(result, 0) end
  local message = type(result) == "table" and result.message or result
  return { notes = json.array { "no pictures: " .. require("calr.traceback").plain(tostring(message)) } }
end

--- calr.lab.report.run.collect(path [, {images=true}])
--- @param path    a run folder
--- @param images  whether to include its images
--- @return table  input for calr.report.page
function report.collect(path, options)
  local record, lines = run.read(path), run.metrics(path)
  local images = options ~= nil and options.images ~= false
  local log, cut = log_of(path)
  local script, code, evaluations = record.script or {}, record.code or {}, evaluations_of(lines)
  return {
    kind = "run", title = path:match "([^/]+)/*$" or path, status = record.status, error = record.error,
    script = script.path or script.name, seed = record.seed, started = record.started, ended = record.ended,
    seconds = record.seconds, sessions = #(record.sessions or {}), threads = record.threads,
    machine = record.machine, data = (record.data or {}).fingerprint, dataName = (record.data or {}).name,
    library = code.library, program = ("calr %s%s, Lua %s"):format(code.version or "?",
      code.revision and " (" .. code.revision .. ")" or "", code.lua or "?"),
    network = record.network and ("%d tensors"):format(record.network.tensors) or nil,
    options = options_of(record), command = command_of(record), evaluations = evaluations,
    lines = curves_of(lines), summary = summary_of(record), log = log, cut = cut,
    gallery = images and require("calr.lab.report.gallery").collect(path, record) or nil,
    pictures = images and pictures_of(path, record) or nil,
    plain = plain(evaluations),
  }
end

return report
