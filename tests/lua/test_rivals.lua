-- What the rivals of CALR and the explaining experiments stand on: SpCL's reliability against its paper's definition,
-- oracles, presets, local clusters of given features, and the threshold that follows the features.
local check = require "check"
local calr = require "calr"
local here = require("calr.context").current()
local L, P, T = calr.labels, calr.pipeline, calr.tensor

here.quiet = true
local tmp = os.getenv "CALR_TEST_TMP"

local function ints(list) return T(list, "i32") end

check.test("reliability: images that stay and the limit, as dense matrices give them", function()
  for i, case in ipairs(dofile(os.getenv "CALR_TEST_REFERENCE" .. "/reliability/golden.lua")) do
    local stays, limit = calr.refine.reliability(ints(case.labels), ints(case.tight), ints(case.loose),
      { share = case.share })
    check.near(limit, case.limit, 1e-6, "limit of case " .. i)
    check.all_near(stays:to "f32", T(case.stays), 0, "case " .. i)
    local again = calr.refine.reliability(ints(case.labels), ints(case.tight), ints(case.loose), { limit = limit })
    check.all_near(again:to "f32", T(case.stays), 0, "case " .. i)
  end
  local labels = ints { 0, 0, -1 }
  check.fails("no option \"limits\"", calr.refine.reliability, labels, labels, labels, { limits = 1 })
end)

