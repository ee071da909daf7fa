-- What a run keeps of its labels by epoch, what `calr why` makes of them, and the parts of pictures.
local check = require "check"
local calr = require "calr"
local T = calr.tensor
local canvases = require "calr.lab.pictures.canvas"
local clusters = require "calr.lab.pictures.clusters"
local font = require "calr.data.font"
local history = require "calr.pipeline.history"
local pictures = require "calr.lab.pictures"
local refine = require "calr.refine"
local story = require "calr.lab.pictures.story"
local sys = require "calr.sys"
local thin = require "calr.lab.pictures.thin"

require("calr.context").current().quiet = true
local tmp = os.getenv "CALR_TEST_TMP"

local function i32(list) return T(list, "i32") end

-- ---- what is kept ----

check.test("labels come back as they were, without the image itself among its neighbours", function()
  local file = tmp .. "/kept/labels/epoch-003.safetensors"
  local n = 12
  local rows, near = {}, {}
  for i = 1, n do
    rows[i], near[i] = {}, {}
    for k = 1, 10 do rows[i][k], near[i][k] = (i + k - 2) % n, 1 - (k - 1) / 10 end
  end
  local global = i32 { 0, 0, 0, 1, 1, 1, 2, 2, 2, -1, -1, -1 }
  local refined = i32 { 0, 0, -1, 1, 1, 1, 2, 2, 2, -1, -1, -1 }
  local of = T.full({ n }, -1, "i32")
  of:set(3, 1)
  history.save(file, { context = { global = global, locals = global, neighbours = { indices = i32(rows),
    similarities = T(near) } }, refined = refined, reasons = { texts = { "a", "b" }, of = of,
    pivots = T({ 0, 0, 0, 3, 3, 3, 6, 6, 6, -1, -1, -1 }, "i64") }, epoch = 3, epochs = 9 })
  local back = history.load(file)
  check.ok(back.global:equal(global) and back.locals:equal(global) and back.refined:equal(refined))
  check.equal(back.reasons[back.reason:get(3)], "b")
  check.equal(back.reason:get(1), 0)
  check.equal(back.pivots:get(5), 3)
  check.equal(back.neighbours:size(2), 8)
  check.equal(back.neighbours:get(1, 1), 1)
  check.near(back.similarities:get(1, 1), 0.9, 1 / 500)
  check.equal(back.epoch, 3)
  check.equal(back.epochs, 9)
  check.equal(history.list(tmp .. "/kept")[1].epoch, 3)
  check.equal(#history.list(tmp .. "/nothing"), 0)
end)

check.test("an image and an epoch take at most 57 bytes", function()
  local n, file = 4096, tmp .. "/large/labels/epoch-000.safetensors"
  local labels = T.zeros({ n }, "i32")
  history.save(file, { context = { global = labels, locals = labels, neighbours = {
    indices = T.zeros({ n, 15 }, "i32"), similarities = T.ones { n, 15 } } }, refined = labels,
    reasons = { texts = {}, of = labels - 1, pivots = labels }, epoch = 0, epochs = 1 })
  check.ok(sys.stat(file).size < 57 * n + 2000, tostring(sys.stat(file).size))
end)

check.test("labels of nothing but clusters; and files that are none", function()
  local file = tmp .. "/bare/labels/epoch-000.safetensors"
  history.save(file, { context = { global = i32 { 0, 1 } }, epoch = 0, epochs = 1 })
  local back = history.load(file)
  check.equal(back.refined, nil)
  check.equal(back.neighbours, nil)
  calr.safetensors.save(tmp .. "/other.safetensors", { global = i32 { 0 } })
  check.fails("does not hold the labels of an epoch", history.load, tmp .. "/other.safetensors")
  calr.safetensors.save(tmp .. "/odd.safetensors", { global = i32 { 0 }, refined = i32 { 0, 1 } },
    { format = "calr.labels 1", epoch = "0", epochs = "1", reasons = "[]" })
  check.fails("refined is i32[2]", history.load, tmp .. "/odd.safetensors")
end)

-- ---- pivots ----

-- Two clusters of six under two cameras; image 4 is of its pivot's camera and of another local cluster.
local function context()
  return { global = i32 { 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1 }, locals = i32 { 0, 0, 0, 1, 9, 9, 2, 2, 3, 8, 8, 8 },
    cameras = i32 { 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1 }, scores = T { 9, 1, 1, 1, 1, 1, 1, 9, 1, 1, 1, 1 },
    features = T.ones { 12, 2 }, epoch = 0, epochs = 10, seed = 1, options = { pivot = "max", pace = "always" } }
end

check.test("the rule of pivots tells them", function()
  local labels, _, why = refine.apply("pivot", context())
  check.ok(why.pivots:equal(i32 { 0, 0, 0, 0, 0, 0, 7, 7, 7, 7, 7, 7 }))
  check.equal(labels:get(4), -1)
  check.equal(labels:get(9), -1)
  local c = context()
  c.global = i32 { 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1 }
  check.equal(select(3, refine.apply("pivot", c)).pivots:get(8), -1)
end)

check.test("pivots of a rule are rows", function()
  local function rule(pivots)
    return function(c) return { labels = c.global, pivots = pivots } end
  end
  check.fails("the pivots of a refinement rule must be i32[12] or i64[12], not f32[12]", refine.apply,
    rule(T.zeros { 12 }), context())
  check.fails("rows from 0 to 11", refine.apply, rule(T.full({ 12 }, 12, "i32")), context())
  check.fails("rows from 0 to 11", refine.apply, rule(T.full({ 12 }, -2, "i32")), context())
  check.fails("labels, weights, reasons and pivots", refine.apply, function(c)
    return { labels = c.global, pivot = c.global }
  end, context())
end)

-- ---- a run in a moment ----

require("calr.data.make").run { generator = "street", to = tmp .. "/street.lmdb", options = { ids = 6, test_ids = 4,
  distractors = 4, junk = 2, cameras = 3, images = 3, height = 64, width = 32, seed = 5 } }
local data = calr.data.open(tmp .. "/street.lmdb")

-- Six clusters by identity, of which refinement discards what it is told to; recorded as a run does it.
local function made_run(name, epochs, discarded)
  local here = require("calr.context").current()
  here.out = ("%s/%s"):format(tmp, name)
  local cfg = calr.config.resolve(calr.pipeline.defaults { data = tmp .. "/street.lmdb", height = 32, width = 16 }, {})
  local run = calr.pipeline.run_of(cfg, data, calr.pipeline.network(cfg))
  local split = data:train()
  local global = split:labels()
  local n = global:numel()
  for epoch = 0, epochs - 1 do
    local mask = T.zeros({ n }, "i32")
    for _, row in ipairs(discarded[epoch + 1] or {}) do mask:set(row, 1) end
    local gone = mask:ne(0)
    local indices = T.arange(n):to("i32"):view(n, 1):expand(n, 4):contiguous()
    indices = (indices + T({ 0, 1, 2, 3 }, "i32")) % n
    history.save(history.path(run.path, epoch), { context = { global = global, locals = global * 3 + split:cameras(),
      neighbours = { indices = indices:to "i32", similarities = T.full({ n, 4 }, 0.8) } },
      refined = T.where(gone, -1, global), reasons = { texts = { "too far" }, of = T.where(gone, 0, -1):to "i32",
        pivots = calr.labels.take(calr.labels.argmax(global, T.ones { n }), global) }, epoch = epoch, epochs = epochs })
  end
  run:finish()
  return run.path
end

local run = made_run("run", 3, { {}, { 2 }, { 2, 3 } })

check.test("the story of an image: its epochs, its pivot, why it went", function()
  local path = data:train():path(2)
  local s = story.collect(run, path)
  check.equal(#s.epochs, 3)
  check.equal(s.epochs[1].state, "kept")
  check.equal(s.epochs[2].state, "discarded")
  check.equal(s.epochs[2].why, "discarded: too far")
  check.equal(s.epochs[3].pivot, 0)
  check.equal(s.at, 3)
  check.equal(#s.neighbours, 3)
  check.equal(s.neighbours[1].row, 2)
  check.equal(s.neighbours[1].state, "discarded")
  check.equal(s.epochs[1].same, s.epochs[1].size)
  local text = story.text(s)
  check.ok(text:find("kept in 1, discarded in 2 of 3 epochs", 1, true), text)
  check.ok(text:find("nearest images in epoch 2", 1, true))
  check.equal(story.collect(run, path:match "[^/]+$").place, 2)
  check.equal(story.collect(run, "#1", { epoch = 0 }).at, 1)
  check.equal(story.collect(run, "#0").epochs[3].why, "kept: it is the pivot")
end)

check.test("images and epochs that there are not", function()
  local name = data:train():path(2):match "[^/]+$"
  check.fails("did you mean " .. name, story.collect, run, (name:gsub("%.jpg$", "_.jpg")))
  check.fails("rows 0 to", story.collect, run, "#100000")
  check.fails("is a query image", story.collect, run, data:query():path(1))
  check.fails("kept no labels of epoch 9", story.collect, run, "#1", { epoch = 9 })
  local bare = made_run("bare-run", 0, {})
  check.fails("labels_every=1", story.collect, bare, "#1")
end)

check.test("the clusters with discarded members come first, and say who went", function()
  local record = require("calr.lab.pictures.record").open(run)
  local list, total = clusters.collect(record, record:labels(), 2)
  check.equal(total, 6)
  check.equal(#list, 2)
  check.equal(list[1].discarded, 2)
  check.equal(list[1].pivot, 0)
  local red = 0
  for _, item in ipairs(list[1].global) do red = red + (item.frame == "discarded" and 1 or 0) end
  check.equal(red, 2)
  check.equal(#list[1].refined, #list[1].global - 2)
  check.equal(list[1].purity, 1)
  for _, item in ipairs(list[1].locals) do check.equal(item.camera, data:train():cameras():get(1)) end
end)

check.test("pictures of a run, and again from what was kept", function()
  local first = pictures.gather(run)
  check.equal(#first.notes, 0, table.concat(first.notes, "; "))
  check.ok(first.tsne.before:size(1) == data:train():count() and first.tsne.after:is_finite())
  check.ok(#first.ranked.best > 0 and #first.ranked.worst > 0)
  check.ok(first.ranked.best[1].ap >= first.ranked.worst[1].ap)
  check.equal(#first.cameras.values, 3)
  check.ok(sys.exists(run .. "/pictures/plane.safetensors") and sys.exists(run .. "/pictures/ranking.safetensors"))
  local again = pictures.gather(run)
  check.ok(again.tsne.after:equal(first.tsne.after))
  local page = pictures.page(again)
  check.equal(#page.tsne.after.x, data:train():count())
  check.ok(#page.images > 20)
  check.ok(pictures.paint(again).height > 1000)
  local some = pictures.gather(run, { what = { "cameras" }, points = 20 })
  check.equal(some.tsne, nil)
  check.ok(some.cameras)
end)

check.test("a run whose data set is gone says so", function()
  os.rename(tmp .. "/street.lmdb", tmp .. "/elsewhere.lmdb")
  local gathered = pictures.gather(run)
  os.rename(tmp .. "/elsewhere.lmdb", tmp .. "/street.lmdb")
  check.equal(gathered.tsne, nil)
  check.ok(table.concat(gathered.notes, "; "):find("street.lmdb is gone", 1, true))
end)

-- ---- small parts ----

check.test("thin keeps the ends", function()
  check.equal(table.concat(thin(5, 9), " "), "1 2 3 4 5")
  check.equal(table.concat(thin(10, 4), " "), "1 4 7 10")
  check.equal(table.concat(thin(10, 1), " "), "10")
  check.equal(#thin(10, 0), 0)
  check.equal(#thin(0, 3), 0)
end)

check.test("strokes are the pixels of the font", function()
  local painted = T.zeros({ 12, 40, 3 }, "u8")
  font.write(painted, "Ag%", 0, 0, 255)
  local again = T.zeros({ 12, 40, 3 }, "u8")
  for _, r in ipairs(font.strokes "Ag%") do
    again:narrow(1, r[2] + 1, r[4]):narrow(2, r[1] + 1, r[3]):fill(255)
  end
  check.ok(painted:equal(again))
end)

check.test("a canvas paints what it is told, and refuses to be too large", function()
  local canvas = canvases.new(40, 30)
  canvas:ink { 255, 0, 0 }
  canvas:rectangle(0, 0, 10, 10)
  canvas:tile(T.full({ 5, 6, 3 }, 7, "u8"), 20, 20)
  canvas:box(0, 0, 40, 30, "kept", 2)
  local picture = canvas:picture()
  check.equal(picture:get(6, 6, 1), 255)
  check.equal(picture:get(6, 6, 2), 0)
  check.equal(picture:get(21, 21, 3), 7)
  check.equal(picture:get(1, 1, 2), 140)
  check.equal(picture:get(12, 12, 1), 255)
  check.fails("8192", canvases.new, 9000, 10)
  local seen = {}
  for i = 0, 19 do seen[table.concat(canvases.hue(i, 20), ",")] = true end
  local count = 0
  for _ in pairs(seen) do count = count + 1 end
  check.equal(count, 20)
end)

check.finish()
