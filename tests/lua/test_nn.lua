-- Layers beyond the table of test_layers.lua: what is dropped, masks of attention, containers, names, averages.
local check = require "check"
local calr = require "calr"
local T, nn = calr.tensor, calr.nn

local function normal(seed, ...)
  return calr.randn({ ... }, { generator = calr.rng.open { seed = seed } })
end

local function difference(a, b) return (a - b):abs():max():item() end

-- ---- attention ----

-- softmax(scale q k^T + more) v, written with the words of the vocabulary.
local function plain_attention(q, k, v, scale, more)
  local s = q:matmul(k, { transpose_b = true, scale = scale or q:size(-1) ^ -.5 })
  return (more and s + more or s):softmax():matmul(v)
end

check.test("attention of all shapes and layouts is the plain one", function()
  for _, shape in ipairs { { 5, 4 }, { 2, 5, 4 }, { 2, 3, 5, 4 } } do
    local q, k, v = normal(1, table.unpack(shape)), normal(2, table.unpack(shape)), normal(3, table.unpack(shape))
    check.ok(difference(calr.scaled_dot_product_attention(q, k, v), plain_attention(q, k, v)) < 2e-6)
  end
  local q, k, v = normal(1, 2, 7, 3, 4), normal(2, 2, 9, 3, 4), normal(3, 2, 9, 3, 5) -- [b x n x heads x d]
  q, k, v = q:transpose(2, 3), k:transpose(2, 3), v:transpose(2, 3)
  local y = calr.scaled_dot_product_attention(q, k, v, { scale = .3 })
  check.equal(tostring(y), "f32[2 x 3 x 7 x 5]")
  check.ok(pcall(T.view, y:transpose(2, 3), { 2, 7, 15 }), "the result has the layout of q: heads side by side")
  check.ok(difference(y, plain_attention(q:contiguous(), k:contiguous(), v:contiguous(), .3)) < 2e-6)
  local one = calr.scaled_dot_product_attention(normal(1, 1, 4), normal(2, 1, 4), normal(3, 1, 4))
  check.all_near(one, normal(3, 1, 4), 1e-6, "of one key all weight is its")
  check.equal(tostring(calr.scaled_dot_product_attention(normal(1, 0, 4), k[1][1], v[1][1])), "f32[0 x 5]")
end)

check.test("masks: of bools, of numbers, causal, repeated; a query that sees nothing", function()
  local q, k, v = normal(1, 2, 3, 5, 4), normal(2, 2, 3, 6, 4), normal(3, 2, 3, 6, 4)
  local keep = normal(4, 5, 6):gt(-.5)
  keep[2] = false
  local shut = T.zeros { 5, 6 }:masked_fill(~keep, -math.huge)
  local y = calr.scaled_dot_product_attention(q, k, v, { mask = keep })
  local wanted = plain_attention(q, k, v, nil, shut)
  for i = 1, 5 do
    local row, plain = y:select(3, i), wanted:select(3, i)
    if i == 2 then check.equal(row:abs():max():item(), 0.0) else check.ok(difference(row, plain) < 2e-6) end
  end
  local bias = normal(5, 2, 1, 1, 6)
  check.ok(difference(calr.scaled_dot_product_attention(q, k, v, { mask = bias }),
    plain_attention(q, k, v, nil, bias)) < 2e-6, "repeated over heads and queries")
  local triangle = calr.ones(5, 6):tril():gt(0)
  check.ok(difference(calr.scaled_dot_product_attention(q, k, v, { causal = true }),
    calr.scaled_dot_product_attention(q, k, v, { mask = triangle })) < 1e-6, "causal")
  local function gradients(o)
    local list = { q:detach():requires_grad(true), k:detach():requires_grad(true), v:detach():requires_grad(true) }
    local z = calr.scaled_dot_product_attention(list[1], list[2], list[3], o)
    return calr.autograd.grad(z, list, { grad_outputs = normal(6, 2, 3, 5, 4) })
  end
  local a, b = { gradients { causal = true } }, { gradients { mask = triangle } }
  if #a == 1 then a, b = a[1], b[1] end
  for i = 1, 3 do check.ok(difference(a[i], b[i]) < 1e-6, "gradient " .. i) end
  for _, o in ipairs { { mask = keep }, { mask = bias }, { causal = true }, { dropout = .4, seed = 5 } } do
    local inputs = { normal(1, 1, 2, 3, 2):requires_grad(true), normal(2, 1, 2, 4, 2):requires_grad(true),
      normal(3, 1, 2, 4, 2):requires_grad(true) }
    if o.mask then
      o.mask = rawequal(o.mask, keep) and keep:narrow(1, 1, 3):narrow(2, 1, 4):contiguous()
        or bias:narrow(1, 1, 1):narrow(4, 1, 4):contiguous()
    end
    check.ok(calr.gradcheck(function(x, y1, z) return calr.scaled_dot_product_attention(x, y1, z, o) end, inputs))
  end
end)

