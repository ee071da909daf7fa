-- calr.autograd: the tape from Lua, operations written in Lua, no_grad, stale tensors, memory.
local check = require "check"
local T = require "calr.tensor"
local ops = require "calr.tensor"
local autograd = require "calr.autograd"

local function line()
  return debug.getinfo(2, "l").currentline
end

check.test("gradients add up in declared tensors", function()
  local x = T({ 1, 2 }):requires_grad(true)
  check.equal(x:requires_grad(), true)
  check.equal(x:grad(), nil)
  local y = x * 3
  check.ok(y:requires_grad())
  check.equal(y:grad(), nil)
  y:sum():backward()
  check.all_near(x:grad(), { 3, 3 }, 0)
  local held = x:grad()
  autograd.backward((x * x):sum())
  check.all_near(x:grad(), { 5, 7 }, 0)
  check.all_near(held, { 5, 7 }, 0, "the gradient itself, not a copy")
  x:zero_grad()
  check.equal(x:grad(), nil)
  x:set_grad(T { 1, 1 })
  autograd.backward((x * 1):sum())
  check.all_near(x:grad(), { 2, 2 }, 0)
  check.fails("cannot be f32[3]", x.set_grad, x, T { 1, 2, 3 })
  check.equal(x:requires_grad(false):requires_grad(), false)
end)

check.test("two parameters never share a gradient's memory", function()
  local a, b = T({ 1 }):requires_grad(true), T({ 2 }):requires_grad(true)
  autograd.backward((a + b):sum())
  a:grad():fill(9)
  check.equal(b:grad():get(), 1)
end)

check.test("a loss that is a declared tensor itself", function()
  local x = T(2):requires_grad(true)
  x:backward()
  x:backward()
  check.equal(x:grad():get(), 2)
end)

check.test("what backward refuses", function()
  local x = T({ 1, 2 }):requires_grad(true)
  check.fails("not from f32[2]", autograd.backward, x * 2)
  check.fails("no tensor with requires_grad(true)", autograd.backward, T(1))
  check.fails("no tensor with requires_grad(true)", autograd.backward, (x * 2):sum():detach())
  local loss = (x * 2):sum()
  loss:backward()
  check.fails("used by an earlier backward()", autograd.backward, loss)
  local shared = x:exp()
  shared:sum():backward()
  check.fails("exp: this graph was used", autograd.backward, (shared * 2):sum())
  check.fails("only f32, f64 and bf16 tensors have gradients", function() T({ 1 }, "i32"):requires_grad(true) end)
  check.fails("was computed from tensors that need", function() (x * 2):requires_grad(false) end)
end)

check.test("a tensor changed in place is named", function()
  local x, w = T({ { 1, 2 } }):requires_grad(true), T({ { 3, 4 } }):requires_grad(true)
  local loss = ops.linear(x, w):sum()
  w:detach():fill(0)
  check.fails("linear: w, f32[1 x 2], was changed in place", autograd.backward, loss)
  check.equal(x:grad(), nil, "nothing was added")
  local y = x:exp()
  loss = y:sum()
  autograd.no_grad(function() y:fill(1) end)
  check.fails("exp: its output, f32[1 x 2], was changed in place", autograd.backward, loss)
  -- through a view
  loss = (x * x):sum()
  x:detach():select(1, 1):set(1, 7)
  check.fails("mul: the first operand", autograd.backward, loss)
  -- what is not needed may change
  loss = (x + 1):sum()
  autograd.no_grad(function() x:fill(0) end)
  loss:backward()
  check.all_near(x:grad(), { 1, 1 }, 0)
end)

check.test("writing into a computed tensor", function()
  local x = T({ 1, 2 }):requires_grad(true)
  local y = x * 2
  local rng = require("calr.rng").open {}
  for _, write in ipairs {
    function() y:fill(0) end, function() y:set(1, 0) end, function() y:copy(T { 0, 0 }) end,
    function() rng:fill_normal(y) end, function() rng:fill_uniform(y) end,
  } do
    check.fails("writing into it would make them wrong", write)
    autograd.no_grad(write)
  end
end)

