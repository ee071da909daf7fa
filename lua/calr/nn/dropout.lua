--- @module calr.nn.dropout
--- What is left out at random in training. Reached through calr.nn.

local arguments = require "calr.options"
local check_options, counted = arguments.check, arguments.counted
local given = require "calr.nn.given"
local module = require "calr.nn.module"
local passes = require "calr.nn.passes"
local T = require "calr.tensor"
local class, new = module.class, module.new

local dropout = {}

local function checked_p(what, p)
  if type(p) ~= "number" or not (p >= 0 and p < 1) then
    error(("%s: p must be a number of at least 0 and below 1, not %s"):format(what, tostring(p)), 3)
  end
  return p
end

local Dropout = class "Dropout"

--- calr.nn.dropout{p=.5, seed=0}
--- In training mode sets each number to 0 with probability p and scales the rest by 1/(1-p). What is dropped is a
--- matter of the seed and of how many forward passes there were, which is part of the layer's state: give two such
--- layers of one network two seeds.
--- @return layer
function dropout.dropout(options)
  local o = check_options("calr.nn.dropout", options, { "p", "seed" })
  local self = new(Dropout)
  self.p = checked_p("calr.nn.dropout", o.p or 0.5)
  self.seed = given.whole("calr.nn.dropout", "seed", o.seed or 0, math.mininteger)
  passes.count(self)
  return self
end

function Dropout:forward(x)
  if not self.training then return x end
  local y = x:dtype() == "bf16" and x:to "f32" or x
  y = T.dropout(y, { p = self.p, seed = self.seed, epoch = passes.next(self), training = true })
  return y:dtype() == x:dtype() and y or y:to(x:dtype())
end

local DropPath = class "DropPath"

--- calr.nn.drop_path{p=.1, seed=0}
--- Stochastic depth (Huang et al., ECCV 2016): in training mode sets all of a sample (an item of the first dimension)
--- to 0 with probability p and scales the others by 1/(1-p). It stands at the end of a residual branch. Seeds and state
--- as calr.nn.dropout has them.
--- @return layer
function dropout.drop_path(options)
  local o = check_options("calr.nn.drop_path", options, { "p", "seed" })
  local self = new(DropPath)
  self.p = checked_p("calr.nn.drop_path", o.p or 0.1)
  self.seed = given.whole("calr.nn.drop_path", "seed", o.seed or 0, math.mininteger)
  passes.count(self)
  return self
end

function DropPath:forward(x)
  if not self.training or self.p == 0 then return x end
  local shape = { x:size(1) }
  for d = 2, x:dim() do shape[d] = 1 end
  local kept = T.dropout(T.ones(shape), { p = self.p, seed = self.seed, epoch = passes.next(self) })
  return x * (x:dtype() == "f32" and kept or kept:to(x:dtype()))
end

return (counted("calr.nn.", dropout))
