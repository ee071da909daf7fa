--- @module calr.pipeline.intra
--- Stage 1, intra-camera: reliable local labels. The function behind calr.pipeline.intra.

local C = require "calr.cluster"
local L = require "calr.labels"
local T = require "calr.tensor"
local config = require "calr.pipeline.config"
local memory = require "calr.memory"
local optim = require "calr.optim"
local quality = require "calr.pipeline.quality"
local train = require "calr.pipeline.train"

-- How many local clusters a camera of `count` images gets.
local function cluster_count(cfg, count)
  local wanted = cfg.intra.clusters > 0 and cfg.intra.clusters or count // cfg.intra.per_cluster
  return math.max(1, math.min(wanted, count))
end

-- Labels i32[m] of a camera's images and their silhouette (nil when there is none: one cluster, or all of one image).
local function cluster_camera(features, cfg)
  local count = features:size(1)
  local clusters = cluster_count(cfg, count)
  if clusters == 1 then return T.zeros({ count }, "i32") end
  local distance <close> = C.jaccard(features, { k1 = cfg.intra.k1, k2 = cfg.intra.k2 })
  local labels = C.agglomerative(distance, { clusters = clusters, linkage = cfg.intra.linkage })
  return labels, (C.silhouette(distance, labels))
end

local function copy_state(state)
  local copy = {}
  for name, tensor in pairs(state) do copy[name] = tensor:clone() end
  return copy
end

local function prefixed(prefix, map, into)
  for name, tensor in pairs(map) do into[prefix .. name] = tensor end
  return into
end

local function unprefixed(prefix, map)
  local out = {}
  for name, tensor in pairs(map) do
    if name:sub(1, #prefix) == prefix then out[name:sub(#prefix + 1)] = tensor end
  end
  return out
end

-- Writes labels of some rows into labels of all images, -1 elsewhere.
local function spread(labels, rows, n)
  local all = T.full({ n }, -1, "i32")
  for i, row in ipairs(rows:totable()) do all:set(row + 1, labels:get(i)) end
  return all
end

return function(net, data, cfg)
  local run, split, o = config.run_of(cfg, data), data:train(), cfg.intra
  local n, cameras = split:count(), split:cameras()
  local camera_rows = quality.camera_rows(cameras)
  local initial = copy_state(net:state())

  -- Where are we? `done` cameras are finished, the next one has trained `epoch` epochs.
  local locals, used, camera, epoch = T.full({ n }, -1, "i32"), 0, 1, 0
  local best, best_score, optimizer, schedule
  local function begin_camera()
    net:load_state(initial)
    best, best_score, epoch = nil, nil, 0
    optimizer = config.optimizer(cfg, net:parameters(), o.lr)
    schedule = optim.step_schedule(optimizer, { every = cfg.lr_every, factor = cfg.lr_factor })
  end
  begin_camera()
  local tensors, state = run:restore "intra"
  if tensors then
    locals, used, camera = tensors.locals, state.used, state.camera
    if state.epoch > 0 then
      epoch, best, best_score = state.epoch, tensors.best, state.best_score
      config.take_up(run, function()
        net:load_state(unprefixed("net.", tensors))
        optimizer:load_state(unprefixed("optimizer.", tensors))
      end)
    end
  end
  local function checkpoint()
    local map = prefixed("net.", net:state(), { locals = locals, best = best })
    prefixed("optimizer.", optimizer:state(), map)
    run:checkpoint("intra", { tensors = map,
      state = { used = used, camera = camera, epoch = epoch, best_score = best_score } })
  end

  while camera <= #camera_rows do
    local rows = camera_rows[camera]
    while epoch < o.epochs and rows:numel() > 0 do
      schedule:epoch(epoch)
      local features = require("calr.pipeline").features(net, split, cfg, rows)
      local labels, score = cluster_camera(features, cfg)
      if not best or (score and score > (best_score or -math.huge)) then best, best_score = labels, score end
      schedule:epoch(epoch)
      local loss = train {
        net = net, optimizer = optimizer, split = split, cameras = cameras, cfg = cfg,
        seed = config.stage_seed(cfg, camera), epoch = epoch,
        label = ("camera %d of %d"):format(camera, #camera_rows), group = "intra.",
        labels = spread(labels, rows, n),
        memory = memory.cluster { features = features, labels = labels, momentum = o.momentum,
          temperature = o.temperature, update = cfg.update },
        clusters = o.clusters_per_batch, instances = o.instances, iterations = o.iterations,
      }
      run:metric { stage = "intra", camera = camera - 1, epoch = epoch, clusters = L.clusters(labels),
        silhouette = score, loss = loss }
      epoch = epoch + 1
      -- Nothing to learn from single images: the labels cannot change.
      if not loss then epoch = o.epochs end
      if epoch < o.epochs then checkpoint() end
    end
    if rows:numel() > 0 then
      best = best or T.zeros({ rows:numel() }, "i32")
      for i, row in ipairs(rows:totable()) do locals:set(row + 1, best:get(i) + used) end
      used = used + L.clusters(best)
    end
    camera = camera + 1
    begin_camera()
    checkpoint()
  end
  net:load_state(initial)
  local measured = quality.by_camera(split, locals)
  run:log("stage 1: %d local clusters in %d cameras%s", used, #camera_rows, measured and
    (", precision %.3f, recall %.3f, F %.3f"):format(measured.precision, measured.recall, measured.f) or "")
  return locals
end
