--- @module calr.lab.study.sampler.history
--- Shared by samplers: the trials they were told, and drawing points that are allowed and new.

local history = {}

local History = {}
History.__index = History

local TRIES = 10000 -- points drawn in a row before the constraint is said to allow nothing
local LISTED = 100000 -- spaces of at most this many points are listed instead
local TRIES_LISTED = 300 -- after this many tries

local states = { waiting = "open", running = "open", interrupted = "open", dead = "open", finished = "finished",
  pruned = "pruned", failed = "failed" }

--- calr.lab.study.sampler.history.options(name, given, own)
--- Checks the options of a sampler: its own names, and seed, goals and trials, which all samplers take.
--- @param name   the sampler's
--- @param given  table of options, or nil
--- @param own    name -> {default, lowest, highest} of a number; {default} of a boolean, {} of one without a default;
---               or a list of strings, the default first
--- @return table
function history.options(name, given, own)
  local names = { "seed", "goals", "trials" }
  for key in pairs(own) do names[#names + 1] = key end
  table.sort(names)
  local what = "sampler \"" .. name .. "\""
  given = require "calr.options".check(what, given, names, 2)
  local function fail(key, wanted)
    error(("%s: option \"%s\" must be %s, not %s"):format(what, key, wanted, tostring(given[key])), 4)
  end
  local out = { seed = given.seed or 0, goals = given.goals or 1, trials = given.trials }
  if math.type(out.seed) ~= "integer" then fail("seed", "an integer") end
  if math.type(out.goals) ~= "integer" or out.goals < 1 then fail("goals", "a number of goals") end
  for key, rule in pairs(own) do
    local value, default = given[key], rule[1]
    if value == nil then
      out[key] = default
    elseif type(default) == "boolean" or default == nil then
      if type(value) ~= "boolean" then fail(key, "true or false") end
      out[key] = value
    elseif type(default) == "number" then
      local whole = math.type(default) == "integer"
      if type(value) ~= "number" or not (value >= rule[2] and value <= rule[3]) or (whole and value % 1 ~= 0) then
        fail(key, ("%s from %s to %s"):format(whole and "a whole number" or "a number", rule[2], rule[3]))
      end
      out[key] = whole and math.tointeger(value) or value + 0.0
    else
      for _, choice in ipairs(rule) do
        if choice == value then out[key] = value end
      end
      if out[key] == nil then fail(key, "one of " .. table.concat(rule, ", ")) end
    end
  end
  return out
end

--- calr.lab.study.sampler.history.new(space, goals)
--- Makes an empty history.
--- @return table  with `list` (trials as told, in order of arrival: number, point, state = "open", "finished", "pruned"
---                or "failed", losses, step); `states` and `loss[goal]` (theirs, in the same order: flat lists, which
---                are quick to walk); `finished` and `pruned` (how many)
function history.new(space, goals)
  local loss = {}
  for goal = 1, goals do loss[goal] = {} end
  return setmetatable({ space = space, goals = goals, list = {}, states = {}, loss = loss, place = {}, finished = 0,
    pruned = 0, failed = 0, ordered = {}, sorted = {}, fresh = {}, listable = space:count(), seen = {} }, History)
end

-- A point as a string; equal points have equal strings.
local function key_of(space, point)
  local parts = {}
  for i, p in ipairs(space.parameters) do
    local value = point[p.name]
    local kind = math.type(value)
    parts[i] = kind == "integer" and value or kind == "float" and ("%.17g"):format(value)
      or type(value) == "string" and "s" .. value or tostring(value)
  end
  return table.concat(parts, "\0")
end

local function check_losses(trial, goals)
  local losses = trial.losses
  if type(losses) ~= "table" or #losses ~= goals then
    error(("trial %d has finished: it must have %d loss%s"):format(trial.number, goals, goals > 1 and "es" or ""), 4)
  end
  for i = 1, goals do
    if type(losses[i]) ~= "number" or losses[i] ~= losses[i] then
      error(("trial %d: loss %d is %s; report a trial without a result as failed"):format(trial.number, i,
        tostring(losses[i])), 4)
    end
  end
end

-- Puts an item into a sorted list.
local function insert(list, item, before)
  local low, high = 1, #list + 1
  if high > 1 and not before(item, list[high - 1]) then low = high end
  while low < high do
    local middle = (low + high) // 2
    if before(item, list[middle]) then high = middle else low = middle + 1 end
  end
  table.insert(list, low, item)
end

--- history:tell(trial)
--- Records a trial; a mistake in it is an error.
--- @param trial     number, point, state, losses, step
--- @return integer  its place in `list`
function History:tell(trial)
  if type(trial) ~= "table" or math.type(trial.number) ~= "integer" or trial.number < 1 then
    error("a trial must be a table: {number = 1, 2, ..., point =, state =, losses =}", 3)
  end
  if type(trial.point) ~= "table" then error(("trial %d has no point"):format(trial.number), 3) end
  local kind = states[trial.state]
  if not kind then error(("trial %d: there is no state \"%s\""):format(trial.number, tostring(trial.state)), 3) end
  if kind == "finished" or kind == "pruned" and trial.losses ~= nil then check_losses(trial, self.goals) end
  local place, list = self.place[trial.number], self.list
  local before = place and list[place]
  if not place then
    place = #list + 1
    self.place[trial.number] = place
  elseif self[before.state] then
    self[before.state] = self[before.state] - 1
  end
  list[place] = { number = trial.number, point = trial.point, state = kind, losses = trial.losses, step = trial.step }
  self.states[place] = kind
  for goal, losses in ipairs(self.loss) do losses[place] = trial.losses and trial.losses[goal] or math.huge end
  if not before then insert(self.ordered, place, function(a, b) return list[a].number < list[b].number end) end
  if before and before.state == "finished" then
    self.sorted = nil
  elseif kind == "finished" then
    self.fresh[#self.fresh + 1] = place
  end
  if self[kind] then self[kind] = self[kind] + 1 end
  if self.listable < math.huge then self.seen[key_of(self.space, trial.point)] = true end
  return place
end

--- history:order()
--- @return table  places in `list`, by the trials' numbers. The caller must not change it.
function History:order()
  return self.ordered
end

--- history:ranked()
--- @return table  places in `list` of the finished trials, by their first loss, then the next, then their number. The
---                caller must not change it.
function History:ranked()
  local list, loss = self.list, self.loss
  local function before(a, b)
    for _, losses in ipairs(loss) do
      if losses[a] ~= losses[b] then return losses[a] < losses[b] end
    end
    return list[a].number < list[b].number
  end
  if not self.sorted or #self.fresh > 20 then
    self.sorted = {}
    for place, state in ipairs(self.states) do
      if state == "finished" then self.sorted[#self.sorted + 1] = place end
    end
    table.sort(self.sorted, before)
  else
    for _, place in ipairs(self.fresh) do insert(self.sorted, place, before) end
  end
  self.fresh = {}
  return self.sorted
end

--- history:known(point)
--- Tells whether a trial already has this point; never in spaces with a continuous parameter.
--- @return boolean
function History:known(point)
  return self.listable < math.huge and self.seen[key_of(self.space, point)] == true
end

--- history:left()
--- Returns the allowed points that no trial has, in grid order. The caller must not change it.
--- @return table  list of points; nil when the space has too many to list
function History:left()
  if self.listable > LISTED then return nil end
  local kept = {}
  self.all = self.all or self.space:points()
  if #self.all == 0 then error("the space has no points: the constraint allows none", 0) end
  for _, point in ipairs(self.remaining or self.all) do
    if not self:known(point) then kept[#kept + 1] = point end
  end
  self.remaining = kept
  return kept
end

--- history:draw(propose, rng [, patience])
--- Draws a point that is allowed and, in spaces without continuous parameters, new. If random draws find none, one of
--- those left is drawn; it is an error if the constraint allows (nearly) nothing.
--- @param propose   function() -> point
--- @param rng       a stream, for the draw among those left
--- @param patience  how many known points to skip before that; 50
--- @return table    a point; nil if none is left
function History:draw(propose, rng, patience)
  local repeats, point = 0, nil
  for _ = 1, self.listable <= LISTED and TRIES_LISTED or TRIES do
    local proposed = propose()
    if self.space:allowed(proposed) then
      if not self:known(proposed) then return proposed end
      point, repeats = proposed, repeats + 1
      if repeats >= (patience or 50) and self.listable <= LISTED then break end
    end
  end
  local left = self:left()
  if left then
    if #left == 0 then return nil end
    local copy = {}
    for name, value in pairs(left[rng:integer(1, #left)]) do copy[name] = value end
    return copy
  end
  if not point then
    error(("the constraint (where) allowed none of %d points drawn in a row: it leaves (nearly) nothing of the space")
      :format(TRIES), 0)
  end
  return point -- too many points to list: one is repeated
end

--- calr.lab.study.sampler.history.unit(space, rng)
--- @return table  a point drawn uniformly
function history.unit(space, rng)
  local u = {}
  for i = 1, #space.parameters do u[i] = rng:uniform() end
  return space:from_unit(u)
end

return history
