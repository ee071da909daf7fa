-- calr.ops against PyTorch and against finite differences, on each backend that is built in.
local check = require "check"
local cases = require "ops_cases"
local T = require "calr.tensor"
local ops = require "calr.tensor"
local autograd = require "calr.autograd"
local rng = require "calr.rng"

check.each_backend "test_ops"

local golden = cases.golden()

for _, case in ipairs(golden.cases) do
  check.test(case.name, function()
    local variables = cases.variables(case, true)
    local y = cases.evaluate(case, variables)
    local dy = cases.tensor(case.dy)
    check.equal(table.concat(y:shape(), " "), table.concat(case.y.shape, " "), "shape")
    check.all_near(y:contiguous():reshape { -1 }, case.y, 1e-5, "y")
    ops.sum(y * dy):backward()
    local grads = {}
    for name, expected in pairs(case.grads) do
      grads[name] = variables[name]:grad()
      check.equal(table.concat(grads[name]:shape(), " "), table.concat(expected.shape, " "), "shape of d" .. name)
      check.all_near(grads[name]:contiguous():reshape { -1 }, expected, 5e-5, "d" .. name)
    end
    for name, expected in pairs(case.after or {}) do
      check.all_near(variables[name], expected, 1e-5, name .. " afterwards")
    end
    if not case.name:find "memory" and not case.name:find "reverse" then -- too steep; no derivative
      local worst, where, looked, kinks = cases.differences(case, dy, grads)
      check.ok(worst < 5e-3, where)
      check.ok(kinks <= looked / 4, ("%d kinks among %d elements"):format(kinks, looked))
    end
  end)
end

check.test("an input that needs no gradient gets none", function()
  local x, w = T.full({ 1, 3, 3, 1 }, 1), T.full({ 1, 1, 3, 3 }, 1):requires_grad(true)
  ops.conv2d(x, w, { padding = 1 }):sum():backward()
  check.equal(x:grad(), nil)
  check.equal(w:grad():get(1, 1, 2, 2), 9)
  local b = T.zeros({ 1 }):requires_grad(true)
  ops.conv2d(x, w:detach(), { bias = b }):sum():backward()
  check.equal(b:grad():get(), 1)
end)

check.test("batch_norm: groups are what batches of their own give", function()
  local function random(shape, seed) return rng.open { seed = seed }:fill_normal(T.zeros(shape)) end
  for _, activation in ipairs { "none", "relu", "silu" } do
    for _, kind in ipairs { "f32", "bf16" } do
      local x, r = random({ 6, 3, 2, 8 }, 1):to(kind):requires_grad(true), random({ 6, 3, 2, 8 }, 2):to(kind)
        :requires_grad(true)
      local gamma, beta = random({ 8 }, 3):requires_grad(true), random({ 8 }, 4):requires_grad(true)
      local mean, var, dy = random({ 8 }, 5), random({ 8 }, 6):abs(), random({ 6, 3, 2, 8 }, 7):to(kind)
      local function all(group, batches)
        local means, vars, ys = {}, {}, {}
        local size = 6 // batches
        for i = 1, batches do
          means[i], vars[i] = mean:clone(), var:clone()
          ys[i] = ops.batch_norm(x:narrow(1, (i - 1) * size + 1, size), gamma, beta, means[i], vars[i],
            { training = true, activation = activation, group = group,
              residual = r:narrow(1, (i - 1) * size + 1, size) })
        end
        local y = ops.cat(ys, 1)
        local grads = autograd.grad((y:to "f32" * dy:to "f32"):sum(), { x, r, gamma, beta })
        return y:detach():to "f32", grads, T.stack(means):mean(1), T.stack(vars):mean(1)
      end
      local y, grads, m, v = all(2, 1)
      local y3, grads3, m3, v3 = all(0, 3)
      check.ok(y:equal(y3), "the same bits")
      for i = 1, 2 do check.ok(grads[i]:equal(grads3[i]), "gradient " .. i) end
      for i = 3, 4 do check.all_near(grads[i], grads3[i], kind == "f32" and 1e-5 or 1e-2) end
      check.all_near(m, m3, 1e-6)
      check.all_near(v, v3, 1e-6)
      check.ok(not y:equal((all(0, 1))), "the whole batch differs")
      check.ok(y:equal((all(2, 1))))
      check.ok((all(6, 1)):equal((all(0, 1))) and (all(100, 1)):equal((all(0, 1))), "a group of all, or larger")
    end
  end
  check.fails("a batch of 6 cannot be split into groups of 4", ops.batch_norm, T.zeros { 6, 2 }, nil, nil, nil, nil,
    { training = true, group = 4 })
  check.fails("\"group\"", ops.batch_norm, T.zeros { 6, 2 }, nil, nil, nil, nil, { training = true, group = -1 })
end)

