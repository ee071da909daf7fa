--- @module calr.data
--- Data sets: opens a file from `calr data import` or `calr data make`, and gives its images by split.
---
---     local data = calr.data.open("market.lmdb")
---     local train = data:train()
---     for images, index in train:batches { batch = 64, height = 128, width = 64 } do ... end
---
--- Tensors that describe a split have one row an image, in the split's order; row numbers count from 0, positions
--- given as Lua numbers from 1.

local arguments = require "calr.options"
local check_options = arguments.check
local store = require "calr.store"
local tensor = require "calr.tensor"

local data = {}

local Split, Dataset = {}, {}
Split.__index, Dataset.__index = Split, Dataset

-- ---- splits ----

local function new_split(dataset, name, options)
  options.split = name
  return setmetatable({ dataset = dataset, split_name = name, rows = dataset.file:rows(options) }, Split)
end

-- The position of image i of the split in the file; both count from 1.
local function position(split, i)
  if math.type(i) ~= "integer" or i < 1 or i > split:count() then
    error(("%s has the images 1 to %d; there is no image %s"):format(split, split:count(), tostring(i)), 3)
  end
  return split.rows:get(i) + 1
end

--- split:count()
--- @return integer  images
function Split:count() return self.rows:numel() end

--- split:name()
--- @return string  "train", "query", "gallery" or "multi"
function Split:name() return self.split_name end

--- split:identities()
--- Returns the true identity of every image, as numbered by the source; -1 if unknown. For evaluation only: training
--- without labels does not use them.
--- @return tensor  i32[n]
function Split:identities()
  self.identity_values = self.identity_values or self.dataset.file:identities():index_select(1, self.rows):to "i32"
  return self.identity_values
end

--- split:labels()
--- Returns the true identities numbered from 0 in ascending order; -1 if unknown.
--- @return tensor   i32[n]
--- @return integer  the number of identities
function Split:labels()
  local dense, names = store.dense(self:identities())
  return dense, names:numel()
end

--- split:cameras()
--- Returns the camera of every image. Cameras are numbered from 0 without gaps, the same in all splits.
--- @return tensor  i32[n]
function Split:cameras()
  self.camera_values = self.camera_values or self.dataset:camera_table():index_select(1, self.rows)
  return self.camera_values
end

--- split:path(i)
--- @return string  the path of image i, relative to the folder it was imported from
function Split:path(i) return self.dataset.file:path(position(self, i)) end

--- split:jpeg(i)
--- @return string  the bytes of image i's file
function Split:jpeg(i) return self.dataset.file:jpeg(position(self, i)) end

--- split:batches{height=, width=, batch=64, order=, augment=false, seed=0, epoch=0, workers=, ...}
--- Iterates over images in batches that worker threads prepare ahead:
---
---     for images, index in split:batches { height = 128, width = 64 } do ... end
---
--- images is f32[b x height x width x 3], normalised; index i64[b] says which rows of the split they are. With views=2
--- a third value is a second view of the same images, augmented by separate random numbers. The processing of an image
--- depends only on (seed, epoch, its place in the order, the view).
--- @param order    table, or a tensor of integers: rows of the split, from 0, in any order, repeated or left out
---                 at will; default: all, in order
--- @param augment  true: as for training; a table: with changes. All options of calr.loader.open are accepted
--- @return loader  for the generic for, which also closes it if the loop ends early
function Split:batches(options)
  local o = {}
  for name, value in pairs(options or {}) do o[name] = value end
  o.records = self.rows
  if type(o.order) == "table" then
    o.order = tensor(o.order, "i64")
  elseif tensor.is(o.order) and o.order:dtype() == "i32" then
    o.order = o.order:to "i64"
  end
  local loader = require("calr.loader").open(self.dataset.file, o)
  return loader, nil, nil, loader
end

Split.__tostring = function(self)
  return ("%s of %s (%d images)"):format(self.split_name, self.dataset:name(), self:count())
end

-- ---- data sets ----

local open_options = { "ids" }

--- calr.data.open(path [, {ids=}])
--- Opens a data set.
--- @param ids  train on this many identities only (the first by number), for quick trials; query and
---             gallery stay complete
--- @return dataset
function data.open(path, options)
  check_options("calr.data.open", options, open_options)
  local ids = options and options.ids
  if ids ~= nil and (math.type(ids) ~= "integer" or ids < 1) then
    error(("option \"ids\" must be a whole number of at least 1, not %s"):format(tostring(ids)), 2)
  end
  return setmetatable({ file = store.open(path), ids = ids, splits = {} }, Dataset)
end

--- dataset:name()
--- @return string
function Dataset:name() return self.file:name() end

--- dataset:fingerprint()
--- Returns a string that identifies this data set: the fingerprint of the file, with the restriction to some identities
--- if there is one.
--- @return string
function Dataset:fingerprint()
  return self.file:fingerprint() .. (self.ids and ("/ids=%d"):format(self.ids) or "")
end

--- dataset:train()
--- Returns the images to train on. The first call makes the split; later ones return the same.
--- @return split
function Dataset:train()
  if not self.splits.train then
    local split = new_split(self, "train", { junk = true, ids = self.ids })
    if self.ids and split:count() == 0 then
      error(("%s has no identities to choose from (ids=%d)"):format(self.file:file(), self.ids), 2)
    end
    self.splits.train = split
  end
  return self.splits.train
end

--- dataset:query()
--- Returns the query images, to search for.
--- @return split
function Dataset:query()
  self.splits.query = self.splits.query or new_split(self, "query", { junk = true })
  return self.splits.query
end

--- dataset:multi()
--- Returns further images of the queries' persons by the queries' cameras, for multi-query evaluation; few data sets
--- have them (of Market-1501: the layout market1501_multi).
--- @return split
function Dataset:multi()
  self.splits.multi = self.splits.multi or new_split(self, "multi", { junk = true })
  return self.splits.multi
end

local gallery_options = { "junk" }

--- dataset:gallery([{junk=false}])
--- Returns the gallery images, to search in.
--- @param junk  whether to include images of identity -1, which count neither for nor against a ranking
--- @return split
function Dataset:gallery(options)
  check_options("dataset:gallery", options, gallery_options)
  local junk = options and options.junk or false
  local key = junk and "gallery with junk" or "gallery"
  self.splits[key] = self.splits[key] or new_split(self, "gallery", { junk = junk })
  return self.splits[key]
end

--- dataset:subset{ids=}
--- Returns the same data set with its training images restricted, as by calr.data.open(path, {ids=}).
--- @return dataset
function Dataset:subset(options)
  check_options("dataset:subset", options, open_options)
  return data.open(self.file:file(), options)
end

--- dataset:camera_count()
--- @return integer  the number of cameras, over all splits
function Dataset:camera_count()
  self:camera_table()
  return self.distinct_cameras
end

-- The camera of every image of the store, numbered without gaps.
function Dataset:camera_table()
  if not self.camera_values then
    local names
    self.camera_values, names = store.dense(self.file:cameras())
    self.distinct_cameras = names:numel()
  end
  return self.camera_values
end

--- dataset:store()
--- @return store  the open file underneath (see calr.store)
function Dataset:store() return self.file end

Dataset.__tostring = function(self) return tostring(self.file) end

data.Split = Split
arguments.counted("split:", Split)
arguments.counted("dataset:", Dataset)

return (arguments.counted("calr.data.", data))
