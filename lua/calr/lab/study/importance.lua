-- Finds which parameters of a search or a grid matter, and how.
local space = require "calr.lab.study.space"
local check_options = require "calr.options".check
local compare = require "calr.lab.study.compare"
local normal = require "calr.statistics.normal"
local statistics = require "calr.statistics"

--- @module calr.lab.study.importance
--- Importance of the parameters of a search or a grid (PED-ANOVA), and the mean of a metric by the values of one.
---
--- PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023, arXiv 2304.10255) asks how much the distribution of a parameter
--- among the best configurations differs from its distribution among all of them: the Pearson divergence between two
--- kernel density estimates on a grid of at most 50 cells. Where a parameter exists only for some choices of another,
--- its divergence is taken among the configurations that have it, and weighted by how much more frequent those are
--- among the best (conditional PED-ANOVA, arXiv 2601.20800). Same as Optuna's PedAnovaImportanceEvaluator.
---
--- An observation is a configuration with the mean of its figure over the finished seeds.

local importance = {}

local floor, ceil, log, sqrt = math.floor, math.ceil, math.log, math.sqrt

local steps = 50 -- cells of a continuous parameter
local least_in_regime = 2 -- least number of configurations that have a parameter

local function levels(p)
  if p.kind == "choice" then return #p.choices end
  if p.low == p.high then return 1 end
  if p.kind == "int" and p.log then return math.min(steps, ceil(log(p.high - p.low + 1, 2)) + 1) end
  local step = p.step or p.kind == "int" and 1
  return step and math.min(steps, floor((p.high - p.low) / step + 1e-9) + 1) or steps
end

-- A function value -> cell, from 0, and the number of cells. Half-way values go to the lower cell.
local function grid_of(p)
  local n = levels(p)
  if p.kind == "choice" then
    local cells = {}
    for i, choice in ipairs(p.choices) do cells[choice] = i - 1 end
    return function(value) return cells[value] end, n
  end
  local low, high, step = p.low, p.high, p.step or p.kind == "int" and 1
  if step and not p.log then high = low + floor((high - low) / step + 1e-9) * step end
  if p.log then low, high = log(low), log(high) end
  local width = (high - low) / math.max(1, n - 1)
  return function(value)
    local x = p.log and log(value) or value
    return math.max(0, math.min(n - 1, ceil((x - low) / width - 0.5)))
  end, n
end

-- P(a < Z < b), from the tail that keeps digits.
local function mass(a, b)
  if a > 0 then a, b = -b, -a end
  return normal.cdf(b) - normal.cdf(a)
end

-- Adds a normal kernel, cut off at the ends of the grid and summed over each cell, to a density.
local function add_kernel(density, n, weight, mu, sigma)
  local scale = weight / mass((-0.5 - mu) / sigma, (n - 0.5 - mu) / sigma)
  for cell = 0, n - 1 do
    density[cell] = density[cell] + scale * mass((cell - 0.5 - mu) / sigma, (cell + 0.5 - mu) / sigma)
  end
end

-- First position whose cumulative weight reaches (or, with `above`, exceeds) the limit.
local function search_sorted(weights, limit, above)
  local sum = 0
  for i, weight in ipairs(weights) do
    sum = sum + weight
    if sum > limit or not above and sum == limit then return i end
  end
  return #weights
end

