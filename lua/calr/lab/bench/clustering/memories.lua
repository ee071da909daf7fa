--- @module calr.lab.bench.clustering.memories
--- Rows of calr bench cluster: a step of each memory: unit features, loss, feature gradient, update.

local T = require "calr.tensor"
local autograd = require "calr.autograd"
local data = require "calr.lab.bench.clustering.data"
local memory = require "calr.memory"
local rng = require "calr.rng"

local memories = {}

local BATCH, INSTANCES, CLUSTERS, KEYS = 256, 16, 1000, 16384

-- A batch with several images of each of several clusters: their numbers i64, and their labels.
local function draw(labels, each)
  local members = {}
  for i, label in ipairs(labels:totable()) do
    members[label] = members[label] or {}
    table.insert(members[label], i - 1)
  end
  local random, rows = rng.open { seed = 11, purpose = "batch" }, {}
  local order = {}
  for label = 0, #members do order[label + 1] = label end
  random:shuffle(order)
  for c = 1, BATCH // each do
    local own = members[order[c]]
    for i = 1, each do rows[#rows + 1] = own[(i - 1) % #own + 1] end
  end
  return T(rows, "i64")
end

-- The step of a memory: loss of unit features, backward, update.
local function step(raw, kind)
  return function()
    raw:zero_grad()
    kind.step(T.l2_normalize(raw))
  end
end

local function kinds(x, labels, cameras, rows)
  local batch = { rows = rows, labels = labels:index_select(1, rows), cameras = cameras:index_select(1, rows),
    keys = x:index_select(1, rows) }
  local list = {}
  local function add(name, work, rule, contrasts, bank)
    list[#list + 1] = { name = name, work = work, rule = rule, contrasts = contrasts,
      step = function(features)
        autograd.backward((bank:loss(features, batch)))
        bank:update(features, batch)
      end }
  end
  for _, rule in ipairs { "mean", "hard" } do
    local bank = memory.cluster { features = x, labels = labels, update = rule }
    add("cluster", ("cluster memory (%s), %d clusters"):format(rule, bank.clusters), rule, bank.clusters, bank)
  end
  add("instance", ("instance memory, %d images"):format(x:size(1)), nil, x:size(1), memory.instance { features = x })
  local hybrid = memory.hybrid { features = x, labels = labels }
  add("hybrid", ("hybrid memory, %d classes"):format(hybrid.means:size(1)), nil, hybrid.means:size(1), hybrid)
  local camera = memory.camera { features = x, labels = labels, cameras = cameras }
  add("camera", ("camera proxies, intra + offline, %d"):format(camera.proxies), nil, camera.proxies, camera)
  local queue = memory.queue { size = KEYS, dim = x:size(2) }
  for _ = 1, KEYS // BATCH do queue:push(batch.keys) end
  add("queue", ("queue, %d keys"):format(KEYS), nil, KEYS, queue)
  return list
end

--- calr.lab.bench.clustering.memories.memories(bench, options)
--- Prints a row for each memory. The cluster memory has two peers: the update sample by sample in Python, as in this
--- field's code, and the same by whole tensors.
function memories.memories(bench, options)
  local images = CLUSTERS * 12
  local x, labels, cameras = data.people { images = images, dim = options.dim, each = 12, hard = options.hard }
  local rows = draw(labels, INSTANCES)
  local files <close> = data.files { x = x, labels = labels, cameras = cameras, rows = rows }
  local raw = x:index_select(1, rows)
  raw:requires_grad(true)
  for _, kind in ipairs(kinds(x, labels, cameras, rows)) do
    for _, whole in ipairs(kind.name == "cluster" and { false, true } or { false }) do
      local peers <close> = bench.peer("cluster_memory", data.options(files, { kind = kind.name, update = kind.rule,
        whole = whole, keys = KEYS, instances = INSTANCES }))
      bench.row { work = kind.work, time = bench.time(step(raw, kind), { peers = peers,
        ["repeat"] = 15, warmup = 3, single = true }), flops = 4.0 * BATCH * kind.contrasts * options.dim,
        aim = kind.name == "cluster" and not whole and { ratio = 2 } or nil }
      if #peers == 0 then break end
    end
  end
end

return memories
