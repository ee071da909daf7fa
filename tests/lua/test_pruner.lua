-- calr.study.pruner: the decisions of Optuna's pruners on the same reports; what differs; errors.
local check = require "check"
local pruner = require "calr.lab.study.pruner"
local ranked = require "calr.lab.study.pruner.ranked"
local Rng = require "calr.rng"

local golden = dofile(os.getenv "CALR_TEST_REFERENCE" .. "/statistics/pruners.lua")

-- Tells a pruner the events of a history and compares each judgement.
local function replay(case, make)
  local decided = 0
  for i, event in ipairs(case.events) do
    local number, step, loss, pruned = table.unpack(event)
    if step == nil then
      make:ended { key = "t" .. number, state = "finished" }
    else
      local report = { key = "t" .. number, number = number, seed = 1, row = number, step = step, loss = loss }
      make:observe(report)
      local verdict, reason = make:judge(report)
      check.equal(verdict, pruned == 1, ("event %d, trial %d, step %d"):format(i, number, step))
      check.equal(reason ~= nil, verdict)
      if verdict then
        decided = decided + 1
        make:ended { key = report.key, state = "pruned" }
      end
    end
  end
  check.ok(decided > 0)
end

for i, case in ipairs(golden.cases) do
  check.test(("case %d, %s: as Optuna"):format(i, case.name), function()
    replay(case, pruner.load(case.name)(case.options))
  end)
end

-- Every report of the trials' curves, one trial after the other; the last steps that were not given up.
local function run_in_turn(p, curves)
  local reached = {}
  for number, curve in ipairs(curves) do
    local state = "finished"
    for step, loss in ipairs(curve) do
      local report = { key = "t" .. number, number = number, seed = 1, row = number, step = step, loss = loss }
      p:observe(report)
      reached[number] = step
      if p:judge(report) then
        state = "pruned"
        break
      end
    end
    p:ended { key = "t" .. number, state = state }
  end
  return reached
end

local function flat(loss, steps)
  local curve = {}
  for step = 1, steps do curve[step] = loss end
  return curve
end

check.test("ASHA lets one of eta go on", function()
  local curves = {}
  for i = 1, 40 do curves[i] = flat(i % 7 + i / 100, 30) end
  local reached = run_in_turn(pruner.make { name = "asha", min = 2, eta = 3 }, curves)
  local at = {}
  for _, step in ipairs(reached) do at[step] = (at[step] or 0) + 1 end
  for step in pairs(at) do check.ok(step == 2 or step == 6 or step == 18 or step == 30, "ends at a rung") end
  check.equal(reached[1], 30, "the first has nobody to be worse than")
  check.ok(at[2] >= 26)
end)

check.test("no rung at the end of a trial", function()
  local curves = { flat(1, 8), flat(2, 8), flat(3, 8), flat(4, 8) }
  local reached = run_in_turn(pruner.make { name = "asha", min = 8, eta = 2 }, curves)
  check.all_near(reached, { 8, 8, 8, 8 }, 0)
  local open = pruner.make { name = "asha", min = 8, eta = 2 }
  local bounded = pruner.make { name = "asha", min = 8, eta = 2, max = 8 }
  for number = 1, 3 do
    local report = { key = "t" .. number, number = number, step = 8, loss = number }
    check.equal((open:judge(report)), number > 1)
    check.equal((bounded:judge(report)), false)
  end
end)

check.test("a report told twice counts once, and one judged need not be observed", function()
  for _, name in ipairs { "asha", "median", "wilcoxon" } do
    local once, twice = pruner.make { name = name }, pruner.make { name = name }
    for number = 1, 12 do
      for step = 1, 5 do
        local report = { key = "t" .. number, number = number, row = number, seed = 1, step = step,
          loss = (number * 7 % 5) + 1 / step }
        twice:observe(report)
        twice:observe(report)
        check.equal((once:judge(report)), (twice:judge(report)), name)
      end
      once:ended { key = "t" .. number, state = "finished" }
      twice:ended { key = "t" .. number, state = "finished" }
      twice:ended { key = "t" .. number, state = "finished" }
    end
  end
end)

check.test("reports without the figure, or with NaN", function()
  for _, name in ipairs { "asha", "median", "hyperband" } do
    local p = pruner.make { name = name, max = name == "hyperband" and 9 or nil,
      startup = name == "median" and 1 or nil }
    run_in_turn(p, { flat(1, 8), flat(2, 3) })
    p:observe { key = "x", number = 7, step = 1 }
    check.equal((p:judge { key = "x", number = 7, step = 1 }), false, name .. ", nil")
    check.equal((p:judge { key = "y", number = 1, step = 3, loss = 0 / 0 }), true, name .. ", NaN")
    check.equal((p:judge { key = "z", number = 1, step = 3, loss = 0.5 }), false, name .. ": NaN is no competitor")
  end
  local p = pruner.make { name = "wilcoxon", by = "step" }
  run_in_turn(p, { { 1, 2, 3, 4, 5, 6 } })
  for step = 1, 6 do
    check.equal((p:judge { key = "nan", step = step, loss = step == 2 and 0 / 0 or 100 }), false)
  end
end)

