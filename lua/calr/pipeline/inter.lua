--- @module calr.pipeline.inter
--- Stage 2, inter-camera: the frame around an epoch. The function behind calr.pipeline.epochs.

local C = require "calr.cluster"
local L = require "calr.labels"
local check_options = require("calr.options").check
local config = require "calr.pipeline.config"
local contexts = require "calr.context"
local evaluation = require "calr.pipeline.evaluation"
local graph = require "calr.pipeline.graph"
local guards = require "calr.pipeline.guards"
local history = require "calr.pipeline.history"
local memory = require "calr.memory"
local nn = require "calr.nn"
local optimizer = require "calr.pipeline.optimizer"
local phases = require "calr.phases"
local sorted_keys = require "calr.tables".sorted_keys
local plain = require("calr.traceback").plain
local quality = require "calr.pipeline.quality"
local rate = require "calr.pipeline.rate"
local request = require "calr.pipeline.request"
local snapshot = require "calr.pipeline.snapshot"
local source = require "calr.pipeline.source"
local train = require "calr.pipeline.train"

local Step = {}
Step.__index = Step

--- step:features()
--- Unit features of all training images with the network as it is now.
--- @return tensor  f32[n x dim]
function Step:features()
  self.seen = phases.measure("features", evaluation.features, self.net, self.split, self.cfg)
  return self.seen
end

--- step:neighbours(features)
--- The nearest neighbours of all training images among each other by the cosine, as many as infomap.k says:
--- calr.cluster.infomap takes them in place of features, and refinement rules see them.
--- @return table  see calr.cluster.knn
function Step:neighbours(features)
  return graph.neighbours(features, self.cfg)
end

--- step:infomap(neighbours)
--- The global clusters by Infomap with the options infomap.*. With edges_kept above 0 the least similarity follows the
--- features: where infomap.min_similarity would keep a smaller share of the edges than that, it is lowered for this
--- epoch, to the value that keeps the share. The record says which it was (min_similarity).
--- @param neighbours  what step:neighbours gave
--- @return tensor  i32[n], -1 for an outlier
--- @return table   see calr.cluster.infomap
function Step:infomap(neighbours)
  local labels, info, least = graph.infomap(neighbours, self.cfg)
  if least then self:report { min_similarity = least } end
  return labels, info
end

--- step:cluster_weights(labels)
--- The cluster weights ln(1 + H_k) of this epoch, or nil while camera_weights_from says that there are none. Where
--- every cluster is of one camera all of them would be 0: then nil too, with a warning.
--- @return tensor  f32[clusters] or nil
function Step:cluster_weights(labels)
  local from = self.cfg.camera_weights_from
  if from < 0 or self.epoch < from then return nil end
  local weights = memory.camera_weights(labels, self.cameras)
  if weights:numel() == 0 or weights:max():item() > 0 then return weights end
  if not self.noted.weights then
    self.run:log("warning: epoch %d: every cluster is of one camera, so all cluster weights are 0 and nothing would be "
      .. "learned; all clusters weigh the same instead, here and in later epochs like this one "
      .. "(camera_weights_from=-1 turns the weights off)", self.epoch)
    self.noted.weights = true
  end
  return nil
end

--- step:quality{global=, locals=, refined=}
--- Measures clusters against the true identities, where there are any, into the epoch's record.
--- @param global   i32[n]: the global clusters
--- @param locals   i32[n]: the local clusters
--- @param refined  i32[n]: what a rule made of the global ones
function Step:quality(sets)
  for name, labels in pairs(sets) do
    local measure = name == "locals" and quality.by_camera or quality.overall
    self.record[name] = phases.measure("quality", measure, self.split, labels)
  end
end

--- step:report(fields)
--- Puts fields into the epoch's record.
function Step:report(fields)
  for name, value in pairs(fields) do self.record[name] = value end
end

