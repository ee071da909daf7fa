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
      end
    end)
  end
end

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
