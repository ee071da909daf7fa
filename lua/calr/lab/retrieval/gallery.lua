--- @module calr.lab.retrieval.gallery
--- What is searched and what is searched for: features with the names, identities, cameras and pictures of their rows.
--- A side is {features = f32[n x d], title=, names = list or nil, identities, cameras = i64[n] or nil, picture =
--- function(row) -> bytes of an image file, or nil, record=, path=}; rows count from 1 here.

local errors = require "calr.errors"
local features = require "calr.lab.retrieval.features"
local images = require "calr.data.images"
local kept = require "calr.lab.retrieval.kept"
local own = require "calr.data.own"
local progress = require "calr.progress"
local reader = require "calr.lab.retrieval.reader"
local sys = require "calr.sys"
local T = require "calr.tensor"

local gallery = {}

local function fail(...) error((...):format(select(2, ...)), 0) end

-- The features of images that can be read, and the rows of the list that they are of.
local function read(list, o)
  if list:count() == 0 then fail("%s has no images", list:name()) end
  local extract, left_out, rows = reader.of(o.model, list), {}, {}
  local bar <close> = progress.new("features of " .. list:name(), list:count())
  local found, bad = extract(list, nil, { skip_bad = o.skip_bad, each = function(done) bar:update(done) end })
  for _, image in ipairs(bad) do
    progress.print("left out " .. image.reason)
    left_out[image.row] = true
  end
  for i = 1, list:count() do
    if not left_out[i] then rows[#rows + 1] = i end
  end
  if #rows == 0 then fail("no image of %s can be read", list:name()) end
  return found, rows
end

-- A side of images, by the network.
local function of_images(list, o)
  local found, rows = read(list, o)
  local side, known, at = { features = found, title = list:name(), names = {} }, list:known(), T(rows, "i64") - 1
  for i, row in ipairs(rows) do side.names[i] = list:path(row) end
  side.picture = function(i) return list:jpeg(rows[i]) end
  side.identities = known.identities and list:identities():index_select(1, at):to "i64" or nil
  side.cameras = known.cameras and list:cameras():index_select(1, at):to "i64" or nil
  return side
end

-- The pictures of features by their names, where they came from: a folder or a data set.
local function pictures_of(from, names)
  if not from or not names or not sys.exists(from) then return nil end
  if sys.is_folder(from) then
    return function(row)
      local file = from .. "/" .. names[row]
      return sys.exists(file) and sys.read_file(file) or nil
    end
  end
  local stored, at
  return function(row)
    if not at then
      stored, at = images.open(from), {}
      for i = 1, stored:count() do at[stored:path(i)] = i end
    end
    return at[names[row]] and stored:jpeg(at[names[row]]) or nil
  end
end

local function check_model(path, record, o)
  if o.model and record and record.model ~= o.model.fingerprint then
    fail("%s was made by another model than %s: by %s (%s, %dx%d, %s)", path, o.model.source, record.weights,
      record.network, record.height, record.width, record.precision)
  end
end

-- A side of a file of features: of the usual split, where its table names rows of it.
local function of_features(path, usual, o)
  local set = features.open({ path }, { csv = o.csv and { o.csv } })[1]
  local record = set.record
  check_model(path, record, o)
  local part = o.split ~= "all" and features.of_split(set, o.split or usual)
  if o.split and o.split ~= "all" and not part then fail("%s has no rows of the split %s", set.path, o.split) end
  local side = part or set
  side.title, side.whole, side.split = path, set, part and (o.split or usual) or nil
  side.picture = pictures_of(o.pictures or record and record.from, side.names)
  return side
end

-- The side of features whose index is there and up to date, or nil.
local function of_index(path, o)
  local side = kept.open(o.index, path, { split = o.split, csv = o.csv })
  if not side then return nil end
  side.record = features.record(path)
  check_model(path, side.record, o)
  side.picture = pictures_of(o.pictures or side.record and side.record.from, side.names)
  if side.split then -- a query may be among the other rows
    side.read_whole = function() return features.open({ path }, { csv = o.csv and { o.csv } })[1] end
  end
  return side
end

--- calr.lab.retrieval.gallery.is_features(path)
--- @return boolean  whether a path is that of a file of features
function gallery.is_features(path) return path:match "%.npy$" ~= nil end

--- calr.lab.retrieval.gallery.open(path, {model=, split=, csv=, pictures=, skip_bad=false, index=})
--- Opens what is searched.
--- @param path      a folder of images, a data set, an image or a file of features
--- @param model     from calr.trained.open; not needed for features
--- @param split     of a data set or of the table of features: "query", ..., "all"; default: the gallery, or all where
---                  there is none
--- @param csv       table of features; default: the one beside them
--- @param pictures  folder or data set with the images of features; default: where `calr extract` took them from
--- @param skip_bad  images that cannot be read or decoded are left out and named
--- @param index     string; of features: a file that keeps their index (calr.lab.retrieval.kept). While it is that of
---                  these features, they are not read
--- @return table  a side
function gallery.open(path, o)
  if not sys.exists(path) then fail("there is no gallery %s", path) end
  if gallery.is_features(path) then
    return o.index and sys.exists(o.index) and of_index(path, o) or of_features(path, "gallery", o)
  end
  local list = images.open(path, { split = o.split or not sys.is_folder(path) and "test" or nil })
  local side = of_images(list, o)
  side.path, side.list = path, list
  return side
end

-- ---- queries ----

-- The row of a side that is called so, and the side.
local function named(side, name)
  if side.graph then
    local found = side.row_of and side.row_of(name)
    if found then return found, side end
    side.whole = side.whole or side.read_whole and side.read_whole()
    if not side.whole then return nil end
  end
  for _, place in ipairs(side.graph and { side.whole } or { side, side.whole }) do
    if place.names and not place.row_of then
      place.row_of = {}
      for row, each in ipairs(place.names) do place.row_of[each] = place.row_of[each] or row end
    end
    if place.row_of and place.row_of[name] then return place.row_of[name], place end
  end
end

-- An image of the gallery's data set, by its name in it: {side of one row}.
local function from_data(name, side, o)
  local stored = side.list and side.list.dataset and images.stored(side.list.dataset, "all")
  for i = 1, stored and stored:count() or 0 do
    if stored:path(i) == name then
      local one = setmetatable({ dataset = stored.dataset, split_name = "one", title = name,
        rows = stored.rows:narrow(1, i, 1) }, getmetatable(stored))
      return of_images(one, o)
    end
  end
end

local function one_row(place, row)
  local at = T({ row - 1 }, "i64")
  local texts = place.texts and { identities = place.texts.identities and { place.texts.identities[row] },
    cameras = place.texts.cameras and { place.texts.cameras[row] } }
  return { features = place.features:index_select(1, at), names = { place.names[row] }, texts = texts,
    identities = place.identities and place.identities:index_select(1, at),
    cameras = place.cameras and place.cameras:index_select(1, at),
    picture = place.picture and function() return place.picture(row) end, own = { row } }
end

-- A word that is no single image file.
local function query_of(word, side, o)
  if sys.exists(word) then
    if gallery.is_features(word) then return of_features(word, "query", { model = o.model }) end
    if not o.model then fail("%s needs a model, which makes features of images (--model)", word) end
    return of_images(images.open(word, { split = not sys.is_folder(word) and "query" or nil }), o)
  end
  local row, place = named(side, word)
  if row then
    local one = one_row(place, row)
    if place ~= side then one.own = nil end
    return one
  end
  local found = o.model and from_data(word, side, o)
  return found or errors.usage("there is no image \"%s\", neither as a file nor by its name in %s", word, side.title)
end

local function is_file(word) return sys.exists(word) and not sys.is_folder(word) and own.is_image(word) end

-- The sides of all words in order; image files that follow one another are read together.
local function parts_of(words, side, o)
  local parts, at = {}, 1
  while words[at] do
    local files = {}
    while o.model and words[at] and is_file(words[at]) do
      files[#files + 1], at = words[at], at + 1
    end
    if files[1] then
      parts[#parts + 1] = of_images(images.files(files, { title = files[2] and "the queries" or files[1] }), o)
    else
      parts[#parts + 1], at = query_of(words[at], side, o), at + 1
      parts[#parts].word = words[at - 1]
    end
  end
  return parts
end

--- calr.lab.retrieval.gallery.queries(words, side, {model=, skip_bad=false})
--- Opens what is searched for.
--- @param words  list of paths of images, folders, data sets (their queries) and files of features, and of names of the
---               gallery's own images
--- @param side   the gallery
--- @return table  list of queries: {features = f32[1 x d], name=, identity=, camera=, called = {identity=, camera=}
---                as in the table, picture = function() -> bytes or
---                nil, own = its row in the gallery, where it is known to be there}
function gallery.queries(words, side, o)
  local list, d, parts = {}, side.features:size(2), parts_of(words, side, o)
  -- Tables are numbered as they are opened; the same word in two of them must become one number.
  features.align(table.move(parts, 1, #parts, 2, { side }))
  for _, part in ipairs(parts) do
    local word = part.word or part.title
    if part.features:size(2) ~= d then
      fail("%s has features of %d numbers and the gallery of %d: they are of different networks", word,
        part.features:size(2), d)
    end
    if part.record and side.record and part.record.model ~= side.record.model then
      fail("%s and %s were made by different models: %s (%s) and %s (%s)", part.path, side.path, part.record.weights,
        part.record.precision, side.record.weights, side.record.precision)
    end
    local identities, cameras = part.identities and part.identities:totable(), part.cameras and part.cameras:totable()
    local persons, places = features.called(part, "identities") or {}, features.called(part, "cameras") or {}
    for i = 1, part.features:size(1) do
      list[#list + 1] = { features = part.features:narrow(1, i, 1),
        name = part.names and part.names[i] or ("%s, row %d"):format(word, i),
        identity = identities and identities[i], camera = cameras and cameras[i], own = part.own and part.own[i],
        called = { identity = persons[i], camera = places[i] },
        picture = part.picture and function() return part.picture(i) end }
    end
  end
  return list
end

return (require("calr.options").counted("calr.lab.retrieval.gallery.", gallery))
