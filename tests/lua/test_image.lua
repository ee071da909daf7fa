-- calr.image: JPEG and PNG as tensors, resizing, bad files.
local check = require "check"
local image = require "calr.image"
local T = require "calr.tensor"

local reference = os.getenv("CALR_TEST_REFERENCE") .. "/image/"
local tmp = os.getenv("CALR_TEST_TMP")

local function read(path)
  local f <close> = assert(io.open(path, "rb"))
  return f:read("a")
end

local function write(path, bytes)
  local f <close> = assert(io.open(path, "wb"))
  f:write(bytes)
end

-- The pixels of a PPM file as one string.
local function ppm(name)
  local width, height, pixels = read(reference .. name .. ".ppm"):match("^P6\n(%d+) (%d+)\n255\n(.*)$")
  return tonumber(width), tonumber(height), pixels
end

local function same_pixels(tensor, name)
  local width, height, pixels = ppm(name)
  check.equal(tostring(tensor), ("u8[%d x %d x 3]"):format(height, width))
  local numbers = tensor:reshape({ -1 }):totable()
  for i = 1, #numbers do
    local want = pixels:byte(i)
    if numbers[i] ~= want then error(("%s: byte %d is %d, want %d"):format(name, i, numbers[i], want)) end
  end
end

check.test("decoding gives Pillow's pixels", function()
  for _, name in ipairs { "rgb420", "progressive", "gray", "cmyk", "ycck" } do
    same_pixels(image.decode(read(reference .. name .. ".jpg")), name)
    same_pixels(image.decode_file(reference .. name .. ".jpg"), name)
  end
end)

check.test("a probe reads the header", function()
  local info = image.probe(read(reference .. "gray.jpg"))
  check.equal(info.width, 33)
  check.equal(info.height, 47)
  check.equal(info.color, "gray")
  check.equal(image.probe(read(reference .. "cmyk.jpg")).color, "cmyk")
  check.equal(image.probe(read(reference .. "rgb420.jpg")).color, "rgb")
  check.equal(info.format, "jpeg")
  check.equal(image.probe(read(reference .. "bmp24.bmp")).format, "bmp")
  check.equal(image.probe(read(reference .. "gray16.png")).format, "png")
  check.equal(tostring(image.decode(read(reference .. "bmp565.bmp"))), "u8[9 x 13 x 3]")
  check.equal(tostring(image.decode_file(reference .. "alpha.png")), "u8[9 x 13 x 3]")
  check.fails("no JPEG, PNG or BMP image: it looks like text", image.probe, "hello")
end)

check.test("bad files say what they are", function()
  local good = read(reference .. "rgb420.jpg")
  check.fails("0 bytes", image.decode, "")
  check.fails("looks like a GIF", image.decode, "GIF89a\1\0\1\0")
  check.fails("truncated", image.decode, good:sub(1, #good // 2))
  check.fails("33 x 47", image.decode, good, { pixel_limit = 100 })
  check.fails("did you mean \"pixel_limit\"", image.decode, good, { pixel_limits = 100 })
  local bad = tmp .. "/bad.jpg"
  write(bad, good:sub(1, 800))
  check.fails("bad.jpg: the JPEG", image.decode_file, bad)
  check.fails("none.jpg", image.decode_file, tmp .. "/none.jpg")
end)

check.test("encoding comes back, the same bytes each time", function()
  local pixels = image.decode_file(reference .. "rgb444.jpg")
  local a = image.encode(pixels, { quality = 95, chroma = "444" })
  check.equal(image.encode(pixels, { quality = 95, chroma = "444" }), a)
  check.ok(#image.encode(pixels, { quality = 30 }) < #a)
  check.equal(tostring(image.decode(a)), "u8[47 x 33 x 3]")
  check.fails("quality", image.encode, pixels, { quality = 0 })
  check.fails("no choice \"411\"", image.encode, pixels, { chroma = "411" })
  check.fails("u8[height x width x 3]", image.encode, T.zeros { 4, 4, 3 })
  check.fails("three channels", image.encode, T.zeros({ 4, 4, 4 }, "u8"))
  check.fails("1 to 65535", image.encode, T.zeros({ 0, 4, 3 }, "u8"))
end)

check.test("resizing keeps a flat image flat", function()
  local flat = T.full({ 10, 20, 3 }, 77, "u8")
  local to = image.resize(flat, { height = 31, width = 7 })
  check.equal(tostring(to), "u8[31 x 7 x 3]")
  for _, value in ipairs(to:reshape({ -1 }):totable()) do
    if value ~= 77 then error("not flat") end
  end
  check.equal(tostring(image.resize(flat, { height = 1, width = 1, filter = "bilinear" })), "u8[1 x 1 x 3]")
  check.fails("height and width are needed", image.resize, flat, { height = 3 })
  check.fails("no choice \"cubic\"", image.resize, flat, { height = 3, width = 3, filter = "cubic" })
end)

check.test("PNG files", function()
  local pixels = image.decode_file(reference .. "rgb444.jpg")
  image.save_png(pixels, tmp .. "/a.png")
  check.all_near(image.load_png(tmp .. "/a.png"), pixels, 0)
  image.save_png(T.full({ 3, 5 }, 9, "u8"), tmp .. "/gray.png")
  check.all_near(image.load_png(tmp .. "/gray.png"), T.full({ 3, 5, 3 }, 9, "u8"), 0)
  same_pixels(image.load_png(reference .. "palette.png"), "palette")
  check.fails("rgb420.jpg: not a PNG", image.load_png, reference .. "rgb420.jpg")
  check.fails("u8[height x width", image.save_png, T.zeros { 3, 5 }, tmp .. "/b.png")
  check.fails("No such file", image.save_png, pixels, tmp .. "/none/b.png")
end)

check.finish()
