--- @module calr.program.command.discover
--- calr discover DIR: finds persons in a folder of images without identities.

local arguments = require "calr.program.arguments"
local discover = require "calr.lab.discover"
local errors = require "calr.errors"
local json = require "calr.json"
local models = require "calr.program.model"
local sys = require "calr.sys"
local text = require "calr.text"
local try = arguments.try

local command = {
  summary = "find persons in a folder of images without identities: train, cluster, contact sheets",
  usage = "calr discover DIR [-o OUT] [--weights FILE] [--network NAME] [--one-camera] [--skip-bad] [--dry-run] "
    .. "[key=value ...]",
  own_help = true,
}

local help = [[
Trains a network on a folder of images that nobody has labelled, and sorts them by person.
Says first what it will do and about how long it takes. Stopped at any moment, the same
command goes on where it was.

  DIR              a folder for each camera, or images of one camera
  -o OUT           the folder to write; default: discovered/NAME
  --weights FILE   start from these weights (a run of calr, .pth, .safetensors): much better
                   than from random ones on real images
  --network NAME   the network; default: that of the weights, or small
  --one-camera     all images are of one camera, in whatever folders they lie
  --skip-bad       leave out images that cannot be decoded, and list them
  --dry-run        say what would be done and how long it would take
  --threads N      number of threads
  key=value        any option of experiments/calr.lua, such as epochs=40

OUT holds: clusters.csv (path, camera, person, similarity, and why an image belongs to
nobody), persons/ (a contact sheet of each person), persons.html (all of them),
model.safetensors (for calr search, extract and export), features.npy, data.lmdb (the
images) and run/ (the training, for calr report).]]

local function parse(args)
  local fields, words = arguments.parse(args, { usage = command.usage,
    flags = { ["--one-camera"] = "one_camera", ["--skip-bad"] = "skip_bad", ["--dry-run"] = "dry_run",
      ["--help"] = "help", ["-h"] = "help" },
    values = { ["-o"] = "output", ["--weights"] = "weights", ["--network"] = "network", ["--threads"] = "threads" } })
  if fields.help then return fields end
  arguments.check_once(words)
  fields.given = { weights = fields.weights and sys.exists(fields.weights) and sys.absolute(fields.weights)
    or fields.weights, network = fields.network }
  for _, word in ipairs(words) do
    local name, value = word:match "^([%w_.]+)=(.*)$"
    if name and not sys.exists(word) then
      if name == "data" then errors.usage("data= is the folder itself: calr discover DIR") end
      if fields.given[name] then errors.usage("%s is given twice", name) end
      fields.given[name] = value
    elseif fields.folder then
      errors.usage("\"%s\" is one word too many; usage: %s", word, command.usage)
    else
      fields.folder = #word > 1 and word:gsub("/+$", "") or word
    end
  end
  if not fields.folder then errors.usage("which folder? usage: %s", command.usage) end
  return fields
end

local of_network = { "network", "height", "width", "pooling", "ibn", "last_stride" }

-- Weights that say which network they are of decide it, and the size of the images.
local function take_from_weights(given)
  if not given.weights then return end
  if not sys.exists(given.weights) then errors.usage("there are no weights %s", given.weights) end
  local trained = require "calr.trained"
  local overrides = {}
  for _, name in ipairs(of_network) do overrides[name] = given[name] end
  local model = try(trained.open, given.weights, overrides, { quiet = true })
  if given.network then return end -- weights of another program do not say for which images they are
  for _, name in ipairs(of_network) do
    if given[name] == nil then given[name] = tostring(model.config[name]) end
  end
end

