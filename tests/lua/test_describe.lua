-- The numbers of tensors as text, and tensors item by item.
local check = require "check"
local calr = require "calr"
local prompt = require "calr.program.prompt"
local T = calr.tensor

local function reads(x, lines, options)
  check.equal(x:describe(options), table.concat(lines, "\n"))
end

check.test("columns are aligned, zeros at the end left out", function()
  reads(T { 1, 2, 3 }, { "f32[3]", "[1. 2. 3.]" })
  reads(T { { 1, -.25 }, { 10.5, 3 } }, { "f32[2 x 2]", "[[ 1.00 -0.25]", " [10.50  3.00]]" })
  reads(T({ { 1, -20 }, { 300, 4 } }, "i32"), { "i32[2 x 2]", "[[  1 -20]", " [300   4]]" })
  reads(T({ math.maxinteger, math.mininteger }, "i64"),
    { "i64[2]", "[ 9223372036854775807 -9223372036854775808]" })
  reads(T({ 7, 200 }, "u8"), { "u8[2]", "[  7 200]" })
  reads(T({ 1.5, -2 }):to "bf16", { "bf16[2]", "[ 1.5 -2.0]" })
  reads(T { { 1, 2 }, { 3, 4 } }:transpose(1, 2), { "f32[2 x 2]", "[[1. 3.]", " [2. 4.]]" })
  reads(T.arange(12):reshape(2, 2, 3),
    { "i64[2 x 2 x 3]", "[[[ 0  1  2]", "  [ 3  4  5]]", "", " [[ 6  7  8]", "  [ 9 10 11]]]" })
end)

check.test("one number, none, numbers that are none", function()
  reads(T(3.14159265), { "f32[] 3.1416" })
  reads(T(3.14159265), { "f32[] 3.142" }, { precision = 3 })
  reads(T(5), { "f32[] 5." })
  reads(T.zeros { 0, 3 }, { "f32[0 x 3]" })
  reads(T { 1.5, 0 / 0, -1 / 0, 1 / 0 }, { "f32[4]", "[ 1.5  nan -inf  inf]" })
  reads(T { 0 / 0 }, { "f32[1]", "[nan]" })
end)

check.test("powers of ten where the numbers are far apart, large or small, as NumPy does", function()
  reads(T { 1e-7, 1, -0.5 }, { "f32[3]", "[ 1e-07  1e+00 -5e-01]" })
  reads(T { 1, 1000 }, { "f32[2]", "[   1. 1000.]" })
  reads(T { 1, 1001 }, { "f32[2]", "[1.000e+00 1.001e+03]" })
  reads(T { 1e8 }, { "f32[1]", "[1e+08]" })
  reads(T { 123456.7 }, { "f32[1]", "[123456.7031]" })
  reads(T { 3e38 }, { "f32[1]", "[3e+38]" }, { precision = 0 })
end)

check.test("of many elements only the edges are shown", function()
  reads(T.arange(1001), { "i64[1001]", "[   0    1    2 ...  998  999 1000]" })
  reads(T.arange(40):reshape(8, 5), { "i64[8 x 5]", "[[ 0 ...  4]", " ...", " [35 ... 39]]" },
    { threshold = 39, edgeitems = 1 })
  reads(T.arange(27):reshape(3, 3, 3), { "i64[3 x 3 x 3]", "[[[ 0 ...  2]", "  ...", "  [ 6 ...  8]]", "", " ...", "",
    " [[18 ... 20]", "  ...", "  [24 ... 26]]]" }, { threshold = 0, edgeitems = 1 })
  reads(T.arange(6), { "i64[6]", "[0 1 2 3 4 5]" }, { threshold = 5 })
  reads(T.arange(6), { "i64[6]", "[...]" }, { threshold = 5, edgeitems = 0 })
  -- Only what is shown counts for the width, and only that is looked at.
  reads(T.zeros({ 1, 1 }):expand(1 << 30, 1 << 30), { "f32[1073741824 x 1073741824]", "[[0. ... 0.]", " ...",
    " [0. ... 0.]]" }, { edgeitems = 1 })
  for line in T.arange(1000):describe():gmatch "[^\n]+" do check.ok(#line <= 100) end
  check.fails("unknown option \"edgeitem\"", T.zeros({}).describe, T.zeros {}, { edgeitem = 2 })
  check.fails("precision", T.zeros({}).describe, T.zeros {}, { precision = 18 })
end)

check.test("the prompt shows numbers, tostring does not", function()
  check.equal(prompt.show(T { 1, 2 }), "f32[2]\n[1. 2.]")
  check.equal(prompt.show { T { 1, 2 } }, "{ f32[2] }")
  check.equal(tostring(T { 1, 2 }), "f32[2]")
end)

check.test("#x and pairs(x)", function()
  local x = T { { 1, 2 }, { 3, 4 }, { 5, 6 } }
  check.equal(#x, 3)
  check.equal(#T.zeros { 0, 2 }, 0)
  local seen = {}
  for i, row in pairs(x) do seen[i] = row:get(2) end
  check.equal(table.concat(seen, " "), "2.0 4.0 6.0")
  for _, row in pairs(x) do row:fill(9) end -- views
  check.equal(x:get(3, 1), 9)
  for _ in pairs(T.zeros { 0 }) do check.ok(false) end
  check.fails("f32[] is a single number: it has no items", function() return #T(1) end)
  check.fails("has no items", pairs, T(1))
  x:requires_grad(true)
  local sum = T(0)
  for i, row in pairs(x) do sum = sum + row:sum() * i end
  sum:backward()
  check.all_near(x:grad(), { { 1, 1 }, { 2, 2 }, { 3, 3 } }, 0)
end)

check.test("a Lua function for each element", function()
  local x = T { { 1, 2, 3 }, { 4, 5, 6 } }
  check.all_near(x:transpose(1, 2):apply(function(v) return v * v end), { { 1, 16 }, { 4, 25 }, { 9, 36 } }, 0)
  check.equal(x:get(2, 3), 6)
  check.equal(x:apply_(function(v) return -v end), x)
  check.equal(x:get(2, 3), -6)
  local order = {}
  x:apply(function(v)
    order[#order + 1] = v
    return v
  end)
  check.equal(table.concat(order, " "), "-1.0 -2.0 -3.0 -4.0 -5.0 -6.0")
  check.equal(T({ math.maxinteger }, "i64"):apply(function(v) return v - 1 end):get(1), math.maxinteger - 1)
  check.equal(tostring(T.zeros({ 0, 2 }):apply(print)), "f32[0 x 2]")
  check.fails("the function gave a string, not a number", x.apply, x, function() return "1" end)
  check.fails("no more", x.apply, x, function() error "no more" end)
  check.fails("more than once", x.apply_, x:expand(2, 2, 3), math.abs)
  check.fails("function expected, got number", x.apply, x, 3)
  x:requires_grad(true)
  check.fails("a gradient does not pass through a Lua function", x.apply, x, math.abs)
  check.equal(calr.no_grad(function() return x:apply(math.abs):get(1, 1) end), 1)
end)

check.finish()
