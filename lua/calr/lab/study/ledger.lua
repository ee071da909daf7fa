--- @module calr.lab.study.ledger
--- Combines the records of all journals of a study: trials, their attempts, their states.
---
--- Journals are read one after the other, so records of different workers arrive in any order; the result does not
--- depend on it. A trial's attempts are numbered; a marker settles which one counts (see calr.lab.study.record).

local merged = require "calr.tables".merged

local ledger = {}

-- Attempts and suggestions have whole numbers no larger than this. The numbers come from files, so no loop runs up to
-- one of them.
local largest = 1000000000

local function is_number(value)
  return math.type(value) == "integer" and value >= 1 and value <= largest
end

local Ledger = {}
Ledger.__index = Ledger

--- calr.lab.study.ledger.new(done)
--- @param done  function(key) that returns the number of the attempt that the newest marker of a trial names, or nil
--- @return ledger  with `trials` (by key), `workers` (by name), `asks` (by part: number -> {number, config, worker})
function ledger.new(done)
  return setmetatable({ trials = {}, workers = {}, asks = {}, changed = {}, stops = 0, done = done }, Ledger)
end

--- ledger:trial(key)
--- Returns the trial, made when unknown.
--- @return table
function Ledger:trial(key)
  local trial = self.trials[key]
  if not trial then
    trial = { key = key, state = "waiting", attempt = 0, top = 0, deaths = 0, attempts = {}, numbers = {},
      metrics = {}, reports = {}, notes = {} }
    self.trials[key] = trial
  end
  return trial
end

