--- @module calr.pipeline.config
--- What experiments can be told, its defaults, and what is made of it: the network, the optimiser, the run.

local option, choice, optional
do
  local c = require "calr.config"
  option, choice, optional = c.option, c.choice, c.optional
end

local config = {}

local function defaults()
  return {
    data = option("street.lmdb", "a data-set store (calr data import, calr data make)"),
    ids = optional("integer", "train on the first so many identities only"),
    seed = option(1, "of the weights, the batches, the augmentation and the refinement"),
    network = option("small", "see calr.models"),
    pooling = choice({ "gem", "average" }, "how feature maps become a vector"),
    precision = choice({ "f32", "bf16" }, "of feature maps and their gradients; weights and sums are f32"),
    ibn = option(false, "instance norm on half of the channels (IBN-a)"),
    checkpoint = option(false, "less memory for more time: each residual block is computed again on the way back"),
    weights = option("", "a file of weights to start from (.safetensors, or PyTorch's .pth); empty: random ones"),
    height = option(64, "of the images, in pixels"),
    width = option(32, "of the images, in pixels"),
    epochs = option(20, "of stage 2"),
    iterations = option(40, "batches in an epoch"),
    clusters = option(16, "clusters in a batch"),
    instances = option(4, "images of each cluster in a batch"),
    optimizer = choice({ "adam", "sgd" }, "sgd has momentum 0.9"),
    lr = option(3.5e-4, "learning rate"),
    weight_decay = option(5e-4, "added to the gradient"),
    lr_every = option(20, "epochs (of either stage) after which the learning rate is multiplied by lr_factor"),
    lr_factor = option(0.1, "see lr_every"),
    temperature = option(0.05, "divides the similarities to the memory"),
    momentum = option(0.1, "of the memory: how much of the old vector stays"),
    update = choice({ "mean", "hard" }, "of the memory: each sample, or the least similar one of each cluster"),
    camera_weights_from = option(-1, "epoch from which clusters weigh ln(1 + entropy of their cameras); -1: never"),
    infomap = {
      k = option(15, "neighbours in the graph, an image itself counted"),
      min_similarity = option(0.5, "edges below are left out"),
      min_size = option(5, "smaller clusters become outliers"),
      directed = option(true, "edges go from an image to its neighbours"),
      trials = option(1, "the best of so many searches"),
      seed = option(1, "of the order in which it looks at images"),
    },
    refine = option("pivot", "a refinement rule (calr refine --help lists them), or the path of a rule of your own"),
    pivot = choice({ "max", "last-above-mean", "camera-max" }, "which member speaks for a cluster"),
    camera_members = option(4, "camera-max: members that make a camera's share of a cluster large enough"),
    pace = choice({ "always", "cosine", open = "the path of a pace of your own" },
      "how likely wrong members are discarded, by epoch"),
    min_purity = option(0.5, "purity: share of an image's neighbours that must be in its cluster"),
    keep_first = option(0.8, "self_paced: share of the clustered images that epoch 0 keeps"),
    split_members = option(4, "local_split: images that make a local cluster in the minority one of its own"),
    merge_similarity = option(0.7, "merge: least cosine similarity of the pivots of two clusters that become one"),
    alignment = {
      weight = option(1.0, "of the camera loss; 0: no alignment"),
      epochs = option(-1, "alignment is on for the first so many epochs; -1: all"),
      alpha = option(1.0, "strength of the gradient reversal"),
      ramp = option(false, "alpha grows as 2 / (1 + exp(-10 p)) - 1 over the epochs (DANN)"),
      double_softmax = option(false, "the slip in the authors' code"),
    },
    intra = {
      epochs = option(20, "of stage 1, for each camera"),
      iterations = option(100, "batches in an epoch of stage 1"),
      clusters_per_batch = option(16, "clusters in a batch of stage 1"),
      instances = option(4, "images of each cluster in a batch of stage 1"),
      clusters = option(0, "local clusters of a camera; 0: images / per_cluster"),
      per_cluster = option(5, "images of a local cluster, on average"),
      k1 = option(30, "k-reciprocal neighbours of the Jaccard distance"),
      k2 = option(6, "query expansion of the Jaccard distance; 1: none"),
      linkage = choice({ "average", "complete", "single", "ward" },
        "of the agglomerative clustering; ward is meant for euclidean distances"),
      lr = option(3.5e-4, "learning rate of stage 1"),
      momentum = option(0.2, "of the memory in stage 1"),
      temperature = option(0.05, "of the memory loss in stage 1"),
      cache = option("", "a folder in which stage 1 is kept for runs that share all it depends on; empty: none"),
    },
    augment = {
      flip = option(0.5, "probability of a mirror image"),
      pad = option(10, "black pixels on each side before the random crop"),
      erase = option(0.5, "probability of random erasing"),
    },
    eval_every = option(0, "evaluate after so many epochs; 0: at the end only"),
    eval_batch = option(64, "images in a batch of evaluation"),
    snapshot_every = option(0, "save features and clusters for `calr refine` after so many epochs; 0: never"),
    ap = choice({ "step", "trapezoid" }, "average precision: the field's, or Market-1501's own script's"),
    workers = option(1, "threads that prepare images beside the training"),
  }
end