check.test("writing into a tensor that needs a gradient", function()
  local mask, rows, columns = T({ true, false }), T({ 1, 0 }, "i64"), T({ 0, 1 }, "i64")
  local other = T { 3, 4 }
  local rng = require("calr.rng").open {}
  for name, write in pairs {
    fill = function(x) x:fill(0) end, set = function(x) x:set(1, 0) end, copy = function(x) x:copy(other) end,
    apply_ = function(x) x:apply_(math.abs) end, add_ = function(x) x:add_(1) end, relu_ = function(x) x:relu_() end,
    masked_fill_ = function(x) x:masked_fill_(mask, 0) end, div_ = function(x) x:div_(2, "trunc") end,
    masked_scatter_ = function(x) x:masked_scatter_(mask, other) end,
    index_add_ = function(x) x:index_add_(1, rows, other) end,
    index_copy_ = function(x) x:index_copy_(1, rows, other) end,
    index_fill_ = function(x) x:index_fill_(1, rows, 0) end, index_put = function(x) x:index_put_({ rows }, 0) end,
    scatter_ = function(x) x:scatter_(1, columns, other) end,
    scatter_add_ = function(x) x:scatter_add_(1, columns, other) end,
    ["x%[%.%.%.%] = value"] = function(x) x[1] = 0 end,
    [""] = function(x) rng:fill_normal(x) end,
  } do
    local x = T({ 1, 2 }):requires_grad(true)
    local ok, message = pcall(write, x)
    check.ok(not ok, name .. " is refused")
    check.ok(message:find(name .. ".*f32%[2%] needs a gradient, which writing into it would make wrong"), message)
    check.all_near(x:detach(), { 1, 2 }, 0, name .. " changed nothing")
    autograd.no_grad(write, x)
    write(x:detach())
  end
  -- an item's name does not become part of the message, and a mask of rows is refused too
  local x = T({ 1, 2 }):requires_grad(true)
  check.fails("x[...] = value: f32[2] needs a gradient", function() x[mask] = 0 end)
  check.fails("x[...] = value: the gradient of f32[2] would be lost", function() other[rows] = x end)
end)

check.test("no_grad", function()
  local x = T({ 1, 2 }):requires_grad(true)
  check.ok(autograd.recording())
  local y, inside, more = autograd.no_grad(function(a, b)
    check.equal(b, 5)
    return a * 2, autograd.recording(), autograd.no_grad(autograd.recording)
  end, x, 5)
  check.equal(y:requires_grad(), false)
  check.equal(inside, false)
  check.equal(more, false)
  check.ok(autograd.recording())
  check.fails("boom", autograd.no_grad, function() autograd.no_grad(error, "boom") end)
  check.ok(autograd.recording(), "comes back after an error")
  check.equal(require("calr").no_grad, autograd.no_grad)
end)

check.test("views pass gradients on", function()
  local x = T({ { 1, 2, 3 }, { 4, 5, 6 } }):requires_grad(true)
  local loss = x:narrow(2, 2, 2):transpose(1, 2):contiguous():reshape({ -1 }):clone():to("f32"):sum()
  autograd.backward(loss + x:select(1, 2):sum() * 10)
  check.all_near(x:grad(), { { 0, 1, 1 }, { 10, 11, 11 } }, 0)
  local integers = T({ 1, 2 }, "i32")
  check.equal(integers:reshape({ 2, 1 }):requires_grad(), false)
  check.equal(x:to("i32"):requires_grad(), false)
end)

check.test("an operation of one's own", function()
  local cube = autograd.op {
    name = "cube",
    forward = function(ctx, x, factor)
      check.equal(autograd.recording(), false)
      ctx:save(x)
      ctx.factor = factor
      return x * x * x * factor
    end,
    backward = function(ctx, dy)
      local x = ctx:saved()
      check.equal(x:requires_grad(), false)
      return dy * x * x * (3 * ctx.factor), nil
    end,
  }
  local x = T({ 1, -2 }):requires_grad(true)
  local y = cube(x, 2)
  check.ok(y:requires_grad())
  check.all_near(y, { 2, -16 }, 0)
  y:sum():backward()
  check.all_near(x:grad(), { 6, 24 }, 1e-6)
  check.equal(cube(T { 2 }, 1):requires_grad(), false)
  -- inside a larger graph, twice
  x:zero_grad()
  cube(cube(x * 1, 1), 1):sum():backward()
  check.all_near(x:grad(), { 9, 9 * 256 }, 1e-3)
  -- saved tensors are watched
  local loss = cube(x, 1):sum()
  x:detach():fill(1)
  check.fails("cube: saved tensor 1, f32[2], was changed in place", autograd.backward, loss)
end)

check.test("two inputs, an identity, an absent gradient", function()
  local pair = autograd.op {
    name = "pair",
    forward = function(_, a, _) return a end,
    backward = function(_, dy) return dy, nil end,
  }
  local a, b = T({ 1 }):requires_grad(true), T({ 2 }):requires_grad(true)
  local y = pair(a, b)
  check.ok(not rawequal(y, a))
  autograd.backward((y * 5):sum())
  check.equal(a:grad():get(), 5)
  check.equal(b:grad(), nil)
  -- a tensor that forward did not make stays what it is
  local buffer = T { 1 }
  local constant = autograd.op { forward = function() return buffer end, backward = function() return nil end }
  check.ok(constant(a):requires_grad())
  check.equal(buffer:requires_grad(), false)
end)

