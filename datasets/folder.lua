--- @module datasets.folder
--- Your own images in a folder, by a pattern of their paths: "{camera}/{*}.jpg", "{split}/{identity}_{camera}_{*}.png".

local layout = require "calr.data.layout"
local own = require "calr.data.own"

return {
  name = "folder",
  summary = "your own images, by a pattern of their paths",
  options = { { "pattern", "such as \"{camera}/{*}.jpg\" or \"{split}/{identity}_{camera}_{*}.png\"" },
    { "split", "of all images, where the pattern has no {split}: train (the default), query, gallery", "train" } },
  check = function(options)
    if not options.pattern then
      layout.fail("the layout folder needs --pattern, such as --pattern \"{camera}/{*}.jpg\"")
    end
    own.check(options)
  end,
  records = function(folder, options)
    local records, notes = own.folder(folder, options.pattern, options.split)
    return records, nil, notes
  end,
}
