-- A search over the main settings: 60 trials suggested by TPE, most of them stopped early (ASHA), then the best five
-- with every seed. The test set chooses the winner: to report figures, search on one data set and measure on another
-- (data=other.lmdb in an ablation).
--
--     calr study experiments/sweeps/search.lua --workers 2 --threads 1
local calr = require "calr"
local street = dofile(calr.sys.paths.experiments .. "/common/street.lua")

local S = calr.study "search" {
  script = "calr.lua", goal = "max mAP", select = "max silhouette", seeds = street.seeds, prepare = street.prepare,
  base = street.base {},
}

S:search {
  sampler = "tpe", trials = 60, prune = S.asha { min = 5, eta = 4 }, confirm = 5,
  lr = S.float(1e-4, 3e-3, "log"),
  temperature = S.float(0.03, 0.12, "log"),
  momentum = S.float(0.0, 0.9),
  ["infomap.k"] = S.int(6, 26, 2),
  ["infomap.min_similarity"] = S.float(0.3, 0.7),
  ["intra.clusters"] = S.int(20, 160, 10),
  ["alignment.weight"] = S.float(0.0, 3.0),
  pivot = S.choice { "max", "last-above-mean", "camera-max" },
}
S:run()
S:table { rows = "label", columns = { "mAP", "mAP@select", "rank1" } }
