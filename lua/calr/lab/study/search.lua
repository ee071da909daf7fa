--- @module calr.lab.study.search
--- Drives a search for a worker: asks the sampler for points, tells it results, lets the pruner stop hopeless trials,
--- and confirms the best configurations with all seeds.

local plan = require "calr.lab.study.plan"
local space = require "calr.lab.study.space"
local sorted_keys = require "calr.tables".sorted_keys

local search = {}

local Search = {}
Search.__index = Search

local terminal = { finished = true, pruned = true, failed = true }

--- calr.lab.study.search.new(study, store, index)
--- @param index  position of the search among the study's parts
function search.new(study, store, index)
  local part = study.parts[index]
  local self = setmetatable({ study = study, store = store, index = index, part = part, rows = {}, trials = {},
    open = {}, by_key = {}, asked = 0, seen = {}, told = {} }, Search)
  self.sampler = plan.sampler(study, part)
  self.pruner = part.prune and require("calr.lab.study.pruner").make(part.prune)
  self.by_seed = part.prune ~= nil and part.prune.name == "wilcoxon" and part.prune.by ~= "step"
  for key in pairs(store.trials) do self:observe(key) end
  self:read_asks()
  return self
end

-- The values of the goals, turned so that smaller is better; nil when one is missing.
function Search:losses(trial, values)
  local list = {}
  for i, goal in ipairs(self.study.goals) do
    local value = values and values[goal.metric]
    if value == nil and goal.metric == "hours" then value = trial.hours end
    if value == nil then return nil end
    list[i] = goal.direction == "max" and -value or value
  end
  return list
end

