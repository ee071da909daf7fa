-- calr data merge, subset, verify and show: what they write, from the seed alone.
local check = require "check"
local data = require "calr.data"
local font = require "calr.data.font"
local image = require "calr.image"
local rewrite = require "calr.data.rewrite"
local sheet = require "calr.data.sheet"
local store = require "calr.store"
local sys = require "calr.sys"
local T = require "calr.tensor"
local verify = require "calr.data.verify"

local tmp = os.getenv("CALR_TEST_TMP")

local function picture(i)
  return image.encode(T.full({ 16, 8, 3 }, i % 256, "u8"), { quality = 90 }) .. "" -- tells images apart
end

-- {split, identity, camera} of each image; `bytes` by number, in place of a picture.
local function write(name, records, bytes)
  local path = tmp .. "/" .. name .. ".lmdb"
  local writer <close> = store.writer { path = path, name = name, check = false }
  for i, r in ipairs(records) do
    writer:add { path = ("%s/%d.jpg"):format(r[1], i), split = r[1], identity = r[2], camera = r[3],
      bytes = bytes and bytes[i] or picture(3 * i) }
  end
  writer:commit()
  return path
end

local function lines(path)
  local file, list = store.open(path), {}
  local identities, cameras, splits = file:identities(), file:cameras(), file:splits()
  for i = 1, file:count() do
    list[i] = ("%s %d %d %d"):format(file:path(i), identities:get(i), cameras:get(i), splits:get(i))
  end
  return table.concat(list, "\n")
end

local a = write("a", { { "train", 7, 2 }, { "train", -1, 5 }, { "query", 3, 2 }, { "gallery", 0, 5 },
  { "gallery", -1, 5 }, { "gallery", 3, 5 } })
local b = write("b", { { "train", 0, 1 }, { "train", 4, 1 }, { "query", 4, 3 }, { "gallery", 4, 0 },
  { "multi", 4, 3 } })

check.test("merge", function()
  local to = tmp .. "/ab.lmdb"
  local result = rewrite.merge { from = { a, b }, to = to }
  check.equal(lines(to), "a/train/1.jpg 2 0 0\na/train/2.jpg -1 1 0\na/query/3.jpg 1 0 1\na/gallery/4.jpg 0 1 2\n"
    .. "a/gallery/5.jpg -1 1 2\na/gallery/6.jpg 1 1 2\nb/train/1.jpg 3 3 0\nb/train/2.jpg 4 3 0\nb/query/3.jpg 4 4 1\n"
    .. "b/gallery/4.jpg 4 2 2\nb/multi/5.jpg 4 4 3")
  check.equal(store.open(to):name(), "a+b")
  check.ok(store.open(to):jpeg(9) == store.open(b):jpeg(3))
  check.equal(result.images, 11)
  check.equal(table.concat(result.sources[2].cameras, " "), "2 3")
  check.equal(table.concat(result.sources[2].identities, " "), "3 2")
  rewrite.merge { from = { b, b }, to = to, name = "twice" } -- the same source twice has two names
  check.equal(store.open(to):path(6), "b-2/train/1.jpg")
  check.equal(store.open(to):name(), "twice")
  check.fails("write to another file", rewrite.merge, { from = { a, b }, to = b })
  check.fails("absent.lmdb", rewrite.merge, { from = { a, tmp .. "/absent.lmdb" }, to = to })
end)

