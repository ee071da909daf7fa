-- What the rows of tests/lua/vocabulary cannot say of positions and order: NaN and -0, long lines, writing in place.
local calr = require "calr"
local check = require "check"
local sys = require "calr.sys"
local T = calr.tensor

local nan, inf = 0 / 0, 1 / 0

local function text(x)
  local out = {}
  for i, value in ipairs(x:reshape(-1):totable()) do
    out[i] = value ~= value and "nan" or tostring(value)
  end
  return table.concat(out, " ")
end

local function i64(list) return T(list, "i64") end

local floats = { "f32", "f64", "bf16" }

check.test("NaN is above all numbers, and -0 is 0", function()
  for _, dtype in ipairs(floats) do
    local x = T { 1, nan, -1, inf, 0, -0.0, nan, -inf, 2, 1 }:to(dtype)
    local values, positions = x:sort()
    check.equal(text(values), "-inf -1.0 0.0 -0.0 1.0 1.0 2.0 inf nan nan", dtype)
    check.equal(text(positions), "7 2 4 5 0 9 8 3 1 6", dtype)
    values, positions = x:sort(1, true)
    check.equal(text(values), "nan nan inf 2.0 1.0 1.0 0.0 -0.0 -1.0 -inf", dtype)
    check.equal(text(positions), "1 6 3 8 0 9 4 5 2 7", dtype)
    check.equal(text(select(2, x:topk(4))), "1 6 3 8", dtype)
    check.equal(text(select(2, x:topk(3, 1, false))), "7 2 4", dtype)
    check.equal(text((x:kthvalue(9))), "nan", dtype)
    values, positions = x:median(1)
    check.equal(text(values) .. " " .. text(positions), "nan 1", dtype)
    check.equal(text((T { 3, 1, 2, 9 }:to(dtype):median())), "2.0", dtype)
    check.equal(text(x:unique()), "-inf -1.0 0.0 1.0 2.0 inf nan nan", dtype)
  end
end)

check.test("a running extreme keeps a NaN", function()
  for _, dtype in ipairs(floats) do
    local values, positions = T { 1, 3, nan, 7, nan }:to(dtype):cummax(1)
    check.equal(text(values) .. " " .. text(positions), "1.0 3.0 nan nan nan 0 1 2 2 4", dtype)
    values, positions = T { 2, 2, 1, 1, 4 }:to(dtype):cummin(1)
    check.equal(text(values) .. " " .. text(positions), "2.0 2.0 1.0 1.0 1.0 0 1 2 3 3", dtype)
  end
end)

check.test("logcumsumexp of infinities and of numbers whose exponential overflows", function()
  check.equal(text(T { -inf, -inf, 0, inf, 1 }:logcumsumexp(1)), "-inf -inf 0.0 inf inf")
  check.equal(text(T { 0, nan, 1 }:logcumsumexp(1)), "0.0 nan nan")
  check.all_near(T { 1000, 1000 }:logcumsumexp(1), { 1000, 1000 + math.log(2) }, 1e-6)
end)

-- Whole numbers that look drawn at random, 0 .. below.
local function scrambled(count, below, dtype)
  local list, state = {}, 12345
  for i = 1, count do
    state = (state * 1103515245 + 12345) % 2147483648
    list[i] = (state >> 8) % below
  end
  return T(list, dtype or "i64")
end

local function is_sorted(values, positions, x, descending)
  local v, p, from = values:totable(), positions:totable(), x:totable()
  for i = 1, #v do
    if from[p[i] + 1] ~= v[i] then return false end
    local before = i > 1 and v[i - 1] or v[i]
    if descending then before = -before end
    local now = descending and -v[i] or v[i]
    if before > now or before == now and i > 1 and p[i - 1] >= p[i] then return false end
  end
  return true
end

check.test("long lines are sorted by all threads, stably", function()
  for _, dtype in ipairs { "f32", "i64", "u8", "f64" } do
    local x = scrambled(300000, 200, "i64"):to(dtype)
    local values, positions = x:sort()
    check.ok(is_sorted(values, positions, x), dtype)
    values, positions = x:sort(1, true)
    check.ok(is_sorted(values, positions, x, true), dtype .. ", descending")
  end
end)

