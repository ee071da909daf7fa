-- calr.pipeline on generated images: features, evaluation, both stages, alignment, weights, odd cameras.
local check = require "check"
local calr = require "calr"
local here = require("calr.context").current()
local intra_train = require "calr.pipeline.train"
local P, T, L, ops, store = calr.pipeline, calr.tensor, require "calr.labels", calr.ops, require "calr.store"

here.quiet = true
local tmp = os.getenv "CALR_TEST_TMP"

require("calr.data.make").run {
  generator = "street", to = tmp .. "/street.lmdb",
  options = { ids = 6, test_ids = 4, distractors = 4, junk = 2, cameras = 3, images = 3, height = 64, width = 32,
    seed = 5 },
}
local street = calr.data.open(tmp .. "/street.lmdb")
local train = street:train()

-- The options of a run that takes no time at all.
local function config(changes)
  local small = {
    data = "street.lmdb", height = 32, width = 16, epochs = 2, iterations = 2, clusters = 4, instances = 4,
    infomap = { k = 6, min_similarity = 0.1, min_size = 2 }, augment = { pad = 2 },
    intra = { epochs = 2, iterations = 2, clusters_per_batch = 4, k1 = 8, per_cluster = 3 },
  }
  for name, value in pairs(changes or {}) do
    if type(value) == "table" then
      for key, inner in pairs(value) do
        small[name] = small[name] or {}
        small[name][key] = inner
      end
    else
      small[name] = value
    end
  end
  return calr.config.resolve(P.defaults(small), {})
end

local runs = 0

-- A record of its own for a configuration.
local function open(cfg, data)
  runs = runs + 1
  here.out = ("%s/run-%d"):format(tmp, runs)
  return P.run_of(cfg, data or street)
end

local function small_network(cfg)
  return calr.models.small { width = 4, seed = cfg and cfg.seed or 1, pooling = cfg and cfg.pooling or "gem" }
end

-- A store with the images of street under other cameras and identities: change(split, image) -> identity, camera, or
-- nil to leave the image out.
local function rewrite(name, change)
  local path = ("%s/%s.lmdb"):format(tmp, name)
  local writer <close> = store.writer { path = path, name = name }
  for _, split in ipairs { street:train(), street:query(), street:gallery() } do
    local ids, cameras = split:identities():totable(), split:cameras():totable()
    for i = 1, split:count() do
      local identity, camera = change(split:name(), { identity = ids[i], camera = cameras[i], number = i })
      if identity then
        writer:add { path = split:path(i), split = split:name(), identity = identity, camera = camera,
          bytes = split:jpeg(i) }
      end
    end
  end
  writer:commit()
  return calr.data.open(path)
end

local function norms(features)
  return ops.sum(features * features, 2)
end

-- ---- features and evaluation ----

check.test("features: unit rows, in order, the same in any batch, and no trace on the network", function()
  local cfg = config()
  local net = small_network()
  local before = {}
  for name, tensor in pairs(net:state()) do before[name] = tensor:clone() end
  local all = P.features(net, train, cfg)
  check.equal(tostring(all), ("f32[%d x 16]"):format(train:count()))
  check.all_near(norms(all), T.full({ train:count() }, 1), 1e-5)
  check.ok(not all:requires_grad())
  check.ok(all:equal(P.features(net, train, cfg)), "twice the same")
  check.all_near(P.features(net, train, config { eval_batch = 7, workers = 0 }), all, 1e-5)
  for name, tensor in pairs(net:state()) do check.ok(tensor:equal(before[name]), name) end
  check.ok(net.training)
  net:train(false)
  P.features(net, train, cfg)
  check.ok(not net.training, "a network in evaluation mode stays in it")
end)

check.test("features of some rows, in their order, repeated, none", function()
  local cfg, net = config(), small_network()
  local all = P.features(net, train, cfg)
  local rows = T({ 5, 0, 5, 9 }, "i64")
  check.all_near(P.features(net, train, cfg, rows), all:rows(rows), 1e-5)
  check.equal(P.features(net, train, cfg, T({}, "i64")):size(1), 0)
end)

check.test("features that are not finite are an error", function()
  local net = small_network()
  net.conv1.weight:detach():fill(0 / 0)
  check.fails("features are not finite", P.features, net, train, config())
end)

