--- @module calr.lab.discover.cost
--- How long the training of `calr discover` will take: some batches and features of the folder's own images are
--- computed as the training will, and timed.

local T = require "calr.tensor"
local context = require "calr.context"
local image = require "calr.image"
local images = require "calr.data.images"
local memory = require "calr.memory"
local optimizer = require "calr.pipeline.optimizer"
local pipeline = require "calr.pipeline"
local evaluation = require "calr.pipeline.evaluation"
local sys = require "calr.sys"
local train = require "calr.pipeline.train"

local cost = {}

local SECONDS, LEAST, MOST = 2, 5, 25 -- how long each kind of work is measured, and how often
local ENOUGH = 15 -- seconds after which two tries are enough: a large network, or a machine that does much else

-- The files of up to `wanted` images that can be decoded, evenly from all.
local function sample(records, wanted)
  local files, last = {}, 0
  for i = 1, wanted do
    local at = math.max(last + 1, 1 + (i - 1) * #records // wanted)
    while records[at] and not pcall(image.decode_file, records[at].file) do at = at + 1 end
    if not records[at] then break end
    files[#files + 1], last = records[at].file, at
  end
  if #files < 2 then error("hardly any of the images can be decoded", 0) end
  return images.files(files, { title = "sample" })
end

-- How long a piece of work takes, in seconds; the first time does not count. Processor time hardly depends on what
-- else the machine does, so its median is what the work needs. What a machine that does nothing else would take follows
-- from how many processors worked at once, in the best try, which is one at least; the present load from all tries.
local function time(work)
  work()
  local processor, best, began = {}, 1, sys.clock()
  local now = began
  repeat
    local started, spent = now, os.clock()
    work()
    now = sys.clock()
    local tries = #processor + 1
    processor[tries] = os.clock() - spent
    best = math.max(best, processor[tries] / math.max(now - started, 1e-9))
    local since = now - began
  until tries >= 2 and since > ENOUGH or tries >= MOST or tries >= LEAST and since > SECONDS
  table.sort(processor)
  local tries, sum = #processor, 0
  for _, seconds in ipairs(processor) do sum = sum + seconds end
  local median = processor[(tries + 1) // 2]
  local loaded = median * (now - began) / math.max(sum, 1e-9)
  return { processor = median, alone = math.min(median / best, loaded), loaded = loaded, tries = tries }
end

-- What one batch of training takes: loading, both passes, the memory, the step.
local function time_training(net, cfg, split)
  local count = split:count()
  local labels = T.arange(count):div(cfg.instances, { rounding_mode = "floor" }):to "i32"
  local clusters = labels:max():item() + 1
  local parameters = net:parameters()
  local features = evaluation.features(net, split, cfg)
  local o = { net = net, parameters = parameters, optimizer = optimizer.make(cfg, parameters, 1e-9), split = split,
    cameras = split:cameras(), cfg = cfg, seed = 1, epoch = 0, label = "trial", group = "", labels = labels,
    memory = memory.cluster { features = features, labels = labels,
      momentum = cfg.momentum, temperature = cfg.temperature },
    clusters = clusters, instances = cfg.instances, iterations = 1,
    batches = function() return T.arange(count):to "i64", count end }
  return time(function() train(o) end)
end

-- Images that the batches of an epoch of stage 2 hold, as far as that is known before any cluster is.
local function images_of_batch(cfg, count)
  return math.min(cfg.clusters, math.max(1, count // cfg.instances)) * cfg.instances
end

-- Images that all batches of stage 1 hold, of all cameras and epochs.
local function images_of_stage_1(cfg, cameras)
  local o, counts, total = cfg.intra, {}, 0
  for _, camera in ipairs(cameras) do counts[camera] = (counts[camera] or 0) + 1 end
  for _, count in pairs(counts) do
    local clusters = o.clusters > 0 and math.min(o.clusters, count) or math.max(1, count // o.per_cluster)
    total = total + o.iterations * math.min(o.clusters_per_batch, clusters) * o.instances
  end
  return o.epochs * total
end

local function quietly(work)
  local current = context.current()
  local was = current.quiet
  current.quiet = true
  local ok, problem = pcall(work)
  current.quiet = was
  if not ok then error(problem, 0) end
end

--- calr.lab.discover.cost.estimate(cfg, looked)
--- About how long the training takes: what batches and features of these images take now, times how many there are.
--- Finding clusters comes on top; of less than 100,000 images it is a small part.
--- @param cfg     the configuration of the training
--- @param looked  of calr.lab.discover.look: cameras and records
--- @return table  in seconds, alone = while the machine does nothing else, loaded = while it does what it does now,
---                processor = of processor time; batch = number of images in a timed batch; training and features =
---                {alone=, loaded=, processor=, tries=}: the same of training on one batch, and of the features of one
function cost.estimate(cfg, looked)
  local count, result = #looked.cameras, {}
  local net = pipeline.network(cfg)
  local split = sample(looked.records, math.min(images_of_batch(cfg, count), count))
  quietly(function()
    result.features = time(function() evaluation.features(net, split, cfg) end)
    result.training = time_training(net, cfg, split)
  end)
  result.batch = split:count()
  local trained = cfg.epochs * cfg.iterations * images_of_batch(cfg, count)
  local looked_at = cfg.epochs * count
  if cfg.refine ~= "none" then
    trained = trained + images_of_stage_1(cfg, looked.cameras)
    looked_at = looked_at + cfg.intra.epochs * count
  end
  for _, name in ipairs { "alone", "loaded", "processor" } do
    result[name] = (trained * result.training[name] + looked_at * result.features[name]) / result.batch
  end
  return result
end

return (require("calr.options").counted("calr.lab.discover.cost.", cost))