-- Whether this epoch is one of those that an option "every N epochs" names; the last one always is.
local function is_due(step, every)
  return every > 0 and ((step.epoch + 1) % every == 0 or step.epoch + 1 == step.cfg.epochs)
end

-- Keeps the labels of the epoch, for `calr why` and `calr draw`.
local function keep_labels(step, context, refined, reasons)
  step.labels_kept = true
  if not is_due(step, step.cfg.labels_every or 1) then return end
  history.save(history.path(step.run.path, step.epoch), { context = context, refined = refined, reasons = reasons,
    epoch = step.epoch, epochs = step.cfg.epochs })
end

--- step:snapshot(context [, {refined=, reasons=, always=false}])
--- Tells the run what the epoch found. Its labels are kept for `calr why` and `calr draw` (option labels_every; see
--- calr.pipeline.history), and the whole epoch for `calr refine` if it is due: the option snapshot_every=N makes every
--- N-th epoch and the last one due. The file RUN/snapshots/epoch-NNN.safetensors is whole or absent; see
--- calr.pipeline.snapshot for what it holds.
--- @param context  what a refinement rule sees: global, features, and where there are any locals, scores, neighbours;
---                 other fields are not saved
--- @param refined  i32[n]: the labels that are trained on
--- @param reasons  table; the third result of calr.refine.apply
--- @param always   save this epoch, whatever the option says
--- @return string|nil  the file; nil when there was nothing to do
function Step:snapshot(context, more)
  more = check_options("step:snapshot", more, { "refined", "reasons", "always" })
  self.offered = true
  local epoch = self.epoch
  keep_labels(self, context, more.refined, more.reasons)
  if not is_due(self, self.cfg.snapshot_every or 0) and not more.always then return nil end
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

--- step:teacher([{momentum=.999}])
--- Returns the mean teacher of this run, made as a copy of the network on first use; see calr.nn.mean_teacher.
--- Checkpoints keep it, and step:train moves it when it is told `teacher`.
--- @param momentum  how much of the old weights stays at each step; where it is absent, as it was
--- @return teacher
function Step:teacher(options)
  local o = check_options("step:teacher", options, { "momentum" })
  local teacher = self.own_teacher
  if not teacher then
    teacher = nn.mean_teacher(self.net, o)
    self.own_teacher = teacher
    local state = self.teacher_state -- of the checkpoint that the run resumes from
    if state then config.take_up(self.run, function() teacher:load_state(state) end) end
    self.teacher_state = nil
  end
  teacher.momentum = o.momentum or teacher.momentum
  return teacher
end

-- The teacher that step:train was told: an object of calr.nn.mean_teacher, or how to make the run's own.
local function teacher_of(self, wanted)
  if not wanted then return nil end
  if type(wanted) == "table" and wanted.follow then return wanted end
  return self:teacher(type(wanted) == "number" and { momentum = wanted } or wanted ~= true and wanted or nil)
end

-- What outlives an epoch and is not in checkpoints makes a resumed run another one.
local function note_unkept(self, object, what, option)
  for _, kept in pairs(self.keep) do
    if rawequal(kept, object) then return end
  end
  if self.noted[what] then return end
  self.noted[what] = true
  self.run:log("note: the %s outlives an epoch and is not in the checkpoints, so that a resumed run will differ: "
    .. "calr.pipeline.epochs(net, data, cfg, { keep = { %s = %s } })", what, option, option)
end

local function note_state(self, bank, teacher)
  local has_state = rawequal(bank, self.last_memory) and type(bank.state) == "function" and next(bank:state())
  if has_state then note_unkept(self, bank, "memory", "memory") end
  if teacher and teacher ~= self.own_teacher then note_unkept(self, teacher, "teacher", "teacher") end
  self.last_memory = bank
end

-- Clusters to learn from and their silhouette, into the record.
local function report_labels(self, labels)
  guards.check(self, labels)
  self.trained = labels
  if self.seen and self.seen:is_finite() then -- what a script made of them shows in the loss
    self:report { silhouette = (C.simplified_silhouette(self.seen, labels)) }
  end
