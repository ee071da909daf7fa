--- @module calr.lab.study.sampler.grid
--- Samples all points of a space without continuous parameters, in the order of space:points().
---
--- Options: `shuffle` (false): shuffles the points by the seed, so that the first trials, however many, are a
--- fair sample.

local history = require "calr.lab.study.sampler.history"
local Rng = require "calr.rng"

local Grid = {}
Grid.__index = Grid

function Grid:tell(trial)
  self.history:tell(trial)
end

function Grid:ask(number)
  local point = self.points[number]
  if not point then return nil end
  local copy = {}
  for name, value in pairs(point) do copy[name] = value end
  return copy
end

return function(space, options)
  local o = history.options("grid", options, { shuffle = { false } })
  local points = space:points()
  if #points == 0 then error("the space has no points: the constraint allows none", 0) end
  if o.shuffle then Rng.open { seed = o.seed, purpose = "study.grid" }:shuffle(points) end
  return setmetatable({ points = points, history = history.new(space, o.goals) }, Grid)
end
