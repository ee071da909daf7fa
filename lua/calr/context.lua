--- @module calr.context
--- What a script was started with, and who listens to it. The program makes a context for the script that it runs, a
--- study makes one for every trial; calr.config, calr.run and calr.progress look at the current one.
---
--- Fields that whoever makes a context may give:
---
--- - `script`: path of the script;
--- - `overrides`: list of "key=value" from the command line (default: none);
--- - `values`: dotted name -> value, instead of overrides;
--- - `out`: the folder of the run;
--- - `resume`: the folder of a run to go on with, for the first run that the script opens;
--- - `record`: the run.json of that run, whose configuration replaces the defaults;
--- - `quiet`: no progress, no log on the terminal.
---
--- Fields that change while the script runs:
---
--- - `heard`: something has read the overrides;
--- - `resumed`: a run has taken the folder `resume`;
--- - `status`: exit status of the program when the script ends well (0; a study with failed trials makes it 1).
---
--- Events, for context:on. Each is told to the functions in the order in which they came; an error in one of them ends
--- the script, as an error of its own would.
---
--- - "options" (defaults): calr.config was called, and has not looked at any override yet;
--- - "epoch" (run, number, step): an epoch of calr.pipeline.epochs is over and recorded, number counts from 1; its
---   checkpoint is not written yet;
--- - "checkpoint" (run, name): a checkpoint has been written;
--- - "finish" (run, summary): run:finish was given a summary;
--- - "stop" (run, problem): an error or an interrupt has ended a run;
--- - "leave" (problem): context.with ends, by this error or by none (nil); the newest function is called first.

local check_options = require "calr.options".check

local context = {}

local Context = {}
Context.__index = Context

local fields = { "script", "overrides", "values", "out", "resume", "record", "quiet" }
local events = { "options", "epoch", "checkpoint", "finish", "stop", "leave" }

--- calr.context.new([fields])
--- A context with these fields (see above), which nothing runs in yet.
--- @return context
function context.new(given)
  local self = { overrides = {}, heard = false, resumed = false, status = 0, hooks = {} }
  for name, value in pairs(check_options("calr.context.new", given, fields)) do self[name] = value end
  for _, event in ipairs(events) do self.hooks[event] = {} end
  return setmetatable(self, Context)
end

local Hook = {}
Hook.__index = Hook

--- hook:remove()
--- The function is not called any more. A second time does nothing. A hook is also a good <close> variable.
function Hook:remove()
  for i, other in ipairs(self.list) do
    if other == self then return table.remove(self.list, i) end
  end
end

Hook.__close = Hook.remove

--- context:on(event, fn)
--- Calls fn with the event's values whenever it happens in this context. Contexts made inside know nothing of it.
--- @return hook  which takes the function away again: hook:remove()
function Context:on(event, fn)
  local list = self.hooks[event]
  if not list then
    error(("there is no event \"%s\"; there are: %s"):format(tostring(event), table.concat(events, ", ")), 2)
  end
  if type(fn) ~= "function" then error("an event wants a function: on(\"checkpoint\", function(run) ... end)", 2) end
  local hook = setmetatable({ list = list, fn = fn }, Hook)
  list[#list + 1] = hook
  return hook
end

--- context:tell(event, ...)
--- Calls the functions that listen to an event. One that is removed by another meanwhile is still called.
function Context:tell(event, ...)
  local list = self.hooks[event]
  for _, hook in ipairs(table.move(list, 1, #list, 1, {})) do hook.fn(...) end
end

-- Tells "leave" to all, newest first, however some of them end; returns the first error.
local function tell_leave(self, problem)
  local list, failed, first = self.hooks.leave, false, nil
  local hooks = table.move(list, 1, #list, 1, {}) -- a function may take itself away
  for i = #hooks, 1, -1 do
    local ok, message = pcall(hooks[i].fn, problem)
    if not ok and not failed then failed, first = true, message end
  end
  return not failed, first
end

-- coroutine -> the contexts that run in it, innermost last. A coroutine that is suspended inside context.with keeps its
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
--- The context of the innermost context.with that is running: in this coroutine, or else in those that wait for it to
--- yield.
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
--- Calls fn(...) with this context as the current one. However fn ends, by an error or by coroutine.close too, "leave"
--- is told, which ends the runs that are open, and the context before is the current one again.
--- @return any  what fn returns
function context.with(self, fn, ...)
  if getmetatable(self) ~= Context then error("calr.context.with wants what calr.context.new returned", 2) end
  local entry <close> = enter(self)
  local results = table.pack(fn(...))
  entry.returned = true
  return table.unpack(results, 1, results.n)
end

return context
