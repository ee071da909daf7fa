-- calr.tensor: views of other shapes, their gradients, and what can't be a view.
local check = require "check"
local calr = require "calr"
local T = calr.tensor

local function counting(...)
  local shape = { ... }
  local count = 1
  for _, size in ipairs(shape) do count = count * size end
  return T.range(count, "f32"):reshape(shape)
end

-- The gradient of sum(f(x) w), which is linear in x, against differences.
local function check_gradient(f, shape, dtype)
  local rng = calr.rng.open { seed = 3 }
  local x = rng:fill_normal(T.zeros(shape)):to(dtype or "f32")
  x:requires_grad(true)
  local y = f(x)
  local w = rng:fill_normal(T.zeros(y:shape()))
  calr.autograd.backward((y * w):sum())
  local gradient = x:grad():to("f32"):reshape(-1)
  check.equal(x:grad():dtype(), dtype or "f32")
  calr.no_grad(function()
    for i = 1, x:numel() do
      local one = T.zeros { x:numel() }
      one:set(i, 1)
      check.near(gradient:get(i), (f(one:reshape(shape)) * w):sum():get(), dtype and .05 or 1e-5)
    end
  end)
end

local function shape_is(x, text)
  check.equal(tostring(x), text)
end

check.test("shapes as a list or as arguments", function()
  local x = counting(2, 3, 4)
  for _, method in ipairs { "reshape", "view" } do
    shape_is(x[method](x, 4, -1), "f32[4 x 6]")
    shape_is(x[method](x, { 4, 6 }), "f32[4 x 6]")
    shape_is(x[method](x, -1), "f32[24]")
    shape_is(T { 5 }[method](T { 5 }), "f32[]")
    shape_is(T { 5 }[method](T { 5 }, {}), "f32[]")
    check.fails("cannot be reshaped to f32[5 x 5]", x[method], x, 5, 5)
    check.fails("the list before it is complete", x[method], x, { 24 }, 1)
    check.fails("whole numbers, or one list of them, not 2.5", x[method], x, 2.5)
    check.fails("at most 6 dimensions, not 7", x[method], x, 1, 1, 1, 1, 1, 1, 24)
  end
end)

check.test("view shares memory or refuses, reshape copies where it must", function()
  local x = counting(2, 3, 4)
  local t = x:transpose(1, 2)
  check.fails("reshape(...) copies where it must", t.view, t, 24)
  local copy = t:reshape(24)
  check.all_near(copy, { 0, 1, 2, 3, 12, 13, 14, 15, 4, 5, 6, 7, 16, 17, 18, 19, 8, 9, 10, 11, 20, 21, 22, 23 }, 0)
  copy:fill(9)
  check.equal(x:get(1, 1, 1), 0)
  -- Strided, but these dimensions lie one behind the other.
  local wide = counting(2, 3, 8):narrow(3, 1, 4)
  shape_is(wide:view(6, 4), "f32[6 x 4]")
  shape_is(wide:view(6, 2, 1, 2), "f32[6 x 2 x 1 x 2]")
  shape_is(wide:view(1, 3, 2, 2, 2), "f32[1 x 3 x 2 x 2 x 2]")
  check.fails("copies", wide.view, wide, 24)
  wide:view(6, 4):set(2, 1, -7)
  check.equal(wide:get(1, 2, 1), -7)
  check.all_near(wide:view(3, 2, 4):select(1, 2), { { 16, 17, 18, 19 }, { 24, 25, 26, 27 } }, 0)
  shape_is(x:expand(5, -1, -1, -1):view(5, 24), "f32[5 x 24]")
  shape_is(T.zeros({ 0, 3 }):transpose(1, 2):view(7, 0), "f32[7 x 0]")
  check.fails("cannot be reshaped", T.zeros({ 0 }).view, T.zeros { 0 }, 1)
end)

