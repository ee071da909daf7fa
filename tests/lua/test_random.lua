-- Random tensors: from the generator that is given, the same for any number of threads.
local check = require "check"
local calr = require "calr"

local function open(seed) return calr.rng.open { seed = seed or 1 } end

local function moments(x)
  local sum, squares, values = 0, 0, x:to("f64"):reshape(-1):totable()
  for _, v in ipairs(values) do
    sum = sum + v
    squares = squares + v * v
  end
  return sum / #values, squares / #values - (sum / #values) ^ 2
end

check.test("shapes, types, and no hidden generator", function()
  local rng = open()
  check.equal(tostring(calr.rand(2, 3, { generator = rng })), "f32[2 x 3]")
  check.equal(tostring(calr.randn({ 2, 3 }, { generator = rng, dtype = "f64" })), "f64[2 x 3]")
  check.equal(tostring(calr.rand({}, { generator = rng })), "f32[]")
  check.equal(tostring(calr.randn({ 0, 3 }, { generator = rng })), "f32[0 x 3]")
  check.equal(tostring(calr.randint(0, 5, { 4 }, { generator = rng })), "i64[4]")
  check.equal(tostring(calr.randint(0, 2, { 4 }, { generator = rng, dtype = "bool" })), "bool[4]")
  for _, call in ipairs { function() return calr.rand(2) end,
    function() return calr.randn({ 2 }, { dtype = "f64" }) end,
    function() return calr.randint(0, 2, { 2 }, {}) end, function() return calr.randperm(3) end,
    function() return calr.rand(2, { generator = 5 }) end, function() return calr.ones(2):bernoulli() end,
    function() return calr.ones(2):multinomial(1) end } do
    check.fails("there is no hidden one: {generator = calr.rng.open{seed = 1}}", call)
  end
  check.fails("unknown option \"dtyp\"", calr.rand, 2, { generator = rng, dtyp = "f64" })
  check.fails("numbers with a fraction are no i64", calr.rand, 2, { generator = rng, dtype = "i64" })
  check.fails("a shape is needed", calr.rand, { generator = rng })
  check.fails("no whole number from 3 to below 3", calr.randint, 3, 3, { 1 }, { generator = rng })
  check.fails("u8 does not hold -1 .. 3", calr.randint, -1, 4, { 1 }, { generator = rng, dtype = "u8" })
end)

check.test("distributions", function()
  local rng = open(7)
  for _, dtype in ipairs { "f32", "f64", "bf16", "f16" } do
    local mean, variance = moments(calr.rand({ 40001 }, { generator = rng, dtype = dtype }))
    check.near(mean, .5, .01)
    check.near(variance, 1 / 12, .003)
    mean, variance = moments(calr.randn({ 40001 }, { generator = rng, dtype = dtype }))
    check.near(mean, 0, .02)
    check.near(variance, 1, .03)
  end
  for _, dtype in ipairs { "bf16", "f16" } do -- narrow types must not be rounded up to 1
    local list = calr.rand({ 20000 }, { generator = rng, dtype = dtype }):totable()
    for _, v in ipairs(list) do assert(v >= 0 and v < 1) end
  end
  local counts = { 0, 0, 0 }
  for _, v in ipairs(calr.randint(-1, 2, { 30000 }, { generator = rng }):totable()) do
    counts[v + 2] = counts[v + 2] + 1
  end
  for i = 1, 3 do check.near(counts[i] / 30000, 1 / 3, .01) end
  check.equal(calr.randint(math.mininteger, math.maxinteger, { 3 }, { generator = rng }):numel(), 3)
end)

check.test("permutations hold every number once", function()
  local seen = {}
  for _, v in ipairs(calr.randperm(1000, { generator = open() }):totable()) do
    check.ok(not seen[v] and v >= 0 and v < 1000)
    seen[v] = true
  end
  check.equal(calr.randperm(0, { generator = open() }):numel(), 0)
  check.fails("negative", calr.randperm, -1, { generator = open() })
end)

