--- @module calr.pipeline.config
--- The options of experiments with their defaults, and what is made from them: the network, the optimiser, the run.

local models = require "calr.models"
local opened = require "calr.pipeline.opened"
local optimizer = require "calr.pipeline.optimizer"
local options = require "calr.config"
local presets = require "calr.pipeline.presets"
local rate = require "calr.pipeline.rate"
local refine = require "calr.refine"
local start = require "calr.pipeline.start"
local suggest = require("calr.options").suggest
local training = require("calr.loader").training
local sorted_keys = require "calr.tables".sorted_keys
local userfile = require "calr.userfile"
local option, choice, optional = options.option, options.choice, options.optional

local config = {}

-- The settings of the authors' code where it differs from the method (docs/guide/refinement-rules.md lists the slips).
local authors = {
  pivot = "last-above-mean", lone_clusters = "negative", singles = "shift", ["alignment.double_softmax"] = true,
}

local function defaults()
  return {
    compat = option("none", "authors: do as the authors' code does where it differs from the method (pivot, "
      .. "lone_clusters, singles, alignment.double_softmax), unless given otherwise", { "none", "authors" },
      { defaults = { authors = authors } }),
    preset = option("none", "settings under a name, unless given otherwise: the authors' for a data set; small: "
      .. "theirs at the size of one processor; street: for generated pedestrians",
      { "none", "market1501", "dukemtmc", "msmt17", "veri776", "small", "street" }, { defaults = presets }),
    data = option("street.lmdb", "a data-set store (calr data import, calr data make)"),
    ids = optional("integer", "train on this many identities only, the first ones"),
    source = option("", "a labelled data-set store to train on first, supervised; empty: none (domain adaptation: the "
      .. "figures of direct transfer are recorded)"),
    source_epochs = option(20, "of training on the source", { 1 }),
    source_iterations = option(100, "batches in an epoch of training on the source", { 1 }),
    seed = option(1, "of the weights, the batches, the augmentation and the refinement"),
    network = option("small", "a network (calr.models), or the path of your own file", nil,
      { declares = models.declared }),
    pooling = choice({ "gem", "average" }, "how feature maps become a vector"),
    precision = choice({ "f32", "bf16" }, "of feature maps and their gradients; weights and sums are f32"),
    ibn = option(false, "instance norm on half of the channels (IBN-a)"),
    last_stride = option(0, "of the last stage of a convolutional network: 1 keeps its maps large, as is usual in "
      .. "re-identification, 2 is what ImageNet weights were trained with; 0: as the network has it", { 0, 2 }),
    checkpoint = option(false, "less memory for more time: recompute each residual block in the backward pass"),
    weights = option("", "initial weights: a .safetensors file, PyTorch's .pth, or a run folder; empty: random"),
    rename = option({}, "new names A=B for tensors of the weights, before they are matched; a star in A stands for any "
      .. "text, in B for the same text"),
    height = option(64, "of the images, in pixels", { 1, 65535 }),
    width = option(32, "of the images, in pixels", { 1, 65535 }),
    epochs = option(20, "of stage 2", { 0 }),
    iterations = option(40, "batches in an epoch", { 1 }),
    clusters = option(16, "clusters in a batch", { 2 }),
    instances = option(4, "images of each cluster in a batch", { 2 }),
    singles = option("skip", "clusters of one image: left out of batches, or drawn as by the authors' sampler, which "
      .. "shifts later groups", { "skip", "shift" }),
    optimizer = option("adam", "adamw decays weights apart from the gradient, sgd has momentum 0.9; or the path of "
      .. "your own (calr.optim.define)", { "adam", "adamw", "sgd", open = "the path of your own optimizer" },
      { declares = optimizer.declared }),
    lr = option(3.5e-4, "learning rate", { 0 }),
    weight_decay = option(5e-4, "of the weights; adam and sgd add it to the gradient", { 0 }),
    no_decay = option(false, "norms and biases have no weight decay"),
    max_norm = option(0.0, "gradients are scaled down to this norm at most; 0: never", { 0 }),
    schedule = choice(rate.names, "of the learning rate in stage 2; stage 1 always takes the steps of lr_every"),
    lr_by = choice({ "epoch", "iteration" }, "the schedule of stage 2 sets the rate before each"),
    lr_every = option(20, "epochs (of either stage) after which the learning rate is multiplied by lr_factor", { 1 }),
    lr_factor = option(0.1, "see lr_every; also of each milestone, and of each epoch with schedule=exponential",
      { 0 }),
    milestones = option({}, "epochs at which schedule=multi-step multiplies the learning rate by lr_factor"),
    lr_min = option(0.0, "where schedule=cosine and polynomial end", { 0 }),
    lr_power = option(1.0, "of schedule=polynomial", { 0 }),
    warmup = option(0.0, "epochs in which the learning rate rises on a line, before the schedule begins", { 0 }),
    warmup_start = option(0.01, "part of the learning rate that the warm-up begins with", { 0 }),
    temperature = option(0.05, "divides the similarities to the memory", { 1e-6 }),
    momentum = option(0.1, "of the memory: share of the old vector kept", { 0, 1 }),
    update = choice({ "mean", "hard" }, "of the memory: each sample, or the least similar one of each cluster"),
    camera_weights_from = option(-1, "epoch from which clusters weigh ln(1 + entropy of their cameras); -1: never",
      { -1 }),
    infomap = {
      k = option(15, "neighbours in the graph, the image itself included", { 2, 65536 }),
      min_similarity = option(0.5, "edges below are left out", { 0 }),
      min_size = option(5, "smaller clusters become outliers", { 1 }),
      directed = option(true, "edges go from an image to its neighbours"),
      trials = option(1, "number of searches; the best one counts", { 1, 10000 }),
      seed = option(1, "of the order in which images are visited"),
    },
    edges_kept = option(0.0, "share of the graph's edges that always stay: infomap.min_similarity is lowered where it "
      .. "would leave fewer; 0: it is fixed", { 0, 1 }),
    refine = option("pivot", "a refinement rule (calr refine --help lists them), or the path of your own rule",
      nil, { declares = refine.declared }),
    alignment = {
      weight = option(1.0, "of the camera loss; 0: no alignment", { 0 }),
      epochs = option(-1, "number of first epochs with alignment; -1: all", { -1 }),
      alpha = option(1.0, "strength of the gradient reversal", { 0 }),
      ramp = option(false, "alpha grows as 2 / (1 + exp(-10 p)) - 1 over the epochs (DANN)"),
      double_softmax = option(false, "the slip in the authors' code"),
    },
    intra = {
      epochs = option(20, "of stage 1, for each camera", { 1 }),
      iterations = option(100, "batches in an epoch of stage 1", { 1 }),
      clusters_per_batch = option(16, "clusters in a batch of stage 1", { 1 }),
      instances = option(4, "images of each cluster in a batch of stage 1", { 2 }),
      clusters = option(0, "local clusters of a camera; 0: images / per_cluster", { 0 }),
      per_cluster = option(5, "images of a local cluster, on average", { 1 }),
      k1 = option(30, "k-reciprocal neighbours of the Jaccard distance", { 1 }),
      k2 = option(6, "query expansion of the Jaccard distance; 1: none", { 1 }),
      linkage = choice({ "average", "complete", "single", "ward" },
        "of the agglomerative clustering; ward is meant for euclidean distances"),
      lr = option(3.5e-4, "learning rate of stage 1", { 0 }),
      momentum = option(0.2, "of the memory in stage 1", { 0, 1 }),
      temperature = option(0.05, "of the memory loss in stage 1", { 1e-6 }),
      last = option(false, "cluster once more after the last epoch of a camera, whose training counts only then"),
      anew_from = option(-1, "epoch of stage 2 from which local clusters are found anew from its features, in each "
        .. "epoch; -1: never", { -1 }),
      cache = option("", "folder that keeps stage 1 for runs with the same data and settings; empty: none"),
    },
    augment = {
      flip = option(training.flip, "probability of a mirror image", { 0, 1 }),
      pad = option(training.pad, "black pixels on each side before the random crop", { 0, 65535 }),
      erase = option(training.erase, "probability of random erasing", { 0, 1 }),
      jitter = option(training.jitter, "probability of changed colours: brightness, contrast, saturation and hue, in a "
        .. "random order", { 0, 1 }),
      brightness = option(training.brightness, "of jitter: its factor is 1 - this to 1 + this", { 0, 100 }),
      contrast = option(training.contrast, "of jitter, likewise", { 0, 100 }),
      saturation = option(training.saturation, "of jitter, likewise", { 0, 100 }),
      hue = option(training.hue, "of jitter: largest turn of the colour circle, both ways", { 0, 0.5 }),
      gray = option(training.gray, "probability of a grey image", { 0, 1 }),
      blur = option(training.blur, "probability of a Gaussian blur", { 0, 1 }),
      blur_sigma = option(training.blur_sigma, "of the blur, in pixels: least and most"),
    },
    oracle = choice({ "none", "locals", "discards", "clusters" }, "a part that is done by the true identities, to see "
      .. "what it could give at most: local clusters, discards, or global clusters"),
    eval_every = option(0, "epochs between evaluations; 0: evaluate only at the end", { 0 }),
    eval_batch = option(64, "images in a batch of evaluation", { 1, 65536 }),
    snapshot_every = option(0, "epochs between saves of features and clusters for `calr refine`; 0: never", { 0 }),
    labels_every = option(1, "epochs between saves of labels for `calr why` and `calr draw`, at most 57 bytes an "
      .. "image; 0: never", { 0 }),
    ignore = choice({ "own", "camera", "junk" }, "entries that a query must not find: those of its identity and "
      .. "camera, those of its camera, or only junk"),
    ap = choice({ "step", "trapezoid" }, "average precision: the field's, or Market-1501's own script's"),
    untrained = option(false, "evaluate the network before the first epoch, too"),
    eval_gallery = option(1.0, "share of the gallery that is searched: quicker, and not comparable with others",
      { 1e-6, 1 }),
    rerank = option(false, "rank by the k-reciprocal distance (Zhong et al., CVPR 2017)"),
    shots = choice({ "multi", "single" }, "of the gallery: all, or one image of each identity, drawn eval_draws times "
      .. "(CUHK03's first protocol)"),
    eval_draws = option(10, "draws of single-shot evaluation", { 1, 10000 }),
    expand = choice({ "none", "average", "alpha" }, "query expansion by the nearest gallery entries: their mean, or "
      .. "weighted by their similarity to the power expand_alpha"),
    expand_k = option(10, "gallery entries of the query expansion", { 1, 65536 }),
    expand_alpha = option(3.0, "see expand", { 0, 1e6 }),
    multi_query = choice({ "none", "mean", "max" }, "further images of a query's person by its camera are pooled "
      .. "(the data set needs the split multi)"),
    workers = option(1, "threads that prepare images during training", { 0, 256 }),
  }
