-- What calr watch shows, for made-up studies, and that following a study is the same as reading it anew.
local check = require "check"
local fixture = require "study_fixture"
local groups = require "calr.lab.study.table.groups"
local plan = require "calr.lab.study.plan"
local store = require "calr.lab.study.record"
local sys = require "calr.sys"
local text = require "calr.text"
local view = require "calr.lab.study.view"
local watch = require "calr.lab.study.watch"
local contains, lacks = check.contains, check.lacks

local start = 1763700000

local function frame(v, now, width, height)
  local lines = watch.frame(watch.summary(v), now or start + 1000, width or 100, height)
  return table.concat(lines, "\n"), lines
end

check.test("a search that runs", function()
  local v = fixture.search {}
  for _, trial in ipairs(v.trials) do
    if trial.state == "running" then trial.started = start + 900 + trial.number end
  end
  local shown = frame(v)
  contains(shown, "search  max mAP, begun 16 min 40 s ago", "57 of 60 trials",
    "31 finished  23 pruned  3 failed  2 running  1 waiting  1 stale", "min left",
    "best so far: mAP 46.4 %  #32  infomap.k=20 infomap.min_similarity=0.4683", "running\n", "#59  step 8",
    "\u{2581}", "\u{2588}", "41 s", "best trials", "failures", "#7: train.lua:41: loss is NaN in epoch 3", "node1 4001",
    "14 done", "workers (1 left in order)")
  lacks(shown, "(1 more)")
end)

check.test("time left comes from finished trials and the workers that live", function()
  local v = fixture.ablation { seeds = 4 }
  for i, trial in ipairs(v.trials) do
    trial.seconds = 100
    if i > 8 then trial.state, trial.metrics = "waiting", {} end
  end
  fixture.count(v)
  contains(frame(v), "no worker is running; calr work studies/refinement starts one", "8 of 16 trials")
  v.workers[1].alive, v.workers[1].left = true, false
  contains(frame(v), "about 13 min left") -- 8 x 100 s
  v.workers[2].alive, v.workers[2].left = true, false
  contains(frame(v), "about 7 min left")
  v.trials[9].state, v.trials[9].started = "running", start + 950
  contains(frame(fixture.count(v)), "about 6 min left") -- 7 x 100 s and 50 s
  for _, trial in ipairs(v.trials) do
    if trial.state == "finished" then trial.state, trial.seconds = "waiting", nil end
  end
  contains(frame(fixture.count(v)), "unknown until a trial has finished")
end)

check.test("an ablation shows the means of its rows", function()
  contains(frame(fixture.ablation {}), "done", "means so far", "+ cluster weights  6/6  44.9 %  \u{b1} 0.7", "24 of 24")
  local v = fixture.ablation {}
  v.trials[2].state, v.trials[2].metrics = "running", {}
  contains(frame(fixture.count(v)), "+ alignment        5/6", "23 of 24", "+ alignment, seed 1")
  contains(frame(fixture.empty()), "0 of 6 trials", "6 waiting", "Baseline      0/3")
end)

