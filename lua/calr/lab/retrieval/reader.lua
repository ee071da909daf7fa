--- @module calr.lab.retrieval.reader
--- Features of images by a trained network, for whatever asks for them several times.

local evaluation = require "calr.pipeline.evaluation"
local progress = require "calr.progress"

local reader = {}

local of_model = setmetatable({}, { __mode = "k" }) -- model -> its extractor: a network is checked and folded once

--- calr.lab.retrieval.reader.of(model, images)
--- @param model   from calr.trained.open
--- @param images  from calr.data.images
--- @return function  of calr.pipeline.evaluation.extractor
function reader.of(model, images)
  if (model.config.cameras or 0) > 0 and not images:known().cameras then
    progress.print(("note: the network tells cameras apart, and those of %s are not known: all images count as of "
      .. "camera 0"):format(images:name()))
  end
  of_model[model] = of_model[model] or evaluation.extractor(model.net, model.config)
  return of_model[model]
end

return (require("calr.options").counted("calr.lab.retrieval.reader.", reader))
