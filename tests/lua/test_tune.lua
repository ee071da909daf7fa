-- calr.tune against SciPy (tests/reference/study/make_tune.py).
local check = require "check"
local tune = require "calr.tune"
local json = require "calr.json"
local Rng = require "calr.rng"

local file = assert(io.open(os.getenv "CALR_TEST_REFERENCE" .. "/study/search.json"))
local golden = json.decode(file:read "a")
file:close()

check.test("Sobol's sequence is SciPy's, exactly", function()
  for i, point in ipairs(golden.sobol.first) do
    local ours = tune.sobol(i - 1, 5)
    for d = 1, 5 do check.equal(ours[d], point[d] + 0.0) end
  end
  for index, point in pairs(golden.sobol.points) do
    local ours = tune.sobol(math.tointeger(tonumber(index)), golden.sobol.dimensions)
    for d = 1, #point do check.equal(ours[d], point[d] + 0.0, index .. ", dimension " .. d) end
  end
end)

check.test("scrambled, each dimension of 2^k points still has one in each of 2^k intervals", function()
  local dimensions, n = 64, 256
  for d = 1, dimensions do
    local seen = {}
    for i = 0, n - 1 do
      local u = tune.sobol(i, dimensions, 5)[d]
      check.ok(u >= 0 and u < 1)
      seen[math.floor(u * n)] = true
    end
    for cell = 0, n - 1 do check.ok(seen[cell]) end
  end
  -- and pairs of dimensions, one in each box of the elementary intervals of the first two (a net with t = 0)
  local seen = {}
  for i = 0, n - 1 do
    local u = tune.sobol(i, 2, 77)
    seen[math.floor(u[1] * 16) * 16 + math.floor(u[2] * 16)] = true
  end
  for cell = 0, n - 1 do check.ok(seen[cell]) end
  check.ok(tune.sobol(0, 1, 1)[1] ~= tune.sobol(0, 1, 2)[1])
end)

check.test("scrambled points are uniform over the seeds", function()
  local counts, n = {}, 4000
  for seed = 1, n do
    local cell = math.floor(tune.sobol(3, 2, seed)[2] * 10)
    counts[cell] = (counts[cell] or 0) + 1
  end
  for cell = 0, 9 do check.near(counts[cell], n / 10, 5 * math.sqrt(n / 10)) end
end)

