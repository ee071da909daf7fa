--- @module calr.pipeline.graph
--- Global clusters of features, as the options of a configuration say: the graph of nearest neighbours, and Infomap on
--- it.

local C = require "calr.cluster"
local phases = require "calr.phases"

local graph = {}

--- calr.pipeline.graph.neighbours(features, cfg)
--- @return table  the nearest neighbours of all images, as many as infomap.k says: see calr.cluster.knn
function graph.neighbours(features, cfg)
  return phases.measure("neighbours", C.knn, features, { k = math.min(cfg.infomap.k, features:size(1)) })
end

--- calr.pipeline.graph.infomap(neighbours, cfg)
--- Infomap with the options infomap.*. With edges_kept above 0, where infomap.min_similarity would keep a smaller share
--- of the edges than that, it is lowered to the value that keeps the share.
--- @return tensor  i32[n], -1 for an outlier
--- @return table   see calr.cluster.infomap
--- @return number|nil  the least similarity, where edges_kept asks for it
function graph.infomap(neighbours, cfg)
  local o, kept, least = {}, cfg.edges_kept or 0, nil
  for name, value in pairs(cfg.infomap) do o[name] = value end
  local similarities = neighbours.similarities
  if kept > 0 and similarities:size(2) > 1 then
    local others = similarities:narrow(2, 2, similarities:size(2) - 1) -- the first is the image itself
    o.min_similarity = math.max(0, math.min(o.min_similarity, others:reshape(-1):quantile(1 - kept):item()))
    least = o.min_similarity
  end
  local labels, info = phases.measure("clustering", C.infomap, neighbours, o)
  return labels, info, least
end

return (require("calr.options").counted("calr.pipeline.graph.", graph))
