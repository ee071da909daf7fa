--- @module calr.pipeline.intra
--- Stage 1, intra-camera: reliable local labels. The function behind calr.pipeline.intra.

local C = require "calr.cluster"
local L = require "calr.labels"
local T = require "calr.tensor"
local config = require "calr.pipeline.config"
local evaluation = require "calr.pipeline.evaluation"
local memory = require "calr.memory"
local optim = require "calr.optim"
local optimizer = require "calr.pipeline.optimizer"
local phases = require "calr.phases"
local quality = require "calr.pipeline.quality"
local reuse = require "calr.pipeline.reuse"
local source = require "calr.pipeline.source"
local states = require "calr.pipeline.states"
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

-- The stage under way: `locals` of the cameras that are finished, `used` numbers given to their clusters, and the
-- camera being worked on (from 1) with its `epoch`, `best` labels and their `best_score`.
local Stage = {}
Stage.__index = Stage

local function new_stage(net, data, cfg)
  source(net, data, cfg)
  local split = data:train()
  local self = setmetatable({
    net = net, cfg = cfg, split = split, run = config.run_of(cfg, data, net), cameras = split:cameras(),
    initial = copy_state(net:state()), locals = T.full({ split:count() }, -1, "i32"), used = 0, camera = 1,
  }, Stage)
  self.camera_rows = quality.camera_rows(self.cameras)
  self:begin_camera()
  return self
end

-- Every camera starts from the same weights.
function Stage:begin_camera()
  local cfg = self.cfg
  self.net:load_state(self.initial)
  self.best, self.best_score, self.epoch = nil, nil, 0
  self.parameters = self.net:parameters()
  self.optimizer = optimizer.make(cfg, self.parameters, cfg.intra.lr)
  self.schedule = optim.step_schedule(self.optimizer, { every = cfg.lr_every, factor = cfg.lr_factor })
end

function Stage:checkpoint()
  local map = states.put("net.", self.net:state(), { locals = self.locals, best = self.best })
  states.put("optimizer.", self.optimizer:state(), map)
  self.run:checkpoint("intra", { tensors = map,
    state = { used = self.used, camera = self.camera, epoch = self.epoch, best_score = self.best_score } })
end

-- Whether there was a checkpoint to go on from.
function Stage:restore()
  local tensors, state = self.run:restore "intra"
  if not tensors then return false end
  self.locals, self.used, self.camera = tensors.locals, state.used, state.camera
  if state.epoch == 0 then return true end
  self.epoch, self.best, self.best_score = state.epoch, tensors.best, state.best_score
  config.take_up(self.run, function()
    self.net:load_state(states.get("net.", tensors))
    self.optimizer:load_state(states.get("optimizer.", tensors))
  end)
  return true
end

-- Clusters the camera's images by the network as it is now, and keeps the labels if they are the best so far.
function Stage:cluster(rows)
  local features = phases.measure("features", evaluation.features, self.net, self.split, self.cfg, rows)
  local labels, score = phases.measure("clustering", cluster_camera, features, self.cfg)
  if not self.best or (score and score > (self.best_score or -math.huge)) then
    self.best, self.best_score = labels, score
  end
  return features, labels, score
end

-- One epoch of the camera with these rows. Returns false when there is nothing to learn from: clusters of single
-- images, which another epoch would find again.
function Stage:train_epoch(rows)
  local cfg, o = self.cfg, self.cfg.intra
  local features, labels, score = self:cluster(rows)
  self.schedule:epoch(self.epoch)
  local loss = phases.measure("training", train, {
    net = self.net, optimizer = self.optimizer, parameters = self.parameters,
    split = self.split, cameras = self.cameras, cfg = cfg,
    seed = config.stage_seed(cfg, self.camera), epoch = self.epoch,
    label = ("camera %d of %d"):format(self.camera, #self.camera_rows), group = "intra.",
    labels = T.full({ self.cameras:numel() }, -1, "i32"):index_copy_(1, rows, labels),
    memory = memory.cluster { features = features, labels = labels, momentum = o.momentum,
      temperature = o.temperature, update = cfg.update },
    clusters = o.clusters_per_batch, instances = o.instances, iterations = o.iterations,
  })
  self.run:metric { stage = "intra", camera = self.camera - 1, epoch = self.epoch, clusters = L.clusters(labels),
    silhouette = score, loss = loss }
  return loss ~= nil
end

-- The labels of an epoch are found before its training: without this those of the last one are never looked at.
function Stage:cluster_last(rows)
  local _, labels, score = self:cluster(rows)
  self.run:metric { stage = "intra", camera = self.camera - 1, epoch = self.epoch, clusters = L.clusters(labels),
    silhouette = score }
end

-- Puts the camera's best labels behind those of the cameras before it.
function Stage:keep_labels(rows)
  local best = self.best or T.zeros({ rows:numel() }, "i32")
  self.locals:index_copy_(1, rows, best + self.used)
  self.used = self.used + L.clusters(best)
end

-- Takes over what another run has found: its labels, and its metrics as if they were written here.
function Stage:take(locals, used, metrics)
  self.locals, self.used, self.camera = locals, used, #self.camera_rows + 1
  for _, record in ipairs(metrics) do self.run:metric(record) end
  self:checkpoint()
  self.run:log("stage 1: found in %s", self.cfg.intra.cache)
end

function Stage:keep(file)
  local metrics = {}
  for _, record in ipairs(file and require("calr.run").metrics(self.run.path) or {}) do
    if record.stage == "intra" then metrics[#metrics + 1] = record end
  end
  reuse.save(file, self.locals, self.used, metrics)
end

function Stage:work()
  while self.camera <= #self.camera_rows do
    local rows = self.camera_rows[self.camera]
    while self.epoch < self.cfg.intra.epochs and rows:numel() > 0 do
      local learned = self:train_epoch(rows)
      self.epoch = learned and self.epoch + 1 or self.cfg.intra.epochs
      if self.epoch < self.cfg.intra.epochs then self:checkpoint() end
      if self.cfg.intra.last and learned and self.epoch == self.cfg.intra.epochs then self:cluster_last(rows) end
    end
    self:keep_labels(rows)
    self.camera = self.camera + 1
    self:begin_camera()
    self:checkpoint()
  end
end

local intra = {}

--- calr.pipeline.intra.clusters(features, cameras, cfg)
--- See calr.pipeline.local_clusters.
function intra.clusters(features, cameras, cfg)
  local locals, used = T.full({ cameras:numel() }, -1, "i32"), 0
  for _, rows in ipairs(quality.camera_rows(cameras)) do
    if rows:numel() > 0 then
      local labels = cluster_camera(features:index_select(1, rows), cfg)
      locals:index_copy_(1, rows, labels + used)
      used = used + L.clusters(labels)
    end
  end
  return locals
end

--- calr.pipeline.intra.run(net, data, cfg)
--- See calr.pipeline.intra.
function intra.run(net, data, cfg)
  local stage = new_stage(net, data, cfg)
  local file = reuse.file(cfg, data, stage.initial)
  local restored = stage:restore()
  local locals, used, metrics
  if not restored then locals, used, metrics = reuse.load(file) end
  if locals then
    stage:take(locals, used, metrics)
  else
    stage:work()
    stage:keep(file)
  end
  net:load_state(stage.initial)
  local measured = quality.by_camera(stage.split, stage.locals)
  stage.run:log("stage 1: %d local clusters in %d cameras%s", stage.used, #stage.camera_rows, measured and
    (", precision %.3f, recall %.3f, F %.3f"):format(measured.precision, measured.recall, measured.f) or "")
  return stage.locals
end

return intra
