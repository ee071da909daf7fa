--- @module calr.lab.study.sampler
--- Samplers propose the next point of a search. A sampler is one Lua file that returns a function:
---
---     return function(sp, options)          -- sp: calr.study.space; options: seed, goals, trials, and its own
---       return sampler
---     end
---
--- `sampler:tell(trial)` reports a trial: `number` (from 1), `point`, `state` ("running", "finished", "pruned",
--- "failed", "interrupted"), `losses` (a list, one number per goal, smaller is better; for finished trials, and for
--- pruned ones their last report) and `step` (of that report). The same number may be told again when its state has
--- changed. `sampler:ask(number)` returns the point of that trial, or nil if the space is exhausted. The same told
--- trials give the same answer in any process: randomness comes from the stream (seed, "study.NAME", 0, number) of
--- calr.rng.
---
--- The samplers are grid, random, sobol, tpe, cmaes, gp and nsga2; calr.lab.study.sampler.history holds what they
--- share. To those that learn, a failed trial is a bad one: they ask less where trials fail.

local suggest = require "calr.options".suggest
local userfile = require "calr.userfile"

local sampler = {}

local names = { "grid", "random", "sobol", "tpe", "cmaes", "gp", "nsga2" }

--- calr.lab.study.sampler.names()
--- @return table  list of calr's samplers
function sampler.names()
  return table.move(names, 1, #names, 1, {})
end

--- calr.lab.study.sampler.load(name)
--- Returns the function that makes a sampler.
--- @param name       one of names(), or the path of a Lua file
--- @return function  (space, options) -> sampler
function sampler.load(name)
  if type(name) ~= "string" then error("a sampler is a name or the path of a Lua file, not a " .. type(name), 2) end
  if userfile.is_path(name) then
    local make = userfile.run(name, "sampler", name)
    if type(make) ~= "function" then
      error(("sampler \"%s\" must return a function (space, options) -> sampler, not a %s"):format(name, type(make)), 2)
    end
    return make
  end
  for _, known in ipairs(names) do
    if known == name then return require("calr.lab.study.sampler." .. name) end
  end
  error(("there is no sampler \"%s\"%s; there are %s, or give the path of a Lua file"):format(name,
    suggest(name, names), table.concat(names, ", ")), 2)
end

--- calr.lab.study.sampler.make(name, space [, options])
--- @param name     one of names(), or the path of a Lua file
--- @param space    a space of calr.study.space
--- @param options  seed (0), goals (1), trials, and the sampler's own
--- @return table   the sampler: tell, ask
function sampler.make(name, space, options)
  return sampler.load(name)(space, options)
end

return sampler