check.test("Hyperband's brackets", function()
  local p = pruner.make { name = "hyperband", min = 1, max = 81, eta = 3 }
  check.equal(#p.brackets, 5)
  local counts = {}
  for number = 1, 5000 do
    local bracket = p:bracket(number)
    counts[bracket.rate] = (counts[bracket.rate] or 0) + 1
  end
  for s, share in ipairs { 81, 34, 15, 8, 5 } do -- ceil(5 * 3^r / (r + 1)) for r = 4 .. 0
    check.equal(p.shares[s], share)
    check.near(counts[s - 1] / 5000, share / 143, 0.03)
  end
  check.equal(#pruner.make({ name = "hyperband", min = 4, max = 4 }).brackets, 1)
end)

-- The seeds that a configuration got to see, where the best one has losses 1, 2, ... by seed.
local function seeds_of(p, shift, seeds)
  for seed = 1, seeds do
    for step = 1, 3 do
      local report = { key = "c" .. shift .. seed, row = "row " .. shift, seed = seed, step = step,
        loss = seed + shift + 3 - step + 0.01 * seed }
      p:observe(report)
      if p:judge(report) then return seed, step end
    end
    p:ended { key = "c" .. shift .. seed, state = "finished" }
  end
end

check.test("Wilcoxon by seeds", function()
  local p = pruner.make { name = "wilcoxon" }
  check.equal(seeds_of(p, 0, 6), nil, "nothing to compare with")
  local seed, step = seeds_of(p, 0.5, 6)
  check.equal(seed, 4, "four pairs, all worse: p = 1/16")
  check.equal(step, 1, "as soon as the running seed can be compared at its step")
  check.equal(seeds_of(p, -0.5, 6), nil, "a better one goes on")
  check.equal(p.best.id, "row -0.5")
  check.equal(seeds_of(pruner.make { name = "wilcoxon", p = 0.01 }, 0.5, 6), nil)
  local strict = pruner.make { name = "wilcoxon", p = 0.05 }
  seeds_of(strict, 0, 6)
  check.equal(seeds_of(strict, 0.5, 6), 5)
end)

check.test("Wilcoxon: the best configuration has the most seeds", function()
  local p = pruner.make { name = "wilcoxon" }
  local function finish(row, seed, loss)
    p:observe { key = row .. seed, row = row, seed = seed, step = 1, loss = loss }
    p:ended { key = row .. seed, state = "finished" }
  end
  finish("a", 1, 1)
  check.equal(p.best, nil, "one seed is not enough")
  finish("a", 2, 1)
  finish("b", 1, 2)
  finish("b", 2, 2)
  check.equal(p.best.id, "a")
  finish("a", 3, 9)
  check.equal(p.best.id, "a", "b's mean over two seeds says nothing against it")
  finish("b", 3, 6)
  check.equal(p.best.id, "b")
end)

check.test("a pruner of one's own", function()
  local path = os.getenv "CALR_TEST_TMP" .. "/never.lua"
  local file <close> = assert(io.open(path, "w"))
  file:write [[
    local check = require "calr.lab.study.pruner".check
    return function(options)
      local p = check("never", options, { patience = { default = 1 } })
      function p.observe() end
      function p.ended() end
      function p.judge() return false end
      return p
    end]]
  file:flush()
  local p = pruner.make { path, patience = 3 }
  check.equal(p.patience, 3)
  check.equal(p:judge {}, false)
  check.fails("the pruner never has no option \"patient\" (did you mean \"patience\"?)", pruner.make,
    { name = path, patient = 3 })
end)

check.test("the k-th smallest of what has come so far", function()
  local rng = Rng.open { seed = 2, purpose = "test", epoch = 0, index = 0 }
  for _, rank in ipairs { function(n) return (n + 1) // 2 end, function(n) return math.max(1, n // 4) end,
    function(n) return n end } do
    local heap, all = ranked.new(rank), {}
    check.equal(heap:cut(), nil)
    for n = 1, 300 do
      local value = rng:integer(1, 60) / 4
      heap:add(value)
      all[n] = value
      table.sort(all)
      local k = rank(n)
      local below, above = heap:cut()
      check.ok(below == all[k] and above == all[k + 1])
    end
  end
end)

check.test("10,000 trials", function()
  for _, description in ipairs { { "asha" }, { "median" }, { "hyperband", max = 20 }, { "wilcoxon", by = "step" } } do
    local p, began = pruner.make(description), os.clock()
    local rng = Rng.open { seed = 1, purpose = "test", epoch = 0, index = 0 }
    local count = description[1] == "wilcoxon" and 2000 or 10000
    for number = 1, count do
      local key, pruned = "t" .. number, false
      for step = 1, 10 do
        local report = { key = key, number = number, step = step, loss = rng:uniform() }
        p:observe(report)
        pruned = p:judge(report)
        if pruned then break end
      end
      p:ended { key = key, state = pruned and "pruned" or "finished" }
    end
    check.ok(os.clock() - began < 20, description[1])
    io.write(("%s: %.1f us a trial\n"):format(description[1], (os.clock() - began) / count * 1e6))
  end
end)

check.test("errors", function()
  check.fails("no pruner \"ahsa\" (did you mean \"asha\"?); there are: "
    .. "asha, hyperband, median, wilcoxon", pruner.load, "ahsa")
  check.fails("cannot load the pruner", pruner.load, "./no-such.lua")
  check.fails("did you mean \"min\"", pruner.make, { "asha", mim = 3 })
  check.fails("whole number of at least 2, not 1.5", pruner.make, { "asha", eta = 1.5 })
  check.fails("at least 0 below 1, not 2", pruner.make, { "wilcoxon", p = 2 })
  check.fails("by is one of seed, step, not row", pruner.make, { "wilcoxon", by = "row" })
  check.fails("needs max", pruner.make, { "hyperband" })
  check.fails("max is below min", pruner.make, { "hyperband", min = 5, max = 3 })
  check.fails("wants a table of options", pruner.load "median", 3)
end)

check.finish()
