--- @module calr.lab.bench.frame.settle
--- What comes before a sample that is timed in alternation with another program.

local sys = require "calr.sys"

-- settle(seconds, work): does the work, a function, again and again for so long; with 0 seconds not at all. While the
-- other program has its turn, the threads of this one sleep. The kernel often wakes them on the same core, where each
-- waits for the other until one is moved: a step of 200 ms then takes 290, and a word of 20 us takes 1 ms.
return function(seconds, work)
  local start = sys.clock()
  while sys.clock() - start < seconds do work() end
end
