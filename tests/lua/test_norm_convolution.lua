-- A batch normalisation in training and the depthwise convolution after it, in one pass: the same numbers as one after
-- the other, gradients up to the order of sums, beside both back ends.
local check = require "check"
local calr = require "calr"
local nn, T = calr.nn, calr.tensor

-- The back end is chosen at the first use: the test runs itself once more for the portable one.
if not os.getenv "CALR_BACKEND" then
  check.ok(os.execute(("CALR_BACKEND=portable '%s' '%s/tests/lua/test_norm_convolution.lua'"):format(os.getenv "CALR",
    os.getenv "CALR_TEST_SOURCE")), "the portable back end failed")
end

local random = calr.rng.open { seed = 7, purpose = "test" }
local function normal(...) return random:fill_normal(T.zeros { ... }) end

-- x, the norm's scale and shift, weights: leaves, the same for both ways.
local function inputs(n, h, w, c, kernel)
  return { normal(n, h, w, c) * 2 + .5, normal(c), normal(c), normal(c, 1, kernel[1], kernel[2]) }
end

local function leaves(values)
  local list = {}
  for i, value in ipairs(values) do list[i] = value:clone():requires_grad_() end
  return list
end

local function words(fields, more)
  local all = {}
  for _, set in ipairs { fields, more or {} } do
    for name, value in pairs(set) do all[name] = value end
  end
  return all
end

-- Output, gradients and running statistics, one after the other or together.
local function results(values, norm, conv, together)
  local leaf, mean, var = leaves(values), T.zeros { values[2]:size(1) }, T.ones { values[2]:size(1) }
  local y
  if together then
    y = T.batch_norm_conv2d(leaf[1], leaf[2], leaf[3], mean, var, leaf[4], words(norm, conv))
  else
    y = T.conv2d(T.batch_norm(leaf[1], leaf[2], leaf[3], mean, var, norm), leaf[4], conv)
  end
  local wave = T.sin(T.arange(0, y:numel(), "f32"):reshape(y:shape()))
  calr.autograd.backward((y * wave):sum())
  return { y = y, x = leaf[1]:grad(), gamma = leaf[2]:grad(), beta = leaf[3]:grad(), w = leaf[4]:grad(), mean = mean,
    var = var }
end

local function check_same(values, norm, conv, what)
  local apart, together = results(values, norm, conv, false), results(values, norm, conv, true)
  for name, value in pairs(apart) do
    local scale = value:numel() > 0 and value:abs():max():item() or 0
    check.ok(T.allclose(together[name], value, 0, 2e-6 * scale + 1e-30), what .. ": " .. name)
  end
end

-- n, h, w, c, kernel, stride, padding, dilation, activation: tiles that end inside an image, images of one tile, all
-- widths of vectors and what is left of them, windows beyond the border.
local cases = {
  { 2, 9, 8, 20, { 3, 3 }, 1, 1, 1, "relu6" }, { 3, 64, 32, 96, { 3, 3 }, 2, 1, 1, "relu6" },
  { 2, 64, 32, 33, { 5, 5 }, 1, 2, 1, "relu" }, { 2, 33, 17, 48, { 5, 5 }, 2, 2, 1, "none" },
  { 1, 40, 16, 24, { 3, 3 }, 1, 2, 2, "silu" }, { 5, 7, 5, 17, { 3, 3 }, 2, 0, 1, "hardswish" },
  { 1, 5, 9, 3, { 3, 3 }, 1, 1, 1, "relu6" }, { 1, 150, 40, 64, { 7, 3 }, 3, { 3, 1 }, 1, "relu6" },
  { 2, 31, 40, 64, { 3, 3 }, 3, 0, 1, "relu6" }, { 1, 6, 6, 16, { 3, 3 }, 1, { 5, 0, 1, 2 }, 1, "relu" },
  { 1, 4, 4, 16, { 3, 3 }, 1, "same", 1, "none" }, { 2, 8, 2, 16, { 3, 3 }, 1, 1, 1, "relu6" },
}

check.test("one pass gives what two give", function()
  for _, case in ipairs(cases) do
    local n, h, w, c, kernel, stride, padding, dilation, activation = table.unpack(case)
    check_same(inputs(n, h, w, c, kernel), { training = true, activation = activation },
      { stride = stride, padding = padding, dilation = dilation, groups = c }, ("%dx%dx%dx%d"):format(n, h, w, c))
  end
end)

local function distance(a, b) return (a:to "f32" - b:to "f32"):norm():item() end

