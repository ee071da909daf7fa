--- @module calr.run
--- A run is a folder: what was computed, from what, and how it ended, in files that other tools can read.
---
---     run.json       script, configuration, difference from the defaults, seed, data, code, machine, exit reason
---     metrics.jsonl  one JSON object per line, append-only; bit-identical whether or not the run was interrupted
---     timing.jsonl   when each of those lines was written, and the phases before it: time and peak of memory
---     log.txt        log messages
---     tensorboard/   the numbers of metrics.jsonl for TensorBoard (`tensorboard --logdir RUN`)
---     checkpoints/   tensors (safetensors) and state, from which `calr run --resume DIR` continues
---     model.safetensors  the network that a finished run ends with (where the pipeline or run:model has named it)
---     start.safetensors  the weights that it started from, where these were not random
---     queries.csv    average precision and rank of the first match of each query, of the last evaluation
---     labels/        clusters and labels of every epoch, for `calr why` and `calr draw`: see calr.pipeline.history
---     snapshots/     features and clusters of some epochs, for `calr refine`: see calr.pipeline.snapshot
---
---     local run <close> = calr.run.open { config = cfg, data = data }
---     local tensors, state = run:restore "train"
---     if tensors then net:load_state(tensors) end
---     for epoch = state and state.epoch + 1 or 1, cfg.epochs do
---       ...
---       run:metric { epoch = epoch, mAP = mAP }
---       run:checkpoint("train", { tensors = net:state(), state = { epoch = epoch } })
---     end
---
--- When the script ends, the run is finished; if it fails or is interrupted, its record says so. calr.run.on calls
--- your own function after each epoch or checkpoint.

--- @class run
--- An open run. It ends with run:finish, or with the script.
--- @field path  string; its folder

local board = require "calr.run.board"
local arguments = require "calr.options"
local check_options = arguments.check
local config = require "calr.config"
local context = require "calr.context"
local errors = require "calr.errors"
local folder = require "calr.run.folder"
local identity = require "calr.run.identity"
local json = require "calr.json"
local phases = require "calr.phases"
local progress = require "calr.progress"
local sys = require "calr.sys"
local text = require "calr.text"
local userfile = require "calr.userfile"

local run = {}

local Run = {}
Run.__index = Run

local function timestamp()
  return os.date "!%Y-%m-%dT%H:%M:%SZ"
end

local function save_record(self)
  sys.write_file(self.path .. "/run.json", json.encode(self.record, { indent = 2 }) .. "\n")
end

-- Checks what the new record must share with the resumed one.
local function check_same(record, old, path)
  local difference = identity.difference(record, old)
  if difference then
    errors.usage("%s cannot be resumed: %s; start a new run, or resume with the original settings", path, difference)
  end
end

