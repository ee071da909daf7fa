-- Reads files that are mutations of good ones, for as long as CALR_FUZZ_SECONDS says (10): every parser of a format
-- that comes from elsewhere. A file may be refused; reading it must not crash, hang or take more memory than it is
-- worth.
--
-- The mutation that runs is named in the file "round"; CALR_FUZZ_ROUND=N runs mutation N alone, CALR_FUZZ_SEED starts
-- there.
local calr = require "calr"
local sys = calr.sys

local seconds = tonumber(os.getenv "CALR_FUZZ_SECONDS" or 10)
local only = tonumber(os.getenv "CALR_FUZZ_ROUND" or nil)
local first = only or tonumber(os.getenv "CALR_FUZZ_SEED" or nil) or sys.pid() * 1000003
local reference = assert(os.getenv "CALR_TEST_REFERENCE")

local function from_file(read)
  return function(bytes)
    local file <close> = assert(io.open("mutated", "wb")) -- sys.write_file waits for the disk
    file:write(bytes)
    file:flush()
    return read "mutated"
  end
end

local parsers = {
  { name = "npy", read = from_file(calr.npy.load), folder = "npy", ending = "%.npy$" },
  { name = "npz", read = from_file(calr.npz.load), folder = "npz", ending = "%.npz$" },
  { name = "csv", read = from_file(calr.csv.load),
    samples = { "a,b\n1,\"x\"\"y\"\r\n2.5,\n", "a\n", "1,2\n\"\n\",4" } },
  { name = "safetensors", read = from_file(calr.safetensors.load), folder = "safetensors",
    ending = "%.safetensors$" },
  { name = "pth", read = from_file(calr.pth.load), folder = "pth", ending = "%.pth$" },
  { name = "jpeg", read = function(bytes)
    pcall(calr.image.probe, bytes)
    return calr.image.decode(bytes, { pixel_limit = 1 << 20 })
  end, folder = "image", ending = "%.jpg$" },
  { name = "png", read = from_file(calr.image.load_png), folder = "image", ending = "%.png$" },
  { name = "bmp", read = function(bytes)
    pcall(calr.image.probe, bytes)
    return calr.image.decode(bytes, { pixel_limit = 1 << 20 })
  end, folder = "image", ending = "%.bmp$" },
  { name = "mat", read = from_file(require("calr.data.mat").load), folder = "data", ending = "%.mat$" },
  { name = "json", read = function(text)
    local value = calr.json.decode(text)
    return calr.json.decode(calr.json.encode(value))
  end, samples = { "[]", "{\"a\":[1,2.5e3,-0,null,true,\"\\u00e9\\n\"],\"b\":{\"c\":[[[]]]}}",
    "[" .. ("1,"):rep(50) .. "1]", "\"" .. ("x"):rep(100) .. "\"", ("["):rep(40) .. ("]"):rep(40), "1e400",
    "[1e308]" } },
}

for _, parser in ipairs(parsers) do
  parser.samples, parser.tried, parser.read_well = parser.samples or {}, 0, 0
  for _, name in ipairs(parser.folder and sys.list(reference .. "/" .. parser.folder) or {}) do
    local path = reference .. "/" .. parser.folder .. "/" .. name
    if name:find(parser.ending) and sys.stat(path).size < 300000 then
      parser.samples[#parser.samples + 1] = sys.read_file(path)
    end
  end
  assert(#parser.samples > 0, parser.name)
end

local random = math.random
local extremes = { "\0\0\0\0", "\xff\xff\xff\xff", "\xff\xff\xff\x7f", "\0\0\0\x80", "\1\0\0\0", "\0\0\0\1",
  ("\xff"):rep(8), ("\xff"):rep(7) .. "\x7f", "99999999999999999999", "-1", "(", ")", "{", "}", "[", "]", "'", "\"",
  ":", ",", "\n", "NaN", "K", ".", "\x80\2", "PK\3\4" }

-- Most faults lie in headers: half of the places are among the first or last few hundred bytes.
local function place(size)
  if size == 0 then return 1 end
  local kind = random(4)
  if kind == 1 then return random(math.min(size, 300)) end
  if kind == 2 then return size - random(math.min(size, 300)) + 1 end
  return random(size)
end

local mutations = {
  function(s) -- a bit
    local i = place(#s)
    return s:sub(1, i - 1) .. string.char(((s:byte(i) or 0) ~ (1 << random(0, 7))) & 255) .. s:sub(i + 1)
  end,
  function(s) -- a byte
    local i = place(#s)
    return s:sub(1, i - 1) .. string.char(random(0, 255)) .. s:sub(i + 1)
  end,
  function(s) return s:sub(1, place(#s) - 1) end,
  function(s) -- a number or token written over
    local i, e = place(#s), extremes[random(#extremes)]
    return s:sub(1, i - 1) .. e .. s:sub(i + #e)
  end,
  function(s) -- or put between
    local i = place(#s)
    return s:sub(1, i - 1) .. extremes[random(#extremes)] .. s:sub(i)
  end,
  function(s) -- a piece out
    local i = place(#s)
    return s:sub(1, i - 1) .. s:sub(i + random(1, 40))
  end,
  function(s) -- a piece twice
    local i = place(#s)
    return s:sub(1, i + random(0, 40)) .. s:sub(i)
  end,
  function(s) -- digits changed: lengths and shapes that are written as text
    return (s:gsub("%d+", function(d)
      return random(12) == 1 and (random(2) == 1 and tostring(random(0, 1 << 40)) or ("9"):rep(#d)) or d
    end, 60))
  end,
}

local function mutate(number)
  math.randomseed(number)
  local parser = parsers[number % #parsers + 1]
  local bytes = parser.samples[random(#parser.samples)]
  for _ = 1, random(1, 3) do bytes = mutations[random(#mutations)](bytes) end
  if random(20) == 1 then
    bytes = bytes:sub(1, place(#bytes)) .. parser.samples[random(#parser.samples)]:sub(-random(500))
  end
  return parser, bytes
end

local stop, count = sys.clock() + seconds, 0
local mark = assert(io.open("round", "w"))
repeat
  local number = first + count
  mark:seek "set"
  mark:write(("%-20d\n"):format(number))
  mark:flush()
  local parser, bytes = mutate(number)
  local ok, message = pcall(parser.read, bytes)
  parser.tried = parser.tried + 1
  if ok then
    parser.read_well = parser.read_well + 1
  else
    assert(type(message) == "string" and #message > 0 and #message < 4000, "an error without a message, or a long one")
  end
  count = count + 1
  if count % 500 == 0 then collectgarbage() end
until only or sys.clock() > stop
local parts = {}
for _, parser in ipairs(parsers) do
  parts[#parts + 1] = ("%s %d (%d read)"):format(parser.name, parser.tried, parser.read_well)
end
print(("%d files from %d: %s"):format(count, first, table.concat(parts, ", ")))
