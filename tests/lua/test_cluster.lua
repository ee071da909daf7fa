-- calr.cluster: neighbours, distances, clustering, and what they say about wrong arguments.
local check = require "check"
local T = require "calr.tensor"
local cluster = require "calr.cluster"
local quality = require "calr.quality"
local rng = require "calr.rng"
local safetensors = require "calr.safetensors"

-- `groups` groups of `each` rows, group by group, far apart.
local function groups_of(groups, each, columns)
  local x = T.zeros { groups * each, columns }
  rng.open({ seed = 4 }):fill_normal(x, 0, 0.1)
  for i = 1, groups * each do
    local group = (i - 1) // each
    x:set(i, group + 1, x:get(i, group + 1) + 3)
  end
  return x
end

local function expected_labels(groups, each)
  local labels = {}
  for i = 1, groups * each do labels[i] = (i - 1) // each end
  return labels
end

check.test("knn", function()
  local x = T { { 1, 0 }, { 0, 2 }, { 3, 3 }, { 0, 0 } }
  local near = cluster.knn(x, { k = 3 })
  check.equal(tostring(near.indices), "i32[4 x 3]")
  check.all_near(near.indices, { { 0, 2, 1 }, { 1, 2, 0 }, { 2, 0, 1 }, { 3, 0, 1 } }, 0)
  check.all_near(near.similarities, { { 1, .70710678, 0 }, { 1, .70710678, 0 }, { 1, .70710678, .70710678 },
    { 0, 0, 0 } }, 1e-6)
  local far = cluster.knn(x, { k = 2, metric = "euclidean", include_self = false })
  check.all_near(far.indices, { { 3, 1 }, { 3, 0 }, { 1, 0 }, { 0, 1 } }, 0)
  check.all_near(far.distances, { { 1, 5 ^ .5 }, { 2, 5 ^ .5 }, { 10 ^ .5, 13 ^ .5 }, { 1, 2 } }, 1e-6)
  check.equal(far.similarities, nil)
  local other = cluster.knn(x, { k = 1, base = T { { 0, 1 }, { 1, 0 } } })
  check.all_near(other.indices, { { 1 }, { 0 }, { 0 }, { 0 } }, 0)
  check.equal(tostring(cluster.knn(T.zeros { 20, 2 }).indices), "i32[20 x 15]")
end)

