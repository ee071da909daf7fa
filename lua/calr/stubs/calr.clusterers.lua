---@meta calr.clusterers
-- Made by `calr docs`; do not edit.

--- Clustering by the name of a method, with defaults: what is behind `calr cluster`. A method is one entry of the list
--- in lua/calr/clusterers/init.lua: its options with their defaults, and a function of features and options.
---
---     local labels, info = calr.clusterers.run("dbscan", features, { eps = 0.5 })
---@class calr.clusterers
local M = {}

---@return table # list of {name=, summary=, options = {name -> default, as for calr.config}, none=, one=}; the last two say what to change when no cluster comes out, or one only
function M.methods() end

---@param name any
---@return table # the method of that name; an error that lists them when there is none
function M.method(name) end

---@param name any of the method
---@param x any f32[n x d], one row an image, finite
---@param options any of the method, by name (`calr cluster --help` lists them); cameras = i32[n], from 0, for distance="camera-jaccard"
---@return tensor # labels i32[n], numbered from 0 by first appearance, -1 for outliers
---@return table # what else the method found, such as Infomap's codelength; may be empty
---@return table # the options of the method that were in use, with their values
function M.run(name, x, options) end

return M