check.test("errors of an operation of one's own", function()
  local x = T({ 1, 2 }):requires_grad(true)
  local function try(forward, backward)
    autograd.op({ name = "mine", forward = forward, backward = backward })(x):sum():backward()
  end
  local function id(_, y) return y * 1 end
  local function broken() error("a slip") end
  local here = line() - 1
  local place = ("test_autograd.lua:%d: a slip"):format(here)
  check.fails("mine: ", try, broken, id)
  check.fails(place, try, broken, id)
  check.fails("backward of mine: ", try, id, broken)
  check.fails(place, try, id, broken)
  check.fails("mine: forward must return a tensor, not a nil", try, function() end, id)
  check.fails("forward must return f32 or bf16", try, function() return T({ 1 }, "i32") end, id)
  check.fails("backward returned 0 values; there must be one for each of the 1 arguments", try, id, function() end)
  check.fails("backward returned 2 values", try, id, function(_, dy) return dy, dy end)
  check.fails("a number as the gradient of argument 1", try, id, function() return 1 end)
  check.fails("backward returned f32[3] as the gradient of tensor 1, which is f32[2]", try, id,
    function() return T { 1, 2, 3 } end)
  check.fails("must be a function, not a nil", autograd.op, { name = "mine", forward = id })
  check.fails("unknown option \"foward\"", autograd.op, { foward = id })
  check.fails("tensor expected", try, function(ctx, y) ctx:save(1) return y end, id)
  -- an error that is no text comes out as it went in, through the engine
  local thing = setmetatable({}, { __tostring = function() return "thing" end })
  local ok, caught = pcall(try, id, function() error(thing) end)
  check.ok(not ok and rawequal(caught, thing))
  ok, caught = pcall(try, function() error(thing) end, id)
  check.ok(not ok and rawequal(caught, thing))
  check.ok(autograd.recording(), "recording goes on after an error")
  check.fails("boom", try, id, function() error("boom", 0) end)
end)

check.test("from a coroutine", function()
  local square = autograd.op {
    forward = function(ctx, x) ctx:save(x) return x * x end,
    backward = function(ctx, dy) return ctx:saved() * dy * 2 end,
  }
  local x = T({ 3 }):requires_grad(true)
  local loss = coroutine.wrap(function() return square(x):sum() end)()
  coroutine.wrap(function() loss:backward() end)()
  check.equal(x:grad():get(), 6)
  collectgarbage()
end)

local function live()
  collectgarbage()
  collectgarbage()
  return T.memory().live
end

check.test("memory: backward gives back what was saved, and so does dropping a graph", function()
  local x = T.full({ 256, 256 }, .5):requires_grad(true)
  local own = autograd.op {
    forward = function(ctx, a) ctx:save(a) return a:exp() end,
    backward = function(ctx, dy) return ctx:saved() * dy end,
  }
  local function graph()
    local y = x
    for _ = 1, 10 do y = own((y * .9):l2_normalize()):relu() end
    return y:mean()
  end
  local before = live()
  local loss = graph()
  local held = live()
  check.ok(held - before > 20 * 256 * 256 * 4, "the graph holds its intermediates")
  loss:backward()
  check.ok(live() - before < 2 * 256 * 256 * 4, "only the gradient stays")
  check.ok(loss:get() > 0)
  x:zero_grad()
  check.ok(live() - before <= 1024)
  loss = nil -- luacheck: ignore
  graph()
  check.equal(live(), before)
  autograd.no_grad(graph)
  check.equal(live(), before)
end)

check.test("very deep graphs", function()
  local x = T({ 1 }):requires_grad(true)
  local y = x
  for _ = 1, 100000 do y = y + 1 end
  y:sum():backward()
  check.equal(x:grad():get(), 1)
  y = x
  for _ = 1, 100000 do y = y + x end
  y = nil -- luacheck: ignore
  collectgarbage()
  check.ok(true)
end)

check.test("the same bits every time", function()
  local rng = require("calr.rng").open { seed = 3 }
  local w, x = rng:fill_normal(T.zeros { 40, 50 }), rng:fill_normal(T.zeros { 30, 50 })
  local function gradient()
    local p = w:clone():requires_grad(true)
    local h = ops.linear(x, p)
    autograd.backward((h:softmax() * h + h:relu()):sum())
    return p:grad()
  end
  check.ok(gradient():equal(gradient()))
end)

