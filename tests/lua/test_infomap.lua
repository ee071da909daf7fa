-- calr.cluster.infomap: features and graphs, outliers, scores, determinism, edge cases, errors.
local check = require "check"
local T = require "calr.tensor"
local cluster = require "calr.cluster"
local quality = require "calr.quality"
local rng = require "calr.rng"

-- `groups` directions, `each` noisy unit rows of every one; rows of a group are next to each other.
local function blobs(groups, each, dim, noise, seed)
  local r = rng.open { seed = seed or 1, purpose = "test" }
  local rows, truth = {}, {}
  for g = 1, groups do
    local centre = {}
    for d = 1, dim do centre[d] = r:normal() end
    for _ = 1, each do
      local row, norm = {}, 0
      for d = 1, dim do
        row[d] = centre[d] + noise * r:normal()
        norm = norm + row[d] ^ 2
      end
      for d = 1, dim do row[d] = row[d] / norm ^ 0.5 end
      rows[#rows + 1], truth[#truth + 1] = row, g
    end
  end
  return T(rows), T(truth, "i32")
end

check.test("finds clear groups", function()
  local x, truth = blobs(20, 12, 32, 0.25)
  for _, directed in ipairs { true, false } do
    local labels, info = cluster.infomap(x, { k = 8, directed = directed })
    check.equal(info.clusters, 20)
    check.equal(quality.pairwise(truth, labels).f, 1.0)
    check.equal(labels:get(1), 0)
    check.equal(labels:get(13), 1)
    check.ok(info.codelength < info.one_level)
    check.ok(info.edges > 20 * 12 * 6)
  end
end)

check.test("features and their graph give the same", function()
  local x = blobs(10, 10, 16, 0.5)
  local labels, info = cluster.infomap(x, { k = 6 })
  local again, other = cluster.infomap(cluster.knn(x, { k = 6 }), {})
  check.all_near(again, labels, 0)
  check.equal(other.codelength, info.codelength)
  check.all_near(other.scores, info.scores, 0)
end)

check.test("the same seed gives the same labels; more trials no longer code", function()
  local x = blobs(30, 10, 8, 0.6)
  local a, first = cluster.infomap(x, { seed = 5, min_size = 1 })
  local b = cluster.infomap(x, { seed = 5, min_size = 1 })
  check.all_near(b, a, 0)
  local _, best = cluster.infomap(x, { seed = 5, min_size = 1, trials = 8 })
  check.ok(best.codelength <= first.codelength)
end)

-- Two rings of five, one pair, and two nodes without an edge.
local function small_graph()
  local indices, similarities = {}, {}
  for i = 0, 4 do
    indices[#indices + 1] = { i, (i + 1) % 5 }
    similarities[#similarities + 1] = { 1, 0.9 }
  end
  for i = 0, 4 do
    indices[#indices + 1] = { i + 5, (i + 1) % 5 + 5 }
    similarities[#similarities + 1] = { 1, 0.8 }
  end
  local rest = { { 10, 11 }, { 11, 10 }, { 12, 0 }, { 13, -1 } }
  local weights = { { 1, 0.7 }, { 1, 0.7 }, { 1, 0.4 }, { 1, 0 } }
  for i = 1, 4 do
    indices[#indices + 1], similarities[#similarities + 1] = rest[i], weights[i]
  end
  return { indices = T(indices, "i32"), similarities = T(similarities) }
end

check.test("small clusters and nodes without an edge are outliers", function()
  local graph = small_graph()
  local labels, info = cluster.infomap(graph)
  check.all_near(labels, { 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, -1, -1, -1, -1 }, 0)
  check.equal(info.modules, 3)
  check.equal(info.clusters, 2)
  check.equal(info.edges, 12)
  local all = cluster.infomap(graph, { min_size = 1 })
  check.all_near(all, { 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, -1, -1 }, 0)
  check.equal(select(2, cluster.infomap(graph, { min_similarity = 0.85 })).edges, 5)
  check.equal(select(2, cluster.infomap(graph, { min_similarity = 0 })).edges, 13)
end)

check.test("scores", function()
  local _, info = cluster.infomap(small_graph())
  local mean = (5 * 0.1 + 5 * 0.2 + 2 * 0.3 + 0.6) / 27 -- every entry but the missing one
  check.near(info.scores:get(1), 1 / (0.1 + mean), 1e-4)
  check.near(info.scores:get(6), 1 / (0.2 + mean), 1e-4)
  check.equal(info.scores:get(13), 0.0)
end)

check.test("no edge, one row, no row", function()
  local apart = T { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }
  local labels, info = cluster.infomap(apart, { k = 3, min_size = 1 })
  check.all_near(labels, { -1, -1, -1 }, 0)
  check.all_near(info.scores, { 0, 0, 0 }, 0)
  check.equal(info.edges, 0)
  check.equal(info.modules, 0)
  check.equal(info.clusters, 0)
  check.equal(info.codelength, 0.0)
  check.all_near(cluster.infomap(T { { 1, 0 } }), { -1 }, 0)
  check.equal(tostring(cluster.infomap(T.zeros { 0, 4 })), "i32[0]")
  local none = { indices = T.zeros({ 0, 3 }, "i32"), similarities = T.zeros { 0, 3 } }
  check.equal(tostring(cluster.infomap(none)), "i32[0]")
end)

check.test("all rows the same", function()
  local labels, info = cluster.infomap(T.full({ 9, 4 }, 0.5), { k = 4 })
  check.all_near(labels, { 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 0)
  check.equal(info.clusters, 1)
  for _, score in ipairs(info.scores:totable()) do check.ok(score > 0 and score < math.huge) end
end)

-- Rings of `each` triangles, `rings` of them in a ring: weights 0.9, 0.3 and 0.02.
local function nested(rings, each)
  local indices, similarities, count = {}, {}, rings * each
  for t = 0, count - 1 do
    local ring = t // each
    local beside = ring * each + (t + 1) % each
    local other = (ring + 1) % rings * each
    for c = 0, 2 do
      local i = 3 * t + c
      indices[i + 1] = { i, 3 * t + (c + 1) % 3, -1 }
      similarities[i + 1] = { 1, 0.9, 0 }
    end
    indices[3 * t + 1][3], similarities[3 * t + 1][3] = 3 * beside + 1, 0.3
    if t % each == 0 then indices[3 * t + 3][3], similarities[3 * t + 3][3] = 3 * other + 2, 0.02 end
  end
  return { indices = T(indices, "i32"), similarities = T(similarities) }
end

check.test("modules in modules", function()
  local graph = nested(5, 6)
  local options = { min_similarity = 0, min_size = 1, directed = false, trials = 4 }
  local _, two = cluster.infomap(graph, options)
  check.equal(two.levels, nil)
  check.equal(two.tree, nil)
  options.levels = "two"
  check.equal(select(2, cluster.infomap(graph, options)).codelength, two.codelength)
  options.levels = "many"
  local finest, info = cluster.infomap(graph, options)
  check.ok(info.codelength < two.codelength)
  check.near(info.one_level, two.one_level, 1e-12)
  check.ok(#info.levels >= 2)
  check.all_near(info.levels[#info.levels], finest, 0)
  check.equal(info.modules, 30)
  check.equal(info.clusters, 30)
  for i = 1, 90 do check.equal(finest:get(i), (i - 1) // 3) end
  -- The tree says of each finest module where it lies at every level.
  check.equal(tostring(info.tree), ("i32[30 x %d]"):format(#info.levels))
  for l, labels in ipairs(info.levels) do
    for i = 1, 90 do check.equal(info.tree:get(finest:get(i) + 1, l), labels:get(i)) end
  end
  -- Any level may be taken; deeper than the finest is the finest.
  for l = 1, #info.levels + 2 do
    options.level = l
    local labels, at = cluster.infomap(graph, options)
    local want = info.levels[math.min(l, #info.levels)]
    check.all_near(labels, want, 0)
    check.equal(at.codelength, info.codelength)
    check.equal(at.modules, want:max():item() + 1)
  end
  options.level, options.min_size = nil, 4 -- triangles are too small now
  local none, small = cluster.infomap(graph, options)
  check.equal(none:max():item(), -1)
  check.equal(small.clusters, 0)
  check.equal(small.modules, 30)
  check.all_near(small.levels[#small.levels], finest, 0)
end)

check.test("many levels: no edge, one row, no row, features", function()
  local apart = T { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }
  local labels, info = cluster.infomap(apart, { k = 3, min_size = 1, levels = "many" })
  check.all_near(labels, { -1, -1, -1 }, 0)
  check.equal(#info.levels, 1)
  check.all_near(info.levels[1], { -1, -1, -1 }, 0)
  check.equal(tostring(info.tree), "i32[0 x 1]")
  check.equal(info.modules, 0)
  check.all_near(cluster.infomap(T { { 1, 0 } }, { levels = "many" }), { -1 }, 0)
  check.equal(tostring(cluster.infomap(T.zeros { 0, 4 }, { levels = "many", level = 1 })), "i32[0]")
  local x, truth = blobs(20, 12, 32, 0.25)
  local found, deep = cluster.infomap(x, { k = 8, levels = "many", level = 1 })
  check.equal(quality.pairwise(truth, found).f, 1.0)
  check.ok(deep.codelength <= select(2, cluster.infomap(x, { k = 8 })).codelength + 1e-8)
end)

check.test("errors", function()
  local x = T { { 1, 0 }, { 0, 1 } }
  check.fails("did you mean \"min_size\"", cluster.infomap, x, { min_sise = 3 })
  check.fails("f32[n x d]", cluster.infomap, T({ 1, 2 }, "i32"))
  check.fails("\"similarities\" is missing", cluster.infomap, { indices = T({ { 0 } }, "i32") })
  check.fails("differ in shape", cluster.infomap, { indices = T({ { 0 } }, "i32"), similarities = T { { 1, 2 } } })
  check.fails("row 0 (counted from 0) names neighbour 7", cluster.infomap,
    { indices = T({ { 7 } }, "i32"), similarities = T { { 1 } } })
  check.fails("the similarity to row 0 is NaN", cluster.infomap,
    { indices = T({ { 0 } }, "i32"), similarities = T { { 0 / 0 } } })
  check.fails("NaN", cluster.infomap, T { { 0 / 0, 1 }, { 1, 0 } })
  check.fails("teleportation", cluster.infomap, x, { teleportation = 1 })
  check.fails("trials", cluster.infomap, x, { trials = 0 })
  check.fails("levels", cluster.infomap, x, { levels = "three" })
  check.fails("needs levels=\"many\"", cluster.infomap, x, { level = 1 })
  check.fails("level", cluster.infomap, x, { levels = "many", level = 0 })
  check.fails("min_similarity", cluster.infomap, x, { min_similarity = -1 })
end)

check.finish()
