local check = require "check"
local rng = require "calr.rng"
local space = require "calr.lab.study.space"

local S = space

check.test("parameters: parents first, else by name; children are named after their choice", function()
  local sp = S.make { lr = S.float(1e-5, 1e-3, "log"), ["infomap.k"] = S.int(10, 42, 5),
    refine = S.choice { "none", { "knn", alpha = S.float(.1, .9), ["infomap.trials"] = S.int(1, 3),
      mode = S.choice { "a", { "b", depth = S.int(1, 2) } } } } }
  local names = {}
  for i, p in ipairs(sp.parameters) do names[i] = p.name end
  check.equal(table.concat(names, " "),
    "infomap.k lr refine refine.alpha infomap.trials refine.mode refine.mode.depth")
  check.equal(sp.by_name["infomap.k"].high, 40, "the upper border is one that the steps reach")
  check.equal(sp.by_name["refine.alpha"].parent.value, "knn")
end)

check.test("points of the unit cube: borders, conditions, equal shares", function()
  local sp = S.make { a = S.float(-1, 1), b = S.int(1, 3), c = S.float(0, 1, .25), d = S.int(1, 1000, "log"),
    e = S.choice { true, { "x", f = S.float(0, 1) } } }
  local low, high = sp:from_unit { 0, 0, 0, 0, 0, 0 }, sp:from_unit { 1 - 2 ^ -53, 1 - 2 ^ -53, 1 - 2 ^ -53,
    1 - 2 ^ -53, 1 - 2 ^ -53, 0.5 }
  check.equal(low.a, -1.0)
  check.equal(low.b, 1)
  check.equal(low.c, 0.0)
  check.equal(low.d, 1)
  check.equal(low.e, true)
  check.equal(low["e.f"], nil, "inactive")
  check.near(high.a, 1, 1e-12)
  check.equal(high.b, 3)
  check.equal(high.c, 1.0)
  check.equal(high.d, 1000)
  check.equal(high["e.f"], 0.5)
  local counts = {}
  for i = 0, 299 do
    local b = sp:from_unit({ 0, i / 300, 0, 0, 0, 0 }).b
    counts[b] = (counts[b] or 0) + 1
  end
  check.equal(counts[1], 100)
  check.equal(counts[3], 100)
end)

check.test("to_unit and from_unit agree", function()
  local sp = S.make { a = S.float(1e-5, 1e-1, "log"), b = S.int(1, 64, "log"), c = S.float(0, 2, .1),
    d = S.int(-5, 50, 5), e = S.choice { "p", 2, { false, g = S.float(3, 3), h = S.int(7, 7) } } }
  local stream = rng.open { seed = 1, purpose = "test", epoch = 0, index = 0 }
  for _ = 1, 500 do
    local u = {}
    for i = 1, #sp.parameters do u[i] = stream:uniform() end
    local point = sp:from_unit(u)
    local back = sp:from_unit(sp:to_unit(point))
    for name, value in pairs(point) do
      if math.type(value) == "float" then
        check.near(back[name], value, 1e-9 * math.abs(value) + 1e-12, name)
      else
        check.equal(back[name], value, name)
      end
    end
    for name, p in pairs(sp.by_name) do check.equal(point[name] ~= nil, sp:active(point, p), name) end
  end
end)

check.test("clip goes to the nearest value there is", function()
  local sp = S.make { a = S.float(0, 1, .3), b = S.int(10, 40, 5), c = S.float(0, 1) }
  check.near(sp:clip(sp.by_name.a, 5), .9, 1e-12)
  check.near(sp:clip(sp.by_name.a, .5), .6, 1e-12)
  check.equal(sp:clip(sp.by_name.b, 17.6), 20)
  check.equal(sp:clip(sp.by_name.b, 17.4), 15)
  check.equal(math.type(sp:clip(sp.by_name.b, 17.4)), "integer")
  check.equal(sp:clip(sp.by_name.c, -2), 0.0)
end)

check.test("grids: count, points, constraint", function()
  local function build(where)
    return S.make({ k = S.int(10, 20, 5), r = S.choice { "none", { "knn", alpha = S.float(.1, .2, .1) } } }, where)
  end
  check.equal(build():count(), 9)
  check.equal(#build():points(), 9)
  local few = build(function(p) return p.r == "none" or p["r.alpha"] > .15 end):points()
  check.equal(#few, 6)
  check.equal(few[1].k, 10)
  check.equal(few[1].r, "none")
  check.equal(S.make { x = S.float(0, 1) }:count(), math.huge)
  check.fails("continuous", S.make({ x = S.float(0, 1) }).points, S.make { x = S.float(0, 1) })
  check.fails("too large", function() S.make { a = S.int(1, 10 ^ 6), b = S.int(1, 10 ^ 6) }:points() end)
end)

check.test("what is no space is refused", function()
  check.fails("no points", S.float, 2, 1)
  check.fails("above 0", S.float, 0, 1, "log")
  check.fails("third argument", S.float, 0, 1, "logg")
  check.fails("finite", S.float, 0 / 0, 1)
  check.fails("S.float takes two bounds: S.float(0, 1)", S.float, {})
  check.fails("S.int takes two bounds: S.int(1, 8)", S.int)
  check.fails("whole", S.int, 1.5, 3)
  check.fails("whole", S.int, 1, 3, .5)
  check.fails("no points", S.choice, {})
  check.fails("twice", S.choice, { "a", "a" })
  check.fails("alternative 1", S.choice, { print })
  check.fails("has 2 values", S.zip, { a = { 1 }, b = { 1, 2 } })
  check.fails("no points", S.zip, { a = {} })
  check.fails("no parameters", S.make, {})
  check.fails("must be S.float", S.make, { a = 3 })
  check.fails("twice", S.make, { ["r.a"] = S.int(1, 2), r = S.choice { { "x", a = S.int(1, 2) } } })
end)

check.finish()
