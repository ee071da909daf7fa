--- @module calr.lab.study.record
--- The folder of a study, which any number of workers on any number of machines share.
---
---     study.json             name, goals, script: what the study is
---     plan.json              what to compute, as of the script's last run
---     codes/HASH.json        the parts of each code version that produced results
---     claims/KK/KEY.N        attempt N of trial KEY belongs to the worker named inside; created once, by link(2)
---     claims/KK/KEY.done     the attempt whose end counts; created once, so the first one stands
---     asks/PART-NNNNNN.json  suggestion N of a search; created once
---     journals/WORKER.jsonl  reports of a worker; only it appends
---     workers/WORKER.beat    its heartbeat (see calr.sys.heartbeat); WORKER.claimN: the file that its claims link to
---     trials/KEY/N/          files of an attempt
---
--- Nothing stays locked for others, and no time stamp decides anything. After a dead worker's attempt comes the next
--- one; if the worker had only stalled, the end of its attempt does not count: it is fenced. If a power cut has lost
--- the end that a marker names, the marker is void and KEY.done2 replaces it (and so on).

local claims = require "calr.lab.study.claims"
local errors = require "calr.errors"
local journal = require "calr.lab.study.journal"
local json = require "calr.json"
local ledger = require "calr.lab.study.ledger"
local plain = require("calr.traceback").plain
local pulse = require "calr.lab.study.pulse"
local sys = require "calr.sys"

local store = {}

local Store = {}
Store.__index = Store

local format_version = 1
local folders = { "claims", "asks", "journals", "workers", "trials", "codes" }
local deaths_allowed = 5

-- ---- the folder

local function read_json(path)
  local ok, value = pcall(json.decode, sys.read_file(path), path)
  if not ok then errors.fail("%s is damaged: %s", path, plain(value)) end
  if type(value) ~= "table" then errors.fail("%s is damaged: it does not hold an object", path) end
  return value
end

local function check_format(path, value)
  local found = math.tointeger(value.format)
  if not found or found < 1 then errors.usage("%s does not belong to a study: it has no format number", path) end
  if found > format_version then
    local by = type(value.calr) == "table" and value.calr.version
    errors.usage("%s has format %d%s; this program, calr %s, reads format %d: use a newer one", path, found,
      by and (", written by calr %s"):format(by) or "", sys.version.calr, format_version)
  end
  return value
end

--- calr.lab.study.record.is_study(dir)
--- @return boolean  whether a folder holds a study
function store.is_study(dir)
  return sys.exists(dir .. "/study.json")
end

--- calr.lab.study.record.read_header(dir)
--- Returns the contents of study.json; if it is missing or has a newer format, that is a usage error.
--- @return table
function store.read_header(dir)
  if not sys.exists(dir) then errors.usage("there is no study folder %s", dir) end
  if not sys.is_folder(dir) then errors.usage("%s is a file, not the folder of a study", dir) end
  local path = dir .. "/study.json"
  if not sys.exists(path) then errors.usage("%s is not the folder of a study: it has no study.json", dir) end
  return check_format(path, read_json(path))
end

--- calr.lab.study.record.read_plan(dir)
--- Returns the contents of plan.json.
--- @return table|nil  nil when no plan was saved
function store.read_plan(dir)
  local path = dir .. "/plan.json"
  if not sys.exists(path) then return nil end
  return check_format(path, read_json(path))
end

-- Calls fn; a refusal by the system is a usage error.
local function in_folder(dir, fn, ...)
  local ok, result = pcall(fn, ...)
  if ok then return result end
  if sys.is_interrupt(result) or errors.is_exit(result) then error(result, 0) end
  errors.usage("the study folder %s cannot be written: %s", dir, plain(result))
end

local function same(a, b)
  return json.encode(a) == json.encode(b)
end

