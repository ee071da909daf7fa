-- Images of one's own: by a pattern of paths, by a table, one folder a camera; PNG and BMP; litter; stray bytes.
local check = require "check"
local data = require "calr.data"
local import = require "calr.data.import"
local own = require "calr.data.own"
local sys = require "calr.sys"

local tmp = os.getenv("CALR_TEST_TMP")
local pictures = os.getenv("CALR_TEST_REFERENCE") .. "/image/"
local jpeg = sys.read_file(pictures .. "rgb420.jpg")

local function put(path, text)
  sys.make_folder(path:match "^(.*)/")
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
end

local function tree(name, files)
  local folder = tmp .. "/" .. name
  for key, value in pairs(files) do
    if type(key) == "number" then put(folder .. "/" .. value, jpeg) else put(folder .. "/" .. key, value) end
  end
  return folder
end

local function run(name, folder, options)
  local to = tmp .. "/own.lmdb"
  local result = import.run { layout = name, folder = folder, to = to, options = options }
  local d, lines = data.open(to):store(), {}
  local identities, cameras, splits = d:identities(), d:cameras(), d:splits()
  for i = 1, d:count() do
    lines[i] = ("%s %d %d %d"):format(d:path(i), identities:get(i), cameras:get(i), splits:get(i))
  end
  table.sort(lines)
  return table.concat(lines, "\n"), table.concat(result.notes, "\n"), table.concat(result.warnings, "\n")
end

check.test("one folder a camera, with litter", function()
  local folder = tree("shop", { "exit/1.jpg", "exit/deep/er/2.JPEG", "entrance/c.jpg", ".DS_Store", "exit/Thumbs.db",
    "exit/._1.jpg", "__MACOSX/exit/._1.jpg", ".hidden/x.jpg", ["notes.txt"] = "no image",
    ["entrance/b.png"] = sys.read_file(pictures .. "alpha.png"),
    ["entrance/a.bmp"] = sys.read_file(pictures .. "bmp24.bmp"), ["exit/3.jpg.part"] = "half" })
  local got, notes = run("cameras", folder .. "/")
  check.equal(got, "entrance/a.bmp -1 0 0\nentrance/b.png -1 0 0\nentrance/c.jpg -1 0 0\nexit/1.jpg -1 1 0\n"
    .. "exit/deep/er/2.JPEG -1 1 0")
  check.equal(notes, "cameras: 0 entrance, 1 exit")
  -- Bytes as they came; the loader decodes all kinds.
  local train = data.open(tmp .. "/own.lmdb"):train()
  check.ok(train:jpeg(1) == sys.read_file(pictures .. "bmp24.bmp"))
  local count = 0
  for images in train:batches { height = 16, width = 8, augment = true } do count = count + images:size(1) end
  check.equal(count, 5)
  check.fails("do not fit the pattern", run, "cameras", tree("flat", { "1.jpg", "a/2.jpg" }))
end)

check.test("a pattern of paths", function()
  local folder = tree("pattern", { "query/anna_c1_0.jpg", "test/anna_c10_x_y.jpg", "train/bert_c2_1.jpg",
    "train/carl_c10_1.jpg" })
  local pattern = "{split}/{identity}_{camera}_{*}.jpg"
  local got, notes = run("folder", folder, { pattern = pattern })
  check.equal(got, "query/anna_c1_0.jpg 1 0 1\ntest/anna_c10_x_y.jpg 1 2 2\ntrain/bert_c2_1.jpg 2 1 0\n"
    .. "train/carl_c10_1.jpg 3 2 0")
  check.equal(notes, "cameras: 0 c1, 1 c2, 2 c10")
  folder = tree("numbers", { "3_7_a.jpg", "12_5_b.jpg", "-1_5_c.jpg" })
  check.equal(run("folder", folder, { pattern = "{identity}_{camera}_{*}.jpg", split = "query" }),
    "-1_5_c.jpg -1 5 1\n12_5_b.jpg 12 5 1\n3_7_a.jpg 3 7 1")
  folder = tree("zero", { "0_7_a.jpg", "1_5_b.jpg" })
  got, notes = run("folder", folder, { pattern = "{identity}_{camera}_{*}.jpg" })
  check.equal(got, "0_7_a.jpg 1 7 0\n1_5_b.jpg 2 5 0")
  check.ok(notes:find "identities begin at 0")
  check.equal(run("folder", folder, { pattern = "{identity}_{camera}_{*}.jpg", split = "gallery" }),
    "0_7_a.jpg 0 7 2\n1_5_b.jpg 1 5 2")
end)