check.test("64 bits of number and position", function()
  local x = i64 { math.mininteger, 5, math.maxinteger, -1, 5, 0, math.mininteger }
  check.equal(text(select(2, x:sort())), "0 6 3 5 1 4 2")
  check.equal(text((x:topk(2))), ("%d 5"):format(math.maxinteger))
  check.equal(text((x:kthvalue(2))), tostring(math.mininteger))
  local list = {}
  for i = 1, 3000 do list[i] = math.sin(i) * 10 ^ (i % 7 * 40 - 120) end
  local y = T(list, "f64")
  table.sort(list)
  check.ok(y:sort():equal(T(list, "f64")))
  check.ok(y:topk(9, 1, false):equal(T({ table.unpack(list, 1, 9) }, "f64")))
  check.equal(y:median():item(), list[1500])
  check.equal(y:kthvalue(2900):item(), list[2900])
end)

check.test("a sum of a long line, and its gradient", function()
  local n = 100000
  local x = T.full({ n }, .5):requires_grad(true)
  local y = x:cumsum(1)
  check.equal(y:get(n), n / 2)
  check.equal(y:get(4097), 4097 / 2)
  y:sum():backward()
  check.equal(x:grad():get(1), n)
  check.equal(x:grad():get(n), 1)
  check.equal(x:grad():get(n - 4096), 4097)
end)

check.test("in place, into a view too", function()
  local table_of = T.zeros { 4, 3 }
  local column = table_of:select(2, 2)
  column:index_add_(1, i64 { 0, 3, 3 }, T { 1, 2, 3 })
  check.equal(text(table_of), "0.0 1.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0 5.0 0.0")
  check.ok(rawequal(column:scatter_(1, i64 { 1 }, 7), column))
  table_of:transpose(1, 2):index_fill_(1, T({ 2 }, "i32"), 4)
  check.equal(text(table_of), "0.0 1.0 4.0 0.0 7.0 4.0 0.0 0.0 4.0 0.0 5.0 4.0")
  table_of:index_put_({ i64 { 0, 1 }, i64 { 0, 0 } }, -1)
  table_of:transpose(1, 2):index_put_({ i64 { 1 } }, T { 6, 5, 4, 3 })
  check.equal(text(table_of), "-1.0 6.0 4.0 -1.0 5.0 4.0 0.0 4.0 4.0 0.0 3.0 4.0")
  table_of:masked_scatter_(T({ true, false, false }, "bool"), T { 1, 2, 3, 4 })
  check.equal(text(table_of:select(2, 1)), "1.0 2.0 3.0 4.0")
  local half = T({ 1, 1 }, "f32"):to "bf16"
  half:index_add_(1, i64 { 0, 0, 0 }, T({ .001, .001, .006 }):to "bf16")
  check.near(half:get(1), 1.0078125, 0, "added up in f32, rounded once")
end)

check.test("what is written may share memory with what is written to", function()
  local x = T { 1, 2, 3, 4 }
  x:index_copy_(1, i64 { 1, 2, 3 }, x:narrow(1, 1, 3))
  check.equal(text(x), "1.0 1.0 2.0 3.0")
  local same = T { 1, 2 }
  same:index_add_(1, i64 { 1, 0 }, same)
  check.equal(text(same), "3.0 3.0")
end)

check.test("in place there is no gradient to lose", function()
  local x, w = T.zeros { 3 }, T { 1, 2 }:requires_grad(true)
  local index = i64 { 0, 2 }
  check.fails("index_add_: the gradient of what is written would be lost; use index_add", x.index_add_, x, 1, index, w)
  check.fails("scatter_: the gradient", x.scatter_, x, 1, index, w)
  check.fails("index_put: the gradient", x.index_put_, x, { index }, w)
  check.fails("masked_scatter_: the gradient", x.masked_scatter_, x, T({ true, false, true }, "bool"), w)
  local y = w * 2
  check.fails("was computed by", y.index_fill_, y, 1, index, 0)
  calr.no_grad(function() x:index_add_(1, index, w) end)
  check.equal(text(x), "1.0 0.0 2.0")
  local v = T { 1, 2, 3 }:requires_grad(true)
  local product = v:gather(1, index)
  index:fill(1)
  check.fails("gather", product.backward, product:sum())
end)

