-- What each part of the method adds alone, and what the method loses without it.
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
S:ablate {
  { "CALR", refine = "pivot", ["alignment.weight"] = 1, camera_weights_from = 0 },
  { "without cluster weights", refine = "pivot", ["alignment.weight"] = 1 },
  { "without camera alignment", refine = "pivot", camera_weights_from = 0 },
  { "without refinement", ["alignment.weight"] = 1, camera_weights_from = 0 },
}
S:run()

local columns = { "mAP", "mAP@select", "mAP@best", "rank1" }
S:table { part = 1, rows = "label", columns = columns, versus = "Baseline" }
S:table { part = 2, rows = "label", columns = columns, versus = "CALR" }