check.test("a search that suggests a configuration twice ends all the same", function()
  local v = fixture.goals {}
  check.ok(#v.trials < 40) -- some of its 40 suggestions are the same
  local s = watch.summary(v)
  check.equal(s.total, #v.trials)
  check.ok(s.is_over)
  v.parts[1].trials = 50
  s = watch.summary(v)
  check.equal(s.total, #v.trials + 10)
  check.ok(not s.is_over)
  -- One of its configurations belongs to an ablation, whose trial it shares.
  v = fixture.goals {}
  table.insert(v.parts, { kind = "ablate", rows = { v.parts[1].rows[1] } })
  v.trials[1].part, v.trials[1].row = 2, 1
  check.ok(watch.summary(v).is_over)
  check.equal(groups.identify { a = 1, b = { 2, 3 } }, groups.identify { b = { 2, 3 }, a = 1 })
end)

check.test("it fits every size", function()
  local studies = { fixture.ablation {}, fixture.search {}, fixture.search { confirm = 5 }, fixture.empty(),
    fixture.goals {}, fixture.grid {} }
  for _, v in ipairs(studies) do
    for _, size in ipairs { { 20, 4 }, { 40, 10 }, { 80, 24 }, { 120, 50 }, { 300, 100 } } do
      local _, lines = frame(v, start + 1e5, size[1], size[2])
      check.ok(#lines <= size[2])
      for _, line in ipairs(lines) do check.ok(text.width(line) <= size[1], line) end
    end
  end
  local low, lines = frame(fixture.search {}, nil, 80, 16)
  check.ok(#lines <= 16 and #lines >= 14)
  contains(low, "running", " more)")
end)

check.test("10,000 trials are summed up quickly", function()
  local v = fixture.large { trials = 10000 }
  local before = os.clock()
  local shown = frame(v)
  check.ok(os.clock() - before < 0.6, "it took " .. os.clock() - before .. " s")
  contains(shown, "10,000 of 10,000 trials", "best so far: loss 0.4001  #9473  x=-3.133 y=12.3")
end)

-- Everything that a view says of trials, as one text.
local function digest(v)
  local lines = {}
  for _, trial in ipairs(v.trials) do
    lines[#lines + 1] = ("%s %s %s %s %s %d %d %d %s %s"):format(trial.key, trial.label, trial.seed, trial.state,
      trial.in_plan, trial.attempt, trial.deaths, #trial.reports, trial.metrics.mAP, trial.stale_why)
  end
  for _, worker in ipairs(v.workers) do
    lines[#lines + 1] = ("%s %s %s %d"):format(worker.id, worker.alive, worker.left, #worker.attempts)
    for _, attempt in ipairs(worker.attempts) do
      lines[#lines + 1] = ("%s %s %s"):format(attempt.key, attempt.attempt, attempt.state)
    end
  end
  for _, state in ipairs { "waiting", "running", "finished", "failed", "dead", "stale" } do
    lines[#lines + 1] = state .. v.counts[state]
  end
  return table.concat(lines, "\n")
end

check.test("following a study is reading it anew", function()
  local rows = { { label = "a", changes = {} }, { label = "b", changes = { x = 2 } } }
  local function write_plan(code)
    store.write_plan("followed", { name = "followed", goals = { { metric = "mAP", direction = "max" } },
      seeds = { 1, 2 }, base = { x = 1 }, parts = { { kind = "ablate", rows = rows } }, code = code,
      codes = { [code] = { f = code } } })
  end
  store.create("followed", { name = "followed", goals = {}, seeds = { 1, 2 }, folder = sys.current_folder(),
    script = { path = "x.lua" } })
  write_plan "c1"
  local follower = view.follow "followed"
  local function same(expected)
    local v, changed = follower:refresh()
    check.equal(digest(v), digest(view.read "followed"))
    if expected ~= nil then check.equal(changed, expected) end
    return v
  end
  same(true)
  same(false)
  local st = store.join("followed", {})
  local function trial(row, seed, code)
    local config = { x = row }
    local t = plan.trial(1, { config = config, code = code or "c1", label = rows[row].label }, seed)
    st:trial(t)
    return t.key
  end
  local key = trial(1, 1)
  local attempt = st:claim(key)
  check.equal(same(true).counts.running, 1)
  st:report(key, attempt, 1, { mAP = 0.5 })
  same(true)
  st:finish(key, attempt, "finished", { values = { mAP = 0.6 }, seconds = 1 })
  check.equal(same(true).counts.finished, 1)
  local lost = trial(2, 1)
  st:claim(lost)
  same()
  st:close() -- in the middle of a trial
  check.equal(same(true).counts.running, 0)
  same(false)
  st = store.join("followed", {})
  trial(2, 1)
  attempt = st:claim(lost)
  same(true)
  if attempt then st:finish(lost, attempt, "failed", { error = "no" }) end
  same()
  sys.sleep(0.01)
  write_plan "c2222"
  local v = same(true)
  check.equal(v.counts.stale, 2)
  check.equal(v.counts.waiting, 4)
  st:close()
  same()
end)

check.finish()
