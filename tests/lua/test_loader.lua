-- calr.loader: batches of a store, whatever the workers; augmentation; bad records; closing.
local check = require "check"
local image = require "calr.image"
local loader = require "calr.loader"
local store = require "calr.store"
local T = require "calr.tensor"

local tmp = os.getenv("CALR_TEST_TMP")
local count = 23

-- Picture i is flat but for a bright left part, so that flips and cuts can be seen.
local function jpeg(i)
  local t = T.full({ 20, 10, 3 }, 100, "u8")
  for y = 1, 20 do
    for x = 1, 3 do t:set(y, x, 1, 5 * i) end
  end
  return image.encode(t, { quality = 95, chroma = "444" })
end

local function make(path, bad)
  local writer <close> = store.writer { path = path, name = "test", check = false }
  for i = 1, count do
    local bytes = jpeg(i)
    writer:add { path = ("train/%04d.jpg"):format(i), identity = i, camera = i % 2, split = "train",
      bytes = i == bad and bytes:sub(1, #bytes // 2) or bytes }
  end
  writer:commit()
  return store.open(path)
end

local data = make(tmp .. "/good.lmdb")

local function collect(options)
  local all = {}
  options.height, options.width, options.batch = 16, 8, options.batch or 5
  for images, index in loader.open(data, options) do
    check.equal(images:size(1), index:size(1))
    all[#all + 1] = { images, index }
  end
  return all
end

check.test("all images in order, the last batch smaller", function()
  local all = collect { workers = 2 }
  check.equal(#all, 5)
  check.equal(tostring(all[1][1]), "f32[5 x 16 x 8 x 3]")
  check.equal(tostring(all[5][1]), "f32[3 x 16 x 8 x 3]")
  local seen = 0
  for _, pair in ipairs(all) do
    for _, i in ipairs(pair[2]:totable()) do
      check.equal(i, seen)
      seen = seen + 1
    end
  end
  check.equal(seen, count)
end)

check.test("the pixels are decode, resize, normalise", function()
  local images = collect({})[2][1]
  local want = image.resize(image.decode(data:jpeg(8)), { height = 16, width = 8 }):to "f32"
  local mean, std = { .485, .456, .406 }, { .229, .224, .225 }
  for _, at in ipairs { { 1, 1 }, { 16, 8 }, { 7, 3 } } do
    for c = 1, 3 do
      local value = (want:get(at[1], at[2], c) / 255 - mean[c]) / std[c]
      check.near(images:get(3, at[1], at[2], c), value, 1e-5)
    end
  end
  local plain = collect { mean = { 0, 0, 0 }, std = { 1, 1, 1 } }[2][1]
  check.near(plain:get(3, 5, 6, 2) * 255, want:get(5, 6, 2), 1e-4)
end)

check.test("records and order choose and repeat", function()
  local records = T({ 4, 9, 14 }, "i64")
  local all = collect { records = records, order = T({ 2, 0, 0, 1, 2 }, "i64"), batch = 2 }
  check.all_near(all[1][2], { 2, 0 }, 0)
  check.all_near(all[2][2], { 0, 1 }, 0)
  check.all_near(all[3][2], { 2 }, 0)
  local whole = collect { batch = count }[1][1]
  check.all_near(all[1][1]:select(1, 1), whole:select(1, 15), 0)
  check.all_near(all[2][1]:select(1, 1), whole:select(1, 5), 0)
  check.equal(#collect { order = T({}, "i64") }, 0)
  check.fails("item 2 of the order is 3", collect, { records = records, order = T({ 0, 3 }, "i64") })
  check.fails("record 23", collect, { records = T({ 23 }, "i64") })
  check.fails("i64[m]", collect, { order = T { 1, 2 } })
end)

check.test("the number of workers changes nothing", function()
  local augment = { flip = .5, pad = 3, erase = .5 }
  local cache <close> = loader.cache(data, { height = 16, width = 8 })
  local first = collect { workers = 0, augment = augment, seed = 3, epoch = 2 }
  for _, options in ipairs { { workers = 1 }, { workers = 4, ahead = 1 }, { workers = 4, cache = cache },
    { workers = 0, cache = cache } } do
    options.augment, options.seed, options.epoch = augment, 3, 2
    local again = collect(options)
    for i = 1, #first do check.all_near(again[i][1], first[i][1], 0) end
  end
  check.equal(cache:images(), count)
  check.equal(cache:bytes(), count * 16 * 8 * 3)
  local other = collect { workers = 2, augment = augment, seed = 3, epoch = 3 }
  local same = true
  for i = 1, #first do same = same and pcall(check.all_near, other[i][1], first[i][1], 0) end
  check.ok(not same, "another epoch is augmented otherwise")
end)

check.test("two views: of the same images, the first as ever, the second by draws of its own", function()
  local function views(options)
    local all = {}
    for name, value in pairs { height = 16, width = 8, batch = 5, augment = true, seed = 3, epoch = 2, views = 2 } do
      if options[name] == nil then options[name] = value end
    end
    for images, index, second in loader.open(data, options) do
      check.equal(index:size(1), images:size(1))
      all[#all + 1] = { images, second }
    end
    return all
  end
  local single = collect { augment = true, seed = 3, epoch = 2 }
  local both = views { workers = 0 }
  for _, workers in ipairs { 1, 4 } do
    local again = views { workers = workers }
    for i, pair in ipairs(both) do
      check.ok(again[i][1]:equal(pair[1]) and again[i][2]:equal(pair[2]))
      check.ok(pair[1]:equal(single[i][1]), "the first view is what it is without a second")
      check.ok(not pair[2]:equal(pair[1]))
    end
  end
  check.ok(not views({ epoch = 3 })[1][2]:equal(both[1][2]), "another epoch, another view")
  local plain = views { augment = false }
  check.ok(plain[1][1]:equal(plain[1][2]), "nothing to draw, nothing that differs")
  check.equal(select("#", loader.open(data, { height = 16, width = 8 }):next()), 2)
  check.fails("option \"views\"", loader.open, data, { height = 16, width = 8, views = 3 })
end)

check.test("colours: by seed, epoch, place and view, for any number of threads", function()
  local augment = { flip = 0, pad = 0, erase = 0, jitter = 0.8, brightness = 0.4, gray = 0.3, blur = 0.5,
    blur_sigma = { 0.1, 1 } }
  local function pairs_of(options)
    local all = {}
    for name, value in pairs { height = 16, width = 8, batch = 5, augment = augment, seed = 3, views = 2 } do
      if options[name] == nil then options[name] = value end
    end
    for images, _, second in loader.open(data, options) do all[#all + 1] = { images, second } end
    return all
  end
  local all = pairs_of { workers = 0 }
  for _, workers in ipairs { 1, 3 } do
    for i, pair in ipairs(pairs_of { workers = workers }) do
      check.ok(pair[1]:equal(all[i][1]) and pair[2]:equal(all[i][2]))
    end
  end
  check.ok(not all[1][1]:equal(all[1][2]), "two views")
  check.ok(not pairs_of({ epoch = 1 })[1][1]:equal(all[1][1]), "another epoch")
  check.ok(not pairs_of({ seed = 4 })[1][1]:equal(all[1][1]), "another seed")
  local gray = pairs_of({ augment = { flip = 0, pad = 0, erase = 0, gray = 1 }, mean = { 0, 0, 0 }, std = { 1, 1, 1 } })
  check.ok(gray[1][1]:select(4, 1):equal(gray[1][1]:select(4, 3)), "grey")
  local plain = pairs_of { augment = { flip = 0, pad = 0, erase = 0, brightness = 5 } }
  check.ok(plain[1][1]:equal(pairs_of({ augment = false })[1][1]), "without jitter its strength does nothing")
  for _, bad in ipairs { { "hue", 0.7 }, { "jitter", 2 }, { "blur_sigma", { 0, 1 } }, { "blur_sigma", { 1 } },
                         { "grey", 1 } } do
    check.fails(bad[1], loader.open, data, { height = 16, width = 8, augment = { [bad[1]] = bad[2] } })
  end
  check.equal(loader.training.jitter, 0)
  check.equal(loader.training.blur_sigma[2], 2)
end)

check.test("an epoch can be entered in its middle", function()
  local whole = collect { augment = true, seed = 1 }
  local rest = collect { augment = true, seed = 1, order = T.arange(count):narrow(1, 11, count - 10), first_slot = 10 }
  check.all_near(rest[1][1], whole[3][1], 0)
  check.all_near(rest[3][1], whole[5][1], 0)
end)

check.test("a bad image is named at its batch", function()
  local bad <close> = make(tmp .. "/bad.lmdb", 12)
  for _, workers in ipairs { 0, 1, 4 } do
    local batches = 0
    local ok, message = pcall(function()
      for _ in loader.open(bad, { height = 16, width = 8, batch = 5, workers = workers }) do batches = batches + 1 end
    end)
    check.ok(not ok)
    check.equal(batches, 2)
    check.ok(message:find("train/0012.jpg", 1, true) and message:find("truncated", 1, true), message)
  end
  local l <close> = loader.open(bad, { height = 16, width = 8, batch = count })
  check.fails("0012.jpg", l.next, l)
  check.equal(l:next(), nil)
end)

check.test("closing at any moment", function()
  for batches = 0, 5 do
    local l <close> = loader.open(data, { height = 16, width = 8, batch = 5, workers = 3 })
    for _ = 1, batches do l:next() end
  end
  local l = loader.open(data, { height = 16, width = 8 })
  check.equal(l:count(), count)
  check.equal(#l, 1)
  check.equal(tostring(l), "loader of 23 images in batches of 64")
  local images = l()
  l:close()
  l:close()
  check.equal(images:size(1), count)
  check.fails("was closed", l.next, l)
  check.equal(tostring(l), "closed loader")
  -- dropped without closing: the collector's business; and the store may be closed before
  local s = store.open(tmp .. "/good.lmdb")
  local orphan = loader.open(s, { height = 16, width = 8, batch = 2 })
  s:close()
  check.equal(tostring(orphan()), "f32[2 x 16 x 8 x 3]")
  orphan = nil -- luacheck: ignore
  collectgarbage()
end)

check.test("options that cannot be", function()
  local function open(options)
    options.height, options.width = options.height or 16, options.width or 8
    return loader.open(data, options)
  end
  check.fails("did you mean \"workers\"", open, { worker = 1 })
  check.fails("did you mean \"flip\"", open, { augment = { flipp = 1 } })
  check.fails("\"augment\" must be true, false or a table", open, { augment = "yes" })
  check.fails("\"flip\" must be", open, { augment = { flip = 1.5 } })
  check.fails("\"batch\" must be", open, { batch = 0 })
  check.fails("\"mean\" must be a table of 3 numbers", open, { mean = { 1 } })
  check.fails("std of channel 1", open, { std = { 0, 1, 1 } })
  check.fails("erase_area", open, { augment = { erase_area = { .5, .1 } } })
  check.fails("\"height\" is missing", loader.open, data, { width = 8 })
  check.fails("must be a cache of calr.loader.cache", open, { cache = 3 })
  local cache = loader.cache(data, { height = 16, width = 8, bytes = 1000 })
  check.fails("16 x 8, not 20 x 8", open, { height = 20, cache = cache })
  for _ in open { cache = cache } do end
  check.equal(cache:images(), 2)
  local other <close> = store.open(tmp .. "/good.lmdb")
  check.fails("another store", loader.open, other, { height = 16, width = 8, cache = cache })
  cache:close()
  check.fails("cache was closed", open, { cache = cache })
end)

check.finish()
