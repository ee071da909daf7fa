-- The weight of the camera loss; 0 means no alignment.
--
--     calr study experiments/sweeps/alignment_weight.lua --workers 2 --threads 1
local calr = require "calr"
local street = dofile(calr.sys.paths.experiments .. "/common/street.lua")

local S = calr.study "alignment_weight" {
  script = "calr.lua", goal = "max mAP", select = "max silhouette", seeds = street.seeds, prepare = street.prepare,
  base = street.base {},
}

S:grid { ["alignment.weight"] = { 0.0, 0.1, 0.3, 1.0, 3.0 } }
S:run()
S:table { rows = "label", columns = { "mAP", "mAP@select", "rank1", "alignment" }, versus = "alignment.weight=0" }