end

local train_options = { "labels", "weights", "targets", "views", "teacher", "losses", "each", "batches", "singles" }

--- step:train(memory [, {labels=, weights=, targets=, views=, teacher=, losses=, each=, batches=, singles=}])
--- An epoch of contrastive training against a memory, with the camera alignment where it is on. Fewer than two clusters
--- to learn from is an error: the epochs to come would find the same. What is no memory, and what the memory needs and
--- is not given, are errors before the first batch; see calr.memory for the contract and for what a batch holds.
---
---     step:train(memory, { weights = sure, losses = { function(batch) return consistency(batch) * 0.1 end } })
---
--- The record gets `loss`, the mean of the memory's loss, `losses`, the means of further ones that have a name, and
--- `silhouette`, how well separated the clusters are that the epoch trains on, in the features that this epoch's
--- step:features() found: see calr.cluster.simplified_silhouette. It knows no identities, so that an epoch may be
--- chosen by it.
--- @param memory   of calr.memory, or an object of your own that follows its contract
--- @param labels   i32[n], of all training images, -1 for those that are not drawn; default: memory.labels. Without
---                 either, all images are drawn at random, each a class of its own
--- @param weights  f32[n], 0 or more: how much each image counts; or f32[n x classes]: soft targets, how much of each
---                 image belongs to each class; or a function(batch) that gives f32[b]
--- @param targets  f32[n x classes], or a function(batch) that gives f32[b x classes]: soft targets
--- @param views    true: batches hold a second view of each image
--- @param teacher  {momentum=.999}, or true: batches hold `keys`, features of the views by the run's mean teacher
---                 (step:teacher), which follows the network after each batch; or a teacher of calr.nn.mean_teacher
--- @param losses   list of functions of a batch, or such functions by name, that give further losses, or nil for none
---                 of this batch; they are added to the memory's, those of a list first. batch.features is what the
---                 network made of the images
--- @param each     function(iteration, iterations), called before each batch, from 1: to set step.optimizer.lr, say
--- @param batches  function(options) -> rows of all batches i64[m], images in a batch: a sampler in place of
---                 calr.batches.cross_camera, with the same options
--- @param singles  "gather": clusters of one image are drawn too; see calr.batches.cross_camera
function Step:train(bank, options)
  local cfg, o = self.cfg, {}
  for name, value in pairs(check_options("step:train", options, train_options)) do o[name] = value end
  local problem = request.check(bank, o, self.split:count())
  if problem then error("step:train: " .. problem, 2) end
  if o.labels then report_labels(self, o.labels) end
  local each = o.each
  o.teacher = teacher_of(self, o.teacher)
  if o.teacher and type(o.teacher.check) == "function" then
    local fits, message = pcall(o.teacher.check, o.teacher, self.net)
    if not fits then error("step:train: " .. plain(message), 2) end
  end
  note_state(self, bank, o.teacher)
  o.net, o.optimizer, o.split, o.cameras, o.cfg = self.net, self.optimizer, self.split, self.cameras, cfg
  o.memory, o.alignment, o.layers, o.parameters = bank, alignment_of(self), self.layers, self.parameters
  o.each = function(i, n)
    self.rate:iteration(self.epoch, i, n)
    if each then each(i, n) end
  end
  o.seed, o.epoch, o.label, o.group = config.stage_seed(cfg, 0), self.epoch, "training", ""
  o.clusters, o.instances, o.iterations = cfg.clusters, cfg.instances, cfg.iterations
  local loss, means = phases.measure("training", train, o)
  if not loss then guards.no_pairs(self) end
  self.trains = true
  self:report { loss = loss, alignment = means.alignment }
  means.alignment = nil
  if next(means) then self:report { losses = means } end
end

