--- @module calr.lab.bench.frame.images
--- Data sets for benchmarks: generated in a temporary folder, or the user's.

local data = require "calr.data"
local make = require "calr.data.make"
local sys = require "calr.sys"

local images = {}

-- Removes a folder of files that we made.
local function remove_folder(folder)
  for _, name in ipairs(sys.list(folder)) do sys.remove(folder .. "/" .. name) end
  sys.remove(folder)
end

--- calr.lab.bench.frame.images.folder()
--- @return table  path=: a new folder; a value for <close>, which removes it and its files
function images.folder()
  local folder = os.tmpname()
  os.remove(folder)
  sys.make_folder(folder)
  return setmetatable({ path = folder }, { __close = function() remove_folder(folder) end })
end

--- calr.lab.bench.frame.images.open(path, count, folder, bench)
--- Opens the training images of a data set.
--- @param path    of a file, or "" for a set of generated 128x64 pictures
--- @param count   number of images in a generated set
--- @param folder  from folder(); where to write the set
--- @return split
function images.open(path, count, folder, bench)
  if path == "" then
    local generator, settings = make.generator "street", {}
    for name, value in pairs(generator.options) do settings[name] = value end
    settings.ids, settings.test_ids, settings.distractors, settings.junk = count // 20 + 5, 2, 0, 0
    path = folder.path .. "/street.lmdb"
    bench.progress "making images"
    make.run { generator = generator, options = settings, to = path }
    bench.progress ""
  end
  return data.open(path):train()
end

return images
