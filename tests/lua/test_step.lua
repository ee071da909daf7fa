-- step:train with every kind of memory, against the definitions in plain Lua; and its hooks.
local check = require "check"
local calr = require "calr"
local here = require("calr.context").current()
local P, T, ops, M = calr.pipeline, calr.tensor, calr.ops, calr.memory

here.quiet = true
local tmp = os.getenv "CALR_TEST_TMP"

require("calr.data.make").run {
  generator = "street", to = tmp .. "/street.lmdb",
  options = { ids = 8, test_ids = 3, distractors = 2, junk = 1, cameras = 3, images = 3, height = 64, width = 32,
    seed = 5 },
}
local street = calr.data.open(tmp .. "/street.lmdb")
local train = street:train()
local n = train:count()
local cameras, identities = train:cameras(), train:labels()

-- The identities, but every seventh image an outlier.
local label_list = identities:totable()
for i = 7, n, 7 do label_list[i] = -1 end
local labels = calr.labels.canonical(T(label_list, "i32"), { min_size = 2 })
label_list = labels:totable()
local camera_list = cameras:totable()
local clusters = calr.labels.clusters(labels)

local DIM = 32

local function small_network() return calr.models.small { width = DIM // 4, seed = 1 } end

local runs = 0

local function config(changes)
  local small = {
    data = "street.lmdb", height = 32, width = 16, epochs = 1, iterations = 3, clusters = 3, instances = 3,
    infomap = { k = 6, min_similarity = 0.1, min_size = 2 }, augment = { pad = 2 }, alignment = { weight = 0 },
  }
  for name, value in pairs(changes or {}) do small[name] = value end
  return calr.config.resolve(P.defaults(small), {})
end

-- Runs stage 2; inside(step, epoch) trains. Returns the metrics, the network and the last step.
local function run(changes, inside, more)
  local cfg = config(changes)
  runs = runs + 1
  here.out = ("%s/run-%d"):format(tmp, runs)
  local record, last = P.run_of(cfg, street), nil
  local net = small_network()
  for epoch, step in P.epochs(net, street, cfg, more) do
    last = step
    inside(step, epoch)
  end
  record:finish()
  return calr.run.metrics(record.path), net, last
end

local function parameters_of(net)
  local map = {}
  for _, parameter in ipairs(net:parameters()) do map[parameter.name] = parameter.tensor:clone() end
  return map
end

local function same(a, b)
  for name, tensor in pairs(a) do
    if not tensor:equal(b[name]) then return false end
  end
  return true
end

-- ---- the definitions ----

local function dot(a, b)
  local sum = 0
  for j = 1, #a do sum = sum + a[j] * b[j] end
  return sum
end

-- -log softmax of `logits` at `target` (from 1), over the places for which takes_part is true.
local function surprise(logits, target, takes_part)
  local sum = 0
  for k, logit in ipairs(logits) do
    if not takes_part or takes_part(k) then sum = sum + math.exp(logit) end
  end
  return math.log(sum) - logits[target]
end

-- Trains an epoch against a memory and checks the loss of every batch: want(seen) is the definition's, of
-- seen.features, rows, labels, cameras and vectors, tables of plain numbers as they were when the loss was asked for.
local function check_epoch(memory, options, want, field)
  local losses, rows_seen = {}, {}
  local loss, update, pending = memory.loss, memory.update, nil
  function memory:loss(features, batch)
    check.equal(pending, nil)
    local seen = { batch = batch, features = features:detach():totable() }
    seen.vectors = self[field or "vectors"]:totable()
    for _, name in ipairs { "rows", "labels", "cameras" } do seen[name] = batch[name]:totable() end
    local value = loss(self, features, batch)
    losses[#losses + 1] = value:get()
    check.near(value:get(), want(seen), 2e-4)
    for _, row in ipairs(seen.rows) do rows_seen[row] = true end
    for i, row in ipairs(seen.rows) do check.equal(seen.cameras[i], camera_list[row + 1]) end
    pending = batch
    return value
  end
  function memory:update(features, batch)
    check.ok(rawequal(batch, pending), "update is given the batch of the loss")
    pending = nil
    return update(self, features, batch)
  end
  local metrics = run({}, function(step) step:train(memory, options) end)
  check.equal(#losses, 3)
  local sum = 0
  for _, value in ipairs(losses) do sum = sum + value end
  check.near(metrics[1].loss, sum / 3, 1e-9)
  return rows_seen, metrics[1]
end

local function first_features()
  return P.features(small_network(), train, config())
end

-- The mean of -log softmax(f . v / temperature) at class_of(row), from 0.
local function mean_surprise(seen, temperature, class_of)
  local sum = 0
  for i, feature in ipairs(seen.features) do
    local logits = {}
    for k, vector in ipairs(seen.vectors) do logits[k] = dot(feature, vector) / temperature end
    sum = sum + surprise(logits, class_of(seen.rows[i]) + 1)
  end
  return sum / #seen.features
end

check.test("cluster memory: the target is the image's cluster", function()
  local memory = M.cluster { features = first_features(), labels = labels, temperature = 0.1 }
  local rows, record = check_epoch(memory, nil, function(seen)
    for i, row in ipairs(seen.rows) do check.equal(seen.labels[i], label_list[row + 1]) end
    return mean_surprise(seen, 0.1, function(row) return label_list[row + 1] end)
  end)
  for row in pairs(rows) do check.ok(label_list[row + 1] >= 0) end
  check.equal(record.clusters, clusters)
  check.ok(record.outliers > 0)
end)

check.test("instance memory: the target is the image itself, and all are drawn", function()
  local memory = M.instance { features = first_features(), temperature = 0.1 }
  local _, record = check_epoch(memory, nil, function(seen)
    return mean_surprise(seen, 0.1, function(row) return row end)
  end)
  check.equal(record.clusters, nil)
  local drawn = {}
  run({ iterations = (n + 8) // 9 }, function(step)
    step:train(M.instance { features = first_features() }, { losses = { function(batch)
      for _, row in ipairs(batch.rows:totable()) do drawn[row] = (drawn[row] or 0) + 1 end
    end } })
  end)
  for row = 0, n - 1 do check.ok(drawn[row], "an image without a label was not drawn") end
end)

check.test("hybrid memory: the target is the image's cluster, or its own class where it is an outlier", function()
  local class_of, next_class = {}, clusters
  for i, label in ipairs(label_list) do
    class_of[i - 1] = label
    if label < 0 then class_of[i - 1], next_class = next_class, next_class + 1 end
  end
  local function want(seen)
    return mean_surprise(seen, 0.1, function(row) return class_of[row] end)
  end
  local memory = M.hybrid { features = first_features(), labels = labels, temperature = 0.1 }
  check.all_near(memory.classes, table.move(class_of, 0, n - 1, 1, {}), 0)
  for row in pairs(check_epoch(memory, nil, want, "means")) do check.ok(label_list[row + 1] >= 0) end
  -- as SpCL draws them: outliers too
  memory = M.hybrid { features = first_features(), labels = labels, temperature = 0.1 }
  local options = { labels = memory.classes, singles = "gather", batches = function(o)
    check.equal(o.singles, "gather")
    o.clusters = 6
    return calr.batches.cross_camera(o)
  end }
  local outliers = 0
  for row in pairs(check_epoch(memory, options, want, "means")) do
    if label_list[row + 1] < 0 then outliers = outliers + 1 end
  end
  check.ok(outliers > 0, "no outlier was drawn")
end)

check.test("camera proxies: the target is the cluster in the image's camera", function()
  local memory = M.camera { features = first_features(), labels = labels, cameras = cameras, temperature = 0.1,
    intra = 1, offline = 0.5, negatives = 1000 }
  local cluster_of, camera_of = memory.cluster_of:totable(), memory.camera_of:totable()
  check_epoch(memory, nil, function(seen)
    local by_camera = {}
    for i, feature in ipairs(seen.features) do
      local label, camera = label_list[seen.rows[i] + 1], camera_list[seen.rows[i] + 1]
      local logits, own, positives, offline = {}, nil, 0, 0
      for p, vector in ipairs(seen.vectors) do
        logits[p] = dot(feature, vector) / 0.1
        if cluster_of[p] == label and camera_of[p] == camera then own = p end
      end
      for p in ipairs(seen.vectors) do
        if cluster_of[p] == label then positives, offline = positives + 1, offline + surprise(logits, p) end
      end
      local intra = surprise(logits, own, function(p) return camera_of[p] == camera end)
      local sums = by_camera[camera] or { 0, 0 }
      by_camera[camera] = { sums[1] + intra + 0.5 * offline / positives, sums[2] + 1 }
    end
    local total = 0
    for _, sums in pairs(by_camera) do total = total + sums[1] / sums[2] end
    return total
  end)
end)

check.test("queue: the target is the teacher's feature of another view", function()
  local queue = M.queue { size = 16, dim = DIM, temperature = 0.1 }
  local counts = {}
  check_epoch(queue, { labels = labels, teacher = { momentum = 0.9 } }, function(seen)
    local keys, sum = seen.batch.keys:totable(), 0
    check.ok(not seen.batch.views:equal(seen.batch.images))
    counts[#counts + 1] = queue:count()
    for i, feature in ipairs(seen.features) do
      local logits = { dot(feature, keys[i]) / 0.1 }
      for k = 1, queue:count() do logits[k + 1] = dot(feature, seen.vectors[k]) / 0.1 end
      check.near(dot(keys[i], keys[i]), 1, 1e-4)
      sum = sum + surprise(logits, 1)
    end
    return sum / #keys
  end)
  check.all_near(counts, { 0, 9, 16 }, 0)
end)

check.test("a memory of your own, of five lines", function()
  local Mine = { labels = labels, vectors = M.cluster({ features = first_features(), labels = labels }).vectors }
  function Mine:loss(features, batch)
    return M.cross_entropy(features:matmul(self.vectors, { transpose_b = true, scale = 5 }), batch.labels, batch)
  end
  function Mine:update(features, batch) calr.bank.update(self.vectors, features:detach(), batch.labels) end
  check_epoch(Mine, nil, function(seen)
    return mean_surprise(seen, 0.2, function(row) return label_list[row + 1] end)
  end)
end)

-- ---- what is no memory, or lacks something ----

check.test("what cannot be trained on is refused by name, before the first batch", function()
  local features = first_features()
  local batches = 0
  local function refused(text, memory, options)
    local ok, message = pcall(run, {}, function(step)
      step:train(memory, options)
    end)
    check.ok(not ok)
    check.ok(tostring(message):find(text, 1, true), ("the error says \"%s\", want \"%s\""):format(message, text))
    check.ok(tostring(message):find("test_step.lua", 1, true), "it names the line of the script: " .. tostring(message))
  end
  local function mine(changes)
    local memory = { labels = labels, loss = function(_, f)
      batches = batches + 1
      return ops.sum(f)
    end, update = function() end }
    for name, value in pairs(changes or {}) do memory[name] = value end
    return memory
  end
  local cluster = M.cluster { features = features, labels = labels }
  refused("takes a memory (calr.memory, or an object of your own with the methods loss and update), not f32[", features)
  refused("not the text \"cluster\"", "cluster")
  refused("not nil", nil)
  refused("a table without a method \"loss\"", { labels = labels })
  refused("a table without a method \"update\"", { loss = print })
  refused("the memory needs \"keys\", features by a mean teacher: give step:train one, such as teacher =",
    M.queue { size = 4, dim = DIM }, { labels = labels })
  refused("the memory needs \"camera\", which no batch has (did you mean \"cameras\"?)", mine { needs = { "camera" } })
  refused("the memory needs \"weights\"", mine { needs = { "weights" } })
  refused("does not heed weights of images", mine(), { weights = T.full({ n }, 1) })
  refused("does not heed targets", M.camera { features = features, labels = labels, cameras = cameras },
    { weights = T.full({ n, clusters }, 1) })
  refused(("labels must be i32[%d]"):format(n), mine(), { labels = T({ 1, 2 }, "i32") })
  refused(("weights must be f32[%d]"):format(n), cluster, { weights = T { 1, 2 } })
  refused(("targets must be f32[%d x classes]"):format(n), cluster, { targets = T { 1, 2 } })
  refused("losses: 1 must be a function of a batch, not 3", mine(), { losses = { 3 } })
  refused("\"alignment\" is taken", mine(), { losses = { alignment = print } })
  refused("each must be a function, not 3", mine(), { each = 3 })
  refused("has no option \"loses\" (did you mean \"losses\"?)", mine(), { loses = {} })
  check.equal(batches, 0)
end)

check.test("a tensor where a batch is meant is told the new form; a field that no batch has is named", function()
  local features = first_features()
  local three, some = features:narrow(1, 1, 3):contiguous(), T({ 0, 1, 0 }, "i32")
  local cluster = M.cluster { features = features, labels = labels }
  check.fails("calr.memory.cluster takes a batch, a table such as { labels = labels }, not a tensor: i32[3]",
    cluster.loss, cluster, three, some)
  check.fails("such as { labels = labels }", cluster.update, cluster, three, some)
  for name, text in pairs { instance = "{ rows = rows }", hybrid = "{ rows = rows }",
    camera = "{ labels = labels, cameras = cameras }" } do
    local memory = M[name] { features = features, labels = name ~= "instance" and labels or nil,
      cameras = name == "camera" and cameras or nil }
    check.fails(text, memory.loss, memory, three, some)
    check.fails(text, memory.update, memory, three, some)
    check.fails("the batch has no", memory.loss, memory, three, {})
  end
  local queue = M.queue { size = 4, dim = DIM }
  check.fails("{ keys = keys }", queue.loss, queue, three, three)
  check.fails("{ keys = keys }", queue.update, queue, three, three)
  check.fails("a batch has no field \"camera\" (did you mean \"cameras\"?)", run, {}, function(step)
    step:train { labels = labels, loss = function(_, _, batch) return batch.camera end, update = print }
  end)
  check.fails("the loss must be a tensor of a single number, not 3", run, {}, function(step)
    step:train { labels = labels, loss = function() return 3 end, update = print }
  end)
end)

-- ---- weights and soft targets ----

local function cluster_memory(weights)
  return M.cluster { features = first_features(), labels = labels, temperature = 0.1, weights = weights }
end

check.test("weights by image: the weighted mean; weights of 1 change no bit", function()
  local list = {}
  for i = 1, n do list[i] = i % 3 end
  local function want(seen)
    local sum, total = 0, 0
    for i, row in ipairs(seen.rows) do
      local w = list[row + 1]
      local one = { features = { seen.features[i] }, vectors = seen.vectors, rows = { row } }
      sum = sum + w * mean_surprise(one, 0.1, function(r) return label_list[r + 1] end)
      total = total + w
    end
    return total > 0 and sum / total or 0
  end
  check_epoch(cluster_memory(), { weights = T(list) }, want)
  check_epoch(cluster_memory(), { weights = function(batch) return T(list):rows(batch.rows) end }, want)
  local plain_metrics, plain = run({}, function(step) step:train(cluster_memory()) end)
  local metrics, net = run({}, function(step) step:train(cluster_memory(), { weights = T.full({ n }, 1) }) end)
  check.equal(metrics[1].loss, plain_metrics[1].loss)
  check.ok(same(net:state(), plain:state()))
end)

check.test("weights by image in the camera proxies: the weighted mean of each camera's samples", function()
  local memory = M.camera { features = first_features(), labels = labels, cameras = cameras, temperature = 0.1,
    intra = 1, offline = 0 }
  local cluster_of, camera_of = memory.cluster_of:totable(), memory.camera_of:totable()
  local list = {}
  for i = 1, n do list[i] = 1 + i % 3 end
  check_epoch(memory, { weights = T(list) }, function(seen)
    local by_camera = {}
    for i, feature in ipairs(seen.features) do
      local row = seen.rows[i] + 1
      local logits, own = {}, nil
      for p, vector in ipairs(seen.vectors) do
        logits[p] = dot(feature, vector) / 0.1
        if cluster_of[p] == label_list[row] and camera_of[p] == camera_list[row] then own = p end
      end
      local sums = by_camera[camera_list[row]] or { 0, 0 }
      local value = surprise(logits, own, function(p) return camera_of[p] == camera_list[row] end)
      by_camera[camera_list[row]] = { sums[1] + list[row] * value, sums[2] + list[row] }
    end
    local total = 0
    for _, sums in pairs(by_camera) do total = total + sums[1] / sums[2] end
    return total
  end)
end)

check.test("soft targets: the cross-entropy with the shares, by image or from a function", function()
  local shares, hard = {}, {}
  for i = 1, n do
    shares[i], hard[i] = {}, {}
    for k = 1, clusters do
      hard[i][k] = label_list[i] == k - 1 and 1 or 0
      shares[i][k] = 0.75 * hard[i][k] + 0.25 / clusters
    end
  end
  local function want(seen)
    local sum, total = 0, 0
    for i, feature in ipairs(seen.features) do
      local logits, row = {}, seen.rows[i] + 1
      for k, vector in ipairs(seen.vectors) do logits[k] = dot(feature, vector) / 0.1 end
      for k in ipairs(logits) do
        sum, total = sum + shares[row][k] * surprise(logits, k), total + shares[row][k]
      end
    end
    return sum / total
  end
  check_epoch(cluster_memory(), { targets = T(shares) }, want)
  check_epoch(cluster_memory(), { weights = T(shares) }, want)
  check_epoch(cluster_memory(), { targets = function(batch) return T(shares):rows(batch.rows) end }, want)
  -- shares of one class are labels, weights of classes and images included
  local by_class, by_image = {}, {}
  for k = 1, clusters do by_class[k] = k % 2 + 0.5 end
  for i = 1, n do by_image[i] = i % 3 + 0.25 end
  local losses = {}
  for i, targets in ipairs { false, T(hard) } do
    run({ iterations = 1 }, function(step)
      local options = { weights = T(by_image), targets = targets or nil, losses = { function() end } }
      step:train(cluster_memory(T(by_class)), options)
      losses[i] = step.record.loss
    end)
  end
  check.near(losses[2], losses[1], 1e-5)
  check.fails(("targets must be f32[9 x %d]"):format(clusters), run, {}, function(step)
    step:train(cluster_memory(), { targets = T.full({ n, clusters + 1 }, 1) })
  end)
  local none = cluster_memory():loss(first_features():narrow(1, 1, 2):contiguous(),
    { labels = T({ 0, 1 }, "i32"), targets = T.zeros { 2, clusters } })
  check.equal(none:get(), 0.0)
end)

-- ---- hooks ----

check.test("further losses are added, recorded by their names, and may have nothing to say", function()
  local seen = 0
  local plain_metrics, plain = run({}, function(step) step:train(cluster_memory()) end)
  local metrics, net = run({}, function(step)
    step:train(cluster_memory(), { losses = {
      function(batch)
        seen = seen + 1
        check.equal(tostring(batch.features), ("f32[9 x %d]"):format(DIM))
        check.equal(tostring(batch.images), "f32[9 x 32 x 16 x 3]")
        check.equal(batch.views, nil)
        return nil
      end,
      zero = function(batch) return ops.sum(batch.features) * 0 end,
    } })
  end)
  check.equal(seen, 3)
  check.equal(metrics[1].losses.zero, 0)
  check.equal(metrics[1].loss, plain_metrics[1].loss)
  check.ok(same(net:state(), plain:state()), "a loss of 0 moves nothing")
  -- one that takes the memory's away again: nothing is left to learn from
  local start = parameters_of(small_network())
  local away
  local memory = cluster_memory()
  local opposite_metrics
  opposite_metrics, away = run({ weight_decay = 0.0, optimizer = "sgd" }, function(step)
    step:train(memory, { losses = { opposite = function(batch) return -memory:loss(batch.features, batch) end } })
  end)
  check.near(opposite_metrics[1].losses.opposite, -opposite_metrics[1].loss, 1e-6)
  for name, tensor in pairs(parameters_of(away)) do check.all_near(tensor, start[name], 1e-5, name) end
  check.fails("the loss \"bad\" became NaN in batch 1 of epoch 0 of training", run, {}, function(step)
    step:train(cluster_memory(), { losses = { bad = function(batch) return ops.sum(batch.features) * (0 / 0) end } })
  end)
  check.fails("the loss of losses[1] must be a tensor of a single number", run, {}, function(step)
    step:train(cluster_memory(), { losses = { function(batch) return batch.features end } })
  end)
end)

check.test("each: before every batch, with its number; the learning rate is the script's", function()
  local calls = {}
  local start = parameters_of(small_network())
  local _, net = run({}, function(step)
    step:train(cluster_memory(), { each = function(iteration, iterations)
      calls[#calls + 1] = iteration
      check.equal(iterations, 3)
      step.optimizer.lr = iteration == 2 and 1e-3 or 0.0
      if iteration == 2 then check.ok(same(parameters_of(step.net), start), "a learning rate of 0 moves nothing") end
    end })
  end)
  check.all_near(calls, { 1, 2, 3 }, 0)
  check.ok(not same(parameters_of(net), start))
end)

check.test("batches of your own", function()
  local rows_seen = {}
  local options = { batches = function(o)
    check.ok(o.labels:equal(labels) and o.cameras:equal(cameras))
    check.equal(o.iterations, 3)
    return T({ 0, 1, 2, 3, 4, 5, 7, 8 }, "i64"), 4
  end, losses = { function(batch) rows_seen[#rows_seen + 1] = batch.rows:totable() end } }
  run({}, function(step) step:train(cluster_memory(), options) end)
  check.all_near(rows_seen, { { 0, 1, 2, 3 }, { 4, 5, 7, 8 } }, 0)
  check.fails("batches must return the rows of all batches", run, {}, function(step)
    step:train(cluster_memory(), { batches = function() return { 0, 1 } end })
  end)
end)

check.test("views: drawn by a stream of their own, the same for any number of workers", function()
  local function train_with(workers, options)
    local batches = {}
    options.losses = { function(batch) batches[#batches + 1] = { images = batch.images, views = batch.views } end }
    run({ workers = workers }, function(step) step:train(cluster_memory(), options) end)
    return batches
  end
  local without, with = train_with(0, {}), train_with(0, { views = true })
  for i, batch in ipairs(with) do
    check.ok(batch.images:equal(without[i].images), "the first view stays as it is")
    check.ok(not batch.views:equal(batch.images))
    check.equal(without[i].views, nil)
  end
  local again = train_with(2, { views = true })
  for i, batch in ipairs(with) do check.ok(again[i].views:equal(batch.views)) end
end)

check.test("a memory that needs views gets them", function()
  local memory = { labels = labels, needs = { "views" }, update = function() end }
  function memory.loss(_, features, batch)
    check.equal(tostring(batch.views), tostring(batch.images))
    return ops.sum(features) * 0
  end
  run({}, function(step) step:train(memory) end)
end)

-- ---- the mean teacher ----

check.test("a teacher is a copy that follows the network by its formula", function()
  local memory, teacher, expected = cluster_memory(), nil, nil
  local function follow(step)
    for name, tensor in pairs(parameters_of(step.net)) do
      local old, now = expected[name]:totable(), tensor:totable()
      local function move(a, b)
        if type(a) == "number" then return 0.7 * a + (1 - 0.7) * b end
        for i in ipairs(a) do a[i] = move(a[i], b[i]) end
        return a
      end
      expected[name] = T(move(old, now))
    end
  end
  local _, net, last = run({ lr = 0.01 }, function(step)
    teacher = step:teacher { momentum = 0.7 }
    expected = parameters_of(step.net)
    check.ok(same(parameters_of(teacher.net), expected), "it starts as the network")
    step:train(memory, { teacher = { momentum = 0.7 }, each = function(iteration)
      if iteration > 1 then follow(step) end
      for name, tensor in pairs(parameters_of(teacher.net)) do check.all_near(tensor, expected[name], 1e-6, name) end
    end })
  end)
  follow(last)
  check.ok(rawequal(last:teacher(), teacher))
  for name, tensor in pairs(parameters_of(teacher.net)) do
    check.all_near(tensor, expected[name], 1e-6, name)
    check.ok(not tensor:equal(parameters_of(net)[name]), name .. " does not follow, it is the same")
  end
  check.fails("momentum of a mean teacher must be a number from 0 to 1, not 2", calr.nn.mean_teacher, net,
    { momentum = 2 })
  check.fails("a method clone", calr.nn.mean_teacher, { parameters = print })
end)

check.test("a copy of a network: the same state, frozen parameters, tensors of its own", function()
  local net = calr.models.small { width = 16, seed = 1, ibn = true }
  local twin = net:clone()
  check.equal(#twin:parameters(), #net:parameters())
  check.ok(same(twin:state(), net:state()))
  local images = T.full({ 2, 32, 16, 3 }, 0.5)
  check.ok(twin:train(false)(images):equal(net:train(false)(images)))
  for _, parameter in ipairs(twin:parameters()) do
    check.ok(parameter.tensor:requires_grad())
    parameter.tensor:detach():fill(0)
  end
  check.ok(not same(twin:state(), net:state()))
  check.ok(same(net:state(), calr.models.small({ width = 16, seed = 1, ibn = true }):state()))
  check.equal(twin.layer1.children[1].layer.conv1.weight:max():item(), 0.0)
end)

-- ---- checkpoints ----

-- Two epochs and a half with all that outlives an epoch; `stop` ends it in the middle of the third. Returns the record,
-- and everything that has a state.
local function long_run(resume, stop)
  runs = runs + 1
  here.out, here.resume = not resume and ("%s/run-%d"):format(tmp, runs) or nil, resume
  local cfg = config { epochs = 4, lr = 0.01 }
  local record = P.run_of(cfg, street)
  here.resume = nil
  local net, queue = small_network(), M.queue { size = 16, dim = DIM }
  local head, teacher = calr.nn.linear(DIM, 8):init(3), nil
  local ok, problem = pcall(function()
    local _ <close> = record
    for epoch, step in P.epochs(net, street, cfg, { keep = { queue = queue }, layers = { head = head } }) do
      step:train(queue, { labels = labels, teacher = { momentum = 0.8 }, each = function(iteration)
        if stop and epoch == 2 and iteration == 2 then error "killed" end
      end, losses = { extra = function(batch)
        local y = head(batch.features)
        return ops.mean(y * y)
      end } })
      teacher = step:teacher()
    end
    record:finish()
  end)
  check.equal(ok, not stop, tostring(problem))
  return record.path, { net = net, queue = queue, head = head, teacher = teacher }
end

check.test("a resumed run keeps its bits: teacher, queue, further layers", function()
  local whole_path, whole = long_run()
  local path = long_run(nil, true)
  local again_path, again = long_run(path)
  check.equal(again_path, path)
  check.equal(calr.sys.read_file(path .. "/metrics.jsonl"), calr.sys.read_file(whole_path .. "/metrics.jsonl"))
  for name, object in pairs(whole) do
    check.ok(same(object:state(), again[name]:state()), name .. " differs after the interruption")
  end
  check.ok(not same(whole.net:state(), whole.teacher:state()))
  check.ok(not whole.head.weight:equal(calr.nn.linear(DIM, 8):init(3).weight), "the further layer was not trained")
  check.ok(not calr.sys.read_file(path .. "/log.txt"):find("note: the memory", 1, true))
end)

check.test("a memory that outlives an epoch without being kept is noted", function()
  local queue = M.queue { size = 16, dim = DIM }
  run({ epochs = 3 }, function(step) step:train(queue, { labels = labels, teacher = true }) end)
  local log = calr.sys.read_file(here.out .. "/log.txt")
  local _, count = log:gsub("note: the memory outlives an epoch", "")
  check.equal(count, 1)
  check.ok(log:find("{ keep = { memory = memory } }", 1, true))
  check.fails("calr.pipeline.epochs: keep.queue has no method \"state\"", run, {}, print, { keep = { queue = {} } })
  check.fails("calr.pipeline.epochs: keep must be a table of objects by name", run, {}, print, { keep = 3 })
  check.fails("\"a.b\" is no name", run, {}, print, { keep = { ["a.b"] = queue } })
  check.fails("test_step.lua", run, {}, print, { keep = 3 })
  check.fails("calr.pipeline.epochs has no option \"keeps\" (did you mean \"keep\"?)", run, {}, print, { keeps = {} })
  check.fails("step:train(bank, options) takes at most 2 arguments, and 3 were given", run, {}, function(step)
    step:train(queue, {}, 3)
  end)
end)

check.test("a teacher of another architecture is named before the first batch", function()
  local wide, began = calr.models.small { width = DIM // 2, seed = 1 }, false
  check.fails("step:train: the teacher is of another architecture than the network: \"", run, {}, function(step)
    step:train(cluster_memory(), { teacher = calr.nn.mean_teacher(wide), each = function() began = true end })
  end)
  check.ok(not began)
  local teacher = calr.nn.mean_teacher(calr.nn.linear(3, 2):init(1), { momentum = 0.5 })
  check.fails("\"weight\" is f32[2 x 3] in the teacher and f32[2 x 4] in the network. Make it from the network",
    teacher.follow, teacher, calr.nn.linear(4, 2))
  check.fails("\"bias\" is f32[2] in the teacher and absent in the network", teacher.follow, teacher,
    calr.nn.linear(3, 2, { bias = false }))
  local bare = calr.nn.mean_teacher(calr.nn.linear(3, 2, { bias = false }))
  check.fails("\"bias\" is absent in the teacher and f32[2] in the network", bare.check, bare, calr.nn.linear(3, 2))
  teacher:follow(calr.nn.linear(3, 2):init(2))
end)

check.finish()
