-- calr.store: writing from memory and from files, reading back, what is refused.
local check = require "check"
local store = require "calr.store"

local tmp = os.getenv("CALR_TEST_TMP")
local function file(name) return tmp .. "/" .. name end

local function record(i, fields)
  local r = { path = ("train/%04d.jpg"):format(i), identity = i % 3 - 1, camera = i % 2, split = "train",
    bytes = ("image %d"):format(i) }
  for key, value in pairs(fields or {}) do r[key] = value end
  return r
end

local function write(path, count)
  local writer <close> = store.writer { path = path, name = "test", check = false }
  for i = 1, count do writer:add(record(i)) end
  check.equal(writer:count(), count)
  writer:commit()
end

check.test("what is written comes back", function()
  write(file "a.lmdb", 100)
  local s <close> = store.open(file "a.lmdb")
  check.equal(s:count(), 100)
  check.equal(s:name(), "test")
  check.ok(s:created_by():find("^calr %d"))
  check.equal(#s:fingerprint(), 32)
  check.equal(s:path(7), "train/0007.jpg")
  check.equal(s:jpeg(7), "image 7")
  check.equal(tostring(s:identities()), "i64[100]")
  check.equal(s:identities():get(7), 0)
  check.equal(s:cameras():get(7), 1)
  check.equal(s:splits():get(7), 0)
  check.fails("there is no image 0", s.path, s, 0)
  check.fails("there is no image 101", s.jpeg, s, 101)
  s:verify()
end)

check.test("the fingerprint follows the contents alone", function()
  write(file "b.lmdb", 100)
  write(file "c.lmdb", 99)
  local a, b, c = store.open(file "a.lmdb"), store.open(file "b.lmdb"), store.open(file "c.lmdb")
  check.equal(a:fingerprint(), b:fingerprint())
  check.ok(a:fingerprint() ~= c:fingerprint())
end)

check.test("without commit there is nothing", function()
  do
    local writer <close> = store.writer { path = file "none.lmdb", name = "test", check = false }
    writer:add(record(1))
  end
  check.fails("No such file", store.open, file "none.lmdb")
  local writer = store.writer { path = file "none.lmdb", name = "test", check = false }
  writer:abort()
  check.fails("writer is done", writer.add, writer, record(1))
  check.equal(tostring(writer), "closed data set writer")
end)

check.test("records that cannot be", function()
  local writer <close> = store.writer { path = file "none.lmdb", name = "test", check = false }
  check.fails("did you mean \"camera\"", writer.add, writer, record(1, { camra = 1 }))
  check.fails("camera must be 0", writer.add, writer, record(1, { camera = -1 }))
  check.fails("its identity must be", writer.add, writer, record(1, { identity = -2 }))
  check.fails("its identity must be", writer.add, writer, record(1, { identity = 2 ^ 40 // 1 | 0 }))
  check.fails("no split \"test\"", writer.add, writer, record(1, { split = "test" }))
  check.fails("is empty", writer.add, writer, record(1, { bytes = "" }))
  check.fails("needs an identity", writer.add, writer, { path = "x", split = "train", bytes = "y" })
  check.fails("x: its identity must be -1 to 2147483647, not 2147483648", writer.add, writer, { path = "x", camera = 0,
    split = "train", bytes = "y", identity = 1 << 31 })
  check.fails("x: its camera must be 0 to 2147483647, not -1", writer.add, writer, { path = "x", camera = -1,
    split = "train", bytes = "y", identity = 1 })
  check.fails("\"path\" is missing", writer.add, writer, {})
end)

check.test("images are decoded before they are taken", function()
  local writer <close> = store.writer { path = file "none.lmdb", name = "test" }
  check.fails("train/0001.jpg is a bad image", writer.add, writer, record(1))
end)

check.test("files that are no data sets", function()
  local function put(name, text)
    local f <close> = assert(io.open(file(name), "wb"))
    f:write(text)
  end
  put("empty", "")
  put("text", ("no data set\n"):rep(1000))
  check.fails("is empty", store.open, file "empty")
  check.fails("is not a data set", store.open, file "text")
  check.fails("is a folder", store.open, tmp)
  check.fails("cannot open the data set", store.open, file "absent")
  check.fails("is not a data set; choose another name", store.writer, { path = file "text", name = "x" })
end)

check.test("closing", function()
  local s = store.open(file "a.lmdb")
  s:close()
  s:close()
  check.fails("was closed", s.count, s)
  check.equal(tostring(s), "closed data set")
end)

check.finish()
