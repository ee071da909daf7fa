-- Vision transformers: features of timm's, TransReID's changes, and what can be wrong.
local check = require "check"
local calr = require "calr"
local json = require "calr.json"
local rows = require "layer_rows"
local T, M = calr.tensor, calr.models

local function numbers(name, shape, scale)
  local count, list = 1, {}
  for _, length in ipairs(shape) do count = count * length end
  for i = 0, count - 1 do list[i + 1] = rows.number(name, i) * scale end
  return T(list):reshape(shape)
end

local file <close> = assert(io.open(os.getenv "CALR_TEST_SOURCE" .. "/tests/reference/models/vit.json"))
local golden = json.decode(file:read "a")

local tiny = { channels = 32, depth = 3, heads = 2, patch = 8, grid_height = 4, grid_width = 2 }

local function make(changes)
  local o = {}
  for _, map in ipairs { tiny, changes or {} } do
    for name, value in pairs(map) do o[name] = value end
  end
  return M.vit_small(o)
end

local function filled(changes)
  local net = make(changes)
  calr.no_grad(function()
    for name, tensor in net:named_parameters() do
      if not name:find "^neck" then tensor:copy(numbers(name, tensor:shape(), 0.3)) end
    end
  end)
  return net:train(false)
end

local images = numbers("x", { 2, 32, 16, 3 }, 2)

check.test("timm's features, by timm's names", function()
  local net, mine = filled { stride = 8 }, {}
  for name, tensor in net:named_parameters() do mine[name] = tensor:shape() end
  for name, shape in pairs(golden.names) do
    check.ok(mine[name], "there is no " .. name)
    check.equal(table.concat(mine[name], " "), table.concat(shape, " "), name)
    mine[name] = nil
  end
  for name in pairs(mine) do check.ok(name:find "^neck", name .. " is not in timm's") end
  local features = net(images)
  check.all_near(features, golden.timm, 1e-5)
  check.all_near(net:folded()(images), features, 1e-6, "folded")
  net.precision = "bf16"
  local half = net(images)
  check.equal(half:dtype(), "f32")
  check.ok((half * features):sum(2):min():item() > 0.999, "in bf16")
end)

check.test("TransReID: overlapping patches, interpolated positions, cameras", function()
  local net = filled { stride = 6, cameras = 3 }
  check.all_near(net(images, { cameras = T({ 2, 0 }, "i32") }), golden.transreid, 1e-5)
  check.fails("must know the cameras of the images", net, images)
  check.fails("has embeddings for the cameras 0 .. 2, and an image is of camera 3: set cameras=4", net, images,
    { cameras = T({ 3, 0 }, "i32") })
  check.equal(net.sie_embed:size(1), 3)
end)

check.test("weights load: what timm's state has, and a classifier more", function()
  local net, state = make { seed = 4 }, {}
  for name, shape in pairs(golden.names) do state[name] = numbers(name, shape, 0.1) end
  state["head.weight"], state["head.bias"] = T.zeros { 10, 32 }, T.zeros { 10 }
  local path = "timm.safetensors"
  calr.safetensors.save(path, state)
  local matched = calr.weights.load(net, path)
  os.remove(path)
  check.equal(#matched.unused, 2)
  check.ok(net.blocks.children[3].layer.mlp.fc2.weight:detach():equal(state["blocks.2.mlp.fc2.weight"]))
  check.equal(net:state().passes:get(1), 0.0)
  net:train()(images)
  check.equal(net:state().passes:get(1), 4.0, "one counter for the drop paths of two blocks")
  local twin = net:clone()
  twin(images)
  check.equal(net:state().passes:get(1), 4.0)
  check.equal(twin:state().passes:get(1), 8.0)
end)

check.test("the published size", function()
  local net = M.vit_small { init = false }
  check.equal(net.dim, 384)
  check.equal(net:size(), 21665664 + 384) -- timm.create_model("vit_small_patch16_224", num_classes=0), and the neck
end)

check.test("training: gradients everywhere, drop path by the seed, checkpoints", function()
  local function gradients(changes)
    local net = make(changes)
    net:train()
    local dy = numbers("dy", { 2, 32 }, 1);
    (net(images, { cameras = T({ 0, 1 }, "i32") }) * dy):sum():backward()
    local map = {}
    for _, parameter in ipairs(net:parameters()) do
      local g = parameter.tensor:grad()
      check.ok(g and g:is_finite(), parameter.name .. " has no gradient")
      map[parameter.name] = g
    end
    return map
  end
  local plain = gradients { stride = 6, cameras = 2, drop_path = 0.5, seed = 3 }
  local again = gradients { stride = 6, cameras = 2, drop_path = 0.5, seed = 3, checkpoint = true }
  for name, g in pairs(plain) do check.ok(g:equal(again[name]), name .. " with checkpoints") end
  local other = gradients { stride = 6, cameras = 2, drop_path = 0, seed = 3 }
  check.ok(not plain["blocks.0.mlp.fc1.weight"]:equal(other["blocks.0.mlp.fc1.weight"]), "drop path does something")
  for _, part in ipairs { "pos_embed", "sie_embed", "cls_token" } do check.ok(plain[part]:norm():item() > 0, part) end
end)

check.test("options, by name and in a configuration", function()
  check.fails("calr.models.vit_small has no option \"chanels\" (did you mean \"channels\"?)", M.vit_small,
    { chanels = 3 })
  check.fails("5 heads do not divide 32 channels", make, { heads = 5 })
  check.fails("depth must be a whole number of at least 1, not 0", make, { depth = 0 })
  check.fails("has no pooling: leave pooling=average out", make, { pooling = "average" })
  check.fails("has no batch normalisations for ibn", make, { ibn = true })
  check.ok((" " .. table.concat(M.names(), " ") .. " "):find(" vit_small ", 1, true))
  local cfg = calr.config.resolve(calr.pipeline.defaults { network = "vit_small" },
    { "channels=16", "depth=1", "heads=2", "patch=8", "stride=8" })
  local net = calr.pipeline.network(cfg)
  check.equal(net.dim, 16)
  check.equal(#net.blocks.children, 1)
  check.equal(M.declared("vit_small").heads.text, "vit_small: heads of each attention; they divide channels")
  M.check(net, { height = 16, width = 8 })
end)

check.finish()
