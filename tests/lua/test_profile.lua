-- The profiler: its numbers add up, spans nest, forward and backward are apart, and errors leave nothing open.
local calr = require "calr"
local check = require "check"
local json = require "calr.json"
local meter = require "calr.meter"
local sys = require "calr.sys"
local T = calr.tensor

local function profiled(fn)
  meter.profile_start()
  local ok, problem = pcall(fn)
  local report = meter.profile_stop()
  if not ok then error(problem, 0) end
  return report
end

local function find(report, name, pass)
  for _, item in ipairs(report.operations) do
    if item.name == name and (not pass or item.pass == pass) then return item end
  end
end

local function sum(list, ...)
  local total = 0
  for _, item in ipairs(list) do
    for _, key in ipairs { ... } do total = total + item[key] end
  end
  return total
end

local function step()
  local w = T.full({ 64, 64 }, 0.1):requires_grad(true)
  local x = T.full({ 32, 64 }, 1)
  for _ = 1, 5 do
    local loss = x:matmul(w):relu():sum()
    loss:backward()
    w:zero_grad()
  end
end

check.test("the seconds of all operations and of all lines add up to the whole", function()
  local report = profiled(step)
  check.ok(report.seconds > 0 and report.lua > 0 and report.lost == 0)
  check.near(sum(report.operations, "seconds") + report.lua, report.seconds, 1e-6)
  check.near(sum(report.lines, "seconds", "backward", "lua"), report.seconds, 1e-6)
  check.near(sum(report.operations, "bytes"), sum(report.lines, "bytes"), 0.5)
  for _, item in ipairs(report.operations) do check.ok(item.seconds >= 0 and item.calls > 0 and item.bytes >= 0) end
end)

check.test("forward and backward are counted apart, with their bytes", function()
  local report = profiled(step)
  check.equal(find(report, "relu", "forward").calls, 5)
  check.equal(find(report, "relu", "backward").calls, 5)
  check.equal(find(report, "matmul", "forward").calls, 5)
  check.equal(find(report, "matmul", "backward").calls, 5)
  check.ok(find(report, "matmul", "forward").bytes >= 5 * 32 * 64 * 4)
  check.equal(find(report, "tensor:backward", "call").calls, 5)
  check.ok(report.peak >= 64 * 64 * 4)
end)

check.test("lines are those of the script, and a backward pass counts for the line of its forward", function()
  local line = debug.getinfo(1, "l").currentline
  local report = profiled(function()
    local x = T.full({ 50, 50 }, 1):requires_grad(true)
    local y = x:exp():sum() -- line + 3
    y:backward() -- line + 4
    calr.nn.linear(4, 4) -- line + 5: what the library calls for it
  end)
  local lines = {}
  for _, item in ipairs(report.lines) do
    if item.source then
      check.ok(item.source:find("test_profile.lua", 1, true), item.source)
      lines[item.line - line] = item
    end
  end
  check.ok(lines[3].backward > 0 and lines[3].seconds > 0)
  check.equal(lines[4].backward, 0)
  check.ok(lines[4].seconds > 0)
  check.ok(lines[5] and lines[5].calls > 0)
end)

check.test("errors and coroutines leave no span open", function()
  local report = profiled(function()
    for _ = 1, 20 do
      pcall(T.zeros, { -1 })
      pcall(function() return T { 1, 2 } + T { 1, 2, 3 } end)
      pcall(calr.autograd.no_grad, function() error "inside" end)
      coroutine.wrap(function()
        local x = T { 1, 2 }
        coroutine.yield()
        return x:sum()
      end)()
    end
    T { 1, 2 }:sum()
  end)
  check.near(sum(report.operations, "seconds") + report.lua, report.seconds, 1e-6)
  meter.profile_write("errors.json")
  for _, event in ipairs(json.decode(sys.read_file "errors.json").traceEvents) do
    if event.ph == "X" then check.ok(event.dur >= 0) end
  end
end)

check.test("the file is one of trace events, and its spans nest", function()
  profiled(function()
    step()
    calr.models.small()(calr.zeros(1, 32, 16, 3))
  end)
  meter.profile_write("trace.json", "a \"title\"")
  local events = json.decode(sys.read_file "trace.json").traceEvents
  -- https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU: complete events have ts and dur in
  -- microseconds; those of a thread nest.
  local open, spans, counters, kinds, before = {}, 0, 0, {}, -1
  for _, event in ipairs(events) do
    check.ok(event.pid == 1 and type(event.name) == "string")
    if event.ph == "M" then
      check.equal(event.args.name, "a \"title\"")
    elseif event.ph == "C" then
      check.ok(event.args.bytes >= 0)
      counters = counters + 1
    else
      check.equal(event.ph, "X")
      check.equal(event.tid, 1)
      spans = spans + 1
      kinds[event.cat] = true
      check.ok(event.ts >= before - 0.002, "in order")
      before = event.ts
      local last = event.ts + event.dur
      while #open > 0 and open[#open] <= event.ts + 0.002 do table.remove(open) end
      check.ok(#open == 0 or last <= open[#open] + 0.002, "a span ends inside the one around it")
      open[#open + 1] = last
    end
  end
  check.ok(spans > 40 and counters > 10)
  check.ok(kinds.line and kinds.call and kinds.forward and kinds.backward)
end)

check.test("what is out of order is refused, and switching on again begins anew", function()
  check.fails("not running", meter.profile_stop)
  meter.profile_start()
  check.fails("running already", meter.profile_start)
  check.fails("profile_stop comes first", meter.profile_write, "none.json")
  meter.profile_stop()
  check.ok(not find(profiled(function() T { 1 }:sum() end), "matmul"))
  check.fails("nowhere", meter.profile_write, "nowhere/none.json")
end)

check.test("a finaliser that starts the profiler again takes nothing away", function()
  local function leave()
    for _ = 1, 200 do setmetatable({}, { __gc = function() pcall(meter.profile_start) end }) end
  end
  local mode = collectgarbage("incremental", 1, 1000, 1) -- it finalises at nearly every allocation
  for _ = 1, 20 do
    collectgarbage "stop"
    meter.profile_start()
    for _ = 1, 20 do T({ 1, 2 }):sum() end
    leave()
    collectgarbage "restart"
    local report = meter.profile_stop()
    collectgarbage "stop"
    check.ok(find(report, "sum") and #report.operations > 1)
    collectgarbage "restart"
    collectgarbage()
    pcall(meter.profile_stop)
  end
  collectgarbage("incremental", 200, 100, 13) -- Lua's own settings
  collectgarbage(mode)
  collectgarbage "restart"
end)

check.test("a span costs little", function()
  local x = T { 1, 2 }
  local function work() for _ = 1, 20000 do x:size(1) end end
  local report = profiled(work)
  check.ok(report.seconds / 20000 < 20e-6, ("%.2f us a call"):format(report.seconds / 20000 * 1e6))
  check.equal(report.spans, 20001)
end)

check.finish()
