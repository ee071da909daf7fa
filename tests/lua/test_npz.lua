-- calr.npz and calr.pth.save: there and back, what is no table of tensors, damaged files.
local check = require "check"
local calr = require "calr"

local folder = os.getenv "CALR_TEST_TMP"
local path = folder .. "/x.npz"

local tensors = { a = calr.tensor { { 1.5, -2 }, { 1 / 0, 4 } }, ["b/c.d"] = calr.tensor({ math.maxinteger }, "i64"),
  none = calr.zeros(0, 3), one = calr.tensor(7), mask = calr.tensor { true, false }, wide = calr.tensor({ .1 }, "f64"),
  half = calr.tensor({ .5, 2 }):to "f16", bytes = calr.tensor({ 0, 255 }, "u8") }

local function same(back)
  local count = 0
  for name, tensor in pairs(back) do
    count = count + 1
    check.equal(table.concat(tensor:shape(), " "), table.concat(tensors[name]:shape(), " "), name)
    check.equal(tensor:dtype(), tensors[name]:dtype(), name)
    check.ok(tensor:equal(tensors[name]), name)
  end
  check.equal(count, 8)
end

check.test("npz: there and back, stored and deflated", function()
  for _, compress in ipairs { false, true } do
    calr.npz.save(path, tensors, { compress = compress })
    same(calr.npz.load(path))
    local first = calr.sys.read_file(path)
    calr.npz.save(path, tensors, { compress = compress })
    check.ok(calr.sys.read_file(path) == first) -- the same tensors give the same file
  end
  calr.npz.save(path, { x = calr.zeros(1000, 1000) }, { compress = true })
  check.ok(#calr.sys.read_file(path) < 20000)
  check.equal(tostring(calr.npz.load(path).x), "f32[1000 x 1000]")
  calr.npz.save(path, { t = tensors.a:transpose(1, 2), bf = calr.tensor({ 1.5 }):to "bf16" })
  check.equal(calr.npz.load(path).t:get(2, 1), -2)
  check.equal(calr.npz.load(path).bf:dtype(), "f32")
  calr.npz.save(path, {})
  check.equal(next(calr.npz.load(path)), nil)
end)

check.test("npz: what NumPy wrote", function()
  for _, name in ipairs { "stored", "deflated" } do
    local found = calr.npz.load(("%s/npz/%s.npz"):format(os.getenv "CALR_TEST_REFERENCE", name))
    check.all_near(found.x, { { 0, 1, 2 }, { 3, 4, 5 } }, 0)
    check.all_near(found["a/b"], { 0, 1, 2 }, 0)
    check.equal(found["a/b"]:dtype(), "i64")
  end
end)

check.test("what is no table of tensors", function()
  check.fails('"x" is a number, not a tensor', calr.npz.save, path, { x = 1 })
  check.fails("names are strings", calr.npz.save, path, { calr.tensor(1) })
  check.fails("without a zero byte", calr.npz.save, path, { ["a\0b"] = calr.tensor(1) })
  check.fails('unknown option "compres"', calr.npz.save, path, {}, { compres = true })
  check.fails('"x" is a number, not a tensor', calr.pth.save, path, { x = 1 })
end)

check.test("damaged files are errors", function()
  calr.npz.save(path, tensors)
  local whole = calr.sys.read_file(path)
  for cut = 0, #whole - 1, 97 do
    calr.sys.write_file(path, whole:sub(1, cut))
    check.ok(not pcall(calr.npz.load, path))
  end
  local at = whole:find("\255\255\255\255\255\255\255\127", 1, true) -- the number of b/c.d
  calr.sys.write_file(path, whole:sub(1, at - 1) .. "\254" .. whole:sub(at + 1))
  check.fails("b/c.d.npy is damaged", calr.npz.load, path)
  for i = 1, #whole, 31 do -- whatever happens, it is an error or a table
    calr.sys.write_file(path, whole:sub(1, i - 1) .. string.char(whole:byte(i) ~ 85) .. whole:sub(i + 1))
    local ok, found = pcall(calr.npz.load, path)
    check.ok(not ok or type(found) == "table")
  end
  calr.pth.save(path, tensors)
  check.fails("is no array: an .npz file holds .npy files", calr.npz.load, path)
end)

check.test("pth: there and back", function()
  local other = folder .. "/x.pth"
  calr.pth.save(other, tensors)
  same(calr.pth.load(other))
  calr.pth.save(other, { t = tensors.a:transpose(1, 2), w = calr.zeros(1, 3):expand(2, 3) })
  check.equal(calr.pth.load(other).t:get(2, 1), -2)
  check.equal(tostring(calr.pth.load(other).w), "f32[2 x 3]")
  calr.pth.save(other, {})
  check.equal(next((calr.pth.load(other))), nil)
end)

check.finish()
