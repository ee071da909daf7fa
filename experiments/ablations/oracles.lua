-- What each part of the method could give at most: done by the true identities, one part at a time.
--
--     calr study experiments/ablations/oracles.lua --workers 2 --threads 1
local calr = require "calr"
local street = dofile(calr.sys.paths.experiments .. "/common/street.lua")

local S = calr.study "oracles" {
  script = "calr.lua", goal = "max mAP", seeds = street.seeds, prepare = street.prepare,
  base = street.base { camera_weights_from = 0 },
}

S:ablate {
  { "CALR" },
  { "perfect local clusters", oracle = "locals" },
  { "perfect discards", oracle = "discards" },
  { "perfect global clusters", oracle = "clusters" },
}
S:run()
S:table { rows = "label", columns = { "mAP", "mAP@best", "rank1", "precision", "recall" }, versus = "CALR" }
