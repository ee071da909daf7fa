-- What each part of the method adds, alone and all together.
--
--     calr study experiments/ablations/components.lua --workers 2 --threads 1
local calr = require "calr"
local street = dofile(calr.sys.paths.experiments .. "/common/street.lua")

local S = calr.study "components" {
  script = "calr.lua", goal = "max mAP", select = "max silhouette", seeds = street.seeds, prepare = street.prepare,
  base = street.base { refine = "none", ["alignment.weight"] = 0, camera_weights_from = -1 },
}

S:ablate {
  { "Baseline" },
  { "+ cluster weights", camera_weights_from = 0 },
  { "+ camera alignment", ["alignment.weight"] = 1 },
  { "+ refinement", refine = "pivot" },
  { "CALR", refine = "pivot", ["alignment.weight"] = 1, camera_weights_from = 0 },
}
S:run()
S:table { rows = "label", columns = { "mAP", "mAP@select", "mAP@best", "rank1" }, versus = "Baseline" }
