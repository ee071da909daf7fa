--- @module calr.pipeline.inter
--- Stage 2, inter-camera: the frame around an epoch. The function behind calr.pipeline.epochs.

local C = require "calr.cluster"
local L = require "calr.labels"
local check_options = require("calr.options").check
local config = require "calr.pipeline.config"
local evaluation = require "calr.pipeline.evaluation"
local memory = require "calr.memory"
local nn = require "calr.nn"
local optim = require "calr.optim"
local quality = require "calr.pipeline.quality"
local snapshot = require "calr.pipeline.snapshot"
local train = require "calr.pipeline.train"

local Step = {}
Step.__index = Step

--- step:features()
--- Unit features of all training images with the network as it is now.
--- @return tensor  f32[n x dim]
function Step:features()
  self.seen = evaluation.features(self.net, self.split, self.cfg)
  return self.seen
end

--- step:neighbours(features)
--- The nearest neighbours of all training images among each other by the cosine, as many as infomap.k says:
--- calr.cluster.infomap takes them in place of features, and refinement rules see them.
--- @return table  see calr.cluster.knn
function Step:neighbours(features)
  return C.knn(features, { k = math.min(self.cfg.infomap.k, features:size(1)) })
end

--- step:cluster_weights(labels)
--- The cluster weights ln(1 + H_k) of this epoch, or nil while camera_weights_from says that there are none.
--- @return tensor  f32[clusters] or nil
function Step:cluster_weights(labels)
  local from = self.cfg.camera_weights_from
  if from < 0 or self.epoch < from then return nil end
  return memory.camera_weights(labels, self.cameras)
end

--- step:quality{global=, locals=, refined=}
--- Measures clusters against the true identities, where there are any, into the epoch's record.
--- @param global   i32[n]: the global clusters
--- @param locals   i32[n]: the local clusters
--- @param refined  i32[n]: what a rule made of the global ones
function Step:quality(sets)
  for name, labels in pairs(sets) do
    local measure = name == "locals" and quality.by_camera or quality.overall
    self.record[name] = measure(self.split, labels)
  end
end

--- step:report(fields)
--- Puts fields into the epoch's record.
function Step:report(fields)
  for name, value in pairs(fields) do self.record[name] = value end
end

--- step:snapshot(context [, {refined=, reasons=, always=false}])
--- Saves the epoch for `calr refine`, when it is one that the option snapshot_every names: after so many epochs, and
--- after the last. The file RUN/snapshots/epoch-NNN.safetensors is whole or absent; see calr.pipeline.snapshot for what
--- it holds.
--- @param context  what a refinement rule sees: global, features, and where there are any locals, scores, neighbours;
---                 other fields are not saved
--- @param refined  i32[n]: the labels that are trained on
--- @param reasons  table; the third result of calr.refine.apply
--- @param always   save this epoch, whatever the option says
--- @return string|nil  the file; nil when there was nothing to do
function Step:snapshot(context, more)
  more = check_options("step:snapshot", more, { "refined", "reasons", "always" })
  self.offered = true
  local every, epoch = self.cfg.snapshot_every or 0, self.epoch
  local due = every > 0 and ((epoch + 1) % every == 0 or epoch + 1 == self.cfg.epochs)
  if not due and not more.always then return nil end
  local file = snapshot.path(self.run.path, epoch)
  snapshot.save(file, {
    context = context, refined = more.refined, reasons = more.reasons, cameras = self.cameras,
    identities = self.split:identities(), epoch = epoch, epochs = self.cfg.epochs, seed = self.cfg.seed,
    data = self.data, options = self.cfg,
  })
  return file
end

local function alignment_of(self)
  local o, cfg = self.cfg.alignment, self.cfg
  if not self.head or (o.epochs >= 0 and self.epoch >= o.epochs) then return nil end
  local p = self.epoch / math.max(1, cfg.epochs - 1)
  return {
    head = self.head, weight = o.weight, double_softmax = o.double_softmax,
    alpha = o.ramp and o.alpha * (2 / (1 + math.exp(-10 * p)) - 1) or o.alpha,
  }
end

-- Says what to change, by what the images became.
local function collapsed(self, clusters, outliers)
  local o, count = self.cfg.infomap, self.split:count()
  local advice = outliers > count // 2
    and ("most images have no neighbours: lower infomap.min_similarity (now %g) or infomap.min_size (%d), or raise "
      .. "infomap.k (%d)"):format(o.min_similarity, o.min_size, o.k)
    or ("the images are all alike: raise infomap.min_similarity (now %g), or lower infomap.k (%d)"):format(
      o.min_similarity, o.k)
  error(("epoch %d: %s to learn from (%d of %d images are outliers); %s"):format(self.epoch,
    clusters == 0 and "no cluster" or "one cluster only", outliers, count, advice), 0)
end

