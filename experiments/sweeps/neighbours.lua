-- The graph that Infomap clusters: neighbours per image, and the least similarity of an edge.
--
--     calr study experiments/sweeps/neighbours.lua --workers 2 --threads 1
local calr = require "calr"
local street = dofile(calr.sys.paths.experiments .. "/common/street.lua")

local S = calr.study "neighbours" {
  script = "calr.lua", goal = "max mAP", select = "max silhouette", seeds = { 1, 2, 3 }, prepare = street.prepare,
  base = street.base {},
}

S:grid {
  ["infomap.k"] = { 8, 12, 16, 24 },
  ["infomap.min_similarity"] = { 0.3, 0.4, 0.5, 0.6, 0.7 },
}
S:run()
S:table { matrix = { "infomap.k", "infomap.min_similarity" }, columns = { "mAP" } }
