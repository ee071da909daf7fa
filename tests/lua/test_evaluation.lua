-- calr.pipeline.evaluate with each of its options, against calr.rank on the same features; intervals; queries.csv.
local check = require "check"
local calr = require "calr"
local here = require("calr.context").current()
local ranking = require "calr.pipeline.ranking"
local P, T, rank, store = calr.pipeline, calr.tensor, calr.rank, calr.store

here.quiet = true
local tmp = os.getenv "CALR_TEST_TMP"
local golden = dofile(os.getenv "CALR_TEST_REFERENCE" .. "/rank/golden.lua")

require("calr.data.make").run {
  generator = "street", to = tmp .. "/street.lmdb",
  options = { ids = 4, test_ids = 12, distractors = 10, junk = 4, cameras = 3, images = 3, height = 32, width = 16,
    seed = 5 },
}

-- The same with the gallery's images of each query's person by the query's camera once more as "multi".
local function with_multi()
  local from = store.open(tmp .. "/street.lmdb")
  local identities, cameras, splits = from:identities():totable(), from:cameras():totable(), from:splits():totable()
  local names = { [0] = "train", "query", "gallery" }
  local writer <close> = store.writer { path = tmp .. "/multi.lmdb", name = "multi" }
  for i = 1, from:count() do
    local record = { path = from:path(i), identity = identities[i], camera = cameras[i], split = names[splits[i]],
      bytes = from:jpeg(i) }
    writer:add(record)
    if splits[i] == 2 and identities[i] > 0 and identities[i] ~= 5 then
      record.path, record.split = "multi/" .. record.path, "multi"
      writer:add(record)
    end
  end
  writer:commit()
  return calr.data.open(tmp .. "/multi.lmdb")
end

local street = calr.data.open(tmp .. "/street.lmdb")
local net = calr.models.small { width = 4, seed = 1 }

local function config(changes)
  local all = { data = "street.lmdb", height = 32, width = 16, epochs = 1 }
  for name, value in pairs(changes or {}) do all[name] = value end
  return calr.config.resolve(P.defaults(all), {})
end

local cfg = config()
local query, gallery = P.features(net, street:query(), cfg), P.features(net, street:gallery(), cfg)

-- What calr.rank gives for the street, with changes.
local function direct(changes)
  local o = { query = query, gallery = gallery, query_ids = street:query():identities(),
    gallery_ids = street:gallery():identities(), query_cameras = street:query():cameras(),
    gallery_cameras = street:gallery():cameras() }
  for name, value in pairs(changes or {}) do o[name] = value end
  return rank.evaluate(o)
end

local function same(got, want)
  check.equal(got.mAP, want.mAP)
  check.equal(got.mINP, want.mINP)
  check.equal(got.rank1, want.cmc[1])
  check.equal(got.queries, want.valid)
end

check.test("options reach calr.rank", function()
  local usual = P.evaluate(net, street, cfg)
  same(usual, direct())
  for _, o in ipairs { { { rerank = true } }, { { ignore = "camera" } }, { { ignore = "junk" } },
    { { ap = "trapezoid" } }, { { shots = "single" } }, { { shots = "single", eval_draws = 3 },
    { shots = "single", repeats = 3 } }, { { expand = "average" }, { query = { alpha = 0, k = 10 } } },
    { { expand = "alpha", expand_k = 4, expand_alpha = 2.0 }, { query = { alpha = 2, k = 4 } } } } do
    local want = o[2] or o[1]
    if want.query then
      want.query = rank.expand { query = query, gallery = gallery, k = want.query.k, alpha = want.query.alpha }
    end
    local got = P.evaluate(net, street, config(o[1]))
    same(got, direct(want))
    check.ok(got.mAP ~= usual.mAP, next(o[1]))
  end
end)

