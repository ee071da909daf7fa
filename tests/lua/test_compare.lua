-- calr.study.compare: figures by seed, paired differences, best configurations, Pareto fronts, notes.
local check = require "check"
local compare = require "calr.study.compare"
local fixture = require "study_fixture"
local statistics = require "calr.statistics"

check.test("rows against a baseline", function()
  local view = fixture.ablation { seeds = 6 }
  local result = compare.rows(view, { versus = "Baseline" })
  check.equal(result.metric, "mAP")
  check.equal(result.direction, "max")
  check.equal(result.versus, 1)
  check.equal(result.comparisons, 3)
  check.equal(result.smallest_p, 0.03125)
  check.equal(#result.notes, 0)
  local base = result.rows[1]
  check.equal(base.difference, nil)
  local ps = {}
  for r, row in ipairs(result.rows) do
    check.equal(row.n, 6)
    check.equal(#row.missing, 0)
    local list = {}
    for seed = 1, 6 do
      list[seed] = row.values[seed]
      check.equal(row.trials[seed].label, row.label)
      check.equal(row.trials[seed].metrics.mAP, row.values[seed])
    end
    check.near(row.mean, statistics.mean(list), 1e-12)
    check.near(row.sd, statistics.sd(list), 1e-12)
    if r > 1 then
      check.near(row.difference.mean, row.mean - base.mean, 1e-12)
      check.ok(row.difference.low <= row.difference.mean and row.difference.mean <= row.difference.high)
      ps[#ps + 1] = row.difference.p
    end
  end
  local holm = statistics.holm(ps)
  for r = 2, 4 do check.equal(result.rows[r].difference.p_corrected, holm[r - 1]) end
end)

check.finish()
