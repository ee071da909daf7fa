-- Calls every public function of the engine and the harmless ones of the library with arguments at random, for as long
-- as CALR_FUZZ_SECONDS says (10). A call may fail; it must not crash, hang, or leave the recording of gradients off.
-- Made for the sanitizer build.
--
-- A round is a pool of values and 200 calls with them, all drawn from the round's own number. The number of the round
-- that runs is in the file "round": CALR_FUZZ_ROUND=N runs that round alone, CALR_FUZZ_SEED the rounds from there on.
local calr = require "calr"
local sys = calr.sys
local hostile = require "hostile"
local excluded = require "excluded"

local seconds = tonumber(os.getenv "CALR_FUZZ_SECONDS" or 10)
local only = tonumber(os.getenv "CALR_FUZZ_ROUND" or nil)
local first = only or tonumber(os.getenv "CALR_FUZZ_SEED" or nil) or sys.pid() * 1000003
local verbose = os.getenv "CALR_FUZZ_VERBOSE"

-- All functions, by name, sorted: the same round is the same calls.
local function find_functions()
  local list, seen = {}, {}
  local function add(name, fn)
    if not seen[fn] and not excluded.has(name) then
      seen[fn] = true
      list[#list + 1] = hostile.target(name, fn)
    end
  end
  local modules = excluded.library()
  for name in pairs(package.preload) do modules[#modules + 1] = name end
  table.sort(modules)
  for _, module in ipairs(modules) do
    if not excluded.has(module) then
      local keys, loaded = {}, require(module)
      for key, value in pairs(type(loaded) == "table" and loaded or {}) do
        if type(value) == "function" and type(key) == "string" then keys[#keys + 1] = key end
      end
      table.sort(keys)
      for _, key in ipairs(keys) do add(module .. "." .. key, loaded[key]) end
    end
  end
  -- Words written in Lua are loaded when first named; those in C are in calr.tensor.
  local x = calr.tensor.zeros { 1 }
  for _, word in ipairs(require("calr.vocabulary").names()) do
    add("calr." .. word, calr[word])
    pcall(function() return x[word] end) -- and is a method from then on
  end
  return list
end

local functions = find_functions()
local counts = { calls = 0, fine = 0, methods = 0, rounds = 0 }

local function call(target, draw, ...)
  counts.calls, counts.last = counts.calls + 1, target.name
  if verbose then
    io.stderr:write(target.name)
    for i = 1, select("#", ...) do io.stderr:write(" ", (hostile.describe((select(i, ...))))) end
    io.stderr:write "\n"
  end
  local ok, result
  if draw.chance(.1) then
    local thread = coroutine.create(target.fn)
    ok, result = coroutine.resume(thread, ...)
    if draw.chance(.5) then coroutine.close(thread) end
  else
    ok, result = pcall(target.fn, ...)
  end
  if ok then
    counts.fine = counts.fine + 1
    draw.keep(result)
  elseif type(result) == "string" then
    hostile.learn(target, result)
    if result:find("/lua/calr/", 1, true) and verbose then io.stderr:write("   ", result, "\n") end
  end
end

-- A method or metamethod of a value of the pool, of this value or of another.
local function call_method(draw)
  local value = draw.any()
  local meta = getmetatable(value)
  if type(value) ~= "userdata" or not meta then return end
  counts.methods = counts.methods + 1
  local keys, source = {}, draw.chance(.15) and meta or meta.methods or meta.__index
  if type(source) ~= "table" then return end
  for key, fn in pairs(source) do
    if type(fn) == "function" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  local key = draw.pick(keys)
  if not key then return end
  local name = ("%s:%s"):format(meta.__name or "value", key)
  if excluded.has(name) then return end
  local target = hostile.target(name, source[key])
  if draw.chance(.1) then value = draw.any() end
  call(target, draw, value, draw.arguments(target, 2))
end

local function round(number)
  local mark = assert(io.open("round", "w"))
  mark:write(number, "\n")
  mark:close()
  local draw <close> = hostile.new(number)
  calr.autograd.set_detect_anomaly(false) -- as the last round left it
  local function anything()
    if draw.chance(.5) then return call_method(draw) end
    local target = draw.pick(functions)
    call(target, draw, draw.arguments(target))
  end
  draw.nested = anything
  for i = 1, 200 do
    anything()
    if not calr.autograd.recording() then
      error(("recording of gradients was left off by call %d of round %d, %s"):format(i, number, counts.last))
    end
  end
  draw.finish()
end

local stop = sys.clock() + seconds
repeat
  round(first + counts.rounds)
  counts.rounds = counts.rounds + 1
until only or sys.clock() > stop
collectgarbage()
collectgarbage()
print(("%d functions; %d rounds from %d: %d calls, %d of them methods, %d succeeded"):format(#functions, counts.rounds,
  first, counts.calls, counts.methods, counts.fine))
