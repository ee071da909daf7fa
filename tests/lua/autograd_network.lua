-- The network of tests/reference/autograd, for the tests that compare with PyTorch's numbers.
local T = require "calr.tensor"
local ops = require "calr.ops"

local network = { golden = dofile(os.getenv "CALR_TEST_REFERENCE" .. "/autograd/golden.lua"),
  names = { "w2", "x", "w1", "b" } }

function network.tensor(array)
  return T.from(table.move(array, 1, #array, 1, {})):reshape(array.shape)
end

--- The parameters, h and y.
function network.run()
  local p = {}
  for name, array in pairs(network.golden.inputs) do p[name] = network.tensor(array):requires_grad_() end
  local h = ops.linear(p.x, p.w1, p.b):relu()
  local y = ops.linear(h, p.w2) * p.x:narrow(2, 1, 2) + h:narrow(2, 1, 2)
  return p, h, y
end

function network.dy()
  return network.tensor(network.golden.cotangent.dy)
end

return network
