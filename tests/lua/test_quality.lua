-- calr.quality: against scikit-learn and plain definitions; outliers; edge cases; errors.
local check = require "check"
local T = require "calr.tensor"
local quality = require "calr.quality"

local golden = dofile(os.getenv "CALR_TEST_REFERENCE" .. "/quality/golden.lua")

local function score_near(actual, expected, message)
  check.all_near({ actual.precision, actual.recall, actual.f }, expected, 1e-12, message)
end

for number, case in ipairs(golden) do
  for _, outliers in ipairs { "singletons", "ignore" } do
    check.test(("golden case %d, outliers %s"):format(number, outliers), function()
      local labels = T(case.labels, "i32")
      local want, options = case[outliers], { outliers = outliers }
      for _, kind in ipairs { "i32", "i64" } do
        local truth = T(case.truth, kind)
        score_near(quality.pairwise(truth, labels, options), want.pairwise, "pairwise")
        score_near(quality.bcubed(truth, labels, options), want.bcubed, "bcubed")
        check.near(quality.nmi(truth, labels, options), want.nmi, 1e-12)
        check.near(quality.expansion(truth, labels, options), want.expansion, 1e-12)
        check.near(quality.ami(truth, labels, options), want.ami, 1e-10)
        check.near(quality.ari(truth, labels, options), want.ari, 1e-12)
        check.near(quality.purity(truth, labels, options), want.purity, 1e-12)
        local v = quality.v_measure(truth, labels, options)
        check.all_near({ v.homogeneity, v.completeness, v.v }, want.v_measure, 1e-12)
        local report = quality.report(truth, labels, options)
        check.equal(report.ami, quality.ami(truth, labels, options))
        check.equal(report.bcubed.f, quality.bcubed(truth, labels, options).f)
        check.equal(report.homogeneity, v.homogeneity)
      end
    end)
  end
end

check.test("matches are as good as SciPy's assignment", function()
  local L = require "calr.labels"
  for _, case in ipairs(golden.matches) do
    local a, b = T(case.a, "i32"), T(case.b, "i32")
    local partner, agreed = L.match(a, b)
    check.equal(agreed, case.agreed)
    check.equal(select(2, L.match(b, a)), case.agreed)
    check.equal(partner:numel(), L.clusters(a))
    local aligned = L.align(a, b)
    check.equal((a:eq(aligned) & a:ge(0)):count_nonzero():item(), agreed)
    check.equal(quality.ari(b, aligned, { outliers = "ignore" }), 1.0)
    local s = quality.stability(a, b)
    check.equal(s.agreed, agreed)
    check.equal(s.stable, agreed / s.both)
    check.equal(s.kept, agreed / s.either)
  end
  local same = quality.stability(T({ 0, 0, 1 }, "i32"), T({ 4, 4, 2 }, "i32"))
  check.equal(same.stable, 1.0)
  check.equal(same.matched, 2)
  check.equal(quality.stability(T({}, "i32"), T({}, "i32")).stable, 1)
  check.fails("2 labels before, but 3 after", quality.stability, T({ 0, 1 }, "i32"), T({ 0, 1, 2 }, "i32"))
  check.fails("label -7", L.align, T({ 0, 1 }, "i32"), T({ 0, -7 }, "i32"))
end)

check.test("chance: the adjusted figures are about 0 where NMI is not", function()
  local r, a, b = require("calr.rng").open { seed = 2 }, {}, {}
  for i = 1, 400 do a[i], b[i] = r:integer(0, 79), r:integer(0, 99) end
  a, b = T(a, "i32"), T(b, "i32")
  check.ok(quality.nmi(a, b) > 0.6)
  check.near(quality.ami(a, b), 0, 0.05)
  check.near(quality.ari(a, b), 0, 0.02)
  check.near(quality.ami(a, a), 1, 0)
  check.near(quality.ami(T({ 0, 1, 2 }, "i32"), T({ 2, 1, 0 }, "i32")), 1, 0)
  check.near(quality.ari(T({ 0, 1, 2 }, "i32"), T({ 2, 1, 0 }, "i32")), 1, 0)
  check.near(quality.ami(T({ 0, 0, 0 }, "i32"), T({ 2, 1, 0 }, "i32")), 0, 1e-12)
end)