check.test("patterns", function()
  local match = own.pattern "a.b-[{camera}]/{**}/{identity}%{*}.png"
  local found = match "a.b-[x y]/1/2/äö%z.png"
  check.equal(found.camera, "x y")
  check.equal(found.identity, "äö")
  check.equal(match "a.b-[x y]/1/2/äö%z.jpg", nil)
  check.equal(match "axb-[x]/1/2%z.png", nil)
  check.equal(own.pattern "{camera}/{*}.jpg" "a/b/c.jpg", nil)
  for text, message in pairs { ["{camera}{identity}.jpg"] = "nothing between {identity} and what is before",
    ["{camera}_{camera}.jpg"] = "{camera} twice", ["{camra}/x"] = "did you mean \"camera\"?",
    ["{camera}/{x"] = "without its other half", ["{camera}}/x"] = "without its other half" } do
    check.fails(message, own.pattern, text)
  end
  local folder = tree("misfits", { "a_1.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg" })
  check.fails("4 of the 5 images of " .. folder .. " do not fit the pattern \"{identity}_{camera}.jpg\": b.jpg, c.jpg, "
    .. "d.jpg, ...", run, "folder", folder, { pattern = "{identity}_{camera}.jpg" })
  check.fails("has no {camera}", run, "folder", folder, { pattern = "{identity}.jpg" })
  check.fails("needs --pattern", run, "folder", folder)
  local odd = tree("odd_split", { "train/1_2.jpg", "trian/1_3.jpg" })
  check.fails("odd_split/trian/1_3.jpg: there is no split \"trian\" (did you mean \"train\"?)", run, "folder", odd,
    { pattern = "{split}/{identity}_{camera}.jpg" })
  check.fails("did you mean \"train\"", run, "folder", folder, { pattern = "{camera}.jpg", split = "trian" })
  check.fails("did you mean \"pattern\"", run, "folder", folder, { patern = "{camera}.jpg" })
  check.fails("there is no folder", run, "cameras", tmp .. "/absent")
  sys.make_folder(tmp .. "/nothing/inside")
  check.fails("holds no images", run, "cameras", tmp .. "/nothing")
end)

check.test("a table with quotes, CRLF, a byte-order mark and names that are not ASCII", function()
  local folder = tree("table", { "Straße/Änne, 1.jpg", "Straße/b \"2\".jpg", "東京/c.jpg",
    ["list.csv"] = "\239\187\191path,identity,camera,split\r\n\"Straße/Änne, 1.jpg\",Änne,Tor,train\r\n"
      .. "\"Straße/b \"\"2\"\".jpg\",,Tor,train\r\n東京\\c.jpg,Bo,門,test\r\n" })
  local got, notes = run("csv", folder .. "/list.csv")
  check.equal(got, "Straße/b \"2\".jpg -1 0 0\nStraße/Änne, 1.jpg 2 0 0\n東京/c.jpg 1 1 2")
  check.equal(notes, "cameras: 0 Tor, 1 門")
  put(folder .. "/semicolon.csv", "camera;path\n2;" .. folder .. "/東京/c.jpg\n")
  check.equal(run("csv", folder .. "/semicolon.csv", { split = "query" }), "東京/c.jpg -1 2 1")
  put(folder .. "/Straße/ led.jpg", jpeg)
  put(folder .. "/spaces.csv", "path, camera , identity\n\n東京/c.jpg , 2, 7\n\nStraße/ led.jpg,2 ,7\n\n")
  check.equal(run("csv", folder .. "/spaces.csv"), "Straße/ led.jpg 7 2 0\n東京/c.jpg 7 2 0")
  put(tmp .. "/elsewhere.csv", "camera,path\n2,東京/c.jpg\n")
  check.equal(run("csv", tmp .. "/elsewhere.csv", { root = folder }), "東京/c.jpg -1 2 0")
end)

check.test("tables that are not what they should be", function()
  local function refused(message, text, options)
    put(tmp .. "/table/bad.csv", text)
    check.fails(message, run, "csv", tmp .. "/table/bad.csv", options)
  end
  refused("1 of the 2 images of " .. tmp .. "/table/bad.csv are not there, " .. tmp .. "/table/moved.jpg is the first",
    "path,camera\n東京/c.jpg,1\nmoved.jpg,1\n")
  refused("were its images moved?", "path,camera\n東京/c.jpg,1\nmoved.jpg,1\n")
  refused("has no column \"camera\"", "path,identity\nx.jpg,1\n")
  refused("a column \"pathh\" (did you mean \"path\"?)", "pathh,camera\nx.jpg,1\n")
  refused("image 1 (東京/c.jpg): the camera is empty", "path,camera\n東京/c.jpg,\n")
  refused("--root DIR", "path,camera\n/etc/x.jpg,1\n")
  refused("--root DIR", "path,camera\n../x.jpg,1\n")
  refused("--root DIR", "path,camera\nC:\\x.jpg,1\n")
  refused("there is no split \"dev\"", "path,camera,split\n東京/c.jpg,1,dev\n")
  refused("from 0 up", "path,camera\n東京/c.jpg,-1\n")
  refused("two records have the path", "path,camera\n東京/c.jpg,1\n./東京/c.jpg,1\n")
  refused("this row has 3 cells", "path,camera\na,b,c\n")
  refused("never closed", "path,camera\n\"a,b\n")
  refused("holds no images", "path,camera\n")
  refused("two records have the path 東京/c.jpg: numbers 1 and 3", "path,camera\n東京/c.jpg,1\nStraße/ led.jpg,1\n"
    .. "東京/c.jpg,2\n")
  refused("is empty", "")
  refused("its first line is \"東京/c.jpg,1,1\"", "東京/c.jpg,1,1\nb.jpg,2,2\n")
  refused("its first line is \"sep=;\"", "sep=;\npath;camera\n")
  refused("bad.csv, image 2 (x.jpg): there is no split \"\"", "path,camera,split\n東京/c.jpg,1,train\nx.jpg,1,\n")
  refused("bad.csv:3: this line is not text in UTF-8", "path,camera\n東京/c.jpg,1\n\xe9.jpg,1\n")
  refused("bad.csv:2: this line is not text in UTF-8", "path,camera\n東京/c.jpg,T\xfcr\n")
  refused("is text in UTF-16; save it as", "\xff\xfep\0a\0t\0h\0\n\0")
  refused("東京/C.JPG is the first (did you mean \"c.jpg\"?)", "path,camera\n東京/C.JPG,1\n")
  refused("its accents may be written in another form", "path,camera\nStra\u{df}e/A\u{308}nne.jpg,1\n")
  check.fails("is a folder; the layout csv needs a table", run, "csv", tmp .. "/table")
end)

