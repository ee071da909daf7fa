-- The largest and the smallest integers as sizes, positions and numbers of bins: an error, or a small result. The
-- sanitizer's run looks for the overflow of a size.
local check = require "check"
local calr = require "calr"

local most, least = math.maxinteger, math.mininteger
local two, labels = calr.tensor { 1, 2 }, calr.tensor({ 0, most }, "i64")
local addressed = "more than can be addressed"

check.test("sizes that nothing can hold", function()
  check.fails(addressed, two.histc, two, most)
  check.fails(addressed, two.histogram, two, most)
  check.fails(addressed, labels.bincount, labels)
  check.fails(addressed, labels.bincount, calr.tensor({ 0 }, "i64"), nil, most)
  check.fails("label " .. most, calr.one_hot, labels)
  check.fails(addressed, calr.linspace, 0, 1, most)
  check.fails("than can be addressed", calr.arange, least, most)
  check.fails(addressed, calr.eye, most)
  check.fails(addressed, calr.randperm, most, { generator = calr.rng.open { seed = 1 } })
  check.fails("larger than can be addressed", two.tile, two, most, most)
  check.fails("larger than can be addressed", two.diag, two, most)
end)

-- An empty dimension makes no other one smaller: loops over it, and the square factors of a matrix without columns.
check.test("empty tensors that nothing could fill", function()
  check.fails(addressed, calr.zeros, { 1 << 53, 0 })
  check.fails(addressed, calr.zeros, { 0, 1 << 30, 1 << 30 })
  local long = calr.zeros { 1 << 40, 0 }
  check.fails(addressed, long.svd, long, true)
  check.fails(addressed, long.qr, long, "complete")
  check.equal(long:numel(), 0)
end)

check.test("counts that nothing has so many of", function()
  local qkv = calr.zeros { 1, 2, 6 }
  check.fails("a multiple of 3 x " .. most, calr.self_attention, qkv, most)
end)

check.test("groups of no channels", function()
  check.fails("groups must divide the 0 channels", calr.group_norm, calr.zeros { 2, 0 }, most)
end)

check.test("positions that no dimension has", function()
  check.fails("topk: k is " .. most, two.topk, two, most)
  check.fails("are outside dimension", two.narrow, two, 1, most, most)
  check.fails("has no item " .. least, function() return two[least] end)
  check.fails("is no range", function() return two[{ { least, least } }] end)
  check.equal(two[{ { 1, 2, most } }]:numel(), 1)
  check.equal(two:unfold(1, 1, most):numel(), 1)
  check.equal(two:reshape(1, 2):diagonal(least):numel(), 0)
  check.all_near(two:roll(least), { 1, 2 }, 0)
  check.equal(two:diff(most):numel(), 0)
end)

check.finish()