check.test("bernoulli", function()
  local rng = open()
  check.near(moments(calr.full({ 20000 }, .3):bernoulli { generator = rng }), .3, .01)
  check.near(moments(calr.zeros(20000):bernoulli(.9, { generator = rng })), .9, .01)
  check.all_near(calr.tensor({ 0, 1, 0, 1 }):bernoulli { generator = rng }, { 0, 1, 0, 1 }, 0)
  check.equal(calr.full({ 2 }, .5, "f64"):bernoulli({ generator = rng }):dtype(), "f64")
  for _, bad in ipairs { -.1, 1.1, 0 / 0 } do
    check.fails("no probability: 0 to 1", calr.bernoulli, calr.tensor { .5, bad }, { generator = rng })
  end
end)

check.test("multinomial", function()
  local rng = open(3)
  local weights = calr.tensor { { 1, 0, 3 }, { 0, 0, 5 } }
  local drawn, counts = weights:multinomial(20000, true, { generator = rng }):totable(), { [0] = 0, 0, 0 }
  for _, v in ipairs(drawn[1]) do counts[v] = counts[v] + 1 end
  check.near(counts[0] / 20000, .25, .01)
  check.equal(counts[1], 0)
  for _, v in ipairs(drawn[2]) do assert(v == 2) end
  -- Without replacement: the first is drawn as above, and none comes twice.
  local first = 0
  for _ = 1, 4000 do
    local pair = calr.multinomial(calr.tensor { 1, 0, 3 }, 2, { generator = rng }):totable()
    check.ok(pair[1] ~= pair[2] and pair[1] ~= 1 and pair[2] ~= 1)
    if pair[1] == 0 then first = first + 1 end
  end
  check.near(first / 4000, .25, .03)
  check.fails("3 positions without replacement cannot be drawn: 2 of 3 weights are above 0", calr.multinomial,
    calr.tensor { 1, 0, 3 }, 3, { generator = rng })
  check.fails("0 of 2 weights are above 0", calr.multinomial, calr.zeros(2), 1, true, { generator = rng })
  check.fails("weights are finite, 0 or more", calr.multinomial, calr.tensor { 1, -1 }, 1, { generator = rng })
  check.fails("weights are finite, 0 or more", calr.multinomial, calr.tensor { 1, 1 / 0 }, 1, { generator = rng })
  check.equal(tostring(calr.zeros(2):multinomial(0, { generator = rng })), "i64[0]")
  check.equal(tostring(calr.zeros(0, 2):multinomial(3, true, { generator = rng })), "i64[0 x 3]")
end)

check.test("the state goes into a text and comes back", function()
  local rng = open(9)
  rng:uniform()
  local state = rng:get_state()
  local number, tensor = rng:integer(1, 1 << 40), calr.randn({ 5 }, { generator = rng })
  local other = open(2):set_state(state)
  check.equal(other:integer(1, 1 << 40), number)
  check.ok(calr.randn({ 5 }, { generator = other }):equal(tensor))
  check.ok(not calr.randn({ 5 }, { generator = other }):equal(tensor))
  for _, bad in ipairs { "", "x", state .. " ", state:gsub("%d$", "5") } do
    check.fails("no state of a generator", rng.set_state, rng, bad)
  end
  -- The stream's end: no number comes twice unnoticed.
  local late = open():set_state(("%s fffffffe%s"):format(state:match "^(%x+) %x%x%x%x%x%x%x%x(.*) %d$") .. " 4")
  check.fails("holds no more numbers", calr.rand, 9, { generator = late })
  check.equal(calr.rand(8, { generator = late }):numel(), 8)
end)

check.test("the same bits for any number of threads", function()
  local threads, results = calr.sys.threads(), {}
  for _, count in ipairs { 1, 2, 5 } do
    calr.sys.threads(count)
    local rng = open(4)
    local normal = calr.randn({ 100003 }, { generator = rng })
    results[#results + 1] = calr.cat { normal, calr.rand({ 70001 }, { generator = rng }) }
  end
  calr.sys.threads(threads)
  check.ok(results[1]:equal(results[2]) and results[1]:equal(results[3]))
end)

check.finish()
