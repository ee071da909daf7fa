--- @module calr.lab.study.trial
--- One trial, as a study's function sees it.
---
---     S:run(function(trial)
---       local state = trial:restore() or { epoch = 0, w = start() }
---       for epoch = state.epoch + 1, trial.config.epochs do
---         ...
---         trial:report(epoch, { mAP = mAP, loss = loss })
---         trial:checkpoint { epoch = epoch, w = w }
---       end
---       return { mAP = mAP }
---     end)

--- @class trial
--- A trial, as passed to a study's function.
--- @field config   table; the options, as calr.config returns them
--- @field seed     integer; seeds its random numbers
--- @field label    string; label of its row in the tables
--- @field key      string; its name in the record, 16 hexadecimal digits
--- @field number   integer; its position in a search
--- @field attempt  integer; 1, or more when earlier ones were interrupted

local errors = require "calr.errors"
local folder = require "calr.run.folder"
local suggest = require("calr.options").suggest
local sys = require "calr.sys"
local merged = require "calr.tables".merged

local trial = {}

local Trial = {}
Trial.__index = Trial

--- calr.lab.study.trial.new(record, options)
--- Makes a trial that is about to run.
--- @param record   key, seed, label, number, part
--- @param options  config, store, attempt, judge (function(step, values) -> true to prune, reason), kept: metric ->
---                 number, what earlier attempts reported before the checkpoint that this one goes on from
function trial.new(record, options)
  return setmetatable({ key = record.key, seed = record.seed, label = record.label, number = record.number,
    part = record.part, config = options.config, attempt = options.attempt, store = options.store,
    judge = options.judge, sequence = 0, last = options.kept or {} }, Trial)
end

local function check_values(values)
  if type(values) ~= "table" then error("trial:report takes a step and a table: trial:report(3, { mAP = .5 })", 3) end
  for name, value in pairs(values) do
    if type(name) ~= "string" or type(value) ~= "number" then
      error(("metric \"%s\" is a %s; metrics are numbers, by name"):format(tostring(name), type(value)), 3)
    end
    if value ~= value or math.abs(value) == math.huge then
      error(("metric \"%s\" is %s"):format(name, value ~= value and "NaN" or "infinite"), 3)
    end
  end
end

--- trial:report(step, values)
--- Records what is known after a step (usually an epoch). It is kept whatever happens afterwards; learning curves,
--- pruners and the choice of an epoch use it. If the study's pruner stops the trial, this does not return.
--- @param step    whole number; rising
--- @param values  metric -> number; NaN and infinity are an error that names the metric
function Trial:report(step, values)
  sys.check_interrupt()
  local whole = math.tointeger(step)
  if not whole then error("trial:report: the step must be a whole number, not " .. tostring(step), 2) end
  check_values(values)
  for name, value in pairs(values) do self.last[name] = value end
  self.reported = true
  self.store:report(self.key, self.attempt, whole, values)
  if self.judge then
    local prune, reason = self.judge(whole, values)
    if prune then
      self.store:note(self.key, self.attempt, reason or ("pruned at step %d"):format(whole))
      errors.leave("pruned", 0)
    end
  end
end

--- trial:log(format, ...)
--- Adds a note to the trial's record.
function Trial:log(format, ...)
  self.store:note(self.key, self.attempt, select("#", ...) > 0 and format:format(...) or format)
end

--- trial:folder()
--- Returns a folder of this attempt for files of any kind, created by the first call. Attempts do not share folders.
--- @return string
function Trial:folder()
  return self.store:folder(self.key, self.attempt)
end

-- Moves tensors out of the state; the rest is JSON.
local function split(value, path, tensors)
  if type(value) == "userdata" then
    tensors[path] = value
    return { ["$tensor"] = path }
  elseif type(value) ~= "table" then
    return value
  end
  local copy = {}
  for key, item in pairs(value) do copy[key] = split(item, path .. "/" .. tostring(key), tensors) end
  return copy
end

local function join(value, tensors)
  if type(value) ~= "table" then return value end
  if value["$tensor"] then return tensors[value["$tensor"]] end
  for key, item in pairs(value) do value[key] = join(item, tensors) end
  return value
end

--- trial:checkpoint(state)
--- Saves a state to resume from, completely or not at all. If the machine is about to be taken away (SIGUSR1, a
--- preemption), this does not return: the trial is interrupted here, with nothing lost.
--- @param state  a table of numbers, strings, booleans, tensors and tables of them
function Trial:checkpoint(state)
  if type(state) ~= "table" then error("trial:checkpoint takes a table", 2) end
  local path, tensors = self:folder(), {}
  sys.make_folder(path .. "/checkpoints")
  local plain = split(state, "state", tensors)
  self.sequence = self.sequence + 1
  folder.save(path, { sequence = self.sequence, name = "trial", metrics = 0, tensors = tensors, state = plain })
  self:checkpointed()
end

--- trial:checkpointed()
--- Records that a checkpoint has been written by other means, such as run:checkpoint. If this worker stalled and
--- another has taken the trial over, this does not return: its result would not count.
function Trial:checkpointed()
  if self.store:fenced(self.key, self.attempt) then errors.leave("fenced", 0) end
  self.store:checkpoint(self.key, self.attempt)
  if sys.warned() then errors.leave("warned", 75) end
end

--- trial:restore()
--- Returns the state of the newest checkpoint of an earlier, interrupted attempt.
--- @return table|nil  as given to trial:checkpoint; nil: start from scratch
function Trial:restore()
  local attempt = self.attempt
  while attempt > 1 do
    local path, number = self.store:previous(self.key, attempt)
    if not path then return nil end
    local newest, broken = folder.newest(path, "trial")
    for _, text in ipairs(broken) do self:log("%s", text) end
    if newest then return join(newest.state, newest.tensors) end
    attempt = number or attempt - 1
  end
end

--- trial:summary(values)
--- Sets final figures, in addition to the last report; a run inside the trial sets those of run:finish{...}.
function Trial:summary(values)
  for name, value in pairs(values) do
    if type(value) == "number" then self.last[name] = value end
  end
end

--- trial:result(returned, goals)
--- @internal
--- Returns the metrics of a trial that has ended: its last report plus what its function returned.
--- @param returned  a table metric -> number, a number (of the only goal), or nil
--- @param goals     list of {metric=, direction=}
--- @return table    metric -> number; missing values, or values that are not finite, are an error
function Trial:result(returned, goals)
  if type(returned) == "number" then
    if #goals > 1 then error("the trial returned one number, but the study has several goals: return a table", 0) end
    returned = { [goals[1].metric] = returned }
  elseif returned ~= nil and type(returned) ~= "table" then
    error(("the trial returned a %s; it must return a table, a number, or nothing"):format(type(returned)), 0)
  end
  local ok, problem = pcall(check_values, returned or {})
  if not ok then error("the trial returned: " .. tostring(problem):gsub("^.-%.lua:%d+: ", ""), 0) end
  local values = merged(self.last, returned or {})
  for _, goal in ipairs(goals) do
    if values[goal.metric] == nil and goal.metric ~= "hours" then
      local names = {}
      for name in pairs(values) do names[#names + 1] = name end
      error(("the trial ended without the study's goal \"%s\"%s: report it, or return { %s = ... }"):format(goal.metric,
        suggest(goal.metric, names), goal.metric), 0)
    end
  end
  return values
end

require("calr.options").counted("trial:", Trial)

return trial
