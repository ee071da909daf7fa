-- Snapshots of a run, and the workbench that tries refinement rules on them.
local check = require "check"
local W, S = require "calr.lab.refine", require "calr.pipeline.snapshot"
local T, sys = require "calr.tensor", require "calr.sys"
local options, watch, tables = require "calr.lab.refine.options", require "calr.lab.refine.watch",
  require "calr.lab.refine.table"
local json, safetensors = require "calr.json", require "calr.safetensors"
local Q = require "calr.quality"

local tmp = os.getenv "CALR_TEST_TMP"
local function i32(t) return T(t, "i32") end

-- Two global clusters; image 3 is of person 8 and in the cluster of person 7, in a local cluster of its own.
local function fields(changes)
  local values = {
    context = {
      global = i32 { 0, 0, 0, 0, 1, 1, 1, -1 }, locals = i32 { 0, 0, 1, 5, 2, 2, 6, 7 },
      scores = T { 9, 2, 3, 4, 5, 9, 1, 0 }, features = T.zeros { 8, 4 }:fill(0.5),
      neighbours = { indices = T.zeros({ 8, 3 }, "i32"), similarities = T.zeros { 8, 3 } },
    },
    cameras = i32 { 0, 0, 0, 2, 0, 0, 2, 2 }, identities = i32 { 7, 7, 8, 7, 8, 8, 8, -1 },
    epoch = 4, epochs = 10, seed = 3, data = "street",
    options = { pivot = "max", infomap = { k = 15 }, min_purity = 0.5 },
    refined = i32 { 0, 0, -1, 0, 1, 1, 1, -1 },
    reasons = { texts = { "why" }, of = i32 { -1, -1, 0, -1, -1, -1, -1, -1 } },
  }
  for name, value in pairs(changes or {}) do
    if value == "nothing" then value = nil end
    values[name] = value
  end
  return values
end

local function save(name, changes)
  local file = ("%s/%s/snapshots/epoch-004.safetensors"):format(tmp, name)
  S.save(file, fields(changes))
  return file
end

check.test("a snapshot chooses no code", function()
  local file = tmp .. "/mine.lua"
  sys.write_file(file, "RAN = true return function(a, b) if b then return 1 end return a.global end")
  local snapshot = save("code", { options = { pivot = "max", infomap = { k = 15 }, min_purity = 0.5, pace = file,
    refine = file } })
  local bench = W.open(snapshot)
  check.equal(bench.files.pace, file)
  check.equal(bench.files.refine, file)
  check.fails("a file of data runs no code: name it yourself (pace=" .. file .. ")", function() bench:try "pivot" end)
  check.equal(rawget(_G, "RAN"), nil)
  check.ok(bench:try("pivot", { pace = "always" }))
  check.ok(W.open(snapshot, { trust = true }):try "pivot")
  check.equal(rawget(_G, "RAN"), true)
end)

