---@meta calr.study.sampler.history
-- Made by `calr docs`; do not edit.

--- What samplers share: the trials they were told, and drawing points that are allowed and new.
---@class calr.study.sampler.history
local M = {}

--- The options of a sampler, checked: its own names, and seed, goals and trials, which all take.
---@param name any the sampler's
---@param given any table of options, or nil
---@param own any name -> {default, lowest, highest} of a number; {default} of a boolean, {} of one without a default; or a list of strings, the default first
---@return table
function M.options(name, given, own) end

--- An empty history.
---@param space any
---@param goals any
---@return table # with `list` (trials as told, in order of arrival: number, point, state = "open", "finished", "pruned" or "failed", losses, step); `states` and `loss[goal]` (theirs, in the same order: flat lists, which are quick to walk); `finished` and `pruned` (how many)
function M.new(space, goals) end

---@class history
local history = {}

--- Keeps what a sampler was told; a mistake in it is an error.
---@param trial any number, point, state, losses, step
---@return integer # its place in `list`
function history:tell(trial) end

---@return table # places in `list`, by the trials' numbers. The caller must not change it.
function history:order() end

---@return table # places in `list` of the finished trials, by their first loss, then the next, then their number. The caller must not change it.
function history:ranked() end

--- Whether a trial has this point already; never in spaces with a continuous parameter.
---@param point any
---@return boolean
function history:known(point) end

--- The allowed points that no trial has, in the order of the grid. The caller must not change it.
---@return table # list of points; nil when the space has too many to list
function history:left() end

--- A point that is allowed and, in spaces without continuous parameters, new. When chance finds none, one of those that
--- are left is drawn; an error when the constraint allows (nearly) nothing.
---@param propose any function() -> point
---@param rng any a stream, for the draw among those left
---@param patience any how many known points to pass over before that; 50
---@return table # a point; nil when there is none left
function history:draw(propose, rng, patience) end

---@param space any
---@param rng any
---@return table # a point drawn uniformly
function M.unit(space, rng) end

return M
