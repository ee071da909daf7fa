--- @module calr.data.import
--- Imports a folder of images into a data set in one file.

local layout = require "calr.data.layout"
local options = require "calr.options"
local progress = require "calr.progress"
local store = require "calr.store"
local suggest = options.suggest
local sys = require "calr.sys"
local text = require "calr.text"
local userfile = require "calr.userfile"

local import = {}

-- Files between two updates of the progress line.
local STEP = 256

--- calr.data.import.layouts()
--- Lists the data sets that can be imported by name: the files of datasets/ that return `records`.
--- @return table  sorted list of {name=, summary=, options=}
function import.layouts()
  local found = {}
  for _, file in ipairs(sys.list(sys.paths.datasets)) do
    local name = file:match "^([%w_-]+)%.lua$"
    local description = name and dofile(sys.paths.datasets .. "/" .. file)
    if description and description.records then
      found[#found + 1] = { name = name, summary = description.summary or "", options = description.options or {} }
    end
  end
  return found
end

local function names_of(list)
  local names = {}
  for i, item in ipairs(list) do names[i] = item.name end
  return names
end

--- calr.data.import.layout(name)
--- Returns the description of how folders and names become records.
--- @param name  of a file in datasets/, or the path of a Lua file of your own (see calr.data.layout)
--- @return table
function import.layout(name)
  local path = name
  if not name:find("[/.]") then
    path = sys.paths.datasets .. "/" .. name .. ".lua"
    if not sys.exists(path) then
      local names = names_of(import.layouts())
      layout.fail("there is no data set layout \"%s\"%s; there are: %s; or give your own Lua file", name,
        suggest(name, names), table.concat(names, ", "))
    end
  elseif not sys.exists(path) then
    layout.fail("there is no file %s that describes a data set", path)
  end
  local description = userfile.run(path, "layout")
  if type(description) ~= "table" or type(description.records) ~= "function" or type(description.name) ~= "string" then
    layout.fail("%s does not describe a folder of images: it must return a table { name = \"mine\", "
      .. "records = function(folder) ... return records end }, and returns %s", path, description == nil and "nothing"
      or type(description) == "table" and "a table without " .. (type(description.name) == "string" and "a function "
      .. "records" or "a text name") or "a " .. type(description))
  end
  return description
end

-- A record's fields are checked where they are written; only paths must be checked here: they must be unique.
local function check_paths(records, name)
  if type(records) ~= "table" then
    layout.fail("the layout %s: records(folder) must return a list of { file =, path =, identity =, camera =, "
      .. "split = }, and returns %s%s", name, records == nil and "nothing" or "a " .. type(records),
      records == nil and ": is its last line \"return records\"?" or "")
  end
  local seen = {}
  for i, record in ipairs(records) do
    local path = type(record) == "table" and record.path
    if type(path) ~= "string" then layout.fail("record %d has no path", i) end
    layout.check_name(path)
    if seen[path] then layout.fail("two records have the path %s: numbers %d and %d", path, seen[path], i) end
    seen[path] = i
  end
end

-- A layout of a user's own may list whatever is there.
local function without_litter(records)
  local kept = {}
  for _, record in ipairs(records) do
    if not layout.is_litter(record.path) then kept[#kept + 1] = record end
  end
  return kept
end

-- The number of images and of identities by split; distractors and junk of the gallery are no identities.
local function count_all(records)
  local counts = {}
  for _, record in ipairs(records) do
    local split, identity = tostring(record.split), math.tointeger(record.identity) or -1
    counts[split] = counts[split] or { images = 0, identities = 0, seen = {} }
    local c = counts[split]
    c.images = c.images + 1
    if identity >= (split == "gallery" and 1 or 0) and not c.seen[identity] then
      c.seen[identity], c.identities = true, c.identities + 1
    end
  end
  return counts
end

-- What differs from the whole data set, a line a split.
local function differences(records, expected)
  local warnings, counts = {}, count_all(records)
  for _, split in ipairs { "train", "query", "gallery", "multi" } do
    local want, have = expected and expected[split], counts[split] or { images = 0, identities = 0 }
    if want and (want.images ~= have.images or want.identities ~= have.identities) then
      warnings[#warnings + 1] = ("%s: %s images of %s identities; %s has %s of %s: is it wholly unpacked?"):format(
        split, text.count(have.images), text.count(have.identities), expected.title, text.count(want.images),
        text.count(want.identities))
    end
  end
  return warnings
end

-- The options of a layout with their defaults.
local function complete(description, given)
  local names, values = {}, {}
  for i, option in ipairs(description.options or {}) do
    names[i], values[option[1]] = option[1], option[3]
  end
  for name, value in pairs(options.check("the layout " .. description.name, given, names)) do values[name] = value end
  return values
end

--- calr.data.import.check(description, given)
--- Fails where the options of a layout cannot be right, whatever the folder holds.
--- @param description  as calr.data.import.layout returns it
--- @param given        table; its options
function import.check(description, given)
  local values = complete(description, given)
  if description.check then description.check(values) end
end

--- calr.data.import.run{layout=, folder=, to=, skip_bad=false, options=}
--- Imports a folder: reads and decodes every image once, and stores its bytes unchanged. The file appears under its
--- name only when it is complete. Files left behind by file managers (calr.data.layout.is_litter) never count as
--- images, whatever the layout says.
--- @param layout    a name or a path, as for calr.data.import.layout, or such a table itself
--- @param folder    of the images
--- @param to        the file to write
--- @param skip_bad  whether to leave out files that cannot be read or decoded; otherwise the first ends the import
--- @param options   table; of the layout
--- @return table  images=, bytes=, seconds=, skipped= (list of {path=, reason=}), warnings= (list of texts: the counts
---                differ from those of the whole data set, a file has stray bytes), notes= (list of texts: which
---                camera has which number)
function import.run(o)
  local started = sys.clock()
  local description = type(o.layout) == "table" and o.layout or import.layout(o.layout)
  import.check(description, o.options)
  local records, expected, notes = description.records(o.folder, complete(description, o.options))
  check_paths(records, type(o.layout) == "string" and o.layout or description.name)
  records = without_litter(records)
  if #records == 0 then layout.fail("%s holds no images", o.folder) end
  local skipped, warnings = {}, differences(records, expected or description.expected)
  local writer <close> = store.writer { path = o.to, name = description.name }
  do
    local bar <close> = progress.new("import " .. description.name, #records)
    for first = 1, #records, STEP do
      local count = math.min(STEP, #records - first + 1)
      local bad, odd = writer:import(records, { first = first, count = count, skip_bad = o.skip_bad or false })
      table.move(bad, 1, #bad, #skipped + 1, skipped)
      for _, image in ipairs(odd) do warnings[#warnings + 1] = ("%s: %s"):format(image.path, image.reason) end
      bar:update(first + count - 1, #skipped > 0 and #skipped .. " bad" or nil)
    end
  end
  local images, bytes = writer:count(), writer:bytes()
  if images == 0 then layout.fail("none of the %d files of %s is an image", #records, o.folder) end
  writer:commit()
  return { images = images, bytes = bytes, seconds = sys.clock() - started, skipped = skipped, warnings = warnings,
    notes = notes or {} }
end

return import
