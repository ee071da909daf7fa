-- Reductions beside what the rows of tests/lua/vocabulary/reduce.lua check: numbers that are none, sizes at which the
-- kernels take other ways, threads.
local calr = require "calr"
local check = require "check"

local T = calr.tensor
local nan, inf = 0 / 0, 1 / 0

local function is_nan(x) return x ~= x end

check.test("NaN is the largest and the smallest", function()
  for _, dtype in ipairs { "f32", "f64", "bf16" } do
    local x = T({ { 1, nan, 3, nan }, { inf, -inf, 0, 2 } }):to(dtype)
    check.ok(is_nan(x:max():item()) and is_nan(x:min():item()))
    local values, places = x:max(2)
    check.ok(is_nan(values:totable()[1]) and values:totable()[2] == inf)
    check.all_near(places, { 1, 0 }, 0)
    values, places = x:min(2)
    check.ok(is_nan(values:totable()[1]) and values:totable()[2] == -inf)
    check.all_near(places, { 1, 1 }, 0)
    check.ok(is_nan(x:amax():item()) and is_nan(x:norm():item()) and is_nan(x:norm(inf):item()))
    check.equal(x:argmax():item(), 1)
    check.equal(x:any():item(), true)
    check.equal(x:count_nonzero():item(), 7)
  end
end)

check.test("infinities", function()
  local x = T { { inf, 1 }, { -inf, -inf }, { nan, 1 }, { inf, -inf } }
  local y = x:logsumexp(2):totable()
  check.ok(y[1] == inf and y[2] == -inf and is_nan(y[3]) and y[4] == inf)
  check.equal(T.zeros({ 0, 2 }):logsumexp(1):totable()[1], -inf)
  check.equal(T({ 1e30, 1e30 }):norm():item() < inf, true)
  check.ok(is_nan(x:sum():item()))
  check.equal(T({ -inf, 3 }):amin():item(), -inf)
  check.equal(T({ -inf, -inf }):max():item(), -inf)
  check.equal(T({ inf, inf }):argmin():item(), 0)
end)

check.test("nothing", function()
  local x = T.zeros { 0, 3 }
  check.equal(x:sum():item(), 0)
  check.all_near(x:prod(1), { 1, 1, 1 }, 0)
  check.equal(x:all():item(), true)
  check.equal(x:any():item(), false)
  check.equal(tostring(x:max(2)), "f32[0]")
  check.ok(is_nan(x:var():item()) and is_nan(T({ 3 }):std():item()))
  check.fails("amax: f32[0 x 3] has no items to find the largest of", x.amax, x, 1)
  check.fails("f32[0 x 3] has no items to take the mean of", x.mean, x, 1)
end)

check.test("whole numbers wrap around and stay exact", function()
  local big = T({ 9007199254740993, 2 }, "i64")
  check.equal(big:sum():item(), 9007199254740995)
  check.equal(big:max():item(), 9007199254740993)
  check.equal(T({ math.maxinteger, 1 }, "i64"):sum():item(), math.mininteger)
  check.equal(T({ 200, 100 }, "u8"):sum():item(), 300)
  check.equal(tostring(T({ 200, 100 }, "u8"):max()), "u8[]")
  check.equal(T({ math.mininteger, 5 }, "i64"):argmin():item(), 0)
end)

check.test("f16 is refused with the way out", function()
  local x = T({ 1, 2 }):to "f16"
  for _, word in ipairs { "sum", "mean", "max", "norm", "var", "logsumexp", "any", "argmax" } do
    check.fails(word == "argmax" and "argmax: f16[2]" or word .. ": f16[2]", x[word], x)
    check.fails('x:to "f32"', x[word], x)
  end
end)

check.test("both extremes", function()
  local x = T({ { 1, 2, 3, .5 }, { 4, 5, 6, 7 } }):requires_grad(true)
  local low, high = x:aminmax(2)
  check.all_near(low, { .5, 4 }, 0)
  check.all_near(high, { 3, 7 }, 0);
  (low:sum() + high:sum() * 2):backward()
  check.all_near(x:grad(), { { 0, 0, 2, 1 }, { 1, 0, 0, 2 } }, 0)
  low, high = calr.aminmax(x, { keepdim = true })
  check.equal(tostring(low) .. tostring(high), "f32[1 x 1]f32[1 x 1]")
end)

-- Numbers that are sums of few powers of two, so that every order of additions is exact.
local function numbers(shape, dtype)
  local count = 1
  for _, size in ipairs(shape) do count = count * size end
  local list = {}
  for i = 1, count do list[i] = (i * 7919 % 257 - 128) / 8 end
  return T(list):reshape(shape):to(dtype or "f32"), list
end

