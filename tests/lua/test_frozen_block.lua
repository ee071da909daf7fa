-- calr.frozen.block: an inverted residual by tiles gives what its three convolutions give one after the other.
local check = require "check"
local calr = require "calr"
local T, frozen, nn = calr.tensor, calr.frozen, calr.nn

local function normal(purpose, shape, mean, deviation)
  local random = calr.rng.open { seed = 7, purpose = purpose }
  return random:fill_normal(T.zeros(shape), mean or 0, deviation or 1)
end

local function convolution(name, outputs, inputs, kernel, options)
  options.bias = normal(name .. " bias", { outputs })
  return frozen.conv(normal(name, { outputs, inputs, kernel[1], kernel[2] }, 0, 1 / math.sqrt(inputs)), options)
end

-- in, wide (of an expansion; 0: none), out, h, w, kernel, options of the filter; batch
local cases = {
  { "MobileNetV2's first: no expansion, tiles", 32, 0, 16, 64, 32, { 3, 3 }, { padding = 1 } },
  { "tiles of rows, stride 2", 16, 96, 24, 64, 32, { 3, 3 }, { padding = 1, stride = 2 } },
  { "tiles of rows, an odd height", 24, 144, 24, 53, 32, { 3, 3 }, { padding = 1 } },
  { "tiles, 5x5, zeros at the bottom", 24, 144, 40, 50, 37, { 5, 5 }, { padding = "same", stride = 2 } },
  { "tiles, dilation", 8, 96, 8, 41, 40, { 3, 3 }, { padding = { 4, 2 }, dilation = { 4, 2 } } },
  { "rows that no filter sees", 8, 200, 8, 40, 40, { 2, 2 }, { stride = { 5, 3 }, padding = { 3, 1, 0, 2 } } },
  { "whole images, several at a time", 64, 384, 64, 8, 4, { 3, 3 }, { padding = 1 } },
  { "whole images, 4 columns, 5x5", 192, 1152, 192, 4, 2, { 5, 5 }, { padding = "same" } },
  { "narrow panels", 8, 24, 40, 9, 7, { 3, 1 }, { padding = { 1, 0 } } },
  { "a pixel", 8, 8, 8, 1, 1, { 3, 3 }, { padding = 1 } },
}

for _, case in ipairs(cases) do
  local name, inputs, wide, outputs, h, w, kernel, options = table.unpack(case)
  check.test(name, function()
    local channels = wide > 0 and wide or inputs
    for i, activation in ipairs { "relu6", "relu", "none" } do
      local filter_options = { activation = activation, groups = channels }
      for key, value in pairs(options) do filter_options[key] = value end
      local first = wide > 0 and convolution("expand", wide, inputs, { 1, 1 }, { activation = activation }) or nil
      local second = convolution("filter", channels, 1, kernel, filter_options)
      local third = convolution("project", outputs, channels, { 1, 1 }, { activation = i == 2 and "relu6" or nil })
      local block = frozen.block(first, second, third)
      if not block then check.ok(calr.sys.info().cpu_features:find "avx2" == nil, "there is a block") return end
      local x = normal("x", { 5, h, w, inputs })
      local before = x:clone()
      local middle = second(first and first(x) or x)
      local want = third(middle)
      local residual = normal("residual", want:shape(), 0, 2)
      local function near(got, reference, message)
        check.ok((got - reference):abs():max():item() < 2e-5 * reference:abs():max():item(), message)
      end
      near(block(x), want, activation)
      check.ok(x:equal(before), "x is left alone")
      local sum, kept = third(middle, residual), residual:clone()
      near(block(x, residual), sum, "a residual")
      check.ok(residual:equal(kept), "which is left alone")
      local over = block(x, residual, true)
      near(over, sum, "over the residual")
      check.ok(over:equal(residual), "in its memory")
      if inputs == outputs and want:size(2) == h and want:size(3) == w then
        local expected = third(middle, x)
        near(block(x, x), expected, "x is the residual")
        check.ok(x:equal(before), "and is left alone")
        local y = block(x, x, true)
        near(y, expected, "over x")
        check.ok(y:equal(x), "in its memory")
      end
    end
  end)
end

check.test("maps of bf16: as near to f32 as the three convolutions are", function()
  for _, sizes in ipairs { { 24, 144, 32, 40, 37, { 3, 3 }, 1 }, { 16, 96, 24, 64, 32, { 5, 5 }, 2 },
    { 64, 384, 64, 8, 4, { 3, 3 }, 1 } } do
    local inputs, wide, outputs, h, w, kernel, stride = table.unpack(sizes)
    local first = convolution("expand", wide, inputs, { 1, 1 }, { activation = "relu6" })
    local second = convolution("filter", wide, 1, kernel, { activation = "relu6", groups = wide, stride = stride,
      padding = "same" })
    local third = convolution("project", outputs, wide, { 1, 1 }, {})
    local block = frozen.block(first, second, third)
    local x = normal("x", { 4, h, w, inputs }):to "bf16"
    local middle = second(first(x:to "f32"))
    local residual = normal("residual", third(middle):shape(), 0, 2):to "bf16"
    local exact = third(middle, residual:to "f32")
    local function off(y) return (y:to "f32" - exact):norm():item() / exact:norm():item() end
    local y = block and block(x, residual)
    if y then
      check.equal(y:dtype(), "bf16")
      check.ok(off(y) < 1.1 * off(third(second(first(x)), residual)), "as near")
      check.ok(off(y) < 4e-3, "near")
      check.ok(block(x, residual, true):equal(y) and residual:equal(y), "over the residual")
    end
  end
end)

