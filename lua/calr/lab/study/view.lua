--- @module calr.lab.study.view
--- Shows a study as plain tables: what is planned, what has been computed, and by which worker.
---
---     view.name, .folder, .format, .created, .script, .command (typed in the folder .start), .goals, .seeds, .select,
---                    .base
---     view.parts     kind ("ablate", "grid", "search", "confirm"), rows = { {label, config, changes} }, and for a
---                    search sampler, trials, confirm, prune, parameters
---     view.code      hash, parts (name -> hash);  view.data: a fingerprint
---     view.trials    planned ones in plan order, then recorded ones that are not in the plan
---     view.by_key    key -> trial
---     view.workers   id, host, pid, threads, alive, left, started, last, and their attempts (key, attempt, start,
---                    stop, state)
---     view.counts    waiting, running, finished, failed, pruned, interrupted, dead, stale
---     view.notes     sentences about lines of journals that could not be read
---
--- A trial has key, cell, number, part, row, label, config, changes, seed, in_plan, stale ("code", "data", "code and
--- data"), stale_why, state, attempt, deaths, metrics, reports = { {step, t, values} }, started, ended, seconds, hours,
--- worker, host, threads, error, notes, folder, command. `metrics` holds its final figures, or its last report if it
--- has not ended; `hours` is the sum over its attempts.

local code = require "calr.lab.study.code"
local journal = require "calr.lab.study.journal"
local json = require "calr.json"
local planned = require "calr.lab.study.planned"
local pulse = require "calr.lab.study.pulse"
local store = require "calr.lab.study.record"
local quote = require("calr.text").quote
local sys = require "calr.sys"

local view = {}

local views = setmetatable({}, { __mode = "k" }) -- trial -> its view
local kept = 0 -- KiB in use after the last full collection
local watches = {} -- folder -> watch: it takes two looks to see that a count stays the same

-- The command that was typed, in the folder where it was typed (header.folder).
local function command_of(header, dir)
  local script, start = header.script, header.folder
  local path = type(script) == "table" and script.path or type(script) == "string" and script or "SCRIPT.lua"
  local shown = path
  if start and path:sub(1, #start + 1) == start .. "/" then shown = path:sub(#start + 2) end
  local words = { "calr study", quote(shown) }
  for _, word in ipairs(header.arguments or {}) do words[#words + 1] = quote(tostring(word)) end
  if start and sys.absolute(dir) ~= ("%s/studies/%s"):format(start, header.name) then
    words[#words + 1] = "--out " .. quote(sys.absolute(dir))
  end
  return table.concat(words, " "), path
end

local function differences(config, base)
  local changes = {}
  for name, value in pairs(config) do
    local old = base[name]
    if old ~= value and not (type(old) == "table" and type(value) == "table"
      and json.encode(old) == json.encode(value)) then
      changes[name] = value
    end
  end
  return changes
end

local function code_parts(self, plan, hash)
  if (plan.codes or {})[hash] then return plan.codes[hash] end
  local path = ("%s/codes/%s.json"):format(self.folder, hash)
  if not hash or not sys.exists(path) then return nil end
  local ok, parts = pcall(json.decode, sys.read_file(path), path)
  return ok and type(parts) == "table" and parts or nil
end

local function code_change(self, plan, old, new)
  local before, now = code_parts(self, plan, old), code_parts(self, plan, new)
  local list = before and now and code.difference(now, before) or {}
  return #list > 0 and table.concat(list, ", ") or "the code changed"
end

-- Recorded trials that are not in the plan: results of other code or data, or of removed rows.
local function add_others(self, plan, book)
  local list, cells, reasons = {}, {}, {}
  for _, trial in ipairs(self.trials) do cells[trial.cell or ""] = trial end
  for key, trial in pairs(book.trials) do
    if not self.by_key[key] and trial.announced then list[#list + 1] = trial end
  end
  table.sort(list, function(a, b)
    if (a.started or 0) ~= (b.started or 0) then return (a.started or 0) < (b.started or 0) end
    return a.key < b.key
  end)
  for _, trial in ipairs(list) do
    local same = cells[trial.cell or ""]
    local hash, data = plan.code, plan.data
    if same then
      hash, data, trial.row, trial.part = same.code, same.data, trial.row or same.row, trial.part or same.part
    end
    local other_code, other_data = hash ~= nil and trial.code ~= hash, hash ~= nil and trial.data ~= data
    trial.in_plan, trial.changes = false, trial.changes or differences(trial.config, self.base)
    if other_code or other_data then
      trial.stale = other_code and other_data and "code and data" or other_code and "code" or "data"
      local why = reasons[trial.code or ""] or code_change(self, plan, trial.code, hash)
      reasons[trial.code or ""] = why
      local whys = { other_code and why or nil }
      if other_data then whys[#whys + 1] = "the data changed" end
      trial.stale_why = table.concat(whys, "; ")
    end
    self.by_key[trial.key] = trial
    self.trials[#self.trials + 1] = trial
  end
end

local function add_workers(self, book)
  local watch = watches[self.folder] or pulse.watch(self.folder .. "/workers", 60)
  watches[self.folder] = watch
  for id, worker in pairs(book.workers) do
    worker.alive = not worker.left and watch:alive(id)
    self.workers[#self.workers + 1] = worker
  end
  table.sort(self.workers, function(a, b)
    if (a.started or 0) ~= (b.started or 0) then return (a.started or 0) < (b.started or 0) end
    return a.id < b.id
  end)
end

local states = { "waiting", "running", "finished", "failed", "pruned", "interrupted", "dead" }

-- The files of the attempt that counts, or of the newest one before it with files.
local function newest_folder(self, trial)
  for number = trial.attempt, 1, -1 do
    local folder = ("trials/%s/%d"):format(trial.key, number)
    if sys.is_folder(self.folder .. "/" .. folder) then return folder end
  end
end

local function complete_trials(self, book)
  for _, name in ipairs(states) do self.counts[name] = 0 end
  self.counts.stale = 0
  local has_folder = {}
  for _, key in ipairs(sys.is_folder(self.folder .. "/trials") and sys.list(self.folder .. "/trials") or {}) do
    has_folder[key] = true
  end
  for _, trial in ipairs(self.trials) do
    local worker = book.workers[trial.worker]
    if trial.state == "running" and not (worker and worker.alive) then
      trial.state, trial.deaths = "dead", trial.deaths + 1
    end
    if has_folder[trial.key] then trial.folder = newest_folder(self, trial) end
    trial.command = ("%s --trial %s"):format(self.command, trial.key)
    local count = trial.stale and "stale" or trial.state
    self.counts[count] = (self.counts[count] or 0) + 1
    views[trial] = self
  end
end

-- The attempts that a worker's timeline shows.
local function complete_attempts(self, book)
  for key, trial in pairs(book.trials) do
    for number, attempt in pairs(trial.attempts) do
      attempt.key, attempt.attempt, attempt.start = key, number, attempt.started
      attempt.stop = attempt.ended or (number < trial.top or trial.state == "dead") and attempt.last or nil
      attempt.state = attempt.state or attempt.fenced and "fenced"
        or (number < trial.top or trial.state == "dead") and "dead" or "running"
    end
  end
end

local guesses = { running = true, dead = true, fenced = true }

-- Resets what a view said about attempts without an end: a worker that seemed dead may be alive after all.
local function forget_guesses(book)
  for key, trial in pairs(book.trials) do
    for _, attempt in pairs(trial.attempts) do
      if guesses[attempt.state] then attempt.state = nil end
    end
    if trial.state == "dead" then book:touch(key) end
  end
end

-- Makes the view of a ledger.
local function assemble(dir, header, book, reader)
  local plan = store.read_plan(dir) or {}
  local self = {
    name = header.name, folder = dir, format = header.format, created = header.created,
    goals = plan.goals or header.goals or {}, seeds = plan.seeds or header.seeds or { 1 },
    select = plan.select or header.select, base = plan.base or {}, parts = plan.parts or {},
    code = plan.code and { hash = plan.code, parts = (plan.codes or {})[plan.code] or {} }, data = plan.data,
    trials = {}, by_key = {}, workers = {}, counts = {}, start = header.folder,
  }
  self.command, self.script = command_of(header, dir)
  for _, part in ipairs(self.parts) do
    part.rows = part.rows or {}
    if type(part.sampler) == "table" then part.sampler, part.sampler_options = part.sampler.name, part.sampler end
  end
  book:settle()
  add_workers(self, book)
  planned.add(self, plan, book)
  add_others(self, plan, book)
  complete_trials(self, book)
  complete_attempts(self, book)
  self.notes = table.move(reader.notes, 1, #reader.notes, 1, {})
  for worker, sentence in pairs(reader:unfinished()) do
    if not (book.workers[worker] or {}).alive then self.notes[#self.notes + 1] = sentence end
  end
  return self
end

-- Calls fn without the collector: nearly everything allocated while reading a study stays, and scanning it again and
-- again would take half the time. Garbage of earlier views is collected first.
local function uncollected(fn, ...)
  local collecting = collectgarbage "isrunning"
  if collecting and collectgarbage "count" > 2 * kept + 50000 then
    collectgarbage()
    kept = collectgarbage "count"
  end
  collectgarbage "stop"
  local ok, result = pcall(fn, ...)
  if collecting then collectgarbage "restart" end
  if not ok then error(result, 0) end
  return result
end

local function open_journals(dir)
  return store.read_ledger(dir), journal.reader(dir .. "/journals")
end

local function read(dir)
  local header = store.read_header(dir)
  local book, reader = open_journals(dir)
  reader:poll(function(record, worker) return book:apply(record, worker) end, true)
  return assemble(dir, header, book, reader)
end

--- calr.lab.study.view.read(dir)
--- Reads a study without writing or locking anything in its folder. A folder that is not a study, or has a newer
--- format, is a usage error.
--- @return view
function view.read(dir)
  return uncollected(read, dir)
end

local Follower = {}
Follower.__index = Follower

--- calr.lab.study.view.follow(dir)
--- Follows a study: each refresh reads only what its journals have gained.
--- @return follower
function view.follow(dir)
  return setmetatable({ dir = dir, header = store.read_header(dir) }, Follower)
end

-- A mark that changes with the plan.
local function plan_mark(dir)
  local info = sys.stat(dir .. "/plan.json")
  return info and ("%s %s"):format(info.mtime, info.size) or "none"
end

-- A mark that changes with the set of living workers.
local function life_mark(self)
  local names, watch = {}, watches[self.dir]
  for id, worker in pairs(self.book.workers) do
    if not worker.left and watch and watch:alive(id) then names[#names + 1] = id end
  end
  table.sort(names)
  return table.concat(names, " ")
end

-- Reads what is new; returns whether there was anything.
local function catch_up(self)
  local mark = plan_mark(self.dir)
  if mark ~= self.plan then -- recompute what is planned and what is stale
    self.plan, self.view = mark, nil
    self.book, self.reader = open_journals(self.dir)
  end
  local gained = 0
  self.reader:poll(function(record, worker)
    gained = gained + 1
    return self.book:apply(record, worker)
  end, true)
  if self.view and gained == 0 and life_mark(self) == self.life then return false end
  forget_guesses(self.book)
  self.view = assemble(self.dir, self.header, self.book, self.reader)
  self.life = life_mark(self)
  return true
end

--- follower:refresh()
--- Updates the view. Trials of earlier views change too: a view is valid until the next call.
--- @return view
--- @return boolean  whether anything has changed since the last call; if not, the view is the last one
function Follower:refresh()
  local changed = uncollected(catch_up, self)
  return self.view, changed
end

local function direction_of(self, metric)
  for _, goal in ipairs(self and self.goals or {}) do
    if goal.metric == metric then return goal.direction end
  end
  return "max"
end

-- The report with the best value of a metric among those that also have the other metric; the earlier of equal ones.
local function best_report(trial, metric, direction, other)
  local best, at
  for _, report in ipairs(trial.reports) do
    local value = report.values[metric]
    if type(value) == "number" and value == value and type(report.values[other]) == "number"
      and (best == nil or (direction == "min" and value < best) or (direction ~= "min" and value > best)) then
      best, at = value, report
    end
  end
  return at
end

--- calr.lab.study.view.value(trial, column [, of])
--- Returns a figure of a trial of a view.
--- @param column  "mAP": its final figure; "mAP@select": at the report picked by the study's label-free criterion,
---                among those with this figure (epochs may be evaluated now and then); "mAP@best": the best over its
---                reports, which is chosen on the test set
--- @param of      the view; default: the view that the trial was read in
--- @return number|nil
function view.value(trial, column, of)
  local metric, variant = column:match "^(.+)@(%a+)$"
  if not metric then return trial.metrics[column] end
  of = of or views[trial]
  local report
  if variant == "select" then
    local select = of and of.select
    report = select and best_report(trial, select.metric, select.direction, metric)
  elseif variant == "best" then
    report = best_report(trial, metric, direction_of(of, metric), metric)
  else
    error(("\"%s\" is not a figure of a trial: use NAME, NAME@select or NAME@best"):format(column), 2)
  end
  return report and report.values[metric]
end

local counted = require("calr.options").counted
counted("follower:", Follower)
return (counted("calr.lab.study.view.", view))