--- calr.lab.study.record.create(dir, header)
--- Creates the folder of a study, or checks that it belongs to this study. The rest of the header may change from one
--- call to the next.
--- @param header  `name`, and goals, seeds, script, arguments, folder
--- @return table  the header with format, created and calr
function store.create(dir, header)
  local path = dir .. "/study.json"
  if sys.exists(dir) and not sys.exists(path) then
    if not sys.is_folder(dir) then errors.usage("%s is a file; a study needs a folder", dir) end
    if #sys.list(dir) > 0 and not sys.is_folder(dir .. "/claims") then
      errors.usage("the folder %s holds other files but no study; choose another with --out", dir)
    end
  end
  local new = {}
  for name, value in pairs(header) do new[name] = value end
  new.format, new.created = format_version, sys.time()
  new.calr = { version = sys.version.calr, revision = sys.version.revision }
  if not sys.exists(path) then
    in_folder(dir, function()
      for _, name in ipairs(folders) do sys.make_folder(dir .. "/" .. name) end
      sys.link_new(path, json.encode(new, { indent = 2 }) .. "\n")
    end)
  end
  local old = store.read_header(dir)
  if old.name ~= header.name then
    errors.usage("the folder %s holds the study \"%s\", not \"%s\"; choose another with --out", dir, old.name,
      header.name)
  end
  new.created = old.created
  if not same(old, new) then
    in_folder(dir, function() sys.write_file(path, json.encode(new, { indent = 2 }) .. "\n") end)
  end
  return new
end

-- ---- joining

local function new_name()
  local file <close> = assert(io.open("/dev/urandom", "rb"))
  local random = string.unpack("I4", file:read(4))
  return ("%s-%d-%08x"):format(sys.hostname():gsub("[^%w.-]", "_"), sys.pid(), random)
end

--- calr.lab.study.record.read_ledger(dir)
--- Returns an empty ledger of a study, see calr.study.ledger; the caller fills it.
--- @return ledger
function store.read_ledger(dir)
  return ledger.new(function(key) return claims.marked(dir, key) end)
end

local function register(self, options)
  for _, name in ipairs(folders) do sys.make_folder(self.dir .. "/" .. name) end
  self.worker = new_name()
  local period = math.min(2, self.patience / 10)
  self.journal = journal.writer(("%s/journals/%s.jsonl"):format(self.dir, self.worker))
  self.heart = sys.heartbeat(("%s/workers/%s.beat"):format(self.dir, self.worker), period, self.journal.file)
  self.watch.clock = function() return self.heart:count() * period end
  self:write { kind = "worker", worker = self.worker, host = sys.hostname(), pid = sys.pid(),
    threads = options.threads or sys.threads(), processors = sys.processors(), cpu = options.cpu,
    calr = { version = sys.version.calr, revision = sys.version.revision, library = options.library } }
end

--- calr.lab.study.record.join(dir, {threads=, cpu=, library=, read_only=false, patience=60})
--- Opens the folder of a study, as one of its workers unless `read_only`.
--- @param threads   for the worker's record: its threads, processor and calr's Lua files
--- @param patience  seconds after which a worker whose heartbeat does not change is dead
--- @return store    with `worker` (its name), `trials` (key -> trial, as in calr.study.view); a <close> variable
function store.join(dir, options)
  options = options or {}
  local header = store.read_header(dir)
  local self = setmetatable({ dir = dir, header = header, patience = options.patience or 60, made = {}, settled = {},
    announced = {}, codes = {}, sources = {}, own = {} }, Store)
  self.ledger = store.read_ledger(dir)
  self.trials = self.ledger.trials
  self.watch = pulse.watch(dir .. "/workers", self.patience)
  if not options.read_only then in_folder(dir, register, self, options) end
  self.reader = journal.reader(dir .. "/journals", self.worker)
  self.notes = self.reader.notes
  self:refresh(true)
  self.old_stops = self.ledger.stops
  return self
end

-- Adds a record to this worker's journal, and to this process's ledger.
function Store:write(record)
  if not self.journal then error("the study is open for reading only, or is closed", 3) end
  self.ledger:apply(self.journal:write(record), self.worker)
end

--- store:read([force])
--- Reads new records from the journals; the next refresh updates the states.
--- @param force   true: look for journals of new workers at once, not a few times a second
function Store:read(force)
  self.reader:poll(function(record, worker) return self.ledger:apply(record, worker) end, force)
end

--- store:refresh([force])
--- Reads new records from the journals and updates the states of trials.
--- @param force   true: look for journals of new workers at once, not a few times a second
--- @return table  list of the keys of trials that changed since the last call, by this worker or others
function Store:refresh(force)
  self:read(force)
  return self.ledger:settle()