function Search:add(number, config)
  if self.rows[number] then return end
  local row = plan.row(self.study, "#" .. number, space.point(self.part.space.parameters, config))
  row.number = number
  if row.code ~= self.study.code_hash then self.store:keep_code(row.code, self.study.codes[row.code]) end
  local trial = plan.trial(self.index, row, self.study.seeds[1])
  self.rows[number], self.trials[number] = row, trial
  self.open[#self.open + 1] = number
  self.by_key[trial.key] = self.by_key[trial.key] or {}
  table.insert(self.by_key[trial.key], number)
  while self.rows[self.asked + 1] do self.asked = self.asked + 1 end
  self:tell(number)
end

function Search:read_asks()
  local asks = self.store:asks(self.index)
  local numbers = sorted_keys(asks)
  for _, number in ipairs(numbers) do
    if not self.rows[number] then self:add(number, asks[number].config) end
  end
end

-- Tells the sampler what is known of a suggestion.
function Search:tell(number)
  local row, key = self.rows[number], self.trials[number].key
  local trial = self.store.trials[key]
  local state = trial and trial.state or "running"
  if not terminal[state] then state = "running" end
  if self.told[number] == state then return end
  self.told[number] = state
  local losses, step
  if state == "finished" then
    losses = self:losses(trial, trial.metrics)
    if not losses then state = "failed" end
  elseif state == "pruned" then
    local last = trial.reports[#trial.reports]
    losses, step = last and self:losses(trial, last.values), last and last.step
  end
  self.sampler:tell { number = number, point = row.changes, losses = losses, state = state, step = step }
end

-- Shows the pruner a trial's new reports.
function Search:observe(key)
  local trial = self.store.trials[key]
  local confirms = trial and self.by_seed and trial.part == self.index + 1
  if not self.pruner or not trial or not (trial.part == self.index or confirms) then return end
  local reports = trial.reports or {}
  for i = (self.seen[key] or 0) + 1, #reports do
    local losses = self:losses(trial, reports[i].values)
    if losses then
      self.pruner:observe { key = key, number = trial.number, seed = trial.seed, row = trial.label,
        step = reports[i].step, loss = losses[1] }
    end
  end
  self.seen[key] = #reports
  if terminal[trial.state] then self.pruner:ended { key = key, state = trial.state } end
end

--- search:changed(keys)
--- Processes what this or other workers have written.
--- @param keys  of trials that changed
function Search:changed(keys)
  for _, key in ipairs(keys) do
    for _, number in ipairs(self.by_key[key] or {}) do self:tell(number) end
    self:observe(key)
  end
end

--- search:judge(trial)
--- @param trial          a trial of the search, or of its confirmation, which only the pruner by seeds sees
--- @return function|nil  function(step, values) -> true to stop the trial, reason; nil without a pruner
function Search:judge(trial)
  if not self.pruner or self.by_seed ~= (trial.part ~= self.index) then return nil end
  return function(step, values)
    local losses = self:losses({ hours = 0 }, values)
    if not losses then return false end
    self:changed(self.store:refresh())
    self:observe(trial.key)
    return self.pruner:judge { key = trial.key, number = trial.number, seed = trial.seed, row = trial.label,
      step = step, loss = losses[1] }
  end
end

-- Asks for the next number; false when there is none left to ask.
function Search:ask()
  if self.asked >= self.part.trials or self.exhausted then return false end
  local number = self.asked + 1
  local point = self.sampler:ask(number)
  if not point then
    self.exhausted = true
    return false
  end
  local config = plan.row(self.study, "#" .. number, point).config
  if self.store:ask(self.index, number, config) then
    self:add(number, config)
  else
    self:read_asks()
  end
  return self.asked >= number -- otherwise another worker's ask is not visible yet
end

--- search:next(claim)
--- Returns the next trial to run.
--- @param claim         function(trial) -> attempt or nil
--- @return trial|nil    claimed
--- @return integer|nil  its attempt
--- @return boolean      if there is none: whether others are still working
function Search:next(claim)
  repeat
    local i = 1
    while i <= #self.open do
      local number = self.open[i]
      local trial = self.trials[number]
      local known = self.store.trials[trial.key]
      local attempt = claim(trial, known)
      if attempt then return trial, attempt end
      known = self.store.trials[trial.key]
      if known and terminal[known.state] then
        table.remove(self.open, i)
        self:tell(number)
      else
        i = i + 1
      end
    end
  until not self:ask()
  return nil, nil, #self.open > 0
end

-- Finished configurations, best first; with two goals, those that no other beats in both come first.
local function ranked(self)
  local list, seen = {}, {}
  for number, row in ipairs(self.rows) do
    local key = self.trials[number].key
    local trial = self.store.trials[key]
    local losses = trial and trial.state == "finished" and self:losses(trial, trial.metrics)
    if losses and not seen[key] then
      list[#list + 1] = { number = number, row = row, losses = losses }
      seen[key] = true
    end
  end
  if #self.study.goals == 2 then
    for _, a in ipairs(list) do
      a.beaten = 0
      for _, b in ipairs(list) do
        if b.losses[1] <= a.losses[1] and b.losses[2] <= a.losses[2]
          and (b.losses[1] < a.losses[1] or b.losses[2] < a.losses[2]) then
          a.beaten = a.beaten + 1
        end
      end
    end
  end
  table.sort(list, function(a, b)
    if a.beaten ~= b.beaten then return a.beaten < b.beaten end
    if a.losses[1] ~= b.losses[1] then return a.losses[1] < b.losses[1] end
    return a.number < b.number
  end)
  return list
end

--- search:confirmation(index)
--- Returns the trials that confirm the best configurations, each with every seed. The search must be complete.
--- @param index   position of the confirmation among the study's parts
--- @return table  list of trials
function Search:confirmation(index)
  local asks = self.store:asks(index)
  if next(asks) == nil then
    for i, entry in ipairs(ranked(self)) do
      if i > self.part.confirm then break end
      self.store:ask(index, i, entry.row.config)
    end
    asks = self.store:asks(index)
  end
  local rows = {}
  for i, ask in ipairs(asks) do
    local changes = space.point(self.part.space.parameters, ask.config)
    rows[i] = plan.row(self.study, self:label_of(changes), changes)
  end
  return plan.trials(index, { rows = rows }, self.study.seeds)
end

-- The label under which the search found a configuration.
function Search:label_of(changes)
  local text = plan.label(changes)
  for number, row in ipairs(self.rows) do
    if plan.label(row.changes) == text then return "#" .. number end
  end
  return text
end

return search
