--- @module calr.nn.ema
--- The moving average of a network's weights: the function behind calr.nn.ema.
---
---     local ema = calr.nn.ema(net)
---     for ... do optimiser:step(); ema:update(net) end
---     evaluate(ema.net)
---
--- Parameters are averaged; buffers (running statistics) are those of the network, as timm's ModelEma has it.

local autograd = require "calr.autograd"
local check_options = require "calr.options".check
local teacher = require "calr.nn.teacher"

local Ema = {}
Ema.__index = Ema

--- ema:update(net)
--- One step of the average, to be called after each step of the optimiser.
--- @param net  the network that it was made from
function Ema:update(net)
  local t = self.steps:get(1)
  self.teacher.momentum = self.warm_up and math.min(self.decay, (1 + t) / (10 + t)) or self.decay
  self.teacher:follow(net)
  autograd.no_grad(function()
    local from = {}
    for name, tensor in net:named_buffers() do from[name] = tensor end
    for name, tensor in self.net:named_buffers() do tensor:copy(from[name]) end
  end)
  self.steps:fill(t + 1)
end

--- ema:state()
--- All of the averaged network and how many steps there were, for a checkpoint.
--- @return table  name -> tensor, the live ones
function Ema:state()
  local state = { ["ema.steps"] = self.steps }
  for name, tensor in pairs(self.net:state()) do state[name] = tensor end
  return state
end

--- ema:load_state(map)
--- Takes back what state() gave.
function Ema:load_state(map)
  local state, steps = {}, map["ema.steps"]
  if not steps then error("this is no state of calr.nn.ema: it lacks ema.steps", 2) end
  for name, tensor in pairs(map) do
    if name ~= "ema.steps" then state[name] = tensor end
  end
  self.net:load_state(state)
  self.steps:copy(steps)
end

require("calr.options").counted("ema:", Ema)

-- What calr.nn.ema does.
return function(net, options)
  local o = check_options("calr.nn.ema", options, { "decay", "warm_up" })
  local decay = o.decay or 0.9999
  if type(decay) ~= "number" or not (decay >= 0 and decay <= 1) then
    error(("calr.nn.ema: decay must be a number from 0 to 1, not %s"):format(tostring(decay)), 2)
  end
  if type(net) ~= "table" or not net.clone then
    error("calr.nn.ema needs a network that can be copied: one with a method clone, as layers of calr.nn have", 2)
  end
  local inner = teacher(net, { momentum = decay })
  inner.net:train(false)
  return setmetatable({ decay = decay, warm_up = o.warm_up ~= false, teacher = inner, net = inner.net,
    steps = require "calr.tensor".zeros { 1 } }, Ema)
end