check.test("the gradient of what was written over is 0", function()
  local source = T { 1, 2, 3, 4 }:requires_grad(true)
  T.zeros { 3 }:index_copy(1, i64 { 1, 0, 1, 1 }, source):sum():backward()
  check.equal(text(source:grad()), "0.0 1.0 0.0 1.0")
  local other = T { { 1, 2, 3 }, { 4, 5, 6 } }:requires_grad(true)
  T.zeros { 2, 2 }:scatter(2, i64 { { 0, 0, 1 }, { 1, 1, 1 } }, other):sum():backward()
  check.equal(text(other:grad()), "0.0 1.0 1.0 0.0 0.0 1.0")
end)

check.test("equal numbers are added in order, for any number of threads", function()
  local index, rows = scrambled(5000, 40), scrambled(5000 * 64, 1000):to "f32":reshape(5000, 64) * 1e-3
  local sums = {}
  for threads = 1, 2 do
    sys.threads(threads)
    sums[threads] = T.zeros({ 40, 64 }):index_add(1, index, rows)
  end
  check.ok(sums[1]:equal(sums[2]))
end)

check.test("numbers that do not fit", function()
  local x = T.zeros { 2, 3 }
  check.fails("index_select: index 2 (item 1) is outside the 2 items, from 0, of dimension 1 of f32[2 x 3]",
    x.index_select, x, 1, i64 { 2 })
  check.fails("index_put: index 3 (item 2) is outside the 3 items, from 0, of dimension 2", x.index_put, x,
    { i64 { 0, 1 }, i64 { 2, 3 } }, 1)
  check.fails("a mask goes to masked_select", x.index_select, x, 1, T({ true, false }, "bool"))
  check.fails("index_copy: for f32[2 x 3] and that index, source must be f32[1 x 3], not f64[1 x 3]; convert it",
    x.index_copy, x, 1, i64 { 0 }, T.zeros({ 1, 3 }, "f64"))
  check.fails("scatter: x, f32[2 x 3], and source, i64[1 x 3], differ in type", x.scatter, x, 1, i64 { { 0, 0, 0 } },
    i64 { { 1, 1, 1 } })
  check.fails("bincount: number -1 (item 2) is below 0", T.bincount, i64 { 1, -1 })
  check.fails("bincount: x must be a list of whole numbers, not f32[2]", T.bincount, T { 1, 2 })
  check.fails("topk: k is 4, and dimension 2 of f32[2 x 3] has 3 items", x.topk, x, 4)
  check.fails("has no argument \"larges\" (did you mean \"largest\"?)", x.topk, x, 2, { larges = true })
end)

check.test("single numbers", function()
  local x = T(5):requires_grad(true)
  local values, positions = x:sort()
  check.equal(tostring(values) .. tostring(positions), "f32[]i64[]")
  values:backward()
  check.equal(x:grad():item(), 1)
  check.equal(tostring(T(1):nonzero()), "i64[1 x 0]")
  check.equal(x:median():item(), 5)
end)

check.test("bincount of few numbers, counted many at a time, and of numbers that are not few", function()
  for _, case in ipairs { { 1, 1000 }, { 7, 1003 }, { 1024, 9001 }, { 1025, 9001 }, { 3, 5 } } do
    local bins, count = table.unpack(case)
    local list, want = {}, {}
    for i = 1, bins do want[i] = 0 end
    for i = 1, count do
      list[i] = (i * i * 7 + i // 3) % bins
      if i == count then list[i] = bins - 1 end
      want[list[i] + 1] = want[list[i] + 1] + 1
    end
    check.all_near(T.bincount(i64(list)), want, 0, bins .. " bins")
  end
end)

check.finish()
