-- Regrets of calr's samplers against Optuna's, from the root of the sources:
--     [SEEDS=30] [REGRETS=tests/reference/study/regrets.json] [ONLY=tpe] calr tests/bench/samplers.lua
-- Medians over the seeds, and the p-value of ours being worse (Mann-Whitney): small would be bad.
local root = "tests"
package.path = root .. "/lua/?.lua;" .. package.path
local problems = require "study_problems"
local json = require "calr.json"

local seeds = tonumber(os.getenv "SEEDS") or 30
local file = assert(io.open(os.getenv "REGRETS" or root .. "/reference/study/regrets.json"))
local reference = json.decode(file:read "a")
file:close()

local pairs_of = { -- ours, with options; Optuna's
  { "random", {}, "random" }, { "sobol", {}, "sobol" }, { "cmaes", {}, "cmaes" },
  { "tpe", {}, "tpe" }, { "tpe", { multivariate = true }, "tpe group" }, { "tpe", { bandwidth = "scott" }, "tpe" },
  { "tpe", { multivariate = false }, "tpe univariate" },
}

local function text(options)
  local parts = {}
  for key, value in pairs(options) do parts[#parts + 1] = key .. "=" .. tostring(value) end
  return table.concat(parts, " ")
end

print(("%-12s %-28s %-16s %10s %10s %8s %8s"):format("problem", "calr", "Optuna", "ours", "theirs", "p worse",
  "s/study"))
for _, problem in ipairs(problems.names) do
  for _, row in ipairs(pairs_of) do
    local theirs = reference.regrets[problem][row[3]]
    local known = pcall(require, "calr.study.sampler." .. row[1])
    if theirs and known and row[1]:find(os.getenv "ONLY" or "") then
      local started = os.clock()
      local ours = problems.regrets(problem, row[1], row[2], seeds)
      print(("%-12s %-28s %-16s %10.4g %10.4g %8.3f %8.3f"):format(problem, row[1] .. " " .. text(row[2]), row[3],
        problems.median(ours), problems.median(theirs), problems.worse(ours, theirs), (os.clock() - started) / seeds))
    end
  end
end
