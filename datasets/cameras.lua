--- @module datasets.cameras
--- Your own images, one folder a camera, without identities: enough to train on.

local own = require "calr.data.own"

return {
  name = "cameras",
  summary = "your own images, one folder a camera",
  options = { { "split", "train (the default), query, gallery", "train" } },
  check = own.check,
  records = function(folder, options)
    local records, notes = own.folder(folder, "{camera}/{**}", options.split)
    return records, nil, notes
  end,
}
