--- @module calr.data.rewrite
--- Makes data sets of data sets: several in one, or a part of one. The bytes of the images are copied unchanged.

local data = require "calr.data"
local layout = require "calr.data.layout"
local options = require "calr.options"
local progress = require "calr.progress"
local rng = require "calr.rng"
local store = require "calr.store"
local sys = require "calr.sys"

local rewrite = {}

local split_names = { [0] = "train", "query", "gallery", "multi" }

-- What the store says of its images, as tables.
local function records_of(file)
  local records, identities, cameras, splits = {}, file:identities():totable(), file:cameras():totable(),
    file:splits():totable()
  for i = 1, file:count() do
    records[i] = { at = i, identity = identities[i], camera = cameras[i], split = split_names[splits[i]] }
  end
  return records
end

-- Whether the identity is a person's: 0 is nobody in a gallery, -1 nowhere anybody.
local function is_person(record)
  return record.identity > 0 or record.identity == 0 and record.split ~= "gallery"
end

-- old -> new of the distinct values that `of` gives (nil: none), in ascending order from `first` on.
local function renumber(records, of, first)
  local values, map = {}, {}
  for _, record in ipairs(records) do
    local value = of(record)
    if value and not map[value] then map[value], values[#values + 1] = true, value end
  end
  table.sort(values)
  for i, value in ipairs(values) do map[value] = first + i - 1 end
  return map, first + #values
end

-- Writes chosen records of stores, { file, records }, in order.
local function write(to, name, parts)
  local started, total, done = sys.clock(), 0, 0
  for _, part in ipairs(parts) do total = total + #part.records end
  if total == 0 then layout.fail("nothing is left: no image is chosen") end
  local writer <close> = store.writer { path = to, name = name, check = false }
  local bar <close> = progress.new("write " .. to, total)
  for _, part in ipairs(parts) do
    for _, record in ipairs(part.records) do
      writer:add { path = part.prefix .. part.file:path(record.at), identity = record.identity, camera = record.camera,
        split = record.split, bytes = part.file:jpeg(record.at) }
      done = done + 1
      if done % 256 == 0 then bar:update(done) end
    end
  end
  local images, bytes = writer:count(), writer:bytes()
  writer:commit()
  return { images = images, bytes = bytes, seconds = sys.clock() - started }
end

-- The writer may replace what it reads from: a file that is open stays readable, but a user hardly means it.
local function check_target(to, from)
  for _, path in ipairs(from) do
    if sys.exists(to) and sys.absolute(to) == sys.absolute(path) then
      layout.fail("%s is read from; write to another file", to)
    end
  end
end

--- calr.data.rewrite.merge{from=, to=, name=}
--- Puts data sets into one. Cameras and identities are numbered anew, one source after the other, so that no two
--- sources share any; junk (-1) and distractors (0 in a gallery) stay. A path begins with the name of its source.
--- @param from  list of files
--- @param to    the file to write
--- @param name  of the data set; default: the sources' names, with "+" between
--- @return table  images=, bytes=, seconds=, sources= list of {file=, name=, cameras={first, count}, identities={first,
---                count}, images=}
function rewrite.merge(o)
  options.check("calr.data.rewrite.merge", o, { "from", "to", "name" })
  check_target(o.to, o.from)
  local parts, sources, names, used = {}, {}, {}, {}
  local next_camera, next_identity = 0, 1
  for i, path in ipairs(o.from) do
    local file = store.open(path)
    local records = records_of(file)
    local cameras, identities
    local source = { file = path, name = file:name(), cameras = { next_camera }, identities = { next_identity },
      images = #records }
    cameras, next_camera = renumber(records, function(r) return r.camera end, next_camera)
    identities, next_identity = renumber(records, function(r) return is_person(r) and r.identity or nil end,
      next_identity)
    source.cameras[2], source.identities[2] = next_camera - source.cameras[1], next_identity - source.identities[1]
    for _, record in ipairs(records) do
      if is_person(record) then record.identity = identities[record.identity] end
      record.camera = cameras[record.camera]
    end
    used[source.name] = (used[source.name] or 0) + 1
    local prefix = used[source.name] == 1 and source.name or source.name .. "-" .. used[source.name]
    parts[i], sources[i], names[i] = { file = file, records = records, prefix = prefix .. "/" }, source, prefix
  end
  local result = write(o.to, o.name or table.concat(names, "+"), parts)
  result.sources = sources
  return result
end

local function set_of(list)
  local set = {}
  for _, value in ipairs(list) do set[value] = true end
  return set
end

-- `count` of the values, drawn at random, as a set.
local function draw(values, count, stream)
  table.sort(values)
  stream:shuffle(values)
  return set_of(table.move(values, 1, math.min(count, #values), 1, {}))
end

-- The identities that stay: drawn among those of training, and among those of the queries.
local function draw_identities(records, count, stream)
  local kept = {}
  for _, group in ipairs { "train", "query" } do
    local values, seen = {}, {}
    for _, record in ipairs(records) do
      if record.split == group and is_person(record) and not seen[record.identity] then
        seen[record.identity], values[#values + 1] = true, record.identity
      end
    end
    kept[group] = draw(values, count, stream)
  end
  return kept
end

local function keep(records, test)
  local kept = {}
  for _, record in ipairs(records) do
    if test(record) then kept[#kept + 1] = record end
  end
  return kept
end

-- Images drawn from each split: `count` of each, or a share.
local function draw_images(records, o, applies, stream)
  local by_split, chosen = {}, {}
  for _, record in ipairs(records) do
    by_split[record.split] = by_split[record.split] or {}
    table.insert(by_split[record.split], record.at)
  end
  for _, split in pairs { "train", "query", "gallery", "multi" } do
    local all = by_split[split] or {}
    local wanted = o.count or math.max(1, math.floor(o.fraction * #all + 0.5))
    chosen[split] = draw(all, wanted, stream)
  end
  return keep(records, function(r) return not applies(r) or chosen[r.split][r.at] end)
end

--- calr.data.rewrite.check_subset(o, dataset)
--- Fails where the options of calr.data.rewrite.subset ask for what the data set does not have.
--- @param o        table; those options
--- @param dataset  that they are a part of
function rewrite.check_subset(o, dataset)
  if o.fraction and not (o.fraction > 0 and o.fraction <= 1) then
    layout.fail("option \"fraction\" must be above 0 and at most 1, not %g", o.fraction)
  end
  if o.fraction and o.count then
    layout.fail("option \"count\" and option \"fraction\" are two ways to say it: give one")
  end
  for _, what in ipairs { "count", "identities" } do
    if o[what] and o[what] < 1 then layout.fail("option \"%s\" must be at least 1, not %d", what, o[what]) end
  end
  local cameras = dataset:camera_count()
  for _, camera in ipairs(o.cameras or {}) do
    if camera < 0 or camera >= cameras then
      layout.fail("option \"cameras\": there is no camera %d; they are 0 to %d", camera, cameras - 1)
    end
  end
  for split in pairs(o.splits and set_of(o.splits) or {}) do
    if not set_of({ "train", "query", "gallery", "multi" })[split] then
      layout.fail("option \"splits\": there is no split \"%s\"; there are: train, query, gallery, multi", split)
    end
  end
end

--- calr.data.rewrite.subset{from=, to=, cameras=, identities=, count=, fraction=, splits=, seed=0, name=}
--- Takes a part of a data set. Whatever is drawn depends on the seed and the data alone.
--- @param cameras     list of numbers, from 0 as scripts see them: only images of these
--- @param identities  so many identities of training, and so many of the queries, whose gallery images stay with them;
---                    junk, distractors and images without an identity stay
--- @param count       so many images of each split
--- @param fraction    this share of the images of each split, at least one of each
--- @param splits      list of splits that are reduced; the others stay whole. Default: all
--- @param name        of the data set; default: as it was
--- @return table  images=, bytes=, seconds=
function rewrite.subset(o)
  options.check("calr.data.rewrite.subset", o, { "from", "to", "cameras", "identities", "count", "fraction", "splits",
    "seed", "name" })
  check_target(o.to, { o.from })
  local dataset = data.open(o.from)
  rewrite.check_subset(o, dataset)
  local file, splits = dataset:store(), o.splits and set_of(o.splits)
  local records, dense = records_of(file), store.dense(file:cameras()):totable()
  local function applies(record) return not splits or splits[record.split] end
  local function stream(purpose) return rng.open { seed = o.seed or 0, purpose = "subset: " .. purpose } end
  if o.cameras then
    local wanted = set_of(o.cameras)
    records = keep(records, function(r) return not applies(r) or wanted[dense[r.at]] end)
  end
  if o.identities then
    local kept = draw_identities(records, o.identities, stream "identities")
    records = keep(records, function(r)
      return not applies(r) or not is_person(r) or kept[r.split == "train" and "train" or "query"][r.identity]
    end)
  end
  if o.count or o.fraction then records = draw_images(records, o, applies, stream "images") end
  return write(o.to, o.name or file:name(), { { file = file, records = records, prefix = "" } })
end

return (require("calr.options").counted("calr.data.rewrite.", rewrite))