check.test("PPLR: agreement and losses, as loops over dense arrays give them; the classifiers learn", function()
  local g = dofile(os.getenv "CALR_TEST_REFERENCE" .. "/pplr/golden.lua")
  local spaces, batch = {}, { rows = T(g.rows, "i64"), parts = {} }
  for i = 1, g.parts + 1 do
    spaces[i] = T(g.spaces[i]):reshape(g.n, g.d)
    batch.parts[i] = T(g.batch[i]):reshape(#g.rows, g.d):requires_grad(true)
  end
  for i = 1, g.parts do
    check.all_near(calr.memory.agreement(spaces[1], spaces[i + 1], { k = g.k }), T(g.agreement[i]), 1e-6)
  end
  local labels = ints(g.labels)
  batch.labels = labels:index_select(1, batch.rows)
  local features = T.l2_normalize(T.cat(spaces, 2))
  local memory = calr.memory.parts { features = features, labels = labels, parts = g.parts + 1, k = g.k,
    temperature = g.temperature, keep = g.keep, lr = 0.05 }
  local loss = memory:loss(features, batch)
  check.near(loss:item(), g.loss, 1e-5)
  local function slope(...)
    return memory:loss(features, { rows = batch.rows, labels = batch.labels, parts = { ... } })
  end
  -- The label of the whole body follows the parts without a gradient: only its own feature is varied here.
  check.ok(calr.gradcheck(function(x) return slope(x, batch.parts[2]:detach(), batch.parts[3]:detach()) end,
    batch.parts[1]))
  loss:backward()
  memory:update(features, batch)
  check.ok(memory:loss(features, batch):item() < g.loss)
  check.fails("parts must be a whole number of 2 or more that divides the width of the features, 12, not 5",
    calr.memory.parts, { features = features, labels = labels, parts = 5 })
  check.fails("has no \"parts\"", memory.loss, memory, features, { rows = batch.rows, labels = batch.labels })
end)

require("calr.data.make").run {
  generator = "street", to = tmp .. "/street.lmdb",
  options = { ids = 6, test_ids = 4, distractors = 4, junk = 2, cameras = 3, images = 3, height = 64, width = 32,
    seed = 5 },
}
local street = calr.data.open(tmp .. "/street.lmdb")
local train = street:train()
local identities, cameras = train:identities(), train:cameras()

local function overlap(labels) return P.quality(train, labels) end

check.test("oracle: each part by the true identities, the others as they were", function()
  local found = T.zeros({ train:count() }, "i32")
  local none = P.oracle("none", train)
  check.ok(none:clusters(found) == found and none:refined(found, found) == found)
  check.ok(none:locals(function() return found end) == found)
  local function never() error "not to be called" end
  local locals = P.oracle("locals", train):locals(never)
  check.equal(P.local_quality(train, locals).f, 1)
  check.equal(L.clusters(locals), L.clusters((L.pair(identities, cameras))))
  local clusters = P.oracle("clusters", train):clusters(found)
  check.equal(overlap(clusters).f, 1)
  local mixed = L.canonical(identities // 2) -- two identities in a cluster
  local refined = P.oracle("discards", train):refined(mixed, mixed)
  check.equal(overlap(refined).precision, 1)
  check.ok(refined:lt(0):sum():item() > 0 and refined:lt(0):sum():item() < train:count())
  local unknown = setmetatable({ identities = function() return T.full({ train:count() }, -1, "i32") end },
    { __index = train })
  check.fails("oracle=locals needs the true identities", P.oracle, "locals", unknown)
end)

check.test("local clusters of given features: inside each camera, numbered over all", function()
  local cfg = calr.config.resolve(P.defaults { intra = { k1 = 4, k2 = 1, per_cluster = 3 } }, {})
  local features = T.l2_normalize(T.eye(train:count()) + 0.1)
  local locals = P.local_clusters(features, cameras, cfg)
  check.equal(locals:lt(0):sum():item(), 0)
  check.equal(L.clusters((L.pair(locals, cameras))), L.clusters(locals)) -- none of two cameras
end)

check.test("a preset gives the authors' settings; words of the command line count more", function()
  local function resolved(...) return calr.config.resolve(P.defaults { camera_weights_from = 0 }, { ... }) end
  local veri = resolved("preset=veri776", "epochs=2")
  check.equal(veri.height, 224)
  check.equal(veri.network, "resnet50")
  check.equal(veri.instances, 16)
  check.equal(veri.alignment.epochs, 3)
  check.equal(veri.camera_weights_from, 5)
  check.equal(veri.intra.k1, 15)
  check.equal(veri.epochs, 2)
  check.equal(resolved("preset=market1501").intra.clusters, 600)
  check.equal(resolved("preset=msmt17").alignment.weight, 0)
  check.equal(resolved().height, 64)
  check.fails("preset", resolved, "preset=market")
end)

check.test("the threshold of the graph follows the features where edges_kept says so", function()
  local function epoch(kept, threshold)
    local cfg = calr.config.resolve(P.defaults { height = 32, width = 16, edges_kept = kept,
      infomap = { k = 4, min_similarity = threshold, min_size = 2 } }, {})
    here.out = ("%s/kept-%g-%g"):format(tmp, kept, threshold)
    local run = P.run_of(cfg, street)
    local _, step = P.epochs(calr.models.small { width = 4, seed = 1 }, street, cfg)()
    local n = train:count()
    local x = T.eye(n)
    for i = 1, n - 1 do x:set(i + 1, i, i / n) end -- similarities from near 0 to near 0.7
    local neighbours = step:neighbours(T.l2_normalize(x))
    local labels = step:infomap(neighbours)
    run:finish()
    return labels, step.record.min_similarity, neighbours
  end
  local fixed, none = epoch(0.0, 0.9)
  check.equal(none, nil)
  check.equal(fixed:ge(0):sum():item(), 0)
  local _, lowered, neighbours = epoch(0.25, 0.9)
  local edges = neighbours.similarities:narrow(2, 2, 3)
  check.ok(lowered < 0.9)
  check.near(edges:ge(lowered):to("f32"):mean():item(), 0.25, 0.02)
  local _, kept = epoch(0.25, 0.0)
  check.equal(kept, 0) -- the fixed one keeps more
end)

check.test("guards: hardly any clusters, or none, name the options that the script has", function()
  local n = train:count()
  local function train_on(labels, cfg)
    here.out = ("%s/guard-%d"):format(tmp, math.random(1 << 30))
    local run = P.run_of(cfg, street)
    local _, step = P.epochs(calr.models.small { width = 4, seed = 1 }, street, cfg)()
    local ok, message = pcall(step.train, step, calr.memory.cluster { features = step:features(), labels = labels })
    run:finish()
    return ok, tostring(message), require("calr.sys").read_file(run.path .. "/log.txt")
  end
  local function config(changes, without)
    local all = P.defaults({ height = 32, width = 16, iterations = 1 }, without)
    for name, value in pairs(changes or {}) do all[name] = value end
    return calr.config.resolve(all, {})
  end
  local few = T.full({ n }, -1, "i32")
  for i = 1, 4 do few:set(i, (i - 1) // 2) end
  local ok, _, log = train_on(few, config())
  check.ok(ok and log:find(("only 4 of %d images are in a cluster"):format(n), 1, true), log)
  check.ok(log:find("there are 2 clusters, and a batch should hold 16", 1, true), log)
  check.ok(log:find("lower infomap.min_similarity (now 0.5)", 1, true), log)
  local dbscan = { dbscan = { eps = 0.25, min_samples = 4 } }
  local failed, message = train_on(T.full({ n }, -1, "i32"), config(dbscan, { "infomap" }))
  check.ok(not failed and message:find("raise dbscan.eps (now 0.25) or lower dbscan.min_samples (4)", 1, true), message)
  failed, message = train_on(T.zeros({ n }, "i32"), config(dbscan, { "infomap" }))
  check.ok(not failed and message:find("images are all alike: lower dbscan.eps (now 0.25)", 1, true), message)
end)

check.finish()
