-- calr.models.summary against the figures of the papers and of torchvision; calr.models.parts.
local check = require "check"
local calr = require "calr"
local models, T = calr.models, calr.tensor

-- Multiply-adds at 224 x 224 without the classifier (4.09 G and 300.8 M with it), and parameters without it, with those
-- of the neck.
for _, case in ipairs {
  { "resnet50", { last_stride = 2, pooling = "average" }, 4087136256, 23508032 + 2 * 2048 },
  { "mobilenet_v2", { pooling = "average" }, 299494272, 2223872 + 2 * 1280 },
} do
  local name, options, adds, parameters = table.unpack(case)
  check.test("multiply-adds and parameters of " .. name, function()
    local net = models[name](options)
    local summary = models.summary(net, { height = 224, width = 224 })
    check.equal(summary.multiply_adds, adds)
    check.equal(summary.parameters, parameters)
    check.equal(table.concat(summary.shape, " "), "1 " .. net.dim)
    check.equal(net.training, true, "the mode is as before")
    check.equal(rawget(net, "forward"), nil, "layers are as before")
  end)
end

check.test("rows come in the order in which layers run, and print as a table", function()
  local summary = models.summary("small", { height = 32, width = 16 })
  local first, last = summary.layers[1], summary.layers[#summary.layers]
  check.equal(first.name, "conv1")
  check.equal(first.parameters, 32 * 3 * 9)
  check.equal(first.multiply_adds, 16 * 8 * 32 * 27)
  check.equal(table.concat(first.shape, " "), "1 16 8 32")
  check.equal(last.name, "neck")
  local lines = {}
  for line in tostring(summary):gmatch "[^\n]+" do lines[#lines + 1] = line end
  check.equal(#lines, #summary.layers + 2)
  check.ok(lines[1]:find "^layer%s+kind%s+output%s+parameters%s+multiply%-adds$", lines[1])
  check.ok(lines[2]:find "^conv1%s+Conv%s+16 x 8 x 32%s+864%s+110,592$", lines[2])
  check.ok(lines[#lines]:find "^all%s+128%s", lines[#lines])
  check.equal(#lines[1], #lines[2], "columns stand below each other")
end)

check.test("a layer, attention by hand, and bad arguments", function()
  local Twice = calr.nn.class "Twice"
  function Twice:forward(x) return x:reshape { 6, 3 }:matmul(x:reshape { 3, 6 }) end
  local summary = models.summary(calr.nn.new(Twice), { height = 3, width = 2 })
  check.equal(summary.multiply_adds, 6 * 6 * 3)
  check.equal(summary.layers[1].name, "(itself)")
  check.fails("no option \"hight\"", models.summary, "small", { hight = 3 })
  check.fails("height must be a whole number", models.summary, "small", { height = 0 })
  check.fails("a network, a layer or a name is wanted, not 3", models.summary, 3)
  check.fails("there is no network \"smal\"", models.summary, "smal")
  local Broken = calr.nn.class "Broken"
  function Broken.forward() error("on purpose", 0) end
  local broken = calr.nn.sequential(calr.nn.new(Broken))
  check.fails("on purpose", models.summary, broken)
  check.equal(rawget(broken, "forward"), nil, "layers are as before")
end)

-- ---- parts ----

local function images(n, h, w)
  return calr.rng.open { seed = 3, purpose = "images" }:fill_normal(T.zeros { n, h, w, 3 })
end

check.test("parts: stripes are pooled, reduced and normalised; the whole has length 1", function()
  local net = models.parts { network = "small", parts = 3, reduction = 16, seed = 2 }:train(false)
  check.equal(net.dim, 48)
  local batch, x = {}, images(2, 48, 16)
  local features = calr.no_grad(function() return net(x, batch) end)
  check.equal(#batch.parts, 3)
  check.near(features:select(1, 1):norm():item(), 1, 1e-5)
  -- By hand: the mean of a stripe, the linear layer, the norm.
  calr.no_grad(function()
    local map = net:maps(x)
    local h = map:size(2)
    check.equal(h % 3, 0)
    for i = 1, 3 do
      local mean = map:narrow(2, (i - 1) * h // 3 + 1, h // 3):mean(2):mean(2)
      local want = net["part" .. i](mean):l2_normalize()
      check.all_near(batch.parts[i], want, 1e-5)
      check.all_near(features:narrow(2, (i - 1) * 16 + 1, 16) * math.sqrt(3), want, 1e-5)
    end
  end)
  models.check(net, { height = 48, width = 16 })
end)

check.test("parts: heights that do not divide, the whole map, PPLR's form, gradients, the folded form", function()
  local net = models.parts { network = "mobilenet_v2", parts = 3, whole = true, reduction = false, width = 0.25,
    last_stride = 1 }
  check.equal(net.dim, 4 * 1280)
  local batch, x = {}, images(3, 112, 32) -- maps of 7 rows: stripes 1-3, 3-5, 5-7
  local features = net(x, batch)
  check.equal(#batch.parts, 4)
  local loss = features:narrow(2, 1, 1280):sum()
  for _, part in ipairs(batch.parts) do loss = loss + (part * part:detach():roll(1)):sum() end
  calr.autograd.backward(loss)
  for _, p in ipairs(net:parameters()) do check.ok(p.tensor:grad(), p.name) end
  net:train(false)
  calr.no_grad(function() check.all_near(net:folded()(x), net(x), 1e-4) end)
  check.equal(net:state()["features.0.0.weight"]:size(1), 8, "tensors keep their names")
  check.fails("cannot be cut into 3 stripes", net, images(1, 32, 16))
end)

check.test("parts: osnet gives its maps; bad arguments", function()
  local net = models.parts { network = "osnet_x0_25", parts = 2, reduction = 8, checkpoint = true }
  check.equal(net.dim, 16)
  calr.autograd.backward(net(images(2, 64, 32)):sum())
  check.fails("parts must be a whole number", models.parts, { parts = 0 })
  check.fails("reduction must be a whole number", models.parts, { reduction = 1.5 })
  check.fails("there is no network", models.parts, { network = "pcb" })
  check.fails("no option \"stripes\"", models.parts, { network = "small", stripes = 3 })
end)

check.finish()
