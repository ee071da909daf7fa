-- How long samplers take at 10,000 trials of five parameters: calr tests/bench/suggestions.lua
-- Milliseconds of processor time a suggestion, each after one more trial was told; seconds for telling the 10,000.
local sampler = require "calr.lab.study.sampler"
local space = require "calr.lab.study.space"

local TRIALS, ASKS = 10000, 30
local spaces = {
  { "floats", { a = space.float(0, 1), b = space.float(0, 1), c = space.float(1e-5, 1, "log"), d = space.float(-5, 5),
    e = space.float(0, 1) } },
  { "mixed", { a = space.float(0, 1), b = space.float(1e-5, 1, "log"), c = space.int(1, 100),
    d = space.choice { "a", "b", "c", "d" }, e = space.int(1, 10000, "log") } },
}
local cases = { { "random", {} }, { "sobol", {} }, { "tpe", {} }, { "tpe", { multivariate = false } },
  { "tpe", { goals = 2 } }, { "tpe", { goals = 2, multivariate = true } }, { "cmaes", {} } }

print(("%-8s %-34s %10s %10s %10s"):format("space", "sampler", "tell all s", "median ms", "worst ms"))
for _, row in ipairs(spaces) do
  local sp = space.make(row[2])
  local chance, points = sampler.make("random", sp), {}
  for i = 1, TRIALS do points[i] = chance:ask(i) end
  for _, case in ipairs(cases) do
    local name, options, text = case[1], case[2], {}
    for key, value in pairs(options) do text[#text + 1] = key .. "=" .. tostring(value) end
    table.sort(text)
    local s = sampler.make(name, sp, options)
    local function tell(number, p)
      local loss = (p.a - .3) ^ 2 + (p.b - .5) ^ 2
      s:tell { number = number, point = p, state = "finished",
        losses = options.goals == 2 and { loss, (p.a - .9) ^ 2 + p.b } or { loss } }
    end
    local started = os.clock()
    for i, p in ipairs(points) do tell(i, p) end
    local told, times = os.clock() - started, {}
    s:ask(TRIALS + 1)
    for i = 1, ASKS do
      started = os.clock()
      local p = s:ask(TRIALS + i)
      times[i] = (os.clock() - started) * 1000
      tell(TRIALS + i, p)
    end
    table.sort(times)
    print(("%-8s %-34s %10.3f %10.2f %10.2f"):format(row[1], name .. " " .. table.concat(text, " "), told,
      times[ASKS // 2], times[ASKS]))
  end
end
