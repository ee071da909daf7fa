-- Distances are exact (docs/decisions/exact-distances.md): whole numbers against scikit-learn in double precision, far
-- rows that must change nothing, ties by the lowest row, and searches that agree with each other.
local check = require "check"
local T = require "calr.tensor"
local cluster = require "calr.cluster"
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

check.finish()