-- `depth` residual blocks of linear maps and batch norms; after(tensor) is called with every output once it was used.
local function blocks(depth, x, weights, after)
  local rng = require("calr.rng").open { seed = 8 }
  local gamma = rng:fill_uniform(T.zeros { 6 }, 0.5, 1.5)
  local norm = { training = true, relu = true }
  local y = x
  for _ = 1, depth do
    local a = ops.linear(y, weights[1])
    local b = ops.batch_norm(a, gamma, nil, nil, nil, norm)
    local c = ops.linear(b, weights[2])
    local z = ops.batch_norm(c, gamma, nil, nil, nil, { training = true, relu = true, residual = y })
    for _, done in ipairs { a, b, c, y ~= x and y or nil } do after(done) end
    y = z
  end
  return y
end

local function block_gradients(depth, after)
  local rng = require("calr.rng").open { seed = 7 }
  local x = rng:fill_normal(T.zeros { 40, 6 }):requires_grad(true)
  local weights = {}
  for i = 1, 2 do weights[i] = rng:fill_normal(T.zeros { 6, 6 }):requires_grad(true) end
  local y = blocks(depth, x, weights, after)
  autograd.backward((y * y):mean())
  return { x:grad(), weights[1]:grad(), weights[2]:grad() }
end

check.test("outputs that are made again give the same bits", function()
  local before <close> = setmetatable({ autograd.keep_below(0) }, { -- luacheck: ignore
    __close = function(self) autograd.keep_below(self[1]) end })
  check.equal(autograd.keep_below(), 0)
  for _, depth in ipairs { 1, 2, 3, 20, 40 } do -- 40 is more than are made in a row
    local kept = {}
    autograd.keep_below(math.maxinteger)
    local want = block_gradients(depth, function(t) kept[#kept + 1] = t end)
    autograd.keep_below(0)
    local got = block_gradients(depth, function(t) t:close() end)
    for i = 1, 3 do
      check.ok(want[i]:is_finite() and want[i]:norm():item() > 0)
      check.ok(want[i]:equal(got[i]), ("gradient %d of %d blocks"):format(i, depth))
    end
  end
end)

check.test("of an output that can be made again no memory is kept", function()
  local norm = { training = true, relu = true }
  local w = T.full({ 64, 64 }, 0.1):requires_grad(true)
  local x = require("calr.rng").open {}:fill_normal(T.zeros { 32768, 64 })
  local bytes = 32768 * 64 * 4
  local a = ops.linear(x, w)
  local before = live()
  local b = ops.batch_norm(a, nil, nil, nil, nil, norm)
  local c = ops.linear(b, w)
  check.ok(live() - before >= 2 * bytes)
  b:close()
  check.ok(live() - before < 1.5 * bytes)
  autograd.backward(c:sum())
  check.ok(w:grad():is_finite())
  check.fails("0 or more bytes", autograd.keep_below, -1)
end)

check.test("an output that was written into is kept as it was written", function()
  local function gradient(write)
    local x = T({ { 1, 2 }, { 3, 5 }, { -1, 4 } })
    local w = T({ { 1, -1 } }):requires_grad(true)
    local v = T({ { 1, 1 }, { 2, 3 } }):requires_grad(true)
    local y = ops.batch_norm(ops.linear(x, v), nil, nil, nil, nil, { training = true })
    autograd.no_grad(write, y)
    ops.linear(y, w):sum():backward()
    return w:grad()
  end
  local bound = autograd.keep_below(0)
  check.all_near(gradient(function(y) y:fill(2) end), { { 6, 6 } }, 0)
  check.all_near(gradient(function() end), { { 0, 0 } }, 1e-5)
  autograd.keep_below(bound)
end)

-- The gradient of a sum is a view that repeats one number; an operation must not read it as if it were written out.
check.test("the gradient of a summed operation is that of its elements", function()
  local x = T { { 1, 2, 3 }, { 4, 5, 6 } }
  local row = T { 1, 1, 1 }
  for name, fn in pairs {
    ["a - b"] = function(a) return a * 2 - a * 3 end,
    ["1 - a"] = function(a) return 1 - a end,
    ["a - row"] = function(a) return (row - a) * 1 - a * 0 end,
    ["row - a, summed once more"] = function(a) return (row - a):sum(2) end,
    ["views"] = function(a) return a:narrow(1, 1, 1):sum(1) - a:sum(1) - a:narrow(1, 1, 1):sum(1) end,
  } do
    local a = x:clone():requires_grad(true)
    fn(a):sum():backward()
    check.all_near(a:grad(), { { -1, -1, -1 }, { -1, -1, -1 } }, 1e-6, name)
    local b = row:clone():requires_grad(true)
    local y = x - b
    y:sum():backward()
    check.all_near(b:grad(), { -2, -2, -2 }, 1e-6, name)
  end
end)

check.finish()
