---@meta calr.bench.clustering.data
-- Made by `calr docs`; do not edit.

--- Features as networks of this field give them, made up: persons, what cameras do to them, and noise of few
--- dimensions, so that neighbours are wrong as often as they are in earnest. And files through which peers get them.
---@class calr.bench.clustering.data
local M = {}

---@param options any
--- - `images`: rows
--- - `dim`: numbers of a row
--- - `each`: images of a person
--- - `cameras`: cameras, that take turns
--- - `hard`: 0: all images of a person are nearly the same; 1: about as a network in the middle of its training
--- - `latent`: dimensions in which features differ
--- - `seed`: of the numbers
---@return tensor # f32[images x dim], unit rows
---@return tensor # i32[images], the persons, from 0
---@return tensor # i32[images], the cameras, from 0
function M.people(options) end

--- Rows 0 .. count-1 in two parts, drawn at random.
---@param count any
---@param first any
---@return table # {first = i64[first], rest = i64[count - first]}, each ascending
function M.split(count, first) end

--- Writes tensors where peers can read them.
---@param tensors any name -> tensor
---@return table # name -> path of a .npy file; a value for <close>, which removes them
function M.files(tensors) end

---@param files any
---@param more any
---@return table # what a peer is given: the paths, and more
function M.options(files, more) end

return M