-- The folder is that of the same images, and of the same settings; otherwise its parts would not belong together.
local function check_record(out, record)
  local file = out .. "/discover.json"
  if not sys.exists(file) then
    if sys.is_folder(out) and #sys.list(out) > 0 then
      errors.usage("%s holds something else; choose another folder with -o", out)
    end
    return
  end
  local known = try(json.decode, sys.read_file(file), file)
  if known.folder ~= record.folder then
    errors.usage("%s holds what was found in %s; choose another folder with -o", out, tostring(known.folder))
  elseif known.images ~= record.images then
    errors.usage("the images of %s have changed since %s was begun; choose another folder with -o", record.folder, out)
  end
  local names, seen = {}, {}
  for _, settings in ipairs { known.settings, record.settings } do
    for name in pairs(settings) do
      if not seen[name] then seen[name], names[#names + 1] = true, name end
    end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local was, is = known.settings[name], record.settings[name]
    if was ~= is then
      errors.usage("%s was begun with %s=%s, now it is %s; choose another folder with -o", out, name,
        was or "(its default)", is or "its default")
    end
  end
end

local function words_of(values)
  local words = {}
  for name, value in pairs(values) do words[#words + 1] = name .. "=" .. require("calr.config").format(value) end
  table.sort(words)
  return words
end

local function import(looked, fields, out)
  local store = out .. "/data.lmdb"
  if sys.exists(store) then return store end
  local name = sys.absolute(fields.folder):match "[^/]+$" or "images"
  local result = arguments.try_images(fields.skip_bad, require("calr.data.import").run, { folder = fields.folder,
    to = store, skip_bad = fields.skip_bad, layout = { name = name, records = function() return looked.records end } })
  for _, warning in ipairs(result.warnings) do io.stderr:write("warning: ", text.visible(warning), "\n") end
  for _, bad in ipairs(result.skipped) do
    io.stderr:write(text.visible(("left out %s: %s"):format(bad.path, bad.reason)), "\n")
  end
  return store
end

-- What the run need not say: it follows from settings that this command has chosen, or from images without identities.
local expected = { clusters = true, weights = true, evaluation = true }

-- Trains, or goes on with it, or does nothing where that is done.
local function train(store, values, fields, out)
  local run, folder = require "calr.program.command.run", out .. "/run"
  local status = sys.exists(folder .. "/run.json") and require("calr.run.folder").read(folder).status
  if status == "finished" then return folder end
  local job
  if status then
    job = { resume = folder }
    require("calr.program.resume").prepare(job)
  else
    local words = words_of(values)
    words[#words + 1] = "data=" .. store
    job = { script = sys.paths.experiments .. "/calr.lua", overrides = words, out = folder, threads = fields.threads }
  end
  job.overrides = job.overrides or {}
  job.expected = expected
  run.execute(job)
  return folder
end

-- What was trained on, image by image: some may have been left out.
local function trained_on(looked, split)
  local place, kept = {}, { paths = {}, cameras = {}, names = looked.names }
  for i, path in ipairs(looked.paths) do place[path] = i end
  for i = 1, split:count() do
    local path = split:path(i)
    kept.paths[i], kept.cameras[i] = path, looked.cameras[place[path]]
  end
  return kept
end

local function finish(looked, store, folder, out)
  local data = try(require("calr.data").open, store)
  local model = try(require("calr.trained").open, folder, nil, { quiet = true })
  local record = require("calr.run.folder").read(folder)
  local pipeline = require "calr.pipeline"
  local cfg = require("calr.config").resolve(pipeline.defaults { camera_weights_from = 0 }, nil, record.config)
  local found = try(discover.persons, model, data, cfg)
  local output, split = require "calr.lab.discover.output", data:train()
  local images = trained_on(looked, split)
  try(output.table, out .. "/clusters.csv", images, found)
  try(require("calr.npy").save, out .. "/features.npy", found.features)
  try(sys.write_file, out .. "/model.safetensors", sys.read_file(model.source))
  local bar <close> = require("calr.progress").new("contact sheets", found.count)
  local across = try(output.sheets, out .. "/persons", images, found, split, function(done) bar:update(done) end)
  bar:finish()
  return found, across, split:count()
end

local BUSY = 1.3 -- how much longer work takes on a machine that does other things as well

-- "about 42 s on this machine", and what that follows from; of a machine that does other things as well, both times.
local function time_text(cost)
  local busy = cost.loaded > BUSY * cost.alone
  local of = busy and ("%s to %s on this machine: the first if it did nothing else, the second while it is as busy as "
    .. "now"):format(text.duration(cost.alone), text.duration(cost.loaded))
    or ("about %s on this machine"):format(text.duration((cost.alone + cost.loaded) / 2))
  return ("%s\n          measured: a batch of %d images takes %.2g s of processor time, and their features %.2g s "
    .. "(%d and %d tries)"):format(of, cost.batch, cost.training.processor, cost.features.processor,
    cost.training.tries, cost.features.tries)
end

local function some(count, noun)
  return ("%d %s%s"):format(count, noun, count == 1 and "" or noun == "batch" and "es" or "s")
end

local function describe(looked, cfg, given, cost, out)
  local cameras = #looked.names == 1 and "one camera" or ("%d cameras (%s)"):format(#looked.names,
    table.concat(looked.names, ", ", 1, math.min(6, #looked.names)) .. (#looked.names > 6 and ", ..." or ""))
  print(("images    %s of %s"):format(text.count(#looked.paths), cameras))
  print(("network   %s, images of %dx%d, %s"):format(cfg.network, cfg.height, cfg.width,
    given.weights and "from " .. given.weights or "random weights: give --weights for real images"))
  if cfg.refine == "none" then
    print(("training  %s of %s on clusters of all images"):format(some(cfg.epochs, "epoch"),
      some(cfg.iterations, "batch")))
  else
    print(("training  stage 1: %s of each camera on its own; stage 2: %s of %s, clusters refined by %s"):format(
      some(cfg.intra.epochs, "epoch"), some(cfg.epochs, "epoch"), some(cfg.iterations, "batch"), cfg.refine))
  end
  print("time      " .. time_text(cost))
  print(("output    %s"):format(out))
end

--- calr.program.command.discover.run(args)
--- @return integer  exit status
function command.run(args)
  local fields = parse(args)
  if fields.help then
    print("usage: " .. command.usage .. "\n\n" .. help)
    return 0
  end
  arguments.choose_threads(fields)
  arguments.check_source(fields.folder, "folder")
  if not sys.is_folder(fields.folder) then errors.usage("%s is a file; a folder of images is wanted", fields.folder) end
  models.check_network(fields.given.network)
  local looked = try(discover.look, fields.folder, fields.one_camera)
  local name = sys.absolute(fields.folder):match "[^/]+$" or "images"
  local out = fields.output or "discovered/" .. name
  if sys.exists(out) and not sys.is_folder(out) then errors.usage("-o %s is a file, not a folder", out) end
  if (sys.exists(out) and sys.absolute(out) .. "/" or out):sub(1, #sys.absolute(fields.folder) + 1)
    == sys.absolute(fields.folder) .. "/" or out:sub(1, #fields.folder + 1) == fields.folder .. "/" then
    errors.usage("-o %s lies among the images: its pictures would be taken for some", out)
  end
  take_from_weights(fields.given)
  local values = discover.settings(#looked.paths, #looked.names, fields.given)
  local record = { format = 1, folder = sys.absolute(fields.folder), images = looked.hash, settings = fields.given }
  check_record(out, record)
  local cost, cfg = try(discover.estimate, values, looked)
  describe(looked, cfg, fields.given, cost, out)
  if fields.dry_run then return 0 end
  io.stdout:flush()
  try(sys.make_folder, out)
  try(sys.write_file, out .. "/discover.json", json.encode(record, { indent = 2 }) .. "\n")
  local whole = sys.absolute(out)
  local ok, found, across, count = pcall(function()
    local store = import(looked, fields, whole)
    return finish(looked, store, train(store, values, fields, whole), out)
  end)
  if not ok then
    if sys.is_interrupt(found) then io.stderr:write "calr: to go on: the same command again\n" end
    error(found, 0)
  end
  local of = found.labels:ge(0):count_nonzero():item()
  print(("\n%s persons in %s of %s images%s"):format(text.count(found.count), text.count(of), text.count(count),
    looked.one and "" or (", %s of them seen by several cameras"):format(text.count(across))))
  print(("%s/clusters.csv, %s/persons.html, %s/persons/, %s/model.safetensors"):format(out, out, out, out))
  if found.count == 0 then
    print "No images are alike enough: train longer (epochs=), or start from weights (--weights)."
  end
  return 0
end

return command
