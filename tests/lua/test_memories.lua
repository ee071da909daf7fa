-- The memories besides the cluster memory: losses and gradients by PyTorch and by finite differences, updates, state.
local check = require "check"
local M, T, autograd, ops = require "calr.memory", require "calr.tensor", require "calr.autograd", require "calr.tensor"
local bank, Rng = require "calr.bank", require "calr.rng"

local golden = dofile(os.getenv "CALR_TEST_REFERENCE" .. "/memory/golden.lua")
local vectors, labels, cameras = T(golden.vectors), T(golden.labels, "i32"), T(golden.cameras, "i32")
local rows, mixed = T(golden.rows, "i64"), T(golden.mixed, "i64")
local L = require "calr.labels"
local dim = 6

local function unit_rows(n, seed)
  return ops.l2_normalize(Rng.open({ seed = seed, purpose = "test" }):fill_normal(T.zeros { n, dim }))
end

-- loss(features) -> tensor, against the golden loss and gradient.
local function check_loss(want, loss)
  local features = T(golden.features):requires_grad(true)
  local value = loss(features)
  check.near(value:get(), want.loss, 1e-4)
  autograd.backward(value)
  check.all_near(features:grad(), want.gradient, 1e-4)
end

-- The gradient with respect to what the features are normalised from, against finite differences.
local function check_slope(n, loss)
  local x = Rng.open({ seed = 11, purpose = "test" }):fill_normal(T.zeros { n, dim })
  local leaf = x:clone():requires_grad(true)
  autograd.backward(loss(ops.l2_normalize(leaf)))
  local step = 5e-3
  for i = 1, n do
    for j = 1, dim do
      local function at(delta)
        local moved = x:clone()
        moved:set(i, j, x:get(i, j) + delta)
        return loss(ops.l2_normalize(moved)):get()
      end
      check.near(leaf:grad():get(i, j), (at(step) - at(-step)) / (2 * step), 1e-2)
    end
  end
end

-- state() of one memory taken by another, through copies; then both do the same.
local function check_state(memory, other, same)
  other:load_state(memory:state())
  same(memory, other)
  local map = memory:state()
  map.strange = T { 1 }
  check.fails("strange", other.load_state, other, map)
  map = memory:state()
  map.vectors = nil
  check.fails("vectors", other.load_state, other, map)
  map.vectors = T.zeros { 2, dim + 1 }
  check.fails("", other.load_state, other, map)
  same(memory, other)
end

check.test("instance memory", function()
  local memory = M.instance { features = vectors, temperature = 0.1, momentum = 0.2 }
  check.all_near(memory.vectors, vectors, 1e-5)
  check_loss(golden.instance, function(features) return memory:loss(features, { rows = rows }) end)
  check_slope(3, function(features) return memory:loss(features, { rows = T({ 4, 0, 7 }, "i32") }) end)
  memory:update(T(golden.features), { rows = mixed })
  check.all_near(memory.vectors, golden.moved, 1e-5)
  check_state(memory, M.instance { features = unit_rows(30, 2) }, function(a, b)
    check.ok(a.vectors:equal(b.vectors))
  end)
  check.fails("label", memory.loss, memory, unit_rows(1, 1), { rows = T({ 30 }, "i64") })
  check.fails("label -1", memory.update, memory, unit_rows(1, 1), { rows = T({ -1 }, "i64") })
  check.fails("momentum must be a number from 0 to 1, not 2", M.instance, { features = vectors, momentum = 2 })
end)

