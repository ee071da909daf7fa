-- A trained network in use: images wherever they lie, figures by pair of cameras, lists against plain sorting.
local check = require "check"
local calr = require "calr"
local T, rank, sys = calr.tensor, calr.rank, require "calr.sys"
local gallery, search = require "calr.lab.retrieval.gallery", require "calr.lab.retrieval.search"
local images, index = require "calr.data.images", require "calr.lab.retrieval.index"
local ranking = require "calr.pipeline.ranking"

require("calr.context").current().quiet = true
local tmp = os.getenv "CALR_TEST_TMP"

require("calr.data.make").run { generator = "street", to = tmp .. "/street.lmdb",
  options = { ids = 3, test_ids = 6, distractors = 4, junk = 3, cameras = 3, images = 2, height = 32, width = 16,
    seed = 5 } }
local data = calr.data.open(tmp .. "/street.lmdb")
local model = { net = calr.models.small { width = 4, seed = 1 }, fingerprint = "f", source = "s",
  config = calr.config.resolve(calr.pipeline.defaults { data = "x", height = 32, width = 16 }, {}) }

-- ---- images ----

check.test("images of a data set: the whole store, its splits, and what a test searches", function()
  local all = images.stored(data, "all")
  check.equal(all:count(), data:store():count())
  local names, splits = {}, all:splits()
  for i = 1, all:count() do
    names[all:path(i)] = splits[i]
    check.equal(all:identities():get(i), data:store():identities():get(i))
  end
  check.equal(names[data:query():path(1)], "query")
  check.equal(images.stored(data, "train"):count(), data:train():count())
  check.equal(images.stored(data, "gallery"):count(), data:gallery { junk = true }:count())
  check.equal(images.stored(data, "test"):count(), data:gallery():count())
  check.ok(all:known().identities and all:known().cameras)
  check.fails("probes", images.stored, data, "probes")
  check.ok(images.stored(data, "query"):fingerprint() ~= all:fingerprint())
end)

check.test("images of files: names, bytes, a fingerprint that follows changes", function()
  local folder = tmp .. "/some"
  sys.make_folder(folder .. "/deep")
  for i = 1, 5 do sys.write_file(("%s/%s%d.jpg"):format(folder, i > 3 and "deep/" or "", i), data:gallery():jpeg(i)) end
  local list = images.open(folder .. "/")
  check.equal(list:count(), 5)
  check.equal(list:path(4), "deep/4.jpg")
  check.equal(list:jpeg(4), data:gallery():jpeg(4))
  check.equal(next(list:known()), nil)
  local features = calr.pipeline.features(model.net, list, model.config)
  local want = calr.pipeline.features(model.net, data:gallery(), model.config, T({ 0, 1, 2, 3, 4 }, "i64"))
  check.all_near(features, want, 1e-5)
  local before = list:fingerprint()
  check.equal(images.open(folder):fingerprint(), before)
  sys.write_file(folder .. "/2.jpg", data:gallery():jpeg(9))
  check.ok(images.open(folder):fingerprint() ~= before)
  sys.remove(folder .. "/2.jpg")
  check.ok(images.open(folder):fingerprint() ~= before)
  check.equal(tostring(images.files { folder .. "/1.jpg" }), "images (1 images)")
end)

