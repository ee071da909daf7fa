---@meta calr.loader
-- Made by `calr docs`; do not edit.

--- Batches of images, decoded, resized and augmented ahead of their use by worker threads. What
--- happens to an image depends on (seed, epoch, its place in the order) alone, never on the number
--- of workers. Most scripts use split:batches of calr.data, which calls this.
---@class calr.loader
local M = {}

--- Starts to make batches of a store's images, in an order.
---
---     for images, index in calr.loader.open(store, { height = 128, width = 64 }) do ... end
---
--- The result is called for each batch: it returns images, f32[b x height x width x 3], normalised,
--- and index, i64[b], the items of the order that they belong to; after the last batch, nil. An
--- image that cannot be decoded raises an error that names it. To end early, close the loader
--- (close(), or a <close> variable).
---@param store any an open store
---@param options any
--- - `height`: of the images that come out
--- - `width`: of the images that come out
--- - `batch`: images a batch; the last batch holds what is left
--- - `records`: i64[n], numbers of the store's images from 0; the default is all of them
--- - `order`: i64[m], positions in records from 0, repeated or left out at will; the default is all, in order
--- - `augment`: false: resize and normalise only. true: the training augmentation, in this order: flip with probability 0.5, a black border of 10 pixels and a random cut, normalise, erase a random rectangle with probability 0.5. A table changes some of it: {flip=0.5, pad=10, erase=0.5, erase_area={0.02, 0.4} (fractions of the image), erase_aspect={0.3, 3.33} (height / width), erase_after_normalize=true (fill with the numbers of mean; false: with the mean colour)}
--- - `filter`: "bicubic" (default) or "bilinear", both antialiased as Pillow's
--- - `mean`: of the three channels, for values in 0 .. 1; the default is ImageNet's
--- - `std`: deviation of the three channels; the default is ImageNet's
--- - `seed`: names the random numbers, with epoch and the place in the order; 0
--- - `epoch`: 0
--- - `first_slot`: the place of the order's first item, 0: for going on in the middle of an epoch
--- - `workers`: threads that work ahead; 0: none, all threads make a batch when it is asked for. The default is 2, or 1 where one thread is in use
--- - `ahead`: batches in the making or waiting, 3
--- - `pixel_limit`: larger JPEG images (width x height) are refused; 67108864
--- - `cache`: what calr.loader.cache returned: decode each image once
---@return loader
function M.open(store, options) end

---@class loader
local loader = {}

--- The next batch; calling the loader itself does the same.
---@return tensor # f32[b x height x width x 3], or nil after the last batch
---@return tensor # i64[b], the items of the order
function loader:next() end

---@return integer # images of the whole order
function loader:count() end

---@return integer # batches of the whole order
function loader:batches() end

--- Stops the workers and frees what was made ahead. Batches already returned stay. Twice is fine.
function loader:close() end

--- Memory for resized images, so that many epochs over little data decode each image once. It is
--- filled by the loaders that are given it, with the images that come first, and never changes a
--- result.
---@param store any an open store
---@param options any
--- - `height`: of the images
--- - `width`: of the images
--- - `filter`: "bicubic" or "bilinear"
--- - `bytes`: at most so much is kept
---@return cache
function M.cache(store, options) end

---@class cache
local cache = {}

---@return integer # bytes kept now
function cache:bytes() end

---@return integer # images kept now
function cache:images() end

--- Frees the images, once no loader uses them. Twice is fine.
function cache:close() end

return M