check.test("flatten, squeeze, unsqueeze", function()
  local x = counting(2, 3, 4)
  shape_is(x:flatten(), "f32[24]")
  shape_is(x:flatten(2), "f32[2 x 12]")
  shape_is(x:flatten(1, -2), "f32[6 x 4]")
  shape_is(x:flatten(2, 2), "f32[2 x 3 x 4]")
  shape_is(T(3):flatten(), "f32[1]")
  shape_is(T.zeros({ 2, 0, 3 }):flatten(2), "f32[2 x 0]")
  check.fails("end_dim comes before start_dim", x.flatten, x, 3, 2)
  check.fails("f32[2 x 3 x 4] has no dimension 4", x.flatten, x, 4)
  check.fails("has no dimension 0", x.flatten, x, 0)
  shape_is(x:unsqueeze(1), "f32[1 x 2 x 3 x 4]")
  shape_is(x:unsqueeze(4), "f32[2 x 3 x 4 x 1]")
  shape_is(x:unsqueeze(-1), "f32[2 x 3 x 4 x 1]")
  shape_is(x:unsqueeze(-4), "f32[1 x 2 x 3 x 4]")
  shape_is(T(3):unsqueeze(1), "f32[1]")
  shape_is(x:transpose(1, 3):unsqueeze(2), "f32[4 x 1 x 3 x 2]")
  check.fails("has no dimension 5", x.unsqueeze, x, 5)
  check.fails("as many dimensions as a tensor can have", x.unsqueeze, T.zeros { 1, 1, 1, 1, 1, 1 }, 1)
  local y = T.zeros { 1, 2, 1 }
  shape_is(y:squeeze(), "f32[2]")
  shape_is(y:squeeze(1), "f32[2 x 1]")
  shape_is(y:squeeze(2), "f32[1 x 2 x 1]")
  shape_is(y:squeeze { 1, -1 }, "f32[2]")
  check.fails("named twice", y.squeeze, y, { 1, -3 })
end)

check.test("permute, movedim, t", function()
  local x = counting(2, 3, 4)
  shape_is(x:permute(3, 1, 2), "f32[4 x 2 x 3]")
  check.equal(x:permute(3, 1, 2):get(4, 2, 1), x:get(2, 1, 4))
  check.all_near(x:permute { 3, -3, 2 }, x:permute(3, 1, 2):totable(), 0)
  check.fails("every dimension of f32[2 x 3 x 4] must be named, not 2 of 3", x.permute, x, 1, 2)
  check.fails("dimension 1 is named twice", x.permute, x, 1, 1, 2)
  shape_is(x:movedim(3, 1), "f32[4 x 2 x 3]")
  shape_is(x:movedim({ 1, 2 }, { -1, -2 }), "f32[4 x 3 x 2]")
  check.fails("as many places as dimensions", x.movedim, x, { 1, 2 }, 1)
  shape_is(x:select(1, 1):t(), "f32[4 x 3]")
  shape_is(T({ 1, 2 }):t(), "f32[2]")
  shape_is(T(1):t(), "f32[]")
  check.fails("a matrix is needed, not f32[2 x 3 x 4]", x.t, x)
end)

check.test("expanded views can be read, not written", function()
  local x = T { { 1 }, { 2 } }
  local wide = x:expand(2, 3)
  check.all_near(wide, { { 1, 1, 1 }, { 2, 2, 2 } }, 0)
  shape_is(x:expand(4, -1, -1), "f32[4 x 2 x 1]")
  shape_is(x:broadcast_to { 3, 2, 5 }, "f32[3 x 2 x 5]")
  shape_is(x:expand_as(T.zeros { 2, 7 }), "f32[2 x 7]")
  shape_is(x:expand(2, 0), "f32[2 x 0]")
  check.fails("cannot be expanded to f32[3 x 1]", x.expand, x, 3, 1)
  check.fails("dimension 1 of f32[-1 x 2 x 1] is negative", x.expand, x, -1, 2, 1)
  check.fails("cannot be expanded to f32[1]", x.expand, x, 1)
  check.fails("more than can be addressed", x.expand, x, 1 << 40, 1 << 40, 2, 1)
  check.fails("more than once", wide.set, wide, 1, 1, 5)
  check.fails("more than once", wide.fill, wide, 5)
  check.fails("more than once", wide.copy, wide, T.zeros { 2, 3 })
  check.equal(wide:select(2, 1):fill(5):get(1), 5) -- one of the places is no problem
  check.equal(x:expand(2, 1):fill(4):get(1, 1), 4) -- nor is a view that repeats nothing
end)