check.test("mistakes about Sobol's sequence", function()
  check.fails("1 to 256", tune.sobol, 0, 257)
  check.fails("1 to 256", tune.sobol, 0, 0)
  check.fails("2^32", tune.sobol, -1, 2)
  check.fails("2^32", tune.sobol, 1 << 32, 2)
  check.equal(#tune.sobol((1 << 32) - 1, 256), 256)
end)

local names = { rule = "bandwidth" }

local function make(case)
  local n, axes, rows, columns = #case.x, #case.axes, {}, {}
  local h = tune.history(axes)
  for a = 1, axes do columns[a] = a end
  for i = 1, n do
    h:set(i, case.x[i])
    rows[i] = i
  end
  local options = { history = h, rows = rows, columns = columns, axes = case.axes }
  for key, value in pairs(case.options or {}) do options[names[key] or key] = value end
  return tune.parzen(options)
end

check.test("densities are SciPy's", function()
  for number, case in ipairs(golden.parzen) do
    local p <close> = make(case)
    check.equal(p:kernels(), #case.x + 1)
    check.all_near(p:log_density(case.points), case.log_density, 1e-9, "case " .. number)
  end
end)

check.test("what is drawn has the density that is told", function()
  local rng = Rng.open { seed = 4, purpose = "test" }
  -- over a range with steps and a choice, the probabilities of all points sum to 1 and are the frequencies
  local case = { axes = { { kind = "step", low = 1, high = 9, step = 2 }, { kind = "choice", choices = 3 } }, x = {} }
  for i = 1, 20 do case.x[i] = { 1 + 2 * (i * i % 5), i % 2 } end
  local p <close> = make(case)
  local points, counts, n = {}, {}, 40000
  for k = 1, 9, 2 do
    for c = 0, 2 do points[#points + 1] = { k, c } end
  end
  for _, point in ipairs(p:sample(rng, n)) do
    local key = point[1] .. " " .. point[2]
    counts[key] = (counts[key] or 0) + 1
  end
  local total = 0
  for i, log in ipairs(p:log_density(points)) do
    local expected = math.exp(log)
    total = total + expected
    check.near((counts[points[i][1] + 0.0 .. " " .. points[i][2] + 0.0] or 0) / n, expected,
      5 * math.sqrt(expected / n))
  end
  check.near(total, 1, 1e-12)
  -- over a logarithmic range, by tenths of it
  local log_case = { axes = { { kind = "float", low = 1e-3, high = 10, log = true } },
    x = { { 0.002 }, { 0.1 }, { 9 } } }
  local q <close> = make(log_case)
  local low, high, cells = math.log(1e-3), math.log(10), {}
  for _, point in ipairs(q:sample(rng, n)) do
    check.ok(point[1] >= 1e-3 and point[1] <= 10)
    local cell = math.min(9, math.floor((math.log(point[1]) - low) / (high - low) * 10))
    cells[cell] = (cells[cell] or 0) + 1
  end
  local at, fine = {}, 2000
  for i = 1, 10 * fine do at[i] = { math.exp(low + (i - 0.5) / (10 * fine) * (high - low)) } end
  local logs = q:log_density(at)
  for cell = 0, 9 do
    local mass = 0
    for i = cell * fine + 1, (cell + 1) * fine do mass = mass + math.exp(logs[i]) * (high - low) / (10 * fine) end
    check.near((cells[cell] or 0) / n, mass, 5 * math.sqrt(mass / n))
  end
end)

check.test("rows that lack a column are left out; a row can be set again", function()
  local h = tune.history(2)
  h:set(1, { 0.2, 0.5 })
  h:set(3, { 0.4, false })
  check.equal(#h, 3)
  local function kernels(columns)
    local axes = {}
    for i = 1, #columns do axes[i] = { kind = "float", low = 0, high = 1 } end
    return tune.parzen { history = h, rows = { 1, 2, 3 }, columns = columns, axes = axes }:kernels()
  end
  check.equal(kernels { 1 }, 3)
  check.equal(kernels { 2 }, 2)
  check.equal(kernels { 1, 2 }, 2)
  h:set(3, { 0.4, 0.6 })
  check.equal(kernels { 1, 2 }, 3)
end)

check.test("observations and points outside the range do no harm", function()
  local case = { axes = { { kind = "float", low = 0, high = 1 },
    { kind = "step", low = 1, high = 5, step = 1, log = true } }, x = { { -3, 0 }, { 1e300, 17 } } }
  local p <close> = make(case)
  for _, point in ipairs(p:sample(Rng.open {}, 100)) do
    check.ok(point[1] >= 0 and point[1] <= 1 and point[2] >= 1 and point[2] <= 5)
  end
  local far = p:log_density { { 0.5, 3 }, { 1e6, 3 } }
  check.ok(far[1] > far[2])
end)

check.test("mistakes", function()
  local h = tune.history(1)
  h:set(1, { 0.5 })
  local function parzen(axis, more)
    local options = { history = h, rows = { 1 }, columns = { 1 }, axes = { axis } }
    for key, value in pairs(more or {}) do options[key] = value end
    return tune.parzen(options)
  end
  check.fails("its range is", parzen, { kind = "float", low = 1, high = 1 })
  check.fails("cannot begin at", parzen, { kind = "float", low = 0, high = 1, log = true })
  check.fails("its step is", parzen, { kind = "step", low = 0, high = 1, step = 0 })
  h:set(1, { 2 })
  check.fails("chose 2 of 2", parzen, { kind = "choice", choices = 2 })
  h:set(1, { 0.5 })
  check.fails("unknown option \"hihg\" (did you mean \"high\"?)", parzen, { kind = "float", hihg = 1 })
  check.fails("row number 1", parzen, { kind = "float" }, { rows = { 2 } })
  check.fails("column number 1", parzen, { kind = "float" }, { columns = { 2 } })
  check.fails("as many axes", parzen, { kind = "float" }, { columns = { 1, 1 } })
  check.fails("\"history\" must be", parzen, { kind = "float" }, { history = 3 })
  check.fails("finite number or false", h.set, h, 1, { 0 / 0 })
  check.fails("finite number or false", h.set, h, 1, {})
  check.fails("rows count from 1", h.set, h, 0, { 1 })
  check.fails("columns are possible", tune.history, 0)
  local p = parzen { kind = "float" }
  check.fails("value 1 of point 1", p.log_density, p, { {} })
  check.fails("has inf on axis", p.log_density, p, { { math.huge } })
  p:close()
  check.fails("was closed", p.kernels, p)
end)

-- ---- Gaussian processes ----

local three = { {}, {}, { choices = 3 } }

check.test("a Gaussian process has SciPy's parameters, means and deviations", function()
  local opened = assert(io.open(os.getenv "CALR_TEST_REFERENCE" .. "/study/gaussian.json"))
  local cases = json.decode(opened:read "a")
  opened:close()
  for number, case in ipairs(cases) do
    local model <close> = tune.gaussian { axes = three, points = case.points, values = case.values }
    local found = model:parameters()
    for a = 1, 3 do check.near(found.weights[a] / case.weights[a], 1, 0.05, ("case %d, axis %d"):format(number, a)) end
    check.near(found.scale / case.scale, 1, 0.05)
    local means, deviations = model:predict(case.at)
    for i = 1, #case.at do
      check.near(means[i], case.mean[i], 0.01)
      check.near(deviations[i] / case.deviation[i], 1, 0.02)
    end
  end
end)

check.test("mistakes about Gaussian processes", function()
  local function model_with(changes)
    local options = { axes = three, points = { { 0, 0, 1 } }, values = { 1 } }
    for name, value in pairs(changes) do options[name] = value end
    return tune.gaussian(options)
  end
  check.fails("must be a list of 3 numbers", model_with, { points = { { 0, 0 } } })
  check.fails("number 2 of point 1 is a string", model_with, { points = { { 0, "x", 1 } } })
  check.fails("1 points and 2 values", model_with, { values = { 1, 2 } })
  check.fails("an axis and a point", model_with, { points = {}, values = {} })
  check.fails("point 1 has a number that is not finite", model_with, { values = { 0 / 0 } })
  check.fails("1 to 1000 axes", model_with, { axes = {} })
  check.fails("\"choises\" (did you mean \"choices\"?)", model_with, { axes = { {}, {}, { choises = 3 } } })
  check.fails("the parent of axis 1 is no choice before it", model_with,
    { axes = { { parent = 3 }, {}, { choices = 2 } } })
  check.fails("must be a model of calr.tune.gaussian, not a number", tune.improvement, { losses = 3, points = {} })
  check.fails("option \"losses\" is missing", tune.acquire, { candidates = {} })
  local model, rng = model_with {}, Rng.open { seed = 1, purpose = "test", index = 0 }
  check.fails("a candidate to begin at", tune.acquire, { losses = model, candidates = {}, rng = rng })
  check.fails("must be a stream of calr.rng", tune.acquire, { losses = model, candidates = { { 0, 0, 1 } } })
  check.equal(#tune.improvement { losses = model, points = { { 0, 0, 1 }, { 1, 1, 0 } } }, 2)
  model:close()
  model:close()
  check.fails("this model was closed", model.predict, model, {})
end)

check.finish()
