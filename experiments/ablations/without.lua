-- What the method loses when one part is left out.
--
--     calr study experiments/ablations/without.lua --workers 2 --threads 1
local calr = require "calr"
local street = dofile(calr.sys.paths.experiments .. "/common/street.lua")

local S = calr.study "without" {
  script = "calr.lua", goal = "max mAP", select = "max silhouette", seeds = street.seeds, prepare = street.prepare,
  base = street.base { refine = "pivot", ["alignment.weight"] = 1, camera_weights_from = 0 },
}

S:ablate {
  { "CALR" },
  { "without cluster weights", camera_weights_from = -1 },
  { "without camera alignment", ["alignment.weight"] = 0 },
  { "without refinement", refine = "none" },
}
S:run()
S:table { rows = "label", columns = { "mAP", "mAP@select", "rank1" }, versus = "CALR" }
