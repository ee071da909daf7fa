-- bf16: tensors, files, and operations against themselves in f32 on the same numbers.
local check = require "check"
local T = require "calr.tensor"
local autograd = require "calr.autograd"
local npy = require "calr.npy"
local ops = require "calr.ops"
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
  check.equal(u:max(), 4.0)
  check.equal(u:min(), 1.0)
  check.near(u:norm(), math.sqrt(30), 1e-9)
  check.all_near(u:transpose(1, 2):contiguous(), { { 1, 3 }, { 2, 4 } }, 0)
  check.all_near(u:transpose(1, 2):to "f32", { { 1, 3 }, { 2, 4 } }, 0)
  check.all_near(u:to "i32", { { 1, 2 }, { 3, 4 } }, 0)
  check.all_near(u:rows { 1 }, { { 3, 4 } }, 0)
  check.all_near(T.full({ 3 }, .1, "bf16"), { 0.10009765625, 0.10009765625, 0.10009765625 }, 0)
  check.equal(tostring(T.zeros({ 2, 0 }, "bf16"):to "f32"), "f32[2 x 0]")
  check.fails("there are f32, bf16, i32, i64 and u8", T.zeros, { 1 }, "f16")
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
      local scale = math.max(math.abs(a:max()), math.abs(a:min()))
      check.ok((half[i] - a):norm() <= (tolerance or 2 ^ -8) * math.max(a:norm(), scale))
    end
  end)
end

local a, b, row = random({ 6, 5 }, 1), random({ 6, 5 }, 2), random({ 5 }, 3)
compare("add", ops.add, { a, b })
compare("sub", ops.sub, { a, b })
compare("mul", ops.mul, { a, b })
compare("div", ops.div, { a, (b * b + 1) })
compare("add a row", ops.add, { a, row })
compare("mul by a row", ops.mul, { a, row })
compare("relu", ops.relu, { a })
compare("arithmetic with numbers", function(x) return 1 - x * 3 end, { a }, 2 ^ -7)
compare("reverse_gradient", function(x) return ops.reverse_gradient(x, .5) end, { a })
compare("used twice", function(x) return x + ops.relu(x) end, { a }, 2 ^ -7)
compare("views", function(x)
  return ops.concat({ x:narrow(2, 1, 2):contiguous(), x:transpose(1, 2):contiguous():reshape { 6, 5 } }, 2)
end, { a }, 2 ^ -7)

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
  local x, y = a:to "bf16":requires_grad(true), row:requires_grad(true)
  local z = x * y
  check.equal(z:dtype(), "f32")
  autograd.backward(z:sum())
  check.equal(x:grad():dtype(), "bf16")
  check.equal(y:grad():dtype(), "f32")
  row:requires_grad(false)
  check.fails("must be f32", ops.softmax, x)
end)