check.test("by camera", function()
  local truth = T({ 1, 1, 2, 2, 1, 1, 2, 3, 3, 9 }, "i32")
  local labels = T({ 0, 0, 1, 1, 0, 1, 1, 2, -1, 0 }, "i32")
  local cameras = T({ 0, 0, 0, 0, 2, 2, 2, 2, 2, -1 }, "i32")
  local reports, mean = quality.by_camera(truth, labels, cameras)
  check.equal(#reports, 2)
  check.equal(reports[1].camera, 0)
  check.equal(reports[1].items, 4)
  check.equal(reports[1].bcubed.f, 1.0)
  check.equal(reports[1].ami, 1.0)
  check.equal(reports[2].camera, 2)
  check.equal(reports[2].clusters, 4)
  local part_truth, part_labels = T({ 1, 1, 2, 3, 3 }, "i32"), T({ 0, 1, 1, 2, -1 }, "i32")
  check.equal(reports[2].bcubed.precision, quality.bcubed(part_truth, part_labels).precision)
  check.near(mean.bcubed.f, (4 + 5 * reports[2].bcubed.f) / 9, 1e-12)
  check.near(mean.purity, (4 + 5 * reports[2].purity) / 9, 1e-12)
  reports = quality.by_camera(truth, labels, cameras, { outliers = "ignore" })
  check.equal(reports[2].items, 4)
  reports, mean = quality.by_camera(T({}, "i32"), T({}, "i32"), T({}, "i32"))
  check.equal(#reports, 0)
  check.equal(mean, nil)
  check.fails("10 labels and 2 cameras", quality.by_camera, truth, labels, T({ 0, 1 }, "i32"))
  check.fails("label -3", quality.by_camera, T({ 1 }, "i32"), T({ 1 }, "i32"), T({ -3 }, "i32"))
end)

check.test("singletons is the default", function()
  local truth, labels = T({ 1, 1, 2 }, "i32"), T({ 0, -1, -1 }, "i32")
  score_near(quality.pairwise(truth, labels), { 0, 0, 0 })
  score_near(quality.bcubed(truth, labels), { 1, 2 / 3, 0.8 })
  check.near(quality.expansion(truth, labels), 1.5, 0)
  score_near(quality.bcubed(truth, labels, { outliers = "ignore" }), { 1, 1, 1 })
end)

check.test("names of groups do not matter, strided views and huge identities do no harm", function()
  local truth = T({ { 2 ^ 40 // 1 | 0, 5 }, { 2 ^ 40 // 1 | 0, 5 }, { -7, 5 } }, "i64"):select(2, 1)
  local labels = T({ 2 ^ 31 - 1 | 0, 2 ^ 31 - 1 | 0, 0 }, "i32")
  score_near(quality.pairwise(truth, labels), { 1, 1, 1 })
  check.near(quality.nmi(truth, labels), 1, 1e-12)
end)

check.test("nothing, one, all outliers", function()
  local none = T({}, "i32")
  score_near(quality.pairwise(none, none), { 0, 0, 0 })
  score_near(quality.bcubed(none, none), { 0, 0, 0 })
  check.equal(quality.nmi(none, none), 0.0)
  check.equal(quality.expansion(none, none), 0.0)
  for _, name in ipairs { "ami", "ari", "purity" } do check.equal(quality[name](none, none), 0.0, name) end
  check.equal(quality.v_measure(none, none).v, 0.0)
  local one, out = T({ 3 }, "i32"), T({ -1 }, "i32")
  check.equal(quality.nmi(one, out), 1.0)
  check.equal(quality.nmi(one, out, { outliers = "ignore" }), 0.0)
  check.equal(quality.expansion(one, out), 1.0)
  score_near(quality.bcubed(one, out), { 1, 1, 1 })
  score_near(quality.pairwise(T({ 1, 1 }, "i32"), T({ -1, -1 }, "i32")), { 0, 0, 0 })
end)

check.test("errors", function()
  local a, b = T({ 1, 2 }, "i32"), T({ 0, 1, 2 }, "i32")
  check.fails("2 true labels, but 3 labels", quality.nmi, a, b)
  check.fails("i32[n]", quality.nmi, a, T { 0, 1 })
  check.fails("i32[n] or i64[n]", quality.nmi, T { 0, 1 }, a)
  check.fails("label 1 (counted from 0) is -2", quality.pairwise, a, T({ 0, -2 }, "i32"))
  check.fails("did you mean \"outliers\"", quality.nmi, a, a, { outlier = "ignore" })
  check.fails("no choice \"drop\"", quality.nmi, a, a, { outliers = "drop" })
end)

check.finish()
