---@meta calr.bench.ivf
-- Made by `calr docs`; do not edit.

--- calr bench ivf: approximate neighbours of a million images, beside faiss with as many lists and probes.
---@class calr.bench.ivf
local M = {}

--- A row for the making of the index and one for the search, and a table of recalls: the part of the exact neighbours
--- of some queries that is found.
---@param bench any
---@param options any
function M.rows(bench, options) end

return M