-- A described default keeps its description when a script gives it another value.
local function merge(into, changes)
  for key, value in pairs(changes) do
    local old = into[key]
    if type(old) ~= "table" then
      into[key] = value
    elseif getmetatable(old) == nil then
      merge(old, value)
    elseif type(value) == "table" then
      into[key] = value
    else
      old.default = value
    end
  end
  return into
end

function config.defaults(changes, without)
  local options = defaults()
  for _, name in ipairs(without or {}) do
    if options[name] == nil then error(("calr.pipeline.defaults: there is no option \"%s\""):format(name), 3) end
    options[name] = nil
  end
  return merge(options, changes or {})
end

function config.network(cfg)
  local net = require("calr.models").make(cfg.network, { pooling = cfg.pooling, ibn = cfg.ibn, seed = cfg.seed,
    checkpoint = cfg.checkpoint or nil, precision = cfg.precision ~= "f32" and cfg.precision or nil })
  if (cfg.weights or "") ~= "" then require("calr.weights").load(net, cfg.weights) end
  return net
end

-- The smallest and the largest value of numbers; what lies outside would be found only hours later, or never.
local ranges = {
  height = { 1 }, width = { 1 }, epochs = { 0 }, iterations = { 1 }, clusters = { 2 }, instances = { 2 },
  lr = { 0 }, weight_decay = { 0 }, lr_every = { 1 }, lr_factor = { 0 }, temperature = { 1e-6 }, momentum = { 0, 1 },
  camera_weights_from = { -1 }, camera_members = { 1 }, min_purity = { 0, 1 }, keep_first = { 0, 1 },
  split_members = { 1 }, merge_similarity = { 0, 1 }, eval_every = { 0 }, snapshot_every = { 0 }, eval_batch = { 1 },
  workers = { 0 },
  ["infomap.k"] = { 2 }, ["infomap.min_similarity"] = { 0 }, ["infomap.min_size"] = { 1 }, ["infomap.trials"] = { 1 },
  ["alignment.weight"] = { 0 }, ["alignment.epochs"] = { -1 }, ["alignment.alpha"] = { 0 },
  ["intra.epochs"] = { 1 }, ["intra.iterations"] = { 1 }, ["intra.clusters_per_batch"] = { 1 },
  ["intra.instances"] = { 2 }, ["intra.clusters"] = { 0 }, ["intra.per_cluster"] = { 1 }, ["intra.k1"] = { 1 },
  ["intra.k2"] = { 1 }, ["intra.lr"] = { 0 }, ["intra.momentum"] = { 0, 1 }, ["intra.temperature"] = { 1e-6 },
  ["augment.flip"] = { 0, 1 }, ["augment.pad"] = { 0 }, ["augment.erase"] = { 0, 1 },
}

-- Wrong values are refused before the first epoch.
local function check(cfg)
  local usage = require("calr.errors").usage
  local names = {}
  for name in pairs(ranges) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local group, key = name:match "^(%w+)%.([%w_]+)$"
    local value, low, high = cfg[name], ranges[name][1], ranges[name][2] or math.huge
    if group then value = (cfg[group] or {})[key] end
    if value and not (value >= low and value <= high and value < math.huge) then
      usage("option \"%s\" must be %s; %s is not", name, high < math.huge and ("%g to %g"):format(low, high)
        or ("%g or more"):format(low), value)
    end
  end
  if cfg.intra and cfg.intra.k2 and cfg.intra.k1 and cfg.intra.k2 > cfg.intra.k1 then
    usage("option \"intra.k2\" must be at most intra.k1 = %d; %d is not", cfg.intra.k1, cfg.intra.k2)
  end
end

local runs = setmetatable({}, { __mode = "k" })

function config.run_of(cfg, data)
  if not runs[cfg] then
    check(cfg)
    if data:train():count() == 0 then error(data:name() .. " has no images to train on", 0) end
    runs[cfg] = require("calr.run").open { config = cfg, data = data:fingerprint() }
  end
  return runs[cfg]
end

--- calr.pipeline.config.stage_seed(cfg, part)
--- The seed of the batches and the augmentation in a part of the run, so that no two parts draw the same numbers.
--- @param part  0: stage 2; c + 1: camera c of stage 1
--- @return integer
function config.stage_seed(cfg, part)
  return cfg.seed * 65536 + part
end

--- calr.pipeline.config.optimizer(cfg, parameters, lr)
--- The optimiser that a configuration names.
--- @return optimizer  see calr.optim
function config.optimizer(cfg, parameters, lr)
  local optim = require "calr.optim"
  if cfg.optimizer == "adam" then return optim.adam(parameters, { lr = lr, weight_decay = cfg.weight_decay }) end
  if cfg.optimizer == "sgd" then
    return optim.sgd(parameters, { lr = lr, momentum = 0.9, weight_decay = cfg.weight_decay })
  end
  error(("there is no optimizer \"%s\"; there are: adam, sgd"):format(cfg.optimizer), 0)
end

--- calr.pipeline.config.take_up(run, load)
--- Calls load(), which puts a checkpoint's tensors into their places; an error says whose checkpoint does not fit.
function config.take_up(run, load)
  local ok, problem = pcall(load)
  if ok then return end
  local text = tostring(problem):gsub("^.-%.lua:%d+: ", "") -- the place in this library helps nobody
  error(("a checkpoint in %s/checkpoints does not fit: %s"):format(run.path, text), 0)
end

return config
