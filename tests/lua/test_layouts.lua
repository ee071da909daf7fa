-- datasets/: published data sets on generated trees of exactly their layouts, their counts, what is half unpacked.
local check = require "check"
local data = require "calr.data"
local import = require "calr.data.import"
local inflate = require "calr.data.inflate"
local info = require "calr.data.info"
local layout = require "calr.data.layout"
local mat = require "calr.data.mat"
local sys = require "calr.sys"

local tmp = os.getenv("CALR_TEST_TMP")
local jpeg = sys.read_file(os.getenv("CALR_TEST_REFERENCE") .. "/image/one.jpg")

local function put(path, text)
  sys.make_folder(path:match "^(.*)/")
  local file <close> = assert(io.open(path, "wb"))
  file:write(text or jpeg)
end

-- A tree of files: names, or name = text.
local function tree(name, files)
  local folder = tmp .. "/" .. name
  for key, value in pairs(files) do
    if type(key) == "number" then put(folder .. "/" .. value) else put(folder .. "/" .. key, value) end
  end
  return folder
end

-- "split identity camera path" of each record, sorted.
local function lines(name, folder, options)
  local list = {}
  for i, r in ipairs((import.layout(name).records(folder, options))) do
    check.equal(r.file, folder .. "/" .. r.path)
    list[i] = ("%s %d %d %s"):format(r.split, r.identity, r.camera, r.path)
  end
  table.sort(list)
  return list
end

