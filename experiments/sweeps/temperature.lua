-- The memory: the temperature of its loss, and how much of the old vector an update keeps.
--
--     calr study experiments/sweeps/temperature.lua --workers 2 --threads 1
local calr = require "calr"
local street = dofile(calr.sys.paths.experiments .. "/common/street.lua")

local S = calr.study "temperature" {
  script = "calr.lua", goal = "max mAP", select = "max silhouette", seeds = { 1, 2, 3 }, prepare = street.prepare,
  base = street.base {},
}

S:grid {
  temperature = { 0.03, 0.05, 0.07, 0.1 },
  momentum = { 0.0, 0.1, 0.2, 0.5, 0.9 },
}
S:run()
S:table { matrix = { "temperature", "momentum" }, columns = { "mAP" } }
