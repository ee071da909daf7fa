--- @module calr.nn.passes
--- Which forward pass of training this is, for layers that leave something out at random.

local autograd = require "calr.autograd"

local passes = {}

--- calr.nn.passes.count(layer)
--- Gives a layer the buffer `passes`, part of its state.
function passes.count(layer)
  layer:add_buffer("passes", { 1 }, 0)
end

--- calr.nn.passes.next(layer)
--- @return integer  how many passes there were before; the same when a checkpoint runs a pass once more
function passes.next(layer)
  return autograd.once(function()
    local count = layer.passes:get(1)
    layer.passes:fill(count + 1)
    return count
  end) // 1 | 0
end

return passes
