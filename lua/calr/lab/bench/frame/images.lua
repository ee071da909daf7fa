--- @module calr.lab.bench.frame.images
--- Data sets for benchmarks: generated in a temporary folder, or the user's.

local data = require "calr.data"
local make = require "calr.data.make"
local sys = require "calr.sys"
local merged = require "calr.tables".merged

local images = {}

-- Removes a folder that we made, and all in it.
local function remove_folder(folder)
  for _, name in ipairs(sys.list(folder)) do
    local path = folder .. "/" .. name
    if sys.is_folder(path) then remove_folder(path) else sys.remove(path) end
  end
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

-- Generated pedestrians, with changes of the generator's options. Returns the file.
local function generate(changes, folder, bench)
  local generator = make.generator "street"
  bench.progress "making images"
  make.run { generator = generator, options = merged(generator.options, changes), to = folder.path .. "/street.lmdb" }
  bench.progress ""
  return folder.path .. "/street.lmdb"
end

--- calr.lab.bench.frame.images.store(path, folder, bench)
--- @param path    of a data set, or "" for the generated one of the studies (street, gap=0.25)
--- @param folder  from folder(); where to write it
--- @return string  the path of a data set with train, query and gallery
function images.store(path, folder, bench)
  return path ~= "" and path or generate({ gap = 0.25 }, folder, bench)
end

--- calr.lab.bench.frame.images.open(path, count, folder, bench)
--- Opens the training images of a data set.
--- @param path    of a file, or "" for a set of generated 128x64 pictures
--- @param count   number of images in a generated set
--- @param folder  from folder(); where to write the set
--- @return split
function images.open(path, count, folder, bench)
  if path == "" then
    path = generate({ ids = count // 20 + 5, test_ids = 2, distractors = 0, junk = 0 }, folder, bench)
  end
  return data.open(path):train()
end

return images
