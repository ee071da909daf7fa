-- layer:folded(): the inference form gives what the layer gives, and is a copy.
local check = require "check"
local calr = require "calr"
local T, nn, ops = calr.tensor, calr.nn, calr.ops

local function stream(purpose) return calr.rng.open { seed = 5, purpose = purpose } end

-- A network that has seen something: statistics that are not 0 and 1.
local function lived(net)
  local rng, names, state = stream "statistics", {}, net:state()
  for name in pairs(state) do names[#names + 1] = name end
  table.sort(names)
  calr.no_grad(function()
    for _, name in ipairs(names) do
      local t = state[name]
      if name:find "running_mean$" then rng:fill_normal(t, 0, 0.3)
      elseif name:find "running_var$" then rng:fill_uniform(t, 0.3, 3)
      elseif t:dim() == 1 and name ~= "pool.p" then rng:fill_uniform(t, 0.5, 1.5) end
    end
  end)
  return net
end

local function images(n, h, w)
  local x = T.zeros { n, h, w, 3 }
  stream("images"):fill_normal(x, 0, 1)
  return x
end

local function difference(a, b) return (a - b):norm():item() / b:norm():item() end

local function same(net, x, message)
  net:train(false)
  local fast = net:folded()
  calr.no_grad(function()
    local before = x:clone()
    check.ok(difference(fast(x), net(x)) < 1e-5, message)
    if net.maps then check.ok(difference(fast:maps(x), net:maps(x)) < 1e-5, message .. ": maps") end
    check.ok(x:equal(before), message .. ": the input is left alone")
  end)
end

for _, name in ipairs { "resnet18", "resnet50", "small" } do
  for _, ibn in ipairs { false, true } do
    check.test(("%s, ibn=%s"):format(name, ibn), function()
      local net = lived(calr.models[name] { ibn = ibn, last_stride = 1 })
      for n = 1, 3 do same(net, images(n, 64, 32), name) end
    end)
  end
end

for _, options in ipairs { { width = 0.25 }, { width = 0.5, ibn = true, features = false, pooling = "average" } } do
  check.test(("osnet, width %g"):format(options.width), function()
    same(lived(calr.models.osnet(options)), images(3, 64, 32), "osnet")
  end)
end

check.test("the folded form is a copy: it does not follow the weights, and can be made anew", function()
  local net = lived(calr.models.small { width = 8 }):train(false)
  local x, fast = images(2, 32, 16), net:folded()
  calr.no_grad(function()
    local before = fast(x)
    for _, t in pairs(net:state()) do t:copy(t * 1.5) end
    check.ok(fast(x):equal(before), "unchanged")
    check.ok(difference(net(x), before) > 1e-3, "the network did change")
    check.ok(difference(net:folded()(x), net(x)) < 1e-5, "made anew")
  end)
  check.equal(next(fast:state()), nil, "it has no state")
  check.equal(fast.dim, net.dim)
  check.equal(fast:folded(), fast)
  check.fails("for inference", fast.train, fast)
  fast:train(false)
  check.equal(net.training, false, "the network keeps its mode")
  check.equal(net:train().training and fast.training, false)
end)

check.test("layers alone, in a sequence, and with a residual that is used again", function()
  local conv = nn.conv(3, 5, { kernel = 3, stride = 2 }):init(1)
  same(conv, images(2, 9, 7), "a convolution")
  local chain = lived(nn.sequential(nn.conv(3, 8), nn.batch_norm(8, { relu = true }), nn.dropout(),
    nn.conv(8, 8, { kernel = 1 }), nn.batch_norm(8), nn.relu(), nn.max_pool(), nn.avg_pool(), nn.linear(8, 4),
    nn.batch_norm(4)):init(2))
  same(chain, images(3, 17, 5), "a sequence")
  same(lived(nn.sequential(nn.conv(3, 6, { groups = 3 }), nn.batch_norm(6), nn.conv(6, 6, { groups = 6 }),
    nn.batch_norm(6, { relu = true })):init(3)), images(2, 8, 8), "groups")

  local Block = nn.class "Block"
  Block.pairs = { { "conv", "bn", true } }
  function Block:forward(x) return self.bn(self.conv(x), x) end
  local function block()
    local b = nn.new(Block)
    b:add("conv", nn.conv(3, 3))
    b:add("bn", nn.batch_norm(3, { relu = true }))
    return b
  end
  same(lived(block():init(4)), images(2, 6, 6), "a block: its input is the caller's")
  same(lived(nn.sequential(block(), nn.dropout(), block(), block()):init(5)), images(2, 6, 6), "blocks in a row")
  local Twice = nn.class "Twice"
  function Twice:forward(x)
    local y = self.first(x)
    return self.second(y) + y
  end
  local twice = nn.new(Twice)
  twice:add("first", block())
  twice:add("second", block())
  same(lived(twice:init(6)), images(2, 6, 6), "a residual that others use")
end)

check.test("classes of one's own stay as they are unless they declare pairs", function()
  local Mine = nn.class "Mine"
  function Mine:forward(x) return self.bn(self.conv(x):relu()) end
  local mine = nn.new(Mine)
  mine:add("conv", nn.conv(3, 4))
  mine:add("bn", nn.batch_norm(4))
  same(lived(mine:init(7)), images(2, 5, 5), "not declared")
  Mine.pairs = { { "conv", "bn" } }
  check.fails("before its normalisation", function() calr.no_grad(function() mine:folded()(images(1, 5, 5)) end) end)
end)

-- Every way in which a frozen convolution may be computed: by channels, kernel, groups and type.
local ways = {
  { "winograd", 32, 32, { kernel = 3 } }, { "pointwise", 32, 64, { kernel = 1 } },
  { "depthwise", 16, 16, { kernel = 3, groups = 16 } }, { "strided", 8, 24, { kernel = 3, stride = 2 } },
  { "odd channels", 5, 7, { kernel = 3 } }, { "groups", 12, 6, { kernel = 3, groups = 3 } },
  { "dilation", 16, 24, { kernel = 3, dilation = 2, bias = true } },
  { "same", 8, 16, { kernel = { 3, 5 }, stride = 2, padding = "same" } },
  { "depthwise, same", 16, 16, { kernel = 5, stride = { 2, 1 }, padding = "same", groups = 16, bias = true } },
  { "padding by side", 16, 32, { kernel = { 3, 1 }, padding = { 2, 0, 1, 0 } } },
  { "transposed", 8, 12, { kernel = 3, stride = 2, output_padding = 1, bias = true }, nn.conv_transpose },
  { "transposed, groups", 12, 6, { kernel = { 2, 4 }, groups = 3, dilation = { 2, 1 } }, nn.conv_transpose },
}

for _, way in ipairs(ways) do
  check.test("activations of the folded form: " .. way[1], function()
    local name, inputs, outputs, options, make = table.unpack(way)
    local x, r = T.zeros { 3, 18, 12, inputs }, nil
    stream "map":fill_normal(x, 0, 1)
    for _, activation in ipairs { "none", "relu", "relu6", "silu", "hardswish" } do
      local pair = lived(nn.sequential((make or nn.conv)(inputs, outputs, options),
        nn.batch_norm(outputs, { activation = activation })):init(3))
      pair["1"].weight:detach():copy(T.full({ outputs }, 4)) -- beyond the corners at -3, 3 and 6
      pair:train(false)
      local conv, norm, fast = pair["0"], pair["1"], pair:folded()
      calr.no_grad(function()
        local want = pair(x)
        r = r or stream "residual":fill_normal(T.zeros(want:shape()), 0, 2)
        local bound = name == "winograd" and 1e-4 or 2e-5
        check.ok((fast(x) - want):abs():max():item() < bound, name .. " " .. activation)
        local with = norm(conv(x), r)
        local sum = fast["1"](fast["0"](x), r)
        check.ok((sum - with):abs():max():item() < bound, name .. " " .. activation .. " + residual")
        local low, small = x:to "bf16", r:to "bf16"
        check.ok((fast(low):to "f32" - pair(low:to "f32")):abs():max():item() < 0.25, name .. " bf16 " .. activation)
        sum = fast["1"](fast["0"](low), small):to "f32"
        check.ok((sum - norm(conv(low:to "f32"), small:to "f32")):abs():max():item() < 0.25, name .. " bf16, residual")
      end)
    end
  end)
end

check.test("a transposed convolution alone, declared as a pair, and what it does not keep", function()
  same(nn.conv_transpose(3, 4, { stride = 2, bias = true }):init(1), images(2, 5, 4), "alone")
  local Up = nn.class "Up"
  Up.pairs = { { "up", "norm" } }
  function Up:forward(x) return self.norm(self.up(x)) end
  local net = nn.new(Up)
  net:add("up", nn.conv_transpose(3, 4, { kernel = 2, stride = 2, padding = 1 }))
  net:add("norm", nn.batch_norm(4, { activation = "relu" }))
  same(lived(net:init(2)), images(3, 6, 5), "a pair")
  local fast = net:folded()
  check.equal(fast.up.weight, nil, "the weights are in the frozen form alone")
  check.fails("has no gradient: run it inside calr.no_grad", fast, images(1, 4, 4):requires_grad(true))
end)

check.test("activations are told apart, and unknown ones are named", function()
  check.fails("relu, relu6, silu or hardswish, not gelu", nn.batch_norm, 4, { activation = "gelu" })
  check.fails("\"activation\"", ops.batch_norm, T.zeros { 2, 3 }, nil, nil, nil, nil,
    { training = true, activation = "gelu" })
  check.fails("\"activation\"", require("calr.frozen").conv, T.zeros { 1, 1, 1, 1 }, { activation = "relu7" })
  check.equal(nn.batch_norm(4, { relu = true }).activation, "relu")
end)

check.test("frozen convolutions: arguments, overwriting, batches of any size", function()
  local frozen = require "calr.frozen"
  local w, b, rng = T.zeros { 4, 3, 3, 3 }, T.zeros { 4 }, stream "frozen"
  rng:fill_normal(w, 0, 1)
  rng:fill_normal(b, 0, 1)
  local conv = frozen.conv(w, { bias = b, padding = 1, relu = true })
  for n = 0, 20 do
    local x, r = images(n, 6, 5), T.zeros { n, 6, 5, 4 }
    rng:fill_normal(r, 0, 1)
    local want = ops.relu(ops.conv2d(x, w, { bias = b, padding = 1 }) + r)
    check.all_near(conv(x, r), want, 1e-5)
    check.all_near(conv(x), ops.relu(ops.conv2d(x, w, { bias = b, padding = 1 })), 1e-5)
    local y = conv(x, r, true)
    check.all_near(y, want, 1e-5)
    check.ok(r:equal(y), "overwritten")
  end
  local wide = T.zeros { 1, 6, 10, 3 }
  check.equal(#conv(wide:narrow(3, 2, 5)):shape(), 4, "strided input")
  check.ok(type(conv:name(2, 6, 5)) == "string")
  check.fails("takes 3 channels", conv, T.zeros { 1, 6, 5, 4 })
  check.fails("f32[n x h x w x in]", conv, T.zeros { 6, 5, 3 })
  check.fails("residual must be f32[1 x 6 x 5 x 4]", conv, T.zeros { 1, 6, 5, 3 }, T.zeros { 1, 6, 4, 4 })
  check.fails("does not fit", frozen.conv(w, {}), T.zeros { 1, 2, 2, 3 })
  check.fails("one number for each", frozen.conv, w, { bias = T.zeros { 3 } })
  check.fails("option \"scale\" must have one number for each", frozen.conv, w, { scale = T.zeros { 5 } })
  local scaled = frozen.conv(w, { scale = T { 1, -2, 0.5, 0 } })
  local x = images(2, 6, 5)
  check.all_near(scaled(x), ops.conv2d(x, w, {}) * T { 1, -2, 0.5, 0 }, 1e-5)
  check.fails("no gradient", conv, T.zeros { 1, 6, 5, 3 }:requires_grad(true))
  conv:close()
  conv:close()
  check.fails("closed", conv, T.zeros { 1, 6, 5, 3 })
end)

check.finish()
