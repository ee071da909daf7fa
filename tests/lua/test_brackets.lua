-- Brackets: positions and ranges, read and written.
local check = require "check"
local calr = require "calr"
local T = calr.tensor

local function matrix()
  return T { { 1, 2, 3, 4 }, { 5, 6, 7, 8 }, { 9, 10, 11, 12 } }
end

check.test("positions and ranges are views", function()
  local x = matrix()
  check.all_near(x[2], { 5, 6, 7, 8 }, 0)
  check.all_near(x[-1], { 9, 10, 11, 12 }, 0)
  check.equal(x[2][3]:item(), 7)
  check.equal(x[{ 2, 3 }]:item(), 7)
  check.equal(x[{ 2, 3 }]:dim(), 0)
  check.all_near(x[{ {}, 2 }], { 2, 6, 10 }, 0)
  check.all_near(x[{ { 2, 3 }, { 1, -1, 2 } }], { { 5, 7 }, { 9, 11 } }, 0)
  check.all_near(x[{ { -2, -1 }, -1 }], { 8, 12 }, 0)
  check.equal(tostring(x[{ { 2, 1 } }]), "f32[0 x 4]")
  check.equal(tostring(x[{ { 4, 3 } }]), "f32[0 x 4]")
  check.all_near(x[{ {} }], x:totable(), 0)
  x[2]:fill(0)
  check.all_near(x[{ {}, 1 }], { 1, 0, 9 }, 0)
end)

check.test("what is on the left of = is written", function()
  local x = matrix()
  x[1] = 0
  x[{ {}, 2 }] = T { -1, -2, -3 }
  x[{ { 2, 3 }, { 3, 4 } }] = T { { 7 }, { 8 } }
  x[{ 3, 1 }] = T(5)
  check.all_near(x, { { 0, -1, 0, 0 }, { 5, -2, 7, 7 }, { 5, -3, 8, 8 } }, 0)
  x[{ {}, { 2, 4 } }] = x[{ {}, { 1, 3 } }]
  check.all_near(x, { { 0, 0, -1, 0 }, { 5, 5, -2, 7 }, { 5, 5, -3, 8 } }, 0)
  local mask = T({ 0, 1, 0 }, "bool")
  mask[1] = true
  check.equal(mask[1]:item(), true)
  local whole = T({ 1, 2 }, "i64")
  whole[2] = 2 ^ 53 + 2
  whole[1] = math.maxinteger
  check.equal(whole[1]:item(), math.maxinteger)
end)

check.test("a gradient goes to its place", function()
  local x = matrix():requires_grad(true)
  calr.autograd.backward((x[{ { 1, 3, 2 }, { 1, 4, 3 } }] * T { { 1, 2 }, { 3, 4 } }):sum() + x[2]:sum() + x[{ 3, -1 }])
  check.all_near(x:grad(), { { 1, 0, 0, 2 }, { 1, 1, 1, 1 }, { 3, 0, 0, 5 } }, 0)
end)

check.test("errors say what was meant", function()
  local x = matrix()
  local function at(key) return function() return x[key] end end
  local function put(key, value) return function() x[key] = value end end
  check.fails("positions count from 1", at(0))
  check.fails("f32[3 x 4] has no item 4 in dimension 1, which has 3", at(4))
  check.fails("has no item -4", at(-4))
  check.fails("has 2 dimensions, and 3 are named", at { 1, 1, 1 })
  check.fails("{2, 5} is no range of dimension 1", at { { 2, 5 } })
  check.fails("{3, 1} is no range", at { { 3, 1 } })
  check.fails("the step of a range is 1 or more", at { { 1, 3, -1 } })
  check.fails("{2, -1} goes to the end, 2 alone is one item", at { { 2 } })
  check.fails("is single number" and "single number", function() return T(1)[1] end)
  check.fails("brackets take a position", at(true))
  check.fails("did you mean", function() return x.relluu end)
  check.fails("no field", put("name", 1))
  check.fails("a number or a tensor is written", put(1, "text"))
  check.fails("cannot be", put(1, T { 1, 2 }))
  check.fails("needs a gradient", function() matrix():requires_grad(true)[1] = 0 end)
  check.fails("would be lost", put(1, T(1):requires_grad(true)))
end)

check.test("masks and index tensors choose items, and write them", function()
  local x = T { { 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 } }
  local function text(y) return tostring(y) .. " " .. table.concat(y:reshape(-1):totable(), " ") end
  local index = T({ 2, 0, 2 }, "i64")
  check.equal(text(x[index]), "f32[3 x 3] 7.0 8.0 9.0 1.0 2.0 3.0 7.0 8.0 9.0")
  check.equal(text(x[T({ { 0 }, { 1 } }, "i32")]), "f32[2 x 1 x 3] 1.0 2.0 3.0 4.0 5.0 6.0")
  check.equal(text(x[T({ true, false, true }, "bool")]), "f32[2 x 3] 1.0 2.0 3.0 7.0 8.0 9.0")
  check.equal(text(x[x:gt(6)]), "f32[3] 7.0 8.0 9.0")
  check.equal(text(x[x:gt(99)]), "f32[0] ")
  check.equal(text(x[{ index, T({ 0, 1, 2 }, "i64") }]), "f32[3] 7.0 2.0 9.0")
  check.equal(text(x[{ {}, 2 }][index]), "f32[3] 8.0 2.0 8.0")
  x[x:gt(6)] = 0
  check.equal(text(x), "f32[3 x 3] 1.0 2.0 3.0 4.0 5.0 6.0 0.0 0.0 0.0")
  x[T({ 0, 2 }, "i64")] = T { -1, -2, -3 }
  check.equal(text(x), "f32[3 x 3] -1.0 -2.0 -3.0 4.0 5.0 6.0 -1.0 -2.0 -3.0")
  x[{ T({ 0, 1 }, "i64"), T({ 2, 0 }, "i64") }] = T { 8, 9 }
  check.equal(text(x), "f32[3 x 3] -1.0 -2.0 8.0 9.0 5.0 6.0 -1.0 -2.0 -3.0")
  x:transpose(1, 2)[T({ 1 }, "i64")] = 7
  check.equal(text(x[{ {}, 2 }]), "f32[3] 7.0 7.0 7.0")
  local w = T { 1, 2, 3 }:requires_grad(true)
  w[index]:sum():backward()
  check.equal(text(w:grad()), "f32[3] 1.0 0.0 2.0")
  local function at(key) return function() return x[key] end end
  check.fails("index 3 (item 1) is outside the 3 items, from 0, of dimension 1", at(T({ 3 }, "i64")))
  check.fails("index must be i64 or i32, not f32[1]", at(T { 1 }))
  check.fails("has not the first dimensions of f32[3 x 3]", at(T({ true }, "bool")))
  check.fails("more indices in the brackets", at { index, index, index })
  check.fails("behind an index tensor there are only others", at { index, 2 })
  check.fails("would be lost", function() x[index] = T(1):requires_grad(true) end)
end)

check.finish()
