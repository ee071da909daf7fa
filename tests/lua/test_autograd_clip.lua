-- calr.autograd.clip_grad_norm_ and clip_grad_value_: against PyTorch, and what they refuse.
local check = require "check"
local network = require "autograd_network"
local calr = require "calr"
local T = require "calr.tensor"
local autograd = require "calr.autograd"

local golden = network.golden

local function after_backward()
  local p, _, y = network.run()
  y:backward(network.dy())
  local list = {}
  for i, name in ipairs(network.names) do list[i] = p[name] end
  return list, p
end

local function near(p, want)
  for _, name in ipairs(network.names) do check.all_near(p[name]:grad():reshape { -1 }, want[name], 2e-6, name) end
end

check.test("by norm, as PyTorch's", function()
  for label, kind in pairs { ["1"] = 1, ["2"] = 2, ["3"] = 3, inf = math.huge } do
    local list, p = after_backward()
    local total = autograd.clip_grad_norm_(list, .75, kind)
    local want = golden["norm_" .. label]
    check.near(total, want.total, 1e-6 * want.total, "norm " .. label)
    near(p, want)
  end
  local list, p = after_backward()
  check.near(autograd.clip_grad_norm_(list, .75), golden.norm_2.total, 1e-5)
  near(p, golden.norm_2)
  list = after_backward()
  check.near(autograd.clip_grad_norm_(list, .75, { norm_type = 3 }), golden.norm_3.total, 1e-5)
end)

check.test("by value, as PyTorch's", function()
  local list, p = after_backward()
  autograd.clip_grad_value_(list, .3)
  near(p, golden.value)
end)

check.test("what is within bounds keeps its bits, and its memory", function()
  local list, p = after_backward()
  local held = p.x:grad()
  local before = held:clone()
  autograd.clip_grad_norm_(list, 1e6)
  autograd.clip_grad_value_(list, 1e6)
  check.ok(held:equal(before))
  autograd.clip_grad_value_(p.x, .01)
  check.ok(held:max():item() <= .01, "in place")
end)

check.test("parameters of a network; those without a gradient are left out", function()
  local net = calr.nn.linear(3, 2)
  check.equal(autograd.clip_grad_norm_(net:parameters(), 1), 0)
  local x = T { { 30, 40, 0 } }
  net(x):sum():backward()
  local total = autograd.clip_grad_norm_(net:parameters(), 1)
  check.near(total, math.sqrt(2 * 2500 + 2), 1e-3)
  check.near(autograd.clip_grad_norm_(net:parameters(), 1), 1, 1e-4)
  check.equal(autograd.clip_grad_norm_({}, 1), 0)
end)

check.test("what is not finite", function()
  local x = T({ 1, 2 }):requires_grad_()
  x:set_grad(T { 0 / 0, 1 })
  check.fails("the norm of the gradients is NaN; calr.autograd.detect_anomaly finds", autograd.clip_grad_norm_, x, 1,
    { error_if_nonfinite = true })
  check.near(x:grad():get(2), 1, 0)
  check.ok(autograd.clip_grad_norm_(x, 1) ~= autograd.clip_grad_norm_(x, 1), "NaN")
  x:set_grad(T { 1 / 0, 1 })
  check.equal(autograd.clip_grad_norm_(x, 1, math.huge), math.huge)
  x:set_grad(T { 1 / 0, -1 / 0 })
  autograd.clip_grad_value_(x, 2)
  check.all_near(x:grad(), { 2, -2 }, 0)
end)

check.test("what they refuse", function()
  local x = T({ 1 }):requires_grad_()
  local norm, value = autograd.clip_grad_norm_, autograd.clip_grad_value_
  check.fails("clip_grad_norm_: give it a tensor, a list of them, or net:parameters(), not a number", norm, 3, 1)
  check.fails("give it the network's parameters, net:parameters()", norm, calr.nn.linear(2, 2), 1)
  check.fails("item 2 is a number, not a tensor or parameter", value, { x, 1 }, 1)
  check.fails("max_norm must be a number of 0 or more, not nil", norm, x)
  check.fails("max_norm must be a number of 0 or more, not -1", norm, x, -1)
  check.fails("clip_value must be a number of 0 or more, not -1", value, x, -1)
  check.fails("norm_type must be a number above 0", norm, x, 1, 0)
  check.fails("has no argument \"norm\"", norm, x, 1, { norm = 2 })
  check.fails("takes 2 arguments", value, x, 1, 2)
end)

check.finish()
