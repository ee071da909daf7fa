--- @module calr.lab.retrieval.extract
--- Features of many images, written to a file in parts, so that an interrupted extraction goes on where it was.
---
--- While the work lasts, the folder NAME.npy.parts lies beside the target NAME.npy: plan.json says what is extracted,
--- and each part is an .npy file of its own. No file has its final name before it is complete.

local csv = require "calr.csv"
local json = require "calr.json"
local layout = require "calr.data.layout"
local npy = require "calr.npy"
local progress = require "calr.progress"
local reader = require "calr.lab.retrieval.reader"
local sys = require "calr.sys"
local T = require "calr.tensor"

local extract = {}

local FORMAT = 1 -- of plan.json and of the record of features
local CHUNK = 1024 -- images in a part

local function fail(...) error((...):format(select(2, ...)), 0) end

--- calr.lab.retrieval.extract.beside(path, ending)
--- @return string  the path of a file that goes with features: features.csv of features.npy
function extract.beside(path, ending)
  return (path:gsub("%.npy$", "")) .. ending
end

-- What is extracted: equal plans give equal features.
local function plan_of(o)
  return { format = FORMAT, model = o.model.fingerprint, images = o.images:fingerprint(), count = o.images:count(),
    dim = o.model.net.dim, chunk = o.chunk or CHUNK }
end

local function read_plan(folder)
  local path = folder .. "/plan.json"
  if not sys.exists(path) then return nil end
  local ok, plan = pcall(function() return json.decode(sys.read_file(path), path) end)
  return ok and type(plan) == "table" and plan or {}
end

local differences = { { "model", "of another model" }, { "images", "of other images" },
  { "format", "by another version of calr" } }

local function difference(old, new)
  for _, pair in ipairs(differences) do
    if old[pair[1]] ~= new[pair[1]] then return pair[2] end
  end
end

local function part_name(folder, number, ending) return ("%s/%06d%s"):format(folder, number, ending) end

local function clear(folder)
  for _, name in ipairs(sys.list(folder)) do sys.remove(folder .. "/" .. name) end
end

local function has_parts(folder)
  for _, name in ipairs(sys.list(folder)) do
    if name:match "%.npy$" then return true end
  end
  return false
end

local function lock_folder(folder)
  local lock, holder = sys.lock(folder .. "/lock")
  return lock or fail("%s is in use by process %s, which extracts the same features", folder, holder)
end

-- Makes the folder of the parts this process's own, and the plan that of the parts that are there. Returns the lock.
local function take_folder(folder, plan, anew)
  sys.make_folder(folder)
  local lock = lock_folder(folder)
  local old, begun = read_plan(folder), has_parts(folder)
  local other = begun and difference(old or {}, plan)
  if other and not anew then
    fail("%s holds the parts of an interrupted extraction %s: finish that one first, or begin anew (--anew)", folder,
      other)
  end
  if begun and not anew then
    plan.chunk = old.chunk
  else
    lock:release()
    clear(folder)
    lock = lock_folder(folder)
  end
  sys.write_file(folder .. "/plan.json", json.encode(plan, { indent = 2 }))
  return lock
end

-- Rows that a part begins and ends with, from 0.
local function rows_of(plan, number)
  local first = (number - 1) * plan.chunk
  return first, math.min(first + plan.chunk, plan.count)
end

local function parts_of(plan) return (plan.count + plan.chunk - 1) // plan.chunk end