end

-- The options of the pipeline and of all of calr's refinement rules.
local function all_defaults()
  local all = defaults()
  for name, rule_option in pairs(refine.options()) do all[name] = rule_option end
  return all
end

-- A new name that is nearly that of an option, or stands in one of the pipeline's own groups, is a slip, unless it is
-- declared as an option.
local function check_new(key, value, into, prefix)
  if type(key) ~= "string" or getmetatable(value) ~= nil then return end
  local hint = suggest(key, sorted_keys(into))
  if prefix == "" and hint == "" then return end
  error(("calr.pipeline.defaults: there is no option \"%s%s\"%s; give one of your own another name, or declare it with "
    .. "calr.config.option"):format(prefix, key, hint), 0)
end

-- A described default keeps its description when a script gives it another value.
local function merge(into, changes, prefix)
  for key, value in pairs(changes) do
    local old = into[key]
    if old == nil then check_new(key, value, into, prefix) end
    if type(old) ~= "table" then
      into[key] = value
    elseif getmetatable(old) == nil then
      if not options.is_group(value) then
        error(("calr.pipeline.defaults: \"%s%s\" is a group of options: %s = { %s = ... }"):format(prefix, key, key,
          sorted_keys(old)[1]), 0)
      end
      merge(old, value, prefix .. key .. ".")
    elseif type(value) == "table" then
      into[key] = value
    else
      into[key] = options.with_default(old, value)
    end
  end
  return into
