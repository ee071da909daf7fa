-- A study as plain tables: what is planned, what is stale, which epoch a figure is from.
local check = require "check"
local code = require "calr.lab.study.code"
local plan = require "calr.lab.study.plan"
local store = require "calr.lab.study.record"
local sys = require "calr.sys"
local view = require "calr.lab.study.view"

local parts_now = { ["function"] = "f2", ["module losses"] = "m1" }
local parts_before = { ["function"] = "f1", ["module losses"] = "m1" }
local now, before = code.hash(parts_now), code.hash(parts_before)

local function new_study(dir, parts, changes)
  store.create(dir, { name = dir, goals = {}, seeds = { 1, 2 }, folder = sys.current_folder(),
    script = { path = "/somewhere/my study.lua" }, arguments = { "epochs=3" } })
  local goals = { { metric = "mAP", direction = "max" }, { metric = "loss", direction = "min" } }
  local written = { name = dir, goals = goals,
    select = { metric = "silhouette", direction = "max" }, seeds = { 1, 2 }, base = { epochs = 3, refine = "none" },
    parts = parts, code = now, codes = { [now] = parts_now, [before] = parts_before }, data = "d1" }
  for name, value in pairs(changes or {}) do written[name] = value end
  store.write_plan(dir, written)
end

-- Runs a trial of a row to its end, as a worker would.
local function run(st, part, row, seed, hash, data)
  local config = { epochs = 3, refine = "none" }
  for name, value in pairs(row.changes) do config[name] = value end
  local trial = plan.trial(part, { config = config, code = hash or now, data = data or "d1", label = row.label,
    number = row.number }, seed)
  st:trial(trial)
  local attempt = st:claim(trial.key)
  for step = 1, 3 do
    st:report(trial.key, attempt, step, { mAP = ({ 0.1, 0.5, 0.4 })[step], silhouette = ({ 0.3, 0.2, 0.1 })[step],
      loss = ({ 3, 1, 2 })[step] })
  end
  st:finish(trial.key, attempt, "finished", { values = { mAP = 0.4 }, seconds = 36 })
  return trial.key
end

local rows = { { label = "Baseline", changes = {} }, { label = "+ rule", changes = { refine = "pivot" } } }

check.test("planned trials stand in the order of the plan, seed by seed", function()
  new_study("order", { { kind = "ablate", rows = rows }, { kind = "grid", rows = {
    { label = "again", changes = {} }, { label = "epochs=9", changes = { epochs = 9 } } } } })
  local v = view.read "order"
  local labels = {}
  for i, trial in ipairs(v.trials) do labels[i] = trial.label .. " " .. trial.seed .. " " .. trial.part end
  check.equal(table.concat(labels, ", "),
    "Baseline 1 1, + rule 1 1, Baseline 2 1, + rule 2 1, epochs=9 1 2, epochs=9 2 2")
  check.equal(v.counts.waiting, 6)
  check.equal(v.trials[2].config.refine, "pivot")
  check.equal(v.trials[2].config.epochs, 3)
  check.equal(v.trials[2].changes.refine, "pivot")
  check.equal(v.trials[2].row, 2)
  check.equal(v.trials[1].in_plan, true)
  check.equal(v.trials[1].state, "waiting")
  check.equal(v.command, "calr study '/somewhere/my study.lua' epochs=3 --out " .. sys.absolute "order")
  check.equal(v.trials[1].command, v.command .. " --trial " .. v.trials[1].key)
  check.equal(v.code.parts["function"], "f2")
  check.equal(v.parts[1].rows[2].config.refine, "pivot")
  check.equal(v.start, sys.current_folder())
end)

check.test("figures: at the end, at the epoch that needs no labels, at the best epoch", function()
  new_study("figures", { { kind = "ablate", rows = rows } })
  do
    local st <close> = store.join "figures"
    run(st, 1, rows[1], 1)
  end
  local v = view.read "figures"
  local trial = v.trials[1]
  check.equal(v.counts.finished, 1)
  check.equal(v.counts.waiting, 3)
  check.equal(trial.metrics.mAP, 0.4)
  check.equal(trial.metrics.loss, 2) -- reported, not among what it ended with
  check.near(trial.metrics.hours, 0.01, 1e-12)
  check.equal(view.value(trial, "mAP"), 0.4)
  check.equal(view.value(trial, "mAP@select"), 0.1)
  check.equal(view.value(trial, "mAP@best"), 0.5)
  check.equal(view.value(trial, "loss@best"), 1)
  check.equal(view.value(trial, "loss@select"), 3)
  check.equal(view.value(trial, "nothing@best"), nil)
  check.equal(view.value(v.trials[2], "mAP"), nil)
  check.equal(view.value(v.trials[2], "mAP@best"), nil)
  check.fails("is not a figure of a trial", view.value, trial, "mAP@worst")
end)