check.test("convolutions: options are checked", function()
  local x, w = T.zeros { 1, 4, 4, 2 }, T.zeros { 3, 2, 3, 3 }
  check.equal(tostring(ops.conv2d(x, w, { padding = "same", stride = 3 })), "f32[1 x 2 x 2 x 3]")
  check.fails("not \"valid\"", ops.conv2d, x, w, { padding = "valid" })
  check.fails("{down, across} or {top, bottom, left, right}, not a list of 3", ops.conv2d, x, w,
    { padding = { 1, 1, 1 } })
  check.fails("{down, across}, not a list of 4", ops.conv2d, x, w, { stride = { 1, 1, 1, 1 } })
  check.fails("\"stride\" must hold whole numbers of 1 .. 1048576, not 0", ops.conv2d, x, w, { stride = { 1, 0 } })
  check.fails("\"dilation\" must be a whole number or a list", ops.conv2d, x, w, { dilation = true })
  check.fails("a kernel of 5 does not fit into 4 + 0 of padding", ops.conv2d, x, w, { dilation = 2 })
  local t = T.zeros { 2, 3, 3, 3 }
  check.equal(tostring(ops.conv_transpose2d(x, t, { stride = 2 })), "f32[1 x 9 x 9 x 3]")
  check.fails("output_padding must be below the stride: 2 is not below 2", ops.conv_transpose2d, x, t,
    { stride = 2, output_padding = 2 })
  check.fails("no padding \"same\"", ops.conv_transpose2d, x, t, { padding = "same" })
  check.fails("leaves nothing", ops.conv_transpose2d, x, t, { padding = 3 })
  check.fails("takes 3", ops.conv_transpose2d, x, T.zeros { 3, 2, 3, 3 })
  check.fails("bias must be f32[3]", ops.conv_transpose2d, x, t, { bias = T.zeros { 2 } })
  check.equal(tostring(ops.conv2d(T.zeros { 0, 4, 4, 2 }, w)), "f32[0 x 2 x 2 x 3]")
  check.equal(tostring(ops.conv_transpose2d(T.zeros { 0, 4, 4, 2 }, t, { bias = T.zeros { 3 } })), "f32[0 x 6 x 6 x 3]")
end)

check.test("batch_norm: statistics may stay away in training, and are not touched in evaluation", function()
  local x = T { { 1, 2 }, { 3, 6 } }
  check.all_near(ops.batch_norm(x, nil, nil, nil, nil, { training = true }), { { -1, -1 }, { 1, 1 } }, 1e-4)
  local mean, var = T { 1, 2 }, T { 1, 1 }
  ops.batch_norm(x, nil, nil, mean, var)
  check.all_near(mean, { 1, 2 }, 0)
  check.fails("are needed, both", ops.batch_norm, x, nil, nil, mean, nil)
  check.fails("are needed, both", ops.batch_norm, x, nil, nil, nil, nil)
  check.fails("running_var must be f32[2], not f32[3]", ops.batch_norm, x, nil, nil, mean, T.zeros { 3 })
  check.fails("strided view", ops.batch_norm, x, nil, nil, T.zeros({ 2, 2 }):select(2, 1), var)
end)