-- In bf16 the map between the two is rounded in both ways, and so is what they return: one pass is no further from the
-- results in f32 than two are. Kernels of 3x3 stay apart.
check.test("one pass gives what two give, in bf16", function()
  for _, case in ipairs(cases) do
    local n, h, w, c, kernel, stride, padding, dilation, activation = table.unpack(case)
    local values = inputs(n, h, w, c, kernel)
    values[1] = values[1]:to("bf16"):to "f32"
    local norm = { training = true, activation = activation }
    local conv = { stride = stride, padding = padding, dilation = dilation, groups = c }
    local exact = results(values, norm, conv, false)
    values[1] = values[1]:to "bf16"
    local apart, together = results(values, norm, conv, false), results(values, norm, conv, true)
    for name, value in pairs(apart) do
      local text = ("%dx%dx%dx%d: %s"):format(n, h, w, c, name)
      check.equal(together[name]:dtype(), value:dtype(), text)
      local error, usual = distance(together[name], exact[name]), distance(value, exact[name])
      check.ok(error <= 2 * usual + 1e-5 * exact[name]:norm():item(), ("%s: %g, not %g"):format(text, error, usual))
    end
  end
end)

check.test("other convolutions, groups of statistics and fixed statistics go one after the other", function()
  local x, g, b = normal(4, 6, 6, 8), normal(8), normal(8)
  local dense = normal(5, 8, 3, 3)
  check_same({ x, g, b, dense }, { training = true }, { padding = 1 }, "dense")
  local depthwise = normal(8, 1, 3, 3)
  check_same({ x, g, b, depthwise }, { training = true, group = 2 }, { padding = 1, groups = 8 }, "groups")
  check_same({ x, g, b, depthwise }, { training = false, activation = "relu" }, { padding = 1, groups = 8 }, "fixed")
end)

check.test("nobody, and what needs no gradient", function()
  check_same(inputs(0, 6, 6, 16, { 3, 3 }), { training = true }, { padding = 1, groups = 16 }, "no images")
  local x, w = normal(2, 6, 6, 16), normal(16, 1, 3, 3)
  local y = T.batch_norm_conv2d(x, nil, nil, nil, nil, w:requires_grad_(), { training = true, groups = 16 })
  calr.autograd.backward(y:sum())
  check.equal(x:grad(), nil)
  check.equal(w:grad():size(1), 16)
end)

check.test("mistakes are named by the operation that sees them", function()
  local x, w = normal(2, 6, 6, 16), normal(16, 1, 3, 3)
  check.fails("gamma must be f32[16]", T.batch_norm_conv2d, x, normal(15), nil, nil, nil, w,
    { training = true, groups = 16 })
  check.fails("has 16 channels", T.batch_norm_conv2d, x, nil, nil, nil, nil, w, { training = true, groups = 8 })
  check.fails("residual", T.batch_norm_conv2d, x, nil, nil, nil, nil, w, { residual = x })
  check.fails("running_mean and running_var are needed", T.batch_norm_conv2d, x, nil, nil, nil, nil, w, { groups = 16 })
end)

-- The pass is made where a batch norm and a depthwise convolution follow each other, also across sequences; a layer
-- whose forward function was replaced is called.
local function network()
  return nn.sequential(
    nn.sequential(nn.conv(3, 16), nn.batch_norm(16, { activation = "relu6" })),
    nn.sequential(nn.conv(16, 16, { groups = 16 }), nn.batch_norm(16)), nn.conv(16, 4, { kernel = 1 })):init(3)
end

local function gradients(net, x)
  calr.autograd.backward((net(x) * 2):sum())
  local list = {}
  for _, parameter in ipairs(net:parameters()) do list[#list + 1] = parameter.tensor:grad() end
  return list
end

check.test("sequences use it, and call a layer that was replaced", function()
  local x, plain, watched = normal(2, 12, 10, 3), network(), network()
  local norm, calls = watched["0"]["1"], 0
  local forward = norm.forward
  norm.forward = function(...)
    calls = calls + 1
    return forward(...)
  end
  local ours, theirs = gradients(plain, x), gradients(watched, x)
  check.equal(calls, 1)
  check.equal(#ours, #theirs)
  for i = 1, #ours do
    check.ok(T.allclose(ours[i], theirs[i], 1e-4, 1e-4), "parameter " .. i)
  end
  check.ok(T.allclose(plain["0"]["1"].running_var, norm.running_var))
  plain:train(false)
  watched:train(false)
  check.ok(T.allclose(plain(x), watched(x), 1e-5, 1e-5))
end)

check.finish()