check.test("results of other code and data are stale, and say why", function()
  new_study("stale", { { kind = "ablate", rows = rows } })
  local keys = {}
  do
    local st <close> = store.join "stale"
    keys.code = run(st, 1, rows[1], 1, before)
    keys.data = run(st, 1, rows[2], 1, now, "d0")
    keys.both = run(st, 1, rows[1], 2, before, "d0")
    keys.gone = run(st, 1, { label = "gone", changes = { epochs = 7 } }, 1)
    keys.good = run(st, 1, rows[2], 2)
  end
  local v = view.read "stale"
  check.equal(v.counts.stale, 3)
  check.equal(v.counts.waiting, 3)
  check.equal(v.counts.finished, 2)
  check.equal(v.by_key[keys.code].stale, "code")
  check.equal(v.by_key[keys.code].stale_why, "the function of the trials has changed")
  check.equal(v.by_key[keys.data].stale, "data")
  check.equal(v.by_key[keys.data].stale_why, "the data changed")
  check.equal(v.by_key[keys.both].stale, "code and data")
  check.equal(v.by_key[keys.both].stale_why, "the function of the trials has changed; the data changed")
  check.equal(v.by_key[keys.gone].stale, nil)
  check.equal(v.by_key[keys.gone].in_plan, false)
  check.equal(v.by_key[keys.good].in_plan, true)
  check.equal(v.by_key[keys.code].metrics.mAP, 0.4)
  check.equal(#v.trials, 8)
end)

check.test("searches: suggestions are rows, those that wait too; the best are confirmed", function()
  local parameters = { { name = "lr", kind = "float", low = 0, high = 1 },
    { name = "refine", kind = "choice", choices = { "none", "knn" } },
    { name = "refine.alpha", kind = "float", low = 0, high = 1, parent = { name = "refine", value = "knn" } } }
  new_study("search", { { kind = "search", parameters = parameters, sampler = { name = "tpe" }, trials = 4,
    confirm = 1 }, { kind = "confirm", of = 1 } })
  local points = { { lr = 0.1, refine = "none" }, { lr = 0.2, refine = "knn", ["refine.alpha"] = 0.5 },
    { lr = 0.1, refine = "none" }, { lr = 0.3, refine = "none" } }
  do
    local st <close> = store.join "search"
    for number, point in ipairs(points) do
      local config = { epochs = 3, refine = "none" }
      for name, value in pairs(point) do config[name] = value end
      check.ok(st:ask(1, number, config))
      if number <= 2 then run(st, 1, { label = "#" .. number, number = number, changes = point }, 1) end
    end
    run(st, 1, { label = "#2", number = 2, changes = points[2] }, 1, before) -- of earlier code
    check.ok(st:ask(2, 1, { epochs = 3, lr = 0.2, refine = "knn", ["refine.alpha"] = 0.5 }))
    run(st, 2, { label = "#2", changes = points[2] }, 2)
  end
  local v = view.read "search"
  check.equal(v.parts[1].sampler, "tpe")
  check.equal(#v.parts[1].rows, 4)
  check.equal(v.parts[1].rows[2].changes["refine.alpha"], 0.5)
  check.equal(v.parts[1].rows[1].changes.refine, "none")
  check.equal(v.parts[1].rows[1].changes["refine.alpha"], nil)
  check.equal(v.parts[2].rows[1].label, "#2")
  local seen = {}
  for i, trial in ipairs(v.trials) do
    seen[i] = ("%s/%d/%d/%s%s"):format(trial.label, trial.part, trial.seed, trial.state, trial.stale and "/stale" or "")
  end
  check.equal(table.concat(seen, " "),
    "#1/1/1/finished #2/1/1/finished #4/1/1/waiting #2/2/2/finished #2/1/1/finished/stale")
  check.equal(v.trials[3].number, 4)
  check.equal(v.trials[4].number, 2)
end)

check.test("a suggestion that names a rule of one's own has code of its own", function()
  sys.write_file("rule.lua", "return 1")
  new_study("rules", { { kind = "search", sampler = { name = "random" }, trials = 2,
    parameters = { { name = "refine", kind = "choice", choices = { "none", "rule.lua" } } } } })
  local own = code.with_files(parts_now, { refine = "rule.lua" })
  do
    local st <close> = store.join "rules"
    st:ask(1, 1, { epochs = 3, refine = "rule.lua" })
    st:keep_code(code.hash(own), own)
    st:keep_code(code.hash(own), own)
    run(st, 1, { label = "#1", number = 1, changes = { refine = "rule.lua" } }, 1, code.hash(own))
  end
  check.equal(view.read("rules").counts.stale, 0)
  check.equal(view.read("rules").counts.finished, 1)
  sys.make_folder "elsewhere"
  local path = sys.absolute "rules"
  sys.change_folder "elsewhere"
  check.equal(view.read(path).counts.finished, 1)
  check.equal(sys.current_folder():match "[^/]+$", "elsewhere")
  sys.change_folder ".."
  sys.write_file("rule.lua", "return 2")
  local v = view.read "rules"
  check.equal(v.counts.stale, 1)
  check.equal(v.counts.waiting, 1)
  check.equal(v.trials[2].stale_why, "file rule.lua has changed")
end)

check.test("workers and their attempts", function()
  new_study("workers", { { kind = "ablate", rows = rows } })
  local st <close> = store.join("workers", { threads = 3 })
  run(st, 1, rows[1], 1)
  local other = store.join "workers"
  other:close()
  local v = view.read "workers"
  check.equal(#v.workers, 2)
  check.equal(v.workers[1].id, st.worker)
  check.equal(v.workers[1].alive, true)
  check.equal(v.workers[1].left, false)
  check.equal(v.workers[1].threads, 3)
  check.equal(v.workers[1].pid, sys.pid())
  check.equal(v.workers[2].alive, false)
  check.equal(v.workers[2].left, true)
  local attempt = v.workers[1].attempts[1]
  check.equal(attempt.key, v.trials[1].key)
  check.equal(attempt.attempt, 1)
  check.equal(attempt.state, "finished")
  check.ok(attempt.stop >= attempt.start)
end)

check.finish()
