--- @module calr.context
--- What a script was started with, and who listens to it. The program makes a context for the script that it runs, and
--- a study makes one for each trial. calr.config, calr.run and calr.progress read the current one.
---
---     local inside = context.new { script = "mine.lua", overrides = { "epochs=2" }, out = "runs/mine", quiet = true }
---     inside:on("epoch", function(run, number, step) print(number, step:figures().mAP) end)
---     context.with(inside, loadfile "mine.lua")
---
--- Fields that can be given:
---
--- - `script`: path of the script;
--- - `overrides`: list of "key=value" from the command line (default: none);
--- - `values`: dotted name -> value, instead of overrides;
--- - `out`: the folder of the run;
--- - `resume`: the folder of a run to resume, for the first run that the script opens;
--- - `record`: the run.json of that run, whose configuration replaces the defaults;
--- - `quiet`: no progress, no log on the terminal;
--- - `expected`: name -> true: what the run is not to remark on, for whoever started it has chosen or knows it:
---   "clusters" (fewer than a batch should hold), "weights" (all of one camera), "evaluation" (nothing to evaluate).
---
--- Fields that change while the script runs:
---
--- - `heard`: something has read the overrides;
--- - `resumed`: a run has taken the folder `resume`;
--- - `status`: exit status of the program when the script ends well (0; a study with failed trials makes it 1).
---
--- Events, for context:on. Functions are called in the order in which they subscribed. An error in one of them ends the
--- script, just as an error of the script's own would.
---
--- - "options" (defaults): calr.config has been called and has not read any override yet;
--- - "epoch" (run, number, step): an epoch of calr.pipeline.epochs has been recorded, and its checkpoint is about to be
---   written; the number counts from 1;
--- - "checkpoint" (run, name): a checkpoint has been written;
--- - "finish" (run, summary): run:finish was called with a summary;
--- - "stop" (run, problem): an error or an interrupt has ended a run;
--- - "leave" (problem): context.with is ending, with this error or without one (nil). The newest function is called
---   first, and all of them are called even if one fails.

local options = require "calr.options"

local check_options = options.check

local context = {}

local Context = {}
Context.__index = Context

local fields = { "script", "overrides", "values", "out", "resume", "record", "quiet", "expected" }
local events = { "options", "epoch", "checkpoint", "finish", "stop", "leave" }

--- calr.context.new([fields])
--- Makes a context with these fields. Nothing runs in it yet.
--- @return context
function context.new(given)
  local self = { overrides = {}, heard = false, resumed = false, status = 0, hooks = {}, expected = {} }
  for name, value in pairs(check_options("calr.context.new", given, fields)) do self[name] = value end
  for _, event in ipairs(events) do self.hooks[event] = {} end
  return setmetatable(self, Context)
end

local Hook = {}
Hook.__index = Hook

--- hook:remove()
--- Ends the subscription. Calling it again does nothing. A hook may also be a <close> variable.
function Hook:remove()
  for i, other in ipairs(self.list) do
    if other == self then return table.remove(self.list, i) end
  end
end

Hook.__close = Hook.remove

--- context:on(event, fn)
--- Subscribes to an event: fn is called with the event's values whenever it happens in this context. Contexts made
--- inside this one do not inherit the subscription.
--- @return hook  hook:remove() ends the subscription
function Context:on(event, fn)
  local list = self.hooks[event]
  if not list then
    error(("there is no event \"%s\"; there are: %s"):format(tostring(event), table.concat(events, ", ")), 2)
  end
  if type(fn) ~= "function" then error("an event needs a function: on(\"checkpoint\", function(run) ... end)", 2) end
  local hook = setmetatable({ list = list, fn = fn }, Hook)
  list[#list + 1] = hook
  return hook
end

--- context:tell(event, ...)
--- Calls the functions that have subscribed to an event. A function removed by another during this call is still
--- called.
function Context:tell(event, ...)
  local list = self.hooks[event]
  for _, hook in ipairs(table.move(list, 1, #list, 1, {})) do hook.fn(...) end
end

-- Tells "leave" to all, newest first, even if some fail; returns the first error.
local function tell_leave(self, problem)
  local list, failed, first = self.hooks.leave, false, nil
  local hooks = table.move(list, 1, #list, 1, {}) -- a function may remove itself
  for i = #hooks, 1, -1 do
    local ok, message = pcall(hooks[i].fn, problem)
    if not ok and not failed then failed, first = true, message end
  end
  return not failed, first
end

-- coroutine -> the contexts that run in it, innermost last. A coroutine suspended inside context.with keeps its
-- own, and whoever resumed it sees theirs again.
local stacks = setmetatable({}, { __mode = "k" })
local entered = 0 -- how many there have been

local Entry = {}

function Entry.__close(self, problem)
  if problem == nil and not self.returned then problem = "it was abandoned (coroutine.close)" end
  local ok, failed = tell_leave(self.context, problem)
  for i = #self.stack, 1, -1 do
    if self.stack[i] == self then table.remove(self.stack, i) end
  end
  if not ok then error(failed, 0) end
end

local function enter(self)
  local thread = coroutine.running()
  local stack = stacks[thread] or {}
  stacks[thread], entered = stack, entered + 1
  local entry = setmetatable({ context = self, order = entered, stack = stack }, Entry)
  stack[#stack + 1] = entry
  return entry
end

local root = context.new() -- of the prompt, and of commands that run no script

--- calr.context.current()
--- Returns the context of the innermost running context.with, in this coroutine or else in those that have resumed it.
--- @return context
function context.current()
  local own = stacks[coroutine.running()]
  if own and own[1] then return own[#own].context end
  local newest
  for thread, stack in pairs(stacks) do
    local top = stack[#stack]
    if top and coroutine.status(thread) == "normal" and not (newest and newest.order > top.order) then newest = top end
  end
  return newest and newest.context or root
end

--- calr.context.with(context, fn, ...)
--- Calls fn(...) with this context as the current one. However fn ends, even with an error or by coroutine.close, the
--- runs that it opened end, and the previous context becomes current again.
--- @return any  what fn returns
function context.with(self, fn, ...)
  if getmetatable(self) ~= Context then error("calr.context.with takes a context from calr.context.new", 2) end
  local entry <close> = enter(self)
  local results = table.pack(fn(...))
  entry.returned = true
  return table.unpack(results, 1, results.n)
end

options.counted("context:", Context)
options.counted("hook:", Hook)
return (options.counted("calr.context.", context))