-- Bandwidth by Scott's rule, from weighted cells; wide enough at least for 90 % of a kernel to stay within its cell.
local function bandwidth(cells, weights, total)
  local mean, variance = 0.0, 0.0
  for i, cell in ipairs(cells) do mean = mean + cell * weights[i] / total end
  for i, cell in ipairs(cells) do variance = variance + weights[i] * (cell - mean) ^ 2 end
  local sigma = sqrt(variance / math.max(1, total - 1))
  local iqr = cells[search_sorted(weights, total * 3 // 4, true)] - cells[search_sorted(weights, total // 4)]
  return math.max(1.059 * math.min(iqr / 1.34, sigma) * total ^ -0.2, 0.5 / 1.64)
end

-- Density of a parameter on its grid: a kernel for each cell in use, weighted by its count, and one of weight 1 that
-- covers the whole range.
local function density_of(kind, counts, n)
  local cells, weights, total, density = {}, {}, 0, {}
  for cell = 0, n - 1 do
    density[cell] = 0.0
    if counts[cell] then
      cells[#cells + 1], weights[#weights + 1] = cell, counts[cell]
      total = total + counts[cell]
    end
  end
  if kind == "choice" then
    local share = 1 / (#cells + 1)
    for cell = 0, n - 1 do
      density[cell] = (1 / n + (total * share + (counts[cell] or 0)) / (1 + n * share)) / (total + 1)
    end
    return density
  end
  local sigma = bandwidth(cells, weights, total)
  for i, cell in ipairs(cells) do add_kernel(density, n, weights[i] / (total + 1), cell, sigma) end
  add_kernel(density, n, 1 / (total + 1), (n - 1) / 2, n)
  return density
end

local function count_cells(observations, name, cell_of)
  local counts = {}
  for _, observation in ipairs(observations) do
    local cell = cell_of(observation.point[name])
    if cell then counts[cell] = (counts[cell] or 0) + 1 end
  end
  return counts
end

-- Pearson divergence of the distribution among the best from that of the region.
local function divergence(p, best, region)
  local cell_of, n = grid_of(p)
  local top = density_of(p.kind, count_cells(best, p.name, cell_of), n)
  local all = density_of(p.kind, count_cells(region, p.name, cell_of), n)
  local sum = 0.0
  for cell = 0, n - 1 do
    local a, b = top[cell] + 1e-12, all[cell] + 1e-12
    sum = sum + b * (a / b - 1) ^ 2
  end
  return sum
end

-- Observations no worse than the one at a quantile.
local function best_of(observations, share)
  if share == 1 then return observations end
  local losses = {}
  for i, observation in ipairs(observations) do losses[i] = observation.loss end
  table.sort(losses)
  local limit, list = losses[ceil(share * #losses)], {}
  for _, observation in ipairs(observations) do
    if observation.loss <= limit then list[#list + 1] = observation end
  end
  return list
end

local function having(observations, name)
  local list = {}
  for _, observation in ipairs(observations) do
    if observation.point[name] ~= nil then list[#list + 1] = observation end
  end
  return list
end

local function check_shares(target, region)
  if not (type(target) == "number" and type(region) == "number" and 0 < target and target < region and region <= 1) then
    error(("0 < target < region <= 1 must hold; they are %s and %s"):format(tostring(target), tostring(region)), 3)
  end
end

--- calr.lab.study.importance.ped_anova(parameters, observations [, {target=.1, region=1}])
--- Computes PED-ANOVA for any observations.
--- @param parameters    list of parameters as in calr.study.space
--- @param observations  list of {point = name -> value of the active parameters, loss = number}; smaller is better
--- @param target        share of the observations that count as the best: gamma' in the paper
--- @param region        share of the observations to compare them with: gamma in the paper; 1: all
--- @return table    name -> importance, at least 0; all 0 for fewer than two observations
--- @return integer  how many were the best
function importance.ped_anova(parameters, observations, options)
  options = check_options("calr.study.importance.ped_anova", options, { "target", "region" })
  local target, region_share = options.target or 0.1, options.region or 1
  check_shares(target, region_share)
  local result = {}
  for _, p in ipairs(parameters) do result[p.name] = 0.0 end
  if #observations < 2 then return result, #observations end
  local best, region = best_of(observations, target), best_of(observations, region_share)
  local share = #best / #region
  for _, p in ipairs(parameters) do
    local best_here, region_here = having(best, p.name), having(region, p.name)
    if levels(p) > 1 and #region_here >= least_in_regime and #best_here > 0 then
      local alpha, beta = #best_here / #best, #region_here / #region
      result[p.name] = share ^ 2 * alpha ^ 2 / beta * divergence(p, best_here, region_here)
    end
  end
  return result, #best
end

-- The parameters of a part; for a grid that does not list them, from its rows.
local function parameters_of(part)
  if part.parameters then return part.parameters end
  local by_name, list = {}, {}
  for _, row in pairs(part.rows) do
    for name in pairs(row.changes) do
      if not by_name[name] then
        by_name[name] = { name = name, kind = "choice", choices = {} }
        list[#list + 1] = by_name[name]
      end
    end
  end
  for _, p in ipairs(list) do
    local seen = {}
    for _, row in pairs(part.rows) do
      local value = row.config[p.name]
      if value ~= nil and not seen[value] then
        p.choices[#p.choices + 1] = value
        seen[value] = true
      end
    end
  end
  table.sort(list, function(x, y) return x.name < y.name end)
  return list
end

local function part_number(view, number)
  if number then return view.parts[number] and number end
  for i, part in ipairs(view.parts) do
    if part.kind == "search" or part.kind == "grid" then return i end
  end
end

-- Rows of a part that have figures, as observations, and its parameters.
local function observe(view, part, metric)
  local parameters = parameters_of(view.parts[part])
  local compared = compare.rows(view, { part = part, metric = metric })
  local sign = compared.direction == "max" and -1 or 1
  local observations = {}
  for _, row in ipairs(compared.rows) do
    if row.mean then
      observations[#observations + 1] = { point = space.point(parameters, row.config), loss = sign * row.mean,
        row = row }
    end
  end
  return parameters, observations, compared
end

--- calr.lab.study.importance.rank(view [, {part=, metric=, target=.1, region=1}])
--- Ranks the parameters of a search or a grid by their importance for reaching the best `target` of its configurations.
--- Parameters that a grid changes together (zip) have equal importance: their effects cannot be told apart. Fewer than
--- 5 configurations among the best give rough figures; `notes` then says so.
--- @param part    number of the part; default: the first search or grid
--- @param metric  default: the first goal's
--- @return table|nil  nil where there is no such part; otherwise part, metric, n (configurations), best (how many of
---   them are the best), notes, and parameters: list of {name, share (of the sum of all; 0 when all are 0), importance,
---   n (configurations that have it)}, the most important first
function importance.rank(view, options)
  options = check_options("calr.study.importance.rank", options, { "part", "metric", "target", "region" })
  local part = part_number(view, options.part)
  if not part or view.parts[part].kind ~= "search" and view.parts[part].kind ~= "grid" then return nil end
  local parameters, observations, compared = observe(view, part, options.metric)
  local values, best = importance.ped_anova(parameters, observations,
    { target = options.target, region = options.region })
  local sum, list = 0.0, {}
  for _, p in ipairs(parameters) do sum = sum + values[p.name] end
  for i, p in ipairs(parameters) do
    list[i] = { name = p.name, importance = values[p.name], share = sum > 0 and values[p.name] / sum or 0.0,
      n = #having(observations, p.name) }
  end
  table.sort(list, function(a, b)
    if a.importance ~= b.importance then return a.importance > b.importance end
    return a.name < b.name
  end)
  local notes = compared.notes
  if best < 5 then
    notes[#notes + 1] = ("Importance is rough: only %d of %d configurations are among the best."):format(best,
      #observations)
  end
  return { part = part, metric = compared.metric, n = #observations, best = best, parameters = list, notes = notes }
end

-- Bins of equal width, in the logarithm where the range is logarithmic.
local function number_bins(p, count)
  local low, high = p.low, p.high
  if p.log then low, high = log(low), log(high) end
  local bins = {}
  local function border(i)
    if i == 0 then return p.low end
    if i == count then return p.high end
    local x = low + (high - low) * i / count
    return p.log and math.exp(x) or x
  end
  for i = 1, count do
    bins[i] = { low = border(i - 1), high = border(i), figures = {} }
    bins[i].label = ("%.3g .. %.3g"):format(bins[i].low, bins[i].high)
  end
  return bins, function(value)
    local x = p.log and log(value) or value
    return bins[math.max(1, math.min(count, 1 + floor((x - low) / (high - low) * count)))]
  end
end

local function value_bins(observations, name)
  local by_value, bins = {}, {}
  for _, observation in ipairs(observations) do
    local value = observation.point[name]
    if value ~= nil and not by_value[value] then
      by_value[value] = { value = value, label = tostring(value), figures = {} }
      bins[#bins + 1] = by_value[value]
    end
  end
  table.sort(bins, function(a, b)
    if type(a.value) == type(b.value) and type(a.value) ~= "boolean" then return a.value < b.value end
    return a.label < b.label
  end)
  return bins, function(value) return by_value[value] end
end

--- calr.lab.study.importance.effect(view, {parameter=, part=, metric=, bins=8})
--- Returns the mean of a metric by the values of one parameter, whatever the others were: what a search or a grid saw,
--- not what the parameter causes. A choice, or a number with at most `bins` different values, has one bin for each
--- value that occurs; other numbers have bins of equal width.
--- @param part    number of the part; default: the first search or grid
--- @param metric  default: the first goal's
--- @return table  parameter, part, metric, direction, and bins: list of {label, value or low and high, n, mean, sd,
---                best}; a bin without configurations has n = 0 only
function importance.effect(view, options)
  options = check_options("calr.study.importance.effect", options, { "parameter", "part", "metric", "bins" })
  local part = part_number(view, options.part)
  if not part then error("calr.study.importance.effect: the study has no such part", 2) end
  local parameters, observations, compared = observe(view, part, options.metric)
  local parameter
  for _, p in ipairs(parameters) do
    if p.name == options.parameter then parameter = p end
  end
  if not parameter then
    error(("calr.study.importance.effect: the part has no parameter \"%s\""):format(tostring(options.parameter)), 2)
  end
  local bins, bin_of = value_bins(observations, parameter.name)
  local count = options.bins or 8
  if parameter.kind ~= "choice" and #bins > count then bins, bin_of = number_bins(parameter, count) end
  for _, observation in ipairs(observations) do
    local value = observation.point[parameter.name]
    local bin = value ~= nil and bin_of(value)
    if bin then bin.figures[#bin.figures + 1] = observation.row.mean end
  end
  for _, bin in ipairs(bins) do
    local summary = statistics.summary(bin.figures)
    bin.n, bin.mean, bin.sd, bin.figures = summary.n, summary.mean, summary.sd, nil
    bin.best = compared.direction == "max" and summary.max or summary.min
  end
  return { parameter = parameter.name, part = part, metric = compared.metric, direction = compared.direction,
    bins = bins }
end

return importance