check.test("evaluate gives the figures of calr.rank", function()
  local cfg, net = config(), small_network()
  local query, gallery = street:query(), street:gallery()
  local want = calr.rank.evaluate {
    query = P.features(net, query, cfg), gallery = P.features(net, gallery, cfg),
    query_ids = query:identities(), gallery_ids = gallery:identities(),
    query_cameras = query:cameras(), gallery_cameras = gallery:cameras(),
  }
  local got = P.evaluate(net, street, cfg)
  check.equal(got.mAP, want.mAP)
  check.equal(got.mINP, want.mINP)
  check.equal(got.rank1, want.cmc[1])
  check.equal(got.rank10, want.cmc[10])
  check.equal(got.queries, want.valid)
end)

check.test("nothing to rank: no evaluation, and no error", function()
  local cfg, net = config(), small_network()
  local anonymous = rewrite("anonymous", function(_, image) return -1, image.camera end)
  check.equal(P.evaluate(net, anonymous, cfg), nil)
  check.equal(P.quality(anonymous:train(), T.zeros({ anonymous:train():count() }, "i32")), nil)
  check.equal(P.local_quality(anonymous:train(), T.zeros({ anonymous:train():count() }, "i32")), nil)
  local train_only = rewrite("train-only", function(split, image)
    if split == "train" then return image.identity, image.camera end
  end)
  check.equal(P.evaluate(net, train_only, cfg), nil)
  local no_gallery = rewrite("no-gallery", function(split, image)
    if split ~= "gallery" then return image.identity, image.camera end
  end)
  check.equal(P.evaluate(net, no_gallery, cfg), nil)
end)

check.test("quality: true labels are perfect, inside cameras too", function()
  local truth = train:labels()
  local q = P.quality(train, truth)
  for _, name in ipairs { "precision", "recall", "f", "pairwise_f", "nmi", "expansion" } do
    check.near(q[name], 1, 1e-9, name)
  end
  local by_camera = L.pair(truth, train:cameras())
  local split_up = P.quality(train, by_camera)
  check.near(split_up.precision, 1, 1e-9)
  check.ok(split_up.recall < 0.7 and split_up.expansion > 1.5)
  local inside = P.local_quality(train, by_camera)
  check.near(inside.f, 1, 1e-9)
  check.near(inside.expansion, 1, 1e-9)
  -- everything in one cluster: precision is the mean share of one's identity
  local counts, n = L.count(truth):totable(), train:count()
  local share = 0
  for _, c in ipairs(counts) do share = share + c * c / n / n end
  check.near(P.quality(train, T.zeros({ n }, "i32")).precision, share, 1e-6)
end)

check.test("quality: images of unknown identity do not count", function()
  local function split(identities, cameras)
    return {
      identities = function() return T(identities, "i32") end, cameras = function() return T(cameras, "i32") end,
    }
  end
  local some = split({ 7, 7, -1, 9, -1, 9 }, { 0, 0, 0, 1, 2, 1 })
  local labels = T({ 0, 0, 0, 1, 1, 1 }, "i32")
  check.near(P.quality(some, labels).f, 1, 1e-9)
  check.near(P.local_quality(some, labels).f, 1, 1e-9)
  -- by hand: camera 0 is perfect; in camera 1 both identities are in one cluster
  local mixed = P.local_quality(split({ 1, 1, 2, 3 }, { 0, 0, 1, 1 }), T({ 0, 0, 1, 1 }, "i32"))
  check.near(mixed.precision, 0.5 * 1 + 0.5 * 0.5, 1e-9)
  check.near(mixed.recall, 1, 1e-9)
end)

-- ---- stage 1 ----

-- Cameras: 0 as it was, 1 with two images, 2 with none in the training split, 3 with one.
local seen = {}
local odd = rewrite("odd", function(split, image)
  if split ~= "train" then return image.identity, 2 end
  if image.camera == 0 then return image.identity, 0 end
  seen[image.camera] = (seen[image.camera] or 0) + 1
  if image.camera == 1 and seen[1] <= 2 then return image.identity, 1 end
  if image.camera == 2 and seen[2] <= 1 then return image.identity, 3 end
end)