local function new_record(options, current)
  local cfg = options.config
  return {
    format = 1,
    status = "running",
    started = timestamp(),
    script = identity.script(options.script or current.script),
    folder = sys.current_folder(),
    arguments = json.array(table.move(current.overrides, 1, #current.overrides, 1, {})),
    config = cfg or {},
    difference = cfg and config.is(cfg) and config.difference(cfg) or {},
    files = identity.files(cfg),
    modules = identity.modules(),
    seed = options.seed or (cfg and cfg.seed),
    data = identity.data(options.data),
    network = identity.network(options.network),
    code = identity.code(),
    machine = identity.machine(),
    threads = sys.threads(),
  }
end

-- Continues the record of an earlier process.
local function continue_record(self, old)
  local now = self.record
  check_same(now, old, self.path)
  old.sessions = old.sessions or json.array()
  table.insert(old.sessions, { started = now.started, machine = now.machine, code = now.code })
  for _, note in ipairs(identity.changes(now, old)) do self:log("note: %s", note) end
  self.extended = identity.extension(now, old)
  if self.extended then
    old.extended = old.extended or json.array()
    table.insert(old.extended, { from = self.extended.from, to = self.extended.to, at = now.started })
    old.config.epochs, old.summary = self.extended.to, nil
    old.difference = now.difference
  end
  old.status, old.ended, old.error = "running", nil, nil
  old.arguments = old.arguments or now.arguments
  self.record = old
end

-- Cuts metrics.jsonl to the state of the newest checkpoint; later lines are computed, and written, again.
local function rewind(self)
  local path = self.path .. "/metrics.jsonl"
  local newest, broken = folder.newest(self.path)
  for _, message in ipairs(broken) do self:log("note: %s", message) end
  local length = newest and newest.metrics or 0
  local size = (sys.stat(path) or { size = 0 }).size
  if size < length then
    errors.fail("%s cannot be resumed: metrics.jsonl has %d bytes, its checkpoint expects %d", self.path, size, length)
  end
  if size > length then sys.truncate(path, length) end
  self.sequence = newest and newest.sequence or 0
  self.loaded = newest
end

-- Puts modules that were loaded since into the record, as they were when they were first seen: an edit while the run is
-- under way must not pass for what has run. Returns whether there were any.
local function note_modules(self)
  local known, new = self.record.modules or {}, false
  for name, hash in pairs(identity.modules()) do
    if not known[name] then known[name], new = hash, true end
  end
  self.record.modules = known
  return new
end

-- Without control characters: who reads the log in a terminal must see what names of others hold, not obey it.
local function write_log(self, line)
  if not self.log_file then return end
  self.log_file:write(os.date "%Y-%m-%d %H:%M:%S  " .. text.visible_lines(line) .. "\n")
end

-- The phases of all processes that worked on the run, work done twice included; nil when there were none.
local function all_phases(self)
  local sums = {}
  local path = self.path .. "/timing.jsonl"
  for line in (sys.exists(path) and sys.read_file(path) or ""):gmatch "[^\n]+" do
    local ok, entry = pcall(json.decode, line, path)
    if ok and type(entry) == "table" and type(entry.phases) == "table" then phases.add(sums, entry.phases) end
  end
  return next(sums) and sums or nil
end

-- What a run came to: its last evaluation, and where to look.
local function say_result(self)
  local found = self.evaluation
  if not found then -- of an earlier process
    for _, record in ipairs(run.metrics(self.path)) do found = record.evaluation or found end
  end
  if type(found) == "table" and found.mAP and found.rank1 then
    self:log("result: mAP %.1f %%, rank-1 %.1f %%", 100 * found.mAP, 100 * found.rank1)
  end
  if self.record.phases then self:log("time: %s", phases.text(self.record.phases, true)) end
  self:log("finished: %s/metrics.jsonl has every epoch; pictures and curves: calr report %s", self.path, self.path)
end

-- The network as the run leaves it. The same run gives the same file.
local function save_model(self)
  if not self.network_object then return end
  local model = self.record.model or {}
  require("calr.safetensors").save(self.path .. "/model.safetensors", self.network_object:state(),
    { network = model.from, config = json.encode(self.record.config) })
end

local function close(self, status, message)
  if self.closed then return end
  self.ledger:close()
  self.record.phases = all_phases(self)
  if status == "finished" then
    save_model(self)
    say_result(self)
  end
  self.closed = true
  self.leaving:remove()
  self.record.status, self.record.error, self.record.ended = status, message, timestamp()
  self.record.seconds = (self.record.seconds or 0) + sys.clock() - self.start
  note_modules(self)
  if message then pcall(write_log, self, status .. ": " .. message) end -- the program prints it
  local ok, problem = pcall(save_record, self)
  for _, file in ipairs { self.metrics, self.timing, self.log_file, self.board } do file:close() end
  self.log_file = nil
  -- Removing a lock lets two processes each hold one; nobody opens a finished run.
  if status == "finished" then pcall(sys.remove, self.path .. "/.lock") end
  self.lock:release()
  if not ok then
    if status == "finished" then error(problem, 0) end
    io.stderr:write("calr: ", tostring(problem), "\n") -- the error that ended the run matters more
  end
end

-- Ends a run with an error value, or nil for none.
local function close_by(self, problem)
  if self.closed then return end
  local reason = errors.is_exit(problem) and problem.reason
  if reason then return close(self, reason == "pruned" and "pruned" or "interrupted") end
  if problem == nil or (errors.is_exit(problem) and problem.status == 0) then return close(self, "finished") end
  if sys.is_interrupt(problem) then
    close(self, "interrupted")
  else
    close(self, "failed", tostring(problem))
  end
  self:tell("stop", problem)
end

--- calr.run.open{config=, data=, network=, script=, seed=, out=, resume=}
--- Makes the run folder, or opens the one named by `calr run --resume`. Nothing of an earlier run is overwritten: a
--- folder that holds a run, or is in use by another process, is refused.
--- @param config   from calr.config
--- @param data     a data set (anything with :fingerprint()), or a fingerprint (string); a different one is refused on
---                 resume
--- @param network  tensors by name, as from net:state(); other names or shapes are refused on resume
--- @param script   path of the script; default: the running one
--- @param seed     default: config.seed
--- @param out      the folder; default: --out, or runs/SCRIPT-DATE-TIME-N
--- @param resume   the folder of a run to resume; default: --resume
--- @return run     with `path`, the folder
function run.open(options)
  options = check_options("calr.run.open", options,
    { "config", "data", "network", "script", "seed", "out", "resume" })
  userfile.refuse_script "calr.run.open"
  local current = context.current()
  local record = new_record(options, current)
  local resume = options.resume or not current.resumed and current.resume or nil
  local path, lock, old
  if resume then
    path, lock, old = folder.reopen(resume, function(was) return identity.extension(record, was) ~= nil end)
    current.resumed = current.resumed or resume == current.resume
  else
    path, lock = folder.make(options.out or current.out, record.script.name)
  end
  local self = setmetatable({ path = path, lock = lock, record = record, sequence = 0, start = sys.clock(),
    context = current }, Run)
  sys.make_folder(path .. "/checkpoints")
  self.log_file = sys.append(path .. "/log.txt", { follow = false })
  if old then
    local ok, problem = pcall(function()
      continue_record(self, old)
      rewind(self)
    end)
    if not ok then
      lock:release()
      error(problem, 0)
    end
  end
  save_record(self)
  self.metrics = sys.append(path .. "/metrics.jsonl", { follow = false })
  self.timing = sys.append(path .. "/timing.jsonl", { follow = false })
  self.leaving = current:on("leave", function(problem) close_by(self, problem) end)
  self.ledger = phases.open()
  self:log("run folder: %s%s", path, self.loaded and (" (resumed after %s)"):format(self.loaded.name) or "")
  return self
end

local function check_open(self)
  if self.closed then error("the run in " .. self.path .. " is closed", 3) end
end

-- What a line of metrics is of, for the log: "epoch 3: ", "stage 1, camera 2, epoch 0: ".
local function name_of(values)
  local parts = {}
  if values.stage == "intra" or values.stage == "source" then
    parts[1] = values.stage == "intra" and "stage 1" or "source"
  end
  if values.camera then parts[#parts + 1] = "camera " .. tostring(values.camera) end
  if values.epoch then parts[#parts + 1] = "epoch " .. tostring(values.epoch) end
  return #parts > 0 and table.concat(parts, ", ") .. ": " or ""
end

--- run:metric(values)
--- Adds a line to metrics.jsonl. Values are numbers, strings, booleans and tables of them; NaN and infinity are an
--- error that names the metric. Do not add anything that differs between two equal runs (times, host names).
--- @param values  name -> value
function Run:metric(values)
  check_open(self)
  sys.check_interrupt()
  local ok, line = pcall(json.encode, values)
  if not ok then
    local what, where = line:match "cannot write (%a+) as JSON %(at (.-)%)"
    error(what and ("metric \"%s\" is %s"):format(where, what) or line, 2)
  end
  if type(values.evaluation) == "table" then self.evaluation = values.evaluation end
  self.metrics:write(line .. "\n")
  local now, spent = sys.time(), self.ledger:take()
  self.timing:write(json.encode { bytes = self.metrics:size(), time = now, elapsed = sys.clock() - self.start,
    phases = spent } .. "\n")
  if spent then write_log(self, name_of(values) .. phases.text(spent)) end
  if self.board then
    self.board:add(values, now)
  else
    self.board = board.open(self.path) -- with this line and those before it
  end
end

--- run:log(format, ...)
--- Logs a line: to log.txt, with the time, and to the terminal unless --quiet.
function Run:log(format, ...)
  local line = select("#", ...) > 0 and format:format(...) or format
  write_log(self, line)
  progress.print(line)
end

--- run:model{network=, from=}
--- Puts into the record what the run trains: run.json has it as `model`. A network that the script has built is no
--- network of its options: the record does not name one there.
--- @param network  layer
--- @param from     string; the name or path that it was made by; nil: the script has built it
function Run:model(values)
  check_open(self)
  local before = self.record.model or {}
  self.network_object = values.network
  self.record.model = identity.model(values.network, values.from)
  if not values.from and self.record.config.network then
    local cfg = {}
    for name, value in pairs(self.record.config) do cfg[name] = value end
    -- A resumed script is given the option again.
    self.record.model.option = before.option or cfg.network
    cfg.network = "script"
    self.record.config, self.record.difference.network = cfg, "script"
  end
  save_record(self)
end

--- run:weights(from, matched)
--- Puts into the record which weights the run started from (run.json has them as `weights`), and into the log what was
--- matched.
--- @param from     string; the path that was given
--- @param matched  table; what calr.weights.load has returned
function Run:weights(from, matched)
  check_open(self)
  self.record.weights = { from = from, file = matched.path, table = matched.key, how = matched.how,
    matched = #matched.loaded, missing = json.array(matched.missing), left_over = json.array(matched.unused) }
  for line in matched.report:gmatch "[^\n]+" do write_log(self, "weights: " .. line) end
  save_record(self)
end

--- run:checkpoint(name, {tensors=, state=})
--- Writes a checkpoint, completely or not at all; it is durable when this returns. The newest two of each name are
--- kept.
--- @param name     of the series: letters, digits, - and _; such as "stage1" and "stage2"
--- @param tensors  tensors by name (network, optimiser, memory)
--- @param state    table of what else is needed to resume, such as the epoch; JSON
function Run:checkpoint(name, content)
  check_open(self)
  if type(name) ~= "string" or not name:match "^[%w_-]+$" then
    error("a checkpoint's name is made of letters, digits, - and _", 2)
  end
  if note_modules(self) then save_record(self) end
  self.metrics:sync()
  self.sequence = self.sequence + 1
  folder.save(self.path, { sequence = self.sequence, name = name, metrics = self.metrics:size(),
    tensors = content.tensors or {}, state = content.state or {} })
  self.loaded = nil
  self:tell("checkpoint", name)
end

--- run:restore(name)
--- Returns the newest checkpoint of that name, in a resumed run.
--- @return table|nil  tensors by name; nil if there is none: start from scratch
--- @return table      state
function Run:restore(name)
  check_open(self)
  local newest = self.loaded
  if newest and newest.name == name then return newest.tensors, newest.state end
  newest = folder.newest(self.path, name)
  if newest then return newest.tensors, newest.state end
end

--- run:resumable()
--- @return boolean  whether there is a checkpoint to resume from
function Run:resumable()
  return folder.newest_file(self.path) ~= nil
end

--- run:finish([summary])
--- Marks the run as finished. The end of the script does the same.
--- @param summary  table of the final results, kept in run.json
function Run:finish(summary)
  check_open(self)
  if summary then
    self.record.summary = summary
    self:tell("finish", summary)
  end
  close(self, "finished")
end

function Run.__close(self, problem)
  close_by(self, problem)
end

--- calr.run.on(event, fn)
--- Subscribes to an event of the runs that this script opens:
---
--- - "epoch": fn(run, number, step) when an epoch of calr.pipeline.epochs has been recorded; the number counts from 1,
---   and step:figures() gives the epoch's figures;
--- - "checkpoint": fn(run, name) after each checkpoint;
--- - "finish": fn(run, summary) when run:finish has been given a summary;
--- - "stop": fn(run, problem) when an error or an interrupt has ended the run.
---
--- An error in the function ends the script. Runs of other scripts and of other trials do not call it.
---
---     calr.run.on("epoch", function(run, number, step)
---       run:log("epoch %d: loss %.3f", number, step:figures().loss)
---     end)
--- @param event  "epoch", "checkpoint", "finish" or "stop"
--- @return hook  hook:remove() ends the subscription, and so does the end of the block if it is a <close> variable
function run.on(event, fn)
  return context.current():on(event, fn)
end

--- run:tell(event, ...)
--- Calls the functions that have subscribed to an event, with this run and the values. It is for your own loops that
--- replace calr.pipeline.epochs.
function Run:tell(event, ...)
  self.context:tell(event, self, ...)
end

--- calr.run.read(path)
--- Returns the record of a run: run.json, with `status` "dead" if it says "running" but no process runs it.
--- @param path  a run folder
--- @return table
function run.read(path)
  return folder.read(path)
end

--- calr.run.metrics(path)
--- Returns the lines of metrics.jsonl of a run folder, without an incomplete last line.
--- @return table  list of tables
function run.metrics(path)
  local file = path .. "/metrics.jsonl"
  local list = {}
  if not sys.exists(file) then return list end
  for line in sys.read_file(file):gmatch "([^\n]*)\n" do list[#list + 1] = json.decode(line, file) end
  return list
end

arguments.counted("run:", Run)
return (arguments.counted("calr.run.", run))
