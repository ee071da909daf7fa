-- Distances are exact (docs/decisions/exact-distances.md): whole numbers against scikit-learn in double precision, far
-- rows that must change nothing, ties by the lowest row, and searches that agree with each other.
local check = require "check"
local T = require "calr.tensor"
local cluster = require "calr.cluster"
local rank = require "calr.rank"
local rng = require "calr.rng"

local golden = dofile(os.getenv "CALR_TEST_REFERENCE" .. "/exact/golden.lua")

-- Whole numbers low .. high.
local function whole(seed, n, d, low, high)
  local stream, rows = rng.open { seed = seed }, {}
  for i = 1, n do
    rows[i] = {}
    for c = 1, d do rows[i][c] = stream:integer(low, high) end
  end
  return rows
end

-- Real numbers.
local function normal(seed, n, d)
  local stream, rows = rng.open { seed = seed }, {}
  for i = 1, n do
    rows[i] = {}
    for c = 1, d do rows[i][c] = stream:normal() end
  end
  return rows
end

local function square(a, b)
  local sum = 0
  for c = 1, #a do sum = sum + (a[c] - b[c]) ^ 2 end
  return sum
end

local function f32(value) return (string.unpack("<f", string.pack("<f", value))) end

check.test("distances of whole numbers", function()
  local rows = { { 0, 0 }, { 1, 1 }, { 3, 4 }, { 6, 8 }, { 100, 100 }, { 101, 100 } }
  local D = cluster.distances(T(rows), { metric = "euclidean" })
  check.equal(D:get(1, 3), 5)
  check.equal(D:get(4, 1), 10)
  check.equal(D:get(5, 6), 1)
  D = cluster.distances(T { { 1, 1, 0 }, { 1, 0, 1 }, { 7, 0, 7 }, { 0, 0, 0 } }, { metric = "cosine" })
  check.equal(D:get(1, 2), 0.5)
  check.equal(D:get(3, 1), 0.5)
  check.equal(D:get(2, 3), 0)
  check.equal(D:get(2, 4), 1)
end)

check.test("distances are rounded once", function()
  for _, d in ipairs { 1, 3, 40, 600 } do
    local rows = whole(d, 270, d, -300, 300)
    local D, wrong = cluster.distances(T(rows), { metric = "euclidean" }):totable(), 0
    for i = 1, #rows do
      for j = 1, #rows do
        if D[i][j] ~= f32(math.sqrt(square(rows[i], rows[j]))) then wrong = wrong + 1 end
      end
    end
    check.equal(wrong, 0, d .. " columns")
  end
end)

check.test("far rows change no distance", function()
  local rows = normal(3, 300, 20)
  local near = T(rows)
  for i = 301, 303 do
    rows[i] = {}
    for c = 1, 20 do rows[i][c] = 1e5 * i * c end
  end
  for _, metric in ipairs { "euclidean", "cosine" } do
    local alone = cluster.distances(near, { metric = metric })
    local all = cluster.distances(T(rows), { metric = metric })
    check.ok(all:narrow(1, 1, 300):narrow(2, 1, 300):contiguous():equal(alone), metric)
  end
end)

for number, case in ipairs(golden) do
  check.test("whole numbers " .. number, function()
    local x = T(case.x)
    local D = cluster.distances(x, { metric = "euclidean" })
    check.all_near(cluster.dbscan(D, { eps = case.eps, min_samples = case.min_samples }), case.dbscan, 0)
    local _, clusters = cluster.agglomerative(D, { distance = case.eps, linkage = "complete" })
    check.equal(clusters, case.complete, "complete linkage")
    local labels = {}
    for i = 1, #case.x do labels[i] = (i - 1) % 4 end
    labels = T(labels, "i32")
    check.near(cluster.davies_bouldin(x, labels), case.davies_bouldin, 1e-11)
    check.near(cluster.silhouette_features(x, labels, { metric = "euclidean" }), case.silhouette, 1e-14)
  end)
end

