-- Camera alignment: off, in every epoch (the authors' setting for Market-1501), in the first three (VeRi-776), with a
-- gradient reversal that grows (DANN), and with the slip of the authors' code, which takes the softmax twice.
--
--     calr study experiments/ablations/alignment.lua --workers 2 --threads 1
local calr = require "calr"
local street = dofile(calr.sys.paths.experiments .. "/common/street.lua")

local S = calr.study "alignment" {
  script = "calr.lua", goal = "max mAP", select = "max silhouette", seeds = street.seeds, prepare = street.prepare,
  base = street.base {},
}

S:ablate {
  { "off", ["alignment.weight"] = 0 },
  { "every epoch", ["alignment.weight"] = 1 },
  { "first 3 epochs", ["alignment.epochs"] = 3 },
  { "DANN ramp", ["alignment.ramp"] = true },
  { "double softmax (authors' code)", ["alignment.double_softmax"] = true },
}
S:run()
S:table { rows = "label", columns = { "mAP", "mAP@select", "rank1", "alignment" }, versus = "off" }
