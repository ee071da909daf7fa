-- The kill test: 8 workers of one study, which are killed (kill -9) or stand still for a while (SIGSTOP, SIGCONT) at
-- random moments, and are replaced. At the end every trial has ended exactly once, with the result that it has to
-- have.
local journal = require "calr.lab.study.journal"
local sys = require "calr.sys"
local view = require "calr.lab.study.view"

local cfg = require "calr.config" { dir = "study", kind = "grid", seconds = 10.0, trials = 80, seed = 1 }
local dir, duration, trials, seed = cfg.dir, cfg.seconds, cfg.trials, cfg.seed
local program, script = os.getenv "CALR", os.getenv "CALR_TEST_SOURCE" .. "/tests/kill/study.lua"
local patience, count, steps = 1, 8, 6
math.randomseed(seed)

local counts = { kills = 0, stops = 0, starts = 0 }

local function spawn(number)
  counts.starts = counts.starts + 1
  -- The first makes the study; half of the others come by its script, half by its folder.
  local command = (number % 2 == 1 or not sys.exists(dir .. "/plan.json"))
    and { program, "study", script, "trials=" .. trials, "kind=" .. cfg.kind, "--out", dir }
    or { program, "work", dir }
  for _, word in ipairs { "--threads", "1", "--patience", tostring(patience), "--quiet" } do
    command[#command + 1] = word
  end
  local log = ("%s.log.%d"):format(dir, number)
  return { number = number, log = log, process = sys.spawn { command = command, stdout = log, stderr = log } }
end

local workers, problems = {}, {}

local function problem(text, ...)
  problems[#problems + 1] = text:format(...)
end

-- Whether a worker has ended by itself, and how.
local function look(worker)
  local status, signal = worker.process:wait(0)
  if not status then return false end
  worker.ended = true
  if signal ~= 9 and status ~= 0 then
    problem("worker %d ended with status %d: see %s", worker.number, status, worker.log)
  end
  return true
end

local function all_done()
  if not sys.exists(dir .. "/plan.json") then return false end
  local counted = view.read(dir).counts
  return counted.finished == trials
end

local stopped = {} -- worker -> when it goes on
local function strike()
  local number = math.random(count)
  local worker = workers[number]
  if stopped[worker] then return end
  if worker.ended then
    workers[number] = spawn(number)
  elseif math.random() < 0.75 then
    if worker.process:kill "KILL" then counts.kills = counts.kills + 1 end
    worker.process:wait()
    workers[number] = spawn(number)
  elseif worker.process:kill "STOP" then
    counts.stops = counts.stops + 1
    stopped[worker] = sys.clock() + 4 * patience * math.random()
  end
end

local function wake(everybody)
  for worker, time in pairs(stopped) do
    if everybody or sys.clock() >= time then
      worker.process:kill "CONT"
      stopped[worker] = nil
    end
  end
end

for number = 1, count do
  workers[number] = spawn(number)
  while number == 1 and not sys.exists(dir .. "/plan.json") and not look(workers[1]) do sys.sleep(0.01) end
end
local start = sys.clock()
local checked = start
while sys.clock() - start < duration do
  sys.sleep(-math.log(1 - math.random()) * 0.25)
  sys.check_interrupt()
  wake(false)
  strike()
  if sys.clock() - checked > 5 then
    checked = sys.clock()
    if all_done() then break end
  end
end
local killing = sys.clock() - start
wake(true)
for number, worker in ipairs(workers) do
  if worker.ended then workers[number] = spawn(number) end
end

-- The rest goes on in peace, as long as it takes, but not without progress.
local function running()
  local n = 0
  for _, worker in ipairs(workers) do
    if not worker.ended and not look(worker) then n = n + 1 end
  end
  return n
end

local finished, progress = 0, sys.clock()
while running() > 0 do
  sys.sleep(0.5)
  sys.check_interrupt()
  local now = view.read(dir).counts.finished
  if now > finished then finished, progress = now, sys.clock() end
  if sys.clock() - progress > 60 then
    problem("%d workers run on, and nothing happens for a minute", running())
    for _, worker in ipairs(workers) do worker.process:kill "KILL" end
    break
  end
end

-- ---- what has come out

local function turn(state, step)
  state = (state * 6364136223846793005 + 1442695040888963407 + step) & 0x7fffffffffffffff
  return state ~ (state >> 29)
end

local ends, fenced, begun, resumed = {}, 0, 0, 0
local reader = journal.reader(dir .. "/journals")
reader:poll(function(record)
  if record.kind == "start" then begun = begun + 1 end
  if record.kind == "fenced" then fenced = fenced + 1 end
  if record.kind == "note" and record.text:find "^goes on" then resumed = resumed + 1 end
  if record.kind == "end" then
    ends[record.key] = ends[record.key] or {}
    table.insert(ends[record.key], record)
  end
end, true)

local function marker(key)
  local path = ("%s/claims/%s/%s.done"):format(dir, key:sub(1, 2), key)
  if sys.exists(path .. "2") then problem("trial %s has a second marker", key) end
  return sys.exists(path) and math.tointeger(tonumber(sys.read_file(path):match "^%d+"))
end

local function check_trial(trial)
  local value = trial.config.x * 7919
  for step = 1, steps do
    value = turn(value, step)
    local report = trial.reports[step]
    if not report or report.step ~= step or report.values.result ~= value % 1000003 then
      problem("trial %s, step %d: the report is missing or wrong", trial.key, step)
    end
  end
  if #trial.reports ~= steps then problem("trial %s has %d reports", trial.key, #trial.reports) end
  if trial.metrics.result ~= value % 1000003 then problem("trial %s has a wrong result", trial.key) end
  local counted, marked = 0, marker(trial.key)
  for _, record in ipairs(ends[trial.key] or {}) do
    if record.state == "finished" and record.attempt == (marked or trial.attempt) then counted = counted + 1 end
  end
  if counted ~= 1 then problem("trial %s has ended %d times", trial.key, counted) end
  if trial.attempt ~= (marked or trial.attempt) then problem("trial %s: another attempt counts", trial.key) end
end

local v = view.read(dir)
local takeovers = 0
for _, trial in ipairs(v.trials) do
  if trial.state == "finished" then
    check_trial(trial)
  else
    problem("trial %s is %s: %s", trial.key, trial.state, trial.error or "")
  end
  takeovers = takeovers + math.max(0, trial.top - 1)
end
if #v.trials ~= trials then problem("%d trials of %d", #v.trials, trials) end
print(("%s, %.0f s, seed %d: %d trials, %d attempts; %d workers started, %d killed, %d stopped for a while; "
  .. "%d attempts taken over, %d of them went on from a checkpoint; %d ends fenced; %d lines left out"):format(cfg.kind,
  killing, seed, #v.trials, begun, counts.starts, counts.kills, counts.stops, takeovers, resumed, fenced, #v.notes))
for i, text in ipairs(problems) do
  if i <= 20 then io.stderr:write(text, "\n") end
end
if #problems > 0 then error(("%d problems"):format(#problems), 0) end
if counts.kills < 1 + killing / 4 then error(("only %d kills"):format(counts.kills), 0) end