check.test("matmul: the scale is that of the product, and of its gradients", function()
  local function run(scaled, options)
    local a = T { { 1, 2, -1 }, { 0, 3, 2 }, { 1, 1, 4 } }:requires_grad(true)
    local b = T { { 2, -1, 0 }, { 1, 5, 1 }, { 3, 0, -2 } }:requires_grad(true)
    options.scale = scaled and -2.5 or nil
    local y = ops.matmul(a, b, options)
    if not scaled then y = y * -2.5 end
    require("calr.autograd").backward(ops.sum(y * y))
    return { y, a:grad(), b:grad() }
  end
  for _, options in ipairs { {}, { transpose_a = true }, { transpose_b = true }, { transpose_a = true,
    transpose_b = true } } do
    local one, other = run(true, options), run(false, options)
    for i = 1, 3 do check.all_near(one[i], other[i], 1e-3) end
  end
end)

check.test("dropout: its mask has a name", function()
  local x = T.full({ 1000 }, 1):requires_grad(true)
  local a = ops.dropout(x, { p = .25, seed = 1, epoch = 2, index = 3 })
  local b = ops.dropout(x, { p = .25, seed = 1, epoch = 2, index = 3 })
  local c = ops.dropout(x, { p = .25, seed = 1, epoch = 2, index = 4 })
  check.ok(a:equal(b))
  check.ok(not a:equal(c))
  check.near(a:mean():get(), 1, .1)
  check.near(a:max():item(), 4 / 3, 1e-6)
  check.equal(a:min():item(), 0)
  a:sum():backward()
  check.ok(x:grad():equal(a:detach()))
  check.ok(ops.dropout(x, { training = false }):equal(x))
  check.fails("below 1", ops.dropout, x, { p = 1 })
end)

check.test("reverse_gradient", function()
  local x = T({ 1, 2 }):requires_grad(true)
  local y = ops.reverse_gradient(x, .5)
  check.ok(y:equal(x))
  y:sum():backward()
  check.all_near(x:grad(), { -.5, -.5 }, 0)
end)

check.test("empty tensors", function()
  local x = T.zeros({ 0, 3 }):requires_grad(true)
  check.equal(tostring(x:relu() + 1), "f32[0 x 3]")
  check.equal(x:sum():get(), 0)
  check.all_near(x:sum(1), { 0, 0, 0 }, 0)
  check.equal(tostring(ops.linear(x, T.zeros { 2, 3 }, T.zeros { 2 })), "f32[0 x 2]")
  check.equal(tostring(x:l2_normalize()), "f32[0 x 3]")
  check.fails("no items to take the mean of", x.mean, x)
  check.fails("are empty", ops.cross_entropy, x, T({}, "i32"))
  check.equal(tostring(ops.cat { x, T.zeros { 2, 3 } }), "f32[2 x 3]")
  ops.linear(x, T.zeros { 2, 3 }):sum():backward()
  check.equal(tostring(x:grad()), "f32[0 x 3]")
  check.equal(tostring(ops.conv2d(T.zeros { 0, 4, 4, 3 }, T.zeros { 2, 3, 3, 3 })), "f32[0 x 2 x 2 x 2]")
end)

