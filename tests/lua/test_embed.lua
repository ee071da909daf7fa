-- calr.embed: t-SNE against scikit-learn's probabilities, gradient and results, and bad input.
local check = require "check"
local calr = require "calr"
local here = require("calr.context").current()
local C, T, sys = calr.cluster, calr.tensor, calr.sys
local layout = require "calr.embed.layout"
local golden = dofile(os.getenv "CALR_TEST_REFERENCE" .. "/embed/golden.lua")

here.quiet = true

local function graph_of(x, k, perplexity)
  local found = C.knn(x, { k = k, metric = "euclidean", include_self = false })
  return layout.similarities(found.indices, found.distances, perplexity)
end

-- The rows of a graph as a dense matrix.
local function dense(n, offsets, columns, values)
  local p = T.zeros { n, n }
  for i = 1, n do
    for e = offsets:get(i) + 1, offsets:get(i + 1) do p:set(i, columns:get(e) + 1, values:get(e)) end
  end
  return p
end

check.test("probabilities and gradient, as scikit-learn computes them", function()
  for number, case in ipairs(golden.gradients) do
    local n = case.n
    local x, y = T(case.x):reshape(n, case.d), T(case.y):reshape(n, 2)
    local offsets, columns, values = graph_of(x, case.k, case.perplexity)
    local p = dense(n, offsets, columns, values)
    check.all_near(p, T(case.p):reshape(n, n), 1e-6, "p of case " .. number)
    check.near(values:sum():item(), 1, 1e-5)
    local gradient, divergence = layout.gradient(offsets, columns, values, y, { theta = 0 })
    check.near(divergence, case.divergence, 1e-5, "divergence of case " .. number)
    check.all_near(gradient, T(case.gradient):reshape(n, 2), 2e-6, "gradient of case " .. number)
  end
end)

local function random(seed, ...)
  return calr.rng.open({ seed = seed, purpose = "test" }):fill_normal(T.zeros { ... })
end

check.test("the approximation is near the exact gradient, whatever the points", function()
  local x = random(1, 500, 6)
  local offsets, columns, values = graph_of(x, 30, 10)
  local same, line = T.zeros { 500, 2 }, random(3, 500, 2)
  line:narrow(2, 2, 1):fill(0)
  local far = random(4, 500, 2)
  far:narrow(1, 1, 3):fill(1e6)
  for name, y in pairs { spread = random(2, 500, 2) * 10, same = same, line = line, far = far } do
    local exact = layout.gradient(offsets, columns, values, y, { theta = 0 })
    local near = layout.gradient(offsets, columns, values, y, { theta = 0.5 })
    local difference = (exact - near):norm():item() / math.max(1e-9, exact:norm():item())
    check.ok(difference < 0.02, ("%s: %g"):format(name, difference))
  end
end)

-- How far neighbours in the plane are neighbours among the features (Venna and Kaski, 2001).
local function trustworthiness(x, y, k)
  local n = x:size(1)
  local function ranks(points)
    local distances = T.cdist(points, points)
    for i = 1, n do distances:set(i, i, -1) end
    return distances:argsort(2)
  end
  local among = ranks(x):argsort(2):totable()
  local total = 0
  for i, row in ipairs(ranks(y):totable()) do
    for j = 2, k + 1 do total = total + math.max(0, among[i][row[j] + 1] - k) end
  end
  return 1 - total * 2 / (n * k * (2 * n - 3 * k - 1))
end

check.test("a whole run ends where scikit-learn's ends, and the same for any number of threads", function()
  local case = golden.whole
  local x = T(case.x):reshape(case.n, case.d)
  local threads = sys.threads()
  local y, divergence = calr.embed.tsne(x, { perplexity = 20, quiet = true })
  check.ok(divergence < case.divergence * 1.03, ("divergence %g, scikit-learn %g"):format(divergence, case.divergence))
  local trust = trustworthiness(x, y, 10)
  check.ok(trust > case.trustworthiness - 0.005, ("trustworthiness %g"):format(trust))
  check.all_near(y:mean(1), T.zeros { 2 }, 1e-3)
  local start = random(5, case.n, 2) * 1e-4
  local first = calr.embed.tsne(x, { perplexity = 20, init = start, iterations = 100, quiet = true })
  sys.threads(1)
  local again = calr.embed.tsne(x, { perplexity = 20, init = start, iterations = 100, quiet = true })
  sys.threads(threads)
  check.all_near(again, first, 0)
  local random_start = select(2, calr.embed.tsne(x, { perplexity = 20, init = "random", seed = 3, quiet = true }))
  check.ok(random_start < case.divergence * 1.08, ("from random points: %g"):format(random_start))
end)

check.test("few rows, equal rows, and what cannot be laid out", function()
  for _, x in ipairs { random(1, 4, 3), T.ones { 20, 3 }, T.cat { T.zeros { 10, 2 }, T.ones { 10, 2 } } } do
    local y = calr.embed.tsne(x, { iterations = 20, exaggerated = 20, perplexity = 1, quiet = true })
    check.ok(y:isfinite():all():item())
  end
  local x = random(1, 30, 3)
  check.fails("f32[n x d] with n of at least 4", calr.embed.tsne, random(1, 3, 2))
  check.fails("the perplexity must be 1 to (n - 1) / 3 = 9.667 for 30 rows, not 30", calr.embed.tsne, x,
    { perplexity = 30 })
  check.fails("no metric \"l1\"", calr.embed.tsne, x, { metric = "l1" })
  check.fails("option \"perplexitiy\"", calr.embed.tsne, x, { perplexitiy = 3 })
  check.fails("theta", calr.embed.tsne, x, { theta = 0.9, quiet = true })
  check.fails("init must be", calr.embed.tsne, x, { init = "middle" })
  check.fails("one row of two numbers", calr.embed.tsne, x, { init = T.zeros { 7, 2 }, quiet = true })
  check.fails("neighbour 0 of thing 1 is 1", layout.similarities, T({ { 1 }, { 1 } }, "i32"), T.ones { 2, 1 }, 1)
  check.fails("to its neighbour 0 is", layout.similarities, T({ { 1 }, { 0 } }, "i32"), T.full({ 2, 1 }, 0 / 0), 1)
  local offsets, columns, values = graph_of(x, 9, 3)
  check.fails("nan: lower the learning rate", layout.gradient, offsets, columns, values,
    T.cat { T.zeros { 29, 2 }, T.full({ 1, 2 }, 0 / 0) })
  columns:set(1, 30)
  check.fails("columns are numbers of things", layout.gradient, offsets, columns, values, random(1, 30, 2))
  columns:set(1, 1)
  offsets:set(3, offsets:get(4) + 1)
  check.fails("must not decrease", layout.gradient, offsets, columns, values, random(1, 30, 2))
end)

check.test("a layout that has shrunk to nothing has the forces of a small one", function()
  local n, k = 3000, 5
  local columns = (calr.arange(n * k):to "i64":div(k, { rounding_mode = "floor" })
    + calr.arange(n * k):to "i64":remainder(k) + 1):remainder(n):to "i32"
  local found = { indices = columns:view(n, k), distances = calr.ones { n, k } }
  local offsets, places, values = layout.similarities(found.indices, found.distances, 3)
  local y = calr.randn({ n, 2 }, { generator = calr.rng.open { seed = 3 } })
  local small = layout.gradient(offsets, places, values, y * 1e-4, { theta = 0 }) * 1e4
  local tiny = layout.gradient(offsets, places, values, y * 1e-9, { theta = 0.5 }) * 1e9
  check.ok((tiny - small):abs():max():item() < 1e-4 * small:abs():max():item())
end)

check.finish()
