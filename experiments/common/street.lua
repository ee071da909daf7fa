-- Shared by the demonstration and the studies of this folder: generated pedestrians, and a schedule that one processor
-- core completes in two or three minutes from random weights (docs/decisions/demonstration.md).
--
-- Other data need words on the command line:
-- calr study experiments/ablations/components.lua preset=small data=market.lmdb weights=mobilenet_v2.pt
local calr = require "calr"
local sys = calr.sys

-- Cameras differ, but not so much that an untrained network sees only the camera: training from random weights needs
-- something to start from. (gap=1 needs a pretrained network.)
local street = { seeds = { 1, 2, 3, 4, 5, 6 }, gap = 0.25 }

local store = "street.lmdb"

-- The preset "street" in two parts: options of stage 2 and of stage 1.
street.schedule, street.stage_1 = {}, {}
for name, value in pairs(calr.pipeline.preset "street") do
  (name:find "^intra%." and street.stage_1 or street.schedule)[name] = value
end

-- What the studies of this folder share, with a study's own settings. preset=small data=market.lmdb weights=FILE on the
-- command line runs them on real images.
function street.base(changes)
  local base = { data = store, preset = "street", eval_every = 1, ["intra.cache"] = "street-stage-1" }
  for name, value in pairs(changes) do base[name] = value end
  return base
end

-- Settings as words of a command, "epochs=20", in alphabetical order.
function street.words(settings)
  local words = {}
  for name, value in pairs(settings) do words[#words + 1] = name .. "=" .. calr.config.format(value) end
  table.sort(words)
  return words
end

-- Makes street.lmdb if it is missing.
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