check.test("an evaluation shows how far its features are", function()
  local progress, told = require "calr.progress", {}
  local new = progress.new
  progress.new = function(label, total) -- luacheck: ignore
    local bar = new(label, total)
    local update = bar.update
    function bar:update(done, ...)
      told[label] = { done, total }
      return update(self, done, ...)
    end
    return bar
  end
  local ok, problem = pcall(P.evaluate, net, street, cfg)
  progress.new = new -- luacheck: ignore
  check.ok(ok, problem)
  for _, split in ipairs { street:query(), street:gallery() } do
    local seen = told["features of " .. split:name()]
    check.ok(seen and seen[1] == split:count() and seen[2] == split:count(), split:name())
  end
end)

check.test("a part of the gallery, the same in every run", function()
  local got = P.evaluate(net, street, config { eval_gallery = 0.5 })
  local again = P.evaluate(net, street, config { eval_gallery = 0.5, seed = 7 })
  check.equal(got.mAP, again.mAP)
  local rows = ranking.part(street:gallery():count(), 0.5)
  check.ok(rows:numel() > 0.3 * street:gallery():count() and rows:numel() < 0.7 * street:gallery():count())
  same(got, direct { gallery = gallery:index_select(1, rows),
    gallery_ids = street:gallery():identities():index_select(1, rows),
    gallery_cameras = street:gallery():cameras():index_select(1, rows) })
  check.equal(ranking.part(10, 1.0), nil)
  check.fails("eval_gallery", calr.config.resolve, P.defaults {}, { "eval_gallery=0" })
  check.fails("eval_gallery", calr.config.resolve, P.defaults {}, { "eval_gallery=1.5" })
  check.equal(P.evaluate(net, street, config { eval_gallery = 1e-6 }), nil) -- nothing is left to find
end)

check.test("multi-query pools as the definition says", function()
  local case = golden[1]
  local multi = case.multi
  for _, how in ipairs { "mean", "max" } do
    local got, count = ranking.pool(T(case.query),
      { identities = T(case.query_ids, "i32"), cameras = T(case.query_cameras, "i32") }, T(multi.features),
      { identities = T(multi.ids, "i32"), cameras = T(multi.cameras, "i32") }, how)
    check.all_near(got, multi[how], 1e-6)
    check.ok(count > 3 and count < 12)
  end
end)

check.test("multi-query", function()
  local data = with_multi()
  check.ok(data:multi():count() > 10)
  local further = P.features(net, data:multi(), cfg)
  for _, how in ipairs { "mean", "max" } do
    local pooled = ranking.pool(query, { identities = data:query():identities(), cameras = data:query():cameras() },
      further, { identities = data:multi():identities(), cameras = data:multi():cameras() }, how)
    same(P.evaluate(net, data, config { multi_query = how }), direct { query = pooled })
  end
  check.fails("has none: import it by a layout that has them (market1501_multi)", P.evaluate, net, street,
    config { multi_query = "mean" })
end)

check.test("single-shot: rank-1 of a query, of cameras and its interval are of all draws, as the figure is", function()
  local result = direct { per_query = true, shots = "single", repeats = 20 }
  local sum, between, count = 0, 0, 0
  for _, hit in ipairs(result.rank1:totable()) do
    if hit >= 0 then sum, count = sum + hit, count + 1 end
    if hit > 0 and hit < 1 then between = between + 1 end
  end
  check.near(sum / count, result.cmc[1], 1e-6)
  check.ok(between > 0)
  local figures = P.evaluate(net, street, config { shots = "single", eval_draws = 20 })
  local spread = ranking.intervals(result.average_precision:totable(), result.rank1:totable())
  check.equal(figures.spread.rank1_low, spread.rank1_low)
  check.ok(spread.rank1_low < result.cmc[1] and result.cmc[1] < spread.rank1_high)
  local function side(of, split)
    return { features = of, identities = split:identities(), cameras = split:cameras() }
  end
  local parts = 0 -- a rank-1 that is no whole number of queries: more than one draw counted
  for _, pair in ipairs(ranking.by_camera(side(query, street:query()), side(gallery, street:gallery()),
    config { shots = "single", eval_draws = 20 })) do
    local whole = pair.rank1 * pair.queries
    if math.abs(whole - math.floor(whole + 0.5)) > 1e-4 then parts = parts + 1 end
  end
  check.ok(parts > 0)
end)

