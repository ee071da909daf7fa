-- bf16: tensors, files, and operations against themselves in f32 on the same numbers.
local check = require "check"
local T = require "calr.tensor"
local autograd = require "calr.autograd"
local npy = require "calr.npy"
local ops = require "calr.tensor"
local rng = require "calr.rng"
local safetensors = require "calr.safetensors"

local function random(shape, index)
  local t = T.zeros(shape)
  rng.open { seed = 5, purpose = "test_bf16", index = index }:fill_normal(t)
  return t
end

check.test("tensors", function()
  local t = T({ 1, 1 + 2 ^ -8, 1 + 3 * 2 ^ -8, -3e38, 0 / 0, 1 / 0 }, "bf16")
  check.equal(tostring(t), "bf16[6]")
  check.equal(t:dtype(), "bf16")
  check.equal(t:get(2), 1.0) -- halfway: to even
  check.equal(t:get(3), 1 + 2 ^ -6)
  check.ok(t:get(5) ~= t:get(5))
  check.equal(t:get(6), math.huge)
  check.ok(not t:is_finite())
  check.ok(t:narrow(1, 1, 4):is_finite())
  check.equal(math.type(t:get(1)), "float")
  local u = T({ { 1, 2 }, { 3, 4 } }, "bf16")
  check.equal(u:max():item(), 4.0)
  check.equal(u:min():item(), 1.0)
  check.equal(u:norm():dtype(), "bf16")
  check.near(u:norm():item(), math.sqrt(30), 2 ^ -6)
  check.all_near(u:transpose(1, 2):contiguous(), { { 1, 3 }, { 2, 4 } }, 0)
  check.all_near(u:transpose(1, 2):to "f32", { { 1, 3 }, { 2, 4 } }, 0)
  check.all_near(u:to "i32", { { 1, 2 }, { 3, 4 } }, 0)
  check.all_near(u:rows { 1 }, { { 3, 4 } }, 0)
  check.all_near(T.full({ 3 }, .1, "bf16"), { 0.10009765625, 0.10009765625, 0.10009765625 }, 0)
  check.equal(tostring(T.zeros({ 2, 0 }, "bf16"):to "f32"), "f32[2 x 0]")
  check.fails("there are f32, f64, bf16, f16, i64, i32, u8 and bool", T.zeros, { 1 }, "f8")
end)

check.test("files", function()
  local path = os.tmpname()
  local half, bytes = random({ 5, 3 }, 1):to "bf16", T({ 1, 2, 3 }, "u8")
  safetensors.save(path, { half = half, bytes = bytes, wide = random({ 2 }, 2), labels = T({ 1 }, "i32") })
  local back = safetensors.load(path)
  check.ok(back.half:equal(half))
  check.ok(back.bytes:equal(bytes))
  npy.save(path, half)
  check.ok(npy.load(path):equal(half:to "f32"))
  os.remove(path)
end)

check.test("a conversion has a gradient", function()
  local x = random({ 4, 3 }, 1):requires_grad(true)
  local y = x:to "bf16"
  check.equal(tostring(y), "bf16[4 x 3]")
  local w = random({ 4, 3 }, 2)
  autograd.backward((y:to "f32" * w):sum())
  check.equal(x:grad():dtype(), "f32")
  check.ok(x:grad():equal(w:to "bf16":to "f32")) -- it passed through bf16
  local whole = x:to "i32"
  check.ok(not whole:requires_grad())
end)

-- f(inputs in f32) and f(inputs in bf16): values and gradients must be one rounding apart. `tolerance` is relative to
-- the largest.
local function compare(name, f, inputs, tolerance)
  check.test(name, function()
    local function run(dtype)
      local leaves = {}
      for i, x in ipairs(inputs) do leaves[i] = x:to "bf16":to(dtype):requires_grad(true) end
      local y = f(table.unpack(leaves))
      local weights = random(y:shape(), 77):to "bf16":to "f32"
      autograd.backward((y:to "f32" * weights):sum())
      local results = { y:detach():to "f32" }
      for i, leaf in ipairs(leaves) do
        check.equal(leaf:grad():dtype(), dtype)
        results[i + 1] = leaf:grad():to "f32"
      end
      return results, y:dtype()
    end
    local wide = run "f32"
    local half, dtype = run "bf16"
    check.equal(dtype, "bf16")
    for i, a in ipairs(wide) do
      local scale = math.max(math.abs(a:max():item()), math.abs(a:min():item()))
      check.ok((half[i] - a):norm():item() <= (tolerance or 2 ^ -8) * math.max(a:norm():item(), scale))
    end
  end)