check.test("bad images are left out where that is wanted, and rows stay in order", function()
  local folder = tmp .. "/some"
  sys.write_file(folder .. "/2.jpg", "no image")
  sys.write_file(folder .. "/deep/5.jpg", data:gallery():jpeg(5):sub(1, 300))
  local list = images.folder(folder)
  local extract = require("calr.pipeline.evaluation").extractor(model.net, model.config)
  local features, bad = extract(list, nil, { skip_bad = true })
  check.equal(features:size(1), 3)
  check.equal(#bad, 2)
  check.equal(bad[1].row, 2)
  check.equal(bad[2].row, 5)
  check.all_near(features, calr.pipeline.features(model.net, list, model.config, T({ 0, 2, 3 }, "i64")), 1e-5)
  check.fails("2.jpg", extract, list)
end)

-- ---- tables of two files ----

check.test("words of two tables mean the same person and camera in both", function()
  local function save(name, rows, lines)
    require("calr.npy").save(tmp .. "/" .. name .. ".npy", T(rows))
    sys.write_file(tmp .. "/" .. name .. ".csv", "name,identity,camera\n" .. table.concat(lines, "\n") .. "\n")
  end
  save("asked", { { 1, 0 }, { 0, 1 } }, { "q1,person b,1", "q2,person c,3" })
  save("kept", { { 1, .1 }, { 1, .2 }, { .1, 1 }, { .2, 1 }, { 1, 1 } },
    { "g1,person b,2", "g2,person b,1", "g3,person a,2", "g4,person c,2", "g5,-1,2" })
  local found = calr.lab.retrieval.search { gallery = tmp .. "/kept.npy", queries = { tmp .. "/asked.npy" } }
  local function listed(at)
    local names = {}
    for i, hit in ipairs(found.queries[at].hits) do names[i] = hit.name .. (hit.match and "+" or "") end
    return table.concat(names, " ")
  end
  check.equal(listed(1), "g1+ g4 g3") -- without g2, its own camera's, and the junk
  check.equal(listed(2), "g3 g4+ g2 g1")
  check.ok(search.text(found):find("q2 (identity person c, camera 3)", 1, true))
  check.equal(found.queries[1].hits[1].identity, "person b")
end)

-- ---- by pair of cameras ----

-- Average precision and rank of the first match of one query among rows of the gallery that are left, by sorting.
local function by_sorting(query, side, i, camera, distances)
  local rows = {}
  local id, cam = query.identities:get(i), query.cameras:get(i)
  for g = 1, side.identities:numel() do
    local own = side.identities:get(g) == id and side.cameras:get(g) == cam
    if side.cameras:get(g) == camera and side.identities:get(g) ~= -1 and not own then
      rows[#rows + 1] = { distance = distances:get(i, g), at = g, match = side.identities:get(g) == id }
    end
  end
  table.sort(rows, function(a, b)
    if a.distance ~= b.distance then return a.distance < b.distance end
    return a.at < b.at
  end)
  local hits, sum, first = 0, 0, nil
  for r, row in ipairs(rows) do
    if row.match then hits, sum, first = hits + 1, sum + (hits + 1) / r, first or r end
  end
  return hits > 0 and sum / hits or nil, first
end

local function some_sides(with_junk)
  local random = calr.rng.open { seed = 3, purpose = "sides" }
  local function side(count)
    local ids, cameras = {}, {}
    for i = 1, count do ids[i], cameras[i] = random:integer(with_junk and -1 or 1, 5), random:integer(0, 2) end
    return { features = random:fill_normal(T.zeros { count, 6 }):l2_normalize(), identities = T(ids, "i64"),
      cameras = T(cameras, "i64") }
  end
  local query, other = side(20), side(60)
  query.identities = query.identities:clamp(1, 5)
  return query, other
end

check.test("figures by pair of cameras are those of sorting", function()
  local query, side = some_sides(true)
  local distances = T.zeros { 20, 60 }
  for i = 1, 20 do
    for g = 1, 60 do
      distances:set(i, g, (query.features:select(1, i) - side.features:select(1, g)):square():sum():item())
    end
  end
  local seen = 0
  for _, pair in ipairs(ranking.by_camera(query, side, {})) do
    local sum, firsts, count = 0, 0, 0
    for i = 1, 20 do
      if query.cameras:get(i) == pair.query then
        local precision, first = by_sorting(query, side, i, pair.gallery, distances)
        if precision then sum, count, firsts = sum + precision, count + 1, firsts + (first == 1 and 1 or 0) end
      end
    end
    check.equal(pair.queries, count)
    check.near(pair.mAP, sum / count, 1e-6)
    check.near(pair.rank1, firsts / count, 1e-12)
    check.ok(pair.query ~= pair.gallery)
    seen = seen + 1
  end
  check.equal(seen, 6)
  check.equal(#ranking.by_camera(query, side, { ignore = "junk" }), 9)
end)

check.test("re-ranked by pair of cameras: the order of the whole gallery, the rows of one camera", function()
  local query, side = some_sides(false)
  local lists = rank.topk { query = query.features, gallery = side.features, k = 60, rerank = true }
  local distances = T.zeros { 20, 60 }
  for i = 1, 20 do
    for r = 1, 60 do distances:set(i, lists.indices:get(i, r) + 1, r) end
  end
  for _, pair in ipairs(ranking.by_camera(query, side, { rerank = true })) do
    local sum, count = 0, 0
    for i = 1, 20 do
      local precision = query.cameras:get(i) == pair.query and by_sorting(query, side, i, pair.gallery, distances)
      if precision then sum, count = sum + precision, count + 1 end
    end
    check.equal(pair.queries, count)
    check.near(pair.mAP, sum / count, 1e-6)
  end
end)

check.test("no camera pair has a match: an empty list", function()
  local query, side = some_sides(false)
  side.identities = side.identities + 100
  check.equal(#ranking.by_camera(query, side, {}), 0)
  side.features, side.identities, side.cameras = T.zeros { 0, 6 }, T({}, "i64"), T({}, "i64")
  check.equal(#ranking.by_camera(query, side, {}), 0)
end)

-- ---- lists ----

local function queries_of(side, with_ids)
  local list = {}
  for i = 1, side.features:size(1) do
    list[i] = { features = side.features:narrow(1, i, 1), name = "q" .. i,
      identity = with_ids and side.identities:get(i) or nil, camera = with_ids and side.cameras:get(i) or nil }
  end
  return list
end

check.test("lists leave out what each rule says, exactly and by the index", function()
  local query, side = some_sides(true)
  side.title = "random"
  for _, rule in ipairs { "own", "camera", "junk", "nothing" } do
    for _, approximate in ipairs { false, true } do
      local found = search.run { queries = queries_of(query, true), gallery = side, top = 60, ignore = rule,
        approximate = approximate, recall = 1 }
      for i, list in ipairs(found.queries) do
        local want = 0
        for g = 1, 60 do
          local id, cam = side.identities:get(g), side.cameras:get(g)
          local ignored = rule ~= "nothing" and (id == -1 or rule ~= "junk" and cam == query.cameras:get(i)
            and (rule == "camera" or id == query.identities:get(i)))
          if not ignored then want = want + 1 end
        end
        check.equal(#list.hits, want)
        for r, hit in ipairs(list.hits) do
          check.equal(hit.rank, r)
          check.ok(r == 1 or hit.distance >= list.hits[r - 1].distance)
          check.equal(hit.match, hit.identity == query.identities:get(i))
        end
      end
    end
  end
  local found = search.run { queries = queries_of(query, false), gallery = side, top = 3 }
  check.equal(#found.queries[1].hits, 3)
  check.equal(found.queries[1].hits[1].match, nil)
end)

check.test("a query with the features of an entry is that entry, unless their pictures differ", function()
  local _, side = some_sides(false)
  side.title = "random"
  local one = { features = side.features:narrow(1, 7, 1), name = "q" }
  local found = search.run { queries = { one }, gallery = side, top = 60 }
  check.equal(found.queries[1].own, 7)
  check.equal(#found.queries[1].hits, 59)
  found = search.run { queries = { one }, gallery = side, top = 60, keep_self = true }
  check.equal(found.queries[1].hits[1].row, 7)
  side.picture = function(row) return "picture " .. row end
  one.picture = function() return "another" end
  check.equal(search.run { queries = { one }, gallery = side, top = 60 }.queries[1].own, nil)
  one.picture = function() return "picture 7" end
  check.equal(search.run { queries = { one }, gallery = side, top = 60 }.queries[1].own, 7)
end)

check.test("a gallery of one, and lists longer than it", function()
  local by = index.open { features = T { { 1, 0 } } }
  local rows, distances = by:search(T { { 0, 1 } }, 5)
  check.equal(rows:get(1, 1), 0)
  check.near(distances:get(1, 1), math.sqrt(2), 1e-6)
  local side = { features = T { { 1, 0 } }, title = "one" }
  for _, rerank in ipairs { false, true } do
    local query = { features = T { { 0, 1 } }, name = "q" }
    local found = search.run { queries = { query }, gallery = side, rerank = rerank }
    check.equal(#found.queries[1].hits, 1)
  end
end)

check.test("the index finds the share that is asked for, with the exact distances", function()
  local random = calr.rng.open { seed = 4, purpose = "index" }
  local x = random:fill_normal(T.zeros { 2000, 16 }):l2_normalize()
  local queries = random:fill_normal(T.zeros { 40, 16 }):l2_normalize()
  local rows, distances = index.open { features = x }:search(queries, 10)
  local by = index.open { features = x, approximate = true, recall = 0.95 }
  local near, near_distances = by:search(queries, 10)
  local found = 0
  for i = 1, 40 do
    local place = {}
    for r = 1, 10 do place[rows:get(i, r)] = distances:get(i, r) end
    for r = 1, 10 do
      local exact = place[near:get(i, r)]
      if exact then
        found = found + 1
        check.near(near_distances:get(i, r), exact, 1e-5)
      end
    end
  end
  check.ok(found >= 0.88 * 400, found)
  check.ok(by.about:match "^approximate, recall %d%.%d+$", by.about)
end)

check.test("queries by name, by data set and by file", function()
  local side = gallery.open(tmp .. "/street.lmdb", { model = model })
  check.equal(side.features:size(1), data:gallery():count())
  local list = gallery.queries({ tmp .. "/street.lmdb", data:gallery():path(3), data:train():path(2) }, side,
    { model = model })
  local count = data:query():count()
  check.equal(#list, count + 2)
  check.equal(list[1].identity, data:query():identities():get(1))
  check.equal(list[count + 1].own, 3)
  check.equal(list[count + 2].own, nil)
  check.equal(list[count + 2].identity, data:train():identities():get(2))
  check.equal(list[count + 2].picture(), data:train():jpeg(2))
  check.all_near(list[count + 2].features, calr.pipeline.features(model.net, data:train(), model.config,
    T({ 1 }, "i64")), 1e-5)
  sys.write_file(tmp .. "/one.jpg", data:query():jpeg(1))
  sys.write_file(tmp .. "/two.jpg", data:query():jpeg(2))
  local words = { tmp .. "/one.jpg", tmp .. "/two.jpg", data:gallery():path(3), tmp .. "/one.jpg" }
  local mixed = gallery.queries(words, side, { model = model })
  check.equal(#mixed, 4)
  check.equal(mixed[2].name, tmp .. "/two.jpg")
  check.all_near(mixed[2].features, list[2].features, 1e-5)
  check.equal(mixed[3].own, 3)
  check.all_near(mixed[4].features, list[1].features, 1e-5)
  check.equal(mixed[4].picture(), data:query():jpeg(1))
  check.fails("there is no image \"nowhere.jpg\"", gallery.queries, { "nowhere.jpg" }, side, { model = model })
end)

check.test("from a script: extract, search, strip, evaluate", function()
  local retrieval, to = calr.lab.retrieval, tmp .. "/script.npy"
  local result = retrieval.extract { model = model, images = tmp .. "/street.lmdb", to = to, chunk = 7 }
  check.equal(result.rows, data:store():count())
  check.equal(result.files[2], tmp .. "/script.csv")
  local found = retrieval.search { gallery = to, queries = { to }, top = 4 }
  check.equal(#found.queries, data:query():count())
  check.equal(found.queries[1].hits[4].rank, 4)
  check.equal(retrieval.strip(found, tmp .. "/strip.png", { height = 32 }), 0)
  check.equal(retrieval.strip(found, tmp .. "/strip.html"), 0)
  local by_model = retrieval.evaluate { model = model, data = data, by_camera = true }
  local by_files = retrieval.evaluate { features = { to }, by_camera = true, worst = 2 }
  check.near(by_files.mAP, by_model.mAP, 1e-9)
  check.equal(#by_files.camera_pairs, #by_model.camera_pairs)
  check.equal(#by_files.worst, 2)
  check.fails("has no option \"query\"; there are: model, gallery, queries", retrieval.search, { query = { to } })
  local other = { net = model.net, config = model.config, fingerprint = "g", source = "another" }
  check.fails("was made by another model than another", retrieval.search, { model = other, gallery = to,
    queries = { to } })
end)

check.finish()