check.test("intervals over the queries", function()
  local result = direct { per_query = true }
  local precisions, hits = result.average_precision:totable(), result.rank1:totable()
  for i, first in ipairs(result.first_match:totable()) do
    check.equal(hits[i], first == 1 and 1.0 or first < 0 and -1.0 or 0.0)
  end
  local got = ranking.intervals(precisions, hits)
  local want = calr.statistics.bootstrap(precisions, { resamples = 4000 })
  check.near(got.mAP_low, want.low, 0.01)
  check.near(got.mAP_high, want.high, 0.01)
  check.ok(got.rank1_low <= result.cmc[1] and result.cmc[1] <= got.rank1_high)
  check.equal(got.mAP_low, ranking.intervals(precisions, hits).mAP_low)
  check.equal(P.evaluate(net, street, cfg).spread.mAP_low, got.mAP_low)
  check.equal(ranking.intervals({ 0.5, -1, 1 }, { 0, -1, 1 }), nil) -- of two values there is none
  local all = ranking.intervals({ 1, 1, 1, -1 }, { 1, 1, 1, -1 })
  check.equal(all.mAP_low, 1.0)
  -- As many queries as Market-1501 has are no matter of seconds.
  local many, first = {}, {}
  local stream = calr.rng.open { seed = 3 }
  for i = 1, 3368 do many[i], first[i] = stream:uniform() ^ 2, stream:integer(1, 3) == 1 and 1 or 0 end
  local started = calr.sys.clock()
  local wide = ranking.intervals(many, first)
  check.ok(calr.sys.clock() - started < 10)
  check.near((wide.mAP_high - wide.mAP_low) / 2, 1.96 * calr.statistics.sd(many) / 3368 ^ 0.5, 5e-4)
end)

check.test("queries.csv", function()
  here.out = tmp .. "/run"
  local own = config()
  local run = P.run_of(own, street)
  local figures = P.evaluate(net, street, own)
  local columns, names = calr.csv.load(tmp .. "/run/queries.csv")
  check.equal(table.concat(names, " "), "path identity camera average_precision first_match")
  check.equal(columns.path[2], street:query():path(2))
  local sum, count, hits = 0, 0, 0
  for i, precision in ipairs(columns.average_precision:totable()) do
    if precision >= 0 then sum, count = sum + precision, count + 1 end
    hits = hits + (columns.first_match:get(i) == 1 and 1 or 0)
  end
  check.equal(count, figures.queries)
  check.near(sum / count, figures.mAP, 1e-6)
  check.near(hits / count, figures.rank1, 1e-9)
  run:finish()
  local log = calr.sys.read_file(tmp .. "/run/log.txt")
  check.ok(log:find "queries; mAP %d+%.%d to %d+%.%d%)")
  check.ok(log:find "evaluation: mAP")
end)

check.test("the untrained network is evaluated where it is asked for", function()
  for name, asked in pairs { yes = true, no = false } do
    here.out = tmp .. "/untrained-" .. name
    local o = config { untrained = asked, iterations = 1, infomap = { k = 6, min_similarity = 0.0, min_size = 2 },
      refine = "none", alignment = { weight = 0.0 }, rerank = true }
    local own = calr.models.small { width = 4, seed = 1 }
    local run = P.run_of(o, street)
    local told
    calr.run.on("epoch", function(_, _, step) told = step:figures() end)
    for _, step in P.epochs(own, street, o) do
      local features = step:features()
      local labels = T.arange(0, features:size(1), 1, "i32") % 4
      step:train(calr.memory.cluster { features = features, labels = labels })
    end
    run:finish()
    local records = calr.run.metrics(run.path)
    check.ok(told.mAP_low <= told.mAP and told.mAP <= told.mAP_high and told.rank1_high >= told.rank1)
    check.equal(records[1].untrained ~= nil, asked)
    if asked then check.near(records[1].untrained.mAP, direct({ rerank = true }).mAP, 1e-9) end
    local log = calr.sys.read_file(run.path .. "/log.txt")
    check.equal(log:find("untrained network: mAP", 1, true) ~= nil, asked)
    check.ok(log:find("; re-ranked", 1, true))
  end
end)

check.finish()