check.test("stage 1 with cameras of no, one and two images", function()
  local cfg, net = config(), small_network()
  local run = open(cfg, odd)
  local before = {}
  for name, tensor in pairs(net:state()) do before[name] = tensor:clone() end
  local locals = P.intra(net, odd, cfg)
  for name, tensor in pairs(net:state()) do check.ok(tensor:equal(before[name]), name .. " is not as it was") end
  local split = odd:train()
  check.equal(tostring(locals), ("i32[%d]"):format(split:count()))
  check.equal(locals:min():item(), 0)
  -- no two cameras share a number, and there are no gaps
  local camera_of, used = {}, 0
  local cameras = split:cameras():totable()
  for i, label in ipairs(locals:totable()) do
    if not camera_of[label] then
      camera_of[label] = cameras[i]
      used = used + 1
    end
    check.equal(camera_of[label], cameras[i])
  end
  check.equal(L.clusters(locals), used)
  local epochs = {}
  for _, m in ipairs(calr.run.metrics(run.path)) do
    check.equal(m.stage, "intra")
    epochs[m.camera] = (epochs[m.camera] or 0) + 1
    if m.camera == 0 then check.ok(m.silhouette >= -1 and m.silhouette <= 1 and m.loss > 0) end
    if m.camera == 1 then check.ok(m.clusters == 1 and not m.silhouette) end
    if m.camera == 3 then check.ok(m.clusters == 1 and not m.loss) end
  end
  check.equal(epochs[0], 2)
  check.equal(epochs[2], nil)
  check.equal(epochs[3], 1, "nothing to learn from one image")
  local q = P.local_quality(split, locals)
  for name, value in pairs(q) do check.ok(value == value, name .. " is NaN") end
  run:finish()
end)