-- [outer x n x inner] over n: sum, largest, its place
local function reduced(list, outer, n, inner)
  local sums, most, places = {}, {}, {}
  for o = 0, outer - 1 do
    for j = 1, inner do
      local total, at = 0, 0
      for i = 0, n - 1 do
        local value = list[(o * n + i) * inner + j]
        total = total + value
        if value > list[(o * n + at) * inner + j] then at = i end
      end
      sums[#sums + 1], places[#places + 1] = total, at
      most[#most + 1] = list[(o * n + at) * inner + j]
    end
  end
  return sums, most, places
end

-- One output and many, wide and narrow ones, a few numbers of each, chunks.
local sizes = { { 1, 1, 1 }, { 1, 7, 1 }, { 1, 100003, 1 }, { 300, 3, 1 }, { 3, 1000, 1 }, { 1, 5000, 3 },
  { 1, 700, 300 }, { 2, 3001, 40 }, { 70, 5, 7 }, { 1, 3, 1000 }, { 5, 64, 130 }, { 64, 15, 1 }, { 1, 40000, 5 } }

check.test("every way of the kernels", function()
  for _, size in ipairs(sizes) do
    local where = table.concat(size, " x ")
    for _, dtype in ipairs { "f32", "f64", "i64", "bf16" } do
      local x, list = numbers(size, dtype)
      if dtype == "i64" then
        for i, value in ipairs(list) do list[i] = value >= 0 and math.floor(value) or math.ceil(value) end
      end
      local sums, most, places = reduced(list, table.unpack(size))
      if dtype ~= "bf16" then check.all_near(x:sum(2):reshape(-1), sums, 0, where) end
      local values, at = x:max(2)
      check.all_near(values:reshape(-1), most, 0, where)
      check.all_near(at:reshape(-1), places, 0, where)
      check.all_near(x:amax(2):reshape(-1), most, 0, where)
    end
  end
end)

check.test("extremes of lines, and of dimensions apart from each other", function()
  for _, n in ipairs { 63, 64, 65, 300, 4096, 4097 } do
    for _, dtype in ipairs { "f32", "f64", "i64" } do
      local x = numbers({ 3, n, 1 }, dtype):reshape(3, n)
      local lines = x:totable()
      for i, line in ipairs(lines) do
        check.equal(x:amax(2):totable()[i], math.max(table.unpack(line)), dtype)
        check.equal(x:amin(2):totable()[i], math.min(table.unpack(line)), dtype)
      end
      if dtype ~= "i64" then
        for _, at in ipairs { 1, 17, n } do
          local y = x:clone()
          y[{ 2, at }] = nan
          local most, least = y:amax(2):totable(), y:amin(2):totable()
          check.ok(is_nan(most[2]) and is_nan(least[2]) and most[1] == most[1] and most[3] == most[3], n .. ": " .. at)
        end
      end
    end
  end
  for _, shape in ipairs { { 4, 5, 70 }, { 3, 1, 2, 65 }, { 2, 3, 2, 3, 66 }, { 5, 4, 3, 2, 2 }, { 0, 4, 3 } } do
    local count = 1
    for _, size in ipairs(shape) do count = count * size end
    local x = (numbers({ 1, math.max(count, 1), 1 }, "f32"):reshape(-1):narrow(1, 1, count)):reshape(shape)
    for _, dims in ipairs { { 1, 3 }, { 2, -1 }, { 1, 2, -1 }, #shape == 5 and { 1, 3, 5 } or { 1, 3 } } do
      for _, keepdim in ipairs { false, true } do
        if count > 0 then
          -- a gap between the elements: reduced in an order of its own
          local apart = calr.stack({ x, x * 0 }, -1):select(-1, 1)
          check.ok(x:amax(dims, keepdim):equal(apart:amax(dims, keepdim)))
          check.ok(x:amin(dims, keepdim):equal(apart:amin(dims, keepdim)))
        else
          check.equal(x:amax({ 2, -1 }):numel(), 0)
        end
      end
    end
  end
end)

check.test("the bits do not depend on the number of threads", function()
  local code = [[
    local calr = require "calr"
    local stream = calr.rng.open { seed = 3, purpose = "reduce" }
    for _, size in ipairs { { 1, 200000, 1 }, { 1, 3000, 130 }, { 4, 9000, 3 }, { 500, 300, 1 } } do
      local x = stream:fill_normal(calr.tensor.zeros(size)):requires_grad(true)
      for _, y in ipairs { x:sum(2), x:var(2), x:norm(2, 2), x:logsumexp(2), x:norm(3, 2), (x:max(2)), x:amax(2),
        x:prod(2) } do
        local sum = y:sum()
        sum:backward()
        print(("%a %a"):format(sum:item(), y:reshape(-1):get(1)))
      end
      print(("%a"):format(x:grad():norm():item()))
    end]]
  local said = {}
  for threads = 1, 3 do
    local pipe = io.popen(("CALR_THREADS=%d '%s' -e '%s'"):format(threads, os.getenv "CALR", code))
    said[threads] = pipe:read "a"
    pipe:close()
  end
  check.ok(#said[1] > 100)
  check.equal(said[2], said[1])
  check.equal(said[3], said[1])
end)

check.test("gradients pass through views of any order", function()
  local x = numbers { 3, 4, 5 }
  local function gradient_of(fn)
    local leaf = x:clone():requires_grad(true)
    fn(leaf):backward()
    return leaf:grad()
  end
  for _, fn in ipairs {
    function(t) return t:permute(3, 1, 2):norm(2, { 1, 3 }):sum() end,
    function(t) return t:transpose(1, 3):var(1):sum() end,
    function(t) return t:narrow(2, 2, 2):prod({ 1, 3 }):sum() end,
    function(t) return t:mean({ 1, 3 }, true):norm() end,
  } do
    local strided = gradient_of(fn)
    local straight = gradient_of(function(t)
      return fn(t:reshape(60):reshape(3, 4, 5))
    end)
    check.all_near(strided, straight:totable(), 1e-6)
    check.ok(strided:norm():item() > 0)
  end
end)

check.finish()
