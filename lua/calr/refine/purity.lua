--- @module calr.refine.purity
--- Neighbourhood purity: an image stays when enough of its nearest neighbours are in its own cluster. The share that is
--- enough is the option `min_purity`, 0.5. An outlier among the neighbours speaks against the cluster.

local C = require "calr.cluster"
local L = require "calr.labels"

return function(context)
  local least = context.options.min_purity or 0.5
  local neighbours = context.neighbours or C.knn(context.features, { k = math.min(15, context.features:size(1)) })
  local purity = L.neighbour_share(context.global, neighbours.indices)
  local mixed = L.both(L.at_least(context.global, 0), L.invert(L.at_least(purity, least)))
  return L.where(mixed, -1, context.global), { ["too few neighbours of its cluster"] = mixed }
end
