--- @module calr.lab.report.runs
--- Presents a folder of runs as a view like those of calr.study.view: runs with one configuration but different seeds
--- are a row, runs are trials. A run of the same configuration, seed, data and code as an earlier one repeats it: it is
--- listed and never counted as a further seed.

local columns = require "calr.lab.report.columns"
local config = require "calr.config"
local json = require "calr.json"
local sorted_keys = require "calr.tables".sorted_keys
local quote = require("calr.text").quote
local run = require "calr.run"
local sys = require "calr.sys"

local runs = {}

local function flatten(prefix, value, out)
  for name, item in pairs(value) do
    if type(item) == "table" and #item == 0 and next(item) ~= nil then
      flatten(prefix .. name .. ".", item, out)
    elseif item ~= json.null then
      out[prefix .. name] = item
    end
  end
  return out
end

-- "2026-11-21T10:39:52Z" -> seconds since 1970, without the time zone of this machine.
local function seconds_of(text)
  local y, mo, d, h, mi, s = tostring(text or ""):match "^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)Z$"
  if not y then return nil end
  y, mo, d = math.tointeger(y), math.tointeger(mo), math.tointeger(d)
  local a = (14 - mo) // 12 -- Julian day number, for years after 1582
  local year, month = y + 4800 - a, mo + 12 * a - 3
  local day = d + (153 * month + 2) // 5 + 365 * year + year // 4 - year // 100 + year // 400 - 32045
  return (day - 2440588) * 86400 + math.tointeger(h) * 3600 + math.tointeger(mi) * 60 + math.tointeger(s)
end

-- The figures of a line that a study's trial would report.
local function values_of(line)
  local values = {}
  for name, value in pairs(line) do
    if type(value) == "number" and name ~= "epoch" and name ~= "step" then
      values[name] = value
    elseif type(value) == "table" and name ~= "untrained" and name ~= "discarded" then
      for key, item in pairs(value) do
        if type(item) == "number" then values[name == "evaluation" and key or name .. "." .. key] = item end
      end
      for key, item in pairs(name == "evaluation" and value.spread or {}) do values[key] = item end
    end
  end
  return values
end

local before_stage_2 = { intra = true, source = true, transfer = true }

