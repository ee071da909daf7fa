-- street: generated pedestrians under cameras that differ.
--
-- Persons, streets and cameras are all defined here, in Lua; calr.paint only paints. Every random decision comes from a
-- stream named by (seed, purpose, index), so that an identity looks the same whatever the other options are, and any
-- image can be made on its own.

local paint = require "calr.paint"
local sys = require "calr.sys"

local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local person = dofile(here .. "street/person.lua")
local view = dofile(here .. "street/view.lua")
local tools = dofile(here .. "street/tools.lua")

local floor, max, min, pi = math.floor, math.max, math.min, math.pi
local chance, choose, pick, stream = tools.chance, tools.choose, tools.pick, tools.stream

--- @module street
--- The generated data set: pedestrians with clothes, hair, build and bags, walking through the views of several
--- cameras. Within a camera persons differ by their colours; between cameras white balance, exposure,
--- contrast, sharpness, viewpoint and surroundings differ more than persons do. `gap` sets how much.

local street = { name = "street" }

-- Name, default, meaning.
local option_list = {
  { "seed", 1, "another seed: other persons, other cameras" },
  { "ids", 90, "identities of the training split" },
  { "test_ids", 60, "other identities, of query and gallery" },
  { "cameras", 6, "number of cameras" },
  { "images", 5, "mean number per identity and camera (1 .. 2 times this less 1)" },
  { "presence", 0.85, "share of the cameras that see an identity (at least two, if there are two)" },
  { "gap", 1.0, "how much cameras differ: 0 not at all, 1 strongly, above 1 even more" },
  { "similar", 0.3, "share of the identities that borrow clothes from another" },
  { "occlusion", 0.12, "share of the images with something or somebody in front" },
  { "distractors", 150, "gallery boxes that show no person of the query (identity 0)" },
  { "junk", 100, "gallery boxes too bad to count (identity -1)" },
  { "height", 128, "of an image, in pixels" },
  { "width", 64, "of an image, in pixels" },
  { "quality", 92, "JPEG quality of the best camera" },
}

street.options, street.meanings = {}, {}
for _, o in ipairs(option_list) do street.options[o[1]], street.meanings[o[1]] = o[2], o[3] end

-- ---- one image ----

-- Places a person in the frame of 64 x 128 units: `size` is the height in units, (x, y) the position.
local function stand(s, camera, who, pose, x, y, size)
  local k = size / 100
  s:transform(k * camera.stretch, 0, -k * camera.roll, k, x, y)
  local side = camera.light * camera.harsh
  s:light(-11, 0, 1 - side, 11, 0, 1 + side)
  person.draw(s, who, pose)
  s:light(0, 0, 1, 1, 0, 1):transform(1, 0, 0, 1, 0, 0)
end

local function draw_shadow(s, camera, x, y, size)
  s:soft(3):color({ 0.05, 0.05, 0.07 }, 0.38)
  s:ellipse(x + camera.light * -7, y - 1, size * 0.17, size * 0.032):soft(0)
end

-- A walk of one person past one camera: the common part of its images.
local function track_of(r)
  local yaw = choose(r, { { 0, 0.34 }, { pi, 0.30 }, { pi / 2, 0.18 }, { -pi / 2, 0.18 } })
  return {
    yaw = yaw + r:normal(0, 0.25), offset = r:uniform(-300, 300), zoom = r:uniform(0.9, 1.15),
    phase = r:uniform(0, 2 * pi), size = r:normal(0, 0.02),
  }
end

