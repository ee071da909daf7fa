-- calr.data: splits, labels, cameras, restriction to some identities; the Market-1501 layout; import.
local check = require "check"
local data = require "calr.data"
local import = require "calr.data.import"
local info = require "calr.data.info"
local store = require "calr.store"
local sys = require "calr.sys"

local tmp = os.getenv("CALR_TEST_TMP")

-- {split, identity, camera} in the order of the file.
local images = {
  { "train", 7, 2 }, { "train", 7, 5 }, { "train", 2, 2 }, { "train", 9, 5 }, { "train", -1, 2 },
  { "query", 4, 2 }, { "query", 3, 9 },
  { "gallery", -1, 2 }, { "gallery", 0, 5 }, { "gallery", 3, 5 }, { "gallery", 4, 9 },
}

local function write(path)
  local writer <close> = store.writer { path = path, name = "tiny", check = false }
  for i, image in ipairs(images) do
    writer:add { path = ("%s/%d.jpg"):format(image[1], i), split = image[1], identity = image[2], camera = image[3],
      bytes = "bytes of " .. i }
  end
  writer:commit()
end

local tiny = tmp .. "/tiny.lmdb"
write(tiny)

check.test("splits", function()
  local d = data.open(tiny)
  check.equal(d:name(), "tiny")
  check.equal(#d:fingerprint(), 32)
  check.equal(d:train():count(), 5)
  check.equal(d:query():count(), 2)
  check.equal(d:gallery():count(), 3)
  check.equal(d:gallery({ junk = true }):count(), 4)
  check.equal(d:train(), d:train(), "the same object")
  check.equal(d:query():path(2), "query/7.jpg")
  check.equal(d:gallery():path(1), "gallery/9.jpg")
  check.equal(d:gallery():jpeg(3), "bytes of 11")
  check.equal(tostring(d:query()), "query of tiny (2 images)")
  check.fails("there is no image 3", function() return d:query():path(3) end)
  check.fails("there is no image 0", function() return d:query():jpeg(0) end)
  check.fails("did you mean \"junk\"", d.gallery, d, { jnk = true })
end)

check.test("identities, labels, cameras", function()
  local d = data.open(tiny)
  check.equal(tostring(d:train():identities()), "i32[5]")
  check.all_near(d:train():identities(), { 7, 7, 2, 9, -1 }, 0)
  local labels, count = d:train():labels()
  check.all_near(labels, { 1, 1, 0, 2, -1 }, 0)
  check.equal(count, 3)
  -- Cameras 2, 5 and 9 are 0, 1 and 2 in every split.
  check.all_near(d:train():cameras(), { 0, 1, 0, 1, 0 }, 0)
  check.all_near(d:query():cameras(), { 0, 2 }, 0)
  check.all_near(d:gallery():cameras(), { 1, 1, 2 }, 0)
  check.equal(d:camera_count(), 3)
  check.equal(d:train():cameras():dtype(), "i32")
end)

check.test("the first identities only", function()
  local d = data.open(tiny, { ids = 2 })
  check.all_near(d:train():identities(), { 7, 7, 2 }, 0)
  check.equal(d:query():count(), 2)
  check.equal(d:gallery():count(), 3)
  check.ok(d:fingerprint() ~= data.open(tiny):fingerprint())
  check.equal(data.open(tiny):subset({ ids = 1 }):train():count(), 1)
  check.equal(data.open(tiny, { ids = 99 }):train():count(), 4)
  check.fails("of at least 1", data.open, tiny, { ids = 0 })
  check.fails("of at least 1", data.open, tiny, { ids = "2" })
  check.fails("did you mean \"ids\"", data.open, tiny, { idz = 2 })
end)

check.test("what it holds as a table", function()
  local rows = info.table(data.open(tiny))
  check.equal(#rows, 3)
  check.equal(rows[1].split, "train")
  check.equal(rows[1].identities, 3)
  check.equal(rows[1].unlabelled, 1)
  check.equal(rows[3].images, 3)
  check.equal(rows[3].identities, 2)
  check.equal(rows[3].distractors, 1)
  check.equal(rows[3].junk, 1)
  check.equal(rows[3].cameras, 2)
  local text = info.text(data.open(tiny))
  check.ok(text:find("train +3 +5 +2"))
  check.ok(text:find("1 of the images are distractors"))
end)

check.test("an empty split, an empty data set", function()
  local path = tmp .. "/empty.lmdb"
  local writer = store.writer { path = path, name = "empty" }
  writer:commit()
  local d = data.open(path)
  check.equal(d:train():count(), 0)
  check.equal(tostring(d:train():cameras()), "i32[0]")
  check.equal(d:camera_count(), 0)
  check.fails("no identities to choose from", function() return data.open(path, { ids = 1 }):train() end)
end)

-- ---- the layout of Market-1501 ----

local function put(path, text)
  sys.make_folder(path:match "^(.*)/")
  local file <close> = assert(io.open(path, "wb"))
  file:write(text or "x")
end

local function market(name, files)
  local folder = tmp .. "/" .. name
  for _, file in ipairs(files) do put(folder .. "/" .. file) end
  return folder
end

local whole = { "bounding_box_train/0002_c1s1_000451_03.jpg", "query/0003_c6s1_000001_00.jpg",
  "bounding_box_test/-1_c2s1_000401_03.jpg", "bounding_box_test/0000_c3s1_000401_03.jpg.jpg",
  "bounding_box_test/1501_c4s6_000401_03.JPG" }

local function with(more)
  local files = table.move(whole, 1, #whole, 1, {})
  for _, file in ipairs(more) do files[#files + 1] = file end
  return files
end

check.test("names become records", function()
  local records = import.layout("market1501").records(market("whole",
    with { "query/Thumbs.db", "query/.DS_Store", "readme.txt", "gt_bbox/strange name" }) .. "/")
  check.equal(#records, 5)
  local r = records[1]
  check.equal(r.path, "bounding_box_train/0002_c1s1_000451_03.jpg")
  check.equal(r.file, tmp .. "/whole/" .. r.path)
  check.equal(r.identity, 2)
  check.equal(r.camera, 0)
  check.equal(r.split, "train")
  check.equal(records[2].split, "query")
  check.equal(records[2].camera, 5)
  check.equal(records[3].identity, -1)
  check.equal(records[4].identity, 0)
  check.equal(records[5].identity, 1501)
  check.equal(records[5].split, "gallery")
end)

check.test("names that do not parse", function()
  local records = import.layout("market1501").records
  for _, name in ipairs { "0002.jpg", "0002_c1s1_000451_03.png", "0002_c0s1_000451_03.jpg", "-2_c1s1_000451_03.jpg",
    "x0002_c1s1_000451_03.jpg", "0002_c1s1_000451_03.jpgx", "99999999999999999999_c1s1_000451_03.jpg" } do
    local folder = market("odd" .. sys.hash(name), with { "query/" .. name })
    check.fails("query holds a file that is not named like 0002_c1s1_000451_03.jpg", records, folder)
    check.fails(name, records, folder)
  end
  local many = {}
  for i = 1, 9 do many[i] = ("query/photo%d.jpg"):format(i) end
  check.fails("holds 9 files that are not named like", records, market("many", with(many)))
  check.fails("and 4 more", records, tmp .. "/many")
end)

check.test("folders that are not what they should be", function()
  local records = import.layout("market1501").records
  check.fails("there is no folder", records, tmp .. "/absent")
  check.fails("is a file", records, tiny)
  sys.make_folder(tmp .. "/void")
  check.fails("is empty", records, tmp .. "/void")
  check.fails("it lacks query, bounding_box_test, and holds bounding_box_train", records,
    market("part", { "bounding_box_train/0002_c1s1_000451_03.jpg" }))
  check.fails("holds dogs", records, market("pets", { "dogs/1.jpg" }))
  market("outer/inner", whole)
  check.fails("did you mean " .. tmp .. "/outer/inner?", records, tmp .. "/outer")
  check.fails("did you mean " .. tmp .. "/outer/inner?", records, tmp .. "/outer/inner/query")
  sys.make_folder(tmp .. "/hollow/query")
  market("hollow", { whole[1], whole[3] })
  check.fails("hollow/query holds no images", records, tmp .. "/hollow")
end)

check.test("layouts by name and by file", function()
  check.fails("did you mean \"market1501\"", import.layout, "market1502")
  check.fails("there is no file", import.layout, tmp .. "/my.lua")
  put(tmp .. "/wrong.lua", "return 7")
  check.fails("does not describe a folder", import.layout, tmp .. "/wrong.lua")
  put(tmp .. "/own.lua", [[
    return { name = "own", records = function(folder)
      return { { file = folder .. "/a.txt", path = "a", identity = -1, camera = 0, split = "train" } }
    end }]])
  put(tmp .. "/own/a.txt", "no image")
  check.equal(import.layout(tmp .. "/own.lua").name, "own")
  local o = { layout = tmp .. "/own.lua", folder = tmp .. "/own", to = tmp .. "/own.lmdb" }
  check.fails("/own/a.txt is a bad image", import.run, o)
  o.skip_bad = true
  check.fails("none of the 1 files", import.run, o)
  check.ok(not sys.exists(o.to))
end)

check.test("litter that a layout of one's own lists never counts", function()
  local folder, jpeg = tmp .. "/listed", sys.read_file(os.getenv "CALR_TEST_REFERENCE" .. "/image/one.jpg")
  for _, name in ipairs { "a.jpg", ".DS_Store", "Thumbs.db", "._a.jpg", "__MACOSX/a.jpg", "b.jpg.part", "cam/c.jpg" } do
    sys.make_folder((folder .. "/" .. name):match "^(.*)/")
    put(folder .. "/" .. name, jpeg)
  end
  local own = { name = "listed", records = function()
    local records = {}
    for i, name in ipairs { "a.jpg", ".DS_Store", "Thumbs.db", "._a.jpg", "__MACOSX/a.jpg", "b.jpg.part",
      "cam/c.jpg" } do
      records[i] = { file = folder .. "/" .. name, path = name, identity = -1, camera = 0, split = "train" }
    end
    return records
  end }
  check.equal(import.run({ layout = own, folder = folder, to = tmp .. "/listed.lmdb" }).images, 2)
end)

check.test("the numbers of images and identities of the published data sets", function()
  local function counts(name)
    local expected = import.layout(name).expected
    local said = {}
    for _, split in ipairs { "train", "query", "gallery" } do
      said[#said + 1] = ("%d/%d"):format(expected[split].images, expected[split].identities)
    end
    return table.concat(said, " ")
  end
  check.equal(counts "market1501", "12936/751 3368/750 19732/750")
  check.equal(counts "dukemtmc", "16522/702 2228/702 17661/1110")
  check.equal(counts "msmt17", "32621/1041 11659/3060 82161/3060")
  check.equal(counts "veri776", "37778/576 1678/200 11579/200")
  check.equal(counts "personx", "9840/410 5136/856 30816/856")
  check.equal(counts "market1501_multi", counts "market1501")
  check.equal(import.layout("market1501_multi").expected.multi.images, 12688)
end)

check.test("records that cannot be", function()
  local function run(records)
    local layout = { name = "x", records = function() return records end }
    return import.run { layout = layout, folder = tmp, to = tmp .. "/x" }
  end
  local record = { file = tiny, path = "a", identity = 1, camera = 0, split = "train" }
  check.fails("holds no images", run, {})
  check.fails("two records have the path a", run, { record, record })
  check.fails("record 1 has no path", run, { { file = tiny } })
  check.fails("record 1 has no path", run, { 7 })
  check.fails("did you mean \"split\"", run, { { file = tiny, path = "a", spilt = "train" } })
end)

check.finish()
