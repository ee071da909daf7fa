-- calr.export: networks as ONNX, safetensors and .pth. The files are read and computed by tests/lua/onnx_file.lua; that
-- onnxruntime and PyTorch agree with it is what the golden files of tests/reference/export say.
local calr = require "calr"
local check = require "check"
local onnx_file = require "onnx_file"
local T, nn = calr.tensor, calr.nn

local function images_of(count, height, width)
  return calr.rng.open { seed = 5, purpose = "images" }:fill_normal(T.zeros { count, height, width, 3 })
end

-- Statistics of norms, and weights that start as 1 or 0, get numbers that a mistake would show.
local function stir(net)
  for name, written in pairs(net:state()) do
    local tensor = written:detach()
    local stream = calr.rng.open { seed = 3, purpose = name }
    if name:match "running_var$" then
      stream:fill_uniform(tensor, 0.5, 1.5)
    elseif name:match "running_mean$" or name:match "bias$" then
      stream:fill_uniform(tensor, -0.3, 0.3)
    elseif tensor:dim() == 1 and name:match "weight$" then
      stream:fill_uniform(tensor, 0.7, 1.3)
    end
  end
  return net
end

-- A network of a user's own: layers in a sequence, then a mean over the map and unit length.
local Wrapped = nn.class "Wrapped"
function Wrapped:forward(x)
  local y = self.body(x)
  if y:dim() == 4 then y = y:mean { 2, 3 } end
  return y:reshape(y:size(1), -1):l2_normalize()
end

local function wrap(body, dim)
  local net = nn.new(Wrapped)
  net:add("body", body)
  net.dim = dim
  return stir(net:init(7))
end

local function layer_of(fn)
  local kind = nn.class "Mine"
  function kind.forward(_, x, ...) return fn(x, ...) end
  return nn.new(kind)
end

local function features_of(net, images)
  net:train(false)
  return calr.no_grad(function() return net:forward(images, { cameras = T.zeros({ images:size(1) }, "i32") }) end)
end

-- Exports a network, computes the file for 1 and 4 images, and compares.
local function round_trip(name, net, height, width, tolerance)
  local about = calr.export.save(net, "net.onnx", { height = height, width = width })
  local model = onnx_file.read "net.onnx"
  for _, count in ipairs { 1, 4 } do
    local images = images_of(count, height, width)
    local got = onnx_file.run(model, images:permute(1, 4, 2, 3):contiguous())
    check.equal(table.concat(got:shape(), " "), count .. " " .. net.dim, name)
    check.near((got - features_of(net, images)):abs():max():item(), 0, tolerance or 2e-6, name)
  end
  return model, about
end

-- All of them, with onnxruntime: tests/reference/export/networks.py.
check.test("a network of every kind", function()
  local more = { vit_small = { channels = 48, depth = 2, heads = 3 }, small = { width = 8 } }
  for _, name in ipairs { "small", "resnet18", "resnet50", "osnet_x0_25", "mobilenet_v2", "efficientnet_lite0",
    "vit_small" } do
    local model, about = round_trip(name, stir(calr.models.make(name, more[name])), 48, 32, 1e-5)
    for _, node in ipairs(model.nodes) do
      check.ok(name == "vit_small" or node.kind ~= "Transpose", name .. ": maps need no transposition")
    end
    check.ok(name == "vit_small" or about.folded > 0, name)
  end
end)

check.test("their variants", function()
  round_trip("average", stir(calr.models.small { ibn = true, pooling = "average" }), 64, 32, 1e-5)
  round_trip("osnet ibn", stir(calr.models.osnet { width = 0.25, ibn = true, features = false }), 64, 32, 1e-5)
  round_trip("odd", stir(calr.models.small { width = 5, ibn = true }), 37, 19, 1e-5)
  round_trip("parts", stir(calr.models.parts { network = "small", width = 8, parts = 3, whole = true }), 72, 24, 1e-5)
  round_trip("overlapping parts", stir(calr.models.parts { network = "small", width = 8, parts = 3, reduction = false,
    pooling = "gem" }), 64, 32, 1e-5)
  -- positions are interpolated for maps of another size than the embeddings
  round_trip("vit grid", stir(calr.models.vit_small { channels = 24, depth = 1, heads = 2, stride = 12 }), 64, 32, 1e-5)
  round_trip("bf16", stir(calr.models.small { width = 8 }), 64, 32, 1e-5)
end)

