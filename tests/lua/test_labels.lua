-- calr.labels and calr.bank: what rules know of labels, and the kernels of the memories.
local check = require "check"
local T, L, B = require "calr.tensor", require "calr.labels", require "calr.bank"

local function i32(t) return T(t, "i32") end

check.test("canonical numbers by first appearance and drops small clusters", function()
  local out, clusters = L.canonical(i32 { 7, 7, 2, -1, 2, 7, 9 }, { min_size = 2 })
  check.all_near(out, { 0, 0, 1, -1, 1, 0, -1 }, 0)
  check.equal(clusters, 2)
  local none, zero = L.canonical(i32 {})
  check.equal(none:numel() + zero, 0)
  check.fails("is not a cluster number", L.canonical, i32 { -2 })
end)

check.test("pairs", function()
  local out, pairs_ = L.pair(i32 { 0, 0, 1, 1, -1, 0 }, i32 { 3, 1, 3, 3, 0, 3 })
  check.all_near(out, { 0, 1, 2, 2, -1, 0 }, 0)
  check.equal(pairs_, 3)
  check.fails("2 items", L.pair, i32 { 1 }, i32 { 1, 2 })
end)

check.test("argmax takes the first of equals and never NaN", function()
  local labels = i32 { 0, 1, 0, 1, -1, 2 }
  check.all_near(L.argmax(labels, T { 1, 0 / 0, 1, -3, 9, 0 / 0 }), { 0, 3, -1 }, 0)
  check.all_near(L.last_above(labels, T { 1, 2, 5, 0, 9, 0 }, 0.5), { 2, 1, -1 }, 0)
end)

check.test("entropy of the cameras of a cluster", function()
  local e = L.entropy(i32 { 0, 0, 1, 1, 1, 1, 2, -1 }, i32 { 0, 0, 0, 1, 0, 1, -1, 3 })
  check.all_near(e, { 0, math.log(2), 0 }, 1e-6)
end)

check.test("the commonest group of each cluster", function()
  local labels = i32 { 0, 0, 0, 1, 1, -1, 2, 4 }
  check.all_near(L.commonest(labels, i32 { 5, 7, 7, 9, 3, 3, -1, 2 }), { 7, 9, -1, -1, 2 }, 0) -- a tie: the first
  check.equal(L.commonest(i32 {}, i32 {}):numel(), 0)
  check.all_near(L.commonest(i32 { -1, -1 }, i32 { 1, 1 }), {}, 0)
  check.fails("is not a cluster number", L.commonest, i32 { 0 }, i32 { -2 })
  check.fails("2 items", L.commonest, i32 { 0 }, i32 { 1, 2 })
end)

check.test("the share of neighbours in the own cluster", function()
  local labels = i32 { 0, 0, 1, -1, 1 }
  local indices = i32 { { 0, 1, 2 }, { 1, 0, 0 }, { 2, 3, 4 }, { 3, 0, 1 }, { 4, -1, -1 } }
  check.all_near(L.neighbour_share(labels, indices), { 0.5, 1, 0.5, 0, 0 }, 0)
  check.all_near(L.neighbour_share(labels, indices, { count = 2 }), { 1, 1, 0, 0, 0 }, 0)
  check.all_near(L.neighbour_share(labels, indices, { count = 1 }), { 0, 0, 0, 0, 0 }, 0)
  check.equal(L.neighbour_share(i32 {}, T.zeros({ 0, 3 }, "i32")):numel(), 0)
  check.fails("outside the 1 images", L.neighbour_share, i32 { 0 }, i32 { { 1 } })
  check.fails("outside the 1 images", L.neighbour_share, i32 { 0 }, i32 { { -2 } })
  check.fails("items", L.neighbour_share, i32 { 0, 0 }, i32 { { 0 } })
  check.fails("did you mean", L.neighbour_share, i32 { 0 }, i32 { { 0 } }, { cout = 1 })
end)

check.test("take: -1 points to nothing", function()
  check.all_near(L.take(i32 { 5, 6, 7 }, T({ 2, -1, 0 }, "i64")), { 7, -1, 5 }, 0)
  check.equal(L.take(i32 {}, i32 { -1 }):item(), -1)
  check.equal(L.take(T({ 5 }, "u8"), i32 { 0 }):dtype(), "i32")
  check.fails("outside the 3 values", L.take, i32 { 5, 6, 7 }, T({ 3 }, "i64"))
  check.fails("a vector of integers is needed", L.take, T { 5 }, i32 { 0 })
end)

-- ---- names of calr 0.1 ----

local function u8(t) return T(t, "u8") end

-- A mask must be bool and hold these.
local function check_mask(mask, want)
  check.equal(mask:dtype(), "bool")
  check.all_near(mask:to "i32", want, 0)
end

check.test("former names: comparisons, in which -1 is like nothing", function()
  check_mask(L.equal(i32 { 1, -1, 2 }, i32 { 1, -1, 3 }), { 1, 0, 0 })
  check_mask(L.differ(i32 { 1, -1, 2 }, i32 { 1, 4, 3 }), { 0, 0, 1 })
  check_mask(L.differ(i32 { 1, -1, 2 }, 1), { 0, 0, 1 })
  check_mask(L.equal(0, i32 { 1, 0 }), { 0, 1 })
  check_mask(L.equal(i32 { 1, 0 }, 0), { 0, 1 })
  check_mask(L.at_least(T { 0.5, 1.5 }, 1), { 0, 1 })
end)

