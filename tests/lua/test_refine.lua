-- calr.refine: the rules that come with calr, a rule of one's own, its mistakes.
local check = require "check"
local T, R, sys = require "calr.tensor", require "calr.refine", require "calr.sys"

local function i32(t) return T(t, "i32") end

-- Two global clusters over two cameras; locals are numbered over all cameras.
local function context(options)
  return {
    global  = i32 { 0, 0, 0, 0, 0, 1, 1, 1, -1 },
    cameras = i32 { 0, 0, 0, 1, 1, 1, 1, 0, 0 },
    locals  = i32 { 0, 0, 1, 5, 6, 7, 8, 2, 0 },
    scores  = T { 1, 9, 2, 8, 3, 4, 5, 1, 99 },
    epoch = 0, epochs = 10, seed = 1, pace = R.pace(options.pace or "always"), options = options,
  }
end

check.test("pivot max: of the pivot's camera and not of its local cluster goes", function()
  -- pivot of cluster 0 is row 1 (camera 0, local 0): row 2 goes. Pivot of cluster 1 is row 6 (camera 1, local 8): row 5
  -- goes, and row 7 (camera 0) stays.
  local out, counts = R.apply(R.load "pivot", context {})
  check.all_near(out, { 0, 0, -1, 0, 0, -1, 1, 1, -1 }, 0)
  check.equal(counts["of the pivot's camera, not of its local cluster"], 2)
end)

check.test("last-above-mean: the last member above the mean, or no pivot", function()
  -- the mean of all scores is 14.7: nobody but the outlier is above, so nothing goes
  local out = R.apply(R.load "pivot", context { pivot = "last-above-mean" })
  check.all_near(out, { 0, 0, 0, 0, 0, 1, 1, 1, -1 }, 0)
  local c = context { pivot = "last-above-mean" }
  c.scores = T { 1, 9, 2, 8, 3, 0, 0, 0, 0 } -- mean 2.56: row 4 (camera 1, local 6) is the pivot; row 3 goes
  check.all_near(R.apply(R.load "pivot", c), { 0, 0, 0, -1, 0, 1, 1, 1, -1 }, 0)
end)

check.test("camera-max: one pivot for each camera with enough members", function()
  local out = R.apply(R.load "pivot", context { pivot = "camera-max", camera_members = 2 })
  -- cluster 0: camera 0 pivot row 1 (row 2 goes), camera 1 pivot row 3 (row 4 goes); cluster 1: camera 1 pivot row 6
  check.all_near(out, { 0, 0, -1, 0, -1, -1, 1, 1, -1 }, 0)
  local few = R.apply(R.load "pivot", context { pivot = "camera-max", camera_members = 3 })
  check.all_near(few, { 0, 0, -1, 0, 0, 1, 1, 1, -1 }, 0)
  check.fails("option \"pivot\" has no choice \"min\" (did you mean \"max\"?); there are: max, last-above-mean, "
    .. "camera-max, last-camera", R.apply, R.load "pivot", context { pivot = "min" })
end)

check.test("camera-max takes cameras of five members and more, the authors' \"more than 4\"", function()
  local function of(members) -- one cluster under one camera; image 2 alone in its local cluster
    local n = members + 1
    local locals, cameras, scores = T.zeros({ n }, "i32"), T.zeros({ n }, "i32"), T.zeros { n }:fill(1)
    locals:set(2, 1)
    locals:set(n, 7)
    cameras:set(n, 1)
    scores:set(1, 9)
    return (R.apply(R.load "pivot", { global = T.zeros({ n }, "i32"), cameras = cameras, locals = locals,
      scores = scores, epoch = 0, epochs = 1, seed = 1, options = { pivot = "camera-max" } }))
  end
  check.equal(of(5):get(2), -1)
  check.equal(of(4):get(2), 0)
end)

check.test("last-camera: of the cameras with enough members the last one's pivot speaks for the cluster", function()
  local out = R.apply(R.load "pivot", context { pivot = "last-camera", camera_members = 2 })
  -- cluster 0: camera 1 pivot row 3 (row 4 goes; row 2 of camera 0 stays); cluster 1: camera 1 pivot row 6 (row 5 goes)
  check.all_near(out, { 0, 0, 0, 0, -1, -1, 1, 1, -1 }, 0)
  out = R.apply(R.load "pivot", context { pivot = "last-camera", camera_members = 3 })
  -- camera 0 alone has three members in cluster 0; no camera has three in cluster 1
  check.all_near(out, { 0, 0, -1, 0, 0, 1, 1, 1, -1 }, 0)
  out = R.apply(R.load "pivot", context { pivot = "last-camera", camera_members = 4 })
  check.all_near(out, { 0, 0, 0, 0, 0, 1, 1, 1, -1 }, 0)
end)

