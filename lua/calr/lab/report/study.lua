--- @module calr.lab.report.study
--- Collects the data of a study's report from a view of it (calr.study.view, or calr.report.runs for a folder of runs).

local columns = require "calr.lab.report.columns"
local json = require "calr.json"
local results = require "calr.lab.report.results"
local sys = require "calr.sys"
local sorted_keys = require "calr.tables".sorted_keys

local study = {}

-- Most numbers of learning curves in a page; beyond, curves are thinned.
local curve_budget = 400000

-- ---- metrics ----

-- The goals first, then other reported metrics, sorted; hours last.
local function metric_names(view)
  local seen, names, rest = {}, json.array {}, {}
  for _, goal in ipairs(view.goals) do
    if not seen[goal.metric] then names[#names + 1] = goal.metric end
    seen[goal.metric] = true
  end
  for _, trial in ipairs(view.trials) do
    for name, value in pairs(trial.metrics) do rest[name] = rest[name] or type(value) == "number" or nil end
    local last = trial.reports[#trial.reports]
    for name in pairs(last and last.values or {}) do rest[name] = true end
  end
  for _, name in ipairs(sorted_keys(rest)) do
    if not seen[name] and name ~= "hours" then names[#names + 1] = name end
  end
  if not seen.hours then names[#names + 1] = "hours" end
  return names
end

-- Figures of one metric, named for how their epoch was chosen: by a label-free criterion, or on the test set.
local function variants(view)
  local heads = json.array {}
  for _, goal in ipairs(view.goals) do
    local several = false
    for _, trial in ipairs(view.trials) do several = several or #trial.reports > 1 end
    if several and goal.metric ~= "hours" then
      if view.select then
        heads[#heads + 1] = { name = goal.metric .. "@select", metric = goal.metric,
          head = ("%s (label-free epoch)"):format(goal.metric) }
      end
      heads[#heads + 1] = { name = goal.metric .. "@best", metric = goal.metric,
        head = ("%s (best on test)"):format(goal.metric) }
    end
  end
  return heads
end

local function values_of(view, names, heads)
  local values, trials = {}, view.trials
  for _, name in ipairs(names) do
    values[name] = columns.compact(#trials, function(i)
      local trial = trials[i]
      local value = trial.metrics[name]
      if value == nil and name == "hours" then value = trial.hours end
      return type(value) == "number" and columns.short(value) or nil
    end)
  end
  local value_of = require("calr.lab.study.view").value
  for _, head in ipairs(heads) do
    values[head.name] = columns.compact(#trials, function(i)
      local value = value_of(trials[i], head.name, view)
      return value and columns.short(value)
    end)
  end
  return values
end

-- ---- learning curves ----

-- {metrics=, steps={lists}, index={trial -> list, from 0, or -1}, values={metric -> {trial -> list or null}}}
local function curves_of(view, names)
  local with, metrics = 0, {}
  for _, trial in ipairs(view.trials) do
    if #trial.reports > 1 then
      with = with + 1
      for _, name in ipairs(names) do
        metrics[name] = metrics[name] or trial.reports[#trial.reports].values[name] ~= nil
          or trial.reports[1].values[name] ~= nil or nil
      end
    end
  end
  if with == 0 then return json.null end
  local used = json.array {}
  for _, name in ipairs(names) do
    if metrics[name] then used[#used + 1] = name end
  end
  local most = math.max(6, math.min(200, curve_budget // math.max(1, with * #used)))
  local result = { metrics = used, steps = json.array {}, index = {}, values = {}, thinned = false }
  local known = {}
  for _, name in ipairs(used) do result.values[name] = {} end
  for i, trial in ipairs(view.trials) do
    local reports = trial.reports
    result.index[i] = -1
    if #reports > 1 then
      local keep, steps = columns.thin(#reports, most), json.array {}
      result.thinned = result.thinned or #keep < #reports
      for j, at in ipairs(keep) do steps[j] = reports[at].step end
      local text = table.concat(steps, ",")
      if not known[text] then
        result.steps[#result.steps + 1] = steps
        known[text] = #result.steps - 1
      end
      result.index[i] = known[text]
      for _, name in ipairs(used) do
        local line = json.array {}
        for j, at in ipairs(keep) do line[j] = columns.short(reports[at].values[name], 5) end
        result.values[name][i] = line
      end
    else
      for _, name in ipairs(used) do result.values[name][i] = json.null end
    end
  end
  return result
end

-- ---- configurations ----

-- Names whose values differ between trials become columns; the others are listed once.
local function configurations(view)
  local trials, names = view.trials, {}
  for _, trial in ipairs(trials) do
    for name in pairs(trial.config) do names[name] = true end
  end
  local common, varying = {}, {}
  for _, name in ipairs(sorted_keys(names)) do
    local first, same = columns.scalar(trials[1].config[name]), true
    for i = 2, #trials do
      if columns.scalar(trials[i].config[name]) ~= first then
        same = false
        break
      end
    end
    if same then
      common[name] = first
    else
      varying[name] = columns.compact(#trials, function(i) return columns.scalar(trials[i].config[name]) end)
    end
  end
  if #trials == 0 then
    for name, value in pairs(view.base or {}) do common[name] = columns.scalar(value) end
  end
  return common, varying
end

local function parameter(p)
  local choices
  if p.choices then
    choices = json.array {}
    for i, value in ipairs(p.choices) do choices[i] = columns.scalar(value) end
  end
  return { name = p.name, kind = p.kind, low = p.low, high = p.high, log = p.log or false, step = p.step,
    choices = choices, parent = p.parent and { name = p.parent.name, value = columns.scalar(p.parent.value) } }
end

local function parts_of(view)
  local parts = json.array {}
  for i, part in ipairs(view.parts) do
    local labels, parameters = json.array {}, json.array {}
    for r, row in ipairs(part.rows or {}) do labels[r] = tostring(row.label or "#" .. r) end
    for p, item in ipairs(part.parameters or {}) do parameters[p] = parameter(item) end
    parts[i] = { kind = part.kind, of = part.of, sampler = part.sampler, trials = part.trials, confirm = part.confirm,
      prune = part.prune, labels = labels, parameters = parameters }
  end
  return parts
end

-- ---- trials ----

-- A command with \1 in place of its trial's key.
local function template(trial)
  local command = trial.command
  if not command then return nil end
  local from, to = command:find(trial.key, 1, true)
  return from and command:sub(1, from - 1) .. "\1" .. command:sub(to + 1) or command
end

local function number_column(trials, field)
  local list = json.array {}
  for i, trial in ipairs(trials) do list[i] = trial[field] or json.null end
  return list
end

local function trials_of(view, origin)
  local trials = view.trials
  local function shared(field)
    return columns.shared(#trials, function(i) return trials[i][field] end)
  end
  local function seconds(field, base)
    local list = json.array {}
    for i, trial in ipairs(trials) do list[i] = columns.fixed(trial[field] and trial[field] - base, 3) end
    return list
  end
  local notes = json.array {}
  for i, trial in ipairs(trials) do
    if #(trial.notes or {}) > 0 then notes[#notes + 1] = { i - 1, json.array(table.move(trial.notes, 1, #trial.notes, 1,
      {})) } end
  end
  return {
    count = #trials, key = number_column(trials, "key"), number = number_column(trials, "number"),
    part = shared "part", row = number_column(trials, "row"), seed = shared "seed", state = shared "state",
    stale = shared "stale", why = shared "stale_why", error = shared "error", host = shared "host",
    worker = shared "worker", attempt = shared "attempt", deaths = shared "deaths", threads = shared "threads",
    data = shared "data", code = shared "code",
    folder = columns.shared(#trials, function(i)
      local path = trials[i].folder
      return path and (path:gsub(trials[i].key, "\1", 1))
    end),
    label = columns.shared(#trials, function(i)
      local trial = trials[i]
      local part = view.parts[trial.part]
      local row = part and part.rows and part.rows[trial.row]
      return not (row and row.label == trial.label) and trial.label or nil
    end),
    run = columns.shared(#trials, function(i)
      local path = trials[i].folder and ("%s/%s/run"):format(view.folder, trials[i].folder)
      return path and sys.exists(path .. "/run.json") or nil
    end),
    planned = columns.shared(#trials, function(i) return trials[i].in_plan end),
    started = seconds("started", origin), seconds = seconds("seconds", 0),
    command = columns.shared(#trials, function(i) return template(trials[i]) end), notes = notes,
  }
end

-- ---- time ----

-- The first and the last moment recorded in the study's files.
local function period(view)
  local first, last
  local function see(t)
    if not t then return end
    first, last = math.min(first or t, t), math.max(last or t, t)
  end
  for _, worker in ipairs(view.workers) do
    see(worker.started)
    see(worker.last)
  end
  for _, trial in ipairs(view.trials) do
    see(trial.started)
    see(trial.ended)
    local report = trial.reports[#trial.reports]
    see(report and report.t)
  end
  return first or view.created or 0, last or view.created or 0
end

local function workers_of(view, origin, last)
  local index = {}
  for i, trial in ipairs(view.trials) do index[trial.key] = i - 1 end
  local workers, attempts = json.array {}, { worker = json.array {}, trial = json.array {}, attempt = json.array {},
    start = json.array {}, stop = json.array {} }
  local states = {}
  for w, worker in ipairs(view.workers) do
    workers[w] = { id = worker.id, host = worker.host, pid = worker.pid, threads = worker.threads,
      alive = worker.alive or false, left = worker.left or false, cpu = worker.cpu,
      started = columns.fixed(worker.started and worker.started - origin, 3),
      last = columns.fixed(worker.last and worker.last - origin, 3) }
    for _, a in ipairs(worker.attempts or {}) do
      local n = #attempts.worker + 1
      attempts.worker[n], attempts.trial[n], attempts.attempt[n] = w - 1, index[a.key] or -1, a.attempt or 1
      attempts.start[n] = columns.fixed((a.start or origin) - origin, 3)
      attempts.stop[n] = columns.fixed((a.stop or (a.state == "running" and last) or worker.last or last) - origin, 3)
      states[n] = a.state
    end
  end
  attempts.state = columns.shared(#attempts.worker, function(i) return states[i] end)
  return workers, attempts
end

-- ---- for readers without scripts ----

local function plain(view)
  local lines = { { "label", "seed", "state", view.goals[1].metric } }
  for i = 1, math.min(#view.trials, 200) do
    local trial = view.trials[i]
    local value = trial.metrics[view.goals[1].metric]
    lines[#lines + 1] = { trial.label or trial.key, trial.seed or "", trial.stale and "stale" or trial.state,
      value and ("%.6g"):format(value) or "" }
  end
  return lines
end

local function is_goal(view, name)
  for _, goal in ipairs(view.goals) do
    if goal.metric == name then return true end
  end
  return false
end

--- calr.lab.report.study.collect(view [, {versus=}])
--- @param versus  label of the row to compare the others with; default: the first
--- @return table  input for calr.report.page
function study.collect(view, options)
  if #view.goals == 0 then view.goals[1] = { metric = "mAP", direction = "max" } end -- a study without a plan yet
  local names = metric_names(view)
  local heads = variants(view)
  local origin, last = period(view)
  local common, varying = configurations(view)
  local workers, attempts = workers_of(view, origin, last)
  local goals, compared = json.array {}, {}
  for _, goal in ipairs(view.goals) do compared[#compared + 1] = goal.metric end
  for _, head in ipairs(heads) do compared[#compared + 1] = head.name end
  for _, name in ipairs(names) do
    if not name:find "loss" and name ~= "hours" and not is_goal(view, name) then compared[#compared + 1] = name end
  end
  for i, goal in ipairs(view.goals) do goals[i] = { metric = goal.metric, direction = goal.direction } end
  return {
    kind = view.kind or "study", title = view.name, name = view.name, goals = goals, select = view.select,
    seeds = json.array(table.move(view.seeds or {}, 1, #(view.seeds or {}), 1, {})), folder = view.folder,
    script = view.script, command = view.command, created = view.created, origin = origin, last = last,
    code = view.code and { hash = view.code.hash, parts = view.code.parts }, data = view.data,
    calr = { version = sys.version.calr, revision = sys.version.revision },
    counts = view.counts, metrics = names, variants = heads, values = values_of(view, names, heads),
    curves = curves_of(view, names), common = common, config = varying, parts = parts_of(view),
    trials = trials_of(view, origin), workers = workers, attempts = attempts,
    comparisons = results.comparisons(view, compared, options and options.versus),
    members = results.members(view), importance = results.importance(view), notes = json.array(view.notes),
    plain = plain(view),
  }
end

return study
