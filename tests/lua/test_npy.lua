-- calr.npy: there and back.
local check = require "check"
local npy = require "calr.npy"
local T = require "calr.tensor"
local sys = require "calr.sys"

local path = os.getenv("CALR_TEST_TMP") .. "/x.npy"

check.test("there and back", function()
  for _, t in ipairs { T { { 1.5, -2 }, { 1 / 0, 0 / 0 } }, T({ 1, 2, 3 }, "i32"), T({ math.maxinteger }, "i64"),
    T({ 0, 255 }, "u8"), T({ .1, 1e300 }, "f64"), T { .1, 7 }:to "f16", T { true, false },
    T(7), T.zeros { 0, 3 }, T.zeros({ 1, 2, 1, 2, 1, 2 }) } do
    npy.save(path, t)
    check.ok(npy.load(path):equal(t), tostring(t))
  end
end)

check.test("bytes that are not 0 are true", function()
  npy.save(path, T { true, false, true })
  local bytes = sys.read_file(path)
  sys.write_file(path, bytes:sub(1, -2) .. "\2")
  check.ok(npy.load(path):equal(T { true, false, true }))
end)

check.test("a view is written as it looks", function()
  local t = T { { 1, 2, 3 }, { 4, 5, 6 } }
  npy.save(path, t:transpose(1, 2))
  check.all_near(npy.load(path), { { 1, 4 }, { 2, 5 }, { 3, 6 } }, 0)
end)

check.test("errors", function()
  check.fails("absent.npy", npy.load, "absent.npy")
  check.fails("calr.tensor expected", npy.save, path, { 1, 2 })
  check.fails("is not an .npy file", npy.load, debug.getinfo(1, "S").source:sub(2))
end)

check.finish()
