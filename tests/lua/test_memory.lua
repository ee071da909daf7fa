-- calr.memory: the contrastive loss against a plain computation and finite differences, updates, weights.
local check = require "check"
local M, T, autograd, ops = require "calr.memory", require "calr.tensor", require "calr.autograd", require "calr.tensor"
local Rng = require "calr.rng"

local dim = 5

local function unit_rows(n, seed)
  return ops.l2_normalize(Rng.open({ seed = seed, purpose = "test" }):fill_normal(T.zeros { n, dim }))
end

local function i32(t) return T(t, "i32") end

local features = unit_rows(9, 1)
local labels = i32 { 0, 0, 1, -1, 1, 2, 2, 2, -1 }

local function dot(a, b)
  local sum = 0
  for j = 1, #a do sum = sum + a[j] * b[j] end
  return sum
end

local function normalised(v)
  local length, out = math.sqrt(dot(v, v)), {}
  for j = 1, #v do out[j] = v[j] / length end
  return out
end

-- Weighted mean over the batch of log(sum exp) - the own logit, in plain Lua.
local function plain_loss(rows, batch_labels, vectors, temperature, weights)
  local total, weight = 0, 0
  for i, row in ipairs(rows) do
    local own, sum = 0, 0
    for k, vector in ipairs(vectors) do
      local logit = dot(row, vector) / temperature
      if k == batch_labels[i] + 1 then own = logit end
      sum = sum + math.exp(logit)
    end
    local w = weights and weights[batch_labels[i] + 1] or 1
    total, weight = total + w * (math.log(sum) - own), weight + w
  end
  return weight > 0 and total / weight or 0
end

check.test("vectors are the normalised means; outliers do not count", function()
  local memory = M.cluster { features = features, labels = labels }
  check.equal(memory.clusters, 3)
  check.equal(tostring(memory.vectors), "f32[3 x 5]")
  local rows, want = features:totable(), {}
  for k, members in ipairs { { 1, 2 }, { 3, 5 }, { 6, 7, 8 } } do
    local sum = { 0, 0, 0, 0, 0 }
    for _, i in ipairs(members) do
      for j = 1, dim do sum[j] = sum[j] + rows[i][j] end
    end
    want[k] = normalised(sum)
  end
  check.all_near(memory.vectors, want, 1e-6)
end)

check.test("the loss is the plain one, with and without weights", function()
  local batch, batch_labels = unit_rows(6, 2), { 0, 1, 2, 2, 1, 0 }
  for _, weights in ipairs { false, { 1, 2, 0.5 }, { 0, 1, 0 }, { 0, 0, 0 } } do
    local memory = M.cluster { features = features, labels = labels, temperature = 0.3,
      weights = weights and T(weights) or nil }
    check.near(memory:loss(batch, { labels = i32(batch_labels) }):get(),
      plain_loss(batch:totable(), batch_labels, memory.vectors:totable(), 0.3, weights), 1e-5)
  end
end)

-- Gradient of the loss with respect to what the features are normalised from, as in a network.
local function gradient(memory, x, batch_labels)
  local leaf = x:clone():requires_grad(true)
  autograd.backward(memory:loss(ops.l2_normalize(leaf), { labels = batch_labels }))
  return leaf:grad()
end

check.test("the gradient is that of finite differences", function()
  local x = Rng.open({ seed = 4, purpose = "test" }):fill_normal(T.zeros { 4, dim })
  local batch_labels = i32 { 2, 0, 1, 2 }
  for _, weights in ipairs { false, { 0.2, 1, 3 } } do
    local memory = M.cluster { features = features, labels = labels, temperature = 0.4,
      weights = weights and T(weights) or nil }
    local slope = gradient(memory, x, batch_labels)
    local step = 1e-2
    for i = 1, 4 do
      for j = 1, dim do
        local function loss_at(delta)
          local moved = x:clone()
          moved:set(i, j, x:get(i, j) + delta)
          return memory:loss(ops.l2_normalize(moved), { labels = batch_labels }):get()
        end
        check.near(slope:get(i, j), (loss_at(step) - loss_at(-step)) / (2 * step), 2e-3)
      end
    end
  end
end)

check.test("weights of 0: loss 0 and gradient 0, not NaN", function()
  local memory = M.cluster { features = features, labels = labels, weights = T { 0, 0, 1 } }
  local slope = gradient(memory, unit_rows(3, 3), i32 { 0, 1, 0 })
  check.all_near(slope, T.zeros { 3, dim }, 0)
  local part = gradient(memory, unit_rows(3, 3), i32 { 0, 1, 2 })
  check.all_near(part:narrow(1, 1, 2):contiguous(), T.zeros { 2, dim }, 0)
  check.ok(part:norm():item() > 0)
end)

