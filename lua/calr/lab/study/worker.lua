--- @module calr.lab.study.worker
--- The loop of a worker: claim a trial, run it, record how it ended, until nothing is left to claim.

local context = require "calr.context"
local current = require "calr.lab.study.current"
local errors = require "calr.errors"
local plan = require "calr.lab.study.plan"
local progress = require "calr.progress"
local script = require "calr.lab.study.script"
local search = require "calr.lab.study.search"
local sys = require "calr.sys"
local traceback = require "calr.traceback"
local trials = require "calr.lab.study.trial"

local worker = {}

local Worker = {}
Worker.__index = Worker

local terminal = { finished = true, pruned = true, failed = true }

--- calr.lab.study.worker.new(study, store, fn, options)
--- @param study    a complete study, with code and rows
--- @param store    as returned by calr.lab.study.record.join
--- @param fn       the function of the trials
--- @param options  retry (failed trials too), fail_fast
--- @return worker
function worker.new(study, store, fn, options)
  local self = setmetatable({ study = study, store = store, fn = fn, options = options, fixed = {}, first = 1,
    searches = {}, retry = {}, counts = {}, failed_here = 0 }, Worker)
  store:refresh()
  store:settle()
  if options.retry then
    for key, trial in pairs(store.trials) do
      if trial.state == "failed" then self.retry[key] = trial.attempt end
    end
  end
  for index, part in ipairs(study.parts) do
    if part.rows then
      for _, trial in ipairs(plan.trials(index, part, study.seeds)) do self.fixed[#self.fixed + 1] = trial end
    elseif part.kind == "search" then
      self.searches[#self.searches + 1] = { search = search.new(study, store, index), index = index, part = part }
    end
  end
  return self
end

function Worker:state(key)
  local trial = self.store.trials[key]
  if not trial then return "waiting" end
  if trial.state == "failed" and self.retry[key] == trial.attempt then return "waiting" end
  return trial.state
end

-- Claims a trial if possible.
function Worker:claim(trial)
  local known = self.store.trials[trial.key]
  local state = self:state(trial.key)
  if terminal[state] then return nil end
  if state == "running" and known.worker and self.store:alive(known.worker) then return nil end
  self.store:trial(trial)
  return self.store:claim(trial.key, self.retry[trial.key])
end

-- The next trial of the ablations and grids.
function Worker:next_fixed(list, state)
  while list[state.first] and terminal[self:state(list[state.first].key)] do state.first = state.first + 1 end
  local pending = false
  for i = state.first, #list do
    local trial = list[i]
    if not terminal[self:state(trial.key)] then
      local attempt = self:claim(trial)
      if attempt then return trial, attempt end
      if not terminal[self:state(trial.key)] then pending = true end
    end
  end
  return nil, nil, pending
end

-- The next trial of a search, or of its confirmation.
function Worker:next_of_search(entry)
  if not entry.complete then
    local trial, attempt, pending = entry.search:next(function(candidate) return self:claim(candidate) end)
    if trial then return trial, attempt, false, entry.search:judge(trial) end
    if pending then return nil, nil, true end
    entry.complete = true
  end
  if entry.part.confirm == 0 then return nil, nil, false end
  if not entry.confirmation then
    entry.confirmation, entry.first = entry.search:confirmation(entry.index + 1), 1
  end
  local trial, attempt, pending = self:next_fixed(entry.confirmation, entry)
  return trial, attempt, pending, trial and entry.search:judge(trial)
end

function Worker:next()
  local trial, attempt, pending = self:next_fixed(self.fixed, self)
  if trial then return trial, attempt end
  for _, entry in ipairs(self.searches) do
    local found, number, others, judge = self:next_of_search(entry)
    if found then return found, number, false, judge end
    pending = pending or others
  end
  return nil, nil, pending
end

-- How many trials there will be, and how many have ended.
function Worker:progress()
  local total, done = #self.fixed, 0
  for i = 1, #self.fixed do
    if i < self.first or terminal[self:state(self.fixed[i].key)] then done = done + 1 end
  end
  for _, entry in ipairs(self.searches) do
    total = total + entry.part.trials + (entry.confirmation and #entry.confirmation or 0)
    done = done + entry.search.asked - #entry.search.open
    for _, trial in ipairs(entry.confirmation or {}) do
      if terminal[self:state(trial.key)] then done = done + 1 end
    end
  end
  return done, total
end

-- A number from a trial's key, to seed math.random.
local function random_seed(key)
  return tonumber(key:sub(1, 8), 16), tonumber(key:sub(9, 16), 16)
end

-- Calls the trial's function as a script would be called; returns ok and its result, or the error value.
function Worker:call(trial, record)
  local fields = script.context_fields(self.store, trial, self.study.script)
  fields.quiet, fields.overrides = true, script.words(record.config, record.seed)
  if self.study.script then
    fields.values = {}
    for name, value in pairs(record.config) do fields.values[name] = value end
    if self.study.has_seed then fields.values.seed = record.seed end
  end
  math.randomseed(random_seed(record.cell))
  local inside = context.new(fields)
  current.attach(inside, trial)
  return xpcall(context.with, traceback.describe, inside, self.fn, trial)
end

local function message_of(problem)
  if errors.is_exit(problem) then return problem.message or ("it exited with status %d"):format(problem.status) end
  return tostring(problem)
end

-- How a trial ended: its state, what to record, and the error value to pass on, if any.
function Worker:outcome(trial, ok, result)
  if ok or (errors.is_exit(result) and result.status == 0 and not result.reason) then
    local fine, values = pcall(trial.result, trial, ok and result or nil, self.study.goals)
    if fine then return "finished", { values = values } end
    return "failed", { values = trial.last, error = tostring(values) }
  elseif errors.is_exit(result) and result.reason == "pruned" then
    return "pruned", { values = trial.last }
  elseif errors.is_exit(result) and result.reason == "fenced" then
    return "interrupted", { values = trial.last } -- the store knows that this end does not count
  elseif errors.is_exit(result) and result.reason == "warned" then
    self.warned = true
    return "interrupted", { values = trial.last }
  elseif sys.is_interrupt(result) then
    return "interrupted", { values = trial.last }, result
  end
  return "failed", { values = trial.last, error = message_of(result) }
end

--- worker:run_trial(record, attempt, judge, heard)
--- Runs one claimed trial to its end.
--- @param record   of calr.lab.study.plan.trial
--- @param judge    function(step, values) -> prune, reason; or nil
--- @param heard    function(step, values): called at each report; or nil
--- @return string  its state, or "fenced" if another worker has taken it over meanwhile
function Worker:run_trial(record, attempt, judge, heard)
  local start = sys.clock()
  local ok, config = pcall(plan.resolve, self.study, record.config, record.seed)
  local trial = trials.new(record, { config = ok and config, store = self.store, attempt = attempt,
    kept = self.store:kept(record.key, attempt),
    judge = (judge or heard) and function(step, values)
      if heard then heard(step, values) end
      if judge then return judge(step, values) end
    end })
  local result = config
  if ok then ok, result = self:call(trial, record) end
  local state, content, rethrow = self:outcome(trial, ok, result)
  content.seconds = sys.clock() - start
  local counted = self.store:finish(record.key, attempt, state, content)
  if content.seconds > 0.2 then collectgarbage() end
  if rethrow then error(rethrow, 0) end
  if not counted then return "fenced" end
  if state == "failed" then
    self.failed_here = self.failed_here + 1
    progress.print(("failed: %s, seed %d: %s"):format(record.label, record.seed, content.error:match "^[^\n]*"))
  end
  return state
end

local function short(values, goals)
  local parts = {}
  for _, goal in ipairs(goals) do
    if values[goal.metric] then parts[#parts + 1] = ("%s %.4g"):format(goal.metric, values[goal.metric]) end
  end
  return table.concat(parts, ", ")
end

--- worker:run()
--- Runs until nothing is left to claim and no other worker is running, or until it has to stop.
--- @return string  "complete", "warned" (the machine is about to be taken away) or "stopped" (a trial failed somewhere,
---                 with --fail-fast)
function Worker:run()
  local done, total = self:progress()
  local bar <close> = progress.new(self.study.name, total)
  local pause, shown = 0.05, sys.clock()
  bar:update(done)
  while true do
    sys.check_interrupt()
    local changed = self.store:refresh()
    for _, entry in ipairs(self.searches) do entry.search:changed(changed) end
    if self.warned or sys.warned() then return "warned" end
    if self.store:stopped() then return "stopped" end
    local record, attempt, pending, judge = self:next()
    if record then
      pause = 0.05
      local label = ("%s, seed %d"):format(record.label, record.seed)
      local state = self:run_trial(record, attempt, judge, function(step, values)
        bar:update(done, ("%s, step %d: %s"):format(label, step, short(values, self.study.goals)))
      end)
      if state == "failed" and self.options.fail_fast then
        self.store:stop()
        return "stopped"
      end
      done = done + 1
      for _, entry in ipairs(self.searches) do entry.search:changed { record.key } end
    elseif not pending then
      self.store:settle() -- other workers may have been killed meanwhile
      return "complete"
    else
      sys.sleep(pause)
      pause = math.min(2, pause * 1.5)
    end
    if sys.clock() - shown > 0.5 then
      done, bar.total = self:progress()
      shown = sys.clock()
      bar:update(done)
    end
  end
end

return worker
