-- calr.statistics: against SciPy and statsmodels; few, equal and many values; errors.
local check = require "check"
local normal = require "calr.statistics.normal"
local statistics = require "calr.statistics"

local golden = dofile(os.getenv "CALR_TEST_REFERENCE" .. "/statistics/golden.lua")

check.test("summaries", function()
  for _, case in ipairs(golden.summaries) do
    check.near(statistics.mean(case.values), case.mean, 1e-12)
    check.near(statistics.sd(case.values) or 0, case.sd, 1e-12)
    check.near(statistics.median(case.values), case.median, 1e-12)
    for i, q in ipairs { 0, 0.1, 0.25, 0.5, 0.9, 1 } do
      check.near(statistics.quantile(case.values, q), case.q[i], 1e-12)
    end
    local summary = statistics.summary(case.values)
    check.equal(summary.n, #case.values)
    check.near(summary.q1, case.q[3], 1e-12)
    check.near(summary.max, case.q[6], 0)
  end
  check.equal(statistics.mean {}, nil)
  check.equal(statistics.median {}, nil)
  check.equal(statistics.sd { 3 }, nil)
  check.equal(statistics.summary({}).mean, nil)
  check.equal(statistics.mean { 0.1, 0.1, 0.1 }, 0.1, "equal values have that mean")
  check.equal(statistics.sd { 0.1, 0.1, 0.1 }, 0.0)
end)

check.test("the normal distribution", function()
  local want = golden.normal
  for i, x in ipairs(want.xs) do
    check.near(normal.cdf(x) / want.cdf[i], 1, 1e-12, "cdf of " .. x)
  end
  for i, p in ipairs(want.ps) do
    check.near(normal.quantile(p), want.quantile[i], 1e-11 * math.max(1, math.abs(want.quantile[i])))
  end
  check.equal(normal.quantile(0), -math.huge)
  check.equal(normal.quantile(1), math.huge)
end)

local function check_interval(result, case, tolerance)
  for _, name in ipairs { "z0", "acceleration", "low", "high" } do
    check.near(result[name], case[name], tolerance * math.max(1, math.abs(case[name])), name)
  end
end

check.test("the whole bootstrap distribution", function()
  for _, case in ipairs(golden.bootstrap.exact) do
    local result = statistics.bootstrap(case.values, { level = case.level })
    check.ok(result.exact)
    check_interval(result, case, 1e-10)
  end
end)

check.test("given resamples", function()
  for _, case in ipairs(golden.bootstrap.drawn) do
    local result = statistics.bootstrap(case.values, { level = case.level, indices = case.indices })
    check.equal(result.resamples, #case.indices)
    check_interval(result, case, 1e-10)
  end
end)

check.test("own resamples, within the noise of the bootstrap", function()
  for _, case in ipairs(golden.bootstrap.noisy) do
    local result = statistics.bootstrap(case.values)
    check.equal(result.exact, #case.values <= 8)
    check.near(result.low, case.low, 4 * case.noise)
    check.near(result.high, case.high, 4 * case.noise)
    local again = statistics.bootstrap(case.values)
    check.ok(again.low == result.low and again.high == result.high, "the same on every call")
    local drawn = statistics.bootstrap(case.values, { resamples = 1000 })
    check.ok(not drawn.exact)
    check.near(drawn.low, case.low, 15 * case.noise)
  end
end)

check.test("other statistics", function()
  local values = { 1, 5, 2, 8, 3, 9, 4, 4, 7, 6, 5.5, 2.5 }
  local result = statistics.bootstrap(values, { statistic = statistics.median, level = 0.9 })
  check.ok(result.low < result.estimate and result.estimate < result.high)
  local least = statistics.bootstrap(values, { statistic = function(v) return math.min(table.unpack(v)) end })
  check.ok(least.low >= 1 and least.high <= 9 and least.low <= least.high, "the estimate at the border")
  check.fails("is NaN", statistics.bootstrap, values, { statistic = function() return 0 / 0 end })
  check.fails("is nil, not a number", statistics.bootstrap, values, { statistic = function() end })
end)

check.test("intervals of few and of equal values", function()
  check.equal(statistics.bootstrap({}).estimate, nil)
  for n = 1, 2 do
    local result = statistics.bootstrap(table.move({ 1, 2 }, 1, n, 1, {}))
    check.equal(result.n, n)
    check.ok(result.low == nil and result.high == nil and result.estimate)
  end
  for _, n in ipairs { 3, 6, 12 } do
    local values = {}
    for i = 1, n do values[i] = 0.1 end
    local result = statistics.bootstrap(values)
    check.equal(result.low, 0.1)
    check.equal(result.high, 0.1)
  end
end)

check.test("sign flips", function()
  for _, case in ipairs(golden.sign_flip) do
    local p, exact = statistics.sign_flip(case.differences)
    check.ok(exact)
    check.near(p, case.p, 1e-12)
  end
  check.equal(statistics.sign_flip {}, 1.0)
  check.equal(statistics.sign_flip { 0, 0, 0 }, 1.0)
  check.equal(statistics.sign_flip { 5 }, 1.0)
  for n = 1, 20 do
    local values = {}
    for i = 1, n do values[i] = i + 0.1 end
    check.equal(statistics.sign_flip(values), statistics.smallest_p(n), "all of one sign")
  end
  -- 81.3 - 80.1 and 79.2 - 78.0 differ by rounding only
  check.equal(statistics.sign_flip { 81.3 - 80.1, 78.0 - 79.2 }, 1.0)
end)

check.test("more differences than can be counted", function()
  local values = {}
  for i = 1, 20 do values[i] = math.sin(i * i) + 0.25 end
  local exact = statistics.sign_flip(values)
  values[21] = 1e-9 -- changes hardly anything but the method
  local drawn, is_exact = statistics.sign_flip(values)
  check.equal(is_exact, false)
  check.near(drawn, exact, 4 * math.sqrt(exact * (1 - exact) / 9999))
  check.equal(statistics.sign_flip(values), drawn)
  for i = 1, 40 do values[i] = i end
  check.near(statistics.sign_flip(values, { resamples = 99 }), 1 / 100, 0)
end)

check.test("paired differences", function()
  local a = { [3] = 0.52, [1] = 0.5, [7] = 0.55, [2] = 0.51 }
  local b = { [1] = 0.48, [2] = 0.5, [3] = 0.49, [9] = 0.1 }
  local result = statistics.paired { a = a, b = b }
  check.equal(result.n, 3)
  check.equal(result.unpaired, 2)
  check.all_near(result.differences, { 0.02, 0.01, 0.03 }, 1e-12)
  check.near(result.mean, 0.02, 1e-12)
  check.near(result.sd, 0.01, 1e-12)
  check.equal(result.p, 0.25)
  check.equal(result.smallest_p, 0.25)
  check.ok(result.low < result.mean and result.mean < result.high)
  local none = statistics.paired { a = { 1 }, b = { [2] = 1 } }
  check.ok(none.n == 0 and none.mean == nil and none.p == nil and none.low == nil)
  local one = statistics.paired { a = { 2 }, b = { 1 } }
  check.ok(one.n == 1 and one.mean == 1 and one.p == 1.0 and one.sd == nil and one.low == nil)
  local equal = statistics.paired { a = { 1, 2, 3 }, b = { 0, 1, 2 } }
  check.ok(equal.low == 1 and equal.high == 1 and equal.p == 0.25)
end)

check.test("the smallest p of n pairs", function()
  check.equal(statistics.smallest_p(0), 1.0)
  check.equal(statistics.smallest_p(1), 1.0)
  check.equal(statistics.smallest_p(5), 0.0625)
  check.equal(statistics.smallest_p(6), 0.03125)
end)

check.test("corrections", function()
  for _, case in ipairs(golden.corrections) do
    check.all_near(statistics.holm(case.ps), case.holm, 1e-12)
    check.all_near(statistics.benjamini_hochberg(case.ps), case.benjamini_hochberg, 1e-12)
  end
  check.equal(#statistics.holm {}, 0)
end)

check.test("Wilcoxon's signed ranks", function()
  for i, case in ipairs(golden.wilcoxon) do
    local result = statistics.wilcoxon(case.differences, { alternative = case.alternative, zeros = case.zeros })
    check.near(result.p, case.p, 1e-10 * math.max(1e-3, case.p), "p of case " .. i)
    check.near(result.statistic, case.statistic, 1e-9, "statistic of case " .. i)
  end
  check.equal(statistics.wilcoxon({ 0, 0 }).p, 1.0)
  check.equal(statistics.wilcoxon({}).n, 0)
end)

check.test("errors", function()
  check.fails("number 2 is NaN", statistics.mean, { 1, 0 / 0 })
  check.fails("finite", statistics.sd, { 1, math.huge })
  check.fails("wants a list of numbers, not a nil", statistics.median, nil)
  check.fails("0 .. 1", statistics.quantile, { 1 }, 1.5)
  check.fails("did you mean \"level\"", statistics.bootstrap, { 1, 2, 3 }, { levels = 0.9 })
  check.fails("between 0 and 1", statistics.bootstrap, { 1, 2, 3 }, { level = 95 })
  check.fails("whole number of at least 1", statistics.bootstrap, { 1, 2, 3 }, { resamples = 0 })
  check.fails("positions are 1 .. 3", statistics.bootstrap, { 1, 2, 3 }, { indices = { { 1, 2, 4 } } })
  check.fails("2 positions, not 3", statistics.bootstrap, { 1, 2, 3 }, { indices = { { 1, 2 } } })
  check.fails("two tables", statistics.paired, { a = { 1 } })
  check.fails("the value at 1 is not one", statistics.paired, { a = { 1 }, b = { "x" } })
  check.fails("wants p-values", statistics.holm, { 1.5 })
  check.fails("zeros must be", statistics.wilcoxon, { 1 }, { zeros = "drop" })
  check.fails("alternative must be", statistics.wilcoxon, { 1 }, { alternative = "more" })
end)

check.finish()
