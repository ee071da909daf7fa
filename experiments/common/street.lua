-- What the studies of this folder share: generated pedestrians, and a schedule that a processor core manages in two or
-- three minutes from random weights (docs/decisions/demonstration.md).
--
-- Other data are a word on the command line: calr study experiments/ablations/components.lua data=market.lmdb
local calr = require "calr"
local sys = calr.sys

local street = { seeds = { 1, 2, 3, 4, 5, 6 } }

local schedule = {
  data = "street.lmdb", epochs = 20, iterations = 40, lr = 1e-3, eval_every = 1,
  ["augment.pad"] = 4, ["infomap.k"] = 12,
  ["intra.epochs"] = 4, ["intra.iterations"] = 20, ["intra.lr"] = 1e-3, ["intra.k1"] = 15, ["intra.per_cluster"] = 4,
  ["intra.cache"] = "street-stage-1",
}

-- The schedule with a study's own settings.
function street.base(changes)
  local base = {}
  for name, value in pairs(schedule) do base[name] = value end
  for name, value in pairs(changes or {}) do base[name] = value end
  return base
end

-- Makes street.lmdb where it is missing.
function street.prepare(config)
  if config.data ~= schedule.data or sys.exists(config.data) then return end
  local make = require "calr.data.make"
  local generator = make.generator "street"
  local options = {}
  for name, value in pairs(generator.options) do options[name] = value end
  options.gap = 0.25
  make.run { generator = generator, options = options, to = config.data }
end

-- A rule or a pace of experiments/rules.
function street.rule(name)
  return sys.paths.experiments .. "/rules/" .. name .. ".lua"
end

return street
