-- calr.safetensors: there and back, metadata, the same bytes, errors.
local check = require "check"
local safetensors = require "calr.safetensors"
local T = require "calr.tensor"
local sys = require "calr.sys"

local path = os.getenv("CALR_TEST_TMP") .. "/x.safetensors"

local function read(name)
  local file <close> = assert(io.open(name, "rb"))
  return file:read "a"
end

check.test("there and back", function()
  local tensors = { ["layer.weight"] = T { { 1.5, -2 }, { 1 / 0, 0 / 0 } }, labels = T({ -1, 2, 3 }, "i32"),
    step = T(math.maxinteger, "i64"), mask = T({ 0, 255 }, "u8"), none = T.zeros { 0, 3 }, ["0"] = T(1),
    wide = T({ .1, 1e300 }, "f64"), half = T { .1, 7 }:to "f16", known = T { true, false } }
  safetensors.save(path, tensors, { epoch = 7, name = "été" })
  local loaded, metadata = safetensors.load(path)
  local count = 0
  for name, t in pairs(loaded) do
    check.ok(t:equal(tensors[name]), name)
    count = count + 1
  end
  check.equal(count, 9)
  check.equal(metadata.epoch, "7")
  check.equal(metadata.name, "été")
end)

check.test("the same tensors give the same bytes", function()
  local function save(order)
    local tensors = {}
    for _, i in ipairs(order) do tensors["t" .. i] = T { i, i + 1 } end
    safetensors.save(path, tensors, { a = "1", b = "2" })
    return read(path)
  end
  check.equal(save { 1, 2, 3, 4, 5 }, save { 5, 3, 1, 2, 4 })
end)

check.test("empty tables", function()
  safetensors.save(path, {})
  local loaded, metadata = safetensors.load(path)
  check.equal(next(loaded), nil)
  check.equal(next(metadata), nil)
end)

check.test("errors", function()
  check.fails("\"a\" must be a tensor, not a number", safetensors.save, path, { a = 1 })
  check.fails("named by strings", safetensors.save, path, { T(1) })
  check.fails("zero byte", safetensors.save, path, { ["a\0b"] = T(1) })
  check.fails("cannot be named", safetensors.save, path, { __metadata__ = T(1) })
  check.fails("metadata \"a\" must be a string", safetensors.save, path, {}, { a = {} })
  check.fails("no safetensors file", safetensors.load, debug.getinfo(1, "S").source:sub(2))
  check.fails("/nonexistent/x", safetensors.save, "/nonexistent/x", {})
end)

check.test("a file is loaded into a network in one line, and a sealed one is checked", function()
  local nn = require "calr.nn"
  local file = os.getenv "CALR_TEST_TMP" .. "/net.safetensors"
  local from, to = nn.linear(3, 2):init(1), nn.linear(3, 2):init(2)
  safetensors.save(file, from:state(), { epoch = 4 }, { checksum = true })
  to:load_state(safetensors.load(file))
  check.ok(to:state().weight:equal(from:state().weight))
  local _, metadata = safetensors.load(file)
  check.equal(metadata.epoch, "4")
  check.equal(metadata["calr.checksum"], nil)
  local bytes = sys.read_file(file)
  sys.write_file(file, bytes:sub(1, -2) .. string.char(bytes:byte(-1) ~ 1))
  check.fails("its checksum does not fit its contents", safetensors.load, file)
  local tensors, why = safetensors.try(file)
  check.equal(tensors, nil)
  check.ok(why:find("is damaged", 1, true))
  check.fails("No such file", safetensors.try, file .. ".absent")
end)

check.finish()
