--- @module calr.lab.study.execute
--- Implements S:run: the record, the workers, the dry run, a single trial. It is called with the study and the function
--- of its trials.

local config = require "calr.config"
local context = require "calr.context"
local identity = require "calr.run.identity"
local errors = require "calr.errors"
local plan = require "calr.lab.study.plan"
local progress = require "calr.progress"
local stores = require "calr.lab.study.record"
local sys = require "calr.sys"
local sorted_keys = require "calr.tables".sorted_keys
local text = require "calr.text"
local view = require "calr.lab.study.view"
local worker = require "calr.lab.study.worker"

-- Creates the record, or checks that it belongs to this study, and writes the plan.
local function open_record(study)
  local path = context.current().script
  local header = { name = study.name, goals = study.goals, seeds = study.seeds, arguments = study.arguments,
    script = { path = path and sys.exists(path) and sys.absolute(path) or nil },
    folder = sys.current_folder() }
  stores.create(study.folder, header)
  local before = stores.read_plan(study.folder)
  local now = plan.record(study)
  if before then
    local conflict = plan.conflict(now, before)
    if conflict then plan.refuse(study.folder, conflict) end
    for hash, parts in pairs(before.codes or {}) do now.codes[hash] = now.codes[hash] or parts end
  end
  stores.write_plan(study.folder, now)
end