check.test("index of approximate neighbours", function()
  local x = groups_of(8, 60, 10)
  local index = cluster.ivf(x, { lists = 30, seed = 2 })
  check.equal(#index, 480)
  check.equal(index:size(), 480)
  check.equal(tostring(index), "index[480 rows, 30 lists, cosine]")
  local rows = 0
  for _, size in ipairs(index:lists():totable()) do rows = rows + size end
  check.equal(rows, 480)
  local exact = cluster.knn(x, { k = 9 })
  local all = index:search(nil, { k = 9, probes = 30 })
  check.all_near(all.similarities, exact.similarities, 1e-6)
  check.equal(all.probes, 30)
  check.equal(all.lists, 30)
  check.equal(all.recall, nil)
  check.equal(index:search({ k = 9, probes = 1000 }).probes, 30)
  local near = index:search { k = 9, recall = .9 }
  check.ok(near.recall >= .9 and near.probes >= 1)
  check.near(near.recall, index:recall { k = 9, probes = near.probes }, 0)
  check.equal(index:recall { k = 9, probes = 30 }, 1)
  local queries = x:rows(T({ 3, 100 }, "i64"))
  local found = index:search(queries, { k = 2, probes = 5 })
  check.equal(tostring(found.indices), "i32[2 x 2]")
  check.all_near({ found.indices:get(1, 1), found.indices:get(2, 1) }, { 3, 100 }, 0)
  check.equal(index:recall { queries = queries, k = 2, probes = 30 }, 1)
  check.equal(tostring(index:search(T.zeros { 0, 10 }, { k = 3, probes = 1 }).indices), "i32[0 x 3]")
  check.equal(index:search(T.zeros { 0, 10 }, { k = 3 }).recall, 1)
  local far = cluster.ivf(x, { metric = "euclidean", copy = false })
  check.all_near(far:search({ k = 5, probes = 1000 }).distances,
    cluster.knn(x, { k = 5, metric = "euclidean" }).distances, 1e-6)
  check.equal(far:search({ k = 5, probes = 3 }).similarities, nil)
  check.equal(#cluster.ivf(T.zeros { 0, 3 }), 0)
end)

-- A file of a graph, `byte` of it changed or the rest left out, must be refused or be a graph that works.
local function read_damaged(path, data, query, map)
  local file <close> = assert(io.open(path, "wb"))
  file:write(data)
  file:close()
  local ok, graph = pcall(cluster.load_neighbour_graph, path, { map = map or false })
  if ok then graph:search(query, { k = 3, effort = 5 }) end
  return ok, graph
end

check.test("graph of neighbours", function()
  local x = groups_of(8, 60, 10)
  local graph = cluster.neighbour_graph(x, { seed = 2, links = 12, build_effort = 30 })
  check.equal(#graph, 480)
  check.equal(graph:size(), 480)
  check.equal(tostring(graph), ("graph[480 rows, %d links, cosine]"):format(graph:links()))
  check.ok(graph:links() > 480 * 4 and graph:links() <= 480 * 12)
  local exact = cluster.knn(x, { k = 9 })
  local all = graph:search(nil, { k = 9, effort = 480 })
  check.all_near(all.similarities, exact.similarities, 0)
  check.all_near(all.indices, exact.indices, 0)
  check.equal(all.effort, 480)
  check.equal(all.recall, nil)
  check.equal(graph:search({ k = 9, effort = 1000 }).effort, 480)
  local near = graph:search { k = 9, recall = .9 }
  check.ok(near.recall >= .9 and near.effort >= 1)
  check.near(near.recall, graph:recall { k = 9, effort = near.effort }, 0)
  check.equal(graph:recall { k = 9, effort = 480 }, 1)
  local queries = x:rows(T({ 3, 100 }, "i64"))
  local found = graph:search(queries, { k = 2, effort = 30 })
  check.equal(tostring(found.indices), "i32[2 x 2]")
  check.all_near({ found.indices:get(1, 1), found.indices:get(2, 1) }, { 3, 100 }, 0)
  check.equal(tostring(graph:search(T.zeros { 0, 10 }, { k = 3, effort = 1 }).indices), "i32[0 x 3]")
  check.equal(graph:search(T.zeros { 0, 10 }, { k = 3 }).recall, 1)
  local far = cluster.neighbour_graph(x, { metric = "euclidean" })
  check.all_near(far:search({ k = 5, effort = 480 }).distances,
    cluster.knn(x, { k = 5, metric = "euclidean" }).distances, 0)
  check.equal(far:search({ k = 5, effort = 30 }).similarities, nil)
  check.equal(#cluster.neighbour_graph(T.zeros { 0, 3 }), 0)
end)

check.test("files of graphs", function()
  local path, forged = os.tmpname(), os.tmpname()
  local x = groups_of(5, 8, 6)
  for i = 1, 6 do x:set(3, i, x:get(2, i)) end -- equal rows
  for _, metric in ipairs { "cosine", "euclidean" } do
    local graph = cluster.neighbour_graph(x, { metric = metric, links = 4 })
    graph:save(path)
    local again = cluster.load_neighbour_graph(path)
    check.equal(tostring(again), tostring(graph))
    local one, other = graph:search { k = 7, effort = 9 }, again:search { k = 7, effort = 9 }
    check.all_near(other.indices, one.indices, 0)
    check.equal(again:recall { k = 7, effort = 9 }, graph:recall { k = 7, effort = 9 })
    local mapped = cluster.load_neighbour_graph(path, { map = true })
    check.equal(tostring(mapped), tostring(graph))
    collectgarbage()
    local third = mapped:search { k = 7, effort = 9 }
    check.all_near(third.indices, one.indices, 0)
    check.all_near(third.distances or third.similarities, one.distances or one.similarities, 0)
    check.equal(mapped:recall { k = 7, effort = 9 }, graph:recall { k = 7, effort = 9 })
    graph:save(path) -- another file of the name: what is mapped stays
    check.all_near(mapped:search({ k = 7, effort = 9 }).indices, one.indices, 0)
  end
  cluster.neighbour_graph(T.zeros { 0, 6 }):save(path)
  check.equal(#cluster.load_neighbour_graph(path), 0)

  -- Truncated anywhere, and every bit of some bytes flipped: never a graph that crashes.
  cluster.neighbour_graph(x, { links = 4 }):save(path)
  local file <close> = assert(io.open(path, "rb"))
  local whole = file:read "a"
  file:close()
  local query, accepted = x:narrow(1, 1, 2):contiguous(), 0
  check.ok(read_damaged(path, whole, query))
  for size = 0, #whole - 1, 7 do accepted = accepted + (read_damaged(path, whole:sub(1, size), query) and 1 or 0) end
  for at = 1, #whole, 5 do
    local byte = string.char(whole:byte(at) ~ (1 << (at % 8)))
    accepted = accepted + (read_damaged(path, whole:sub(1, at - 1) .. byte .. whole:sub(at + 1), query) and 1 or 0)
  end
  check.equal(accepted, 0)

  -- With a checksum that fits: what a stranger may write.
  local function refuses(message, change)
    local parts, notes = safetensors.load(path)
    change(parts, notes)
    safetensors.save(forged, parts, notes, { checksum = true })
    check.fails(message, cluster.load_neighbour_graph, forged)
  end
  read_damaged(path, whole, query)
  refuses("no neighbour graph", function(_, notes) notes["calr.kind"] = "recipe" end)
  refuses("of version 3", function(_, notes) notes["calr.version"] = "3" end)
  refuses("no metric", function(_, notes) notes["calr.metric"] = "manhattan" end)
  refuses("without \"links\"", function(parts) parts.links = nil end)
  refuses("of f32, not i32", function(parts) parts.rows = T.zeros({ 40, 6 }, "i32") end)
  refuses("has 2 dimensions", function(parts) parts.links = T.zeros({ 40 }, "i32") end)
  refuses("not 4 to 256", function(parts) parts.links = T.zeros({ 39, 300 }, "i32") end)
  refuses("links of 40", function(parts) parts.links = T.zeros({ 40, 4 }, "i32") end)
  refuses("9 places for 39", function(parts)
    parts.order, parts.links = T.zeros({ 9 }, "i32"), T.zeros({ 9, 4 }, "i32")
  end)
  refuses("link 0 of place 0", function(parts) parts.links:set(1, 1, 39) end)
  refuses("place 1 (from 0)", function(parts) parts.order:set(2, parts.order:get(1)) end)
  refuses("row 3 (from 0) of the rows", function(parts) parts.rows:set(4, 1, 0 / 0) end)
  local parts, notes = safetensors.load(path)
  safetensors.save(forged, parts, notes)
  check.fails("without its checksum", cluster.load_neighbour_graph, forged)

  -- Mapped there is no checksum: whatever leads somewhere is looked at.
  local function refuses_mapped(message, change)
    local all, about = safetensors.load(path)
    change(all, about)
    safetensors.save(forged, all, about, { checksum = true })
    check.fails(message, cluster.load_neighbour_graph, forged, { map = true })
  end
  refuses_mapped("version 1 cannot be mapped", function(_, about) about["calr.version"] = "1" end)
  refuses_mapped("leads nowhere", function(all) all.links:set(3, 1, 39) end)
  refuses_mapped("leads nowhere", function(all) all.links:set(3, 1, -2) end)
  refuses_mapped("leads nowhere", function(all) all.order:set(3, 40) end)
  refuses_mapped("leads nowhere", function(all) all.order:set(3, all.order:get(2)) end)
  refuses_mapped("leads nowhere", function(all) all.place_of:set(5, 39) end)
  refuses_mapped("equal rows", function(all) all.twins:set(1, 40) end)
  refuses_mapped("equal rows", function(all) all.twin_starts:set(2, 7) end)
  refuses_mapped("without \"bytes\"", function(all) all.bytes = nil end)
  refuses_mapped("bytes for", function(all) all.bytes = T.zeros({ 39, 6 }, "u8") end)
  refuses_mapped("of a neighbour graph has", function(all) all.length = T.zeros({ 7 }, "f64") end)
  refuses_mapped("no measure", function(_, about) about["calr.step"] = "0" end)
  for size = 0, #whole - 1, 13 do read_damaged(path, whole:sub(1, size), query, true) end
  for at = 1, #whole, 3 do
    local byte = string.char(whole:byte(at) ~ (1 << (at % 8)))
    read_damaged(path, whole:sub(1, at - 1) .. byte .. whole:sub(at + 1), query, true)
  end
  os.remove(path)
  os.remove(forged)
  check.fails(path, cluster.load_neighbour_graph, path)
end)

check.test("knn, approximate", function()
  local x = groups_of(8, 60, 10)
  local near = cluster.knn(x, { k = 9, approximate = true }) -- few rows: exactly
  check.equal(near.index, "exact")
  check.equal(near.recall, 1)
  check.equal(tostring(near.similarities), "f32[480 x 9]")
  local exact = cluster.knn(x, { k = 9, approximate = false })
  check.equal(exact.recall, nil)
  check.equal(exact.index, nil)
  check.all_near(near.indices, exact.indices, 0)
  near = cluster.knn(x, { k = 9, approximate = { index = "ivf" } })
  check.ok(near.recall >= .95)
  check.equal(near.lists, 88)
  check.equal(near.index, "ivf")
  near = cluster.knn(x, { k = 9, approximate = { lists = 20, probes = 20 } })
  check.equal(near.recall, 1)
  check.equal(near.index, "ivf")
  check.all_near(near.similarities, exact.similarities, 1e-6)
  near = cluster.knn(x, { k = 4, base = x, metric = "euclidean", approximate = { lists = 10, seed = 1, recall = 1 } })
  check.equal(near.recall, 1)
  check.equal(near.distances:get(1, 1), 0)
  near = cluster.knn(x, { k = 9, approximate = { index = "graph", recall = .97 } })
  check.equal(near.index, "graph")
  check.ok(near.recall >= .97 and near.effort >= 9)
  near = cluster.knn(x, { k = 4, base = x, approximate = { effort = 40, links = 10 } })
  check.equal(near.index, "graph")
  check.equal(near.effort, 40)
  check.ok(near.recall > .9)
end)

check.test("the graph refuses what makes no sense", function()
  local x = groups_of(2, 10, 4)
  local graph = cluster.neighbour_graph(x)
  check.fails("only 20 rows", graph.search, graph, nil, { k = 21 })
  check.fails("only 19 besides", graph.search, graph, nil, { k = 20, include_self = false, effort = 1 })
  check.fails("must be at least 1", graph.search, graph, nil, { effort = 0 })
  check.fails("recall must be above 0", graph.search, graph, nil, { recall = 0 })
  check.fails("rows of 3 numbers, the index of 4", graph.search, graph, T.zeros { 2, 3 })
  check.fails("did you mean \"effort\"", graph.search, graph, nil, { effor = 1 })
  check.fails("\"effort\" is missing", graph.recall, graph, {})
  check.fails("must be 4 to 256", cluster.neighbour_graph, x, { links = 3 })
  check.fails("row 1 (from 0)", cluster.neighbour_graph, T { { 1, 0 }, { 0, 0 / 0 } })
  check.fails("of the queries", graph.search, graph, T { { 0, 0, 0, 0 / 0 } }, { k = 1 })
  check.fails("choose one", cluster.knn, x, { approximate = { lists = 3, links = 8 } })
  check.fails("\"links\" is an option of index = \"graph\", not of \"exact\"", cluster.knn, x,
    { approximate = { index = "exact", links = 8 } })
  check.fails("there are: exact, ivf, graph, auto", cluster.knn, x, { approximate = { index = "tree" } })
  getmetatable(graph).__close(graph)
  check.fails("the graph is closed", graph.size, graph)
  check.equal(tostring(graph), "closed graph")
  check.fails("No such file", cluster.neighbour_graph(x).save, cluster.neighbour_graph(x), "/absent/graph")
end)

check.test("the index refuses what makes no sense", function()
  local x = groups_of(2, 10, 4)
  local index = cluster.ivf(x)
  check.fails("only 20 rows", index.search, index, nil, { k = 21 })
  check.fails("only 19 besides", index.search, index, nil, { k = 20, include_self = false, probes = 1 })
  check.fails("must be at least 1", index.search, index, nil, { probes = 0 })
  check.fails("recall must be above 0", index.search, index, nil, { recall = 0 })
  check.fails("rows of 3 numbers, the index of 4", index.search, index, T.zeros { 2, 3 })
  check.fails("did you mean \"probes\"", index.search, index, nil, { probe = 1 })
  check.fails("\"probes\" is missing", index.recall, index, {})
  check.fails("21 lists cannot be made of 20 rows", cluster.ivf, x, { lists = 21 })
  check.fails("sample of 3 rows is too small", cluster.ivf, x, { lists = 5, sample = 3 })
  check.fails("row 1 (from 0)", cluster.ivf, T { { 1, 0 }, { 0, 0 / 0 } })
  check.fails("of the queries", index.search, index, T { { 0, 0, 0, 0 / 0 } }, { k = 1 })
  check.fails("true, false or a table", cluster.knn, x, { approximate = "yes" })
  check.fails("did you mean \"lists\"", cluster.knn, x, { approximate = { list = 3 } })
end)

check.test("knn refuses what makes no sense", function()
  local x = T { { 1, 0 }, { 0, 2 } }
  check.fails("only 2 rows", cluster.knn, x, { k = 3 })
  check.fails("only 1 besides", cluster.knn, x, { k = 2, include_self = false })
  check.fails("must be at least 1", cluster.knn, x, { k = 0 })
  check.fails("did you mean \"metric\"", cluster.knn, x, { metrics = "cosine" })
  check.fails("there are: cosine, euclidean", cluster.knn, x, { k = 1, metric = "manhattan" })
  check.fails("row 1 (from 0)", cluster.knn, T { { 1, 0 }, { 0, 0 / 0 } }, { k = 1 })
  check.fails("rows of 2 numbers, base of 3", cluster.knn, x, { k = 1, base = T.zeros { 4, 3 } })
  check.fails("f32[n x d]", cluster.knn, T.zeros({ 2, 2 }, "i32"), { k = 1 })
end)

check.test("distances, silhouettes and separation of features", function()
  local x = T { { 1, 0 }, { 2, 0 }, { 0, 3 }, { 0, 0 } }
  check.all_near(cluster.distances(x), { { 0, 0, 1, 1 }, { 0, 0, 1, 1 }, { 1, 1, 0, 1 }, { 1, 1, 1, 0 } }, 1e-6)
  local d = cluster.distances(x, { metric = "euclidean" })
  check.all_near(d, { { 0, 1, 10 ^ .5, 1 }, { 1, 0, 13 ^ .5, 2 }, { 10 ^ .5, 13 ^ .5, 0, 3 }, { 1, 2, 3, 0 } }, 1e-6)
  local many, labels = groups_of(5, 40, 6), T(expected_labels(5, 40), "i32")
  local mean, samples = cluster.silhouette(cluster.distances(many, { metric = "euclidean" }), labels)
  local other, others = cluster.silhouette_features(many, labels, { metric = "euclidean" })
  check.near(mean, other, 1e-6)
  check.all_near(samples, others, 1e-5)
  local part, some = cluster.silhouette_features(many, labels, { metric = "euclidean", sample = 50, seed = 3 })
  check.near(part, mean, 0.05)
  local drawn = 0
  for i = 1, 200 do
    local s = some:get(i)
    if s == s then
      drawn = drawn + 1
      check.near(s, others:get(i), 1e-6)
    end
  end
  check.equal(drawn, 50)
  check.ok(cluster.silhouette(cluster.jaccard(many), labels, { sample = 20 }) > 0.5)
  check.ok(cluster.davies_bouldin(many, labels) < 0.3)
  local none, message = cluster.davies_bouldin(many, T.full({ 200 }, 0, "i32"))
  check.equal(none, nil)
  check.ok(message:find "two are needed")
  check.equal((cluster.silhouette_features(many, T.full({ 200 }, -1, "i32"))), nil)
  check.fails("3 labels for 200", cluster.davies_bouldin, many, T({ 1, 2, 3 }, "i32"))
  check.fails("\"sample\"", cluster.silhouette_features, many, labels, { sample = 0 })
  check.fails("did you mean \"metric\"", cluster.distances, many, { metrik = "cosine" })
end)

check.test("trees of merges", function()
  local x = T { { 0, 0 }, { 1, 0 }, { 10, 0 }, { 10, 2 }, { 40, 0 } }
  local tree = cluster.linkage_features(x, { linkage = "single" })
  check.equal(#tree, 5)
  check.equal(tostring(tree), "dendrogram[5]")
  local merges = tree:merges()
  check.all_near(merges.left, { 0, 2, 5, 4 }, 0)
  check.all_near(merges.right, { 1, 3, 6, 7 }, 0)
  check.all_near(merges.sizes, { 2, 2, 4, 5 }, 0)
  check.all_near(merges.heights, { 1, 2, 9, 30 }, 1e-6)
  local labels, clusters = tree:cut { clusters = 3 }
  check.all_near(labels, { 0, 0, 1, 1, 2 }, 0)
  check.equal(clusters, 3)
  labels, clusters = tree:cut { distance = 1.99 }
  check.all_near(labels, { 0, 0, 1, 2, 3 }, 0)
  check.equal(clusters, 4)
  local d = cluster.distances(x, { metric = "euclidean" })
  local ward = cluster.linkage(d, { linkage = "ward" })
  check.all_near(ward:merges().heights, cluster.linkage_features(x):merges().heights, 1e-5)
  check.all_near(cluster.agglomerative(d, { clusters = 2, linkage = "ward" }), { 0, 0, 0, 0, 1 }, 0)
  check.equal(cluster.linkage(T { { 0 } }):size(), 1)
  check.fails("none is given", tree.cut, tree, {})
  check.fails("both are", tree.cut, tree, { clusters = 1, distance = 2 })
  check.fails("6 clusters cannot", tree.cut, tree, { clusters = 6 })
  check.fails("nothing to cluster", cluster.linkage_features, T.zeros { 0, 2 })
  check.fails("there are: average, complete, single, ward", cluster.linkage, d, { linkage = "median" })
  do local closed <close> = cluster.linkage(d); tree = closed end
  check.fails("closed", tree.merges, tree)
end)

check.test("connected components", function()
  local x, labels = groups_of(5, 12, 8), expected_labels(5, 12)
  local found, clusters = cluster.components(x, { k = 6, min_similarity = 0.8 })
  check.equal(clusters, 5)
  check.all_near(found, labels, 0)
  check.equal(select(2, cluster.components(x, { k = 6, min_similarity = 0.8, mutual = true, min_size = 13 })), 0)
  local chain = { indices = T({ { 0, 1 }, { 1, 2 }, { 2, 1 }, { 3, -1 } }, "i32"),
    similarities = T { { 1, .9 }, { 1, .7 }, { 1, .7 }, { 1, 0 } } }
  check.all_near(cluster.components(chain), { 0, 0, 0, 1 }, 0)
  check.all_near(cluster.components(chain, { mutual = true }), { 0, 1, 1, 2 }, 0)
  check.all_near(cluster.components(chain, { min_similarity = .8 }), { 0, 0, 1, 2 }, 0)
  check.all_near(cluster.components(chain, { min_size = 2 }), { 0, 0, 0, -1 }, 0)
  check.equal(select(2, cluster.components(T.zeros { 0, 3 })), 0)
  check.equal(select(2, cluster.components(T.zeros { 2, 3 })), 2)
  local d = cluster.jaccard(x, { k1 = 8, k2 = 3 })
  local near, count = cluster.components_of(d, { within = 0.5 })
  local same, dbscan = cluster.dbscan(d, { eps = 0.5, min_samples = 1 })
  check.all_near(near, same, 0)
  check.equal(count, dbscan)
  check.all_near(cluster.components_of(d:dense(), { within = 0.5 }), same, 0)
  check.equal(select(2, cluster.components_of(d, { within = 1 })), 1)
  check.fails("\"within\" is missing", cluster.components_of, d)
end)

check.test("hdbscan", function()
  local x, labels = groups_of(5, 30, 8), T(expected_labels(5, 30), "i32")
  local found, clusters, sure = cluster.hdbscan_features(x, { min_cluster_size = 8, min_samples = 3 })
  check.equal(clusters, 5)
  check.ok(quality.bcubed(labels, found).f > 0.9)
  check.ok(sure:get(1) >= 0 and sure:get(1) <= 1)
  local scores = select(4, cluster.hdbscan_features(x, { min_cluster_size = 8, min_samples = 3 }))
  check.equal(tostring(scores), "f32[" .. x:size(1) .. "]")
  check.ok(scores:min():item() >= 0 and scores:max():item() <= 1)
  local again, count, same = cluster.hdbscan(cluster.distances(x), { min_cluster_size = 8, min_samples = 3 })
  check.all_near(again, found, 0)
  check.all_near(same, sure, 0)
  check.equal(count, 5)
  local jaccard = cluster.jaccard(x, { k1 = 10, k2 = 3 })
  check.equal(select(2, cluster.hdbscan(jaccard, { min_cluster_size = 15 })), 5)
  check.all_near(cluster.hdbscan(jaccard:dense()), (cluster.hdbscan(jaccard)), 0)
  check.ok(select(2, cluster.hdbscan(jaccard, { method = "leaves", min_cluster_size = 2 })) > 5)
  check.equal(select(2, cluster.hdbscan_features(T.zeros { 3, 2 }, { min_cluster_size = 2, single = true })), 1)
  check.equal(select(2, cluster.hdbscan_features(T.zeros { 0, 2 })), 0)
  check.fails("\"min_cluster_size\"", cluster.hdbscan, jaccard, { min_cluster_size = 1 })
  check.fails("there are: mass, leaves", cluster.hdbscan, jaccard, { method = "eom" })
end)

check.test("camera-aware Jaccard distance", function()
  -- Two persons seen by two cameras whose images differ more than the persons do.
  local x, cameras, truth = T.zeros { 48, 6 }, {}, {}
  rng.open({ seed = 7 }):fill_normal(x, 0, 0.1)
  for i = 1, 48 do
    local person, camera = (i - 1) % 2, (i - 1) // 24
    cameras[i], truth[i] = camera, person
    x:set(i, 1 + camera, x:get(i, 1 + camera) + 2)
    x:set(i, 3 + person, x:get(i, 3 + person) + 1)
  end
  cameras, truth = T(cameras, "i32"), T(truth, "i32")
  local plain = cluster.agglomerative(cluster.jaccard(x, { k1 = 10, k2 = 3 }), { clusters = 2 })
  local aware = cluster.camera_jaccard(x, cameras, { k1_intra = 6, k1_inter = 6, k2_inter = 2 })
  local labels = cluster.agglomerative(aware, { clusters = 2 })
  check.equal(quality.bcubed(truth, labels).f, 1.0)
  check.ok(quality.bcubed(truth, plain).f < 0.8)
  check.equal(aware:get(4, 9), aware:get(9, 4))
  check.equal(aware:get(4, 4), 0.0)
  check.fails("2 cameras for 48", cluster.camera_jaccard, x, T({ 0, 1 }, "i32"))
  check.fails("camera -1", cluster.camera_jaccard, x, T.full({ 48 }, -1, "i32"))
  check.fails("k2_inter", cluster.camera_jaccard, x, cameras, { k1_inter = 2, k2_inter = 3 })
end)

check.test("leiden", function()
  local x, labels = groups_of(6, 20, 8), T(expected_labels(6, 20), "i32")
  local found, info = cluster.leiden(x, { k = 10 })
  check.equal(quality.ari(labels, found), 1.0)
  check.equal(info.clusters, 6)
  check.equal(info.communities, 6)
  check.ok(info.quality > 0.8 and info.edges > 6 * 20 * 8)
  found = cluster.leiden(cluster.knn(x, { k = 10 }), { quality = "potts", resolution = 0.2, trials = 3 })
  check.equal(quality.ari(labels, found), 1.0)
  check.equal(select(2, cluster.leiden(x, { k = 10, min_size = 21 })).clusters, 0)
  check.equal(select(2, cluster.leiden(T.zeros { 3, 2 })).edges, 0)
  check.equal(select(2, cluster.leiden(T.zeros { 0, 2 })).clusters, 0)
  check.fails("there are: modularity, potts", cluster.leiden, x, { quality = "cpm" })
  check.fails("\"resolution\"", cluster.leiden, x, { resolution = 0 })
end)

check.test("a distance as a value", function()
  local d = cluster.jaccard(groups_of(4, 10, 8), { k1 = 8, k2 = 3 })
  check.equal(d:size(), 40)
  check.equal(#d, 40)
  check.equal(d:get(5, 5), 0)
  check.equal(d:get(2, 3), d:get(3, 2))
  check.ok(d:get(1, 2) < 1)
  check.equal(d:get(1, 11), 1)
  check.ok(d:nonzeros() <= 400 and d:nonzeros() >= 40)
  check.ok(tostring(d):find("distance[40 x 40", 1, true))
  local dense, stored = d:dense(), 0
  for i = 1, 40 do
    for j = 1, 40 do
      check.equal(dense:get(i, j), d:get(i, j))
      if dense:get(i, j) < 1 then stored = stored + 1 end
    end
  end
  check.equal(stored, d:nonzeros())
  check.fails("positions run from 1 to 40", d.get, d, 0, 1)
  check.fails("positions run from 1 to 40", d.get, d, 1, 41)
  do
    local closed <close> = d
    check.equal(closed:size(), 40)
  end
  check.fails("was closed", d.size, d)
  check.fails("was closed", cluster.dbscan, d)
  check.equal(tostring(d), "closed distance")
end)

check.test("jaccard refuses what makes no sense", function()
  local x = groups_of(2, 3, 4)
  check.fails("\"k1\" must be", cluster.jaccard, x, { k1 = 0 })
  check.fails("\"k2\" must be 1 to 5", cluster.jaccard, x, { k1 = 5, k2 = 6 })
  check.fails("unknown option", cluster.jaccard, x, { k3 = 5 })
  check.fails("at least one number", cluster.jaccard, T.zeros { 4, 0 })
  check.equal(tostring(cluster.jaccard(T.zeros { 0, 4 }):dense()), "f32[0 x 0]")
  check.equal(cluster.jaccard(T.zeros { 1, 4 }):get(1, 1), 0)
  check.equal(cluster.jaccard(x, { k1 = 3 }):size(), 6)
end)

check.test("every way finds groups that are there", function()
  local x, want = groups_of(6, 12, 10), expected_labels(6, 12)
  local d = cluster.jaccard(x, { k1 = 10, k2 = 4 })
  for _, distance in ipairs { d, d:dense() } do
    local labels, count = cluster.dbscan(distance, { eps = .7, min_samples = 3 })
    check.equal(count, 6)
    check.all_near(labels, want, 0)
    for _, linkage in ipairs { "average", "complete", "single" } do
      labels, count = cluster.agglomerative(distance, { clusters = 6, linkage = linkage })
      check.equal(count, 6)
      check.all_near(labels, want, 0)
    end
    labels, count = cluster.agglomerative(distance, { distance = 1, linkage = "single" })
    check.equal(count, 6)
    check.all_near(labels, want, 0)
    local mean, samples = cluster.silhouette(distance, labels)
    check.ok(mean > .5 and mean <= 1)
    check.equal(tostring(samples), "f32[72]")
    local sum = 0
    for i = 1, 72 do sum = sum + samples:get(i) end
    check.near(mean, sum / 72, 1e-6)
  end
  local labels, info = cluster.kmeans(x, { clusters = 6, seed = 2 })
  check.all_near(labels, want, 0)
  check.equal(tostring(info.centroids), "f32[6 x 10]")
  check.near(info.centroids:get(1, 1), 3, .2)
  check.ok(info.inertia > 0 and info.iterations >= 1)
end)

check.test("silhouette without two clusters says so and does not raise", function()
  local d = cluster.jaccard(groups_of(2, 5, 4), { k1 = 4 })
  local mean, message = cluster.silhouette(d, T.full({ 10 }, 0, "i32"))
  check.equal(mean, nil)
  check.ok(message:find("there is 1", 1, true))
  mean, message = cluster.silhouette(d, T.full({ 10 }, -1, "i32"))
  check.equal(mean, nil)
  check.ok(message:find("there is none", 1, true))
  check.fails("9 labels for 10 images", cluster.silhouette, d, T.full({ 9 }, 0, "i32"))
  check.fails("i32[n]", cluster.silhouette, d, T.full({ 10 }, 0, "f32"))
end)

check.test("simplified silhouette: one mean direction a cluster, cosine distances, no outliers", function()
  local x = T { { 2, 0 }, { 4, 0 }, { 0, 1 }, { 0, 3 }, { 3, 3 }, { 9, -9 } }
  local mean, samples = cluster.simplified_silhouette(x, T({ 0, 0, 1, 1, 1, -1 }, "i32"))
  -- the second centroid is the mean of (0 1), (0 1) and (r r)
  local r = math.sqrt(0.5)
  local length = math.sqrt(r * r + (2 + r) ^ 2)
  local to_first, to_second = { 0, 0, 1, 1, 1 - r }, {}
  for i, row in ipairs { { 1, 0 }, { 1, 0 }, { 0, 1 }, { 0, 1 }, { r, r } } do
    to_second[i] = 1 - (row[1] * r + row[2] * (2 + r)) / length
  end
  local want, sum = {}, 0
  for i = 1, 5 do
    local a, b = to_first[i], to_second[i]
    if i > 2 then a, b = b, a end
    want[i] = (b - a) / math.max(a, b)
    sum = sum + want[i]
  end
  want[6] = 0
  check.all_near(samples, want, 1e-6)
  check.near(mean, sum / 5, 1e-6)
  local none, message = cluster.simplified_silhouette(x, T.full({ 6 }, -1, "i32"))
  check.equal(none, nil)
  check.ok(message:find("there is none", 1, true))
  check.fails("5 labels for 6 images", cluster.simplified_silhouette, x, T.zeros({ 5 }, "i32"))
  check.fails("f32[n x d]", cluster.simplified_silhouette, T.zeros { 6 }, T.zeros({ 6 }, "i32"))
end)

check.test("clustering refuses what makes no sense", function()
  local d = cluster.jaccard(groups_of(2, 5, 4), { k1 = 4 })
  check.fails("11 clusters cannot be made of 10", cluster.agglomerative, d, { clusters = 11 })
  check.fails("none is given", cluster.agglomerative, d)
  check.fails("both are given", cluster.agglomerative, d, { clusters = 2, distance = .5 })
  check.fails("there are: average, complete, single", cluster.agglomerative, d, { clusters = 2, linkage = "median" })
  check.fails("must be at least 0", cluster.dbscan, d, { eps = -1 })
  check.fails("did you mean \"min_samples\"", cluster.dbscan, d, { min_sample = 2 })
  check.fails("must be square", cluster.dbscan, T.zeros { 3, 4 })
  check.fails("distances must be symmetric", cluster.dbscan, T { { 0, 1 }, { 2, 0 } })
  check.fails("not finite", cluster.silhouette, T { { 0, 0 / 0 }, { 2, 0 } }, T({ 0, 1 }, "i32"))
  check.fails("a distance of calr.cluster.jaccard or a tensor", cluster.dbscan, {})
  check.fails("\"clusters\" is missing", cluster.kmeans, T.zeros { 3, 4 })
  check.fails("4 clusters cannot be made of 3 rows", cluster.kmeans, T.zeros { 3, 4 }, { clusters = 4 })
end)

check.finish()
