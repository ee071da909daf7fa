-- calr.loss: against PyTorch and the papers (tests/reference/loss), gradients by differences, what is in no table.
local check = require "check"
local calr = require "calr"
local T, loss = calr.tensor, calr.loss

local golden = dofile(os.getenv "CALR_TEST_REFERENCE" .. "/loss/golden.lua")

-- The layer, as a function of its centres.
local function centers(c, features, labels, reduction)
  local layer = loss.center(c:size(1), c:size(2), { reduction = reduction })
  layer.centers = c
  return layer(features, labels)
end

local functions = setmetatable({ centers = centers }, { __index = loss })

-- A case as a function of its differentiable inputs, the others of the given type.
local function evaluator(case, kind)
  local names, fixed = {}, {}
  for name in pairs(case.by) do names[#names + 1] = name end
  table.sort(names)
  for name, value in pairs(golden.inputs) do fixed[name] = T(value):to(kind) end
  for name, value in pairs(golden.labels) do fixed[name] = T(value, "i64") end
  for _, name in ipairs { "weight", "sample" } do fixed[name] = T(golden.inputs[name]) end
  if kind == "f64" then
    for _, name in ipairs { "weight", "sample" } do fixed[name] = fixed[name]:to "f64" end
  end
  local inputs = {}
  for i, name in ipairs(names) do inputs[i] = fixed[name]:detach():clone():requires_grad(true) end
  local fn = function(...)
    local given = setmetatable({}, { __index = function(_, name) return fixed[name] or functions[name] end })
    for i, name in ipairs(names) do given[name] = select(i, ...) end
    return assert(load("return " .. case.line, case.line, "t", given))()
  end
  return fn, inputs, names
end

local function compare(case, kind, tolerance)
  local fn, inputs, names = evaluator(case, kind)
  local value = fn(table.unpack(inputs))
  check.all_near(value:dim() == 0 and { value:item() } or value, type(case.value) == "number" and { case.value }
    or case.value, tolerance, case.line)
  value:sum():backward()
  for i, name in ipairs(names) do
    check.equal(inputs[i]:grad():dtype(), kind)
    check.all_near(inputs[i]:grad(), case.by[name], tolerance, ("%s, by %s in %s"):format(case.line, name, kind))
  end
end

for _, kind in ipairs { "f32", "f64" } do
  check.test("every loss and its gradient, in " .. kind, function()
    for _, case in ipairs(golden.cases) do
      local steep = case.line:find "circle" -- its scale of 128 multiplies rounding errors
      compare(case, kind, kind == "f64" and 1e-6 or steep and 2e-4 or 2e-5)
    end
  end)
end

check.test("bf16: what the same numbers in f32 give, gradients rounded once", function()
  local seen = 0
  for _, case in ipairs(golden.cases) do
    if not case.line:find "log_softmax" and not case.line:find "%* 30" then
      local fn, inputs = evaluator(case, "bf16")
      local twin, copies = evaluator(case, "f32")
      for i, x in ipairs(inputs) do copies[i] = x:detach():to "f32":requires_grad(true) end
      local value, wanted = fn(table.unpack(inputs)), twin(table.unpack(copies))
      check.equal(value:dtype(), "f32", case.line)
      -- Inputs that are not differentiated are bf16 in the one and f32 in the other.
      if #inputs > 1 or not case.line:find "soft,? " then
        check.all_near(value, wanted, 0.02, case.line)
        seen = seen + 1
      end
      value:sum():backward()
      for _, x in ipairs(inputs) do
        check.equal(x:grad():dtype(), "bf16")
        check.ok(x:grad():is_finite(), case.line)
      end
    end
  end
  check.ok(seen > 60)
end)

check.test("gradients by differences", function()
  local done, looked = {}, 0
  for _, case in ipairs(golden.cases) do
    local name = case.line:match "^[%w_]+"
    local kind = case.line:match "mining = \"(%w+)\"" or case.line:match "log_target" or ""
    -- Kinks: |x|, the hinge of batch all, and the circle loss, through whose factors no gradient flows.
    local smooth = name ~= "l1" and name ~= "circle" and name ~= "distillation" and not case.line:find "beta = 0"
      and not case.line:find "soft, { reduction" and not case.line:find "soft, { weight" and not case.line:find "hot"
    if smooth and not done[name .. kind] then
      done[name .. kind] = true
      local fn, inputs = evaluator(case, "f64")
      check.ok(calr.gradcheck(fn, inputs), case.line)
      looked = looked + 1
    end
  end
  check.ok(looked >= 15)
end)

check.test("the centres that follow", function()
  local layer = loss.center(4, 5, { learned = false })
  check.equal(#layer:parameters(), 0)
  layer.centers:copy(T(golden.inputs.h):narrow(1, 1, 4))
  layer:follow(T(golden.inputs.f), T(golden.labels.labels, "i64"))
  check.all_near(layer.centers, golden.moved, 1e-6)
  check.fails("make them with { learned = false }", function()
    local learned = loss.center(4, 5):init(1)
    learned:follow(T(golden.inputs.f), T(golden.labels.labels, "i64"))
  end)
  check.fails("alpha must be a number from 0 to 1, not 2", layer.follow, layer, T(golden.inputs.f),
    T(golden.labels.labels, "i64"), 2)
end)

check.test("the centres are learned by an optimiser, and saved", function()
  local layer = loss.center(2, 3):init(3)
  local x, y = T { { 1, 1, 1 }, { -1, 0, 2 } }, T({ 0, 1 }, "i64")
  local optimizer = calr.optim.sgd(layer:parameters(), { lr = .5 })
  for _ = 1, 60 do
    optimizer:zero_grad()
    layer(x, y):backward()
    optimizer:step()
  end
  check.all_near(layer.centers:detach(), x, 1e-4)
  check.ok(layer:state().centers)
end)

local x = T { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 }, { 1, 1, 0 } }

-- The value, and that no gradient is left.
local function nothing(line, fn, features)
  features = (features or x):detach():clone():requires_grad(true)
  local value = fn(features)
  check.equal(value:sum():item(), 0, line)
  value:sum():backward()
  check.equal(features:grad():abs():max():item(), 0, line)
end

check.test("batches without a pair to learn from give 0", function()
  local one, alone = T({ 2, 2, 2, 2 }, "i32"), T({ 0, 1, 2, 3 }, "i32")
  for _, labels in ipairs { one, alone } do
    for _, o in ipairs { { mining = "hard" }, { mining = "all" }, { mining = "weighted", margin = "soft" },
      { reduction = "none" }, { reduction = "sum" } } do
      nothing("triplet", function(f) return loss.triplet(f, labels, o) end)
    end
    nothing("circle", function(f) return loss.circle(f, labels) end)
  end
  nothing("supervised_contrastive", function(f) return loss.supervised_contrastive(f, alone) end)
  nothing("one image", function(f) return loss.triplet(f, T({ 0 }, "i64")) end, x:narrow(1, 1, 1))
  check.ok(loss.supervised_contrastive(x, one):item() > 0)
end)

check.test("images that are all the same have a finite gradient", function()
  local labels = T({ 0, 0, 1, 1 }, "i64")
  for _, value in ipairs { 0, 1 } do
    for name, fn in pairs {
      hard = function(f) return loss.triplet(f, labels) end,
      all = function(f) return loss.triplet(f, labels, { mining = "all", margin = "soft" }) end,
      weighted = function(f) return loss.triplet(f, labels, { mining = "weighted" }) end,
      squared = function(f) return loss.triplet(f, labels, { distance = "squared" }) end,
      cosine = function(f) return loss.triplet(f, labels, { distance = "cosine" }) end,
      circle = function(f) return loss.circle(f, labels) end,
      supervised = function(f) return loss.supervised_contrastive(f, labels) end,
      nce = function(f) return loss.info_nce(f, f) end,
      nt = function(f) return loss.nt_xent(f, f) end,
      embedding = function(f) return loss.cosine_embedding(f, f, T { 1, -1, 1, -1 }) end,
    } do
      local f = T.full({ 4, 3 }, value):requires_grad(true)
      local result = fn(f)
      result:backward()
      check.ok(result:is_finite() and f:grad():is_finite(), name)
    end
  end
end)

check.test("weights that are all 0, and labels that are all ignored, give 0", function()
  local labels, zero = T({ 0, 1, 2, 0 }, "i64"), T { 0, 0, 0, 0 }
  nothing("sample", function(f) return loss.cross_entropy(f, labels, { sample_weight = zero }) end)
  nothing("smooth", function(f)
    return loss.cross_entropy(f, labels, { sample_weight = zero, label_smoothing = .1 })
  end)
  nothing("class", function(f) return loss.cross_entropy(f, labels, { weight = T { 0, 0, 0 } }) end)
  local none = T.full({ 4 }, -1, "i64")
  nothing("ignored", function(f) return loss.cross_entropy(f, none, { ignore_index = -1 }) end)
  nothing("ignored, smooth", function(f)
    return loss.cross_entropy(f, none, { ignore_index = -1, label_smoothing = .1 })
  end)
  nothing("soft", function(f) return loss.cross_entropy(f, x, { sample_weight = zero }) end)
end)

check.test("NaN in the features shows in the loss, also where mining chooses", function()
  local bad, labels = x:clone(), T({ 0, 0, 1, 1 }, "i64")
  bad:set(2, 1, 0 / 0)
  for name, value in pairs {
    hard = loss.triplet(bad, labels), weighted = loss.triplet(bad, labels, { mining = "weighted" }),
    all = loss.triplet(bad, labels, { mining = "all" }), circle = loss.circle(bad, labels),
    supervised = loss.supervised_contrastive(bad, labels), nce = loss.info_nce(bad, x), nt = loss.nt_xent(bad, x),
    entropy = loss.cross_entropy(bad, labels), mse = loss.mse(bad, x),
    nothing = loss.triplet(bad, T({ 0, 0, 0, 0 }, "i64")),
  } do
    check.ok(value:isnan():item(), name)
  end
end)

check.test("huge logits", function()
  local big = T { { 1e4, -1e4, 0 }, { 3e38, 0, 0 } }
  check.near(loss.cross_entropy(big, T({ 1, 0 }, "i64"), { reduction = "sum" }):item(), 2e4, 1)
  check.near(loss.bce_with_logits(T { -1e4, 1e4 }, T { 1, 0 }):item(), 1e4, 1)
  check.equal(loss.bce_with_logits(T { -1e4, 1e4 }, T { 0, 1 }):item(), 0)
end)

check.test("labels of each whole type", function()
  local wanted = loss.cross_entropy(x, T({ 0, 1, 2, 0 }, "i64")):item()
  for _, kind in ipairs { "i32", "u8" } do
    check.equal(loss.cross_entropy(x, T({ 0, 1, 2, 0 }, kind)):item(), wanted)
  end
  check.ok(loss.cross_entropy(T { { 1 }, { 3 } }, T({ 0, 0 }, "i64")):item() == 0, "a single class")
end)

check.test("what does not fit is named at the line of the script", function()
  local labels = T({ 0, 1, 2, 0 }, "i64")
  local function refused(text, fn)
    check.fails(text, fn)
    check.fails("test_loss.lua:", fn)
  end
  refused("calr.loss.cross_entropy: label 3 (item 2) is not one of the classes 0 to 2", function()
    return (loss.cross_entropy(x, T({ 0, 3, 0, 0 }, "i64")))
  end)
  refused("label -1 (item 4) is not one of the classes 0 to 2; ignore_index = -1 leaves such items out", function()
    return (loss.cross_entropy(x, T({ 0, 0, 0, -1 }, "i64")))
  end)
  refused("label 9 (item 1)", function() return (loss.nll(x, T({ 9, 0, 0, -1 }, "i64"))) end)
  refused("labels must be whole numbers, i64[4], or soft targets, f32[4 x 3], not i64[3]", function()
    return (loss.cross_entropy(x, T({ 0, 1, 2 }, "i64")))
  end)
  refused("logits, f32[4 x 3], and targets, f32[4], differ in shape", function()
    return (loss.cross_entropy(x, T { 0, 1, 2, 0 }))
  end)
  refused("weight must be f32[3], one a class, not f32[2]", function()
    return (loss.cross_entropy(x, labels, { weight = T { 1, 2 } }))
  end)
  refused("sample_weight must be 0 or more", function()
    return (loss.cross_entropy(x, labels, { sample_weight = T { 1, 2, -1, 0 } }))
  end)
  refused("\"label_smoothing\" must be from 0 to 1, not 2", function()
    return (loss.cross_entropy(x, labels, { label_smoothing = 2 }))
  end)
  refused("must be f32[... x classes], at least one row and one class", function()
    return (loss.cross_entropy(T.zeros { 0, 3 }, T({}, "i64")))
  end)
  refused("has no option \"label_smooting\" (did you mean \"label_smoothing\"?)", function()
    return (loss.cross_entropy(x, labels, { label_smooting = .1 }))
  end)
  refused("options are a table, not a tensor", function() return (loss.cross_entropy(x, labels, T { 1, 2, 3 })) end)
  refused("input, f32[4 x 3], and target, f32[4], differ in shape", function()
    return (loss.mse(x, T { 1, 2, 3, 4 }))
  end)
  refused("input must be a tensor of real numbers, not i64[4]", function() return (loss.l1(labels, labels)) end)
  refused("\"delta\" must be above 0, not 0", function() return (loss.huber(x, x, { delta = 0 })) end)
  refused("\"reduction\" must be \"mean\", \"sum\", \"none\", not \"avg\"", function()
    return (loss.mse(x, x, { reduction = "avg" }))
  end)
  refused("target must hold 1 and -1 only", function() return (loss.cosine_embedding(x, x, T { 1, 0, 1, 1 })) end)
  refused("labels must be whole numbers, i64[4], a label for each row, not f32[4]", function()
    return (loss.triplet(x, T { 0, 1, 0, 1 }))
  end)
  refused("(did you mean \"hard\"?)", function() return (loss.triplet(x, labels, { mining = "hrad" })) end)
  refused("reduction must be \"mean\" or \"sum\"", function()
    return (loss.triplet(x, labels, { mining = "all", reduction = "none" }))
  end)
  refused("nonzero belongs to mining = \"all\"", function() return (loss.triplet(x, labels, { nonzero = true })) end)
  refused("features, f32[0 x 3], are empty", function() return (loss.circle(T.zeros { 0, 3 }, T({}, "i64"))) end)
  refused("differ in the length of their rows", function()
    return (loss.info_nce(x, x, { negatives = T { { 1, 2 } } }))
  end)
  refused("label 2 is not one of the classes 0 to 1", function() return (loss.center(2, 3):init(1)(x, labels)) end)
  refused("features must be f32[n x 4]", function() return (loss.center(2, 4):init(1)(x, labels)) end)
  refused("classes must be a whole number from 1, not 0", function() return (loss.center(0, 4)) end)
  refused("calr.loss has no \"mse_loss\" (did you mean \"mse\"?)", function() return (loss.mse_loss) end)
  refused("(did you mean \"bce_with_logits\"?)", function() return (loss.binary_cross_entropy_with_logits) end)
  refused("takes at most 3 arguments, and 4 were given", function() return (loss.mse(x, x, {}, 1)) end)
end)

check.finish()