check.test("many keys go by blocks, with the same numbers", function()
  local q, k, v = normal(1, 90, 8), normal(2, 3000, 8), normal(3, 3000, 8) -- 21 queries make a block
  local list, again = {}, {}
  for i, x in ipairs { q, k, v } do
    list[i], again[i] = x:detach():requires_grad(true), x:detach():requires_grad(true)
  end
  local dy = normal(4, 90, 8)
  local y = calr.scaled_dot_product_attention(list[1], list[2], list[3])
  local z = plain_attention(again[1], again[2], again[3])
  check.ok(difference(y:detach(), z:detach()) < 1e-6);
  (y * dy):sum():backward();
  (z * dy):sum():backward()
  for i = 1, 3 do check.ok(difference(list[i]:grad(), again[i]:grad()) < 1e-5, "gradient " .. i) end
end)

check.test("self_attention is the attention of three parts; dropout is seeded and leaves the mean", function()
  local qkv = normal(1, 2, 5, 18)
  local function part(i) return qkv:narrow(3, i * 6 + 1, 6):reshape(2, 5, 2, 3):transpose(2, 3) end
  local plain = calr.scaled_dot_product_attention(part(0), part(1), part(2)):transpose(2, 3):reshape(2, 5, 6)
  check.all_near(calr.self_attention(qkv, 2), plain, 1e-6)
  local big = calr.ones(4, 64, 24)
  local function dropped(o)
    o.dropout = .5
    return calr.self_attention(big, 2, o)
  end
  check.ok(dropped { seed = 1 }:equal(dropped { seed = 1 }))
  check.ok(not dropped { seed = 1 }:equal(dropped { seed = 2 }))
  check.ok(not dropped { seed = 1 }:equal(dropped { seed = 1, epoch = 1 }))
  check.near(dropped { seed = 1 }:mean():item(), 1, .03)
  check.equal(calr.self_attention(qkv:to "bf16", 2):dtype(), "bf16")
end)

check.test("attention refuses what does not fit", function()
  local q, k, v = normal(1, 2, 5, 4), normal(2, 2, 6, 4), normal(3, 2, 6, 4)
  local attend = calr.scaled_dot_product_attention
  check.fails("differ in their last dimension", attend, q, normal(1, 2, 6, 3), v)
  check.fails("differ in the number of keys", attend, q, k, normal(1, 2, 7, 4))
  check.fails("all must be [n x d], [b x n x d] or [b x heads x n x d]", attend, q, normal(1, 3, 6, 4), v)
  check.fails("mask must be bool", attend, q, k, v, { mask = T.zeros({ 5, 6 }, "u8") })
  check.fails("must fit [2 x 1 x 5 x 6] (batch, heads, queries, keys)", attend, q, k, v, { mask = T.zeros { 6, 5 } })
  check.fails("mask is a constant and gets no gradient", attend, q, k, v,
    { mask = T.zeros({ 5, 6 }):requires_grad(true) })
  check.fails("dropout must be 0 or more and below 1", attend, q, k, v, { dropout = 1 })
  check.fails("did you mean \"causal\"", attend, q, k, v, { casual = true })
  check.fails("a multiple of 3 x 3", calr.self_attention, normal(1, 2, 5, 12), 3)
  check.fails("has no option \"masc\"", nn.multi_head_attention(4, 2):init(), q, { masc = 1 })
end)

check.test("multi-head attention of queries, keys and values of their own", function()
  local layer = nn.multi_head_attention(6, 2):init(1)
  local x, memory = normal(1, 2, 3, 6), normal(2, 2, 5, 6)
  check.all_near(layer(x, x, x), layer(x), 1e-6)
  check.all_near(layer(x, memory), layer(x, memory, memory), 0)
  check.all_near(layer(x, { causal = true }), layer(x, x, x, { causal = true }), 1e-6)
  check.equal(tostring(layer(x, memory)), "f32[2 x 3 x 6]")
  local drops = nn.multi_head_attention(6, 2, { dropout = .5, seed = 4 }):init(1)
  local first, second = drops(x), drops(x)
  check.ok(not first:equal(second), "each pass drops others")
  check.equal(drops:state().passes:get(1), 2.0)
  drops.passes:fill(0)
  check.ok(first:equal(drops(x)), "and the state says which")
  check.ok(drops:train(false)(x):equal(drops(x)), "evaluation drops nothing")
end)

-- ---- what is dropped ----