--- step:figures()
--- The epoch in numbers, one a name: mAP, rank1, rank5, rank10 and mINP (where it was evaluated), mAP_low, mAP_high,
--- rank1_low and rank1_high (their intervals over the queries), loss, alignment, silhouette, clusters, outliers, and
--- the precision, recall, f and expansion of the labels that were trained on.
--- @return table  metric -> number; what is not known is absent
function Step:figures()
  local record, values = self.record, {}
  local quality_of = self.trained and quality.overall(self.split, self.trained) or {}
  for _, name in ipairs { "precision", "recall", "f", "expansion" } do values[name] = quality_of[name] end
  for _, name in ipairs { "loss", "alignment", "silhouette", "clusters", "outliers" } do values[name] = record[name] end
  for _, name in ipairs { "mAP", "rank1", "rank5", "rank10", "mINP" } do
    values[name] = record.evaluation and record.evaluation[name]
  end
  for name, value in pairs(record.evaluation and record.evaluation.spread or {}) do values[name] = value end
  return values
end

require("calr.options").counted("step:", Step)

-- What has a state that checkpoints keep, by the name before its tensors.
local function parts_of(step)
  local parts = { net = step.net, optimizer = step.optimizer, head = step.head, teacher = step.own_teacher }
  for name, layer in pairs(step.layers) do parts["layers." .. name] = layer end
  for name, object in pairs(step.keep) do parts["keep." .. name] = object end
  return parts
end

local function checkpoint(step, run)
  local tensors = {}
  for part, object in pairs(parts_of(step)) do
    for name, tensor in pairs(object:state()) do tensors[part .. "." .. name] = tensor end
  end
  for name, tensor in pairs(step.teacher_state or {}) do tensors["teacher." .. name] = tensor end
  run:checkpoint("inter", { tensors = tensors, state = { epoch = step.epoch } })
end

