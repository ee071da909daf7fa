--- @module calr.data.verify
--- Looks at everything in a data set: whether its bytes are those that were imported, every image decodes, and what in
--- its records would make an evaluation or a training something else than it seems.

local image = require "calr.image"
local loader = require "calr.loader"
local progress = require "calr.progress"
local rank = require "calr.rank"
local sys = require "calr.sys"
local T = require "calr.tensor"
local text = require "calr.text"

local GROUP = 256 -- images decoded in one go
local MULTI = 3 -- the split's number in a store

-- Images first .. last (from 1) one by one; appends those that do not decode.
local function decode_each(file, first, last, bad)
  for i = first, last do
    local ok, problem = pcall(image.decode, file:jpeg(i))
    if not ok then bad[#bad + 1] = { path = file:path(i), reason = require("calr.traceback").plain(problem) } end
  end
end

-- Every image by the loader's threads; where a group fails, each of it on its own, to name all that are bad.
local function decode_all(file)
  local bad, count = {}, file:count()
  local bar <close> = progress.new("decode " .. file:name(), count)
  for first = 0, count - 1, GROUP do
    local size = math.min(GROUP, count - first)
    local ok = pcall(function()
      local part <close> = loader.open(file, { records = T.arange(first, first + size, 1, "i64"), batch = size,
        height = 8, width = 8, ahead = 1 })
      part:next()
    end)
    if not ok then
      sys.check_interrupt()
      decode_each(file, first + 1, first + size, bad)
    end
    bar:update(first + size)
  end
  return bad
end

-- Files that are there twice, byte for byte: how many in all, and how many of training are in the test splits too.
local function twins(file)
  local by_hash, splits, doubles, leaks = {}, file:splits(), 0, 0
  for i = 1, file:count() do
    local hash, is_train = sys.hash(file:jpeg(i)), splits:get(i) == 0
    local seen = by_hash[hash]
    local is_multi = splits:get(i) == MULTI -- the queries' own images are among them, as they should be
    if seen and not is_multi then
      doubles = doubles + 1
      if seen.train ~= is_train and not seen.both then leaks, seen.both = leaks + 1, true end
    elseif not is_multi then
      by_hash[hash] = { train = is_train }
    end
  end
  return doubles, leaks
end

local function unmatched(dataset)
  local query, gallery = dataset:query(), dataset:gallery()
  if query:count() == 0 or gallery:count() == 0 then return 0 end
  return query:count() - rank.matched { query_ids = query:identities(), gallery_ids = gallery:identities(),
    query_cameras = query:cameras(), gallery_cameras = gallery:cameras() }
end

--- calr.data.verify(dataset)
--- Checks a data set: the fingerprint over everything, each image decoded once.
--- @return table  bad= list of {path=, reason=} of images that do not decode, notes= list of texts about records,
---                images=, seconds=; a file that is damaged is an error
return function(dataset)
  local started, file, notes = sys.clock(), dataset:store(), {}
  file:verify()
  local bad = decode_all(file)
  local doubles, leaks = twins(file)
  if doubles > 0 then
    notes[#notes + 1] = ("%s images are there more than once, byte for byte"):format(text.count(doubles))
  end
  if leaks > 0 then
    notes[#notes + 1] = ("%s images are in training and in a test split: figures of such a data set flatter"):format(
      text.count(leaks))
  end
  local lost = unmatched(dataset)
  if lost > 0 then
    notes[#notes + 1] = ("%s of the %s queries have no match by another camera: they are left out of an evaluation")
      :format(text.count(lost), text.count(dataset:query():count()))
  end
  return { bad = bad, notes = notes, images = file:count(), seconds = sys.clock() - started }
end
