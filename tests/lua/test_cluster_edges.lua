-- Every function of calr.cluster and calr.quality at the edges: no rows, one, two; copies, zeros, ties; one cluster,
-- none; numbers that are none. What holds of all of them: labels are canonical, the same again, and the same for any
-- number of threads.
local check = require "check"
local T, C, Q, L = require "calr.tensor", require "calr.cluster", require "calr.quality", require "calr.labels"
local K = require "calr.lab.cluster"
local rng, sys = require "calr.rng", require "calr.sys"

local D = 8

local function fill(n, value)
  return T.zeros({ n, D }):fill(value)
end

-- The same few rows over and over: of k kinds.
local function copies(n, kinds)
  local rows = {}
  for i = 1, n do
    rows[i] = {}
    for j = 1, D do rows[i][j] = (i * 7 % kinds + 1) * (j == i * 7 % kinds % D + 1 and 1 or 0.25) end
  end
  return T(rows)
end

-- Rows at right angles: all pairs are equally far apart.
local function right_angles()
  local x = T.zeros { D, D }
  for i = 1, D do x:set(i, i, 2) end
  return x
end

local function noise(n, seed)
  return rng.open({ seed = seed, purpose = "edges" }):fill_normal(T.zeros { n, D })
end

-- Groups of eight rows with noise that depends on the group, three rows of zeros, and some copies.
local function mixed(n)
  local x = noise(n, 2)
  for i = 1, n do
    local group = (i - 1) // 8
    for j = 1, D do x:set(i, j, 0.1 * (1 + group % 4) * x:get(i, j) + ((group >> ((j - 1) % 4)) % 2) * 3 + j % 3) end
  end
  for i = 1, n, n // 3 do
    for j = 1, D do x:set(i, j, 0) end
  end
  for i = 2, n - 1, 17 do
    for j = 1, D do x:set(i, j, x:get(i + 1, j)) end
  end
  return x
end

local inputs = {
  { "nothing", T.zeros { 0, D } }, { "one row", fill(1, 1) }, { "one row of zeros", fill(1, 0) },
  { "two copies", fill(2, 1) }, { "two rows", copies(2, 2) }, { "three rows", copies(3, 3) },
  { "zeros", fill(20, 0) }, { "one row many times", fill(40, -1.5) }, { "few rows many times", copies(60, 5) },
  { "right angles", right_angles() }, { "noise", noise(50, 1) }, { "mixed", mixed(120) },
}

local function cameras_of(x)
  local cameras = T.zeros({ x:size(1) }, "i32")
  for i = 1, x:size(1) do cameras:set(i, i % 3 == 0 and 1 or 0) end
  return cameras
end

-- What labels features, by name. Fewer rows than k or clusters are taken care of here only where a function refuses.
local methods = {
  { "dbscan, jaccard", function(x) return (C.dbscan(C.jaccard(x), { eps = 0.5 })) end },
  { "dbscan, k1 = 1", function(x) return (C.dbscan(C.jaccard(x, { k1 = 1, k2 = 1 }), {})) end },
  { "dbscan, cosine", function(x) return (C.dbscan(C.distances(x), { eps = 0.1 })) end },
  { "dbscan, eps 0", function(x) return (C.dbscan(C.distances(x, { metric = "euclidean" }), { eps = 0 })) end },
  { "dbscan, cameras", function(x) return (C.dbscan(C.camera_jaccard(x, cameras_of(x)), {})) end },
  { "hdbscan, jaccard", function(x) return (C.hdbscan(C.jaccard(x), {})) end },
  { "hdbscan, features", function(x) return (C.hdbscan_features(x, { min_cluster_size = 3, single = true })) end },
  { "hdbscan, leaves", function(x) return (C.hdbscan_features(x, { metric = "euclidean", method = "leaves" })) end },
  { "infomap", function(x) return (C.infomap(x, {})) end },
  { "infomap, k = 1000", function(x) return (C.infomap(x, { k = 1000, min_similarity = 0, min_size = 1 })) end },
  { "infomap, undirected", function(x) return (C.infomap(x, { directed = false, trials = 3 })) end },
  { "infomap, many levels", function(x) return (C.infomap(x, { levels = "many", min_size = 1 })) end },
  { "leiden", function(x) return (C.leiden(x, {})) end },
  { "leiden, potts", function(x) return (C.leiden(x, { quality = "potts", k = 1000, min_size = 1 })) end },
  { "components", function(x) return (C.components(x, {})) end },
  { "components, mutual", function(x) return (C.components(x, { mutual = true, k = 1000, min_size = 4 })) end },
  { "components of", function(x) return (C.components_of(C.distances(x), { within = 0.2 })) end },
}
for _, linkage in ipairs { "average", "complete", "single", "ward" } do
  methods[#methods + 1] = { "agglomerative, " .. linkage, function(x)
    return (C.agglomerative(C.distances(x, { metric = "euclidean" }), { distance = 1.5, linkage = linkage }))
  end, one = true }