local function same(got, want)
  want = table.move(want, 1, #want, 1, {})
  table.sort(want)
  check.equal(table.concat(got, "\n"), table.concat(want, "\n"))
end

check.test("DukeMTMC-reID", function()
  local folder = tree("duke", { "bounding_box_train/0001_c2_f0046182.jpg", "bounding_box_train/0001_c8_f0046302.jpg",
    "query/0005_c1_f0051341.jpg", "bounding_box_test/0005_c5_f0000001.jpg", "bounding_box_test/7139_c3_f0000001.jpg",
    "bounding_box_test/.DS_Store", "bounding_box_test/._0005_c5_f0000001.jpg", "query/x.jpg.part",
    "__MACOSX/query/0005_c1_f0051341.jpg", "CITATION.txt", "LICENSE_DukeMTMC-reID.txt" })
  same(lines("dukemtmc", folder), { "train 1 1 bounding_box_train/0001_c2_f0046182.jpg",
    "train 1 7 bounding_box_train/0001_c8_f0046302.jpg", "query 5 0 query/0005_c1_f0051341.jpg",
    "gallery 5 4 bounding_box_test/0005_c5_f0000001.jpg", "gallery 7139 2 bounding_box_test/7139_c3_f0000001.jpg" })
  local result = import.run { layout = "dukemtmc", folder = folder, to = tmp .. "/duke.lmdb" }
  check.equal(result.images, 5)
  check.equal(result.warnings[1],
    "train: 2 images of 1 identities; DukeMTMC-reID has 16,522 of 702: is it wholly unpacked?")
  check.equal(#result.warnings, 3)
  put(folder .. "/query/0005_c1s1_000001_00.jpg")
  check.fails("IDENTITY_cCAMERA_fFRAME.jpg", lines, "dukemtmc", folder)
end)

check.test("as many as there should be: no warning", function()
  local own = { name = "own", expected = { title = "Own", train = { images = 2, identities = 1 },
    gallery = { images = 2, identities = 1 } }, records = import.layout("dukemtmc").records }
  local folder = tmp .. "/duke"
  sys.remove(folder .. "/query/0005_c1s1_000001_00.jpg")
  own.expected.gallery.identities = 2
  check.equal(#import.run({ layout = own, folder = folder, to = tmp .. "/own.lmdb" }).warnings, 0)
  own.expected.query = { images = 1, identities = 2 }
  check.equal(#import.run({ layout = own, folder = folder, to = tmp .. "/own.lmdb" }).warnings, 1)
end)

local msmt = {
  ["list_train.txt"] = "0000/0000_000_01_0303morning_0015_0.jpg 0\n0001/0001_007_15_0303noon_0100_1.jpg 1\n",
  ["list_val.txt"] = "0000/0000_003_02_0303morning_0016_0.jpg 0\r\n",
  ["list_query.txt"] = "0000/0000_000_05_0303morning_0034_0_ex.jpg 0\n",
  ["list_gallery.txt"] = "0000/0000_001_06_0303morning_0034_0.jpg 0\n",
}

local function msmt_tree(name, train, test)
  local files = { train .. "/0000/0000_000_01_0303morning_0015_0.jpg",
    train .. "/0001/0001_007_15_0303noon_0100_1.jpg", train .. "/0000/0000_003_02_0303morning_0016_0.jpg",
    test .. "/0000/0000_000_05_0303morning_0034_0_ex.jpg", test .. "/0000/0000_001_06_0303morning_0034_0.jpg" }
  for key, value in pairs(msmt) do files[key] = value end
  return tree(name, files)
end

check.test("MSMT17 by its lists", function()
  for _, v in ipairs { { "MSMT17_V1", "train", "test" }, { "MSMT17_V2", "mask_train_v2", "mask_test_v2" } } do
    local folder = msmt_tree(v[1], v[2], v[3])
    same(lines("msmt17", folder), { "train 1 0 " .. v[2] .. "/0000/0000_000_01_0303morning_0015_0.jpg",
      "train 2 14 " .. v[2] .. "/0001/0001_007_15_0303noon_0100_1.jpg",
      "train 1 1 " .. v[2] .. "/0000/0000_003_02_0303morning_0016_0.jpg",
      "query 1 4 " .. v[3] .. "/0000/0000_000_05_0303morning_0034_0_ex.jpg",
      "gallery 1 5 " .. v[3] .. "/0000/0000_001_06_0303morning_0034_0.jpg" })
  end
  check.fails("did you mean " .. tmp .. "/MSMT17_V1", lines, "msmt17", tmp)
  local folder = tmp .. "/MSMT17_V1"
  sys.remove(folder .. "/test/0000/0000_001_06_0303morning_0034_0.jpg")
  check.fails("1 of the 1 images of " .. folder .. "/list_gallery.txt are not there", lines, "msmt17", folder)
  put(folder .. "/list_query.txt", "0000/0000_000.jpg 0\n")
  check.fails("list_query.txt:1: a line is", lines, "msmt17", folder)
  sys.remove(folder .. "/list_val.txt")
  check.fails("it lacks list_val.txt", lines, "msmt17", folder)
end)

check.test("MSMT17 as three folders", function()
  local folder = tree("msmt", { "bounding_box_train/0000_c1_0000.jpg",
    "bounding_box_train/0001_007_15_0303noon_0100_1.jpg", "query/0000_c14_0002.jpg",
    "bounding_box_test/3059_c02_0002.jpg" })
  same(lines("msmt17", folder), { "train 1 0 bounding_box_train/0000_c1_0000.jpg",
    "train 2 14 bounding_box_train/0001_007_15_0303noon_0100_1.jpg", "query 1 13 query/0000_c14_0002.jpg",
    "gallery 3060 1 bounding_box_test/3059_c02_0002.jpg" })
end)

local xml = [[<?xml version="1.0" encoding="gb2312" ?>
<TrainingImages Version="1.0">
<Items number="2">
<Item imageName="0001_c001_00016450_0.jpg" vehicleID="0001" cameraID="c001" colorID="1" typeID="4"/>
<Item imageName="0001_c020_00016460_0.jpg" vehicleID="0001" cameraID="c020" colorID="1" typeID="4"/>
</Items>
</TrainingImages>
]]

check.test("VeRi-776", function()
  local names = { "image_train/0001_c001_00016450_0.jpg", "image_train/0001_c020_00016460_0.jpg",
    "image_query/0002_c002_00030600_0.jpg", "image_test/0002_c003_00030610_0.jpg",
    "image_test/0002_c002_00030600_0.jpg" }
  names["name_train.txt"] = "0001_c001_00016450_0.jpg\r\n0001_c020_00016460_0.jpg\r\n"
  names["name_query.txt"] = "0002_c002_00030600_0.jpg\n"
  names["name_test.txt"] = "0002_c003_00030610_0.jpg\n"
  names["train_label.xml"], names["test_track.txt"] = xml, "x"
  local folder = tree("VeRi", names)
  local want = { "train 1 0 image_train/0001_c001_00016450_0.jpg", "train 1 19 image_train/0001_c020_00016460_0.jpg",
    "query 2 1 image_query/0002_c002_00030600_0.jpg", "gallery 2 2 image_test/0002_c003_00030610_0.jpg" }
  same(lines("veri776", folder), want) -- what no list names is left out
  put(folder .. "/train_label.xml", (xml:gsub('cameraID="c020"', 'cameraID="c019"')))
  check.fails("camera 19 of image_train/0001_c020_00016460_0.jpg", lines, "veri776", folder)
  sys.remove(folder .. "/train_label.xml")
  sys.remove(folder .. "/image_test/0002_c003_00030610_0.jpg")
  check.fails("half unpacked", lines, "veri776", folder)
  sys.remove(folder .. "/name_query.txt")
  want[4] = "gallery 2 1 image_test/0002_c002_00030600_0.jpg"
  same(lines("veri776", folder), want)
end)

local function counts_of(expected)
  return ("%d %d %d"):format(expected.train.images, expected.query.images, expected.gallery.images)
end

local cuhk_names = { "1_001_1_01.png", "1_001_2_06.png", "5_002_1_02.png", "5_002_2_07.png" }

check.test("CUHK03 by MATLAB's list and by the JSON of torchreid", function()
  local reference = os.getenv("CALR_TEST_REFERENCE") .. "/data/"
  local want = { "train 1 0 images_detected/1_001_1_01.png", "train 1 1 images_detected/1_001_2_06.png",
    "query 843 0 images_detected/5_002_1_02.png", "gallery 843 1 images_detected/5_002_2_07.png" }
  for _, file in ipairs { "cuhk03_compressed.mat", "cuhk03_plain.mat" } do
    local files = { ["cuhk03_new_protocol_config_detected.mat"] = sys.read_file(reference .. file) }
    for i, name in ipairs(cuhk_names) do files[i] = "images_detected/" .. name end
    same(lines("cuhk03", tree("cuhk" .. file, files)), want)
  end
  local files = { ["splits_new_labeled.json"] = [==[ [{"train": [
    ["/home/me/cuhk03/images_labeled/1_001_1_01.png", 0, 0],
    ["/home/me/cuhk03/images_labeled/1_001_2_06.png", 0, 1]], "query": [["C:\\cuhk03\\images_labeled\\5_002_1_02.png",
    843, 0]], "gallery": [["images_labeled/5_002_2_07.png", 843, 1]], "num_train_pids": 1}] ]==] }
  for i, name in ipairs(cuhk_names) do files[i] = "images_labeled/" .. name end
  local folder = tree("cuhk_json", files)
  same(lines("cuhk03", folder, { boxes = "labeled" }), { "train 0 0 images_labeled/1_001_1_01.png",
    "train 0 1 images_labeled/1_001_2_06.png", "query 843 0 images_labeled/5_002_1_02.png",
    "gallery 843 1 images_labeled/5_002_2_07.png" })
  local _, expected = import.layout("cuhk03").records(folder, { boxes = "labeled" })
  check.equal(expected.title, "CUHK03 (labeled, new protocol)")
  check.equal(counts_of(expected), "7368 1400 5328")
  check.equal(("%d %d"):format(expected.train.identities, expected.query.identities), "767 700")
  check.fails("it lacks images_detected", lines, "cuhk03", folder)
  check.fails("must be detected or labeled", import.check, import.layout "cuhk03", { boxes = "both" })
  put(folder .. "/splits_new_labeled.json", "[{\"train\": [[\"a.png\", 1, 0]]}]")
  check.fails("names an image \"a.png\"", lines, "cuhk03", folder, { boxes = "labeled" })
end)

check.test("CUHK03-NP, PersonX", function()
  local folder = tree("np", { "bounding_box_train/0001_c1_1.png", "query/0003_c2_6.png",
    "bounding_box_test/0003_c1_21.png" })
  same(lines("cuhk03", folder), { "train 1 0 bounding_box_train/0001_c1_1.png", "query 3 1 query/0003_c2_6.png",
    "gallery 3 0 bounding_box_test/0003_c1_21.png" })
  local _, expected = import.layout("cuhk03").records(folder)
  check.equal(counts_of(expected), "7365 1400 5332")
  folder = tree("personx", { "bounding_box_train/0001_c3s1_000001.jpg", "query/0411_c12s1_07.jpg",
    "bounding_box_test/0411_c8_000011.jpg" })
  same(lines("personx", folder), { "train 1 2 bounding_box_train/0001_c3s1_000001.jpg",
    "query 411 11 query/0411_c12s1_07.jpg",
    "gallery 411 7 bounding_box_test/0411_c8_000011.jpg" })
end)

check.test("Market-1501 with gt_bbox", function()
  local folder = tree("market", { "bounding_box_train/0002_c1s1_000451_03.jpg", "query/0003_c6s1_000001_00.jpg",
    "bounding_box_test/0003_c2s1_000401_03.jpg", "gt_bbox/0003_c6s1_000001_00.jpg", "gt_bbox/0003_c6s2_000009_00.jpg",
    "gt_bbox/0003_c5s1_000001_00.jpg", "gt_bbox/0002_c6s1_000001_00.jpg", "gt_bbox/Thumbs.db", "gt_query/x.mat" })
  local to = tmp .. "/multi.lmdb"
  local result = import.run { layout = "market1501_multi", folder = folder, to = to }
  check.equal(result.images, 5)
  check.equal(#result.warnings, 4)
  local d = data.open(to)
  check.equal(d:multi():count(), 2)
  check.equal(d:multi():path(2), "gt_bbox/0003_c6s2_000009_00.jpg")
  check.ok(info.text(d):find "multi +1 +2 +1")
  check.equal(data.open(tmp .. "/duke.lmdb"):multi():count(), 0)
end)

check.test("litter", function()
  for _, name in ipairs { ".DS_Store", "a/._b.jpg", "Thumbs.db", "__MACOSX/a.jpg", "x.jpg.part", "x.jpg.crdownload",
    "desktop.ini" } do check.ok(layout.is_litter(name), name) end
  for _, name in ipairs { "a.jpg", "a/b.jpg", "part/b.jpg", "./a.jpg", "../a.jpg" } do
    check.ok(not layout.is_litter(name), name)
  end
end)

check.test("inflate and MAT files", function()
  local reference = os.getenv("CALR_TEST_REFERENCE") .. "/data/"
  for _, name in ipairs { "stored", "fixed", "dynamic", "empty" } do
    local packed, whole = sys.read_file(reference .. name .. ".z"), sys.read_file(reference .. name .. ".bin")
    check.ok(inflate(packed, 1 << 20) == whole, name)
  end
  local whole = sys.read_file(reference .. "dynamic.z")
  check.fails("larger than expected", inflate, whole, 100)
  for _, bytes in ipairs { "", "x", "\x78\x9c", whole:sub(1, 40), whole:sub(1, 2) .. "\7" .. whole:sub(4) } do
    check.fails("damaged", inflate, bytes, 1 << 20)
  end
  local config = mat.load(reference .. "cuhk03_compressed.mat")
  check.equal(config.note, "text é")
  check.equal(config.filelist[3], cuhk_names[3])
  check.equal(table.concat(config.labels, " "), "1.0 1.0 843.0 843.0")
  put(tmp .. "/v73.mat", "MATLAB 7.3 MAT-file" .. (" "):rep(493) .. "\137HDF\r\n\26\n")
  check.fails("version 7.3", mat.load, tmp .. "/v73.mat")
  put(tmp .. "/no.mat", "text")
  check.fails("is not a MAT file", mat.load, tmp .. "/no.mat")
  local plain = sys.read_file(reference .. "cuhk03_plain.mat")
  for cut = 129, #plain - 1, 37 do
    put(tmp .. "/cut.mat", plain:sub(1, cut))
    pcall(mat.load, tmp .. "/cut.mat")
  end
end)

check.finish()