end

local left, right, row = random({ 6, 5 }, 1), random({ 6, 5 }, 2), random({ 5 }, 3)
compare("add", ops.add, { left, right })
compare("sub", ops.sub, { left, right })
compare("mul", ops.mul, { left, right })
compare("div", ops.div, { left, (right * right + 1) })
compare("add a row", ops.add, { left, row })
compare("mul by a row", ops.mul, { left, row })
compare("relu", ops.relu, { left })
compare("arithmetic with numbers", function(x) return 1 - x * 3 end, { left }, 2 ^ -7)
compare("reverse_gradient", function(x) return ops.reverse_gradient(x, .5) end, { left })
compare("used twice", function(x) return x + ops.relu(x) end, { left }, 2 ^ -7)
compare("views", function(x)
  return ops.cat({ x:narrow(2, 1, 2):contiguous(), x:transpose(1, 2):contiguous():reshape { 6, 5 } }, 2)
end, { left }, 2 ^ -7)

local map = random({ 2, 7, 5, 6 }, 4)
compare("max_pool", function(x) return ops.max_pool(x, { kernel = 3, stride = 2, padding = 1 }) end, { map })

check.test("global pooling gives f32", function()
  local x, p = map:to "bf16":requires_grad(true), T({ 3 }):requires_grad(true)
  local y = ops.avg_pool(x) + ops.gem(x, p)
  check.equal(y:dtype(), "f32")
  autograd.backward(y:sum())
  check.equal(x:grad():dtype(), "bf16")
  check.equal(p:grad():dtype(), "f32")
  check.fails("the gradient of bf16", x.set_grad, x, map)
end)

check.test("of bf16 and f32 comes f32", function()
  local x, y = left:to "bf16":requires_grad(true), row:requires_grad(true)
  local z = x * y
  check.equal(z:dtype(), "f32")
  autograd.backward(z:sum())
  check.equal(x:grad():dtype(), "bf16")
  check.equal(y:grad():dtype(), "f32")
  row:requires_grad(false)
  check.equal(ops.softmax(x):dtype(), "bf16")
  check.fails("must be f32", ops.softmax, T({ 1 }, "i32"))
end)

local x4, w4 = random({ 2, 9, 6, 8 }, 5), random({ 12, 8, 3, 3 }, 6):to "bf16":to "f32"
compare("conv2d", function(x) return ops.conv2d(x, w4, { stride = 2, padding = 1 }) end, { x4 })
compare("conv2d, dilation and padding by side", function(x)
  return ops.conv2d(x, w4, { stride = { 1, 2 }, padding = { 0, 2, 1, 0 }, dilation = { 2, 1 } })
end, { x4 })
local turned, bias = w4:narrow(1, 1, 8):contiguous(), random({ 8 }, 4)
compare("conv_transpose2d", function(x)
  return ops.conv_transpose2d(x, turned, { stride = 2, padding = 1, output_padding = 1, bias = bias })
end, { x4 })
compare("batch_norm with residual and relu", function(x, residual)
  return ops.batch_norm(x, nil, nil, nil, nil, { training = true, relu = true, residual = residual })
end, { x4, random({ 2, 9, 6, 8 }, 7) }, 2 ^ -7)
for _, activation in ipairs { "relu6", "silu", "hardswish" } do
  local gamma, beta = T.full({ 8 }, 4), T.full({ 8 }, 1)
  compare("batch_norm with " .. activation, function(x)
    return ops.batch_norm(x, gamma, beta, nil, nil, { training = true, activation = activation })
  end, { x4 }, 2 ^ -6)
  compare("batch_norm with residual and " .. activation, function(x, residual)
    return ops.batch_norm(x, gamma, beta, nil, nil,
      { training = true, activation = activation, residual = residual })
  end, { x4, random({ 2, 9, 6, 8 }, 7) }, 2 ^ -6)