--- step:train(memory)
--- An epoch of contrastive training against a memory, with the camera alignment where it is on. Fewer than two clusters
--- to learn from is an error: the epochs to come would find the same.
---
--- The record also gets `silhouette`, how well separated the clusters are that the epoch trains on, in the features
--- that this epoch's step:features() found: see calr.cluster.simplified_silhouette. It knows no identities, so that an
--- epoch may be chosen by it.
--- @param memory  of calr.memory, or an object of your own with :loss(features, labels), :update(features, labels),
---                .labels (i32[n], of all training images) and .clusters (how many)
function Step:train(bank)
  local cfg = self.cfg
  local clusters, outliers = bank.clusters, L.total(L.invert(L.at_least(bank.labels, 0)))
  self:report { clusters = clusters, outliers = outliers }
  if clusters < 2 then collapsed(self, clusters, outliers) end
  self.trained = bank.labels
  if self.seen and self.seen:is_finite() then -- what a script made of them shows in the loss
    self:report { silhouette = (C.simplified_silhouette(self.seen, bank.labels)) }
  end
  local loss, aligned = train {
    net = self.net, optimizer = self.optimizer, split = self.split, cameras = self.cameras, cfg = cfg,
    seed = config.stage_seed(cfg, 0), epoch = self.epoch, label = "training", group = "",
    labels = bank.labels, memory = bank,
    clusters = cfg.clusters, instances = cfg.instances, iterations = cfg.iterations, alignment = alignment_of(self),
  }
  if not loss then
    error(("epoch %d: none of the %d clusters has two images: raise infomap.min_size (now %d)"):format(self.epoch,
      clusters, self.cfg.infomap.min_size), 0)
  end
  self:report { loss = loss, alignment = aligned }
end

--- step:figures()
--- The epoch in numbers, one a name: mAP, rank1, rank5, rank10 and mINP (where it was evaluated), loss, alignment,
--- silhouette, clusters, outliers, and the precision, recall, f and expansion of the labels that were trained on.
--- @return table  metric -> number; what is not known is absent
function Step:figures()
  local record, values = self.record, {}
  local quality_of = self.trained and quality.overall(self.split, self.trained) or {}
  for _, name in ipairs { "precision", "recall", "f", "expansion" } do values[name] = quality_of[name] end
  for _, name in ipairs { "loss", "alignment", "silhouette", "clusters", "outliers" } do values[name] = record[name] end
  for _, name in ipairs { "mAP", "rank1", "rank5", "rank10", "mINP" } do
    values[name] = record.evaluation and record.evaluation[name]
  end
  return values
end

local function checkpoint(step, run)
  local tensors = {}
  for name, tensor in pairs(step.net:state()) do tensors["net." .. name] = tensor end
  for name, tensor in pairs(step.optimizer:state()) do tensors["optimizer." .. name] = tensor end
  if step.head then
    for name, tensor in pairs(step.head:state()) do tensors["head." .. name] = tensor end
  end
  run:checkpoint("inter", { tensors = tensors, state = { epoch = step.epoch } })
end

local function restore(step, run)
  local tensors, state = run:restore "inter"
  if not tensors then return -1 end
  local parts = { net = {}, optimizer = {}, head = {} }
  for name, tensor in pairs(tensors) do
    local part, rest = name:match "^(%a+)%.(.*)$"
    parts[part][rest] = tensor
  end
  config.take_up(run, function()
    step.net:load_state(parts.net)
    step.optimizer:load_state(parts.optimizer)
    if step.head then step.head:load_state(parts.head) end
  end)
  return state.epoch
end

return function(net, data, cfg)
  local run, split = config.run_of(cfg, data), data:train()
  local cameras = split:cameras()
  local step = setmetatable({ net = net, split = split, cameras = cameras, cfg = cfg, record = {}, run = run,
    data = data:name() }, Step)
  local parameters = net:parameters()
  if cfg.alignment and cfg.alignment.weight > 0 and L.clusters(cameras) > 1 then
    step.head = nn.domain_head(net.dim, L.clusters(cameras), { seed = cfg.seed }):init(cfg.seed)
    table.move(step.head:parameters(), 1, #step.head:parameters(), #parameters + 1, parameters)
  end
  step.optimizer = config.optimizer(cfg, parameters, cfg.lr)
  local schedule = optim.step_schedule(step.optimizer, { every = cfg.lr_every, factor = cfg.lr_factor })
  step.epoch = restore(step, run)
  local started = step.epoch

  local function finish_epoch()
    local due = cfg.eval_every > 0 and (step.epoch + 1) % cfg.eval_every == 0
    if due or step.epoch + 1 == cfg.epochs then
      step.record.evaluation = evaluation.evaluate(net, data, cfg)
    end
    if (cfg.snapshot_every or 0) > 0 and not step.offered then
      run:log "note: there are no snapshots: the script does not call step:snapshot"
      step.offered = true -- said once
    end
    step.record.stage, step.record.epoch, step.record.lr = "inter", step.epoch, step.optimizer.lr
    run:metric(step.record)
    run:tell("epoch", step.epoch + 1, step)
    checkpoint(step, run)
  end

  return function()
    if step.epoch > started then finish_epoch() end
    step.epoch = step.epoch + 1
    if step.epoch >= cfg.epochs then return nil end
    step.record, step.seen, step.trained = {}, nil, nil
    schedule:epoch(step.epoch)
    return step.epoch, step
  end
end