check.test("hybrid memory (SpCL)", function()
  local memory = M.hybrid { features = vectors, labels = labels, temperature = 0.1, momentum = 0.2 }
  check.equal(memory.clusters, 5)
  check_loss(golden.hybrid, function(features) return memory:loss(features, { rows = mixed }) end)
  check_slope(3, function(features) return memory:loss(features, { rows = T({ 4, 0, 7 }, "i64") }) end)
  memory:update(T(golden.features), { rows = mixed })
  check.all_near(memory.vectors, golden.moved, 1e-5)
  check.all_near(memory.means, golden.means, 1e-5)
  check_state(memory, M.hybrid { features = unit_rows(30, 2), labels = T.full({ 30 }, -1, "i32"),
    temperature = 0.1 }, function(a, b)
    check.ok(a.means:equal(b.means) and a.classes:equal(b.classes))
    check.equal(a.clusters, b.clusters)
    local two = { rows = T({ 1, 2 }, "i64") }
    check.equal(a:loss(unit_rows(2, 3), two):get(), b:loss(unit_rows(2, 3), two):get())
  end)
  -- many updates do not lead the means away from what they are means of
  for step = 1, 200 do
    local batch = {}
    for i = 1, 8 do batch[i] = (step * 7 + i * 3) % 30 end
    memory:update(unit_rows(8, 100 + step), { rows = T(batch, "i64") })
  end
  check.all_near(memory.means, (bank.means(memory.vectors, memory.classes)), 1e-5)
  memory:relabel(T.full({ 30 }, -1, "i32")) -- all outliers: the instance memory
  check.equal(memory.clusters, 0)
  check.near(memory:loss(unit_rows(4, 3), { rows = T({ 1, 2, 3, 4 }, "i64") }):get(),
    M.instance({ features = memory.vectors, temperature = 0.1 })
      :loss(unit_rows(4, 3), { rows = T({ 1, 2, 3, 4 }, "i64") }):get(), 1e-4)
  memory:relabel(T.full({ 30 }, 0, "i32")) -- one cluster: nothing to tell apart
  check.near(memory:loss(unit_rows(4, 3), { rows = T({ 1, 2, 3, 4 }, "i64") }):get(), 0, 1e-6)
  check.fails("2 labels for 30", memory.relabel, memory, T({ 0, 1 }, "i32"))
  check.fails("row 30", memory.update, memory, unit_rows(1, 1), { rows = T({ 30 }, "i64") })
  check.fails("30 (item 1)", memory.loss, memory, unit_rows(1, 1), { rows = T({ 30 }, "i64") })
end)

local function batch_of(some)
  return { labels = L.take(labels, some), cameras = L.take(cameras, some) }
end

check.test("camera proxies (CAP, O2CAP)", function()
  local own = batch_of(rows)
  local function make(intra, offline, online)
    return M.camera { features = vectors, labels = labels, cameras = cameras, temperature = 0.1, negatives = 4,
      positives = 2, intra = intra, offline = offline, online = online }
  end
  check.all_near(make(1, 1, 1).vectors, golden.proxies, 1e-5)
  check_loss(golden.intra, function(f) return (make(1, 0, 0):loss(f, own)) end)
  check_loss(golden.offline, function(f) return (make(0, 1, 0):loss(f, own)) end)
  check_loss(golden.online, function(f) return (make(0, 0, 1):loss(f, own)) end)
  local total, terms = make(1, 0.5, 2):loss(T(golden.features), own)
  check.near(total:get(), golden.intra.loss + 0.5 * golden.offline.loss + 2 * golden.online.loss, 1e-4)
  check.near(terms.online:get(), golden.online.loss, 1e-4)
  -- all proxies are negatives, or a step could change which are
  local memory = M.camera { features = vectors, labels = labels, cameras = cameras, temperature = 0.1, negatives = 100 }
  check_slope(3, function(f)
    return (memory:loss(f, { labels = own.labels:narrow(1, 1, 3):contiguous(),
      cameras = own.cameras:narrow(1, 1, 3):contiguous() }))
  end)
  local nothing = make(0, 0, 0):loss(T(golden.features), own)
  check.equal(nothing:get(), 0.0)
end)

check.test("camera proxies: updates, state, mistakes", function()
  local own = batch_of(rows)
  local memory = M.camera { features = vectors, labels = labels, cameras = cameras, momentum = 0.3, online = 1 }
  local want, proxy_of = memory.vectors:totable(), L.pair(labels, cameras)
  for i, feature in ipairs(golden.features) do
    local p, sum = L.take(proxy_of, rows):get(i) + 1, 0
    for j = 1, dim do
      want[p][j] = 0.3 * want[p][j] + 0.7 * feature[j]
      sum = sum + want[p][j] ^ 2
    end
    for j = 1, dim do want[p][j] = want[p][j] / sum ^ .5 end
  end
  memory:update(T(golden.features), own)
  check.all_near(memory.vectors, want, 1e-5)
  local other = M.camera { features = unit_rows(3, 1), labels = T({ 0, 1, 1 }, "i32"),
    cameras = T({ 0, 0, 1 }, "i32"), online = 1 }
  check_state(memory, other, function(a, b)
    check.equal(a:loss(unit_rows(7, 5), own):get(), b:loss(unit_rows(7, 5), own):get())
  end)
  check.fails("no proxy of cluster 9 in camera 0", memory.loss, memory, unit_rows(1, 1),
    { labels = T({ 9 }, "i32"), cameras = T({ 0 }, "i32") })
  check.fails("no proxy of cluster -1", memory.update, memory, unit_rows(1, 1),
    { labels = T({ -1 }, "i32"), cameras = T({ 0 }, "i32") })
  check.fails("1 cameras for 2", memory.loss, memory, unit_rows(2, 1),
    { labels = T({ 0, 1 }, "i32"), cameras = T({ 0 }, "i32") })
  check.fails("no option \"proxies\"", M.camera,
    { features = vectors, labels = labels, cameras = cameras, proxies = 1 })
  check.fails("invalid option 'outer'", bank.proxies, "outer", labels, cameras, own.labels)
  check.fails("\"scores\" is missing", bank.proxies, "offline", own.labels, own.cameras, T({ 0 }, "i32"))
  check.fails("proxy 9", bank.proxies, "intra", own.labels, own.cameras, T({ 9 }, "i32"))
  -- one cluster in one camera: no one to be told from
  local alone = M.camera { features = vectors, labels = T.full({ 30 }, 0, "i32"), cameras = T.full({ 30 }, 2, "i32") }
  check.equal(alone.proxies, 1)
  local loss = alone:loss(unit_rows(2, 1), { labels = T({ 0, 0 }, "i32"), cameras = T({ 2, 2 }, "i32") })
  check.near(loss:get(), 0, 1e-6)
end)

