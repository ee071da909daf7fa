-- datasets/street.lua: what it promises about bytes, counts, names and difficulty; and calr.paint from Lua.
local check = require "check"
local paint = require "calr.paint"
local image = require "calr.image"
local sys = require "calr.sys"

local street = dofile(sys.paths.datasets .. "/street.lua")

local small = { ids = 6, test_ids = 5, images = 2, distractors = 4, junk = 3, height = 64, width = 32 }

local function with(options, more)
  local both = {}
  for key, value in pairs(options) do both[key] = value end
  for key, value in pairs(more or {}) do both[key] = value end
  return both
end

local function make(options)
  local list = {}
  street.generate(options, function(item) list[#list + 1] = item end)
  return list
end

local function fingerprint(list)
  local parts = {}
  for i, item in ipairs(list) do parts[i] = item.path .. sys.hash(item.jpeg) end
  return sys.hash(table.concat(parts))
end

check.test("the same seed gives the same bytes, another seed others", function()
  local first = fingerprint(make(small))
  check.equal(fingerprint(make(small)), first)
  check.ok(fingerprint(make(with(small, { seed = 2 }))) ~= first)
  check.ok(fingerprint(make(with(small, { gap = 0.5 }))) ~= first)
end)

check.test("the number of threads does not matter", function()
  local before = sys.threads()
  sys.threads(1)
  local one = fingerprint(make(small))
  sys.threads(3)
  local three = fingerprint(make(small))
  sys.threads(before)
  check.equal(one, three)
end)

check.test("names, splits and counts are those of Market-1501's layout", function()
  local folders = { train = "bounding_box_train", query = "query", gallery = "bounding_box_test" }
  local list = make(small)
  local counts, paths, ids = { train = 0, query = 0, gallery = 0 }, {}, { train = {}, query = {}, gallery = {} }
  local visits, galleries, special = {}, {}, { [0] = 0, [-1] = 0 }
  for _, item in ipairs(list) do
    local folder, id, camera = item.path:match "^([%w_]+)/(%-?%d+)_c(%d+)s%d+_%d%d%d%d%d%d_%d%d%.jpg$"
    check.equal(folder, folders[item.split])
    check.equal(tonumber(id), item.identity)
    check.equal(tonumber(camera), item.camera)
    check.ok(not paths[item.path], "a path twice")
    paths[item.path] = true
    counts[item.split] = counts[item.split] + 1
    ids[item.split][item.identity] = true
    local visit = item.identity .. "/" .. item.camera
    if item.split == "query" then
      check.ok(not visits[visit], "two queries of an identity in a camera")
      visits[visit] = true
    elseif item.split == "gallery" then
      galleries[visit] = true
      if special[item.identity] then special[item.identity] = special[item.identity] + 1 end
    end
    local probe = image.probe(item.jpeg)
    check.equal(probe.width, 32)
    check.equal(probe.height, 64)
  end
  for split, count in pairs(street.count(small)) do check.equal(counts[split], count, split) end
  for visit in pairs(visits) do check.ok(galleries[visit], "nothing in the gallery for a query") end
  check.equal(special[0], small.distractors)
  check.equal(special[-1], small.junk)
  for id in pairs(ids.train) do check.ok(not ids.query[id] and not ids.gallery[id], "an identity in two splits") end
end)

check.test("odd sizes of the data set", function()
  check.fails("option \"ids\" must be a whole number from 1 to 9000, not 0", make, { ids = 0, test_ids = 0 })
  check.equal(#make { ids = 1, test_ids = 0, cameras = 1, images = 1, distractors = 0, junk = 0 }, 1)
  local counts = street.count { ids = 20, test_ids = 0, presence = 0, distractors = 0, junk = 0, images = 1 }
  check.equal(counts.train, 40) -- two cameras at least
  local nine = { ids = 2, test_ids = 0, cameras = 9, images = 1, presence = 1, distractors = 0, junk = 0, gap = 3 }
  check.equal(#make(nine), 18)
  local tiny = make { ids = 1, test_ids = 0, cameras = 1, images = 1, distractors = 0, junk = 0, height = 8, width = 8 }
  check.equal(image.probe(tiny[1].jpeg).width, 8)
end)

check.test("wrong options", function()
  check.fails("no option \"id\" (did you mean \"ids\"?)", street.count, { id = 3 })
  check.fails("option \"ids\" must be a whole number from 1 to 9000, not 1.5", street.count, { ids = 1.5 })
  check.fails("option \"ids\" must be", street.count, { ids = "3" })
  check.fails("option \"gap\" must be a number from 0.0 to 3.0, not -1", street.count, { gap = -1 })
  check.fails("option \"gap\" must be", street.count, { gap = 0 / 0 })
  check.fails("option \"cameras\" must be", street.count, { cameras = 0 })
end)

-- Means of colour over 8 x 4 fields of an image: the plainest feature there is.
local function features(options)
  local list = make(options)
  for _, item in ipairs(list) do
    local feature = {}
    for _, row in ipairs(image.resize(image.decode(item.jpeg), { height = 8, width = 4 }):totable()) do
      for _, pixel in ipairs(row) do
        for _, value in ipairs(pixel) do feature[#feature + 1] = value end
      end
    end
    item.feature = feature
  end
  return list
end

local function distance(a, b)
  local sum = 0
  for i = 1, #a do sum = sum + (a[i] - b[i]) ^ 2 end
  return sum
end

-- The share of the images whose nearest neighbour (of all others, of those of the same camera, of those of other
-- cameras) is right: of the same camera, of the same identity, of the same identity.
local function neighbours(list)
  local camera, within, across, mates = 0, 0, 0, 0
  for i, a in ipairs(list) do
    local near, nearest = { math.huge, math.huge }, {}
    local mate = false
    for j, b in ipairs(list) do
      if i ~= j then
        local kind, d = a.camera == b.camera and 1 or 2, distance(a.feature, b.feature)
        if d < near[kind] then near[kind], nearest[kind] = d, b end
        mate = mate or kind == 1 and a.identity == b.identity
      end
    end
    if near[1] < near[2] then camera = camera + 1 end
    if mate then mates = mates + 1 end
    if mate and nearest[1].identity == a.identity then within = within + 1 end
    if nearest[2].identity == a.identity then across = across + 1 end
  end
  return camera / #list, within / mates, across / #list
end

check.test("inside a camera persons are told apart, between cameras the camera is", function()
  local options = { ids = 40, test_ids = 0, images = 3, distractors = 0, junk = 0 }
  local camera, within, across = neighbours(features(options))
  print(("gap 1: nearest of the same camera %.2f, right within %.2f, right across %.2f"):format(camera, within, across))
  check.ok(camera > 0.9)
  check.ok(within > 0.8)
  check.ok(across < 0.4)
  camera, within, across = neighbours(features(with(options, { gap = 0 })))
  print(("gap 0: nearest of the same camera %.2f, right within %.2f, right across %.2f"):format(camera, within, across))
  check.ok(camera < 0.8)
  check.ok(within > 0.8)
  check.ok(across > 0.7)
end)

check.test("scenes from Lua", function()
  local s = paint.scene(4, 4)
  check.ok(s:color { 1, 0, 0 }:rectangle(0, 0, 2, 4):limb(0, 0, 0, 1, 1, 0):polygon() == s)
  check.equal(#s, 4)
  local t = paint.render({ s, s }, { height = 4, width = 4 })
  check.equal(tostring(t), "u8[2 x 4 x 4 x 3]")
  check.equal(t:get(2, 4, 2, 1), 255)
  check.equal(t:get(2, 4, 3, 1), 0)
  check.equal(tostring(paint.render({}, { height = 4, width = 4 })), "u8[0 x 4 x 4 x 3]")
  local files = paint.encode(t, { quality = { 50, 90 } })
  check.equal(#files, 2)
  check.equal(image.probe(files[2]).width, 4)
  check.equal(#paint.encode(t), 2)
end)

check.test("wrong use of scenes", function()
  local s = paint.scene(4, 4)
  check.fails("above 0", paint.scene, 0, 4)
  check.fails("three numbers", s.color, s, { 1, 0 })
  check.fails("outside 0 to 1", s.color, s, { 1, 0, 2 })
  check.fails("no pattern is called \"tartan\"", s.pattern, s, "tartan", { 1, 0, 0 }, 0, 0, 1)
  check.fails("pairs", s.polygon, s, 1, 2, 3)
  check.fails("number expected", s.limb, s, 1, 2)
  check.fails("required", paint.render, { s }, { height = 4 })
  check.fails("unknown option \"hight\"", paint.render, { s }, { hight = 4, width = 4 })
  check.fails("item 2 is not an open scene", paint.render, { s, 7 }, { height = 4, width = 4 })
  s:close()
  check.fails("was closed", s.color, s, { 1, 0, 0 })
  check.fails("item 1 is not an open scene", paint.render, { s }, { height = 4, width = 4 })
  local t = paint.render({ paint.scene(1, 1) }, { height = 4, width = 4 })
  check.fails("2 numbers for 1 images", paint.encode, t, { quality = { 1, 2 } })
  check.fails("from 1 to 100", paint.encode, t, { quality = 0 })
  check.fails("u8[n x height x width x 3]", paint.encode, t:select(1, 1))
end)

check.finish()
