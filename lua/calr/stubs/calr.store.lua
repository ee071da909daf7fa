---@meta calr.store
-- Made by `calr docs`; do not edit.

--- The data-set store: one file that holds the JPEG bytes of every image and a record of each.
--- calr.data puts splits and labels on top; a script that only trains needs nothing of this module.
--- Images are numbered from 1 here.
---@class calr.store
local M = {}

--- Opens a data set. The file is never written to, and needs no lock: it may be read-only.
---@param path any
---@return store
function M.open(path) end

---@class store
local store = {}

---@return integer # images of all splits
function store:count() end

---@return string # the path it was opened by
function store:file() end

---@return string # the data set's name, such as "market1501"
function store:name() end

--- What tells this data set from every other: 32 hexadecimal digits over paths, identities,
--- cameras, splits and bytes of all images, in order.
---@return string
function store:fingerprint() end

---@return string # program and version that wrote the file
function store:created_by() end

---@return integer # bytes of all images
---@return integer # bytes of the file
function store:bytes() end

--- The identity of every image as the source gives it (-1 and 0 may have meanings of their own).
---@return tensor # i64[n]
function store:identities() end

--- The camera of every image, from 0.
---@return tensor # i32[n]
function store:cameras() end

--- The split of every image: 0 train, 1 query, 2 gallery.
---@return tensor # u8[n]
function store:splits() end

---@param i any
---@return string # the path of image i, relative to the folder it was imported from
function store:path(i) end

---@param i any
---@return string # the bytes of image i as they were in its file
function store:jpeg(i) end

--- The numbers of the images of a split, from 0, rising.
---@param options any
--- - `split`: "train", "query" or "gallery"
--- - `junk`: whether images of identity -1 are among them
--- - `ids`: only the images of the first so many identities of the split, in rising order
---@return tensor # i64[m]
function store:rows(options) end

--- Numbers values from 0 in rising order: identities 7, 2, 7 become 1, 0, 1. Negative values become
--- -1.
---@param values any i32[n] or i64[n]
---@return tensor # i32[n]
---@return tensor # i64[k]: the distinct values, rising
function M.dense(values) end

--- Reads all images and compares them with the fingerprint; an error when the file is damaged.
function store:verify() end

--- Closes it now rather than when it is collected. Loaders that read from it keep the file open
--- until they end.
function store:close() end

--- Begins a data set. It is written beside `path` and gets its name when it is committed; a writer
--- that is collected or closed without commit leaves nothing behind. An existing data set of that
--- name is replaced, any other file is not.
---@param options any
--- - `path`: the file to write
--- - `name`: what the data set is called
--- - `check`: whether every image is decoded before it is taken
---@return writer
function M.writer(options) end

return M
