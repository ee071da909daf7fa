-- calr.study.importance: PED-ANOVA as Optuna's; views of searches and grids; means by value.
local check = require "check"
local fixture = require "study_fixture"
local importance = require "calr.lab.study.importance"

local golden = dofile(os.getenv "CALR_TEST_REFERENCE" .. "/statistics/importance.lua")

for i, case in ipairs(golden.cases) do
  check.test("PED-ANOVA as Optuna's, case " .. i, function()
    local values = importance.ped_anova(case.parameters, case.observations,
      { target = case.target, region = case.region })
    for name, value in pairs(case.importance) do
      check.near(values[name], value, 1e-9 * math.max(1, value), name)
    end
  end)
end

local function shares_of(result)
  local sum, by_name = 0, {}
  for i, p in ipairs(result.parameters) do
    sum = sum + p.share
    by_name[p.name] = p
    check.ok(i == 1 or p.importance <= result.parameters[i - 1].importance, "the most important first")
  end
  check.near(sum, 1, 1e-12)
  return by_name
end

check.test("a search", function()
  local result = importance.rank(fixture.search { trials = 120 })
  local by_name = shares_of(result)
  check.equal(result.part, 1)
  check.equal(result.metric, "mAP")
  check.equal(result.best, 7) -- a tenth of 64, rounded up
  check.equal(#result.parameters, 5)
  check.equal(by_name.lr.n, result.n)
  check.ok(by_name["refine.alpha"].n < result.n, "a parameter that not every configuration has")
  check.ok(by_name.lr.share > by_name["infomap.min_similarity"].share)
  local wider = importance.rank(fixture.search { trials = 120 }, { target = 0.25, region = 0.5, metric = "rank1" })
  check.equal(wider.best, 16)
  check.equal(wider.metric, "rank1")
end)

check.test("a grid, with and without its parameters listed", function()
  local view = fixture.grid {}
  local result = importance.rank(view)
  check.equal(result.n, 12, "configurations, not trials")
  check.ok(result.notes[1]:find("only 2 of 12", 1, true))
  view.parts[1].parameters = nil
  local derived = importance.rank(view)
  for i, p in ipairs(result.parameters) do
    check.equal(derived.parameters[i].name, p.name)
    check.near(derived.parameters[i].share, p.share, 1e-12)
  end
end)

check.test("nothing to rank", function()
  check.equal(importance.rank(fixture.ablation {}), nil)
  check.equal(importance.rank(fixture.grid {}, { part = 7 }), nil)
  local view = fixture.grid { seeds = 1 }
  for i, trial in ipairs(view.trials) do
    if i > 1 then trial.state, trial.metrics = "failed", {} end
  end
  local result = importance.rank(view)
  check.equal(result.n, 1)
  for _, p in ipairs(result.parameters) do check.ok(p.importance == 0 and p.share == 0) end
end)

check.test("means by value", function()
  local view = fixture.grid { seeds = 2 }
  local effect = importance.effect(view, { parameter = "infomap.k" })
  check.equal(#effect.bins, 4)
  check.equal(effect.direction, "max")
  local bin = effect.bins[2]
  check.equal(bin.value, 15)
  check.equal(bin.n, 3)
  local sum, best = 0, 0
  for _, trial in ipairs(view.trials) do
    if trial.config["infomap.k"] == 15 then sum = sum + trial.metrics.mAP / 6 end
  end
  check.near(bin.mean, sum, 1e-12)
  for _, t in ipairs { 0.03, 0.05, 0.07 } do
    local mean = 0
    for _, trial in ipairs(view.trials) do
      if trial.config["infomap.k"] == 15 and trial.config.temperature == t then mean = mean + trial.metrics.mAP / 2 end
    end
    best = math.max(best, mean)
  end
  check.near(bin.best, best, 1e-12)
end)

check.test("bins of numbers", function()
  local view = fixture.search { trials = 120 }
  local n = importance.rank(view).n
  local effect = importance.effect(view, { parameter = "lr", bins = 4 })
  check.equal(#effect.bins, 4)
  check.near(effect.bins[1].low, 1e-5, 0)
  check.near(effect.bins[4].high, 1e-3, 0)
  check.near(effect.bins[3].low, 1e-4, 1e-12, "equal in the logarithm")
  local count = 0
  for _, bin in ipairs(effect.bins) do count = count + bin.n end
  check.equal(count, n)
  check.equal(#importance.effect(view, { parameter = "infomap.k" }).bins, 7, "few values: a bin each")
  local kinds = importance.effect(view, { parameter = "refine" })
  check.equal(kinds.bins[1].label, "knn")
  check.equal(kinds.bins[1].n, importance.effect(view, { parameter = "refine", metric = "rank1" }).bins[1].n)
  local losses = importance.effect(fixture.large { trials = 50 }, { parameter = "x" })
  check.equal(losses.direction, "min")
  for _, bin in ipairs(losses.bins) do check.ok(bin.n == 0 or bin.best <= bin.mean) end
end)

check.test("10,000 trials", function()
  local view = fixture.large {}
  local began = os.clock()
  importance.rank(view)
  importance.effect(view, { parameter = "x" })
  check.ok(os.clock() - began < 5)
end)

check.test("errors", function()
  check.fails("no parameter \"k\"", importance.effect, fixture.grid {}, { parameter = "k" })
  check.fails("no such part", importance.effect, fixture.ablation {}, { parameter = "k" })
  check.fails("target < region", importance.ped_anova, {}, {}, { target = 0.5, region = 0.2 })
  check.fails("did you mean \"target\"", importance.ped_anova, {}, {}, { targets = 0.5 })
end)

check.finish()
