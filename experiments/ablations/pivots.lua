-- The pivots of a cluster: the member with the highest score, the one of the authors' code (the last above the mean),
-- one for each camera, none (a rule that goes by majority), and no refinement at all.
--
--     calr study experiments/ablations/pivots.lua --workers 2 --threads 1
local calr = require "calr"
local street = dofile(calr.sys.paths.experiments .. "/common/street.lua")

local S = calr.study "pivots" {
  script = "calr.lua", goal = "max mAP", select = "max silhouette", seeds = street.seeds, prepare = street.prepare,
  base = street.base { refine = "pivot" },
}

S:ablate {
  { "highest score", pivot = "max" },
  { "last above mean (authors' code)", pivot = "last-above-mean" },
  { "one for each camera", pivot = "camera-max" },
  { "majority", refine = street.rule "majority" },
  { "no refinement", refine = "none" },
}
S:run()
S:table { rows = "label", columns = { "mAP", "mAP@select", "rank1", "precision", "outliers" },
  versus = "highest score" }