check.test("former names: masks, bool and u8", function()
  local m = L.both(u8 { 1, 1, 0 }, T({ 1, 0, 0 }, "bool"), u8 { 1, 1, 1 })
  check_mask(m, { 1, 0, 0 })
  check_mask(L.invert(u8 { 0, 1 }), { 1, 0 })
  check.equal(L.total(L.invert(m)), 2)
  check.equal(L.total(u8 { 1, 1, 0 }), 2)
  check.all_near(L.where(m, -1, i32 { 4, 5, 6 }), { -1, 5, 6 }, 0)
  check.all_near(L.where(u8 { 1, 0 }, T({ 7, 8 }, "i64"), 3), { 7, 3 }, 0)
  check.equal(L.where(u8 { 1, 0 }, T({ 7, 8 }, "i64"), 3):dtype(), "i32")
end)

check.test("former names: quantiles, as numpy.quantile gives them", function()
  local values = T { 3, 1, 4, 1, 5 }
  check.equal(L.quantile(values, 0), 1)
  check.equal(L.quantile(values, 1), 5)
  check.equal(L.quantile(values, 0.5), 3)
  check.near(L.quantile(values, 0.6), 3.4, 1e-12)
  check.near(L.quantile(values, 0.95), 4.8, 1e-12)
  check.equal(L.quantile(values, 0.5, T({ 0, 1, 0, 1, 0 }, "u8")), 1)
  check.equal(L.quantile(values, 0.5, T({ 0, 0, 0, 0, 0 }, "u8")), nil)
  check.equal(L.quantile(T {}, 0.5), nil)
  check.fails("a value is NaN", L.quantile, T { 1, 0 / 0 }, 0.5)
  check.equal(L.quantile(T { 1, 0 / 0 }, 0.5, T({ 1, 0 }, "u8")), 1)
  check.fails("q must be 0 to 1", L.quantile, values, 1.5)
  check.fails("q must be 0 to 1", L.quantile, values, 0 / 0)
end)

check.test("former names: total, rows and put", function()
  for _, kind in ipairs { "bool", "u8" } do
    local rows = L.rows(T({ 0, 1, 0, 1 }, kind))
    check.equal(rows:dtype(), "i64")
    check.all_near(rows, { 1, 3 }, 0)
    check.equal(L.total(T({ 0, 1, 0, 1 }, kind)), 2)
    check.equal(L.rows(T({ 0 }, kind)):numel(), 0)
  end
  local all, rows = T.full({ 4 }, -1, "i32"), T({ 1, 3 }, "i64")
  check.all_near(L.put(all, rows, i32 { 5, 6 }), { -1, 5, -1, 6 }, 0)
  check.equal(all:get(2), 5)
  check.fails("index 4 (item 1) is outside the 4 items", L.put, all, T({ 4 }, "i64"), i32 { 0 })
  check.fails("source must be i32[1]", L.put, all, rows:narrow(1, 1, 1), i32 { 0, 1 })
end)

check.test("former names: shift", function()
  check.all_near(L.shift(i32 { 0, -1 }, 5), { 5, -1 }, 0)
end)

check.test("chance is a matter of seed, epoch and index", function()
  local chance = require("calr.rng").chance
  local function total(mask) return mask:count_nonzero():item() end
  local a, b = chance(1000, 0.3, { seed = 1, epoch = 2 }), chance(500, 0.3, { seed = 1, epoch = 2 })
  check.equal(tostring(a), "bool[1000]")
  check.ok(a:narrow(1, 1, 500):equal(b))
  check.ok(not a:equal(chance(1000, 0.3, { seed = 1, epoch = 3 })))
  check.near(total(a), 300, 50)
  check.equal(total(chance(100, 1)), 100)
  check.equal(total(chance(100, 0)), 0)
  check.fails("a probability is 0 to 1", chance, 1, 1.5)
  check.ok(L.chance(5, 0.3, { seed = 1, epoch = 2 }):equal(a:narrow(1, 1, 5)), "its former name")
  check.fails("calr.labels has no \"no_such_name\"", function() return L.no_such_name end)
end)

check.test("centroids are unit means without the outliers", function()
  local m = B.centroids(T { { 1, 0 }, { 0, 1 }, { 3, 4 }, { 9, 9 } }, i32 { 0, 0, 2, -1 })
  check.all_near(m, { { math.sqrt(.5), math.sqrt(.5) }, { 0, 0 }, { .6, .8 } }, 1e-6)
  check.fails("3 labels for 2 features", B.centroids, T { { 1 }, { 2 } }, i32 { 0, 0, 0 })
end)

check.test("the memory moves by momentum, sample by sample", function()
  local m = T { { 1, 0 }, { 0, 1 } }
  B.update(m, T { { 0, 1 }, { 0, 1 } }, i32 { 0, 0 }, { momentum = 0.5 })
  -- (1,0) -> (.5,.5)/|.| = (.7071,.7071) -> (.35355,.85355)/|.|
  local x, y = 0.353553391, 0.853553391
  local norm = math.sqrt(x * x + y * y)
  check.all_near(m, { { x / norm, y / norm }, { 0, 1 } }, 1e-6)
  check.fails("has label 5", B.update, m, T { { 0, 1 } }, i32 { 5 })
  check.fails("has label -1", B.update, m, T { { 0, 1 } }, i32 { -1 })
end)

check.test("the hard memory moves once, by the least similar sample", function()
  local m = T { { 1, 0 } }
  B.update(m, T { { 1, 0 }, { 0, 1 }, { .6, .8 } }, i32 { 0, 0, 0 }, { momentum = 0.5, update = "hard" })
  check.all_near(m, { { math.sqrt(.5), math.sqrt(.5) } }, 1e-6)
  check.fails("no choice", B.update, m, T { { 1, 0 } }, i32 { 0 }, { update = "hrad" })
end)

check.finish()