--- ledger:attempt(key, number, worker)
--- Returns an attempt of a trial, made when unknown.
--- @return table
function Ledger:attempt(key, number, worker)
  local trial = self:trial(key)
  local attempt = trial.attempts[number]
  if not attempt then
    attempt = { number = number, worker = worker, reports = {}, latest = {} }
    trial.attempts[number] = attempt
    local place = #trial.numbers + 1
    while place > 1 and trial.numbers[place - 1] > number do place = place - 1 end
    table.insert(trial.numbers, place, number) -- in ascending order
    trial.top = trial.numbers[#trial.numbers]
  end
  self:touch(key)
  return attempt
end

--- ledger:kept(key, number)
--- What the attempts before one reported before their checkpoints: they go on there, and report it no more.
--- @return table  metric -> the latest number
function Ledger:kept(key, number)
  local trial, kept = self:trial(key), {}
  for _, earlier in ipairs(trial.numbers) do
    if earlier < number then kept = merged(kept, trial.attempts[earlier].kept or {}) end
  end
  return kept
end

--- ledger:touch(key)
--- Marks the state of a trial as out of date.
function Ledger:touch(key)
  if self.changed[key] then return end
  self.changed[key] = true
  self.changed[#self.changed + 1] = key
end

local function worker_of(self, name, t)
  local worker = self.workers[name]
  if not worker then
    worker = { id = name, host = name:match "^(.*)%-%d+%-%x+$" or name, pid = tonumber(name:match "%-(%d+)%-%x+$"),
      started = t, left = false, attempts = {} }
    self.workers[name] = worker
  end
  return worker
end

--- ledger:asks_of(part)
--- @return table  number -> {number, config, worker}
function Ledger:asks_of(part)
  local asks = self.asks[part]
  if not asks then
    asks = {}
    self.asks[part] = asks
  end
  return asks
end

local end_states = { finished = true, failed = true, pruned = true, interrupted = true }

-- Records about an attempt.
local attempt_kinds = {}

function attempt_kinds.start(attempt, record, worker)
  attempt.started, attempt.threads = record.t, record.threads
  worker.attempts[#worker.attempts + 1] = attempt
end

function attempt_kinds.report(attempt, record)
  if math.type(record.step) ~= "integer" or type(record.values) ~= "table" then
    return "a report without step or values"
  end
  for name, value in pairs(record.values) do attempt.latest[name] = value end
  attempt.reports[#attempt.reports + 1] = { step = record.step, t = record.t, values = record.values }
end

function attempt_kinds.note(attempt, record, _, trial)
  trial.notes[#trial.notes + 1] = tostring(record.text)
end

-- What was reported before a checkpoint is not computed again.
function attempt_kinds.checkpoint(attempt)
  attempt.checkpoint = true
  attempt.kept = merged(attempt.latest, {})
end

attempt_kinds["end"] = function(attempt, record)
  if not end_states[record.state] then return "an end with an unknown state" end
  if type(record.values or {}) ~= "table" or type(record.seconds or 0) ~= "number" then
    return "an end without valid values or seconds"
  end
  attempt.state, attempt.values, attempt.error = record.state, record.values or {}, record.error
  attempt.seconds, attempt.ended = record.seconds, record.t
end

function attempt_kinds.fenced(attempt, record)
  attempt.fenced, attempt.ended = true, record.t
end

-- The other records.
local kinds = {}

-- Fields that only the ledger sets; no record may.
local own_fields = { kind = true, t = true, worker = true, id = true, attempts = true, last = true, left = true }

function kinds.worker(self, record, worker)
  for name, value in pairs(record) do
    if not own_fields[name] then worker[name] = value end
  end
  worker.started = record.t
end

function kinds.trial(self, record)
  if type(record.key) ~= "string" or type(record.config) ~= "table" then
    return "a trial without key or configuration"
  end
  if record.number ~= nil and not is_number(record.number) then
    return ("a trial with the number %s"):format(tostring(record.number))
  end
  local trial = self:trial(record.key)
  for _, name in ipairs { "cell", "config", "seed", "code", "data", "part", "number", "label" } do
    if trial[name] == nil then trial[name] = record[name] end
  end
  trial.announced = true
  self:touch(record.key)
end

function kinds.ask(self, record, worker)
  if not is_number(record.number) or type(record.config) ~= "table" or record.part == nil then
    return "a suggestion without part, number or configuration"
  end
  self:asks_of(record.part)[record.number] = { number = record.number, config = record.config,
    worker = record.worker or worker.id }
end

function kinds.leave(_, _, worker)
  worker.left = true
end

function kinds.stop(self)
  self.stops = self.stops + 1
end

--- ledger:apply(record, worker)
--- Adds a record from a worker's journal.
--- @return string|nil  what is wrong with it
function Ledger:apply(record, name)
  if type(record.t or 0) ~= "number" then return "a record whose time is not a number" end
  local worker = worker_of(self, name, record.t)
  worker.last = record.t
  local kind = attempt_kinds[record.kind]
  if kind then
    local number = record.attempt
    if type(record.key) ~= "string" or number == nil then return "a record without trial or attempt" end
    if not is_number(number) then return ("a record with the attempt %s"):format(tostring(number)) end
    local attempt = self:attempt(record.key, number, name)
    attempt.last = record.t
    return kind(attempt, record, worker, self.trials[record.key])
  end
  kind = kinds[record.kind]
  return kind and kind(self, record, worker) -- kinds from a later version are skipped
end

local function is_final(attempt)
  return attempt ~= nil and (attempt.state == "finished" or attempt.state == "pruned")
end

--- ledger:final(trial)
--- Returns the attempt that ended the trial for good. If only one attempt has such an end, it is that one, even without
--- a marker: if a worker was killed before it made the marker, the next that joins makes it. Among several, the marker
--- decides.
--- @return integer|nil
function Ledger:final(trial)
  if is_final(trial.attempts[trial.top]) and trial.top == 1 then return 1 end
  local ended
  for _, number in ipairs(trial.numbers) do
    if is_final(trial.attempts[number]) then
      ended = ended or number
    end
  end
  if not ended then return nil end
  local marked = self.done(trial.key)
  if marked and is_final(trial.attempts[marked]) then return marked end
  return ended == trial.top and ended or nil
end

local function seconds_of(attempt)
  if attempt.seconds then return attempt.seconds end
  return attempt.started and attempt.last and math.max(0, attempt.last - attempt.started) or 0
end

-- Reports of attempts 1 .. last, by step: those of the newest attempt with any, and for steps that it did not repeat
-- the newest of earlier attempts. (A worker thought dead may have written the checkpoint that a later attempt resumed
-- from.)
local function merge_reports(trial, last)
  if last <= 1 then return trial.attempts[1] and trial.attempts[1].reports or {} end
  local by_step, seen, limit = {}, {}, math.huge
  for place = #trial.numbers, 1, -1 do
    local number = trial.numbers[place]
    local reports = number <= last and trial.attempts[number].reports or {}
    for i = #reports, 1, -1 do
      local report = reports[i]
      if report.step < limit and not seen[report.step] then
        seen[report.step] = true
        by_step[#by_step + 1] = report
      end
    end
    if limit == math.huge and #reports > 0 then
      for _, report in ipairs(reports) do limit = math.min(limit, report.step) end
    end
  end
  table.sort(by_step, function(x, y) return x.step < y.step end)
  return by_step
end

local function metrics_of(trial, last)
  local metrics = {}
  for _, number in ipairs(trial.numbers) do
    if number > last then break end
    for name, value in pairs(trial.attempts[number].latest) do metrics[name] = value end
  end
  local attempt = trial.attempts[last]
  for name, value in pairs(attempt and attempt.values or {}) do metrics[name] = value end
  return metrics
end

--- ledger:resolve(key)
--- Derives the state of a trial from its attempts.
--- @return table  the trial
function Ledger:resolve(key)
  local trial = self.trials[key]
  local number = self:final(trial) or trial.top
  local attempt = trial.attempts[number]
  local seconds, deaths, last = 0, 0, 0
  for _, n in ipairs(trial.numbers) do
    local one = trial.attempts[n]
    seconds = seconds + seconds_of(one)
    if not (one.state or one.fenced) and n < trial.top then deaths = deaths + 1 end
    last = n <= number and n or last
  end
  trial.attempt, trial.deaths, trial.seconds, trial.hours = number, deaths, seconds, seconds / 3600
  trial.reports = merge_reports(trial, last)
  trial.metrics = metrics_of(trial, number)
  trial.metrics.hours = trial.hours
  if attempt then
    local worker = self.workers[attempt.worker] or {}
    trial.state = attempt.state or "running"
    trial.worker, trial.host, trial.threads = attempt.worker, worker.host, attempt.threads
    trial.started, trial.ended, trial.error = attempt.started, attempt.ended, attempt.error
  end
  return trial
end

--- ledger:settle()
--- Updates the trials that got records since the last call.
--- @return table  list of their keys
function Ledger:settle()
  local keys = self.changed
  self.changed = {}
  for i, key in ipairs(keys) do
    self:resolve(key)
    keys[key] = nil
  end
  return keys
end

--- ledger:deaths_in_row(trial)
--- Returns how many of the last attempts ended without a record of their end and without progress: no checkpoint, no
--- report of a later step.
--- @return integer
function Ledger:deaths_in_row(trial)
  local numbers = trial.numbers
  for place = #numbers, 1, -1 do
    local attempt = trial.attempts[numbers[place]]
    local count = trial.top - numbers[place] -- attempts without a record among them
    if attempt.state or attempt.fenced or attempt.checkpoint then return count end
    local reached = attempt.reports[#attempt.reports]
    if reached then
      local before = -math.huge
      for earlier = 1, place - 1 do
        for _, report in ipairs(trial.attempts[numbers[earlier]].reports) do
          before = math.max(before, report.step)
        end
      end
      if reached.step > before then return count end
    end
  end
  return trial.top
end

return ledger
