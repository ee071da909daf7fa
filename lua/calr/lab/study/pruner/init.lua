--- @module calr.lab.study.pruner
--- Pruners: rules that end hopeless trials. A pruner is a Lua file that returns a function(options) ->
--- pruner, an object with three methods:
---
--- - `observe{key=, number=, seed=, row=, step=, loss=}`: any trial, including this worker's, has reported; in order of
---   arrival. A repeated report counts once. A nil loss is ignored.
--- - `ended{key=, state=}`: any trial has ended: "finished", "pruned", "failed", "interrupted".
--- - `judge{...}` with the fields of observe -> `true, reason` if the trial should end, otherwise `false`. A judged
---   report that has not been observed before is observed now.
---
--- Losses are oriented so that smaller is better. Every process replays the same reports, so a pruner keeps its state
--- in memory and needs no file. Each judgement takes O(log n) for n trials; for the Wilcoxon pruner, time proportional
--- to its pairs of values.

local options = require "calr.lab.study.pruner.options"
local suggest = require "calr.options".suggest
local userfile = require "calr.userfile"

local pruner = {}

local bundled = { "asha", "hyperband", "median", "wilcoxon" }

--- calr.lab.study.pruner.names()
--- @return table  calr's pruners
function pruner.names()
  return table.move(bundled, 1, #bundled, 1, {})
end

--- calr.lab.study.pruner.load(name)
--- Loads a pruner by its name, or by the path of your own file (anything with a slash, or ending in .lua).
--- @return function  options -> pruner
function pruner.load(name)
  if type(name) == "string" and not userfile.is_path(name) then
    for _, known in ipairs(bundled) do
      if known == name then return require("calr.lab.study.pruner." .. name) end
    end
  end
  if type(name) ~= "string" or not userfile.is_path(name) then
    error(("there is no pruner \"%s\"%s; there are: %s, or give the path of your own file"):format(tostring(name),
      suggest(name, bundled), table.concat(bundled, ", ")), 2)
  end
  local make = userfile.run(name, "pruner")
  if type(make) ~= "function" then
    error(("%s must return a function(options), not a %s"):format(name, type(make)), 2)
  end
  return make
end

--- calr.lab.study.pruner.make(description)
--- Makes a pruner from its description in a plan: `{name = "asha", min = 5, eta = 4}` or `{"asha", min = 5, eta = 4}`.
--- Errors are about the description and name no line.
--- @return table  the pruner
function pruner.make(description)
  local name, given = description.name or description[1], {}
  for key, value in pairs(description) do
    if key ~= "name" and key ~= 1 then given[key] = value end
  end
  local ok, made = pcall(pruner.load, name)
  if ok then ok, made = pcall(made, given) end
  if not ok then error(made, 0) end
  for _, method in ipairs { "observe", "ended", "judge" } do
    if type(made) ~= "table" or type(made[method]) ~= "function" then
      error(("the pruner \"%s\" has no method \"%s\""):format(name, method), 0)
    end
  end
  return made
end

--- calr.lab.study.pruner.check(what, given, fields)
--- Checks a pruner's options: names, types and bounds.
--- @param what    the pruner, for the message
--- @param fields  name -> {default=, least=, below=, whole=, choices=}; the option must be a number of at least `least`
---                and below `below`, an integer if `whole`, or one of `choices`. Without a default it may be nil.
--- @return table  name -> value
pruner.check = options.check

return pruner
