--- @module calr.lab.discover
--- What `calr discover` does with a folder of images without identities: looks at it, chooses how to train on it, says
--- how long that takes, and writes what was found. The training itself is experiments/calr.lua.

local T = require "calr.tensor"
local config = require "calr.config"
local graph = require "calr.pipeline.graph"
local layout = require "calr.data.layout"
local own = require "calr.data.own"
local pipeline = require "calr.pipeline"
local sys = require "calr.sys"

local discover = {}

local LEAST = 20 -- images, of which some must look alike to learn anything

local function camera_of(path) return path:match "^([^/]+)/" end

--- calr.lab.discover.look(folder [, one_camera])
--- Lists the images of a folder: its folders are cameras; images in the folder itself, and none in others, are of one
--- camera. Files that file managers leave behind do not count.
--- @param one_camera  all images are of one camera, wherever they lie
--- @return table  paths (relative, in order), cameras (camera of each, from 0), names (of the cameras, in order), hash
---                (of the list, cameras and sizes of files)
function discover.look(folder, one_camera)
  local paths = own.images(folder)
  local inside, outside = 0, nil
  for _, path in ipairs(paths) do
    if camera_of(path) then inside = inside + 1 else outside = outside or path end
  end
  if not one_camera and outside and inside > 0 then
    layout.fail("%s holds images (%s) and folders of images: put each camera's images into a folder of its own, or say "
      .. "--one-camera", folder, outside)
  end
  if #paths < LEAST then
    layout.fail("%s holds %d image%s; %d at least are needed to find persons in", folder, #paths,
      #paths == 1 and "" or "s", LEAST)
  end
  local one = one_camera or outside ~= nil
  local entries = {}
  for i, path in ipairs(paths) do
    entries[i] = { path = path, file = folder .. "/" .. path, camera = one and "all" or camera_of(path),
      split = "train" }
  end
  local records = own.records(entries)
  local seen, names = {}, {}
  for i, record in ipairs(records) do
    if not seen[record.camera] then
      seen[record.camera] = true
      names[#names + 1] = { number = record.camera, name = entries[i].camera }
    end
  end
  table.sort(names, function(a, b) return a.number < b.number end)
  local cameras, dense = {}, {}
  for i, item in ipairs(names) do dense[item.number], names[i] = i - 1, item.name end
  local lines = {}
  for i, record in ipairs(records) do
    cameras[i], record.camera = dense[record.camera], dense[record.camera]
    lines[i] = ("%s %d %d"):format(paths[i], cameras[i], sys.stat(record.file).size)
  end
  return { paths = paths, cameras = cameras, names = names, records = records, one = #names == 1,
    hash = sys.hash(table.concat(lines, "\n")) }
end

local function within(low, value, high) return math.max(low, math.min(value, high)) end

--- calr.lab.discover.settings(count, cameras, given)
--- Options of experiments/calr.lua that suit the numbers of images and cameras, with the given ones in their place.
--- Weights that were trained on other images ask for little: the preset "small". Random ones must learn everything: the
--- preset "street", on small pictures. Batches and neighbours follow the number of images as they do in these presets.
--- @param given  name -> text, among them weights and network
--- @return table  name -> value
function discover.settings(count, cameras, given)
  local pretrained = (given.weights or "") ~= ""
  local values = { preset = pretrained and "small" or "street", epochs = pretrained and 12 or 20,
    iterations = within(8, count // 60, 400), clusters = within(2, count // 16, 16),
    ["intra.iterations"] = within(3, count // cameras // 20, 100),
    ["infomap.k"] = within(4, count // 8, pretrained and 15 or 12),
    ["infomap.min_size"] = within(2, count // 60, 5), ["intra.clusters"] = 0, camera_weights_from = 0 }
  if cameras == 1 then -- the method compares cameras: of one, global clusters alone are left
    values.refine, values["alignment.weight"], values.camera_weights_from = "none", 0, -1
  end
  for name, value in pairs(given) do values[name] = value end
  return values
end

--- calr.lab.discover.estimate(values, looked)
--- About how long the training takes: see calr.lab.discover.cost.
--- @param values  of discover.settings
--- @param looked  of discover.look
--- @return table  seconds and what was measured: calr.lab.discover.cost.estimate
--- @return table  the configuration
function discover.estimate(values, looked)
  local cfg = config.apply(pipeline.defaults { camera_weights_from = 0 }, values)
  return require("calr.lab.discover.cost").estimate(cfg, looked), cfg
end

--- calr.lab.discover.persons(model, data, cfg)
--- The persons that a trained network finds: clusters of its features by Infomap, refined by the rule of the run where
--- there are several cameras.
--- @param model  of calr.trained.open
--- @param cfg    the run's configuration
--- @return table  features; labels, i32[n], -1 for nobody; why, a list: what an image without a person was discarded
---                for, or ""; similarity, f32[n], of an image and the mean of its cluster; count: how many persons
function discover.persons(model, data, cfg)
  local split = data:train()
  local features, cameras = model:features(split), split:cameras()
  local neighbours = graph.neighbours(features, cfg)
  local global, info = graph.infomap(neighbours, cfg)
  local labels, why = global, {}
  for i, label in ipairs(global:totable()) do why[i] = label < 0 and "like nobody else" or "" end
  if cfg.refine ~= "none" then
    local reasons
    labels, reasons = discover.refine(cfg, { features = features, cameras = cameras, global = global,
      neighbours = neighbours, scores = info.scores })
    for i, place in ipairs(reasons.of:totable()) do
      if place >= 0 then why[i] = reasons.texts[place + 1] end
    end
  end
  local count = labels:numel() > 0 and labels:max():item() + 1 or 0
  local similarity = T.zeros { split:count() }
  if count > 0 then
    local kept = labels:ge(0)
    local centres = require("calr.bank").centroids(features, labels):l2_normalize()
    local mine = centres:index_select(1, labels:clamp(0, count - 1):to "i64")
    similarity = (features * mine):sum(2) * kept:to "f32"
  end
  return { features = features, labels = labels, why = why, similarity = similarity, count = count }
end

--- calr.lab.discover.refine(cfg, found)
--- Applies the rule of the run to clusters, with local clusters of the same features.
--- @param found  {features=, cameras=, global=, neighbours=, scores=}
--- @return tensor  labels
--- @return table   why images were discarded, as of calr.refine.apply
function discover.refine(cfg, found)
  local refine = require "calr.refine"
  local labels, _, reasons = refine.apply(refine.load(cfg.refine), {
    features = found.features, cameras = found.cameras, global = found.global, neighbours = found.neighbours,
    scores = found.scores, locals = pipeline.local_clusters(found.features, found.cameras, cfg),
    epoch = math.max(0, cfg.epochs - 1), epochs = cfg.epochs, seed = cfg.seed, options = cfg,
  })
  return labels, reasons
end

return (require("calr.options").counted("calr.lab.discover.", discover))