end

--- store:alive(worker)
--- @return boolean  false: it has left or died
function Store:alive(worker)
  if worker == self.worker then return self.heart ~= nil end
  local known = self.ledger.workers[worker]
  return not (known and known.left) and self.watch:alive(worker)
end

--- store:others()
--- Returns the workers of this machine that live and are not this one, such as those of a command that was killed.
--- @return table  list of {id, host, pid, started}, by their time
function Store:others()
  local list = {}
  for id, worker in pairs(self.ledger.workers) do
    local gone = id == self.worker or worker.left
    if not gone and pulse.held(self.dir .. "/workers", id) then list[#list + 1] = worker end
  end
  table.sort(list, function(a, b)
    if a.started ~= b.started then return (a.started or 0) < (b.started or 0) end
    return a.id < b.id
  end)
  return list
end

--- store:problem()
--- @return string|nil  why this worker's heartbeat cannot be written: others will take it for dead
function Store:problem()
  return self.heart and self.heart:problem()
end

-- ---- claims

--- store:claim(key [, retry])
--- Claims the next attempt of a trial for this worker, if nobody has begun it, it was interrupted, or its worker has
--- died. A trial whose worker died 5 times in a row without progress fails instead.
--- @param retry          true: claim a failed one too; a number: claim it if that is its newest attempt
--- @return integer|nil  the number of the attempt; nil: it is done, failed, or runs elsewhere
function Store:claim(key, retry)
  if not self.journal then error("the study is open for reading only, or is closed", 2) end
  local number = claims.take(self, key, retry)
  if not number then return nil end
  local deaths = self.ledger:deaths_in_row(self.ledger:trial(key))
  self:write { kind = "start", key = key, attempt = number, threads = sys.threads() }
  if deaths < deaths_allowed then return number end
  self:write { kind = "end", key = key, attempt = number, state = "failed", seconds = 0,
    error = ("its worker died %d times: killed from outside, out of memory, or a crash"):format(deaths) }
end

--- store:trial(record)
--- Records what a trial is, before its first claim; a second call does nothing.
--- @param record  key, cell, config (flat), seed, code, data, part, number, label
function Store:trial(record)
  if self.announced[record.key] then return end
  self.announced[record.key] = true
  local trial = self.trials[record.key]
  if trial and trial.announced then return end
  self:write { kind = "trial", key = record.key, cell = record.cell, config = record.config, seed = record.seed,
    code = record.code, data = record.data, part = record.part, number = record.number, label = record.label }
end

--- store:report(key, attempt, step, values)
--- Adds a report to an attempt of this worker.
function Store:report(key, attempt, step, values)
  self:write { kind = "report", key = key, attempt = attempt, step = step, values = values }
end

--- store:note(key, attempt, text)
--- Adds a note to an attempt of this worker.
function Store:note(key, attempt, text)
  self:write { kind = "note", key = key, attempt = attempt, text = text }
end

--- store:checkpoint(key, attempt)
--- Records that a checkpoint was written, which counts as progress.
function Store:checkpoint(key, attempt)
  self:write { kind = "checkpoint", key = key, attempt = attempt }
end

--- store:fenced(key, attempt)
--- @return boolean  whether a later attempt has begun: this one no longer counts
function Store:fenced(key, attempt)
  local trial = self.trials[key]
  return trial.top > attempt or sys.exists(claims.path(self.dir, key, attempt + 1))
end

--- store:finish(key, attempt, state, {values=, error=, seconds=})
--- Ends an attempt of this worker.
--- @param state  "finished" or "pruned" end the trial for good; "failed" or "interrupted" only the attempt
--- @return boolean  false: the attempt was fenced (another one replaced it), and this end does not count
function Store:finish(key, attempt, state, result)
  local function fence()
    self:write { kind = "fenced", key = key, attempt = attempt, state = state }
    self.ledger:resolve(key)
    return false
  end
  if self:fenced(key, attempt) then return fence() end
  self:write { kind = "end", key = key, attempt = attempt, state = state, values = result and result.values,
    error = result and result.error, seconds = result and result.seconds }
  if (state == "finished" or state == "pruned") and not claims.settle(self, key, attempt) then return fence() end
  self.settled[key] = state == "finished" or state == "pruned"
  self.ledger:resolve(key)
  return true
end

--- store:settle()
--- Makes the markers of all trials whose end is in a journal but has none, because its worker was stopped in between.
function Store:settle()
  if not self.journal then error("the study is open for reading only, or is closed", 2) end
  claims.settle_all(self)
end

-- ---- suggestions

local function ask_path(self, part, number)
  return ("%s/asks/%d-%06d.json"):format(self.dir, part, number)
end

--- store:ask(part, number, config)
--- Records suggestion `number` (1, 2, ...) of a search.
--- @return boolean  false: another worker has recorded that number
function Store:ask(part, number, config)
  local record = { part = part, number = number, config = config, worker = self.worker }
  if not sys.link_new(ask_path(self, part, number), json.encode(record) .. "\n") then return false end
  record.kind = "ask"
  self:write(record)
  return true
end

--- store:asks(part)
--- Returns the suggestions of a search, by any worker.
--- @return table  number -> {number, config, worker}
function Store:asks(part)
  local asks = self.ledger:asks_of(part)
  -- A worker killed between writing the file and its journal line leaves only the file.
  local number = 1
  while true do
    while asks[number] do number = number + 1 end
    local text = sys.read_from(ask_path(self, part, number), 0)
    if not text then return asks end
    local ok, record = pcall(json.decode, text)
    if not (ok and type(record) == "table" and type(record.config) == "table") then
      record = { config = {}, worker = "unknown" } -- emptied by a power cut
    end
    asks[number] = { number = number, config = record.config, worker = record.worker }
  end
end

-- ---- files, stopping, the plan

--- store:folder(key, attempt)
--- Creates the folder for the files of an attempt.
--- @return string
function Store:folder(key, attempt)
  local path = ("%s/trials/%s/%d"):format(self.dir, key, attempt)
  sys.make_folder(path)
  return path
end

--- store:previous(key, attempt)
--- @return string|nil  the folder of the newest earlier attempt that has one
function Store:previous(key, attempt)
  for number = attempt - 1, 1, -1 do
    local path = ("%s/trials/%s/%d"):format(self.dir, key, number)
    if sys.is_folder(path) then return path end
  end
end

--- store:kept(key, attempt)
--- @return table  metric -> number: what earlier attempts reported before their checkpoints, as of the last refresh
function Store:kept(key, attempt)
  return self.ledger:kept(key, attempt)
end

--- store:stop()
--- Asks all current workers to stop.
function Store:stop()
  self:write { kind = "stop" }
end

--- store:stopped()
--- @return boolean  whether that was asked since this worker joined, as of the last refresh
function Store:stopped()
  return self.ledger.stops > self.old_stops
end

local function keep_code(dir, hash, parts)
  local path = ("%s/codes/%s.json"):format(dir, hash)
  if not sys.exists(path) then sys.link_new(path, json.encode(parts) .. "\n") end
end

--- store:keep_code(hash, parts)
--- Saves the parts of a code other than the plan's, such as for a suggestion that names the user's rule.
function Store:keep_code(hash, parts)
  if self.codes[hash] or not self.journal then return end
  self.codes[hash] = true
  keep_code(self.dir, hash, parts)
end

--- calr.lab.study.record.write_plan(dir, plan)
--- Writes plan.json and saves the parts of its code, so that results of older code can say what has changed.
--- @param plan  table; `format` is set
function store.write_plan(dir, plan)
  plan.format = format_version
  in_folder(dir, function()
    for hash, parts in pairs(plan.codes or {}) do keep_code(dir, hash, parts) end
    local text, path = json.encode(plan) .. "\n", dir .. "/plan.json"
    if not sys.exists(path) or sys.read_file(path) ~= text then sys.write_file(path, text) end
  end)
end

--- store:close()
--- Leaves the study; a second time does nothing.
function Store:close()
  if not self.journal then return end
  pcall(self.write, self, { kind = "leave" }) -- on a full disk others see its death
  pcall(self.journal.close, self.journal)
  self.heart:close()
  self.journal, self.heart = nil, nil
end

function Store.__close(self)
  self:close()
end

return store
