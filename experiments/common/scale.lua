-- The sizes at which the tables and figures of the paper can be computed, and the published figures beside them. Shared
-- by the scripts of experiments/paper.
local calr = require "calr"
local sys = calr.sys
local choice, option = calr.config.choice, calr.config.option

local scale = {}

-- The options of those scripts, with a script's own.
function scale.options(own)
  local all = {
    scale = choice({ "street", "small", "published" }, "generated pedestrians, random weights; real images and a small "
      .. "pretrained network; or the authors' settings"),
    published = choice({ "market1501", "dukemtmc", "msmt17", "veri776" }, "the data set whose published figures to "
      .. "show"),
    data = option("street.lmdb", "a data-set store"),
    weights = option("", "initial weights; empty: random ones"),
    more = option({}, "further words for every run, such as epochs=2"),
  }
  for name, value in pairs(own) do all[name] = value end
  return all
end

-- The preset of a scale: the settings of a data set are its published ones.
function scale.preset(cfg)
  return cfg.scale == "published" and cfg.published or cfg.scale
end

-- What all runs of a scale are told, as words of a command. Makes the generated data if it is missing.
function scale.words(cfg)
  if cfg.data == "street.lmdb" then dofile(sys.paths.experiments .. "/common/street.lua").prepare(cfg) end
  local words = { "preset=" .. scale.preset(cfg), "data=" .. cfg.data }
  if cfg.weights ~= "" then words[#words + 1] = "weights=" .. cfg.weights end
  return table.move(cfg.more, 1, #cfg.more, #words + 1, words)
end

-- The published figures of the data set: method -> mAP, rank-1, rank-5, rank-10.
function scale.published(cfg)
  return dofile(sys.paths.experiments .. "/common/published.lua")[cfg.published]
end

-- Says how this scale differs from the published figures' settings.
function scale.remark(cfg)
  if cfg.scale == "published" then return end
  local settings, marks = calr.pipeline.preset(scale.preset(cfg)), {}
  for _, name in ipairs { "network", "height", "width", "epochs", "iterations" } do
    marks[#marks + 1] = ("%s=%s"):format(name, tostring(settings[name] or "the default"))
  end
  for _, word in ipairs(cfg.more) do marks[#marks + 1] = word end
  print("Published figures have other settings: a ResNet-50 at 256 x 128 and 50 to 70 epochs; here "
    .. table.concat(marks, ", ") .. ".")
end

return scale
