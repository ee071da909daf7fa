-- The folder of a study: claims, fencing, deaths, adoption, damaged files.
local check = require "check"
local store = require "calr.study.store"
local sys = require "calr.sys"
local view = require "calr.study.view"

local count = 0
local function new_study(name)
  count = count + 1
  local dir = "study-" .. count
  store.create(dir, { name = name or "s", goals = { { metric = "mAP", direction = "max" } }, seeds = { 1 } })
  return dir
end

local function key_of(i)
  return sys.hash("trial " .. i):sub(1, 16)
end

local function announce(st, i)
  st:trial { key = key_of(i), cell = key_of("cell" .. i), config = { x = i }, seed = 1, part = 1, label = "#" .. i }
  return key_of(i)
end

check.test("one worker: claim, report, finish", function()
  local dir = new_study()
  local st <close> = store.join(dir)
  local key = announce(st, 1)
  check.equal(st:claim(key), 1)
  check.equal(st:claim(key), nil)
  st:report(key, 1, 1, { mAP = 0.25 })
  st:report(key, 1, 2, { mAP = 0.5 })
  st:note(key, 1, "a note")
  check.equal(st:finish(key, 1, "finished", { values = { rank1 = 0.75 }, seconds = 36 }), true)
  local trial = st.trials[key]
  check.equal(trial.state, "finished")
  check.equal(trial.metrics.mAP, 0.5)
  check.equal(trial.metrics.rank1, 0.75)
  check.near(trial.metrics.hours, 0.01, 1e-12)
  check.equal(st:claim(key), nil)
  local v = view.read(dir)
  check.equal(#v.trials, 1)
  check.equal(v.counts.finished, 1)
  check.equal(v.by_key[key].reports[2].values.mAP, 0.5)
  check.equal(v.by_key[key].notes[1], "a note")
  check.equal(v.workers[1].alive, true)
  check.equal(v.workers[1].attempts[1].state, "finished")
end)

check.test("two workers: a trial is claimed once, and both see its end", function()
  local dir = new_study()
  local a <close> = store.join(dir)
  local b <close> = store.join(dir)
  local key = announce(a, 1)
  check.equal(a:claim(key), 1)
  check.equal(b:claim(key), nil)
  b:refresh(true)
  check.equal(b.trials[key].state, "running")
  check.equal(b.trials[key].worker, a.worker)
  a:finish(key, 1, "finished", { values = { mAP = 1 }, seconds = 1 })
  local keys = b:refresh(true)
  check.equal(#keys, 1)
  check.equal(keys[1], key)
  check.equal(b.trials[key].metrics.mAP, 1)
  check.equal(b:claim(key), nil)
end)

check.test("failed ones are retried on request, interrupted ones at once", function()
  local dir = new_study()
  local a <close> = store.join(dir)
  local key = announce(a, 1)
  a:claim(key)
  check.ok(a:finish(key, 1, "interrupted", { seconds = 2 }))
  check.equal(a:claim(key), 2)
  check.ok(a:finish(key, 2, "failed", { error = "no luck", seconds = 1 }))
  check.equal(a.trials[key].error, "no luck")
  check.equal(a:claim(key), nil)
  check.equal(a:claim(key, 1), nil)
  check.equal(a:claim(key, 2), 3)
  check.ok(a:finish(key, 3, "pruned", { values = { mAP = 0.1 }, seconds = 1 }))
  check.equal(a:claim(key, true), nil)
  check.equal(a.trials[key].state, "pruned")
  check.near(a.trials[key].seconds, 4, 1e-9)
end)

check.test("suggestions are made once", function()
  local dir = new_study()
  local a <close> = store.join(dir)
  local b <close> = store.join(dir)
  check.equal(a:ask(1, 1, { x = 1 }), true)
  check.equal(b:ask(1, 1, { x = 2 }), false)
  check.equal(b:asks(1)[1].config.x, 1)
  check.equal(b:ask(1, 2, { x = 2 }), true)
  check.equal(b:ask(2, 1, { x = 3 }), true)
  a:refresh(true)
  check.equal(#a:asks(1), 2)
  check.equal(a:asks(1)[2].worker, b.worker)
end)

check.finish()