check.test("queue (MoCo)", function()
  local queue = M.queue { size = 11, dim = dim, temperature = 0.1 }
  local keys = T(golden.keys)
  check.near(queue:loss(T(golden.features), { keys = keys }):get(), 0, 1e-6)
  queue:push(T(golden.queue))
  check.equal(queue:count(), 11)
  check_loss(golden.moco, function(features) return queue:loss(features, { keys = keys }) end)
  check_slope(3, function(features) return queue:loss(features, { keys = keys:narrow(1, 1, 3) }) end)
  -- the oldest go first, over the end and on at the beginning
  local small, all = M.queue { size = 5, dim = dim }, unit_rows(12, 4)
  small:push(all:narrow(1, 1, 3))
  check.equal(small:count(), 3)
  small:push(all:narrow(1, 4, 4))
  check.all_near(small.vectors, all:rows { 5, 6, 2, 3, 4 }, 0)
  local twin = M.queue { size = 5, dim = dim }
  check_state(small, twin, function(a, b)
    check.ok(a.vectors:equal(b.vectors))
    check.equal(a:count(), b:count())
  end)
  twin:push(all:narrow(1, 8, 1))
  check.all_near(twin.vectors, all:rows { 5, 6, 7, 3, 4 }, 0)
  check.all_near(small.vectors, all:rows { 5, 6, 2, 3, 4 }, 0) -- the state was copied
  twin:push(all) -- more than it holds: the last
  local left = {}
  for i = 1, 5 do left[i] = twin.vectors:get(i, 1) end
  table.sort(left)
  local last = {}
  for i = 8, 12 do last[i - 7] = all:get(i, 1) end
  table.sort(last)
  check.all_near(left, last, 0)
  check.fails("5 keys, this one holds 11", queue.load_state, queue, small:state())
  check.fails("size must be an integer of at least 1, not 0", M.queue, { size = 0, dim = 2 })
  check.fails("dim must be an integer of at least 1, not nil", M.queue, { size = 4 })
end)

check.test("cluster memory: update \"average\", state", function()
  local memory = M.cluster { features = vectors, labels = labels, momentum = 0.25, update = "average" }
  local want, sums, counts = memory.vectors:totable(), {}, {}
  local batch, batch_labels = unit_rows(6, 3), { 3, 0, 3, 1, 3, 0 }
  for i, row in ipairs(batch:totable()) do
    local k = batch_labels[i] + 1
    sums[k], counts[k] = sums[k] or { 0, 0, 0, 0, 0, 0 }, (counts[k] or 0) + 1
    for j = 1, dim do sums[k][j] = sums[k][j] + row[j] end
  end
  for k, sum in pairs(sums) do
    local length = 0
    for j = 1, dim do
      want[k][j] = 0.25 * want[k][j] + 0.75 * sum[j] / counts[k]
      length = length + want[k][j] ^ 2
    end
    for j = 1, dim do want[k][j] = want[k][j] / length ^ .5 end
  end
  memory:update(batch, { labels = T(batch_labels, "i32") })
  check.all_near(memory.vectors, want, 1e-5)
  check_state(memory, M.cluster { features = unit_rows(2, 1), labels = T({ 0, 0 }, "i32") }, function(a, b)
    check.ok(a.vectors:equal(b.vectors))
    check.equal(b.clusters, 5)
  end)
end)

check.finish()