check.test("a network in bf16 is exported in f32", function()
  local net = stir(calr.models.small { width = 8, precision = "bf16" })
  calr.export.save(net, "bf16.onnx", { height = 64, width = 32 })
  check.equal(net.precision, "bf16")
  local images = images_of(2, 64, 32)
  local got = onnx_file.run(onnx_file.read "bf16.onnx", images:permute(1, 4, 2, 3):contiguous())
  local same = stir(calr.models.small { width = 8 })
  check.near((got - features_of(same, images)):abs():max():item(), 0, 1e-5)
end)

check.test("an embedding of the camera makes the cameras an input", function()
  local net = stir(calr.models.vit_small { channels = 24, depth = 1, heads = 2, cameras = 3 })
  calr.export.save(net, "cameras.onnx", { height = 32, width = 32 })
  local model = onnx_file.read "cameras.onnx"
  check.equal(model.inputs[2].name, "cameras")
  check.equal(model.inputs[2].dtype, "i32")
  local images, cameras = images_of(3, 32, 32), T({ 2, 0, 1 }, "i32")
  net:train(false)
  local want = calr.no_grad(function() return net:forward(images, { cameras = cameras }) end)
  local got = onnx_file.run(model, images:permute(1, 4, 2, 3):contiguous(), { cameras = cameras })
  check.near((got - want):abs():max():item(), 0, 1e-5)
end)

-- Every function that has a row, once at least: { name, layer or function, width of the features }.
local layers = {
  { "conv", nn.conv(3, 6, { kernel = { 3, 5 }, stride = { 2, 1 }, padding = { 1, 0, 2, 3 }, bias = true }), 6 },
  { "dilated", nn.conv(3, 6, { dilation = 2, groups = 3 }), 6 },
  { "same", nn.conv(3, 4, { kernel = 5, stride = 2, padding = "same" }), 4 },
  { "transposed", nn.conv_transpose(3, 4, { stride = 2, output_padding = 1, bias = true }), 4 },
  { "conv norm", nn.sequential(nn.conv(3, 4, { bias = true }), nn.batch_norm(4, { activation = "hardswish" })), 4 },
  { "norm silu", nn.batch_norm(3, { activation = "silu" }), 3 },
  { "linear norm", nn.sequential(nn.avg_pool(), nn.linear(3, 5), nn.batch_norm(5)), 5 },
  { "linear of maps", nn.sequential(nn.linear(3, 4), nn.relu6()), 4 },
  { "point", nn.point(3, 4), 4 },
  { "layer norm", nn.layer_norm(3), 3 }, { "rms norm", nn.rms_norm({ 4, 3 }), 3, 6, 4 },
  { "group norm", nn.sequential(nn.conv(3, 6), nn.group_norm(3, 6)), 6 },
  { "instance norm", nn.instance_norm(3), 3 },
  { "squeeze", nn.sequential(nn.conv(3, 16), nn.squeeze_excite(16, { gate = "hardsigmoid" })), 16 },
  { "max pool", nn.max_pool { kernel = { 3, 2 }, stride = { 2, 1 }, padding = { 1, 0 } }, 3 },
  { "avg pool", nn.avg_pool { kernel = 3, stride = 2, padding = 1 }, 3 },
  { "avg pool inside", nn.avg_pool { kernel = 3, padding = 1, count_include_pad = false }, 3 },
  { "adaptive", nn.adaptive_avg_pool { 4, 3 }, 3 }, { "adaptive max", nn.adaptive_max_pool { 3, 2 }, 3 },
  { "global max", nn.global_max_pool(), 3 }, { "gem", nn.gem { p = 2.5 }, 3 },
  { "nearest", nn.interpolate { size = { 7, 9 } }, 3 },
  { "bilinear", nn.interpolate { scale_factor = 1.5, mode = "bilinear" }, 3 },
  { "corners", nn.interpolate { size = { 7, 9 }, mode = "bilinear", align_corners = true }, 3 },
  { "bicubic", nn.interpolate { size = 13, mode = "bicubic" }, 3 },
  { "prelu", nn.prelu(3), 3 }, { "leaky", nn.leaky_relu(.2), 3 }, { "elu", nn.elu(.7), 3 }, { "gelu", nn.gelu(), 3 },
  { "gelu tanh", nn.gelu { approximate = "tanh" }, 3 }, { "silu", nn.silu(), 3 }, { "softplus", nn.softplus(), 3 },
  { "sharp softplus", nn.softplus { beta = 2 }, 3 }, { "sigmoid", nn.sigmoid(), 3 }, { "tanh", nn.tanh(), 3 },
  { "hardsigmoid", nn.hardsigmoid(), 3 }, { "hardswish", nn.hardswish(), 3 }, { "softmax", nn.softmax(), 3 },
  { "softmax rows", nn.softmax(2), 3 }, { "dropout", nn.sequential(nn.dropout(), nn.identity()), 3 },
  { "drop path", nn.drop_path(), 3 }, { "flatten", nn.sequential(nn.avg_pool(), nn.flatten()), 3 },
  { "flatten maps", nn.flatten(), 180 },
}

