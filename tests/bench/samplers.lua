-- Regrets of calr's samplers against Optuna's (tests/reference/study/make_regrets.py), from the root of the sources:
--     [SEEDS=60] [REGRETS=tests/reference/study/regrets.json] [ONLY=tpe] calr tests/bench/samplers.lua
-- Medians over the seeds (ours, and as many as Optuna has), and the p-value of ours being worse (Mann-Whitney): small
-- would be bad. The time is that of a processor for a whole study.
local root = "tests"
package.path = root .. "/lua/?.lua;" .. package.path
local problems = require "study_problems"
local json = require "calr.json"

local most = tonumber(os.getenv "SEEDS") or 60
local file = assert(io.open(os.getenv "REGRETS" or root .. "/reference/study/regrets.json"))
local reference = json.decode(file:read "a")
file:close()

local pairs_of = { -- ours, with options; Optuna's
  { "random", {}, "random" }, { "sobol", {}, "sobol" }, { "cmaes", {}, "cmaes" },
  { "tpe", {}, "tpe" }, { "tpe", { multivariate = true }, "tpe group" }, { "tpe", { bandwidth = "scott" }, "tpe" },
  { "tpe", { multivariate = false }, "tpe univariate" }, { "gp", {}, "gp" }, { "nsga2", {}, "nsga2" },
}

local function text(options)
  local parts = {}
  for key, value in pairs(options) do parts[#parts + 1] = key .. "=" .. tostring(value) end
  return table.concat(parts, " ")
end

print(("%-12s %-28s %-16s %7s %10s %10s %8s %8s"):format("problem", "calr", "Optuna", "seeds", "ours", "theirs",
  "p worse", "s/study"))
local names = table.move(problems.names, 1, #problems.names, 1, {})
table.move(problems.of_two_goals, 1, #problems.of_two_goals, #names + 1, names)
for _, problem in ipairs(names) do
  for _, row in ipairs(pairs_of) do
    local theirs = (reference.regrets[problem] or {})[row[3]]
    local known = pcall(require, "calr.lab.study.sampler." .. row[1])
    if theirs and known and row[1]:find(os.getenv "ONLY" or "") then
      local started, seeds = os.clock(), most
      local ours = problems.regrets(problem, row[1], row[2], seeds)
      print(("%-12s %-28s %-16s %3d/%-3d %10.4g %10.4g %8.3f %8.3f"):format(problem, row[1] .. " " .. text(row[2]),
        row[3], seeds, #theirs, problems.median(ours), problems.median(theirs), problems.worse(ours, theirs),
        (os.clock() - started) / seeds))
    end
  end
end
