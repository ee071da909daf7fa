-- The number of local clusters of a camera in stage 1: from a quarter of the persons it sees to twice as many.
--
--     calr study experiments/sweeps/local_clusters.lua --workers 2 --threads 1
local calr = require "calr"
local street = dofile(calr.sys.paths.experiments .. "/common/street.lua")

local S = calr.study "local_clusters" {
  script = "calr.lua", goal = "max mAP", select = "max silhouette", seeds = street.seeds, prepare = street.prepare,
  base = street.base {},
}

S:grid { ["intra.clusters"] = { 20, 40, 60, 80, 100, 120, 160 } }
S:run()
S:table { rows = "label", columns = { "mAP", "mAP@select", "rank1", "precision", "outliers" } }