check.test("none, and clusters of one become outliers", function()
  check.all_near(R.apply(R.load "none", context {}), { 0, 0, 0, 0, 0, 1, 1, 1, -1 }, 0)
  local out = R.apply(function() return i32 { 3, 3, 8, -1, 5, 5, 5, 9, 9 } end, context {})
  check.all_near(out, { 0, 0, -1, -1, 1, 1, 1, 2, 2 }, 0)
end)

check.test("why each image was discarded", function()
  local c = context {}
  local function mask(t) return T(t, "bool") end
  local rule = function(context_)
    local out = i32 { -1, -1, 0, -1, 0, 1, -1, -1, -1 } -- image 6 is left alone in cluster 1
    return out, { b = mask { 1, 1, 0, 0, 0, 0, 0, 0, 1 }, a = mask { 0, 1, 1, 0, 0, 0, 0, 1, 0 },
      ["no use"] = mask { 0, 0, 0, 0, 0, 0, 0, 0, 0 } }, context_
  end
  local out, counts, why = R.apply(rule, c)
  check.all_near(out, { -1, -1, 0, -1, 0, -1, -1, -1, -1 }, 0)
  check.equal(counts.a, 2, "image 3 was not discarded")
  check.equal(counts.b, 1, "image 2 counts for its first reason, image 9 was in no cluster")
  check.equal(counts["no use"], 0)
  check.equal(counts["alone in its cluster"], 1)
  check.equal(counts["no reason given"], 2)
  check.equal(table.concat(why.texts, "; "), "a; b; no use; alone in its cluster; no reason given")
  check.all_near(why.of, { 1, 0, -1, 4, -1, 3, 4, 0, -1 }, 0)
  -- a reason of a rule may have one of those texts itself
  local _, own = R.apply(function()
    return i32 { -1, -1, 0, 0, 0, -1, 1, 1, -1 }, { ["no reason given"] = mask { 1, 0, 0, 0, 0, 0, 0, 0, 0 } }
  end, c)
  check.equal(own["no reason given"], 3)
  local _, none, nothing = R.apply(R.load "none", c)
  check.equal(next(none), nil)
  check.equal(#nothing.texts, 0)
end)

check.test("a rule that returns wrong things is told what is wanted", function()
  local c = context {}
  check.fails("must return labels i32[9], not nil", R.apply, function() end, c)
  check.fails("must return labels i32[9], not a table", R.apply, function() return {} end, c)
  check.fails("must return labels i32[9], not i32[1]", R.apply, function() return i32 { 0 } end, c)
  check.fails("must return labels i32[9], not f32[9]", R.apply, function() return c.scores end, c)
  check.fails("label -7 of image 1", R.apply, function() return i32 { -7, 0, 0, 0, 0, 0, 0, 0, 0 } end, c)
  check.fails("must be a table of text -> mask bool[9], not a string", R.apply, function(x) return x.global, "x" end, c)
  check.fails("reason \"x\" is i32[9]", R.apply, function(x) return x.global, { x = x.global } end, c)
  check.fails("reason \"1\" is u8[9]", R.apply, function(x) return x.global, { T.zeros({ 9 }, "u8") } end, c)
end)

-- Two persons under two cameras in the plane, as directions in degrees; camera 1 turns everything by 40 degrees.
local function plane(degrees, fields)
  local rows = {}
  for i, angle in ipairs(degrees) do rows[i] = { math.cos(math.rad(angle)), math.sin(math.rad(angle)) } end
  local c = context {}
  c.features = T(rows)
  for name, value in pairs(fields) do c[name] = value end
  return c
end

check.test("purity: enough neighbours of the own cluster", function()
  local c = context {}
  c.global = i32 { 0, 0, 0, 0, 0, 1, 1, 1, -1 }
  c.neighbours = { indices = i32 { { 0, 1, 2 }, { 1, 0, 5 }, { 2, 5, 6 }, { 3, 8, 4 }, { 4, 8, 8 }, { 5, 6, 7 },
    { 6, 0, 7 }, { 7, 0, 1 }, { 8, 0, 1 } } }
  local out, counts = R.apply(R.load "purity", c)
  check.all_near(out, { 0, 0, -1, 0, -1, 1, 1, -1, -1 }, 0)
  check.equal(counts["too few neighbours of its cluster"], 3)
  c.options = { min_purity = 0.6 }
  local strict, why = R.apply(R.load "purity", c) -- images 1 and 6 would stay, alone
  check.all_near(strict, { -1, -1, -1, -1, -1, -1, -1, -1, -1 }, 0)
  check.equal(why["alone in its cluster"], 2)
end)

check.test("purity finds neighbours where the context has none", function()
  local c = plane({ 0, 1, 2, 90, 91, 92, 93, 45, 180 }, { global = i32 { 0, 0, 0, 1, 1, 1, 1, 0, -1 } })
  check.equal(R.apply(R.load "purity", c):numel(), 9)
end)

check.test("camera_proxy: the nearest proxy of the own camera is that of the own cluster", function()
  -- image 3 (camera 0, 80 degrees) lies with cluster 1 (90) but is in cluster 0 (0, 2); camera 1 sees cluster 0 at 40
  -- and cluster 1 at 130: image 6 (44, camera 1) is right although cluster 1 has an image of camera 0 at 44.1
  local c = plane({ 0, 2, 80, 90, 91, 44, 41, 130, 44.1 }, {
    global = i32 { 0, 0, 0, 1, 1, 0, 0, 1, -1 }, cameras = i32 { 0, 0, 0, 0, 0, 1, 1, 1, 0 } })
  local out, counts = R.apply(R.load "camera_proxy", c)
  check.all_near(out, { 0, 0, -1, 1, 1, 0, 0, 1, -1 }, 0)
  check.equal(counts["nearer to another cluster under its camera"], 1)
  c.global = i32 { -1, -1, -1, -1, -1, -1, -1, -1, -1 }
  check.all_near(R.apply(R.load "camera_proxy", c), c.global, 0)
end)

check.test("self_paced: the weakest wait, fewer by the epoch", function()
  local c = context { keep_first = 0.5 }
  c.global = i32 { 0, 0, 0, 0, 1, 1, 1, 1, -1 }
  c.scores = T { 1, 2, 3, 4, 5, 6, 7, 8, 0 }
  c.epochs = 3
  local out, counts = R.apply(R.load "self_paced", c)
  check.all_near(out, { -1, -1, -1, -1, 0, 0, 0, 0, -1 }, 0)
  check.equal(counts["its score is too low for this epoch"], 4)
  c.epoch = 1 -- 3 of 4 stay
  check.all_near(R.apply(R.load "self_paced", c), { -1, -1, 0, 0, 1, 1, 1, 1, -1 }, 0)
  c.epoch = 2
  check.all_near(R.apply(R.load "self_paced", c), { 0, 0, 0, 0, 1, 1, 1, 1, -1 }, 0)
  c.global = i32 { -1, -1, -1, -1, -1, -1, -1, -1, -1 }
  check.all_near(R.apply(R.load "self_paced", c), c.global, 0)
end)

check.test("local_split: minorities leave, and large ones become clusters", function()
  local c = context { split_members = 2 }
  -- cluster 0: camera 0 has local 0 (3 images), local 1 (2: splits off) and local 2 (1: out); camera 1 has local 5 only
  c.global  = i32 { 0, 0, 0, 0, 0, 0, 0, 1, 1 }
  c.cameras = i32 { 0, 0, 0, 0, 0, 0, 1, 0, 0 }
  c.locals  = i32 { 0, 0, 0, 1, 1, 2, 5, 1, 1 }
  local out, counts = R.apply(R.load "local_split", c)
  check.all_near(out, { 0, 0, 0, 1, 1, -1, 0, 2, 2 }, 0)
  check.equal(counts["of a local cluster in the minority, too small to split off"], 1)
  c.options = {}
  check.all_near(R.apply(R.load "local_split", c), { 0, 0, 0, -1, -1, -1, 0, 1, 1 }, 0)
end)

check.test("merge: clusters whose pivots are each other's nearest", function()
  local c = plane({ 0, 50, 20, 60, 100, 110, 170, 181, 0 }, { global = i32 { 0, 0, 1, 1, 2, 2, 3, 3, -1 } })
  c.scores = T { 2, 1, 2, 1, 2, 1, 2, 1, 9 } -- pivots at 0, 20, 100, 170 degrees
  check.all_near(R.apply(R.load "merge", c), { 0, 0, 0, 0, 1, 1, 2, 2, -1 }, 0) -- 100 and 170: nearest, but far apart
  c.options = { merge_similarity = 0.1 }
  check.all_near(R.apply(R.load "merge", c), { 0, 0, 0, 0, 1, 1, 1, 1, -1 }, 0)
  c.options = { merge_similarity = 0.99 }
  check.all_near(R.apply(R.load "merge", c), { 0, 0, 1, 1, 2, 2, 3, 3, -1 }, 0)
  c.global = i32 { 0, 0, 0, -1, -1, -1, -1, -1, -1 }
  check.all_near(R.apply(R.load "merge", c), c.global, 0)
end)

check.test("all rules that come with calr are named and load", function()
  local names, summaries = R.names()
  for _, name in ipairs(names) do
    check.equal(type(R.load(name).apply), "function")
    check.ok(#summaries[name] > 5)
  end
  check.equal(#names, 7)
end)

check.test("paces", function()
  check.equal(R.pace("always")(7, 10), 1)
  check.near(R.pace("cosine")(0, 10), 1, 1e-12)
  check.near(R.pace("cosine")(10, 10), 0.75, 1e-12)
  check.fails("there is no pace", R.pace, "slow")
  check.fails("such as ./slow.lua", R.pace, "slow")
  local path = os.getenv "CALR_TEST_TMP" .. "/pace.lua"
  sys.write_file(path, "return function(epoch, epochs) return epoch / epochs end")
  check.equal(R.pace(path)(5, 10), 0.5)
  sys.write_file(path, "return 0.5")
  check.fails("must return a function(epoch, epochs), or { options", R.pace, path)
  sys.write_file(path, [[return { options = { power = require("calr.config").option(2, "of the epoch", { 1 }) },
    apply = function(epoch, epochs, options) return (epoch / epochs) ^ options.power end }]])
  check.equal(R.pace(path)(5, 10), 0.25)
  check.equal(R.pace(path, { power = 1 })(5, 10), 0.5)
  check.fails("option \"power\" must be 1 or more; 0 is not", R.pace(path, { power = 0 }), 5, 10)
  check.fails("cannot load the pace", R.pace, "./absent.lua")
end)

check.test("a pace is a probability, drawn for each image and epoch", function()
  local n = 4000
  local half = {
    global = T.zeros({ n }, "i32"), cameras = T.zeros({ n }, "i32"), locals = T.arange(n, "i32"),
    scores = T.zeros { n }, epoch = 0, epochs = 10, seed = 1,
    pace = R.pace(function(epoch, epochs) return epochs == 10 and 0.5 + epoch end),
    options = {},
  }
  local out = R.apply(R.load "pivot", half)
  check.equal(out:get(1), 0, "the pivot itself")
  local _, counts = R.apply(R.load "pivot", half)
  local discarded = select(2, next(counts))
  check.ok(discarded > 0.45 * n and discarded < 0.55 * n)
  check.ok(out:equal((R.apply(R.load "pivot", half))), "the same again")
  half.seed = 2
  check.ok(not out:equal((R.apply(R.load "pivot", half))))
end)

local function write(name, text)
  local path = os.getenv "CALR_TEST_TMP" .. "/" .. name
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

check.test("a rule of one's own is a path", function()
  local rule = R.load(write("mine.lua", [[
    return function(c)
      local weak = c.scores:lt(3)
      return require("calr.tensor").where(weak, -1, c.global), { weak = weak }
    end
  ]]))
  local out, counts = R.apply(rule, context {})
  check.all_near(out, { -1, 0, -1, 0, 0, 1, 1, -1, -1 }, 0)
  check.equal(counts.weak, 3)
end)

check.test("a rule written for calr 0.1 does what it did, with masks u8 too", function()
  local out, counts = R.apply(R.load(write("former.lua", [[
    local L, T = require "calr.labels", require "calr.tensor"
    return function(c)
      local weak = L.both(L.invert(L.at_least(c.scores, 3)), L.differ(c.global, 1))
      return L.where(weak, -1, c.global), { weak = weak, last = T({ 1, 0, 0, 0, 0, 0, 0, 0, 0 }, "u8") }
    end
  ]])), context {})
  check.all_near(out, { -1, 0, -1, 0, 0, 1, 1, 1, -1 }, 0)
  check.equal(counts.last, 1)
  check.equal(counts.weak, 1)
end)

local declaring = [[
  local option = require("calr.config").option
  return {
    options = { least = option(3.0, "score that is enough", { 0, 9 }), way = { strict = false } },
    apply = function(c)
      if c.options.way.strict then return c.global end
      local weak = c.scores:lt(c.options.least)
      local labels = require("calr.tensor").where(weak, -1, c.global)
      return { labels = labels, reasons = { weak = weak }, weights = c.scores }
    end,
  }
]]

check.test("a rule declares options, and may give weights", function()
  local path = write("declares.lua", declaring)
  local out, counts, _, weights = R.apply(R.load(path), context {})
  check.all_near(out, { -1, 0, -1, 0, 0, 1, 1, -1, -1 }, 0)
  check.equal(counts.weak, 3)
  check.ok(weights:equal(context {}.scores))
  check.all_near(R.apply(R.load(path), context { least = 0 }), context {}.global, 0)
  check.all_near(R.apply(R.load(path), context { way = { strict = true } }), context {}.global, 0)
  check.fails("option \"least\" must be 0 to 9; 10.0 is not", R.apply, R.load(path), context { least = 10 })
  check.fails("option \"way.strict\" must be true or false", R.apply, R.load(path), context { way = { strict = 3 } })
  local options = R.declared(path)
  check.equal(options.least.default, 3.0)
  check.equal(options.least.text, path .. ": score that is enough")
  check.equal(R.declared "pivot", nil)
  check.equal(R.options().merge_similarity.high, 1)
end)

check.test("soft targets get the numbers of the tidied clusters", function()
  local labels = i32 { 4, 4, 1, 1, 1, -1, -1, 2, -1 } -- cluster 2 has one image and goes
  local soft = T.zeros { 9, 5 }
  for row = 1, 9 do
    for column = 1, 5 do soft:set(row, column, 10 * row + column) end
  end
  local out, _, _, weights = R.apply(function() return { labels = labels, weights = soft } end, context {})
  check.all_near(out, { 0, 0, 1, 1, 1, -1, -1, -1, -1 }, 0)
  check.equal(tostring(weights), "f32[9 x 2]")
  check.equal(weights:get(3, 1), 35) -- column 4 from 0 is cluster 0 now
  check.equal(weights:get(3, 2), 32)
  check.fails("have 2 columns; its labels are of 5 clusters", R.apply, function()
    return { labels = labels, weights = T.zeros { 9, 2 } }
  end, context {})
  check.fails("must be f32[9] or f32[9 x clusters], not f32[8]", R.apply, function()
    return { labels = labels, weights = T.zeros { 8 } }
  end, context {})
  check.fails("\"weight\" is none of them", R.apply, function()
    return { labels = labels, weight = soft }
  end, context {})
end)

check.test("a cluster of one image is an outlier, or stays as the authors have it", function()
  local rule = function() return i32 { 3, 3, 8, -1, 5, 5, 5, 9, 9 } end
  check.all_near(R.apply(rule, context { lone_clusters = "negative" }), { 0, 0, 1, -1, 2, 2, 2, 3, 3 }, 0)
  check.all_near(R.apply(rule, context { lone_clusters = "outlier" }), { 0, 0, -1, -1, 1, 1, 1, 2, 2 }, 0)
end)

check.test("mistakes in a rule name its line", function()
  check.fails("broken.lua:2:", R.load, write("broken.lua", "return function(c)\n  retrun c.global\nend\n"))
  check.fails("wrong.lua:2:", R.apply, R.load(write("wrong.lua", "return function(c)\n  return c.globl + 1\nend\n")),
    context {})
  check.fails("must return a function(context), or { options = {...}, apply = function(context) ... end }, and returns "
    .. "a table without apply", R.load, write("table.lua", "return {}"))
  check.fails("and returns nothing", R.load, write("empty.lua", ""))
  local script = write("script.lua", "")
  write("script.lua", ("return require(\"calr.refine\").load(%q)"):format(script))
  for _ = 1, 2 do check.fails("is a script of its own, not a refinement rule", R.load, script) end
  check.fails("with \"option\", which no refinement rule has", R.load,
    write("option.lua", "return { option = {}, apply = print }"))
  check.fails("must return labels i32[9], not i32[2]", R.apply, function() return i32 { 1, 2 } end, context {})
  check.fails("there is no refinement rule \"pivvot\"", R.load, "pivvot")
  check.fails("cannot load the refinement rule", R.load, "./no-such-rule.lua")
end)

check.finish()
