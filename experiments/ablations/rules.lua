-- calr's refinement rules, each training a network. `calr refine` shows their effect on the clusters of one epoch in a
-- second (docs/guide/refinement-rules.md); only this study shows which one trains best.
--
--     calr study experiments/ablations/rules.lua --workers 2 --threads 1
local calr = require "calr"
local street = dofile(calr.sys.paths.experiments .. "/common/street.lua")

local S = calr.study "rules" {
  script = "calr.lua", goal = "max mAP", select = "max silhouette", seeds = street.seeds, prepare = street.prepare,
  base = street.base {},
}

S:ablate {
  { "no refinement", refine = "none" },
  { "pivot (CALR)", refine = "pivot" },
  { "purity of the neighbourhood", refine = "purity" },
  { "camera proxies", refine = "camera_proxy" },
  { "self-paced scores", refine = "self_paced" },
  { "local minorities split off", refine = "local_split" },
  { "mutual pivots merge", refine = "merge" },
}
S:run()
S:table { rows = "label", columns = { "mAP", "mAP@select", "rank1", "precision", "recall", "outliers" },
  versus = "no refinement" }
