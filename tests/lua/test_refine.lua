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
  check.fails("there is no pivot", R.apply, R.load "pivot", context { pivot = "min" })
end)

check.test("none, and clusters of one become outliers", function()
  check.all_near(R.apply(R.load "none", context {}), { 0, 0, 0, 0, 0, 1, 1, 1, -1 }, 0)
  local out = R.apply(function() return i32 { 3, 3, 8, -1, 5, 5, 5, 9, 9 } end, context {})
  check.all_near(out, { 0, 0, -1, -1, 1, 1, 1, 2, 2 }, 0)
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
  check.fails("must return a function(epoch, epochs), and returns a number", R.pace, path)
  check.fails("cannot load the pace", R.pace, "./absent.lua")
end)

check.test("a pace is a probability, drawn for each image and epoch", function()
  local n = 4000
  local half = {
    global = T.zeros({ n }, "i32"), cameras = T.zeros({ n }, "i32"), locals = T.range(n, "i32"), scores = T.zeros { n },
    epoch = 0, epochs = 10, seed = 1, pace = R.pace(function(epoch, epochs) return epochs == 10 and 0.5 + epoch end),
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
    local L = require "calr.labels"
    return function(c)
      local weak = L.invert(L.at_least(c.scores, 3))
      return L.where(weak, -1, c.global), { weak = weak }
    end
  ]]))
  local out, counts = R.apply(rule, context {})
  check.all_near(out, { -1, 0, -1, 0, 0, 1, 1, -1, -1 }, 0)
  check.equal(counts.weak, 3)
end)

check.test("mistakes in a rule name its line", function()
  check.fails("broken.lua:2:", R.load, write("broken.lua", "return function(c)\n  retrun c.global\nend\n"))
  check.fails("wrong.lua:2:", R.apply, R.load(write("wrong.lua", "return function(c)\n  return c.globl + 1\nend\n")),
    context {})
  check.fails("must return a function", R.load, write("table.lua", "return {}"))
  check.fails("must return labels i32[9], not i32[2]", R.apply, function() return i32 { 1, 2 } end, context {})
  check.fails("there is no refinement rule \"pivvot\"", R.load, "pivvot")
  check.fails("cannot load the refinement rule", R.load, "./no-such-rule.lua")
end)

check.finish()