check.test("a NaN stays one, as in PyTorch", function()
  local first = convolution("expand", 16, 8, { 1, 1 }, { activation = "relu6" })
  local second = convolution("filter", 16, 1, { 3, 3 }, { activation = "relu6", groups = 16, padding = 1 })
  local third = convolution("project", 8, 16, { 1, 1 }, {})
  local block, x = frozen.block(first, second, third), normal("x", { 4, 6, 5, 8 })
  if not block then return end
  x[2][3][3]:fill(0 / 0)
  local none = block(x):isnan()
  check.equal(none:to "f32":sum():item(), 9 * 8)
  for row = 2, 4 do
    for column = 2, 4 do check.ok(none[2][row][column]:all():item(), "where the filter sees it") end
  end
end)

check.test("what is no block, and wrong arguments", function()
  local function three(change)
    local widths = { 8, 16, 8 }
    local first = { activation = "relu" }
    local second = { groups = 16, padding = 1, activation = "relu" }
    local o = { widths = widths, first = first, second = second, third = {}, kernel = { 1, 1 }, inner = 1 }
    change(o)
    return convolution("a", o.widths[2], o.widths[1], o.kernel, o.first),
      convolution("b", 16, o.inner, { 3, 3 }, o.second), convolution("c", o.widths[3], 16, { 1, 1 }, o.third)
  end
  local changes = {
    silu = function(o) o.first.activation = "silu" end,
    hardswish = function(o) o.third.activation = "hardswish" end,
    width = function(o) o.widths[1] = 12 end,
    ["other channels"] = function(o) o.widths[2] = 24 end,
    stride = function(o) o.first.stride = 2 end,
    padding = function(o) o.first.padding = 1 end,
    kernel = function(o) o.kernel, o.first.padding = { 3, 3 }, 1 end,
    ["not depthwise"] = function(o) o.second.groups, o.inner = 8, 2 end,
  }
  for name, change in pairs(changes) do check.equal(frozen.block(three(change)), nil, name) end
  local block = frozen.block(three(function() end))
  if not block then return end
  local x = normal("x", { 4, 6, 5, 8 })
  check.fails("8 channels, not 7", block, T.zeros { 4, 6, 5, 7 })
  check.fails("residual must be", block, x, T.zeros { 4, 6, 5, 9 })
  check.fails("no more", block, x, x, true, 1)
  check.fails("has no gradient", block, x:clone():requires_grad(true))
  check.equal(block(T.zeros { 0, 6, 5, 8 }):size(1), 0)
  check.ok(tostring(block):find "inverted residual")
  block:close()
  block:close()
  check.fails("closed", block, x)
end)

check.test("threads give the same bits, and folded networks use blocks", function()
  local net = calr.models.mobilenet_v2 { seed = 1 }:train(false)
  local fast, x = net:folded(), normal("images", { 4, 96, 64, 3 })
  calr.no_grad(function()
    local threads, y = calr.sys.threads(), fast(x)
    check.ok((y - net(x)):norm():item() < 1e-5, "as before")
    for count = 1, 4 do
      calr.sys.threads(count)
      check.ok(fast:maps(x):equal(fast:maps(x)))
      if count > 1 then check.ok(fast(x):equal(y) or count ~= threads, "the same bits") end
    end
    calr.sys.threads(threads)
    local used, events = 0, calr.meter.count(function() fast(x) end)
    for _, event in ipairs(events) do if event.kernel == "conv2d_inverted" then used = used + 1 end end
    check.equal(used > 0, calr.sys.info().cpu_features:find "avx2" ~= nil, "used")
  end)
  local same = nn.sequential(nn.conv(8, 16, { kernel = 1 }), nn.batch_norm(16, { activation = "relu6" }),
    nn.conv(16, 16, { groups = 16 }), nn.batch_norm(16, { activation = "silu" }), nn.conv(16, 8, { kernel = 1 }),
    nn.batch_norm(8)):init(1):train(false)
  local map = normal("map", { 4, 9, 9, 8 })
  calr.no_grad(function()
    check.ok((same:folded()(map) - same(map)):abs():max():item() < 1e-5, "without one")
  end)
end)

check.finish()