-- Trials of the plan by key, and how many trials there will be.
local function planned_trials(study)
  local keys, total = {}, 0
  for index, part in ipairs(study.parts) do
    for _, trial in ipairs(part.rows and plan.trials(index, part, study.seeds) or {}) do
      if not keys[trial.key] then total = total + 1 end
      keys[trial.key] = trial
    end
    total = total + (part.trials or 0) + (part.kind == "confirm" and part.confirm * (#study.seeds - 1) or 0)
  end
  return keys, total
end

-- Reports results that no longer count and have not been recomputed yet, if any.
local function stale_note(study, st, planned)
  local strange = false
  for key, trial in pairs(st.trials) do
    strange = strange or not planned[key] and (not trial.number or trial.code ~= study.code_hash)
  end
  if not strange then return end
  local count, whys, labels, current = 0, {}, {}, {}
  local all = view.read(study.folder).trials
  for _, trial in ipairs(all) do
    if not trial.stale and trial.state == "finished" then current[trial.cell] = true end
  end
  for _, trial in ipairs(all) do
    if trial.stale and not current[trial.cell] then
      count = count + 1
      labels[#labels + 1] = ("%s, seed %d"):format(trial.label, trial.seed)
      whys[trial.stale_why or trial.stale] = true
    end
  end
  if count == 0 then return end
  local list = sorted_keys(whys)
  progress.print(("note: %d result%s stale and recomputed (the old ones stay in the record): %s"):format(count,
    count == 1 and " is" or "s are", table.concat(list, "; ")))
  progress.print("  " .. table.concat(labels, "; ", 1, math.min(#labels, 12))
    .. (#labels > 12 and ("; and %d more"):format(#labels - 12) or ""))
end

-- Says which workers of an earlier command still run: a command that is killed leaves them behind.
local function others_note(st)
  local others, pids, shown = st:others(), {}, {}
  if #others == 0 then return end
  for i, other in ipairs(others) do
    pids[i] = tostring(other.pid)
    if i <= 8 then shown[i] = tostring(other.pid) end
  end
  local one = #others == 1
  progress.print(("note: %d %s of an earlier command still %s here (%s %s%s) and %s part in this study, beside the new "
    .. "ones; to end %s: kill %s"):format(#others, one and "worker" or "workers", one and "runs" or "run",
    one and "process" or "processes", table.concat(shown, ", "), #others > 8 and ", ..." or "",
    one and "takes" or "take", one and "it" or "them", table.concat(pids, " ")))
end

-- The failed trials of the plan, in the order in which they began.
local function failures(study, st, planned)
  local list = {}
  for key, trial in pairs(st.trials) do
    if trial.state == "failed" and (planned[key] or trial.number and trial.code == study.code_hash) then
      list[#list + 1] = trial
    end
  end
  table.sort(list, function(x, y)
    if x.started ~= y.started then return (x.started or 0) < (y.started or 0) end
    return x.key < y.key
  end)
  return list
end

-- Ends the program as a worker's result demands.
local function conclude(how, failed)
  if #failed > 0 then
    context.current().status = 1
    io.stderr:write(("calr: %d trial%s failed:\n"):format(#failed, #failed == 1 and "" or "s"))
    for i, trial in ipairs(failed) do
      if i > 20 then
        io.stderr:write(("  ... and %d more\n"):format(#failed - 20))
        break
      end
      io.stderr:write(("  %s  %s, seed %d: %s\n"):format(trial.key, text.visible(trial.label), trial.seed,
        text.visible((trial.error or "?"):match "^[^\n]*")))
    end
    io.stderr:write "calr: to retry them, run the same command with --retry-failed\n"
  end
  if how == "warned" then errors.leave("warned", 75) end
  if how == "stopped" then errors.fail "stopped at the first failure (--fail-fast)" end
end

local function work_here(study, fn)
  local mode, planned = study.mode, planned_trials(study)
  local how, failed
  do
    local st <close> = stores.join(study.folder, { threads = sys.threads(), patience = mode.patience,
      cpu = sys.info().cpu, library = identity.code().library })
    stale_note(study, st, planned)
    if mode.kind ~= "work" then others_note(st) end
    how = worker.new(study, st, fn, { retry = mode.retry_failed, fail_fast = mode.fail_fast }):run()
    st:refresh()
    failed = failures(study, st, planned)
  end
  conclude(how, failed)
end

-- ---- several workers ----

local function spawn(study, threads, number)
  local mode = study.mode
  local command = { sys.paths.executable, "work", study.folder, "--threads", tostring(threads), "--quiet",
    "--trust" } -- the user of this command has named the script
  if mode.retry_failed then command[#command + 1] = "--retry-failed" end
  if mode.fail_fast then command[#command + 1] = "--fail-fast" end
  if mode.patience then table.move({ "--patience", tostring(mode.patience) }, 1, 2, #command + 1, command) end
  local log = ("%s/workers/local-%d.log"):format(study.folder, number)
  return { process = sys.spawn { command = command, stdout = log, stderr = log }, log = log, number = number }
end

local function last_lines(path)
  local ok, body = pcall(sys.read_file, path)
  if not ok then return "" end
  local lines = {}
  for line in body:gmatch "[^\n]+" do lines[#lines + 1] = "  " .. line end
  return table.concat(lines, "\n", math.max(1, #lines - 4))
end

local function show_progress(st, bar, planned)
  st:refresh()
  local done, running = 0, 0
  for _, trial in pairs(st.trials) do
    if not planned[trial.key] and not trial.number then
      goto continue
    elseif trial.state == "finished" or trial.state == "pruned" or trial.state == "failed" then
      done = done + 1
    elseif trial.state == "running" then
      running = running + 1
    end
    ::continue::
  end
  bar:update(done, ("%d running"):format(running))
end

local function signal_all(workers, name)
  for _, w in ipairs(workers) do
    if w.process then w.process:kill(name) end
  end
end

-- Stops the workers and waits until their last lines are in the record. After Ctrl-C process:wait no longer waits.
local function stop_all(workers)
  signal_all(workers, "TERM")
  local patience = sys.clock() + 30
  for _, w in ipairs(workers) do
    while w.process and not w.process:wait(0) and sys.clock() < patience do sys.sleep(0.02) end
  end
end

-- Polls one worker: nil while it runs, then how it ended.
local function look_after(w, study, threads, restarts)
  local status, signal = w.process:wait(0)
  if not status and not signal then return nil end
  w.process = nil
  if signal then
    restarts.count = restarts.count + 1
    progress.print(("worker %d was killed by signal %d%s"):format(w.number, signal,
      signal == 9 and " (out of memory?)" or ""))
    if restarts.count > restarts.limit then errors.fail("workers died %d times; see %s", restarts.count, w.log) end
    w.process = spawn(study, threads, w.number).process
    return nil
  end
  return status
end

local function work_in_processes(study, count)
  local mode = study.mode
  local threads = mode.threads or math.max(1, sys.processors() // count)
  local planned, total = planned_trials(study)
  local st <close> = stores.join(study.folder, { read_only = true })
  stale_note(study, st, planned)
  others_note(st)
  local bar <close> = progress.new(study.name, total)
  progress.print(("%d workers with %d thread%s each"):format(count, threads, threads == 1 and "" or "s"))
  local workers, restarts, told, warned = {}, { count = 0, limit = 5 + 2 * count }, false, false
  for number = 1, count do workers[number] = spawn(study, threads, number) end
  local ok, problem = pcall(function()
    local left = count
    while left > 0 do
      sys.sleep(0.2)
      sys.check_interrupt()
      show_progress(st, bar, planned)
      if sys.warned() and not told then
        told = true
        signal_all(workers, "USR1") -- on to the next checkpoint
      end
      left = 0
      for _, w in ipairs(workers) do
        local status = w.process and look_after(w, study, threads, restarts)
        if status == 75 then
          warned = true
        elseif status and status ~= 0 and status ~= 1 then
          errors.fail("worker %d ended with exit status %d:\n%s", w.number, status, last_lines(w.log))
        end
        if w.process then left = left + 1 end
      end
    end
  end)
  if not ok then
    stop_all(workers)
    error(problem, 0)
  end
  st:refresh()
  conclude(warned and "warned" or st:stopped() and "stopped" or "complete", failures(study, st, planned))
end

-- ---- --dry-run ----

local function mean_seconds(v, part, row)
  local sum, n = 0, 0
  for _, trial in ipairs(v and v.trials or {}) do
    if trial.state == "finished" and trial.seconds and (part == nil or trial.part == part and trial.label == row) then
      sum, n = sum + trial.seconds, n + 1
    end
  end
  return n > 0 and sum / n or nil
end

-- Trials of a search or of its confirmation that ended well; the first seed is that of the search.
local function done_in(v, index)
  local done = 0
  for _, trial in ipairs(v and v.trials or {}) do
    if trial.part == index and (trial.state == "finished" or trial.state == "pruned") then done = done + 1 end
  end
  return done
end

-- What the configurations name and is not there, each once; a data set that the study prepares is no matter.
local function missing(study)
  local needs, lines, seen = require "calr.pipeline.needs", {}, {}
  local function look(flat)
    for option, problem in pairs(needs.missing(plan.resolve(study, flat, study.seeds[1]))) do
      local made = option == "data" and study.prepare
      if not made and not seen[problem] then
        seen[problem], lines[#lines + 1] = true, ("missing: %s (%s)"):format(problem, option)
      end
    end
  end
  if not study.options then return lines end
  for _, part in ipairs(study.parts) do
    for _, row in ipairs(part.rows or {}) do look(row.config) end
    if not part.rows then look(study.base) end
  end
  table.sort(lines)
  return lines
end

local function dry_run(study)
  local exists = sys.exists(study.folder .. "/plan.json")
  local v = exists and view.read(study.folder) or nil
  local rows, left, unknown = {}, 0, false
  local overall = mean_seconds(v)
  local function add(part, label, count, done, kind)
    local cost = mean_seconds(v, part, label) or overall
    if cost then left = left + cost * (count - done) else unknown = unknown or count > done end
    rows[#rows + 1] = { part, kind, label, count, done, cost and text.duration(cost) or "?" }
  end
  for index, part in ipairs(study.parts) do
    for _, row in ipairs(part.rows or {}) do
      local done = 0
      for _, seed in ipairs(study.seeds) do
        local trial = v and v.by_key[plan.trial(index, row, seed).key]
        if trial and (trial.state == "finished" or trial.state == "pruned") then done = done + 1 end
      end
      add(index, row.label, #study.seeds, done, part.kind)
    end
    if part.kind == "search" then
      local done = done_in(v, index)
      add(index, ("%s over %d parameters%s"):format(part.sampler.name, #part.space.parameters,
        part.prune and ", pruned by " .. part.prune.name or ""), part.trials, done, "search")
    elseif part.kind == "confirm" then
      add(index, ("the best %d with all seeds"):format(part.confirm), part.confirm * (#study.seeds - 1),
        done_in(v, index), "confirm")
    end
  end
  print(text.table { title = ("%s: %s"):format(study.name, study.folder),
    columns = { "part", "kind", "configuration", { "trials", align = "right" }, { "done", align = "right" },
      { "each", align = "right" } }, rows = rows })
  print(("Seeds: %s. Goal: %s %s."):format(config.format(study.seeds), study.goals[1].direction, study.goals[1].metric))
  local n = #study.seeds
  local smallest = 2.0 ^ (1 - n)
  print(("Two rows compared over %d seed%s: the smallest p-value of the sign-flip test is %.3g%s."):format(n,
    n == 1 and "" or "s", smallest, smallest > 0.05 and ", so nothing can be significant at 0.05; 6 seeds allow 0.0312"
    or ""))
  if overall then
    print(("Left to do: about %s of one worker%s, judging by the finished trials."):format(text.duration(left),
      unknown and " (or more)" or ""))
  else
    print "The cost is not known yet: no trial has finished."
  end
  local lacking = missing(study)
  for _, line in ipairs(lacking) do print(line) end
  if #lacking > 0 then context.current().status = 1 end
end

-- ---- --trial KEY ----

local function find_trial(study, key)
  for index, part in ipairs(study.parts) do
    for _, trial in ipairs(part.rows and plan.trials(index, part, study.seeds) or {}) do
      if trial.key:sub(1, #key) == key then return trial end
    end
  end
  if sys.exists(study.folder .. "/plan.json") then
    for _, trial in ipairs(view.read(study.folder).trials) do
      if trial.key:sub(1, #key) == key then
        local row = { config = trial.config, label = trial.label, code = study.code_hash,
          data = study:fingerprint(trial.config) }
        return plan.trial(trial.part, row, trial.seed)
      end
    end
  end
  errors.usage("the study has no trial %s", key)
end

-- Runs one trial again, outside the record, and compares the results.
local function run_one(study, fn)
  local record = find_trial(study, study.mode.trial)
  local recorded = sys.exists(study.folder .. "/plan.json") and view.read(study.folder).by_key[record.key]
  local aside = ("%s/again-%s-%d"):format(study.folder, record.key, sys.pid())
  stores.create(aside, { name = study.name, goals = study.goals, seeds = study.seeds, arguments = study.arguments,
    script = {}, folder = sys.current_folder() })
  stores.write_plan(aside, plan.record(study))
  local state, metrics, problem
  do
    local st <close> = stores.join(aside, { threads = sys.threads() })
    local w = worker.new(study, st, fn, {})
    st:trial(record)
    state = w:run_trial(record, st:claim(record.key))
    st:refresh()
    metrics, problem = st.trials[record.key].metrics, st.trials[record.key].error
  end
  if state ~= "finished" then errors.fail("%s, seed %d: %s%s", record.label, record.seed, state,
    problem and ": " .. problem or "") end
  local rows = {}
  for _, name in ipairs(sorted_keys(metrics)) do
    if name == "hours" then goto continue end
    local before = recorded and recorded.metrics and recorded.metrics[name]
    rows[#rows + 1] = { name, config.format(metrics[name]), before and config.format(before) or false,
      before and (before == metrics[name] and "the same" or "differs") or false }
    ::continue::
  end
  print(text.table { title = ("%s, seed %d"):format(record.label, record.seed),
    columns = { "metric", { "now", align = "right" }, { "recorded", align = "right" }, "" }, rows = rows })
  print("The run is in " .. aside)
end

-- ---- a worker that joined ----

local function join_record(study, fn)
  local recorded = stores.read_plan(study.folder)
  if not recorded then errors.usage("%s has no plan yet; start it with calr study", study.folder) end
  if recorded.code ~= study.code_hash then
    errors.usage("the code of the trials has changed since the plan in %s was made; run calr study again, or bring the "
      .. "script back", study.folder)
  end
  work_here(study, fn)
  errors.exit(context.current().status)
end

return function(study, fn)
  local mode = study.mode
  if mode.kind == "dry-run" then return dry_run(study) end
  if mode.kind == "trial" then return run_one(study, fn) end
  if mode.kind == "work" then return join_record(study, fn) end
  open_record(study)
  if mode.workers == 0 then
    print(("%s is ready for workers: calr work %s"):format(study.name, text.quote(study.folder)))
    errors.exit(0)
  elseif (mode.workers or 1) > 1 then
    work_in_processes(study, mode.workers)
  else
    work_here(study, fn)
  end
end
