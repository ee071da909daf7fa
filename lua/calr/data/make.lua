--- @module calr.data.make
--- Generates data sets from the files of datasets/ that return `generate`, a function that paints images instead of
--- reading them, and `options`, its options with their defaults (and `meanings`, their texts for --help).

local layout = require "calr.data.layout"
local progress = require "calr.progress"
local store = require "calr.store"
local suggest = require "calr.options".suggest
local sys = require "calr.sys"

local make = {}

--- calr.data.make.generators()
--- Lists the data sets that can be generated.
--- @return table  sorted list of names
function make.generators()
  local found = {}
  for _, file in ipairs(sys.list(sys.paths.datasets)) do
    local name = file:match "^([%w_-]+)%.lua$"
    if name and dofile(sys.paths.datasets .. "/" .. file).generate then found[#found + 1] = name end
  end
  return found
end

--- calr.data.make.generator(name)
--- @return table  as returned by the file of datasets/: `name`, `options`, `count(options)`, `generate(options, emit)`
function make.generator(name)
  local path = sys.paths.datasets .. "/" .. name .. ".lua"
  local description = name:match "^[%w_-]+$" and sys.exists(path) and dofile(path)
  if not description or not description.generate then
    local names = make.generators()
    layout.fail("there is no generated data set \"%s\"%s; there are: %s", name,
      suggest(name, names), table.concat(names, ", "))
  end
  return description
end

local function into_store(o, run)
  local writer <close> = store.writer { path = o.to, name = o.generator.name }
  run(function(image)
    writer:add { path = image.path, identity = image.identity, camera = image.camera - 1, split = image.split,
      bytes = image.jpeg }
  end)
  local images, bytes = writer:count(), writer:bytes()
  if images == 0 then layout.fail("these options generate no images") end
  writer:commit()
  return images, bytes
end

--- calr.data.make.check_folder(path)
--- Fails unless images can be written to a folder of this name: it is not there yet, or empty.
--- @param path  string
function make.check_folder(path)
  if sys.exists(path) and (not sys.is_folder(path) or #sys.list(path) > 0) then
    layout.fail("%s exists; give the name of a new folder", path)
  end
end

local function into_folder(o, run)
  make.check_folder(o.folder)
  local images, bytes, made = 0, 0, {}
  run(function(image)
    local folder = o.folder .. "/" .. image.path:match "^(.*)/"
    if not made[folder] then
      sys.make_folder(folder)
      made[folder] = true
    end
    local file <close> = assert(io.open(o.folder .. "/" .. image.path, "wb"))
    assert(file:write(image.jpeg))
    assert(file:flush())
    images, bytes = images + 1, bytes + #image.jpeg
  end)
  return images, bytes
end

--- calr.data.make.run{generator=, options=, to=, folder=}
--- Generates a data set: as a file, or as a folder of JPEG files in a layout that can be imported.
--- @param generator  from calr.data.make.generator, or its name
--- @param options    the generator's
--- @param to         the file to write
--- @param folder     a new folder to write to instead
--- @return table  images=, bytes=, seconds=
function make.run(o)
  local started = sys.clock()
  local generator = type(o.generator) == "table" and o.generator or make.generator(o.generator)
  local total = 0
  for _, count in pairs(generator.count(o.options)) do total = total + count end
  local bar <close> = progress.new("make " .. generator.name, total)
  local done = 0
  local function run(emit)
    generator.generate(o.options, function(image)
      emit(image)
      done = done + 1
      bar:update(done)
    end)
  end
  local write = o.folder and into_folder or into_store
  local images, bytes = write({ to = o.to, folder = o.folder, generator = generator }, run)
  return { images = images, bytes = bytes, seconds = sys.clock() - started }
end

return make