check.test("drop_path leaves out samples, by the seed and the pass", function()
  local layer = nn.drop_path { p = .5, seed = 3 }
  local x = calr.ones(64, 2, 3)
  local y = layer(x)
  local rows = y:reshape(64, 6)
  check.ok(rows:amin(2):equal(rows:amax(2)), "a sample as a whole")
  check.all_near(rows:amax(2):unique(), { 0, 2 }, 0)
  check.ok(not y:equal(layer(x)))
  layer.passes:fill(0)
  check.ok(y:equal(layer(x)))
  check.ok(layer:train(false)(x):equal(x))
  check.equal(nn.drop_path { p = .5 }(x:to "bf16"):dtype(), "bf16")
  check.equal(nn.dropout { p = .5 }(x:to "bf16"):dtype(), "bf16")
end)

-- ---- embeddings ----

check.test("an embedding gets gradients where it was looked up, and not for padding", function()
  local layer = nn.embedding(6, 2, { padding_idx = 1 }):init(1)
  check.all_near(layer.weight:detach()[2], { 0, 0 }, 0, "it starts as 0")
  layer(T({ 3, 1, 3, 0 }, "i32")):sum():backward()
  check.all_near(layer.weight:grad():sum(2), { 2, 0, 0, 4, 0, 0 }, 0)
end)

-- ---- containers and names ----

local Two = nn.class "Two"
function Two:forward(x)
  for _, layer in ipairs(self.list) do x = layer(x) end
  return self.by.last(x)
end

local function two()
  local self = nn.new(Two)
  self:add("list", nn.module_list(nn.linear(3, 4), nn.relu()))
  self:add("by", nn.module_dict { last = nn.linear(4, 2), first = nn.identity() })
  self.list:append(nn.layer_norm(4))
  return self:init(1)
end

