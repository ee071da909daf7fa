---@meta calr.bench.clustering.neighbours
-- Made by `calr docs`; do not edit.

--- Rows of calr bench cluster: neighbours, the Jaccard distance made of them, and re-ranking. Products are counted in
--- full, n^2 d for neighbours of a set in itself, though each pair is computed once and some of it in bytes: a share of
--- the limit above 100 % is what that gains.
---@class calr.bench.clustering.neighbours
local M = {}

--- The 30 nearest of every row.
---@param bench any
---@param options any
function M.neighbours(bench, options) end

--- The first ten of a gallery for each query.
---@param bench any
---@param options any
function M.lists(bench, options) end

--- Jaccard distances, neighbours included, all and those that DBSCAN looks at, and DBSCAN of them; then the same for
--- as many images as MSMT17 has.
---@param bench any
---@param options any
function M.jaccard(bench, options) end

--- Jaccard distances of 5,000 to 200,000 images of 512 numbers, those that DBSCAN looks at: time and memory over the
--- number of images. Takes minutes, and runs only where it is asked for.
---@param bench any
---@param options any
function M.curve(bench, options) end

--- k-reciprocal re-ranking of Market-1501's numbers of images, up to the first ten of each query.
---@param bench any
---@param options any
function M.rerank(bench, options) end

return M
