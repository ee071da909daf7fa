--- @module calr.nn.dropout
--- What is left out at random in training. Reached through calr.nn.

local autograd = require "calr.autograd"
local arguments = require "calr.options"
local check_options, counted = arguments.check, arguments.counted
local module = require "calr.nn.module"
local T = require "calr.tensor"
local class, new = module.class, module.new

local dropout = {}

local Dropout = class "Dropout"

--- calr.nn.dropout{p=.5, seed=0}
--- In training mode sets each number to 0 with probability p and scales the rest by 1/(1-p). What is dropped is a
--- matter of the seed and of how many forward passes there were, which is part of the layer's state: give two such
--- layers of one network two seeds.
--- @return layer
function dropout.dropout(options)
  local o = check_options("calr.nn.dropout", options, { "p", "seed" })
  local self = new(Dropout)
  self.p, self.seed = o.p or 0.5, o.seed or 0
  self:add_buffer("passes", { 1 }, 0)
  return self
end

function Dropout:forward(x)
  if not self.training then return x end
  local pass = autograd.once(function()
    local count = self.passes:get(1)
    self.passes:fill(count + 1)
    return count
  end)
  return T.dropout(x, { p = self.p, seed = self.seed, epoch = pass // 1 | 0, training = true })
end

return (counted("calr.nn.", dropout))