check.test("lists and dictionaries of layers", function()
  local net, x = two(), normal(1, 5, 3)
  check.equal(#net.list, 3)
  local names = {}
  for name in net:named_parameters() do names[#names + 1] = name end
  check.equal(table.concat(names, " "),
    "list.0.weight list.0.bias list.2.weight list.2.bias by.last.weight by.last.bias")
  local y = net(x)
  local twin, folded = net:clone(), net:train(false):folded()
  calr.no_grad(function()
    check.ok(folded(x):equal(y:detach()))
    for _, tensor in net:named_parameters() do tensor:fill(0) end
    check.ok(twin(x):equal(y), "a clone's list holds the clone's layers")
    check.ok(folded(x):equal(y), "and so does that of the folded form")
  end)
  check.fails("a module_list has no forward function of its own", net.list, x)
  check.fails("a module_dict has no forward function of its own", net.by, x)
  check.fails("write module_list(a, b), not module_list{a, b}", nn.module_list, { nn.relu(), nn.relu() })
  check.fails("calr.nn.module_dict: odd is a number", nn.module_dict, { odd = 3 })
  check.fails("\"forward\" cannot be the name of a layer", nn.module_dict, { forward = nn.relu() })
  check.fails("list:append: a number is no layer", net.list.append, net.list, 3)
end)

check.test("modules, children, buffers, apply, summary", function()
  local net, seen = two(), {}
  for name, layer in net:named_modules() do seen[#seen + 1] = name .. "=" .. tostring(layer) end
  check.equal(table.concat(seen, " "), "=Two list=ModuleList list.0=Linear list.1=Relu list.2=LayerNorm by=ModuleDict "
    .. "by.first=Identity by.last=Linear")
  seen = {}
  for name in net:named_children() do seen[#seen + 1] = name end
  check.equal(table.concat(seen, " "), "list by")
  seen = {}
  check.equal(net:apply(function(layer, name) seen[#seen + 1] = name .. "=" .. tostring(layer) end), net)
  check.equal(seen[#seen], "=Two", "parents come after their children")
  check.equal(seen[1], "list.0=Linear")
  check.fails("layer:apply wants a function, not a number", net.apply, net, 3)
  seen = {}
  for name in nn.sequential(nn.batch_norm(2), nn.dropout()):named_buffers() do seen[#seen + 1] = name end
  check.equal(table.concat(seen, " "), "0.running_mean 0.running_var 1.passes")
  local text = net:freeze("by"):summary()
  check.ok(text:find("weight 2 x 4 (frozen), bias 2 (frozen)", 1, true), text)
  check.ok(text:find("34 parameters, 24 of them learned", 1, true), text)
end)

check.test("freezing all, by name, below a name, by a pattern", function()
  local net = two()
  local function learned()
    local names = {}
    for i, parameter in ipairs(net:parameters()) do names[i] = parameter.name end
    return table.concat(names, " ")
  end
  local all = learned()
  check.equal(net:freeze(), net)
  check.equal(learned(), "")
  net:unfreeze "by.last.bias"
  check.equal(learned(), "by.last.bias")
  net(normal(1, 5, 3)):sum():backward()
  check.equal(net.list[1].weight:grad(), nil)
  check.ok(net.by.last.bias:grad())
  check.equal(net:unfreeze() and learned(), all)
  net:freeze "list"
  check.equal(learned(), "by.last.weight by.last.bias")
  net:unfreeze():freeze ".*%.bias"
  check.equal(learned(), "list.0.weight list.2.weight by.last.weight")
  check.fails("Two has no parameter \"lists\"", net.freeze, net, "lists")
  check.fails("parameters are named by a text, not a number", net.freeze, net, 3)
end)

-- ---- averages ----

check.test("the moving average of weights: warm-up, buffers, state", function()
  local net = nn.sequential(nn.linear(2, 2, { bias = false }), nn.batch_norm(2)):init(1)
  local ema = nn.ema(net, { decay = .9 })
  local start = net.children[1].layer.weight:detach():clone()
  calr.no_grad(function()
    net.children[1].layer.weight:fill(1)
    net.children[2].layer.running_mean:fill(5)
  end)
  ema:update(net) -- at most (1 + 0) / (10 + 0) stays
  check.all_near(ema.net:state()["0.weight"], start * .1 + .9, 1e-6)
  check.all_near(ema.net:state()["1.running_mean"], { 5, 5 }, 0)
  check.ok(not ema.net.training)
  local other = nn.ema(net:clone(), { decay = .9 })
  other:load_state(ema:state())
  ema:update(net)
  other:update(net)
  check.all_near(ema.net:state()["0.weight"], (start * .1 + .9) * (2 / 11) + 9 / 11, 1e-6)
  check.ok(other.net:state()["0.weight"]:equal(ema.net:state()["0.weight"]), "taken up where it was")
  local steady = nn.ema(net, { decay = .5, warm_up = false })
  steady:update(net)
  check.equal(steady.steps:get(1), 1.0)
  check.fails("decay must be a number from 0 to 1, not 2", nn.ema, net, { decay = 2 })
  check.fails("calr.nn.ema needs a network that can be copied", nn.ema, 3)
  check.fails("it lacks ema.steps", ema.load_state, ema, net:state())
end)

check.test("layers give the same bits for any number of threads", function()
  local threads = calr.sys.threads()
  local x = normal(1, 6, 9, 7, 24)
  local function results()
    local list = {}
    local function add(layer, given)
      given = given:detach():requires_grad(true)
      local y = layer(given)
      y:sum():backward()
      list[#list + 1] = y:detach()
      list[#list + 1] = given:grad()
      for _, tensor in layer:named_parameters() do list[#list + 1] = tensor:grad() end
    end
    add(nn.layer_norm(24):init(1), x)
    add(nn.rms_norm(24):init(1), x)
    add(nn.group_norm(4, 24):init(1), x)
    add(nn.max_pool { kernel = { 2, 3 }, stride = 2, padding = { 1, 1 } }, x)
    add(nn.avg_pool { kernel = 3, stride = 2, padding = 1 }, x)
    add(nn.interpolate { size = { 5, 13 }, mode = "bilinear" }, x)
    local qkv = x:reshape(6, 63, 24):detach():requires_grad(true)
    calr.self_attention(qkv, 2, { dropout = .2 }):sum():backward()
    list[#list + 1] = qkv:grad()
    return list
  end
  calr.sys.threads(1)
  local one = results()
  calr.sys.threads(3)
  local three = results()
  calr.sys.threads(threads)
  for i, tensor in ipairs(one) do check.ok(tensor:equal(three[i]), "result " .. i) end
end)

-- ---- mistakes ----

check.test("a layer that gives no tensor is named, at its own line", function()
  local Odd, Nothing = nn.class "Odd", nn.class "Nothing"
  function Odd.forward(_, x) return { x } end
  function Nothing.forward() end
  local line = debug.getinfo(Nothing.forward, "S").linedefined
  check.fails(("test_nn.lua:%d: the layer Odd gives a table, and must give a tensor to the next"):format(line - 1),
    nn.sequential(nn.new(Odd), nn.relu()), calr.ones(2, 3))
  check.fails("the layer Nothing gives nothing, and must give a tensor to the next layer: end its forward function "
    .. "with return", nn.sequential(nn.new(Nothing), nn.relu()), calr.ones(2, 3))
  local net = nn.sequential(nn.avg_pool(), nn.new(Odd))
  net.dim = 3
  check.fails("gives a table for an image of 8x4, and must give features f32[1 x 3]", calr.models.check, net,
    { height = 8, width = 4 })
  check.fails("must say how wide its features are", calr.models.check, nn.sequential(nn.avg_pool()),
    { height = 8, width = 4 })
end)

check.finish()