end

-- Leaves options out; without "refine" there are no options of rules either.
local function leave_out(all, without)
  local known = {}
  for name in pairs(all) do known[name] = true end
  for _, name in ipairs(without) do
    if not known[name] then
      error(("calr.pipeline.defaults: there is no option \"%s\"%s"):format(name, suggest(name, sorted_keys(known))), 4)
    end
    all[name] = nil
    for rule_option in pairs(name == "refine" and refine.options() or {}) do all[rule_option] = nil end
  end
  return all
end

function config.defaults(changes, without)
  return merge(leave_out(all_defaults(), without or {}), changes or {}, "")
end

local made = setmetatable({}, { __mode = "k" }) -- network -> the name by which config.network made it

function config.network(cfg, make)
  local given = { pooling = cfg.pooling, ibn = cfg.ibn, seed = cfg.seed,
    last_stride = (cfg.last_stride or 0) > 0 and cfg.last_stride or nil,
    checkpoint = cfg.checkpoint or nil, precision = cfg.precision ~= "f32" and cfg.precision or nil }
  for name in pairs(models.declared(cfg.network) or {}) do given[name] = cfg[name] end
  local net = make and make(given) or models.make(cfg.network, given)
  start.load(net, cfg)
  made[net] = not make and cfg.network or nil
  return net
