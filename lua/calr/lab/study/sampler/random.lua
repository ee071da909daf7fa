--- @module calr.lab.study.sampler.random
--- Draws points independently and uniformly, or uniformly in the logarithm for a logarithmic range. In a space without
--- continuous parameters no point is repeated, and the search ends. It has no options.

local history = require "calr.lab.study.sampler.history"
local Rng = require "calr.rng"

local Random = {}
Random.__index = Random

function Random:tell(trial)
  self.history:tell(trial)
end

function Random:ask(number)
  local rng = Rng.open { seed = self.seed, purpose = "study.random", index = number }
  return self.history:draw(function() return history.unit(self.space, rng) end, rng)
end

return function(space, options)
  local o = history.options("random", options, {})
  return setmetatable({ space = space, seed = o.seed, history = history.new(space, o.goals) }, Random)
end
