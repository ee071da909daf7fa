-- What experiments can be told, and its defaults.
local config = {}

local function defaults()
  return {
    data = "street.lmdb",     -- a data-set store (calr data import, calr data make)
    ids = 0,                  -- train on the first so many identities only; 0: all
    seed = 1,                 -- of the weights, the batches, the augmentation and the clustering
    network = "small",        -- see calr.models
    pooling = "gem",          -- gem or average
    ibn = false,              -- instance norm on half of the channels (IBN-a)
    height = 64, width = 32,  -- of the images, in pixels
    epochs = 20,
    iterations = 40,          -- batches in an epoch
    clusters = 16, instances = 4, -- in a batch
    optimizer = "adam",       -- adam or sgd
    lr = 3.5e-4, weight_decay = 5e-4, lr_every = 20, lr_factor = 0.1,
    temperature = 0.05, momentum = 0.1,
    update = "mean",          -- of the memory: mean or hard
    camera_weights_from = -1, -- the epoch from which clusters weigh ln(1 + entropy of their cameras); -1: never
    infomap = { k = 15, min_similarity = 0.5, min_size = 5, directed = true, trials = 1 },
    refine = "pivot",         -- a rule's name or path; see calr.refine
    pivot = "max",            -- max, last-above-mean or camera-max
    camera_members = 4,       -- camera-max: members that make a camera's share of a cluster large enough
    pace = "always",          -- always or cosine
    alignment = {
      weight = 1,             -- of the camera loss; 0: no alignment
      epochs = -1,            -- from the start; -1: all
      alpha = 1,              -- of the gradient reversal
      ramp = false,           -- alpha grows as 2 / (1 + exp(-10 p)) - 1 over the epochs (DANN)
      double_softmax = false, -- the slip in the authors' code
    },
    intra = {
      epochs = 20, iterations = 100, clusters_per_batch = 16, instances = 4,
      clusters = 0,           -- local clusters of a camera; 0: images / per_cluster
      per_cluster = 5,
      k1 = 30, k2 = 6, linkage = "average",
      lr = 3.5e-4, momentum = 0.2, temperature = 0.05,
    },
    augment = { flip = 0.5, pad = 10, erase = 0.5 },
    eval_every = 0,           -- evaluate after so many epochs; 0: at the end only
    eval_batch = 64,
    ap = "step",              -- or trapezoid (Market-1501's own script)
    workers = 1,              -- threads that prepare images beside the training
  }
end

local function merge(into, changes, path)
  for key, value in pairs(changes) do
    local old = into[key]
    if type(old) == "table" and type(value) == "table" then
      merge(old, value, path .. key .. ".")
    else
      into[key] = value
    end
  end
  return into
end

function config.defaults(changes)
  return merge(defaults(), changes or {}, "")
end

function config.network(cfg)
  return require("calr.models").make(cfg.network, { pooling = cfg.pooling, ibn = cfg.ibn, seed = cfg.seed })
end

local runs = setmetatable({}, { __mode = "k" })

function config.run_of(cfg, data)
  if not runs[cfg] then
    runs[cfg] = require("calr.run").open { config = cfg, data = data:fingerprint() }
  end
  return runs[cfg]
end

-- Seeds of the streams of a stage: stage 2 has part 0, camera c of stage 1 has part c + 1.
function config.stage_seed(cfg, part)
  return cfg.seed * 65536 + part
end

function config.optimizer(cfg, parameters, lr)
  local optim = require "calr.optim"
  if cfg.optimizer == "adam" then return optim.adam(parameters, { lr = lr, weight_decay = cfg.weight_decay }) end
  if cfg.optimizer == "sgd" then
    return optim.sgd(parameters, { lr = lr, momentum = 0.9, weight_decay = cfg.weight_decay })
  end
  error(("there is no optimizer \"%s\"; there are: adam, sgd"):format(cfg.optimizer), 0)
end

return config
