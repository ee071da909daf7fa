-- calr.tensor: creation, views, copies, conversions, errors.
local check = require "check"
local calr = require "calr"
local T = require "calr.tensor"

check.test("from nested tables and back", function()
  local t = T { { 1, 2, 3 }, { 4, 5, 6 } }
  check.equal(tostring(t), "f32[2 x 3]")
  check.equal(t:get(2, 3), 6)
  check.equal(t:totable()[2][1], 4)
  check.equal(T(7):get(), 7)
  check.equal(tostring(T({}, "i32")), "i32[0]")
  check.fails("ragged table", T, { { 1 }, { 2, 3 } })
  check.fails("a table of numbers has the field [typo] beside its 0 items", T, { typo = 1 })
  check.fails("a table of numbers has the field [type] beside its 2 items", T, { { 1, 2, type = "f64" } })
  check.fails("a table of numbers has the field [-1] beside its 2 items", T, { 1, 2, [-1] = 5 })
  local backwards = {}
  for i = 9, 1, -1 do backwards[i] = i end
  check.equal(T(backwards):get(9), 9)
  check.equal(#T(setmetatable({}, { __len = function() return 3 end, __index = function(_, i) return i end })), 3)
  check.fails("holds numbers", T, { "x" })
end)

check.test("views share memory, copies do not", function()
  local t = T { { 1, 2, 3 }, { 4, 5, 6 } }
  local row, copy = t:select(1, 2), t:clone()
  row:set(1, 40)
  check.equal(t:get(2, 1), 40)
  check.equal(copy:get(2, 1), 4)
  check.all_near(t:transpose(1, 2), { { 1, 40 }, { 2, 5 }, { 3, 6 } }, 0)
  check.all_near(t:narrow(2, 2, 2), { { 2, 3 }, { 5, 6 } }, 0)
  check.all_near(t:reshape { 3, -1 }, { { 1, 2 }, { 3, 40 }, { 5, 6 } }, 0)
  check.fails("cannot be reshaped", t.reshape, t, { 4, -1 })
  check.all_near(t:transpose(1, 2):reshape { 6 }, { 1, 40, 2, 5, 3, 6 }, 0)
  check.fails("outside dimension 1", t.narrow, t, 1, 2, 2)
  check.fails("no dimension 3", t.size, t, 3)
end)

check.test("conversion truncates and clamps", function()
  local t = T { -1.9, 1.9, 300, 0 / 0 }
  check.all_near(t:to "i32", { -1, 1, 300, 0 }, 0)
  check.all_near(t:to "u8", { 0, 1, 255, 0 }, 0)
  check.equal(T({ 2 ^ 53 + 2 }, "i64"):get(1), 2 ^ 53 + 2)
  check.fails("not an element type", t.to, t, "f8")
end)

check.test("rows by number", function()
  local t = T { { 1, 2 }, { 3, 4 }, { 5, 6 } }
  check.all_near(t:rows { 2, 0 }, { { 5, 6 }, { 1, 2 } }, 0)
  check.equal(tostring(t:rows {}), "f32[0 x 2]")
  check.fails("outside the 3 items", t.rows, t, { 3 })
end)

check.test("items of a dimension by number, of any type", function()
  local t = T { { 1, 2, 3 }, { 4, 5, 6 } }
  check.all_near(t:index_select(1, T({ 1, 1, 0 }, "i64")), { { 4, 5, 6 }, { 4, 5, 6 }, { 1, 2, 3 } }, 0)
  check.all_near(t:index_select(2, T({ 2, 0 }, "i32")), { { 3, 1 }, { 6, 4 } }, 0)
  check.all_near(t:transpose(1, 2):index_select(-1, T({ 1 }, "i64")), { { 4 }, { 5 }, { 6 } }, 0)
  check.equal(tostring(t:index_select(2, T({}, "i64"))), "f32[2 x 0]")
  check.equal(tostring(T.zeros({ 0, 3 }):index_select(2, T({ 1 }, "i64"))), "f32[0 x 1]")
  for _, kind in ipairs { "i64", "i32", "u8", "bf16" } do
    check.equal(tostring(t:to(kind):index_select(2, T({ 2, 2 }, "i64"))), kind .. "[2 x 2]")
  end
  local half = t:to "bf16":requires_grad(true)
  half:index_select(2, T({ 1, 1 }, "i64")):to "f32":sum():backward()
  check.all_near(half:grad(), { { 0, 2, 0 }, { 0, 2, 0 } }, 0)
  check.equal(half:grad():dtype(), "bf16")
  check.fails("outside the 3 items, from 0, of dimension 2 of f32[2 x 3]", t.index_select, t, 2, T({ 3 }, "i64"))
  check.fails("outside the 2 items", t.index_select, t, 1, T({ -1 }, "i64"))
  check.fails("no dimension 3", t.index_select, t, 3, T({ 0 }, "i64"))
  check.fails("index must be i64 or i32, not f32[1]", t.index_select, t, 1, T { 0 })
  check.fails("i64[m]", t.index_select, t, 1, T({ { 0 } }, "i32"))
end)

check.test("the number of a tensor that holds one", function()
  check.equal(T(7):item(), 7)
  check.equal(T({ { 7 } }):item(), 7)
  check.equal(math.type(T({ 7 }, "i64"):item()), "integer")
  check.equal(T({ (1 << 53) + 1 }, "i64"):item(), 9007199254740993)
  check.fails("tensor:item() is the number of a tensor that holds just one, and this is f32[2]: x:get(i, ...)",
    T({ 1, 2 }).item, T { 1, 2 })
  check.fails("f32[0]", T({}).item, T {})
  check.fails("takes no argument", T({ 1 }).item, T { 1 }, 1)
end)

check.test("sizes that overflow or make no sense", function()
  check.fails("more than can be addressed", T.zeros, { 2 ^ 40 // 1 | 0, 2 ^ 40 // 1 | 0 })
  check.fails("negative", T.zeros, { -1 })
  check.fails("at most 6 dimensions", T.zeros, { 1, 1, 1, 1, 1, 1, 1 })
  check.fails("more than can be addressed", T.zeros, { 0, 2 ^ 40 // 1 | 0, 2 ^ 40 // 1 | 0 })
  check.fails("more than can be addressed", T.zeros({ 0 }).reshape, T.zeros { 0 }, { 0, 1 << 40, 1 << 40 })
  check.equal(T.zeros({ 0, 5 }):numel(), 0)
  check.equal(T.full({ 2 }, 3, "i32"):get(2), 3)
  check.equal(T.arange(4):get(4), 3)
end)

check.test("positions count from 1, and 64-bit integers are exact", function()
  local t = T({ 1, 2 }, "i64")
  for position, message in pairs { [0] = "positions count from 1", [-3] = "has no item -3",
    [math.mininteger] = "has no item -9223372036854775808" } do
    check.fails(message, t.get, t, position)
    check.fails(message, t.set, t, position, 5)
    check.fails(message, t.narrow, t, 1, position, 1)
    check.fails(message, t.select, t, 1, position)
  end
  check.equal(t:get(-1), 2)
  check.equal(t:get(-2), 1)
  check.equal(t:select(1, -1):item(), 2)
  check.equal(t:narrow(1, -2, 2):get(2), 2)
  check.equal(T({ 1, 2 }, "i64"):set(-1, 7):get(2), 7)
  check.fails("outside dimension 1", t.get, t, 3)
  check.fails("outside dimension 1", t.get, t, math.maxinteger)
  check.equal(t:set(1, (1 << 53) + 1):get(1), 9007199254740993)
  check.equal(t:set(2, 2.75):get(2), 2)
end)

check.test("a number that does not fit a type is an error wherever it is written", function()
  local nan = 0 / 0
  for _, case in ipairs {
    { "u8", 300 }, { "u8", -1 }, { "u8", nan }, { "i32", 1 << 40 }, { "i32", -2.0 ^ 31 - 1 }, { "i64", 2.0 ^ 63 },
    { "i64", nan }, { "i64", -math.huge },
  } do
    local type, number = case[1], case[2]
    local t = T.zeros({ 2 }, type)
    local message = "does not fit " .. type
    check.fails(message, t.fill, t, number)
    check.fails(message, t.set, t, 1, number)
    check.fails(message, T.full, { 2 }, number, type)
    check.fails(message, T.from, { number }, type)
    check.fails(message, t.apply, t, function() return number end)
    check.fails(message, function() t[1] = number end)
    check.all_near(t, { 0, 0 }, 0)
  end
  check.equal(T.zeros({ 2 }, "u8"):fill(255.5):get(2), 255, "a fraction is left out, as in PyTorch")
  check.equal(T.zeros({ 2 }, "i64"):fill((1 << 53) + 1):get(2), (1 << 53) + 1)
  check.equal(T.zeros({ 2 }, "i64"):fill(-2.0 ^ 63):get(1), math.mininteger)
  check.equal(T.zeros({ 2 }, "bool"):fill(true):get(2), true)
end)

check.test("closing releases, and says so", function()
  local t = T.zeros { 10 }
  do
    local closed <close> = t
    check.equal(closed:numel(), 10)
  end
  check.fails("was closed", t.numel, t)
  check.equal(tostring(t), "closed tensor")
  local other = T.zeros { 10 }
  local view = other:detach()
  other:close()
  other:close()
  check.equal(view:numel(), 10)
end)

check.test("booleans among numbers are 0 and 1, as in torch.tensor", function()
  for _, table in ipairs { { true, 1 }, { 1, true }, { true, 2.5 }, { { true, false }, { 1, 2 } } } do
    check.equal(T(table):dtype(), "f32")
  end
  check.all_near(T { { true, false }, { 1, 2 } }, { { 1, 0 }, { 1, 2 } }, 0)
  check.all_near(T({ true, 7 }, "i64"), { 1, 7 }, 0)
  check.equal(T { { true }, { false } }:dtype(), "bool")
  check.equal(T {}:dtype(), "f32")
  check.fails("a tensor holds numbers, not a string", T, { true, "1" })
end)

check.test("f64, f16 and bool are kept and converted", function()
  local x = T({ -3.7, 0, 65519, 65520, 6e-8, 1 / 0 }, "f64")
  check.equal(x:get(1), -3.7)
  -- numpy.float16 of the same numbers
  check.equal(table.concat(x:to("f16"):totable(), " "), "-3.69921875 0.0 65504.0 inf 5.9604644775391e-08 inf")
  check.equal(x:to("bool"):get(1), true)
  check.equal(x:to("bool"):get(2), false)
  check.all_near(x:to("bool"):to "i32", { 1, 0, 1, 1, 1, 1 }, 0)
  check.equal(T({ true, false }, "bool"):get(2), false)
  check.equal(T(0 / 0):to("bool"):item(), true)
end)

check.test("a word is a function of calr, a method, and a function of calr.tensor", function()
  local x = T { -1, 2 }
  check.all_near(calr.relu(x), { 0, 2 }, 0)
  check.ok(rawequal(calr.relu, T.relu))
  check.equal(calr.is_tensor(x), true)
  check.equal(x:is_floating_point(), true)
  check.fails("did you mean \"relu\"", function() return x.rellu end)
  check.fails("did you mean \"relu\"", function() return T.rellu end)
end)

check.finish()