end
methods[#methods + 1] = { "agglomerative, two clusters", function(x)
  return (C.agglomerative(C.jaccard(x), { clusters = 2 }))
end, least = 2, one = true }
methods[#methods + 1] = { "kmeans", function(x) return (C.kmeans(x, { clusters = 2 })) end, least = 2 }
methods[#methods + 1] = { "kmeans, as many as rows", function(x)
  return (C.kmeans(x, { clusters = x:size(1) }))
end, least = 1 }
methods[#methods + 1] = { "kmeans, batches", function(x)
  return (C.kmeans(x, { clusters = 2, batch = 7, iterations = 9 }))
end, least = 2 }

local function check_canonical(labels, n, name)
  check.equal(tostring(labels), ("i32[%d]"):format(n), name)
  local next_label = 0
  for i = 1, n do
    local label = labels:get(i)
    if label == next_label then next_label = next_label + 1 end
    check.ok(label >= -1 and label < next_label, name .. ": labels are numbered by first appearance")
  end
end

local function with_threads(threads, fn, ...)
  local before = sys.threads()
  sys.threads(threads)
  local result = fn(...)
  sys.threads(before)
  return result
end

for _, method in ipairs(methods) do
  check.test(method[1] .. ": labels at the edges", function()
    for _, input in ipairs(inputs) do
      local x, name = input[2], method[1] .. " of " .. input[1]
      local n = x:size(1)
      if n >= (method.least or 0) and not (n == 0 and method.one) then
        local labels = method[2](x)
        check_canonical(labels, n, name)
        for threads = 1, 3, 2 do
          check.ok(with_threads(threads, method[2], x):equal(labels), ("%s with %d threads"):format(name, threads))
        end
      end
    end
  end)
  check.test(method[1] .. ": numbers that are none", function()
    for _, bad in ipairs { 0 / 0, 1 / 0, -1 / 0 } do
      local x = noise(30, 3)
      x:set(18, 5, bad)
      local ok, problem = pcall(method[2], x)
      check.ok(not ok, method[1] .. " took " .. bad)
      check.ok(tostring(problem):find("row 17", 1, true), method[1] .. " does not name the row: " .. tostring(problem))
    end
  end)
end

check.test("every method of calr cluster on the same inputs", function()
  for _, method in ipairs(K.methods()) do
    for _, input in ipairs(inputs) do
      check_canonical((K.run(method.name, input[2])), input[2]:size(1), method.name .. " of " .. input[1])
    end
  end
end)

check.test("copies are together, whatever the method", function()
  local x = copies(60, 3)
  for _, method in ipairs { "infomap", "leiden", "dbscan", "hdbscan", "agglomerative", "components" } do
    local labels = K.run(method, x, method == "dbscan" and { distance = "cosine", eps = 0.01 }
      or method == "hdbscan" and { distance = "euclidean" }
      or method == "agglomerative" and { distance = "cosine", cut = 0.01 }
      or { k = 20, min_similarity = 0.999 })
    check.near(Q.bcubed(labels, (C.kmeans(x, { clusters = 3 }))).f, 1, 1e-9, method)
  end
end)

check.test("distances at the edges", function()
  for _, input in ipairs(inputs) do
    local x, name = input[2], input[1]
    local n = x:size(1)
    for _, metric in ipairs { "cosine", "euclidean" } do
      local d = C.distances(x, { metric = metric })
      check.equal(tostring(d), ("f32[%d x %d]"):format(n, n), name)
      check.ok(n == 0 or d:is_finite() and d:min():item() >= 0, name)
      check.ok(d:equal(d:transpose(1, 2):contiguous()), name .. ": symmetric bit by bit")
      check.ok(with_threads(1, C.distances, x, { metric = metric }):equal(d), name .. ": threads")
    end
    local jaccard = C.jaccard(x):dense()
    check.ok(n == 0 or jaccard:min():item() >= 0 and jaccard:max():item() <= 1, name)
    check.ok(with_threads(1, function() return C.jaccard(x):dense() end):equal(jaccard), name .. ": Jaccard, threads")
    for i = 1, n do check.equal(jaccard:get(i, i), 0, name) end
  end
end)

check.test("neighbours at the edges", function()
  for _, input in ipairs(inputs) do
    local x, name = input[2], input[1]
    local n = x:size(1)
    check.fails("there are only " .. n, C.knn, x, { k = n + 1 })
    for k = 1, math.min(n, 4) do
      for _, metric in ipairs { "cosine", "euclidean" } do
        local near = C.knn(x, { k = k, metric = metric })
        local one = with_threads(1, C.knn, x, { k = k, metric = metric })
        check.ok(near.indices:equal(one.indices), name .. ": threads")
        for i = 1, n do check.equal(near.indices:get(i, 1), i - 1, name) end
      end
    end
    if name == "zeros" or name == "one row many times" then -- ties: the lowest row first
      local near = C.knn(x, { k = 2, include_self = false })
      check.equal(near.indices:get(n, 1), 0, name)
      check.equal(near.indices:get(1, 2), 2, name)
    end
    if n > 0 then
      local index = C.ivf(x, { lists = math.min(n, 4) })
      local found = index:search(nil, { k = math.min(n, 3), probes = 1000 })
      check.all_near(found.similarities, C.knn(x, { k = math.min(n, 3) }).similarities, 1e-5)
    end
  end
end)

check.test("silhouettes and Davies-Bouldin at the edges", function()
  for _, input in ipairs(inputs) do
    local x, name = input[2], input[1]
    local n = x:size(1)
    local function labelled(kind)
      local labels = T.zeros({ n }, "i32")
      for i = 1, n do labels:set(i, kind == "outliers" and -1 or kind == "alone" and i - 1 or kind == "two" and i % 2
        or 0) end
      return (L.canonical(labels))
    end
    for _, kind in ipairs { "outliers", "one", "two", "alone" } do
      local labels = labelled(kind)
      local clusters = L.clusters(labels)
      for _, score in ipairs { function() return C.silhouette(C.distances(x), labels) end,
        function() return C.silhouette_features(x, labels, { metric = "euclidean" }) end,
        function() return C.simplified_silhouette(x, labels) end } do
        local mean, each = score()
        check.equal(mean == nil, clusters < 2, name .. ", " .. kind)
        check.ok(mean == nil and type(each) == "string" or mean >= -1 and mean <= 1 and each:is_finite(), name)
        check.equal(with_threads(1, score), mean, name .. ": threads")
      end
      local index, why = C.davies_bouldin(x, labels)
      check.equal(index == nil, clusters < 2, name .. ", " .. kind)
      check.ok(index == nil and type(why) == "string" or index >= 0, name)
    end
  end
  check.fails("", C.silhouette_features, noise(4, 1), T({ 0, 1 }, "i32"))
  check.fails("row 1", C.silhouette_features, T { { 1, 2 }, { 0 / 0, 1 } }, T({ 0, 1 }, "i32"))
  check.fails("row 1", C.davies_bouldin, T { { 1, 2 }, { 0 / 0, 1 } }, T({ 0, 1 }, "i32"))
end)

check.test("quality at the edges", function()
  local cases = {
    { {}, {} }, { { 3 }, { 0 } }, { { 3 }, { -1 } }, { { 1, 1 }, { 0, 0 } }, { { 1, 2 }, { 0, 0 } },
    { { 1, 1 }, { 0, 1 } }, { { 1, 2 }, { -1, -1 } }, { { 5, 5, 5, 5 }, { 0, 0, 0, 0 } },
    { { 1, 2, 3, 4 }, { 0, 0, 0, 0 } }, { { 1, 1, 1, 1 }, { -1, -1, -1, -1 } }, { { 1, 1, 2, 2 }, { 0, -1, 1, 1 } },
  }
  for i, case in ipairs(cases) do
    local truth, labels = T(case[1], "i64"), T(case[2], "i32")
    for _, outliers in ipairs { "singletons", "ignore" } do
      local report = Q.report(truth, labels, { outliers = outliers })
      for _, name in ipairs { "nmi", "ami", "ari", "purity", "homogeneity", "completeness" } do
        check.ok(report[name] == report[name] and report[name] <= 1 + 1e-12, ("case %d, %s"):format(i, name))
      end
      for _, name in ipairs { "pairwise", "bcubed" } do
        for _, figure in pairs(report[name]) do
          check.ok(figure >= 0 and figure <= 1, ("case %d, %s"):format(i, name))
        end
      end
      check.near(Q.nmi(truth, labels, { outliers = outliers }), report.nmi, 1e-12)
      check.near(Q.v_measure(truth, labels, { outliers = outliers }).v, report.nmi, 1e-9)
    end
    check.equal(Q.stability(labels, labels).kept, 1)
  end
  check.fails("", Q.report, T({ 1, 2 }, "i64"), T({ 0 }, "i32"))
  check.fails("", Q.report, T({ 1, 2 }, "i64"), T({ 0, -2 }, "i32"))
end)

check.finish()
