--- @module calr.lab.bench.run
--- calr bench run: measures one epoch of CALR as users run it, by phase.

local config = require "calr.config"
local json = require "calr.json"
local npy = require "calr.npy"
local pictures = require "calr.lab.bench.frame.images"
local step = require "calr.lab.bench.frame.step"
local sys = require "calr.sys"
local text = require "calr.text"

local shared = step.options {}

local benchmark = {
  summary = "an epoch of CALR by phase: features to evaluation; peer PyTorch, faiss and infomap",
  options = {
    data = config.option("", "a data set (.lmdb); default: generated pedestrians"),
    network = config.with_default(shared.network, "small"),
    weights = config.option("", "initial weights, for networks that find no clusters without; the peer takes their "
      .. "numbers in the order of its layers"),
    height = config.option(64, "of the images"),
    width = config.option(32, "of the images"),
    precision = shared.precision,
    iterations = config.option(100, "training steps", { 1 }),
    clusters = config.option(16, "clusters in a batch", { 2 }),
    instances = config.option(4, "images of each cluster in a batch", { 2 }),
    k = config.option(15, "neighbours in Infomap's graph, the image itself included", { 2 }),
  },
}

local phases = { "features", "neighbours", "clustering", "refinement", "training", "evaluation" }
local parts = { "train", "query", "gallery" }

-- The images of all splits as files, and arrays of their identities and cameras, for the peer.
local function write_files(dataset, folder)
  for _, part in ipairs(parts) do
    local split = dataset[part](dataset)
    sys.make_folder(folder .. "/" .. part)
    for i = 1, split:count() do sys.write_file(("%s/%s/%06d.jpg"):format(folder, part, i), split:jpeg(i)) end
    npy.save(("%s/%s-ids.npy"):format(folder, part), split:identities())
    npy.save(("%s/%s-cameras.npy"):format(folder, part), split:cameras())
  end
end

-- One run of experiments/calr.lua with an epoch: seconds by phase, and of all of them. Stage 1 is left out: the true
-- identities are the local clusters.
local function measure(options, path, dir)
  local words = { sys.paths.executable, "run", sys.paths.experiments .. "/calr.lua", "--out", dir, "--quiet",
    "--threads", ("%d"):format(sys.threads()), "data=" .. path, "epochs=1", "oracle=locals", "labels_every=0",
    ("infomap.k=%d"):format(options.k) }
  if options.weights ~= "" then words[#words + 1] = "weights=" .. options.weights end
  for _, name in ipairs { "network", "height", "width", "precision", "iterations", "clusters", "instances" } do
    words[#words + 1] = ("%s=%s"):format(name, options[name])
  end
  for i, word in ipairs(words) do words[i] = text.quote(word) end
  local log = dir .. ".log"
  if not os.execute(table.concat(words, " ") .. " >" .. text.quote(log) .. " 2>&1") then
    error("the run failed: " .. (sys.read_file(log):match "([^\n]+)\n*$" or "without a word"), 0)
  end
  local spent, total = {}, 0
  for line in sys.read_file(dir .. "/timing.jsonl"):gmatch "[^\n]+" do
    local record = json.decode(line, "timing.jsonl")
    for name, phase in pairs(record.phases) do spent[name] = (spent[name] or 0) + phase.seconds end
    total = total + record.elapsed
  end
  spent.all = total
  return spent
end

-- What is compared with the peer: it has no checkpoints, for example.
local function all_of(spent)
  local sum = 0
  for _, name in ipairs(phases) do sum = sum + (spent[name] or 0) end
  return sum
end

-- images: those that a phase takes through the network.
local function row(bench, work, ours, theirs, o)
  local found = o.peer and #theirs > 0 and { name = o.peer.name, seconds = bench.median(theirs), ratios = {} } or nil
  for i in ipairs(found and theirs or {}) do found.ratios[i] = theirs[i] / ours[i] end
  bench.row { work = work, seconds = bench.median(ours), peer = found, aim = o.aim, count = o.images,
    unit = o.images and "images" }
end

-- The peer's seconds of each phase after one more of its runs.
local function measure_peer(bench, peer, into)
  local seconds, why = peer:run()
  if not seconds then
    if why then bench.fail(("peer %s failed: %s"):format(peer.python, why)) end
    return
  end
  for name, spent in pairs(peer.answer.phases or {}) do
    into[name] = into[name] or {}
    table.insert(into[name], spent)
  end
  into.all = into.all or {}
  table.insert(into.all, seconds)
end

--- calr.lab.bench.run.rows(bench, options)
--- Prints a row for each phase and one for all of them. A run is a program of its own, as users start it; the peer
--- alternates with it.
function benchmark.rows(bench, options)
  local folder <close> = pictures.folder()
  local path = pictures.store(options.data, folder, bench)
  local dataset = require("calr.data").open(path)
  local files = folder.path .. "/files"
  local given = {}
  for name, value in pairs(options) do given[name] = value end
  given.folder, given.batch, given.data = files, options.clusters * options.instances, nil
  if #(bench.session.settings.peers or {}) > 0 then write_files(dataset, files) end
  local peers <close> = bench.peer("run", given)
  local peer = peers[1]
  bench.note(("%d images to train on, %d queries, a gallery of %d"):format(dataset:train():count(),
    dataset:query():count(), dataset:gallery():count()))
  local ours, theirs, other = {}, {}, {}
  for i = 1, bench.repeats or 3 do
    bench.progress(("run %d"):format(i))
    local spent = measure(options, path, ("%s/run-%d"):format(folder.path, i))
    for _, name in ipairs(phases) do
      ours[name] = ours[name] or {}
      ours[name][i] = spent[name] or 0
    end
    ours.all = ours.all or {}
    ours.all[i] = all_of(spent)
    other[i] = spent.all - ours.all[i]
    if peer then measure_peer(bench, peer, theirs) end
    bench.progress ""
  end
  local images = { features = dataset:train():count(), training = options.iterations * given.batch,
    evaluation = dataset:query():count() + dataset:gallery():count() }
  for _, name in ipairs(phases) do
    row(bench, name, ours[name], theirs[name] or {}, { peer = peer, images = images[name] })
  end
  row(bench, "all phases", ours.all, theirs.all or {}, { peer = peer, aim = { ratio = 2 } })
  row(bench, "other: checkpoints, records", other, {}, {})
end

return benchmark