local many = {}
for i = 0, 99 do many[#many + 1] = { "train", i // 4 + 1, i % 4 } end
for i = 0, 19 do many[#many + 1] = { "query", i + 50, i % 4 } end
for i = 0, 59 do many[#many + 1] = { "gallery", i // 3 + 50, (i + 1) % 4 } end
for i = 0, 9 do many[#many + 1] = { "gallery", i % 2 - 1, i % 4 } end
local large = write("large", many)

local function count(path)
  local d = data.open(path)
  local _, ids = d:train():labels()
  return ("%d %d %d %d"):format(d:train():count(), ids, d:query():count(), d:gallery({ junk = true }):count())
end

check.test("subset", function()
  local to = tmp .. "/part.lmdb"
  local function subset(o)
    o.from, o.to = large, to
    rewrite.subset(o)
    return count(to)
  end
  check.equal(count(large), "100 25 20 70")
  check.equal(subset { cameras = { 0, 2 } }, "50 25 10 35")
  check.equal(subset { identities = 5 }, "20 5 5 25") -- with ten of nobody's or junk
  check.equal(subset { count = 10 }, ("10 %d 10 10"):format(select(2, data.open(to):train():labels())))
  check.ok(subset { fraction = 0.25 }:find "^25 %d+ 5 18$")
  check.ok(subset { fraction = 0.001 }:find "^1 1 1 1$")
  check.equal(subset { identities = 5, splits = { "train" } }, "20 5 20 70")
  check.equal(subset { cameras = { 1 }, identities = 3, count = 2, splits = { "train" } }:sub(1, 2), "2 ")
  -- The seed says what is drawn, and nothing else.
  subset { identities = 5 }
  local first = lines(to)
  subset { identities = 5 }
  check.equal(lines(to), first)
  subset { identities = 5, seed = 1 }
  check.ok(lines(to) ~= first)
  check.fails("there is no camera 4; they are 0 to 3", subset, { cameras = { 4 } })
  check.fails("give one", subset, { count = 1, fraction = 0.5 })
  check.fails("above 0 and at most 1", subset, { fraction = 0.0 })
  check.fails("above 0 and at most 1", subset, { fraction = 0 / 0 })
  check.fails("at least 1", subset, { identities = 0 })
  check.fails("no split \"test\"", subset, { count = 1, splits = { "test" } })
  check.fails("write to another file", rewrite.subset, { from = large, to = tmp .. "/./large.lmdb", count = 1 })
end)

check.test("verify", function()
  local result = verify(data.open(a))
  check.equal(#result.bad + #result.notes, 0)
  check.equal(result.images, 6)
  -- Twins, leaks, a query without a match, and images that do not decode among 600.
  local records, bytes = {}, {}
  for i = 1, 600 do records[i] = { "train", i, 0 } end
  for i = 1, 600 do bytes[i] = image.encode(T.full({ 4, 4, 3 }, 255, "u8")) end
  for i = 1, 600 do
    bytes[i] = bytes[i]:sub(1, 2) .. "\xff\xfe\0\6" .. ("%04d"):format(i) .. bytes[i]:sub(3) -- a comment
  end
  records[600], records[599] = { "query", 9, 0 }, { "gallery", 9, 0 }
  bytes[600], bytes[2], bytes[300], bytes[301] = bytes[1], bytes[3], "no image", bytes[301]:sub(1, 100)
  result = verify(data.open(write("odd", records, bytes)))
  check.equal(#result.bad, 2)
  check.equal(result.bad[1].path, "train/300.jpg")
  check.ok(result.bad[1].reason:find "looks like text")
  check.ok(result.bad[2].reason:find "truncated")
  check.equal(result.notes[1], "2 images are there more than once, byte for byte")
  check.equal(result.notes[2], "1 images are in training and in a test split: figures of such a data set flatter")
  check.ok(result.notes[3]:find "1 of the 1 queries have no match by another camera")
  local whole = sys.read_file(a)
  local at = whole:find(picture(3), 1, true) + 100
  sys.write_file(tmp .. "/damaged.lmdb", whole:sub(1, at - 1) .. "\0\0" .. whole:sub(at + 2))
  check.fails("is damaged", verify, data.open(tmp .. "/damaged.lmdb"))
end)

check.test("contact sheets", function()
  local d = data.open(large)
  local o = { split = "train", by = "identity", rows = 3, columns = 2, seed = 1 }
  local rows = sheet.rows(d, o)
  check.equal(#rows, 3)
  check.ok(rows[1].caption:find "^identity %d+: 4 images, 4 cameras$")
  check.equal(#rows[1].images, 2)
  check.ok(rows[1].images[1].caption:find "^cam %d$")
  local again = sheet.rows(d, o)
  for r = 1, 3 do check.equal(again[r].caption, rows[r].caption) end
  local canvas = sheet.picture(rows, { height = 32 })
  check.equal(canvas:size(1), 3 * (32 + 2 * font.height() + 12) + 4)
  check.ok(canvas:size(2) >= 2 * (16 + 4) + 4)
  local tile = image.resize(image.decode(rows[1].images[1].jpeg), { height = 32, width = 16 })
  check.all_near(canvas:narrow(1, 4 + font.height() + 4 + 1, 32):narrow(2, 5, 16):to "f32", tile:to "f32", 0)
  o.by, o.rows, o.split = "camera", 9, "gallery"
  rows = sheet.rows(d, o)
  check.equal(#rows, 4)
  check.ok(rows[4].caption:find "^camera 3: 1%d images")
  local seen = {}
  o.columns = 99
  for _, item in ipairs(sheet.rows(d, o)[1].images) do seen[item.caption] = true end
  check.ok(seen.junk or seen.nobody)
  local page = sheet.page(rows, { height = 64, title = "a < b" })
  check.ok(page:find("a &lt; b", 1, true) and page:find("data:image/jpeg;base64,/9j/", 1, true))
  o.split = "multi"
  check.fails("large has no images in its split multi", sheet.rows, d, o)
end)

check.test("letters", function()
  local canvas = T.full({ 9, 20, 3 }, 255, "u8")
  font.write(canvas, "1Ä3cut off", 0, 0)
  local rows = {}
  for y = 2, 8 do
    local row = {}
    for x = 1, 17 do
      local shade = canvas:narrow(1, y, 1):narrow(2, x, 1):narrow(3, 1, 1):to("f32"):sum():item()
      row[x] = shade == 0 and "#" or "."
    end
    rows[#rows + 1] = table.concat(row)
  end
  check.equal(table.concat(rows, "\n"), [[
..#....###..#####
.##...#...#....#.
..#.......#...#..
..#......#.....#.
..#.....#.......#
..#.........#...#
.###....#....###.]])
  local low = {} -- these go below the line, and no others
  for code = 32, 126 do
    local deepest = 0
    for _, box in ipairs(font.strokes(string.char(code))) do deepest = math.max(deepest, box[2] + box[4]) end
    if deepest > 8 then low[#low + 1] = string.char(code) end
    check.ok(deepest <= font.height())
  end
  check.equal(table.concat(low), ",;gjpqy")
  font.write(canvas, "x", 0, 5) -- no room: nothing
  font.write(canvas, "x", 18, 0)
end)

check.finish()