-- The scene of one image. `job`: person, camera, track, serial, kind ("person", "junk", "distractor").
local function scene_of(options, job, everybody)
  local r = stream(options, "image", job.serial)
  local camera, track = job.camera, job.track
  local s = paint.scene(64, 128)
  view.background(s, camera, track.offset + r:uniform(-14, 14), track.zoom * r:uniform(0.97, 1.03))
  local size = 112 * (1 + track.size + r:normal(0, 0.03))
  local x, y = 32 + r:normal(0, 1.9), 121 + r:normal(0, 1.9)
  local pose = { yaw = track.yaw + r:normal(0, 0.15), phase = track.phase + r:uniform(0, 2 * pi), rise = camera.rise }
  if job.kind ~= "person" then -- a bad box: off target, too small, too large, or empty
    size = size * (chance(r, 0.5) and r:uniform(0.45, 0.7) or r:uniform(1.5, 2.2))
    x = x + (chance(r, 0.5) and 1 or -1) * r:uniform(10, 26)
    y = size > 112 and y + r:uniform(0.2, 0.6) * size or y - r:uniform(0, 20)
  end
  local behind = chance(r, options.occlusion * 0.5)
  local other = pick(r, everybody)
  local side = chance(r, 0.5) and 1 or -1
  if behind and job.kind == "person" then
    stand(s, camera, other, { yaw = r:uniform(-pi, pi), phase = r:uniform(0, 6), rise = camera.rise },
      x + side * r:uniform(18, 30), y - r:uniform(8, 20), size * r:uniform(0.7, 0.85))
  end
  if job.person then
    draw_shadow(s, camera, x, y, size)
    stand(s, camera, job.person, pose, x, y, size)
  end
  if chance(r, options.occlusion) then
    if chance(r, 0.3) then
      stand(s, camera, pick(r, everybody), { yaw = r:uniform(-pi, pi), phase = r:uniform(0, 6), rise = camera.rise },
        x + side * r:uniform(19, 27), y + r:uniform(4, 16), size * r:uniform(1.0, 1.15))
    else
      view.obstacle(s, r, camera)
    end
  end
  view.develop(s, r, camera)
  return s
end

-- ---- the data set ----

