-- What the demonstration and the studies of this folder share: generated pedestrians, and a schedule that a processor
-- core manages in two or three minutes from random weights (docs/decisions/demonstration.md).
--
-- Other data are a word on the command line: calr study experiments/ablations/components.lua data=market.lmdb
local calr = require "calr"
local sys = calr.sys

-- Cameras that differ, but not so much that an untrained network sees nothing but the camera: from random weights
-- something must be there to begin with. (gap=1 needs a network that has seen images before.)
local street = { seeds = { 1, 2, 3, 4, 5, 6 }, gap = 0.25 }

local store = "street.lmdb"

street.schedule = { epochs = 20, iterations = 40, lr = 1e-3, ["augment.pad"] = 4, ["infomap.k"] = 12 }
street.stage_1 = { ["intra.epochs"] = 4, ["intra.iterations"] = 20, ["intra.lr"] = 1e-3, ["intra.k1"] = 15,
  ["intra.per_cluster"] = 4 }

-- The schedule with a study's own settings.
function street.base(changes)
  local base = { data = store, eval_every = 1, ["intra.cache"] = "street-stage-1" }
  for _, settings in ipairs { street.schedule, street.stage_1, changes } do
    for name, value in pairs(settings) do base[name] = value end
  end
  return base
end

-- Settings as words of a command: "epochs=20", in the order of the alphabet.
function street.words(settings)
  local words = {}
  for name, value in pairs(settings) do words[#words + 1] = name .. "=" .. calr.config.format(value) end
  table.sort(words)
  return words
end

-- Makes street.lmdb where it is missing.
function street.prepare(config)
  if config.data ~= store or sys.exists(config.data) then return end
  local make = require "calr.data.make"
  local generator = make.generator "street"
  local options = {}
  for name, value in pairs(generator.options) do options[name] = value end
  options.gap = street.gap
  make.run { generator = generator, options = options, to = config.data }
end

-- A rule or a pace of experiments/rules.
function street.rule(name)
  return sys.paths.experiments .. "/rules/" .. name .. ".lua"
end

return street
