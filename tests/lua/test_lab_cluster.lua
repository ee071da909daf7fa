-- calr.lab.cluster: every method by its name, with its options; what is read; what is said about it.
local check = require "check"
local K, T, L, C = require "calr.lab.cluster", require "calr.tensor", require "calr.labels", require "calr.cluster"
local input, summary = require "calr.lab.cluster.input", require "calr.lab.cluster.summary"
local sys = require "calr.sys"
local npy, Q, rng = require "calr.npy", require "calr.quality", require "calr.rng"

local tmp = os.getenv "CALR_TEST_TMP"

-- 12 persons with 10 images each, under 2 cameras, well apart.
local function people(persons, images)
  local random = rng.open { seed = 3, purpose = "people" }
  local rows, ids, cameras = {}, {}, {}
  for person = 1, persons do
    local centre = {}
    for j = 1, 24 do centre[j] = random:normal() end
    for image = 1, images do
      local row = {}
      for j = 1, 24 do row[j] = centre[j] + 0.25 * random:normal() end
      rows[#rows + 1], ids[#ids + 1], cameras[#cameras + 1] = row, person, image % 2
    end
  end
  return T(rows), T(ids, "i64"), T(cameras, "i32")
end
local x, ids, cameras = people(12, 10)

check.test("every method finds clusters that are apart", function()
  local count = 0
  for _, method in ipairs(K.methods()) do
    local given = { k1 = method.options.k1 and 10 or nil, k = method.options.k and 8 or nil,
      clusters = method.name == "kmeans" and 12 or nil, cut = method.options.cut and 0.9 or nil }
    local labels, info, options = K.run(method.name, x, given)
    check.equal(tostring(labels), "i32[120]", method.name)
    check.ok(Q.bcubed(ids, labels).f > 0.8, method.name)
    check.equal(type(info), "table")
    check.ok(next(options) ~= nil)
    check.ok(labels:equal((K.run(method.name, x, given))), method.name .. ": the same again")
    check.ok(#method.summary > 10 and method.one, method.name)
    count = count + 1
  end
  check.equal(count, 7)
end)

check.test("the methods are those of calr.cluster", function()
  check.ok(K.run("infomap", x, { k = 8, seed = 4 }):equal((C.infomap(x, { k = 8, seed = 4 }))))
  local distance = C.jaccard(x, { k1 = 10, k2 = 3 })
  check.ok(K.run("dbscan", x, { k1 = 10, k2 = 3, eps = 0.5 }):equal((C.dbscan(distance, { eps = 0.5 }))))
  check.ok(K.run("hdbscan", x, { distance = "cosine", min_samples = 3 }):equal(
    (C.hdbscan(C.distances(x), { min_samples = 3 }))))
  check.ok(K.run("agglomerative", x, { distance = "euclidean", clusters = 5, linkage = "ward" }):equal(
    (C.agglomerative(C.distances(x, { metric = "euclidean" }), { clusters = 5, linkage = "ward" }))))
  check.ok(K.run("dbscan", x, { distance = "camera-jaccard", cameras = cameras, k1_intra = 4, k1_inter = 4 }):equal(
    (C.dbscan(C.camera_jaccard(x, cameras, { k1_intra = 4, k1_inter = 4, k2_intra = 2, k2_inter = 4 }), {}))))
  check.equal(L.clusters((K.run("kmeans", x))), 120 // 16)
  check.equal(L.clusters((K.run("kmeans", x, { clusters = 12, batch = 32, iterations = 50 }))), 12)
end)

check.test("neighbours by an index", function()
  for _, name in ipairs { "infomap", "leiden", "components" } do
    local labels, info, options = K.run(name, x, { k = 8, approximate = true, recall = 1 })
    check.equal(info.recall, 1, name)
    check.equal(info.index, "exact", name) -- so few rows
    check.ok(options.approximate and options.recall == 1, name)
    check.ok(Q.bcubed(labels, (K.run(name, x, { k = 8 }))).f > 0.99, name)
  end
  local _, info, options = K.run("infomap", x, { k = 8 })
  check.ok(info.recall == nil and options.approximate == nil and options.recall == nil)
  check.fails("recall is an option of approximate neighbours", K.run, "infomap", x, { recall = 0.9 })
  check.fails("above 0 and at most 1; 2.0 is not", K.run, "leiden", x, { approximate = true, recall = 2 })
end)

check.test("levels of Infomap", function()
  local _, all = C.infomap(x, { k = 8, levels = "many" })
  local labels, info, options = K.run("infomap", x, { k = 8, levels = "many", level = 1, min_size = 1 })
  check.ok(labels:equal(all.levels[1]))
  check.ok(info.levels:find(tostring(L.clusters(all.levels[1])), 1, true) == 1)
  check.equal(options.level, 1)
  local finest = K.run("infomap", x, { k = 8, levels = "many", min_size = 1 })
  check.ok(finest:equal(all.levels[#all.levels]))
  local _, two, plain = K.run("infomap", x, { k = 8 })
  check.ok(two.levels == nil and plain.level == nil)
  check.fails("level is an option of levels=many", K.run, "infomap", x, { level = 2 })
  check.fails("level counts from 1", K.run, "infomap", x, { levels = "many", level = -1 })
end)

check.test("small inputs", function()
  for _, method in ipairs(K.methods()) do
    check.equal(K.run(method.name, T.zeros { 0, 4 }):numel(), 0, method.name)
    for n = 1, 3 do
      local few = T.zeros({ n, 4 }):fill(1)
      check.equal(K.run(method.name, few, { k1 = method.options.k1 and 2 or nil, k2 = method.options.k2 and 1 or nil })
        :numel(), n, method.name)
    end
  end
end)

check.test("what does not fit together", function()
  check.fails("there is no method \"infomat\" (did you mean \"infomap\"?); there are: infomap", K.run, "infomat", x)
  check.fails("dbscan has no option \"esp\" (did you mean \"eps\"?)", K.run, "dbscan", x, { esp = 1 })
  check.fails("k1 is an option of the distance jaccard; the distance is cosine", K.run, "dbscan", x,
    { distance = "cosine", k1 = 4 })
  check.fails("k1_intra is an option of the distance camera-jaccard", K.run, "dbscan", x, { k1_intra = 4 })
  check.fails("needs the cameras", K.run, "dbscan", x, { distance = "camera-jaccard" })
  check.fails("cut and clusters cannot be combined", K.run, "agglomerative", x, { cut = 0.5, clusters = 3 })
  check.fails("k2 must be at most k1 = 4", K.run, "dbscan", x, { k1 = 4, k2 = 6 })
  check.fails("must be a whole number", K.run, "infomap", x, { k = 2.5 })
  local _, _, options = K.run("agglomerative", x, { clusters = 3, k1 = 4 })
  check.equal(options.cut, nil)
  check.equal(options.k2, 4)
  check.equal(options.k1_intra, nil)
end)

check.test("distances of all pairs that the memory does not hold", function()
  if not sys.exists "/proc/meminfo" then return end
  local many = T.zeros { 4000000, 1 }:fill(1)
  check.fails("needs the distances of all pairs of 4,000,000 images, 58.2 TiB", K.run, "dbscan", many,
    { distance = "cosine" })
  check.fails("use infomap, or dbscan", K.run, "agglomerative", many, { clusters = 3 })
end)

check.test("features in files", function()
  local path = tmp .. "/x.npy"
  local function refused(text, tensor)
    npy.save(path, tensor)
    check.fails(text, input.features, path)
  end
  npy.save(path, x)
  check.ok(input.features(path):equal(x))
  npy.save(path, T({ { 1, 2 }, { 3, 4 } }, "i32"))
  check.equal(tostring(input.features(path)), "f32[2 x 2]")
  refused("and these look like labels", T.zeros({ 4 }, "i32"))
  refused("save x.reshape(len(x), -1)", T.zeros { 2, 3, 4 })
  refused("there is nothing to cluster", T.zeros { 0, 4 })
  refused("there is nothing to cluster", T.zeros { 4, 0 })
  refused("holds only zeros", T.zeros { 4, 2 })
  for _, row in ipairs { 1, 2, 4, 5, 7 } do
    refused(("row %d of"):format(row), T.zeros({ 7, 3 }):set(row, 2, 0 / 0))
    refused(("row %d of"):format(row), T.zeros({ 7, 3 }):set(row, 1, -1 / 0))
  end
  refused("up to 1e+20, whose squares", T.zeros({ 2, 2 }):set(1, 1, -1e20))
  check.fails("there is no file of features", input.features, tmp .. "/absent.npy")
  check.fails("is a folder", input.features, tmp)
end)

check.test("identities and cameras in files", function()
  local path = tmp .. "/y.npy"
  npy.save(path, T({ 5, 5, -1 }, "i32"))
  check.all_near(input.identities(path, 3), { 5, 5, -1 }, 0)
  check.fails("holds 3 identities for 4 images", input.identities, path, 4)
  check.fails("holds cameras from -1 to 5", input.cameras, path, 3)
  npy.save(path, T({ { 7 }, { 3 }, { 7 } }, "i64"))
  local found, names = input.cameras(path, 3)
  check.all_near(found, { 0, 1, 0 }, 0)
  check.equal(table.concat(names, " "), "7 3")
  npy.save(path, T { 1, 2, 3 })
  check.fails("save x.astype(numpy.int64)", input.identities, path, 3)
  npy.save(path, T({ { 1, 2 } }, "i32"))
  check.fails("one for each image", input.cameras, path, 1)
end)

check.test("the summary counts", function()
  local labels = T({ 0, 0, 0, 1, 1, 2, 2, 2, 2, 2, -1, -1 }, "i32")
  local features = people(1, 12)
  local seen = T({ 0, 1, 0, 1, 1, 0, 1, 2, 0, 1, 0, 0 }, "i32")
  local truth = T({ 4, 4, 4, 4, -1, 9, 9, 9, 9, 9, 9, -1 }, "i64")
  local s = summary.of { features = features, labels = labels, truth = truth, cameras = seen,
    camera_names = { 11, 12, 13 } }
  check.equal(("%d %d %d %d"):format(s.images, s.clusters, s.outliers, s.largest), "12 3 2 5")
  check.equal(s.median, 3)
  check.equal(table.concat(s.seen_by, " "), "1 1 1")
  local classes = {}
  for i, class in ipairs(s.sizes) do
    classes[i] = ("%d-%d: %d, %d"):format(class.from, class.to, class.clusters, class.images)
  end
  check.equal(table.concat(classes, "; "), "2-2: 1, 2; 3-4: 1, 3; 5-8: 1, 5")
  check.equal(s.quality.images, 10)
  check.equal(s.quality.identities, 2)
  local rows = T({ 0, 1, 2, 3, 5, 6, 7, 8, 9, 10 }, "i64")
  check.near(s.quality.f, Q.bcubed(truth:rows(rows), labels:rows(rows)).f, 1e-12)
  check.equal(s.quality.cameras[3].camera, 13)
  local none = summary.of { features = features, labels = T.full({ 12 }, -1, "i32"), truth = truth, cameras = seen,
    camera_names = { 1, 2, 3 } }
  check.equal(none.clusters, 0)
  check.equal(none.silhouette, nil)
  check.equal(#none.seen_by + #none.sizes, 0)
end)

check.finish()