local function restore(step, run)
  local tensors, state = run:restore "inter"
  if not tensors then return -1 end
  local states = {}
  for name, tensor in pairs(tensors) do
    local part, rest = name:match "^(keep%.[%w_]+)%.(.*)$"
    if not part then part, rest = name:match "^(layers%.[%w_]+)%.(.*)$" end
    if not part then part, rest = name:match "^(%a+)%.(.*)$" end
    states[part] = states[part] or {}
    states[part][rest] = tensor
  end
  config.take_up(run, function()
    -- The network comes first: where it does not fit, it says so in the best words.
    local parts, names = parts_of(step), {}
    for part in pairs(parts) do names[#names + 1] = part end
    table.sort(names, function(x, y)
      if (x == "net") ~= (y == "net") then return x == "net" end
      return x < y
    end)
    for _, part in ipairs(names) do parts[part]:load_state(states[part] or {}) end
  end)
  step.teacher_state = states.teacher -- for the teacher that step:teacher will make
  return state.epoch
end

-- Objects by name with these methods; an error of the script's line otherwise.
local function check_objects(option, objects, ...)
  if objects == nil then return {} end
  if type(objects) ~= "table" then
    error(("calr.pipeline.epochs: %s must be a table of objects by name, not a %s"):format(option, type(objects)), 3)
  end
  for name, object in pairs(objects) do
    if type(name) ~= "string" or not name:match "^[%w_]+$" then
      error(("calr.pipeline.epochs: %s: \"%s\" is no name; take letters, digits and _"):format(option,
        tostring(name)), 3)
    end
    for _, method in ipairs { ... } do
      if type(object) ~= "table" or type(object[method]) ~= "function" then
        error(("calr.pipeline.epochs: %s.%s has no method \"%s\""):format(option, name, method), 3)
      end
    end
  end
  return objects
end

-- Parameters of further layers, under the names of the layers, in a fixed order.
local function add_parameters(list, layers)
  local names = sorted_keys(layers)
  for _, name in ipairs(names) do
    for _, parameter in ipairs(layers[name]:parameters()) do
      list[#list + 1] = { name = ("%s.%s"):format(name, parameter.name), tensor = parameter.tensor }
    end
  end
end

-- A number that changes when the parameters do.
local function size_of(parameters)
  local sum = 0
  for _, parameter in ipairs(parameters) do sum = sum + parameter.tensor:norm():item() end
  return sum
end

-- The optimiser of a script's own function, or that of the configuration.
local function optimizer_of(cfg, parameters, make)
  if make == nil then return optimizer.make(cfg, parameters, cfg.lr) end
  if type(make) ~= "function" and type(make) ~= "table" then
    error(("calr.pipeline.epochs: optimizer must be a function(parameters) -> optimizer, not a %s"):format(type(make)),
      3)
  end
  return optimizer.check(make(parameters, { lr = cfg.lr }), "calr.pipeline.epochs: what the function optimizer gives")
end

return function(net, data, cfg, more)
  more = check_options("calr.pipeline.epochs", more, { "keep", "layers", "optimizer", "schedule" })
  local run, split = config.run_of(cfg, data, net), data:train()
  source(net, data, cfg)
  local cameras = split:cameras()
  local step = setmetatable({ net = net, split = split, cameras = cameras, cfg = cfg, record = {}, run = run,
    data = data:name(), noted = setmetatable({}, { __index = contexts.current().expected }),
    keep = check_objects("keep", more.keep, "state", "load_state"),
    layers = check_objects("layers", more.layers, "state", "load_state", "parameters") }, Step)
  local parameters = net:parameters()
  if cfg.alignment and cfg.alignment.weight > 0 and L.clusters(cameras) > 1 then
    step.head = nn.domain_head(net.dim, L.clusters(cameras), { seed = cfg.seed }):init(cfg.seed)
    table.move(step.head:parameters(), 1, #step.head:parameters(), #parameters + 1, parameters)
  end
  add_parameters(parameters, step.layers)
  step.parameters = parameters
  step.optimizer = optimizer_of(cfg, parameters, more.optimizer)
  step.rate = rate.new(cfg, step.optimizer, more.schedule)
  step.epoch = restore(step, run)
  local started = step.epoch

  local function finish_epoch()
    local due = cfg.eval_every > 0 and (step.epoch + 1) % cfg.eval_every == 0
    if due or step.epoch + 1 == cfg.epochs then
      step.record.evaluation = evaluation.evaluate(net, data, cfg, "epoch " .. step.epoch)
    end
    if not step.trains and size_of(parameters) == step.size then
      run:log("warning: epoch %d: nothing was learned, the weights are what they were: the loop over "
        .. "calr.pipeline.epochs does not call step:train(memory)", step.epoch)
    end
    step.trains = true -- said once
    if (cfg.snapshot_every or 0) > 0 and not step.offered then
      run:log "note: there are no snapshots: the script does not call step:snapshot"
      step.offered = true -- said once
    end
    step.record.stage, step.record.epoch, step.record.lr = "inter", step.epoch, step.optimizer.lr
    run:metric(step.record)
    -- A script that does not say what it found is known by the labels that it trained on.
    if step.trained and not step.labels_kept then keep_labels(step, { global = step.trained }) end
    run:tell("epoch", step.epoch + 1, step)
    phases.measure("checkpoint", checkpoint, step, run)
  end

  -- Without an epoch the weights that the run starts from are what there is to measure.
  local function evaluate_start()
    local result = evaluation.evaluate(net, data, cfg, "no epochs, the network as it starts")
    if result then run:metric { stage = "start", evaluation = result } end
  end

  return function()
    if step.epoch > started then finish_epoch() end
    if cfg.epochs == 0 then return evaluate_start() end
    step.epoch = step.epoch + 1
    if step.epoch >= cfg.epochs then return nil end
    step.record, step.seen, step.trained, step.labels_kept = {}, nil, nil, false
    step.size = not step.trains and size_of(parameters) or nil
    step.rate:epoch(step.epoch)
    if step.epoch == 0 and cfg.untrained then
      step.record.untrained = evaluation.evaluate(net, data, cfg, "untrained network")
    end
    return step.epoch, step
  end
end
