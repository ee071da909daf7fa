--- @module calr.lab.bench.start
--- calr bench start: measures how long the program takes to start.

local config = require "calr.config"
local errors = require "calr.errors"
local sys = require "calr.sys"
local text = require "calr.text"

local benchmark = {
  summary = "time from start to end of a process that does nothing",
  options = { program = config.option("", "the program to start; default: this one") },
}

-- Without the variable that this process has set for itself (engine/host/main.c): a user's shell has none.
local function starter(command)
  return function()
    local pipe <close> = assert(io.popen("unset GOMP_SPINCOUNT; exec " .. command .. " </dev/null", "r"))
    pipe:read "a"
  end
end

--- calr.lab.bench.start.rows(bench, options)
--- Prints a row for each program; the last is the shell's own start, which the others include.
function benchmark.rows(bench, options)
  if bench.session.settings.cpu then
    errors.usage "the start of other processes is measured by the clock: --cpu counts this process alone"
  end
  local program = text.quote(options.program ~= "" and options.program or sys.paths.executable)
  local settings = { single = true, ["repeat"] = 41, warmup = 3 }
  bench.row { work = "calr -e 'return'", time = bench.time(starter(program .. " -e return"), settings),
    aim = { seconds = 0.02 } }
  bench.row { work = "calr --version", time = bench.time(starter(program .. " --version"), settings) }
  bench.row { work = "first product (libraries are loaded)",
    time = bench.time(starter(program .. " -e 'local a = calr.tensor{{1}} calr.matmul(a, a)'"), settings) }
  bench.row { work = "the shell alone", time = bench.time(starter "true", settings) }
end

return benchmark