check.test("a snapshot comes back as it was", function()
  local file = save "whole"
  check.equal(file, S.path(tmp .. "/whole", 4))
  local s, f = S.load(file), fields()
  for _, name in ipairs { "global", "locals", "scores", "features" } do
    check.ok(s[name]:equal(f.context[name]), name)
  end
  for _, name in ipairs { "cameras", "identities", "refined" } do check.ok(s[name]:equal(f[name]), name) end
  check.ok(s.neighbours.indices:equal(f.context.neighbours.indices))
  check.ok(s.reason:equal(f.reasons.of))
  check.equal(("%d %d %d %s %s"):format(s.epoch, s.epochs, s.seed, s.data, s.reasons[1]), "4 10 3 street why")
  check.equal(s.options.infomap.k, 15)
  save "whole" -- again, over the old one
  check.equal(#sys.list(tmp .. "/whole/snapshots"), 1)
end)

check.test("what may be missing", function()
  local file = save("bare", { identities = i32 { -1, -1, -1, -1, -1, -1, -1, -1 }, refined = "nothing",
    reasons = "nothing", options = "nothing", data = "nothing",
    context = { global = fields().context.global, features = fields().context.features } })
  local s = S.load(file)
  check.equal(s.identities or s.locals or s.scores or s.neighbours or s.refined or s.reason, nil)
  check.equal(#s.reasons, 0)
  check.equal(next(s.options), nil)
end)

check.test("wrong shapes are refused before anything is written", function()
  local function with(changes) return function() save("wrong", changes) end end
  check.fails("cameras must be i32[n], here i32[8]; it is i32[2]", with { cameras = i32 { 0, 1 } })
  check.fails("it has no features", with { context = { global = fields().context.global } })
  check.fails("refined must be i32[n]", with { refined = T.zeros { 8 } })
  local c = fields().context
  check.fails("no similarities", with { context = { global = c.global, features = c.features,
    neighbours = { indices = c.neighbours.indices } } })
  check.ok(not sys.exists(tmp .. "/wrong/snapshots/epoch-004.safetensors"))
end)

check.test("files that are no snapshots", function()
  local path = tmp .. "/other.safetensors"
  safetensors.save(path, { x = T { 1 } })
  check.fails("other.safetensors is not a snapshot of a run", S.load, path)
  safetensors.save(path, { x = T { 1 } }, { format = "calr.snapshot 9" })
  check.fails("this program knows \"calr.snapshot 1\"", S.load, path)
  safetensors.save(path, { global = i32 { 0 } }, { format = "calr.snapshot 1" })
  check.fails("it has no features", S.load, path)
  sys.write_file(path, "nonsense")
  check.fails("other.safetensors", S.load, path)
  check.fails("there is no snapshot or run folder", W.file, tmp .. "/absent")
  sys.make_folder(tmp .. "/empty")
  check.fails("is not a run folder, and holds no snapshots", W.file, tmp .. "/empty")
  sys.write_file(tmp .. "/empty/run.json", "{}")
  check.fails("train with snapshot_every=5", W.file, tmp .. "/empty")
end)

check.test("the newest snapshot of a run", function()
  for _, epoch in ipairs { 9, 1000, 99 } do S.save(S.path(tmp .. "/many", epoch), fields()) end
  sys.write_file(tmp .. "/many/snapshots/notes.txt", "")
  check.equal(W.file(tmp .. "/many"), tmp .. "/many/snapshots/epoch-1000.safetensors")
  check.equal(W.file(tmp .. "/many/snapshots"), tmp .. "/many/snapshots/epoch-1000.safetensors")
  check.equal(#S.list(tmp .. "/many"), 3)
end)

check.test("quality before and after, against calr.quality", function()
  local bench = W.open(save "quality")
  local s = bench.snapshot
  check.equal(bench.identities, 2)
  check.equal(bench.cameras, 2)
  check.all_near(bench.misplaced:to "i32", { 0, 0, 1, 0, 0, 0, 0, 0 }, 0)
  local plain = bench:measure(s.global)
  local known = T({ 0, 1, 2, 3, 4, 5, 6 }, "i64")
  local want = Q.bcubed(s.identities:rows(known), s.global:rows(known))
  check.near(plain.quality.precision, want.precision, 1e-12)
  check.near(plain.quality.f, want.f, 1e-12)
  check.equal(plain.clusters, 2)
  check.equal(plain.outliers, 1)
  check.equal(plain.discarded, 0)
  check.equal(#plain.cameras, 2)
  check.equal(plain.cameras[2].camera, 2)
  check.equal(plain.cameras[2].images, 3)
  check.equal(plain.cameras[2].outliers, 1)
  local result = bench:try "pivot" -- image 3 is of the pivot's camera and not of its local cluster
  check.all_near(result.labels, { 0, 0, -1, 0, 1, 1, 1, -1 }, 0)
  check.equal(result.discarded, 1)
  check.equal(result.quality.precision, 1)
  check.equal(result.reasons[1].reason, "of the pivot's camera, not of its local cluster")
  check.equal(result.reasons[1].images, 1)
  check.equal(result.reasons[1].misplaced, 1)
  check.equal(result.cameras[1].discarded, 1)
  check.equal(result.cameras[1].quality.precision, 1)
  check.equal(table.concat(result.used, " "), "lone_clusters pace pivot")
  local ignored = W.open(save "quality", { outliers = "ignore" }):try "pivot"
  check.ok(ignored.quality.recall > result.quality.recall)
  check.fails("did you mean \"outliers\"", W.open, save "quality", { outlier = "ignore" })
end)

check.test("what the run's own rule did", function()
  local bench = W.open(save "recorded")
  local result = bench:recorded()
  check.ok(result.labels:equal(bench.snapshot.refined))
  check.equal(result.discarded, 1)
  check.equal(result.reasons[1].reason, "why")
  check.equal(result.reasons[1].images, 1)
  check.equal(result.reasons[1].misplaced, 1)
  check.equal(result.quality.precision, bench:try("pivot").quality.precision)
  check.equal(W.open(save("unrefined", { refined = "nothing", reasons = "nothing" })):recorded(), nil)
end)

check.test("no identities: no quality", function()
  local bench = W.open(save("unknown", { identities = "nothing" }))
  local result = bench:try "pivot"
  check.equal(result.quality, nil)
  check.equal(result.discarded, 1)
  check.equal(result.reasons[1].misplaced, nil)
  local report = { bench = bench, plain = bench:measure(bench.snapshot.global), results = { result }, by_camera = true }
  for _, format in ipairs { "terminal", "markdown", "csv", "json" } do
    local text = tables.render(report, format)
    check.ok(text:find("discarded", 1, true))
    check.ok(not text:find("NMI", 1, true) and not text:find("precision", 1, true), format)
  end
end)

check.test("a rule sees the run's options, and those that are given", function()
  local bench = W.open(save "options")
  local seen
  local function rule(c)
    seen = { c.options.pivot, c.options.infomap.k, nil, c.epoch, c.epochs, c.seed, c.pace(0, 10) }
    c.global:fill(-1) -- a rule may spoil its own copy
    return c.global
  end
  local result = bench:try(rule, { pivot = "camera-max", ["infomap.k"] = 3, epoch = 7, seed = 5 })
  check.equal(seen[1], "camera-max")
  check.equal(seen[2], 3)
  check.equal(seen[3], nil)
  check.equal(("%d %d %d %g"):format(table.unpack(seen, 4, 7)), "7 10 5 1")
  check.equal(table.concat(result.used, " "), "epoch infomap.k lone_clusters pace pivot seed")
  check.fails("no \"pivt\" (did you mean \"pivot\"?)", bench.try, bench, function(c) return c.options.pivt end)
  check.equal(bench.snapshot.global:get(1), 0)
  check.equal(bench.snapshot.options.infomap.k, 15)
  check.fails("must be a string", function() bench:try(rule, { pivot = 3 }) end)
  check.fails("must be a number", function() bench:try(rule, { ["infomap.k"] = "many" }) end)
  check.fails("epoch must be a whole number", function() bench:try(rule, { epoch = -1 }) end)
  check.fails("epochs must be a whole number, 1 or more", function() bench:try(rule, { epochs = 0 }) end)
  check.fails("must not change its options", function()
    bench:try(function(c) c.options.pivot = "x" return c.global end)
  end)
  local all = {}
  bench:try(function(c) for name in pairs(c.options) do all[name] = true end return c.global end)
  check.ok(all.pivot and all.min_purity)
end)

check.test("words of options", function()
  local function is(word, name, value)
    local n, v = options.parse(word)
    check.equal(n, name)
    check.equal(v, value)
    check.equal(math.type(v), math.type(value))
  end
  is("a=1", "a", 1)
  is("a.b=0.5", "a.b", 0.5)
  is("a=true", "a", true)
  is("a=false", "a", false)
  is("a=x=y", "a", "x=y")
  is("a=", "a", "")
  check.fails("not of the form key=value", options.parse, "=1")
end)

check.test("a rule that asks for what is not there", function()
  local c = fields().context
  local bench = W.open(save("baseline", { context = { global = c.global, features = c.features } }))
  check.fails("the snapshot has no local clusters", bench.try, bench, "local_split")
  check.fails("the snapshot has no node scores", bench.try, bench, "self_paced")
  check.equal(bench:try("camera_proxy").rule, "camera_proxy")
end)

check.test("tables in all formats", function()
  local bench = W.open(save "tables")
  local plain = bench:measure(bench.snapshot.global)
  local report = { bench = bench, plain = plain, by_camera = true,
    results = { bench:try "pivot", bench:try("purity", { min_purity = 0 }) } }
  local terminal = tables.render(report, "terminal")
  for _, text in ipairs { "epoch 4 of 10 on street, 8 images under 2 cameras, 2 identities", "no refinement",
    "purity min_purity=0", "camera 2, 3 images", "misplaced", "+1" } do
    check.ok(terminal:find(text, 1, true), text)
  end
  check.ok(tables.render(report, "markdown"):find("| purity min\\_purity=0 |", 1, true))
  local csv = tables.render(report, "csv")
  local first = csv:match "^([^\r]*)\r\n"
  check.equal(select(2, first:gsub(",", "")), 20)
  check.equal(select(2, csv:gsub("\r\n", "")), 1 + 3 + 3 * 2)
  local decoded = json.decode(tables.render(report, "json"))
  check.equal(decoded.rules[1].difference.discarded, 1)
  check.near(decoded.rules[1].difference.precision, 1 - plain.quality.precision, 1e-12)
  check.equal(decoded.rules[2].options.min_purity, 0)
  check.equal(#decoded.plain.cameras, 2)
end)

check.test("which files a rule loads, and when they change", function()
  local old = package.path
  package.path = tmp .. "/?.lua;" .. old
  sys.write_file(tmp .. "/helper_of_rule.lua", "return 1")
  sys.write_file(tmp .. "/rule.lua", "return require 'helper_of_rule'")
  local files = watch.files()
  files:add(tmp .. "/rule.lua")
  local function work() return dofile(tmp .. "/rule.lua") end
  check.equal(select(2, files:call(work)), 1)
  check.equal(files:changed(), nil)
  sys.write_file(tmp .. "/helper_of_rule.lua", "return 2")
  check.equal(files:changed(), tmp .. "/helper_of_rule.lua")
  check.equal(select(2, files:call(work)), 2, "read anew")
  check.equal(files:changed(), nil)
  sys.write_file(tmp .. "/helper_of_rule.lua", "return = 2")
  check.equal(files:call(work), false)
  check.equal(files:changed(), nil)
  sys.write_file(tmp .. "/helper_of_rule.lua", "return 3")
  check.equal(files:changed(), tmp .. "/helper_of_rule.lua", "a file that did not load is watched too")
  sys.remove(tmp .. "/rule.lua")
  check.equal(files:call(work), false)
  sys.write_file(tmp .. "/rule.lua", "return 4")
  check.equal(files:changed(), tmp .. "/rule.lua")
  check.equal(select(2, files:call(work)), 4)
  package.path = old
  package.loaded.helper_of_rule = nil
end)


check.finish()
