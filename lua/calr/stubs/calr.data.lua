---@meta calr.data
-- Made by `calr docs`; do not edit.

--- Data sets: open a file that `calr data import` or `calr data make` wrote, and take its images by split.
---
---     local data = calr.data.open("market.lmdb")
---     local train = data:train()
---     for images, index in train:batches { batch = 64, height = 128, width = 64 } do ... end
---
--- Tensors that describe a split have one row an image, in the split's order; row numbers count from 0, positions
--- given as Lua numbers from 1.
---@class calr.data
local M = {}

---@class split
local split = {}

--- Where image i of the split stands in the file.
---@param i any from 1
---@return integer # from 1
function split:position(i) end

---@return integer # images
function split:count() end

---@return string # "train", "query" or "gallery"
function split:name() end

--- The true identity of every image, as the source numbers them; -1 where it is not known. For evaluation: training
--- without labels does not look at them.
---@return tensor # i32[n]
function split:identities() end

--- The true identities numbered from 0 in rising order; -1 where it is not known.
---@return tensor # i32[n]
---@return integer # the number of identities
function split:labels() end

--- The camera of every image. The cameras of a data set are numbered from 0 without gaps, the same in all splits.
---@return tensor # i32[n]
function split:cameras() end

---@param i any
---@return string # the path of image i, relative to the folder it was imported from
function split:path(i) end

---@param i any
---@return string # the bytes of image i's file
function split:jpeg(i) end

--- Goes through images in batches that worker threads make ahead:
---
---     for images, index in split:batches { height = 128, width = 64 } do ... end
---
--- images is f32[b x height x width x 3], normalised; index i64[b] says which rows of the split they are. What happens
--- to an image depends on (seed, epoch, its place in the order) alone.
---@param options any
--- - `order`: rows of the split, from 0, in the order wanted, repeated or left out at will: a table or a tensor of integers; the default is all, in order
--- - `augment`: true: as for training; a table: some of it changed. All options of calr.loader.open are known
---@return loader # for the generic for, which also closes it when the loop is left early
function split:batches(options) end

--- Opens a data set.
---@param path any
---@param options any
--- - `ids`: train on the first so many identities only (in the order of their numbers), for quick trials; query and gallery stay whole
---@return dataset
function M.open(path, options) end

---@class dataset
local dataset = {}

---@return string
function dataset:name() end

--- What tells this data set from every other: the fingerprint of the file, with the restriction to some identities
--- where there is one.
---@return string
function dataset:fingerprint() end

--- The images to train on. The first call makes it, the later ones return the same.
---@return split
function dataset:train() end

--- The images to search for.
---@return split
function dataset:query() end

--- The images to search in.
---@param options any
--- - `junk`: whether those of identity -1 are among them, which count neither for nor against a ranking
---@return split
function dataset:gallery(options) end

--- The same data set with its training images restricted, as by calr.data.open(path, {ids=}).
---@param options any
---@return dataset
function dataset:subset(options) end

---@return integer # the number of cameras, over all splits
function dataset:camera_count() end

---@return store # the open file underneath (see calr.store)
function dataset:store() end

return M