end

-- Wrong values are refused before the first epoch: a script may have changed some, or made the table itself.
local function check(cfg)
  local usage = require("calr.errors").usage
  options.check(cfg, all_defaults())
  if cfg.intra and cfg.intra.k2 and cfg.intra.k1 and cfg.intra.k2 > cfg.intra.k1 then
    usage("option \"intra.k2\" must be at most intra.k1 = %d; %d is not", cfg.intra.k1, cfg.intra.k2)
  end
  rate.check(cfg)
  local sigma = cfg.augment and cfg.augment.blur_sigma
  if sigma and not (#sigma == 2 and tonumber(sigma[1]) and tonumber(sigma[2]) and sigma[1] > 0
    and sigma[1] <= sigma[2] and sigma[2] <= 20) then
    usage("option \"augment.blur_sigma\" must be two numbers in order, above 0 and at most 20; \"%s\" is not",
      options.format(sigma))
  end
end

-- A rule of the user's own is tried before the run begins; returns what raises doubts about it.
local function try_rule(cfg)
  return userfile.is_path(cfg.refine) and require "calr.pipeline.trial"(cfg.refine, cfg) or nil
end

local function check_data(data)
  local kind = type(data)
  if (kind == "userdata" or kind == "table") and type(data.fingerprint) == "function" then return end
  error(("a data set (calr.data.open) is wanted, not %s; look at the order of the arguments"):format(
    data == nil and "nil" or "a " .. kind), 0)
end

function config.run_of(cfg, data, net)
  check_data(data)
  if net then models.check(net, cfg) end
  if not opened.get(cfg) then
    check(cfg)
    if data:train():count() == 0 then error(data:name() .. " has no images to train on", 0) end
    local doubt = try_rule(cfg)
    opened.put(cfg, require("calr.run").open { config = cfg, data = data:fingerprint() })
    local more = opened.get(cfg).extended
    if more then
      opened.get(cfg):log("note: %s", require "calr.pipeline.extended".note(cfg, more.from, more.to))
    end
    start.keep(cfg, opened.get(cfg))
    if doubt then opened.get(cfg):log("note: the rule %s fails on a made-up epoch: %s", cfg.refine, doubt) end
  end
  local run = opened.get(cfg)
  if net and run.network ~= net then
    run.network = net
    run:model { from = made[net], network = net }
  end
  return run
end

--- calr.pipeline.config.stage_seed(cfg, part)
--- The seed of the batches and the augmentation in a part of the run, so that no two parts draw the same numbers.
--- @param part  0: stage 2; c + 1: camera c of stage 1
--- @return integer
function config.stage_seed(cfg, part)
  return cfg.seed * 65536 + part
end

--- calr.pipeline.config.take_up(run, load)
--- Calls load(), which puts a checkpoint's tensors into their places; an error says whose checkpoint does not fit.
function config.take_up(run, load)
  local ok, problem = pcall(load)
  if ok then return end
  error(("a checkpoint in %s/checkpoints does not fit: %s"):format(run.path,
    require("calr.traceback").plain(problem)), 0)
end

return (require("calr.options").counted("calr.pipeline.", config))
