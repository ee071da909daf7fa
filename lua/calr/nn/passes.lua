--- @module calr.nn.passes
--- Which forward pass of training this is, for layers that leave something out at random.

local autograd = require "calr.autograd"

local passes = {}

--- calr.nn.passes.count(layer)
--- Gives a layer the buffer `passes`, part of its state. Files of weights may lack it (calr.weights.counters).
function passes.count(layer)
  layer:add_buffer("passes", { 1 }, 0)
  layer.own_buffers[#layer.own_buffers].counts = true
end

--- calr.nn.passes.share(layer, owner)
--- Lets a layer count in the buffer of another one that holds it, and takes its own away. So the parts of a network
--- whose names are those of other programs have no tensor that files of weights lack.
function passes.share(layer, owner)
  for i, entry in ipairs(layer.own_buffers) do
    if entry.name == "passes" then table.remove(layer.own_buffers, i) end
  end
  layer.passes = owner.passes
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
