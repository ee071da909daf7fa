---@meta calr.study.sampler
-- Made by `calr docs`; do not edit.

--- Samplers: what proposes the next point of a search. A sampler is one Lua file that returns a function:
---
---     return function(sp, options)          -- sp: calr.study.space; options: seed, goals, trials, and its own
---       return sampler
---     end
---
--- `sampler:tell(trial)` reports a trial: `number` (from 1), `point`, `state` ("running", "finished", "pruned",
--- "failed", "interrupted"), `losses` (a list, one number a goal, smaller is better; of finished trials, and of pruned
--- ones what they reported last) and `step` (of that report). The same number may be told again, when its state
--- changed. `sampler:ask(number)` returns the point of that trial, or nil when the space is exhausted. The same trials
--- told give the same answer in any process: chance comes from the stream (seed, "study.NAME", 0, number) of calr.rng.
---
--- There are grid, random, sobol, tpe and cmaes; calr.study.sampler.history holds what they share.
---@class calr.study.sampler
local M = {}

---@return table # list of the samplers that come with calr
function M.names() end

--- The function that makes a sampler.
---@param name any one of names(), or the path of a Lua file
---@return function # (space, options) -> sampler
function M.load(name) end

---@param name any one of names(), or the path of a Lua file
---@param space any a space of calr.study.space
---@param options any seed (0), goals (1), trials, and the sampler's own
---@return table # the sampler: tell, ask
function M.make(name, space, options) end

return M