check.test("errors say what does not fit", function()
  local x, y = T.zeros { 2, 3 }, T.zeros { 2, 4 }
  check.fails("add: the shapes of f32[2 x 3] and f32[2 x 4] do not fit", ops.add, x, y)
  check.fails("mul: f16 numbers are kept", function() return T({ 1 }, "f16") * 2 end)
  check.fails("tensor expected", ops.add, x, "text")
  check.fails("matmul: f32[2 x 3] and f32[2 x 4] do not fit", ops.matmul, x, y)
  check.fails("linear: x, f32[2 x 3], and w, f32[2 x 4], differ", ops.linear, x, y)
  check.fails("bias must be f32[2], not f32[3]", ops.linear, x, x, T.zeros { 3 })
  check.fails("conv2d: x must be f32[n x h x w x c]", ops.conv2d, x, y)
  check.fails("has 3 channels but w", ops.conv2d, T.zeros { 1, 4, 4, 3 }, T.zeros { 2, 4, 3, 3 })
  check.fails("takes 3 in each of 2 groups", ops.conv2d, T.zeros { 1, 4, 4, 3 }, T.zeros { 2, 3, 3, 3 }, { groups = 2 })
  check.fails("3 groups must divide both the 6 input and the 4 output", ops.conv2d, T.zeros { 1, 4, 4, 6 },
    T.zeros { 4, 2, 3, 3 }, { groups = 3 })
  check.fails("groups", ops.conv2d, T.zeros { 1, 4, 4, 3 }, T.zeros { 2, 3, 3, 3 }, { groups = 0 })
  check.fails("conv2d", ops.conv2d, T.zeros { 1, 2, 2, 3 }, T.zeros { 2, 3, 3, 3 })
  check.fails("unknown option \"pading\" (did you mean \"padding\"?)", ops.conv2d, x, y, { pading = 1 })
  check.fails("label 3 (item 2) is not one of the classes 0 to 2", ops.cross_entropy, x, T({ 0, 3 }, "i32"))
  check.fails("label -1 (item 1)", ops.cross_entropy, x, T({ -1, 3 }, "i32"))
  check.fails("labels must be i32[n], not f32[2]", ops.cross_entropy, x, T { 0, 1 })
  check.fails("differ in length", ops.cross_entropy, x, T({ 0 }, "i32"))
  check.fails("the weight of class 1 is -1", ops.cross_entropy, x, T({ 0, 1 }, "i32"), { weights = T { 1, -1, 0 } })
  check.fails("p must be above 0", ops.gem, T.zeros { 1, 2, 2, 1 }, T { 0 })
  check.fails("no dimension 3", ops.sum, x, 3)
  check.fails("outside the 2 items, from 0, of dimension 1", ops.index_select, x, 1, T({ 2 }, "i64"))
  check.fails("must agree in all but dimension 1", ops.cat, { x, y })
  check.fails("i64[2] (tensor 2) are of different types; convert one with x:to(type)", ops.cat,
    { T { 1, 2 }, T({ 1, 2 }, "i64") })
  check.fails("item 2 is a number, not a tensor", ops.cat, { x, 1 })
  check.fails("at least one tensor", ops.cat, {})
  check.fails("eps must be above 0", ops.l2_normalize, x, { eps = 0 })
end)

check.test("helpers without gradients", function()
  local t = T { { 1, -7, 3 }, { 2, 0, 3 } }
  check.equal(t:max():item(), 3)
  check.equal(t:min():item(), -7)
  check.all_near(t:argmax(2), { 2, 2 }, 0)
  check.all_near(t:argmax(1), { 1, 1, 0 }, 0)
  check.equal(t:argmax(1):dtype(), "i64")
  check.near(t:norm():item(), math.sqrt(72), 1e-6)
  check.ok(t:is_finite())
  check.ok(not T({ 1, 1 / 0 }):is_finite())
  check.ok(not T({ 1, 0 / 0 }):is_finite())
  check.ok(T({ 1 / 0, 0 / 0 }):max():item() ~= T({ 1 / 0, 0 / 0 }):max():item()) -- NaN
  check.equal(T({ 1 / 0, -1 / 0 }):max():item(), 1 / 0)
  check.equal(T({ 3, -2 }, "i32"):min():item(), -2)
  check.equal(math.type(T({ 3, -2 }, "i32"):max():item()), "integer")
  check.fails("no items to find the largest of", T.zeros({ 0 }).max, T.zeros { 0 })
  local long = T.zeros { 200000 }
  long:set(150000, 5)
  check.equal(long:max():item(), 5)
  check.equal(long:argmax(1):get(), 149999)
  check.equal(T({ 1, 0 / 0, 2 }):argmax(1):get(), 1)
  long:set(199999, 0 / 0)
  check.ok(not long:is_finite())
end)

check.finish()