check.test("images of kinds that are not read are named, not left out", function()
  local webp = "RIFF\0\0\0\0WEBPVP8 "
  local folder = tree("kinds", { "c1/a.jpg", "c1/b.jfif", "c1/c.JPE", ["c1/d.webp"] = webp })
  check.fails("kinds/c1/d.webp is a bad image: no JPEG, PNG or BMP image: it looks like a WebP image", run, "cameras",
    folder)
  sys.remove(folder .. "/c1/d.webp")
  check.equal(run("cameras", folder), "c1/a.jpg -1 0 0\nc1/b.jfif -1 0 0\nc1/c.JPE -1 0 0")
  for name, is in pairs { ["x.HEIC"] = true, ["x.tiff"] = true, ["x.jp2"] = true, ["x.txt"] = false, ["x.mp4"] = false,
    ["jpg"] = false } do
    check.equal(own.is_image(name), is, name)
  end
end)

check.test("identities and cameras beyond what a record holds, unknown ones among names, numbers as pandas writes them",
  function()
    local function numbered(identities, cameras, split)
      local entries = {}
      for i, identity in ipairs(identities) do
        entries[i] = { path = i .. ".jpg", identity = identity, camera = cameras and cameras[i] or "0",
          split = split or "train" }
      end
      local records, notes = own.records(entries)
      local ids, cams = {}, {}
      for i, r in ipairs(records) do ids[i], cams[i] = r.identity, r.camera end
      return table.concat(ids, " "), table.concat(cams, " "), table.concat(notes, "\n")
    end
    check.equal(numbered { "4294967297", "5", "-1", "4294967297", "2147483648" }, "3 1 -1 3 2")
    check.equal(numbered { "2147483647", "5" }, "2147483647 5")
    check.equal(numbered { "anna", "-1", "", "bo", "-2" }, "1 -1 -1 2 -1")
    check.equal(numbered { "1.0", "-1.0", "", "12.00" }, "1 -1 -1 12")
    check.equal(numbered({ "anna", "0" }, nil, "gallery"), "1 0") -- nobody, among names too
    check.equal(numbered { "anna", "0" }, "2 1")
    check.equal(numbered { "0.0", "1.0" }, "1 2")
    check.equal((select(2, numbered({ "1", "1" }, { "3000000000", "2" }))), "1 0")
    check.equal((select(2, numbered({ "1", "1" }, { "3.0", "2.0" }))), "3 2")
    check.ok(select(3, numbered { "anna", "NaN" }):find('the identity "NaN" counts as one person', 1, true))
    check.fails("cameras are numbered from 0 up, not -3", numbered, { "1" }, { "-3" })
  end)

check.test("stray bytes in a JPEG are a warning", function()
  local folder = tree("stray", { ["c1/a.jpg"] = sys.read_file(pictures .. "stray_end.jpg"), "c1/b.jpg" })
  local _, _, warnings = run("cameras", folder)
  check.equal(warnings, "c1/a.jpg: stray bytes between its segments are passed over")
end)

check.test("an EXIF orientation that is not applied is a warning", function()
  local function with(bytes, value)
    return bytes:sub(1, 2) .. "\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\8\0\1\1\x12\0\3\0\0\0\1\0"
      .. string.char(value) .. "\0\0\0\0\0\0" .. bytes:sub(3)
  end
  local strays = sys.read_file(pictures .. "stray_end.jpg")
  local folder = tree("turned", { ["c1/a.jpg"] = with(jpeg, 6), ["c1/b.jpg"] = with(jpeg, 1),
    ["c1/c.jpg"] = with(strays, 3), "c1/d.jpg" })
  local _, _, warnings = run("cameras", folder)
  local turned = "its EXIF orientation is not applied, so that the picture is turned: apply it to the file first "
    .. "(exiftran -ai, or mogrify -auto-orient)"
  check.equal(warnings, ("c1/a.jpg: %s\nc1/c.jpg: %s (and stray bytes are passed over)"):format(turned, turned))
end)

check.finish()
