--- @module calr.refine.purity
--- Neighbourhood purity: an image stays when enough of its nearest neighbours are in its own cluster. The share that is
--- enough is the option `min_purity`. An outlier among the neighbours speaks against the cluster.

local C = require "calr.cluster"
local L = require "calr.labels"
local T = require "calr.tensor"
local option = require("calr.config").option

--- calr.refine.purity.apply(context)
--- The rule: see calr.refine for the context.
--- @return tensor  labels
--- @return table   reasons
local function apply(context)
  local neighbours = context.neighbours or C.knn(context.features, { k = math.min(15, context.features:size(1)) })
  local purity = L.neighbour_share(context.global, neighbours.indices)
  local mixed = context.global:ge(0) & purity:lt(context.options.min_purity)
  return T.where(mixed, -1, context.global), { ["too few neighbours of its cluster"] = mixed }
end

return {
  options = {
    min_purity = option(0.5, "share of an image's neighbours that must be in its cluster", { 0, 1 }),
  },
  apply = apply,
}