end
compare("instance_norm", function(x) return ops.instance_norm(x) end, { x4 }, 2 ^ -7)

local gates = { ops.sigmoid(random({ 2, 8 }, 8)), ops.sigmoid(random({ 2, 8 }, 9)) }
for count = 1, 5, 2 do
  compare(("gated_sum of %d"):format(count), function(x, other)
    local maps, weights = {}, {}
    for i = 1, count do maps[i], weights[i] = i % 2 == 1 and x or other, gates[i % 2 + 1] end
    return ops.gated_sum(maps, weights) + other * 0
  end, { x4, random({ 2, 9, 6, 8 }, 7) }, 2 ^ -6)
end
compare("gated_sum of 4", function(x, other)
  return ops.gated_sum({ x, other, x, other }, { gates[1], gates[2], gates[2], gates[1] })
end, { x4, random({ 2, 9, 6, 8 }, 7) }, 2 ^ -6)

check.test("parameters and their gradients stay f32", function()
  local calr = require "calr"
  local x = x4:to "bf16"
  local conv, norm = calr.nn.conv(8, 12), calr.nn.batch_norm(12, { relu = true })
  conv:init(1)
  norm:init(1)
  local y = norm(conv(x))
  check.equal(y:dtype(), "bf16")
  autograd.backward(ops.avg_pool(y):sum())
  for _, layer in ipairs { conv, norm } do
    for _, parameter in ipairs(layer:parameters()) do check.equal(parameter.tensor:grad():dtype(), "f32") end
  end
  check.equal(norm.running_mean:dtype(), "f32")
  check.fails("residual", ops.batch_norm, x, nil, nil, nil, nil, { training = true, residual = x4 })
  check.fails("w must be f32", ops.conv2d, x, w4:to "bf16")
end)

-- ---- PyTorch's values (tests/reference/bf16) ----

local golden = safetensors.load(os.getenv "CALR_TEST_REFERENCE" .. "/bf16/golden.safetensors")

-- One unit in the last place of bf16 at most, relative to the largest: both round once, from sums in another order.
local function near(name, actual, tolerance)
  local wanted = golden[name]
  check.equal(tostring(actual), tostring(wanted))
  local a, e = actual:to "f32", wanted:to "f32"
  local apart = a - e
  local function largest(t) return math.max(t:max():item(), -t:min():item()) end
  check.ok(largest(apart) <= (tolerance or 2 ^ -8) * largest(e))
end

local function backward(y, dy)
  autograd.backward((y * dy):to "f32":sum())
end

for name, options in pairs { conv3 = { padding = 1 }, conv3s2 = { stride = 2, padding = 1 }, conv1 = {},
                             depthwise = { padding = 1, groups = 16 } } do
  check.test("PyTorch: " .. name, function()
    local x, w = golden[name .. ".x"]:requires_grad(true), golden[name .. ".w"]:to "f32":requires_grad(true)
    local y = ops.conv2d(x, w, options)
    near(name .. ".y", y:detach())
    backward(y, golden[name .. ".dy"])
    near(name .. ".dx", x:grad())
    near(name .. ".dw", w:grad():to "bf16") -- PyTorch's weights are bf16 here, ours only their values
  end)
end

for name, relu in pairs { norm = false, norm_relu = true, norm_residual = true } do
  check.test("PyTorch: " .. name, function()
    local function get(key) return golden[name .. "." .. key] end
    local x, gamma, beta = get "x":requires_grad(true), get "gamma":requires_grad(true), get "beta":requires_grad(true)
    local residual = get "residual" and get "residual":requires_grad(true)
    local mean, var = get "mean":clone(), get "var":clone()
    local y = ops.batch_norm(x, gamma, beta, mean, var, { training = true, relu = relu, residual = residual })
    -- PyTorch rounds before it adds the residual, and once more after it.
    near(name .. ".y", y:detach(), residual and 2 ^ -7)
    backward(y, get "dy")
    near(name .. ".dx", x:grad(), 2 ^ -7)
    near(name .. ".dgamma", gamma:grad(), 1e-2)
    near(name .. ".dbeta", beta:grad(), 1e-2)
    near(name .. ".new_mean", mean, 1e-5)
    near(name .. ".new_var", var, 1e-5)
    if residual then near(name .. ".dresidual", residual:grad()) end
  end)
