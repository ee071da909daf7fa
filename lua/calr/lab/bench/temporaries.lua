--- @module calr.lab.bench.temporaries
--- calr bench temporaries: measures a loop that drops its tensors, and what it leaves to the collector, beside one that
--- closes them by hand.

local config = require "calr.config"
local T = require "calr.tensor"

local benchmark = {
  summary = "a loop over temporaries of some MiB: time and memory, beside one that closes them by hand",
  options = {
    count = config.option(100000, "temporaries", { 1 }),
    mib = config.option(4.0, "MiB of each", { 0 }),
    parts = config.option(10, "pairs of loops that alternate", { 1 }),
  },
}

local function dropped(x, count)
  for _ = 1, count do local _ = x + 1 end
end

local function closed(x, count)
  for _ = 1, count do local _ <close> = x + 1 end
end

--- calr.lab.bench.temporaries.rows(bench, options)
--- Prints one row: the loop that drops its tensors, with the one that closes them as its peer. The memory is the most
--- that both took.
function benchmark.rows(bench, options)
  bench.compare()
  local x = T.ones(math.max(1, math.floor(options.mib * (1 << 18))))
  local count = math.max(1, options.count // options.parts)
  dropped(x, 4)
  local memory, mine, theirs, ratios = bench.memory(), {}, {}, {}
  local function sample(loop)
    local began = bench.clock()
    loop(x, count)
    return bench.clock() - began
  end
  for i = 1, options.parts do
    bench.progress(("%d/%d"):format(i, options.parts))
    mine[i], theirs[i] = sample(dropped), sample(closed)
    ratios[i] = theirs[i] / mine[i]
  end
  bench.progress ""
  bench.row { work = ("%d temporaries of %g MiB"):format(count * options.parts, options.mib),
    seconds = bench.median(mine) * options.parts, memory = memory(), count = count * options.parts, unit = "tensors",
    peer = { name = "closed by hand", seconds = bench.median(theirs) * options.parts, ratios = ratios },
    aim = { ratio = 0.67, memory = 512 << 20 } }
end

return benchmark