-- Stage 1 whose three clusterings of each camera get these silhouettes: the run, its local labels, all labels scored.
local function stage_1_scored(net, cfg, scores)
  local real, given = calr.cluster.silhouette, {}
  calr.cluster.silhouette = function(distance, labels) -- luacheck: ignore
    given[#given + 1] = labels
    assert(real(distance, labels))
    return scores[(#given - 1) % 3 + 1]
  end
  local run = open(cfg)
  local ok, locals = pcall(P.intra, net, street, cfg)
  calr.cluster.silhouette = real -- luacheck: ignore
  check.ok(ok, locals)
  check.equal(#given, 9)
  return run, locals, given
end

check.test("stage 1 keeps the labels of the best silhouette", function()
  local cfg, net = config { intra = { epochs = 3, lr = 0.02 } }, small_network()
  local run, locals, given = stage_1_scored(net, cfg, { 0.1, 0.9, 0.5 }) -- the middle epoch is made the best
  local used = 0
  for camera = 0, 2 do
    local best = given[camera * 3 + 2]:totable()
    local i, most = 0, 0
    for row, c in ipairs(train:cameras():totable()) do
      if c == camera then
        i = i + 1
        check.equal(locals:get(row), best[i] + used)
        most = math.max(most, best[i] + 1)
      end
    end
    used = used + most
  end
  run:finish()
end)

check.test("stage 1 looks at the labels after its last training where intra.last says so", function()
  local cfg, net = config { intra = { epochs = 2, lr = 0.02, last = true } }, small_network()
  local run, locals, given = stage_1_scored(net, cfg, { 0.1, 0.1, 0.9 }) -- the last clustering is made the best
  local used = 0
  for camera = 0, 2 do
    local rows = train:cameras():eq(camera):nonzero():reshape(-1)
    check.ok(locals:index_select(1, rows):equal(given[3 * camera + 3] + used))
    used = used + L.clusters(given[3 * camera + 3])
  end
  local last = {}
  for _, m in ipairs(calr.run.metrics(run.path)) do last[m.camera] = m end
  for camera = 0, 2 do check.ok(last[camera].epoch == 2 and not last[camera].loss) end
  run:finish()
end)

check.test("stage 1 with as many clusters as images: single images, nothing learned", function()
  local cfg, net = config { intra = { clusters = 600 } }, small_network()
  local run = open(cfg)
  check.equal(L.clusters(P.intra(net, street, cfg)), train:count())
  for _, m in ipairs(calr.run.metrics(run.path)) do check.equal(m.loss, nil) end
  run:finish()
end)

check.test("stage 1 follows the schedule of the learning rate", function()
  local rates, make = {}, calr.optim.sgd
  calr.optim.sgd = function(...) -- luacheck: ignore
    local optimizer = make(...)
    local step = optimizer.step
    function optimizer:step()
      rates[#rates + 1] = self.lr
      return step(self)
    end
    return optimizer
  end
  local cfg = config { optimizer = "sgd", lr_every = 1, lr_factor = 0.5, intra = { lr = 0.01, iterations = 1 } }
  local run = open(cfg)
  local ok, problem = pcall(P.intra, small_network(), street, cfg)
  calr.optim.sgd = make -- luacheck: ignore
  check.ok(ok, problem)
  check.all_near(rates, { 0.01, 0.005, 0.01, 0.005, 0.01, 0.005 }, 1e-12)
  run:finish()
end)

check.test("stage 1 kept for other runs: the same bits, and only where all it depends on is the same", function()
  local function stage_1(changes)
    local cfg = config(changes)
    local net = small_network(cfg)
    local run = open(cfg)
    local before = net.conv1.weight:clone()
    local locals = P.intra(net, street, cfg)
    check.ok(net.conv1.weight:equal(before))
    run:finish()
    return locals, calr.sys.read_file(run.path .. "/metrics.jsonl"), calr.sys.read_file(run.path .. "/log.txt")
  end
  local cache = tmp .. "/stage-1"
  local function files() return #calr.sys.list(cache) end
  local function intra(changes)
    changes.cache = cache
    return changes
  end
  local plain, lines = stage_1 { lr = 0.5 }
  local first, first_lines, first_log = stage_1 { lr = 0.5, intra = intra {} }
  check.equal(files(), 1)
  check.ok(not first_log:find("found in", 1, true))
  -- what belongs to stage 2 does not matter
  local second, second_lines, second_log = stage_1 { lr = 0.25, refine = "none", infomap = { k = 3 }, workers = 0,
    intra = intra {} }
  check.equal(files(), 1)
  check.ok(second_log:find("stage 1: found in " .. cache, 1, true))
  check.ok(plain:equal(first) and plain:equal(second))
  check.equal(first_lines, lines)
  check.equal(second_lines, lines)
  -- everything else does
  local function is_new(changes)
    local count = files()
    stage_1(changes)
    check.equal(files(), count + 1)
  end
  is_new { seed = 2, intra = intra {} }
  is_new { intra = intra { k1 = 7 } }
  is_new { height = 24, intra = intra {} }
  is_new { augment = { flip = 0.25 }, intra = intra {} }
  is_new { weight_decay = 0.0, intra = intra {} }
  local threads = calr.sys.threads()
  calr.sys.threads(threads == 1 and 2 or 1)
  is_new { intra = intra {} }
  calr.sys.threads(threads)
end)

check.test("a run that took stage 1 from another goes on without it", function()
  local cfg = config { intra = { cache = tmp .. "/stage-1" } }
  local run = open(cfg)
  P.intra(small_network(cfg), street, cfg)
  run:finish()
  local cfg2 = config { intra = { cache = tmp .. "/stage-1" } }
  local stopped = open(cfg2)
  local want = P.intra(small_network(cfg2), street, cfg2)
  local lines = calr.sys.read_file(stopped.path .. "/metrics.jsonl")
  pcall(function()
    local _ <close> = stopped
    error "killed"
  end)
  for _, name in ipairs(calr.sys.list(tmp .. "/stage-1")) do calr.sys.remove(tmp .. "/stage-1/" .. name) end
  here.resume = stopped.path
  local cfg3 = config { intra = { cache = tmp .. "/stage-1" } }
  local ok, again = pcall(P.run_of, cfg3, street)
  here.resume = nil
  check.ok(ok, again)
  local got = P.intra(small_network(cfg3), street, cfg3)
  check.ok(got:equal(want))
  check.equal(calr.sys.read_file(again.path .. "/metrics.jsonl"), lines)
  again:finish()
end)

-- ---- stage 2 ----

-- Runs stage 2; change(step, labels) may look at a step. Returns the metrics and the network.
local function inter(changes, change, data)
  local cfg = config(changes)
  local run, net = open(cfg, data), small_network(cfg)
  for _, step in P.epochs(net, data or street, cfg) do
    local features = step:features()
    local labels = calr.cluster.infomap(features, cfg.infomap)
    if change then change(step, labels) end
    step:train(calr.memory.cluster { features = features, labels = labels, weights = step:cluster_weights(labels),
      temperature = cfg.temperature, momentum = cfg.momentum, update = cfg.update })
  end
  run:finish()
  return calr.run.metrics(run.path), net
end

local function same_weights(a, b)
  local other = b:state()
  for name, tensor in pairs(a:state()) do
    if not tensor:equal(other[name]) then return false end
  end
  return true
end

local plain_metrics, plain = inter { alignment = { weight = 0 } }
local aligned_metrics, aligned = inter {}

check.test("stage 2 writes a record an epoch, and evaluates at the end", function()
  check.equal(#plain_metrics, 2)
  for i, m in ipairs(plain_metrics) do
    check.equal(m.stage, "inter")
    check.equal(m.epoch, i - 1)
    check.ok(m.loss > 0 and m.clusters > 1 and m.outliers >= 0)
    check.equal(m.alignment, nil)
  end
  check.equal(plain_metrics[1].evaluation, nil)
  check.ok(plain_metrics[2].evaluation.mAP > 0)
  local every = inter { eval_every = 1, alignment = { weight = 0 } }
  check.ok(every[1].evaluation and every[2].evaluation)
  check.equal(every[2].evaluation.mAP, plain_metrics[2].evaluation.mAP, "evaluating changes nothing")
end)

check.test("an epoch's silhouette is of the clusters it trained on, in the features they were found in", function()
  local features, labels = {}, {}
  local m = inter({ alignment = { weight = 0 } }, function(step, found)
    features[step.epoch + 1], labels[step.epoch + 1] = step.seen:clone(), found
  end)
  for i, record in ipairs(m) do
    check.near(record.silhouette, calr.cluster.simplified_silhouette(features[i], labels[i]), 1e-12)
    check.near(record.silhouette, plain_metrics[i].silhouette, 0)
  end
end)

check.test("who listens is told of every epoch, before its checkpoint", function()
  local told, runs_of = {}, {}
  local hook = calr.run.on("epoch", function(run, number, step)
    local checkpoints = #calr.sys.list(run.path .. "/checkpoints")
    told[#told + 1] = { step = number, values = step:figures(), checkpoints = checkpoints }
  end)
  local ok, m = pcall(inter, { epochs = 3, eval_every = 2 })
  hook:remove()
  check.ok(ok, m)
  check.equal(#told, 3)
  for i, t in ipairs(told) do
    check.equal(t.step, i)
    for _, name in ipairs { "loss", "alignment", "silhouette", "clusters", "outliers" } do
      check.equal(t.values[name], m[i][name], name)
    end
    for _, name in ipairs { "precision", "recall", "f", "expansion" } do check.ok(t.values[name] > 0, name) end
    check.equal(t.values.mAP ~= nil, i > 1)
    if i > 1 then
      for _, name in ipairs { "mAP", "rank1", "rank5", "rank10", "mINP" } do
        check.equal(t.values[name], m[i].evaluation[name], name)
      end
    end
    runs_of[i] = t.checkpoints
  end
  check.equal(runs_of[1], 0)
  check.ok(runs_of[2] > 0)
end)

check.test("the learning rate follows the schedule", function()
  local m = inter { epochs = 3, lr_every = 2, lr_factor = 0.5, lr = 0.01 }
  check.near(m[1].lr, 0.01, 1e-12)
  check.near(m[2].lr, 0.01, 1e-12)
  check.near(m[3].lr, 0.005, 1e-12)
end)

check.test("the same seed gives the same bits, for any number of workers; another seed others", function()
  for _, workers in ipairs { 0, 2 } do
    local m, net = inter { workers = workers }
    check.ok(same_weights(net, aligned), "other weights with workers = " .. workers)
    check.equal(calr.json.encode(m), calr.json.encode(aligned_metrics))
  end
  local _, other = inter { seed = 2 }
  check.ok(not same_weights(other, aligned))
end)

check.test("every word of the augmentation reaches the training", function()
  local colours = { jitter = 1, gray = 0, blur = 0 }
  local function trained(changes)
    local augment = {}
    for name, value in pairs(changes) do augment[name] = value end
    local _, net = inter { epochs = 1, alignment = { weight = 0 }, augment = augment }
    return net
  end
  local bases = { plain = trained {}, jitter = trained(colours), blur = trained { blur = 1 } }
  for _, case in ipairs { { "plain", flip = 0 }, { "plain", pad = 4 }, { "plain", erase = 0 }, { "plain", jitter = 1 },
    { "plain", gray = 1 }, { "plain", blur = 1 }, { "jitter", jitter = 1, brightness = 0.6 },
    { "jitter", jitter = 1, contrast = 0.6 }, { "jitter", jitter = 1, saturation = 0.6 },
    { "jitter", jitter = 1, hue = 0 }, { "blur", blur = 1, blur_sigma = { 3, 4 } } } do
    local base = bases[case[1]]
    case[1] = nil
    check.ok(not same_weights(trained(case), base), calr.json.encode(case) .. " changes nothing")
  end
  check.ok(same_weights(trained { blur = 1 }, bases.blur))
end)

check.test("alignment: each option changes the result, the first epochs only", function()
  check.ok(not same_weights(plain, aligned))
  check.ok(aligned_metrics[1].alignment > 0.5 and aligned_metrics[2].alignment > 0.5)
  for _, options in ipairs { { double_softmax = true }, { ramp = true }, { alpha = 0.2 }, { weight = 0.3 } } do
    local _, net = inter { alignment = options }
    local name = next(options)
    check.ok(not same_weights(net, aligned), "alignment." .. name .. " changes nothing")
    check.ok(not same_weights(net, plain), "alignment." .. name .. " is as without alignment")
  end
  local first, net = inter { alignment = { epochs = 1 } }
  check.near(first[1].alignment, aligned_metrics[1].alignment, 0)
  check.equal(first[2].alignment, nil)
  check.ok(not same_weights(net, aligned) and not same_weights(net, plain))
  local none, off = inter { alignment = { epochs = 0 } }
  check.equal(none[1].alignment, nil)
  check.ok(same_weights(off, plain))
end)

check.test("alignment with one camera is off", function()
  local one = rewrite("one-camera", function(_, image) return image.identity, 0 end)
  local m = inter({}, nil, rewrite("one-camera-train", function(split, image)
    return image.identity, split == "train" and 0 or image.camera
  end))
  check.equal(m[1].alignment, nil)
  check.equal(one:camera_count(), 1)
end)

-- A memory without a say, so that the alignment alone moves the network.
local function silent(n)
  return {
    labels = T.arange(n, "i32"), clusters = 2, temperature = 1,
    loss = function(_, features) return ops.sum(features) * 0 end,
    update = function() end,
  }
end

check.test("gradient reversal: the head learns the cameras, the network unlearns them", function()
  local cameras = train:cameras()
  local function mean_loss(alpha)
    local cfg = config { height = 16, width = 8, augment = { flip = 0.0, pad = 0, erase = 0.0 } }
    local net = small_network(cfg)
    local head = calr.nn.domain_head(net.dim, 3, { dropout = 0.0, seed = 1 }):init(1)
    local parameters = net:parameters()
    table.move(head:parameters(), 1, #head:parameters(), #parameters + 1, parameters)
    local optimizer = calr.optim.adam(parameters, { lr = 3e-3 })
    local memory = silent(train:count())
    local first, last
    for epoch = 0, 4 do
      local _, means = intra_train {
        net = net, optimizer = optimizer, split = train, cameras = cameras, cfg = cfg, seed = 1, epoch = epoch,
        label = "test", group = "", labels = cameras, memory = memory, clusters = 3, instances = 12, iterations = 6,
        alignment = { head = head, weight = 1, alpha = alpha },
      }
      first, last = first or means.alignment, means.alignment
    end
    return first, last
  end
  local first, with_gradient = mean_loss(-1) -- the network helps the head
  local _, frozen = mean_loss(0)             -- the head alone
  local _, reversed = mean_loss(1)           -- the network works against it
  check.ok(with_gradient < first, "the camera loss falls")
  check.ok(frozen < first)
  check.ok(with_gradient < frozen and frozen < reversed,
    ("camera loss: helping %.3f, not at all %.3f, reversed %.3f"):format(with_gradient, frozen, reversed))
end)

check.test("cluster weights count from their epoch on", function()
  local given = {}
  local m, net = inter({ camera_weights_from = 1 }, function(step, labels)
    given[step.epoch] = step:cluster_weights(labels) or false
    if given[step.epoch] then
      check.all_near(given[step.epoch], calr.memory.camera_weights(labels, train:cameras()), 0)
    end
  end)
  check.equal(given[0], false)
  check.ok(given[1])
  check.equal(m[1].loss, aligned_metrics[1].loss)
  check.ok(m[2].loss ~= aligned_metrics[2].loss)
  check.ok(not same_weights(net, aligned))
  local _, never = inter({}, function(step, labels) check.equal(step:cluster_weights(labels), nil) end)
  check.ok(same_weights(never, aligned))
end)

check.test("hard memory, SGD and average pooling train too, and each differently", function()
  local nets = { aligned }
  for _, changes in ipairs { { update = "hard" }, { optimizer = "sgd", lr = 0.01 }, { pooling = "average" } } do
    local m, net = inter(changes)
    check.ok(m[2].evaluation.mAP > 0)
    if not changes.pooling then
      for _, other in ipairs(nets) do check.ok(not same_weights(net, other)) end
      nets[#nets + 1] = net
    end
  end
end)

-- ---- one's own ----

check.test("a gradient of one's own inside training: as the built-in operation's", function()
  -- cross-entropy of cosine / temperature, forward and backward by hand
  local own = calr.autograd.op {
    name = "my_cross_entropy",
    forward = function(ctx, logits, labels)
      local p = ops.softmax(logits)
      ctx:save(p, labels)
      local total = 0
      for i, label in ipairs(labels:totable()) do total = total - math.log(p:get(i, label + 1)) end
      return T.full({}, total / labels:numel())
    end,
    backward = function(ctx, dy)
      local p, labels = ctx:saved()
      local dx = p:clone()
      for i, label in ipairs(labels:totable()) do dx:set(i, label + 1, dx:get(i, label + 1) - 1) end
      return dx * (dy:get() / labels:numel()), nil
    end,
  }
  local function run(loss)
    local cfg = config { epochs = 1, alignment = { weight = 0 } }
    local record, net = open(cfg), small_network(cfg)
    for _, step in P.epochs(net, street, cfg) do
      local features = step:features()
      local memory = calr.memory.cluster { features = features, labels = calr.cluster.infomap(features, cfg.infomap) }
      if loss then
        function memory:loss(f, batch)
          return loss(ops.matmul(f, self.vectors, { transpose_b = true }) * (1 / self.temperature), batch.labels)
        end
      end
      step:train(memory)
    end
    record:finish()
    return calr.run.metrics(record.path)[1].loss, net
  end
  local want, built_in = run()
  local got, mine = run(own)
  check.near(got, want, 1e-5)
  local other = built_in:state()
  for name, tensor in pairs(mine:state()) do check.all_near(tensor, other[name], 2e-3, name) end
end)

-- ---- faults ----

check.test("collapse says what happened and what to do", function()
  check.fails("epoch 0: no cluster to learn from", inter, { infomap = { min_similarity = 0.99999 } })
  check.fails("lower infomap.min_similarity (now 0.99999)", inter, { infomap = { min_similarity = 0.99999 } })
  local function labelled(labels, text)
    local cfg = config()
    local run, net = open(cfg), small_network(cfg)
    local _, step = P.epochs(net, street, cfg)()
    check.fails(text, step.train, step, calr.memory.cluster { features = step:features(), labels = labels })
    run:finish()
  end
  local n = train:count()
  labelled(T.zeros({ n }, "i32"), "one cluster only to learn from (0 of " .. n)
  labelled(T.zeros({ n }, "i32"), "the images are all alike: raise infomap.min_similarity (now 0.1)")
  labelled(T.arange(n, "i32"), "none of the " .. n .. " clusters has two images")
end)

check.test("NaN and runaway weights are named with epoch and batch", function()
  local function diverge(changes, text)
    local ok, message = pcall(inter, changes)
    check.ok(not ok and tostring(message):find(text, 1, true), tostring(message))
  end
  diverge({ lr = 1e30, pooling = "average" },
    "the loss became NaN in batch 2 of epoch 0 of training: lower the learning rate (lr=1e+30)")
  diverge({ lr = 1e30, pooling = "average", iterations = 1 }, " in epoch 0 of training: lower the learning rate")
  local net = small_network()
  net.pool.p:detach():fill(-1)
  check.fails("the exponent of the GeM pooling became -1 and must stay above 0: the training has diverged",
    P.features, net, train, config())
  net.pool.p:detach():fill(0)
  check.fails("became 0 and must stay above 0: the network has no weights yet", P.features, net, train, config())
  check.fails("a data set (calr.data.open) is wanted, not a table", P.epochs, net, config(), street)
  local cfg = config { intra = { lr = 1e30 }, pooling = "average" }
  local run = open(cfg)
  check.fails("the loss became NaN in batch 2 of epoch 0 of camera 1 of 3: lower the learning rate (intra.lr=1e+30)",
    P.intra, small_network(cfg), street, cfg)
  run:finish()
end)

check.test("settings out of range are refused before anything is done", function()
  for _, case in ipairs {
    { { epochs = -1 }, "option \"epochs\" must be 0 or more; -1 is not" },
    { { instances = 1 }, "option \"instances\" must be 2 or more" },
    { { clusters = 0 }, "option \"clusters\" must be 2 or more" },
    { { temperature = 0.0 }, "option \"temperature\" must be 1e-06 or more; 0.0 is not" },
    { { momentum = 1.5 }, "option \"momentum\" must be 0 to 1; 1.5 is not" },
    { { lr = -1.0 }, "option \"lr\"" }, { { lr = 0 / 0 }, "option \"lr\"" }, { { lr = math.huge }, "option \"lr\"" },
    { { workers = -1 }, "option \"workers\"" },
    { { infomap = { k = 1 } }, "option \"infomap.k\" must be 2 to 65536; 1 is not" },
    { { alignment = { weight = -1.0 } }, "option \"alignment.weight\"" },
    { { intra = { per_cluster = 0 } }, "option \"intra.per_cluster\"" },
    { { intra = { k2 = 9 } }, "option \"intra.k2\" must be at most intra.k1 = 8; 9 is not" },
    { { augment = { flip = 2.0 } }, "option \"augment.flip\" must be 0 to 1" },
  } do
    here.out = tmp .. "/refused" -- calr.config may refuse it before a folder has been named
    check.fails(case[2], function() open(config(case[1])) end)
    check.ok(not calr.sys.exists(here.out), "a folder is left")
  end
end)

check.test("settings that a script changes afterwards are looked at as well", function()
  local cfg = config()
  cfg.momentum, cfg.update = 1.5, "mean"
  check.fails("option \"momentum\" must be 0 to 1; 1.5 is not", open, cfg)
  cfg = config()
  cfg.update = "meen"
  check.fails("option \"update\" has no choice \"meen\" (did you mean \"mean\"?)", open, cfg)
  cfg = { infomap = { k = 1 }, seed = 1, epochs = 1 } -- a table that calr.config has not seen
  check.fails("option \"infomap.k\" must be 2 to 65536; 1 is not", open, cfg)
end)

check.test("a state of another network is refused whole", function()
  local net, other = small_network(), calr.models.small { width = 6 }
  local before = net.conv1.weight:clone()
  check.fails("this is the state of another network: ", net.load_state, net, other:state())
  check.ok(net.conv1.weight:equal(before))
  check.fails("it lacks", net.load_state, net, {})
  local more = net:state()
  more.extra = T.zeros { 1 }
  check.fails("it also has extra", net.load_state, net, more)
end)

check.test("one identity, part of the data", function()
  local one = calr.data.open(tmp .. "/street.lmdb", { ids = 1 })
  check.ok(one:train():count() < train:count())
  local q = P.quality(one:train(), T.zeros({ one:train():count() }, "i32"))
  check.near(q.f, 1, 1e-9)
  for name, value in pairs(q) do check.ok(value == value, name .. " is NaN") end
end)

check.test("the stride of the last stage is an option of networks that have one", function()
  local function maps(changes)
    local cfg = config(changes)
    return P.network(cfg):maps(T.zeros { 1, 64, 32, 3 }):size(2)
  end
  check.equal(maps { network = "mobilenet_v2" }, 2)
  check.equal(maps { network = "mobilenet_v2", last_stride = 1 }, 4)
  check.equal(maps { network = "resnet18" }, 4)
  check.equal(maps { network = "resnet18", last_stride = 2 }, 2)
  check.fails("last_stride", maps, { network = "osnet_x0_25", last_stride = 1 })
  check.equal(P.preset("small").last_stride, 1)
end)

check.finish()
