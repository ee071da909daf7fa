-- The paper's studies of hyper-parameters: the graph of the global clustering, the number of local clusters, the weight
-- of the camera alignment and the temperature of the memory; one study each.
--
--     calr experiments/paper/parameters.lua                                          generated pedestrians, hours
--     calr experiments/paper/parameters.lua only=temperature seeds=1
--     calr experiments/paper/parameters.lua scale=small data=market.lmdb weights=mobilenet_v2.pt
--
-- Each study keeps a record (dir/NAME). Start the command again to go on; finished trials are kept.
local calr = require "calr"
local scale = dofile(calr.sys.paths.experiments .. "/common/scale.lua")

local studies = { "neighbours", "local_clusters", "alignment_weight", "temperature" }
local cfg = calr.config(scale.options {
  only = calr.config.option({}, "studies to run; empty: all of " .. table.concat(studies, ", ")),
  seeds = calr.config.option({ 1, 2, 3 }, "of every value"),
  dir = calr.config.option("studies/paper-parameters", "folder of the records"),
  workers = calr.config.option(1, "processes that share the trials", { 1 }),
})
local runs = dofile(calr.sys.paths.experiments .. "/common/runs.lua")

local known = {}
for _, name in ipairs(studies) do known[name] = true end
for _, name in ipairs(cfg.only) do
  if not known[name] then
    error(("only=%s: there is no such study; there are: %s"):format(name, table.concat(studies, ", ")), 0)
  end
end

local words, dir = scale.words(cfg), cfg.dir
for _, name in ipairs(#cfg.only > 0 and cfg.only or studies) do
  runs.study("sweeps/" .. name, { dir = dir .. "/" .. name, seeds = cfg.seeds, workers = cfg.workers }, words)
end
scale.remark(cfg)