end

check.test("PyTorch: max_pool", function()
  local x = golden["max_pool.x"]:requires_grad(true)
  local y = ops.max_pool(x, { kernel = 3, stride = 2, padding = 1 })
  check.ok(y:detach():equal(golden["max_pool.y"]))
  backward(y, golden["max_pool.dy"])
  near("max_pool.dx", x:grad())
end)

-- ---- networks ----

local function cosine(a, b)
  a, b = a:to "f32", b:to "f32"
  return (a * b):sum():item() / (a:norm() * b:norm()):item()
end

-- Images of 8x8 patches and some noise, not all alike.
local function patches()
  local coarse = random({ 8, 8, 1, 4, 1, 3 }, 3) + T.zeros { 8, 8, 8, 4, 8, 3 }
  return coarse:reshape { 8, 64, 32, 3 } + random({ 8, 64, 32, 3 }, 4) * .3
end

-- What a network makes of images, and the gradients of all its parameters, end to end.
local function step(name, options, images)
  local net = require "calr.models".make(name, options):train(true)
  local pooled = net.pool(net:maps(images))
  local features = ops.l2_normalize(net.neck(pooled))
  check.equal(features:dtype(), "f32")
  autograd.backward((features * random(features:shape(), 9)):sum())
  local gradients = {}
  for _, parameter in ipairs(net:parameters()) do
    local gradient = parameter.tensor:grad()
    if gradient then gradients[#gradients + 1] = gradient:reshape { -1 } end
  end
  return { net = net, pooled = pooled:detach(), features = features:detach(), gradient = ops.cat(gradients, 1) }
end

-- PyTorch's autocast reaches .99988 (pooled), .9988 (features behind the neck) and .951 (gradient) with a ResNet-18 of
-- random weights and such images.
local networks = { { "resnet18", {} }, { "resnet18", { ibn = true } }, { "small", { pooling = "average" } } }
for _, case in ipairs(networks) do
  check.test(("a step of %s%s"):format(case[1], case[2].ibn and " with IBN" or ""), function()
    local name, options, images = case[1], case[2], patches()
    options.precision = "f32"
    local wide = step(name, options, images)
    options.precision = "bf16"
    local half = step(name, options, images)
    for what, least in pairs { pooled = .9998, features = .998, gradient = .94 } do
      local alike = cosine(wide[what], half[what])
      check.ok(alike > least, ("%s: %.6f"):format(what, alike))
    end
    half.net:train(false)
    check.ok(cosine(half.net:folded():forward(images), half.net:forward(images)) > .998)
  end)
end

-- With weights that nobody trained, norms over few pixels multiply a difference in each of its many stages; so each
-- stage by itself.
check.test("the stages of an OSNet", function()
  local models = require "calr.models"
  local net = models.osnet { width = 0.25, ibn = true }:train(true)
  local x = patches()
  autograd.no_grad(function()
    for _, stage in ipairs { "conv1", "maxpool", "conv2", "conv3", "conv4", "conv5" } do
      local half = net[stage](x:to "bf16")
      x = net[stage](x)
      check.equal(half:dtype(), "bf16")
      check.ok(cosine(x, half) > .9995)
    end
  end)
  local features = models.osnet { width = 0.25, precision = "bf16" }:train(true)(patches())
  check.equal(tostring(features), "f32[8 x 512]")
  autograd.backward(features:sum())
end)

check.test("a network of an unknown precision", function()
  check.fails("precision \"f16\" is not known", require "calr.models".small, { precision = "f16" })
end)

check.finish()