local functions = {
  { "elements", function(x)
    return x:abs():sqrt() + x:square():neg():exp() - x:sigmoid():log() * x:cos() / (x:sin() + 2) + x:erf() + x:ceil()
      + x:floor() + x:round() + x:sign() + (x ^ 2):log1p() + (x:tanh() + 2):reciprocal() + (x * x + 1):rsqrt()
  end, 3 },
  { "more elements", function(x)
    local y = x:tanh()
    return y:asin() + y:acos() + x:atan() + y:sinh() + y:cosh() + y:tan() + y:exp2() + y:expm1() + (y + 2):log2()
      + (y + 2):log10() + x:clamp(-.5) + x:clamp { max = .3 } + x:hardswish() + x:maximum(0.1 * x) + x:minimum(y)
  end, 3 },
  { "numbers first", function(x) return 1 - 2 / (3 + x:abs()) + 2 ^ x end, 3 },
  { "alpha", function(x) return x:add(x:relu(), { alpha = 3 }):sub(x, 0.5) end, 3 },
  { "addcmul", function(x) return x:addcmul(x:relu(), T { 1, -2, 3 }, 0.5) end, 3 },
  { "addcmul to a row", function(x) return T({ 1, -2, 3 }):addcmul(x, x) end, 3 },
  { "addcmul of features", function(x) return x:mean { 2, 3 }:addcmul(T { 1, 2, 3 }, T { 0.5 }, -1) end, 3 },
  { "constants", function(x)
    return x * T { 1, 2, 3 } + T({ { { 1 }, { 2 }, { 3 }, { 4 }, { 5 }, { 6 } } }):reshape(6, 1, 1) - T { 4 } + T(2)
  end, 3, 6, 10 },
  { "brackets", function(x) return x[{ {}, { 2, -2 }, { 1, 5 }, { 2, 3 } }] + x[{ {}, 3 }]:unsqueeze(2)[{ {}, {},
    { 3, 7 }, { 1, 2 } }] end, 2 },
  { "one item", function(x) return x[{ {}, -1, 2 }] end, 3 },
  { "cat", function(x)
    return T.cat({ x, x:relu(), T.ones { 2, 1, 1, 1 }:narrow(1, 1, 1):expand(x:size(1), 6, 10, 1) }, 4)
  end, 7 },
  { "cat rows", function(x) return T.cat({ x, x * 2 }, 2) end, 3 },
  { "stack", function(x) return T.stack({ x, x * 2 }, -1):reshape(x:size(1), 6, 10, 6) end, 6 },
  { "split", function(x)
    local a, b = table.unpack(x:split(4, 2))
    return T.cat({ b, a }, 2)
  end, 3 },
  { "pad", function(x) return x:pad { h = 1, w = { 0, 2 }, c = { 1, 0 } } + x:pad({ h = 1, w = { 1, 1 }, c = { 0, 1 } },
    "replicate") end, 4 },
  { "reflect", function(x) return x:pad({ h = { 1, 2 } }, "reflect") end, 3 },
  { "orders", function(x) return x:permute(1, 3, 2, 4):transpose(2, 4):movedim(2, -1):contiguous() end, 3 },
  { "views", function(x)
    local tokens = x:view(x:size(1), 60, 3)
    return x:min(4):squeeze():view(x:size(1), 60, 1):expand_as(tokens):mean(2)
  end, 3 },
  { "reductions", function(x)
    return x:sum(2):sum(2) + x:mean { 2, 3 } + x:amax(-2):amin(2) + x:norm(2, { 2, 3 }) + x:norm(1, { 2, 3 })
      + (x:max(2)):mean(2) + x:var({ 2, 3 }) + x:std { dim = { 2, 3 }, correction = 0 } + x:logsumexp { 2, 3 }
  end, 3 },
  { "kept", function(x) return x / x:norm(2, 4, true) + x:mean({ 2, 3 }, true) + x:sum(3, true) + x:prod(4, true) end,
    3 },
  { "log softmax", function(x) return x:log_softmax() + x:log_softmax(3) end, 3 },
  { "matrices", function(x)
    local tokens = x:reshape(x:size(1), 60, 3)
    local square = tokens:matmul(tokens, { transpose_a = true, scale = 0.1 })
    return square:bmm(square:transpose(2, 3)):reshape(x:size(1), 9)
  end, 9 },
  { "attention", function(x)
    local tokens = x:reshape(x:size(1), 60, 3)
    return T.scaled_dot_product_attention(tokens, tokens * 2, tokens:tanh(), { causal = true, scale = 0.3 }):mean(2)
  end, 3 },
  { "masked attention", function(x)
    local tokens = x:reshape(x:size(1), 60, 3)
    local seen = T.ones({ 60, 60 }, "bool"):tril(3)
    return T.self_attention(T.cat({ tokens, tokens * 2, tokens:tanh() }, 3), 3, { mask = seen }):mean(2)
  end, 3 },
  { "in place", function(x)
    local y = x * 2
    y:relu_()
    y:add_(x)
    return y
  end, 3 },
  { "casts", function(x) return x:to "bf16":to("f32"):detach():clone() * 2 end, 3 },
  { "interpolated constant", function(x)
    return x + T.interpolate(T.arange(12):to "f32":reshape(1, 2, 2, 3), { size = { 6, 10 }, mode = "bilinear" })
  end, 3 },
}
local relu = calr.relu
for _, case in ipairs(functions) do
  layers[#layers + 1] = { case[1], layer_of(case[2]), case[3], case[4], case[5] }
end

check.test("every kind of layer, and functions in layers of one's own", function()
  for _, case in ipairs(layers) do
    local tolerance = case[1] == "casts" and 1e-2 or 1e-5
    local ok, problem = pcall(round_trip, case[1], wrap(case[2], case[3]), case[4] or 6, case[5] or 10, tolerance)
    check.ok(ok, case[1] .. ": " .. tostring(problem))
  end
end)

check.test("every function that can be exported is among them", function()
  local operations = require "calr.lab.export.operations"
  local seen = {}
  local program = require "calr.lab.export.program"
  for _, case in ipairs(layers) do
    local made = program.of(wrap(case[2], case[3]), { height = case[4] or 6, width = case[5] or 10 })
    for _, node in ipairs(made.nodes) do seen[node.name] = true end
  end
  local untried = {}
  for name, row in pairs(operations) do
    if not row.same and not seen[name] then untried[#untried + 1] = name end
  end
  table.sort(untried)
  check.equal(table.concat(untried, " "), "broadcast_to concat dot index_select mm mv t")
end)

check.test("what cannot be exported is named", function()
  local function fails(text, fn, dim)
    check.fails(text, calr.export.save, wrap(layer_of(fn), dim or 3), "no.onnx", { height = 6, width = 10 })
    check.ok(not calr.sys.exists "no.onnx")
  end
  fails("the layer body (Mine) cannot be exported: it calls calr.cumsum", function(x) return x:cumsum(2) end)
  fails("the layer body (Mine): it reads numbers of a tensor that depends on the images (item)", function(x)
    return x:sum():item() > 0 and x or -x
  end)
  fails("calr.mul is given a tensor that depends on the images or on their number", function(x)
    return x * T.ones { x:size(1), 1, 1, 1 }
  end)
  fails("call functions of tensors by their full name", function(x) return x + relu(x) end)
  fails("brackets with a mask", function(x) return x[x:gt(0)]:sum():reshape(1, 1):expand(x:size(1), 3) end)
  fails("calr.div: a division that is rounded", function(x) return x:div(2, { rounding_mode = "floor" }) + x end)
  fails("calr.softplus: a threshold below 17", function(x) return x:softplus(1, 5) end)
  fails("it is given a number that depends on how many images there are", function(x)
    return x:narrow(2, 1, x:size(1))
  end)
  fails("its mask hides all keys from a query", function(x)
    local tokens = x:reshape(x:size(1), 60, 3)
    return T.scaled_dot_product_attention(tokens, tokens, tokens, { mask = T.zeros({ 60, 60 }, "bool") }):mean(2)
      + x:mean { 2, 3 }
  end)
  fails("gives other features than itself", function(x)
    local y = x * 2
    local view = y:narrow(2, 1, 3)
    y:relu_()
    return view
  end)
  fails("its result does not depend on the images", function(x)
    return T.ones { 1, 3 }:expand(x:size(0 + 1), 3)
  end)
end)

check.test("failures leave the functions of tensors as they were", function()
  local before = { T.relu, calr.relu, getmetatable(T.zeros { 1 }).__add, T.zeros({ 1 }).relu }
  check.fails("cumsum", calr.export.save, wrap(layer_of(function(x) return x:cumsum(2) end), 3), "no.onnx",
    { height = 6, width = 10 })
  check.fails("mistake", calr.export.save, wrap(layer_of(function(x)
    if x:size(1) == 3 then error "a mistake" end -- an image alone, with which networks are checked, passes
    return calr.sigmoid(x)
  end), 3), "no.onnx", { height = 6, width = 10 })
  local after = { T.relu, calr.relu, getmetatable(T.zeros { 1 }).__add, T.zeros({ 1 }).relu }
  for i, fn in ipairs(before) do check.equal(after[i], fn) end
  check.equal(calr.sigmoid, rawget(T, "sigmoid"))
end)

check.test("a network is left as it was", function()
  local net = stir(calr.models.small { width = 4 }):train()
  local twin = net:clone()
  calr.export.save(net, "net.onnx", { height = 64, width = 32 })
  check.ok(net.training and rawget(net.layer1, "forward") == nil)
  for name, tensor in pairs(net:state()) do check.ok(tensor:equal(twin:state()[name]), name) end
end)

check.test("weights of the folded network", function()
  local net = stir(calr.models.small { width = 4 })
  calr.export.save(net, "net.safetensors", { height = 64, width = 32, metadata = { source = "here" } })
  calr.export.save(net, "net.pth", { height = 64, width = 32 })
  local state, notes = calr.safetensors.load "net.safetensors"
  local other = calr.pth.load "net.pth"
  local own, count = net:state(), 0
  for name, tensor in pairs(state) do
    count = count + 1
    check.ok(tensor:equal(other[name]), name)
  end
  check.equal(notes["calr.source"], "here")
  check.equal(notes["calr.mean"], "0.485,0.456,0.406")
  check.ok(state["bn1.weight"] == nil and state["layer1.0.bn2.running_var"] == nil)
  check.ok(state["neck.running_mean"]:equal(own["neck.running_mean"]), "nothing is before the neck to fold it into")
  local scale = own["bn1.weight"] / (own["bn1.running_var"] + 1e-5):sqrt()
  check.all_near(state["conv1.weight"], own["conv1.weight"] * scale:reshape(-1, 1, 1, 1), 1e-6)
  check.all_near(state["conv1.bias"], own["bn1.bias"] - own["bn1.running_mean"] * scale, 1e-6)
  check.equal(count, 2 * 9 + 5) -- nine convolutions; neck and the pooling's exponent
  -- norms kept: the state as it was, which a network takes
  calr.export.save(net, "kept.safetensors", { height = 64, width = 32, fold = false })
  local twin = calr.models.small { width = 4, seed = 9 }
  twin:load_state(calr.safetensors.load "kept.safetensors")
  check.ok(twin:state()["bn1.running_var"]:equal(own["bn1.running_var"]))
end)

check.test("norms that others use stay", function()
  local shared = nn.conv(3, 3)
  local net = wrap(nn.sequential(shared, nn.batch_norm(3), shared, nn.batch_norm(3)), 3)
  local _, about = round_trip("shared", net, 6, 10)
  check.equal(about.folded, 0)
end)

check.test("what a file says of itself", function()
  local model, about = round_trip("small", stir(calr.models.small { width = 4 }), 64, 32)
  check.equal(model.inputs[1].name .. " " .. table.concat(model.inputs[1].shape, " "), "images batch 3 64 32")
  check.equal(model.outputs[1].name .. " " .. table.concat(model.outputs[1].shape, " "), "features batch 16")
  for key, want in pairs { height = "64", width = "32", channels = "RGB", std = "0.229,0.224,0.225", dim = "16",
    network = "small", folded_norms = "9" } do
    check.equal(model.notes["calr." .. key], want)
  end
  check.ok(model.notes["calr.features"]:find "euclidean length")
  check.equal(about.format, "onnx")
  check.equal(about.bytes, calr.sys.stat("net.onnx").size)
end)

check.test("bad arguments", function()
  local net = calr.models.small { width = 4 }
  check.fails("net.bin: the ending must be .onnx, .safetensors or .pth", calr.export.save, net, "net.bin")
  check.fails("no option \"heigth\" (did you mean \"height\"?)", calr.export.save, net, "n.onnx", { heigth = 3 })
  check.fails("a network is wanted", calr.export.save, "small", "n.onnx")
  net:state()["conv1.weight"]:detach():fill(0 / 0)
  check.fails("not finite", calr.export.save, net, "n.onnx", { height = 64, width = 32 })
  check.ok(not calr.sys.exists "n.onnx")
end)

-- ---- what onnxruntime has accepted ----

check.test("files are those that onnxruntime and PyTorch have read", function()
  local golden = calr.json.decode(calr.sys.read_file(os.getenv "CALR_TEST_REFERENCE" .. "/export/golden.json"))
  local cases = dofile(os.getenv "CALR_TEST_REFERENCE" .. "/export/cases.lua")
  local names = {}
  for name in pairs(golden) do names[#names + 1] = name end
  check.ok(#names >= 4)
  for _, name in ipairs(names) do
    local case = cases[name]()
    calr.export.save(case.net, "case.onnx", { height = case.height, width = case.width })
    local model = onnx_file.read "case.onnx"
    check.equal(onnx_file.structure(model), golden[name].structure, name)
    local got = onnx_file.run(model, case.images:permute(1, 4, 2, 3):contiguous())
    check.all_near(got, golden[name].features, 1e-4, name)
  end
end)

check.test("bytes", function()
  for _, dtype in ipairs { "f32", "f64", "i64", "i32", "u8", "bool", "bf16", "f16" } do
    local x = T({ { 0, 1, 1 }, { 1, 0, 1 } }, dtype)
    check.ok(T.frombuffer(x:tobytes(), dtype, { 2, 3 }):equal(x), dtype)
    check.ok(T.frombuffer(x:t():tobytes(), dtype, { 3, 2 }):equal(x:t():contiguous()), dtype)
  end
  check.equal(T.zeros({ 0, 4 }):tobytes(), "")
  check.equal(T(1.5):tobytes(), ("<f"):pack(1.5))
end)

check.finish()