-- How often each camera sees an identity: a table of counts, and the tracks.
local function visits(options, id)
  local r = stream(options, "visits", id)
  local seen, count = {}, 0
  for c = 1, options.cameras do
    seen[c] = chance(r, options.presence)
    if seen[c] then count = count + 1 end
  end
  local order = {}
  for c = 1, options.cameras do order[c] = c end
  r:shuffle(order)
  for _, c in ipairs(order) do
    if count >= 2 then break end
    if not seen[c] then seen[c], count = true, count + 1 end
  end
  local list = {}
  for c = 1, options.cameras do
    if seen[c] then
      local tracks = { track_of(r), track_of(r) }
      local images = {}
      for i = 1, r:integer(1, max(1, floor(2 * options.images) - 1)) do
        images[i] = (i > 2 and chance(r, 0.4)) and tracks[2] or tracks[1]
      end
      list[#list + 1] = { camera = c, images = images }
    end
  end
  return list
end

local function name_of(identity, camera, sequence, frame, box)
  local id = identity < 0 and "-1" or ("%04d"):format(identity)
  return ("%s_c%ds%d_%06d_%02d.jpg"):format(id, camera, sequence, frame, box)
end

-- All images to make, in the order in which they are emitted.
local function plan(options)
  local cameras = view.cameras(options)
  local train, test = person.list(options, 1, options.ids), person.list(options, options.ids + 1, options.test_ids)
  local jobs, serial = {}, 0
  local function add(split, folder, identity, who, camera, track, kind, box)
    serial = serial + 1
    jobs[#jobs + 1] = {
      split = split, identity = identity, person = who, camera = cameras[camera], track = track, kind = kind,
      serial = serial,
      path = folder .. "/" .. name_of(identity, camera, 1, serial, box),
    }
  end
  for _, p in ipairs(train) do
    for _, visit in ipairs(visits(options, p.id)) do
      for i, track in ipairs(visit.images) do
        add("train", "bounding_box_train", p.id, p, visit.camera, track, "person", i)
      end
    end
  end
  local gallery = {}
  for _, p in ipairs(test) do
    for _, visit in ipairs(visits(options, p.id)) do
      add("query", "query", p.id, p, visit.camera, visit.images[1], "person", 0)
      gallery[#gallery + 1] = { p, visit }
    end
  end
  for _, item in ipairs(gallery) do
    local p, visit = item[1], item[2]
    for i = 2, max(2, #visit.images) do
      add("gallery", "bounding_box_test", p.id, p, visit.camera, visit.images[i] or visit.images[1], "person", i)
    end
  end
  local everybody = {}
  for _, p in ipairs(train) do everybody[#everybody + 1] = p end
  for _, p in ipairs(test) do everybody[#everybody + 1] = p end
  local r = stream(options, "boxes", 0)
  for i = 1, #everybody > 0 and options.distractors or 0 do
    local stranger = chance(r, 0.6) and person.of(options, 10 ^ 6 // 1 + i) or nil
    add("gallery", "bounding_box_test", 0, stranger, r:integer(1, options.cameras), track_of(r), "distractor", 1)
  end
  for _ = 1, #test > 0 and options.junk or 0 do
    add("gallery", "bounding_box_test", -1, pick(r, test), r:integer(1, options.cameras), track_of(r), "junk", 1)
  end
  return jobs, everybody
end

local limits = {
  ids = { 1, 9000 }, test_ids = { 0, 900 }, cameras = { 1, 64 }, images = { 1, 1000 }, distractors = { 0, 100000 },
  junk = { 0, 100000 }, height = { 8, 4096 }, width = { 8, 4096 }, quality = { 1, 100 }, presence = { 0.0, 1.0 },
  similar = { 0.0, 1.0 }, occlusion = { 0.0, 1.0 }, gap = { 0.0, 3.0 }, seed = { math.mininteger, math.maxinteger },
}

-- The options with their defaults; unknown or out-of-range ones are errors.
local function complete(given)
  local options, names = {}, {}
  for key, value in pairs(street.options) do
    options[key] = value
    names[#names + 1] = key
  end
  for key, value in pairs(given or {}) do
    local limit = limits[key]
    if not limit then
      local near = sys.nearest(tostring(key), names)
      local hint = near and (" (did you mean \"%s\"?)"):format(near) or ""
      error(("street has no option \"%s\"%s"):format(tostring(key), hint), 3)
    end
    local whole = math.type(limit[1]) == "integer"
    local number = type(value) == "number" and (whole and math.tointeger(value) or not whole and value + 0.0) or nil
    if not number or not (number >= limit[1] and number <= limit[2]) then
      error(("street: option \"%s\" must be a %s from %s to %s, not %s"):format(key,
        whole and "whole number" or "number", limit[1], limit[2], tostring(value)), 3)
    end
    options[key] = number
  end
  return options
end

--- street.count([options])
--- Returns the number of images, without painting any.
--- @return table  images by split: {train=, query=, gallery=}
function street.count(given)
  local counts = { train = 0, query = 0, gallery = 0 }
  for _, job in ipairs((plan(complete(given)))) do counts[job.split] = counts[job.split] + 1 end
  return counts
end

local BATCH = 256 -- scenes in memory at a time

--- street.generate(options, emit)
--- Generates the data set: calls emit{path=, identity=, camera=, split=, jpeg=} for each image, in order: train, query,
--- gallery. Paths and names are those of Market-1501; identities count from 1, 0 is a distractor and -1 junk; cameras
--- count from 1; split is "train", "query" or "gallery"; jpeg is the file as a string. The same options give the same
--- bytes, whatever the number of threads.
--- @param options  table; street.options lists them with their defaults
function street.generate(given, emit)
  local options = complete(given)
  local jobs, everybody = plan(options)
  for first = 1, #jobs, BATCH do
    local scenes, quality = {}, {}
    for i = first, min(first + BATCH - 1, #jobs) do
      scenes[#scenes + 1] = scene_of(options, jobs[i], everybody)
      quality[#quality + 1] = jobs[i].camera.quality
    end
    local images <close> = paint.render(scenes, { height = options.height, width = options.width })
    for _, scene in ipairs(scenes) do scene:close() end
    for i, jpeg in ipairs(paint.encode(images, { quality = quality })) do
      local job = jobs[first + i - 1]
      emit { path = job.path, identity = job.identity, camera = job.camera.index, split = job.split, jpeg = jpeg }
    end
  end
end

return street
