-- How likely wrong members are discarded, by epoch: always (as in the authors' code), the self-paced cosine, and a
-- custom pace that begins softly.
--
--     calr study experiments/ablations/paces.lua --workers 2 --threads 1
local calr = require "calr"
local street = dofile(calr.sys.paths.experiments .. "/common/street.lua")

local S = calr.study "paces" {
  script = "calr.lua", goal = "max mAP", select = "max silhouette", seeds = street.seeds, prepare = street.prepare,
  base = street.base { refine = "pivot" },
}

S:ablate {
  { "always", pace = "always" },
  { "cosine", pace = "cosine" },
  { "late", pace = street.rule "late" },
}
S:run()
S:table { rows = "label", columns = { "mAP", "mAP@select", "rank1", "precision" }, versus = "always" }
