-- A training step gives the same bits whenever it is repeated, whatever memory held before.
local check = require "check"
local calr = require "calr"
local T, ops, autograd, models, rng = calr.tensor, calr.ops, calr.autograd, calr.models, calr.rng

local function noise(shape, seed) return rng.open { seed = seed }:fill_normal(T.zeros(shape)) end

-- Takes blocks of many sizes, fills them with what would spoil a result, and gives two thirds back. Returns the rest.
local function disturb(seed)
  local kept, stream = {}, rng.open { seed = seed, purpose = "disturb" }
  for i = 1, 60 do
    local size = stream:integer(1, 4 ^ stream:integer(1, 9) // 1)
    local t = T.full({ size }, ({ 0 / 0, 1e30, -3, 0 })[i % 4 + 1])
    if i % 3 == 0 then kept[#kept + 1] = t end
  end
  collectgarbage()
  return kept
end

-- The loss and all gradients of one step from the same start.
local function step(make, height)
  local net = make()
  net:train(true)
  local x, labels = noise({ 8, height, height // 2, 3 }, 3), T.arange(8, "i32")
  local classifier = noise({ 8, net.dim }, 4):requires_grad(true)
  local loss = ops.cross_entropy(ops.linear(net(x), classifier) * 10, labels)
  autograd.backward(loss)
  local gradients = { loss:detach(), classifier:grad():clone() }
  for _, p in ipairs(net:parameters()) do gradients[#gradients + 1] = p.tensor:grad():clone() end
  return gradients
end

local repeats = tonumber(os.getenv "CALR_TEST_REPEATS") or 3
local networks = {
  { "small, 1 channel", 32, function() return models.small { width = 1 } end },
  { "small, 4 channels", 32, function() return models.small { width = 4 } end },
  { "small, 6 channels, ibn", 32, function() return models.small { width = 6, ibn = true } end },
  { "small, 32 channels", 64, function() return models.small {} end },
  { "resnet18", 64, function() return models.resnet18 {} end },
  { "resnet50", 32, function() return models.resnet50 {} end },
  { "osnet", 64, function() return models.osnet { width = 0.25 } end },
}
for _, network in ipairs(networks) do
  local name, height, make = table.unpack(network)
  check.test("the same step, the same bits: " .. name, function()
    local first = step(make, height)
    for i = 1, repeats do
      local kept = disturb(i)
      local again = step(make, height)
      for k, gradient in ipairs(first) do
        check.ok(gradient:equal(again[k]), ("%s: gradient %d differs at repetition %d"):format(name, k, i))
      end
      check.ok(#kept > 0)
    end
  end)
end

check.finish()