local function reports_of(path, started)
  local reports, metrics = {}, {}
  for i, line in ipairs(run.metrics(path)) do
    if not before_stage_2[line.stage] then
      local values = values_of(line)
      local epoch, number = math.tointeger(line.epoch), math.tointeger(line.step)
      local step = epoch and epoch + 1 or number or i
      reports[#reports + 1] = { step = step, t = started, values = values }
      for name, value in pairs(values) do metrics[name] = value end
    end
  end
  return reports, metrics
end

local states = { finished = "finished", failed = "failed", interrupted = "interrupted", running = "running",
  dead = "dead" }

local function command_of(record, name)
  local path = (record.script or {}).path
  if not path then return "calr report " .. quote(name) end
  local words = { "calr run", quote(path) }
  for _, word in ipairs(record.arguments or {}) do words[#words + 1] = quote(word) end
  return table.concat(words, " ")
end

local function trial_of(path, name)
  local record = run.read(path)
  local cfg = flatten("", record.config or {}, {})
  cfg.seed = nil
  cfg.script = (record.script or {}).name
  local started = seconds_of(record.started)
  local reports, metrics = reports_of(path, started)
  local seconds = record.seconds
  metrics.hours = seconds and seconds / 3600
  return {
    key = name, label = name, config = cfg, changes = record.difference or {}, seed = record.seed or 1, in_plan = true,
    state = states[record.status] or "dead", attempt = 1 + #(record.sessions or {}), deaths = 0, metrics = metrics,
    reports = reports, started = started, ended = seconds_of(record.ended), seconds = seconds,
    hours = metrics.hours, host = (record.machine or {}).host, threads = record.threads, error = record.error,
    data = (record.data or {}).fingerprint, code = (record.code or {}).library,
    program = json.encode { (record.script or {}).hash or "", (record.code or {}).library or "", record.files or {} },
    notes = {}, folder = name, command = command_of(record, path),
  }
end

-- The name of a folder without the number at its end: "calr-1" -> "calr".
local function stem_of(trial)
  local stem = trial.key:gsub("[-_.]?%d+$", "")
  return stem ~= "" and stem or trial.key
end

-- A text that identifies a configuration. The data file is left out if runs of one name read a different one for
-- each seed.
local function describe(trial, varying)
  local parts = {}
  for _, name in ipairs(varying) do
    if trial.config[name] ~= nil and name ~= "data" then
      parts[#parts + 1] = ("%s=%s"):format(name, config.format(trial.config[name]))
    end
  end
  parts[#parts + 1] = "in " .. stem_of(trial) -- runs of one configuration under two names stay apart
  return table.concat(parts, " ")
end

local function varying_names(trials)
  local names, seen, list = {}, {}, {}
  for _, trial in ipairs(trials) do
    for name in pairs(trial.config) do names[name] = true end
  end
  for name in pairs(names) do
    for _, trial in ipairs(trials) do
      if columns.scalar(trial.config[name]) ~= columns.scalar(trials[1].config[name]) then seen[name] = true end
    end
  end
  for name in pairs(seen) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- What a run computes: runs with the same text repeat one another, whatever they are called.
local function identity_of(trial)
  local parts = {}
  for i, name in ipairs(sorted_keys(trial.config)) do parts[i] = name .. "=" .. config.format(trial.config[name]) end
  for _, name in ipairs { "seed", "data", "program" } do parts[#parts + 1] = tostring(trial[name]) end
  return table.concat(parts, "\0")
end

local function figure_of(trial, goal)
  local value = trial.metrics[goal.metric]
  return type(value) == "number" and value or nil
end

-- Sets `identity`, and `repeats` (the run that counts) of each run that repeats another. Of several, one counts that
-- has finished; of these, one whose name most runs share, for its row would lack a seed; of these, the first by name.
local function find_repeats(trials)
  local first, alike = {}, {}
  for _, trial in ipairs(trials) do
    local stem = stem_of(trial)
    alike[stem] = (alike[stem] or 0) + 1
  end
  local function rank(trial) return (trial.state == "finished" and #trials or 0) + alike[stem_of(trial)] end
  for _, trial in ipairs(trials) do
    trial.identity = identity_of(trial)
    local other = first[trial.identity]
    if not other or rank(trial) > rank(other) then first[trial.identity] = trial end
  end
  for _, trial in ipairs(trials) do
    local other = first[trial.identity]
    if other ~= trial and trial.state == "finished" then trial.repeats = other end
  end
end

local function repeat_notes(trials, goal)
  local notes = {}
  for _, trial in ipairs(trials) do
    local other = trial.repeats
    if other then
      local mine, theirs = figure_of(trial, goal), figure_of(other, goal)
      notes[#notes + 1] = ("%s repeats %s: the same configuration, seed %s, data and code. It is not counted as a "
        .. "further seed%s."):format(trial.key, other.key, trial.seed, mine and theirs and (mine == theirs
        and ("; its %s is the same"):format(goal.metric)
        or ("; its %s is %.6g, not %.6g"):format(goal.metric, mine, theirs)) or "")
    end
  end
  return notes
end

-- Runs of one name whose configurations differ only in the seed and in the data made for it. A repeated run belongs to
-- the row of the run that it repeats, without counting there.
local function rows_of(trials)
  local varying, rows, known = varying_names(trials), {}, {}
  for _, trial in ipairs(trials) do
    if not trial.repeats then
      local text = describe(trial, varying)
      local row = known[text]
      if not row or row.own[trial.seed] then
        row = { trials = {}, own = {}, config = trial.config, changes = trial.changes }
        rows[#rows + 1] = row
        known[text] = known[text] or row
      end
      row.own[trial.seed], trial.row = trial, #rows
      row.trials[#row.trials + 1] = trial
    end
  end
  for number, row in ipairs(rows) do
    row.label = #row.trials > 1 and stem_of(row.trials[1]) or row.trials[1].label
    for _, trial in ipairs(row.trials) do trial.part, trial.row, trial.label = 1, number, row.label end
  end
  for _, trial in ipairs(trials) do
    if trial.repeats then
      trial.part, trial.row, trial.in_plan = 1, trial.repeats.row, false
      trial.label = ("%s, repeats %s"):format(trial.key, trial.repeats.key)
    end
  end
  return rows
end

-- The data file does not separate the runs of a row; calr.lab.study.compare notes that they read different data.
local function unite_data(rows)
  for _, row in ipairs(rows) do
    for _, trial in ipairs(row.trials) do trial.config.data = row.trials[1].config.data end
  end
end

local function goal_of(trials)
  local metric = { metric = "mAP", direction = "max" }
  for _, trial in ipairs(trials) do
    if trial.metrics.mAP then return metric end
  end
  for _, trial in ipairs(trials) do
    if trial.metrics.loss then return { metric = "loss", direction = "min" } end
  end
  return metric
end

--- calr.lab.report.runs.view(folder)
--- @return table|nil  nil when there are no runs in the folder
function runs.view(folder)
  local trials, seeds, seen, notes = {}, {}, {}, {}
  for _, name in ipairs(sys.list(folder)) do
    local path = folder .. "/" .. name
    if sys.exists(path .. "/run.json") then
      local ok, trial = pcall(trial_of, path, name)
      if ok then
        trials[#trials + 1] = trial
        if not seen[trial.seed] then seeds[#seeds + 1] = trial.seed end
        seen[trial.seed] = true
      elseif sys.is_interrupt(trial) then
        error(trial, 0)
      else
        notes[#notes + 1] = ("%s is left out: %s"):format(name, (tostring(trial):gsub("^%S-%.lua:%d+: ", "")))
      end
    end
  end
  if #trials == 0 then return nil end
  table.sort(seeds)
  local counts = {}
  for _, trial in ipairs(trials) do counts[trial.state] = (counts[trial.state] or 0) + 1 end
  local goal = goal_of(trials)
  find_repeats(trials)
  for _, note in ipairs(repeat_notes(trials, goal)) do notes[#notes + 1] = note end
  local rows, by_key = rows_of(trials), {}
  unite_data(rows)
  for _, trial in ipairs(trials) do by_key[trial.key] = trial end
  return {
    kind = "runs", name = folder:match "([^/]+)/*$" or folder, folder = folder, goals = { goal },
    seeds = seeds, base = {}, parts = { { kind = "runs", rows = rows } }, trials = trials, by_key = by_key,
    workers = {}, counts = counts, notes = notes, command = "calr report " .. quote(folder),
  }
end

return runs
