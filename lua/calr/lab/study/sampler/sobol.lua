--- @module calr.lab.study.sampler.sobol
--- Draws quasi-random points: Sobol's sequence, which covers the space more evenly than chance. Trial 1 has the first
--- point, whatever was told. Points that the constraint forbids are skipped, and so are repeated points in a space
--- without continuous parameters.
---
--- Options: `scramble` (true): nested uniform scrambling by the seed; false: the plain sequence, which begins in the
--- lowest corner.

local history = require "calr.lab.study.sampler.history"
local tune = require "calr.tune"
local Rng = require "calr.rng"

local Sobol = {}
Sobol.__index = Sobol

function Sobol:tell(trial)
  self.history:tell(trial)
end

-- The next point that counts, or nil. This sampler keeps its own history of points, so that point number n is the same
-- whoever asks.
function Sobol:next()
  local function propose()
    local u = tune.sobol(self.index, #self.space.parameters, self.scramble and self.seed or nil)
    self.index = self.index + 1
    return self.space:from_unit(u)
  end
  local rng = Rng.open { seed = self.seed, purpose = "study.sobol", index = #self.points }
  local point = self.drawn:draw(propose, rng)
  if not point then return nil end
  self.points[#self.points + 1] = point
  self.drawn:tell { number = #self.points, point = point, state = "running" }
  return point
end

function Sobol:ask(number)
  while #self.points < number do
    if not self:next() then return nil end
  end
  local copy = {}
  for name, value in pairs(self.points[number]) do copy[name] = value end
  return copy
end

return function(space, options)
  local o = history.options("sobol", options, { scramble = { true } })
  tune.sobol(0, #space.parameters) -- an error if there are too many dimensions
  return setmetatable({ space = space, seed = o.seed, scramble = o.scramble, index = 0, points = {},
    history = history.new(space, o.goals), drawn = history.new(space, 1) }, Sobol)
end