-- The k nearest to each query among the rows, by distance and then row: rows from 0, and their distances.
local function nearest(queries, rows, k, skip_self)
  local all, lengths = {}, {}
  for i, query in ipairs(queries) do
    local order, squares = {}, {}
    for j, row in ipairs(rows) do
      squares[j] = square(query, row)
      if not (skip_self and i == j) then order[#order + 1] = j end
    end
    table.sort(order, function(a, b)
      if squares[a] ~= squares[b] then return squares[a] < squares[b] end
      return a < b
    end)
    all[i], lengths[i] = {}, {}
    for p = 1, k do
      all[i][p], lengths[i][p] = order[p] - 1, f32(math.sqrt(squares[order[p]]))
    end
  end
  return all, lengths
end

-- How many lists of rows are not the right ones, in order.
local function wrong_lists(got, want)
  local wrong = 0
  for i, list in ipairs(got:totable()) do
    for p, row in ipairs(want[i]) do
      if list[p] ~= row then
        wrong = wrong + 1
        break
      end
    end
  end
  return wrong
end

for number, case in ipairs(golden) do
  check.test("neighbours of whole numbers " .. number, function()
    local near = cluster.knn(T(case.x), { k = 6, metric = "euclidean", include_self = false })
    check.equal(wrong_lists(near.indices, case.neighbours), 0)
  end)
end

-- Codes of 8 bits, in few columns so that many tie, in more so that products need all digits, far from 0 all together,
-- and with one row far away.
local sets = {
  { "few", 300, 3, 3 }, { "more", 260, 96, 255 }, { "bits", 400, 24, 1 },
  { "offset", 300, 4, 3 }, { "far", 300, 8, 15 },
}

local function codes(name, n, d, high)
  local low = name == "offset" and 5000 or 0
  local rows = whole(#name, n, d, low, low + high)
  if name == "far" then
    for c = 1, d do rows[n][c] = rows[n][c] + 100000 end
  end
  return rows
end

for _, set in ipairs(sets) do
  local name, n, d, high = table.unpack(set)
  local rows = codes(name, n, d, high)
  local x, queries = T(rows), {}
  for i = 1, 60 do queries[i] = rows[i * 3] end
  check.test("ties go to the lowest row: knn, " .. name, function()
    local want, lengths = nearest(rows, rows, 25, true)
    local found = cluster.knn(x, { k = 25, metric = "euclidean", include_self = false })
    check.equal(wrong_lists(found.indices, want), 0)
    check.all_near(found.distances, lengths, 0)
  end)
  check.test("ties go to the lowest row: an index, " .. name, function()
    local want, lengths = nearest(rows, rows, 25, true)
    local index = cluster.ivf(x, { metric = "euclidean", lists = 12 })
    local near = index:search(nil, { k = 25, probes = 12, include_self = false })
    check.equal(wrong_lists(near.indices, want), 0)
    check.all_near(near.distances, lengths, 0)
    index = cluster.ivf(x, { lists = 12 })
    near = index:search(nil, { k = 25, probes = 12, include_self = false })
    local found = cluster.knn(x, { k = 25, include_self = false })
    check.ok(near.indices:equal(found.indices), "rows by cosine")
    check.ok(near.similarities:equal(found.similarities), "cosines")
  end)
  check.test("ties go to the lowest row: topk, " .. name, function()
    local want, lengths = nearest(queries, rows, 30)
    local options = { query = T(queries), gallery = x, k = 30 }
    local found = rank.topk(options)
    check.equal(wrong_lists(found.indices, want), 0, "without identities")
    check.all_near(found.distances, lengths, 0)
    options.query_ids, options.gallery_ids = T.full({ #queries }, 1, "i32"), T.full({ n }, 2, "i32")
    found = rank.topk(options)
    check.equal(wrong_lists(found.indices, want), 0, "with identities")
    check.all_near(found.distances, lengths, 0)
  end)
  check.test("evaluate judges what topk finds, " .. name, function()
    local query_ids, gallery_ids = {}, {}
    for i = 1, #queries do query_ids[i] = i % 7 + 1 end
    for j = 1, n do gallery_ids[j] = (j * j) % 7 + 1 end
    local want, wrong = nearest(queries, rows, n), 0
    local options = { query = T(queries), gallery = x, per_query = true }
    options.query_ids, options.gallery_ids = T(query_ids, "i32"), T(gallery_ids, "i32")
    local got = rank.evaluate(options)
    for i, list in ipairs(want) do
      local hits, sum, first = 0, 0, nil
      for p, row in ipairs(list) do
        if gallery_ids[row + 1] == query_ids[i] then
          hits, first = hits + 1, first or p
          sum = sum + hits / p
        end
      end
      local average = hits > 0 and sum / hits or -1
      local right = (first or -1) == got.first_match:get(i)
        and math.abs(average - got.average_precision:get(i)) < 1e-6
      if not right then wrong = wrong + 1 end
    end
    check.equal(wrong, 0)
  end)
  check.test("k-means gives each row to the nearest centroid, " .. name, function()
    local found, result = cluster.kmeans(x, { clusters = 20, iterations = 3, seed = 2 })
    local labels, centroids, wrong, sum = found:totable(), result.centroids:totable(), 0, 0
    for i, row in ipairs(rows) do
      local least = math.huge
      for c = 1, #centroids do least = math.min(least, square(row, centroids[c])) end
      if square(row, centroids[labels[i] + 1]) > least then wrong = wrong + 1 end
      sum = sum + square(row, centroids[labels[i] + 1])
    end
    check.equal(wrong, 0)
    check.near(result.inertia / sum, 1, 1e-12)
  end)
end

check.test("a cosine that is the least similarity of a link makes one", function()
  local x = T { { 10, 0, 0, 0 }, { 9, 3, 3, 1 } } -- 0.9, which is less in f32
  check.all_near(cluster.components(x, { k = 2, min_similarity = 0.9 }), { 0, 0 }, 0)
  check.all_near(cluster.components(x, { k = 2, min_similarity = 0.901 }), { 0, 1 }, 0)
end)

check.test("cosines tie where they are equal in f32", function()
  local rows, d = whole(9, 300, 6, 0, 2), 6
  local function product(a, b)
    local sum = 0
    for c = 1, d do sum = sum + a[c] * b[c] end
    return sum
  end
  local want = {}
  for i = 1, #rows do
    local order, cosines = {}, {}
    for j = 1, #rows do
      local lengths = product(rows[i], rows[i]) * product(rows[j], rows[j])
      cosines[j] = lengths > 0 and f32(product(rows[i], rows[j]) / math.sqrt(lengths)) or 0
      if j ~= i then order[#order + 1] = j end
    end
    table.sort(order, function(a, b)
      if cosines[a] ~= cosines[b] then return cosines[a] > cosines[b] end
      return a < b
    end)
    want[i] = {}
    for p = 1, 20 do want[i][p] = order[p] - 1 end
  end
  check.equal(wrong_lists(cluster.knn(T(rows), { k = 20, include_self = false }).indices, want), 0)
end)

check.test("distances of f32 rows are those of f64, to 2e-6", function()
  for _, size in ipairs { { 1, 1, 1 }, { 7, 5, 3 }, { 65, 130, 64 }, { 33, 17, 129 }, { 64, 64, 2048 } } do
    local m, n, d = table.unpack(size)
    -- Squares of the last four scales are too small or too large for f32.
    for _, scale in ipairs { 1, 1e-3, 1e18, 1e19, 1e-20, 3e-25 } do
      for _, far in ipairs { 0, 1000 } do
        local a, b = (T(normal(13, m, d)) + far) * scale, (T(normal(14, n, d)) + far) * scale
        local y, want = T.cdist(a, b), T.cdist(a:to "f64", b:to "f64")
        local text = ("%d x %d, %d x %d, %g of what lies around %d"):format(m, d, n, d, scale, far)
        check.ok((((y:to "f64" - want) / want):abs():max()):item() < 2e-6, text)
        check.ok(y:equal(T.cdist(b, a):t()), text .. ", the other way round")
      end
    end
  end
end)

check.test("distances of whole numbers are exact, equal rows are at 0, and what is no number stays so", function()
  local a = (T(normal(15, 70, 100)) * 50):round()
  local y, want = T.cdist(a, a), T.cdist(a:to "f64", a:to "f64")
  check.ok(y:equal(want:to "f32"))
  check.equal(y:diagonal():abs():max():item(), 0)
  local far = T.cdist(T { { 3e38, 1 }, { -3e38, 1 }, { 0 / 0, 0 } }, T { { 3e38, 1 } }):flatten():totable()
  check.equal(far[1], 0)
  check.equal(far[2], math.huge)
  check.ok(far[3] ~= far[3])
end)

-- The gradients of cdist of numbers around `far`, in units of their largest, beside those in f64.
local function gradient_error(m, n, d, far, p, few)
  local a, b = T(normal(9, m, d)) + far, T(normal(10, n, d)) + far
  local dy = T(normal(11, m, n))
  if few then dy = dy * T(normal(12, m, n)):gt(1.5):to "f32" end
  b[1] = a[1] -- at a distance of 0
  local function gradients(dtype)
    local x, z = a:to(dtype):detach():requires_grad(true), b:to(dtype):detach():requires_grad(true)
    T.cdist(x, z, p):backward(dy:to(dtype))
    return { x:grad():to "f64", z:grad():to "f64" }
  end
  local found, want, most = gradients "f32", gradients "f64", 0
  for i = 1, 2 do most = math.max(most, ((found[i] - want[i]):abs():max() / want[i]:abs():max()):item()) end
  return most
end

check.test("gradients of distances in f32 lose nothing where rows are near each other and far from 0", function()
  for _, size in ipairs { { 1, 1, 3 }, { 5, 9, 4 }, { 33, 17, 70 }, { 18, 40, 1030 } } do
    local m, n, d = table.unpack(size)
    for _, far in ipairs { 0, 1000 } do
      for _, few in ipairs { false, true } do
        local text = ("%d x %d, %d x %d around %d"):format(m, d, n, d, far)
        check.ok(gradient_error(m, n, d, far, 2, few) < 4e-7, text)
        check.ok(gradient_error(m, n, d, far, 1, few) < 4e-7, text .. ", p = 1")
      end
    end
  end
end)

check.finish()
