--- @module calr.lab.study.sampler.grid
--- All points of a space without continuous parameters: trial 1 has the first, in the order of space:points().
---
--- Options: `shuffle` (false): the points come in an order drawn by the seed, so that any number of first trials is a
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
  if #points == 0 then error("a space with no points: the constraint allows none of them", 0) end
  if o.shuffle then Rng.open { seed = o.seed, purpose = "study.grid" }:shuffle(points) end
  return setmetatable({ points = points, history = history.new(space, o.goals) }, Grid)
end