check.test("diagonals", function()
  local x = counting(3, 4)
  check.all_near(x:diagonal(), { 0, 5, 10 }, 0)
  check.all_near(x:diagonal(1), { 1, 6, 11 }, 0)
  check.all_near(x:diagonal(-2), { 8 }, 0)
  check.all_near(x:diagonal(0, 2, 1), { 0, 5, 10 }, 0)
  check.all_near(x:diagonal(1, 2, 1), { 4, 9 }, 0)
  for _, far in ipairs { 4, -3, math.mininteger, math.maxinteger } do shape_is(x:diagonal(far), "f32[0]") end
  shape_is(counting(2, 3, 4):diagonal(0, 1, 3), "f32[3 x 2]")
  x:diagonal():fill(-1)
  check.all_near(x, { { -1, 1, 2, 3 }, { 4, -1, 6, 7 }, { 8, 9, -1, 11 } }, 0)
  check.fails("two dimensions, not twice along 1", x.diagonal, x, 0, 1, 1)
  check.fails("has no dimension 2", x.diagonal, T { 1 })
end)

check.test("windows", function()
  local x = counting(7)
  check.all_near(x:unfold(1, 3, 2), { { 0, 1, 2 }, { 2, 3, 4 }, { 4, 5, 6 } }, 0)
  check.all_near(x:unfold(1, 3, 4), { { 0, 1, 2 }, { 4, 5, 6 } }, 0)
  shape_is(x:unfold(1, 0, 1), "f32[8 x 0]")
  shape_is(x:unfold(1, 7, math.maxinteger), "f32[1 x 7]")
  shape_is(counting(2, 6, 3):unfold(2, 2, 2), "f32[2 x 3 x 3 x 2]")
  check.fails("do not fit dimension 1 of f32[7]: the size is 0 to 7", x.unfold, x, 1, 8, 1)
  check.fails("the step 1 or more", x.unfold, x, 1, 2, 0)
  local apart, shared = x:unfold(1, 2, 2), x:unfold(1, 2, 1)
  check.equal(apart:fill(5):get(1, 1), 5)
  check.fails("more than once", shared.fill, shared, 5)
end)

check.test("gradients of views", function()
  check_gradient(function(x) return x:permute(3, 1, 2) end, { 2, 3, 4 })
  check_gradient(function(x) return x:expand(5, 3, 4) end, { 3, 1 })
  check_gradient(function(x) return x:expand(5, 3, 4) end, { 3, 1 }, "bf16")
  check_gradient(function(x) return x:diagonal(-1, 1, 3) end, { 4, 3, 4 })
  check_gradient(function(x) return x:diagonal(9) end, { 2, 2 })
  check_gradient(function(x) return x:unfold(2, 3, 2) end, { 2, 9 })
  check_gradient(function(x) return x:unfold(1, 3, 1) end, { 7, 2 })
  check_gradient(function(x) return x:unfold(1, 3, 1) end, { 7, 2 }, "bf16")
  check_gradient(function(x) return x:transpose(1, 2):reshape(4, -1):unsqueeze(1):squeeze() end, { 2, 6 })
  check_gradient(function(x) return x:transpose(1, 2):flatten() end, { 2, 6 })
  check_gradient(function(x) return x:movedim(1, 3):narrow(1, 2, 2):view(-1, 2) end, { 2, 3, 2 })
end)

check.finish()