-- The parts that are missing, and how many images they have.
local function missing(folder, plan)
  local list, images = {}, 0
  for number = 1, parts_of(plan) do
    if not sys.exists(part_name(folder, number, ".npy")) then
      local first, last = rows_of(plan, number)
      list[#list + 1], images = number, images + last - first
    end
  end
  return list, images
end

-- Extracts the missing parts.
local function work(o, folder, plan)
  local list, images = missing(folder, plan)
  if #list == 0 then return 0 end
  local take, done, bad_images = reader.of(o.model, o.images), 0, 0
  local bar <close> = progress.new("features of " .. o.images:name(), images)
  for _, number in ipairs(list) do
    local first, last = rows_of(plan, number)
    local features, bad = take(o.images, T.arange(first, last):to "i64", { skip_bad = o.skip_bad, each = function(count)
      bar:update(done + count, bad_images > 0 and bad_images .. " bad" or nil)
    end })
    done = done + last - first
    for _, image in ipairs(bad) do
      image.row = first + image.row
      bad_images = bad_images + 1
      progress.print("left out " .. image.reason)
    end
    if #bad > 0 then sys.write_file(part_name(folder, number, ".json"), json.encode(bad)) end
    npy.save(part_name(folder, number, ".npy"), features)
  end
  return images
end

-- All images left out: list of {row=, reason=}, row from 1.
local function all_bad(folder, plan)
  local list = json.array()
  for number = 1, parts_of(plan) do
    local path = part_name(folder, number, ".json")
    if sys.exists(path) then
      for _, image in ipairs(json.decode(sys.read_file(path), path)) do list[#list + 1] = image end
    end
  end
  return list
end

-- What is known of each row of the features: the columns of the CSV, and their order.
local function columns_of(images, bad)
  local known, left_out = images:known(), {}
  for _, image in ipairs(bad) do left_out[image.row] = true end
  local identities = known.identities and images:identities():totable()
  local cameras = known.cameras and images:cameras():totable()
  local splits = known.splits and images:splits()
  local columns, names = { name = {} }, { "name" }
  for _, pair in ipairs { { "identity", identities }, { "camera", cameras }, { "split", splits } } do
    if pair[2] then columns[pair[1]], names[#names + 1] = {}, pair[1] end
  end
  for i = 1, images:count() do
    if not left_out[i] then
      local at = #columns.name + 1
      columns.name[at] = images:path(i)
      if identities then columns.identity[at] = identities[i] end
      if cameras then columns.camera[at] = cameras[i] end
      if splits then columns.split[at] = splits[i] end
    end
  end
  return columns, names
end

local function record_of(o, plan, rows, bad)
  local cfg, skipped = o.model.config, json.array()
  for i, image in ipairs(bad) do skipped[i] = image.reason end
  return { format = FORMAT, calr = sys.version.calr, model = o.model.fingerprint, weights = o.model.source,
    network = cfg.network, height = cfg.height, width = cfg.width, precision = cfg.precision, images = plan.images,
    from = o.from and sys.absolute(o.from) or nil, rows = rows, dim = plan.dim, skipped = skipped }
end

-- Puts the parts together and writes what stands beside the features.
local function put_together(o, folder, plan, bad)
  local parts = {}
  for number = 1, parts_of(plan) do parts[number] = part_name(folder, number, ".npy") end
  local columns, names = columns_of(o.images, bad)
  if sys.exists(extract.beside(o.to, ".json")) then sys.remove(extract.beside(o.to, ".json")) end -- of older features
  csv.save(extract.beside(o.to, ".csv"), columns, names)
  npy.join(o.to, parts)
  sys.write_file(extract.beside(o.to, ".json"),
    json.encode(record_of(o, plan, plan.count - #bad, bad), { indent = 2 }))
end

--- calr.lab.retrieval.extract.run{model=, images=, to=, from=, skip_bad=false, chunk=1024, anew=false}
--- Writes the features of images to NAME.npy, what they are of to NAME.csv (name, and identity, camera and split where
--- they are known), and by which model to NAME.json.
--- @param model     from calr.trained.open
--- @param images    from calr.data.images
--- @param to        string; the file to write, NAME.npy
--- @param from      string; the path of the images, for the record
--- @param skip_bad  images that cannot be read or decoded are left out and named; otherwise the first is an error
--- @param chunk     images in a part: at most that many are extracted again after an interruption
--- @param anew      parts of another extraction to the same file are thrown away; otherwise they are an error
--- @return table    rows, dim, seconds, extracted = images that were not there from an earlier call, skipped = list of
---                  texts, files = the files written
function extract.run(o)
  local started, images = sys.clock(), o.images
  layout.check_name(o.to)
  layout.check_name(o.model.source)
  if o.from then layout.check_name(sys.absolute(o.from)) end -- the record names all three
  if images:count() == 0 then fail("%s has no images", images:name()) end
  local plan, folder = plan_of(o), o.to .. ".parts"
  local extracted, bad
  do
    local _ <close> = take_folder(folder, plan, o.anew)
    local _ <close> = setmetatable({}, { __close = function() -- after an error: nothing done, nothing left behind
      if not has_parts(folder) then
        clear(folder)
        sys.remove(folder)
      end
    end })
    extracted = work(o, folder, plan)
    bad = all_bad(folder, plan)
    if #bad < plan.count then put_together(o, folder, plan, bad) end
    clear(folder) -- parts without a row would only be in the way of the next extraction
  end
  if #bad == plan.count then fail("no image of %s can be read; the first: %s", images:name(), bad[1].reason) end
  local skipped = {}
  for i, image in ipairs(bad) do skipped[i] = image.reason end
  return { rows = plan.count - #bad, dim = plan.dim, seconds = sys.clock() - started, extracted = extracted,
    skipped = skipped, files = { o.to, extract.beside(o.to, ".csv"), extract.beside(o.to, ".json") } }
end

return (require("calr.options").counted("calr.lab.retrieval.extract.", extract))