check.test("no gradient flows into the memory, which backward does not find changed", function()
  local memory = M.cluster { features = features, labels = labels }
  check.ok(not memory.vectors:requires_grad())
  local leaf = unit_rows(2, 6):requires_grad(true)
  local before = memory.vectors:clone()
  local loss = memory:loss(leaf, { labels = i32 { 0, 1 } })
  autograd.backward(loss)
  check.ok(memory.vectors:equal(before))
  memory:update(leaf, { labels = i32 { 0, 1 } })
  check.ok(not memory.vectors:equal(before))
  local late = memory:loss(leaf, { labels = i32 { 0, 1 } })
  memory:update(leaf, { labels = i32 { 0, 1 } })
  check.fails("changed", autograd.backward, late)
end)

check.test("update \"mean\": every sample in order", function()
  local memory = M.cluster { features = features, labels = labels, momentum = 0.3 }
  local want = memory.vectors:totable()
  local batch, batch_labels = unit_rows(5, 7), { 1, 0, 1, 1, 0 }
  for i, row in ipairs(batch:totable()) do
    local vector = want[batch_labels[i] + 1]
    for j = 1, dim do vector[j] = 0.3 * vector[j] + 0.7 * row[j] end
    want[batch_labels[i] + 1] = normalised(vector)
  end
  memory:update(batch, { labels = i32(batch_labels) })
  check.all_near(memory.vectors, want, 1e-6)
end)

check.test("update \"hard\": once a cluster, the sample least similar to it", function()
  local memory = M.cluster { features = features, labels = labels, momentum = 0.3, update = "hard" }
  local want = memory.vectors:totable()
  local batch, batch_labels = unit_rows(6, 8), { 1, 0, 1, 1, 0, 0 }
  local hardest = {}
  for i, row in ipairs(batch:totable()) do
    local k = batch_labels[i] + 1
    local similarity = dot(row, want[k])
    if not hardest[k] or similarity < hardest[k].similarity then
      hardest[k] = { similarity = similarity, row = row }
    end
  end
  for k, entry in pairs(hardest) do
    for j = 1, dim do want[k][j] = 0.3 * want[k][j] + 0.7 * entry.row[j] end
    want[k] = normalised(want[k])
  end
  memory:update(batch, { labels = i32(batch_labels) })
  check.all_near(memory.vectors, want, 1e-6)
end)

check.test("momentum 1 keeps, momentum 0 takes the last sample", function()
  local batch = unit_rows(2, 9)
  local keeps = M.cluster { features = features, labels = labels, momentum = 1 }
  local before = keeps.vectors:clone()
  keeps:update(batch, { labels = i32 { 0, 0 } })
  check.all_near(keeps.vectors, before, 1e-6)
  local takes = M.cluster { features = features, labels = labels, momentum = 0 }
  takes:update(batch, { labels = i32 { 0, 0 } })
  check.all_near(takes.vectors:select(1, 1), batch:select(1, 2), 1e-6)
end)

check.test("camera weights are ln(1 + H)", function()
  -- one camera; two cameras half and half; 3:1; outliers nowhere
  local clusters = i32 { 0, 0, 1, 1, 2, 2, 2, 2, -1 }
  local cameras = i32 { 3, 3, 0, 1, 0, 0, 0, 2, 5 }
  local h = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
  check.all_near(M.camera_weights(clusters, cameras), { 0, math.log(1 + math.log(2)), math.log(1 + h) }, 1e-6)
end)

check.test("mistakes", function()
  check.fails("calr.memory.cluster has no option \"tau\"", M.cluster, { features = features, labels = labels, tau = 1 })
  check.fails("temperature must be a number above 0, not 0", M.cluster,
    { features = features, labels = labels, temperature = 0 })
  check.fails("2 weights for 3 clusters", M.cluster, { features = features, labels = labels, weights = T { 1, 1 } })
  check.fails("momentum must be a number from 0 to 1, not 1.5", M.cluster,
    { features = features, labels = labels, momentum = 1.5 })
  check.fails("there is no update \"soft\"", M.cluster, { features = features, labels = labels, update = "soft" })
  check.fails("labels for 9 features", M.cluster, { features = features, labels = i32 { 0, 1 } })
  local memory = M.cluster { features = features, labels = labels }
  check.fails("label 3", memory.update, memory, unit_rows(1, 1), { labels = i32 { 3 } })
  check.fails("label -1", memory.update, memory, unit_rows(1, 1), { labels = i32 { -1 } })
  check.fails("label", memory.loss, memory, unit_rows(1, 1), { labels = i32 { 3 } })
end)

check.test("no cluster at all is a memory of none", function()
  check.equal(M.cluster({ features = features, labels = T.full({ 9 }, -1, "i32") }).clusters, 0)
end)

check.finish()
