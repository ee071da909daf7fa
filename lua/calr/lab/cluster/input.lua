--- @module calr.lab.cluster.input
--- Reads and checks the input of `calr cluster`: features, identities and cameras as .npy files. Unusable input is a
--- usage error that says what to do.

local L = require "calr.labels"
local errors = require "calr.errors"
local npy = require "calr.npy"
local sys = require "calr.sys"

local input = {}

local function load(path, what)
  if not sys.exists(path) then errors.usage("there is no file of %s %s", what, path) end
  if sys.is_folder(path) then errors.usage("%s is a folder, not a file of %s", path, what) end
  local ok, tensor = pcall(npy.load, path)
  if not ok then errors.usage("%s", (tostring(tensor):gsub("^[^\n]-%.lua:%d+: ", ""))) end
  return tensor
end

-- The first row with a value that is not finite, from 1.
local function first_bad_row(x)
  local first, count = 1, x:size(1)
  while count > 1 do
    local half = count // 2
    if x:narrow(1, first, half):contiguous():is_finite() then
      first, count = first + half, count - half
    else
      count = half
    end
  end
  return first
end

--- calr.lab.cluster.input.features(path [, verb])
--- @param path  of a .npy file: [n x d], floating-point numbers (f16, f32, f64) or integers
--- @param verb  string; what is done with them, for messages; default "cluster"
--- @return tensor  f32[n x d], n and d at least 1, finite
function input.features(path, verb)
  local x = load(path, "features")
  if x:dim() ~= 2 then
    errors.usage("%s is %s; features must be [images x numbers]%s", path, tostring(x), x:dim() == 1
      and ", and these look like labels" or x:dim() > 2 and ": save x.reshape(len(x), -1)" or "")
  end
  if x:size(1) == 0 or x:size(2) == 0 then
    errors.usage("%s is %s: there is nothing to %s", path, tostring(x), verb or "cluster")
  end
  if x:dtype() ~= "f32" then x = x:to "f32" end
  if not x:is_finite() then
    errors.usage("row %d of %s (counted from 1) holds a NaN, an infinity, or a number too large for f32",
      first_bad_row(x), path)
  end
  local largest = math.max(math.abs(x:max():item()), math.abs(x:min():item()))
  if largest > 1e15 then
    errors.usage("%s holds numbers up to %g, whose squares overflow f32: scale them down", path, largest)
  end
  if largest == 0 then errors.usage("%s holds only zeros", path) end
  return x
end

local function integers(path, what, count)
  local values = load(path, what)
  if values:dim() == 2 and values:size(2) == 1 then values = values:reshape { -1 } end
  local dtype = values:dtype()
  if values:dim() ~= 1 or dtype:sub(1, 1) == "f" or dtype == "bool" then
    errors.usage("%s is %s; %s must be whole numbers, one for each image: save x.astype(numpy.int64)", path,
      tostring(values), what)
  end
  if values:numel() ~= count then
    errors.usage("%s holds %d %s for %d images", path, values:numel(), what, count)
  end
  return values
end

--- calr.lab.cluster.input.identities(path, count)
--- @return tensor  i64[count]; below 0: unknown
function input.identities(path, count)
  return integers(path, "identities", count):to "i64"
end

--- calr.lab.cluster.input.cameras(path, count)
--- @return tensor  i32[count]: cameras from 0, by first appearance
--- @return table   their numbers in the file, in that order
function input.cameras(path, count)
  local given = integers(path, "cameras", count)
  local lowest, highest = given:min():item(), given:max():item()
  if lowest < 0 or highest >= 2 ^ 30 then
    errors.usage("%s holds cameras from %d to %d; camera numbers must be 0 to 2^30", path, lowest, highest)
  end
  given = given:to "i32"
  local cameras = L.pair(given, given)
  local names = L.commonest(cameras, given):totable()
  return cameras, names
end

return input
