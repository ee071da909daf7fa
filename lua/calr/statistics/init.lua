-- Figures, intervals and tests for a few repetitions.
local Rng = require "calr.rng"
local arguments = require "calr.options"
local check_options = arguments.check
local normal = require "calr.statistics.normal"
local ranks = require "calr.statistics.ranks"
local sorted_keys = require "calr.tables".sorted_keys

--- @module calr.statistics
--- Statistics of a few repetitions: means and quantiles, paired differences with their BCa bootstrap interval
--- and exact sign-flip p-value, corrections for several comparisons, Wilcoxon's signed-rank test.
---
--- Values are plain lists of numbers. An undefined figure (a deviation of one value, an interval of two) is nil, never
--- NaN; a NaN or an infinity among the values is an error. Random draws come from a fixed stream, so the same values
--- give the same figures on every call.

local statistics = {}

local huge, floor, sqrt, abs = math.huge, math.floor, math.sqrt, math.abs

local function check_values(what, values)
  if type(values) ~= "table" then
    error(("%s wants a list of numbers, not a %s"):format(what, type(values)), 3)
  end
  for i, value in ipairs(values) do
    if type(value) ~= "number" or value ~= value or abs(value) == huge then
      error(("%s wants numbers that are finite; number %d is %s"):format(what, i,
        value ~= value and "NaN" or tostring(value)), 3)
    end
  end
  return #values
end

-- Sums relative to the first value, so that equal values have exactly that mean.
local function mean_of(values, n)
  local first, sum = values[1], 0.0
  for i = 2, n do sum = sum + (values[i] - first) end
  return first + sum / n
end

local function sd_of(values, n, mean)
  local sum = 0.0
  for i = 1, n do sum = sum + (values[i] - mean) ^ 2 end
  return sqrt(sum / (n - 1))
end

local function sorted(values)
  local copy = table.move(values, 1, #values, 1, {})
  table.sort(copy)
  return copy
end

-- Linear interpolation between the two nearest ranks ("type 7", NumPy's default).
local function quantile_of(ascending, q)
  local rank = q * (#ascending - 1)
  local low = floor(rank)
  local a, b = ascending[low + 1], ascending[math.min(low + 2, #ascending)]
  return a + (rank - low) * (b - a)
end

--- calr.statistics.mean(values)
--- @return number|nil  nil for an empty list
function statistics.mean(values)
  local n = check_values("calr.statistics.mean", values)
  return n > 0 and mean_of(values, n) or nil
end

--- calr.statistics.sd(values)
--- Returns the standard deviation of a sample: the sum of squares is divided by n - 1.
--- @return number|nil  nil for fewer than two values
function statistics.sd(values)
  local n = check_values("calr.statistics.sd", values)
  return n > 1 and sd_of(values, n, mean_of(values, n)) or nil
end

--- calr.statistics.quantile(values, q)
--- Interpolates linearly between the two nearest ranks, as NumPy does.
--- @param q  0 .. 1
--- @return number|nil  nil for an empty list
function statistics.quantile(values, q)
  local n = check_values("calr.statistics.quantile", values)
  if not (type(q) == "number" and q >= 0 and q <= 1) then
    error(("a quantile must be a number in 0 .. 1, not %s"):format(tostring(q)), 2)
  end
  return n > 0 and quantile_of(sorted(values), q) or nil
end

--- calr.statistics.median(values)
--- @return number|nil  nil for an empty list
function statistics.median(values)
  local n = check_values("calr.statistics.median", values)
  return n > 0 and quantile_of(sorted(values), 0.5) or nil
end

--- calr.statistics.summary(values)
--- @return table  n, mean, sd, min, q1, median, q3, max; undefined figures are nil
function statistics.summary(values)
  local n = check_values("calr.statistics.summary", values)
  if n == 0 then return { n = 0 } end
  local ascending, mean = sorted(values), mean_of(values, n)
  return { n = n, mean = mean, sd = n > 1 and sd_of(values, n, mean) or nil, min = ascending[1],
    q1 = quantile_of(ascending, 0.25), median = quantile_of(ascending, 0.5), q3 = quantile_of(ascending, 0.75),
    max = ascending[n] }
end

local MANY = 1000 -- values: beyond, a sum over all of them for each is too slow

-- Bootstrap ---------------------------------------------------------------------------------------------------------

-- Calls each(sample, weight) for every distinct resample of n out of n with replacement; the weights are whole numbers
-- that sum to n^n. `sample` is one table, refilled each time.
local function each_resample(values, n, each)
  local factorial, sample = { [0] = 1 }, {}
  for k = 1, n do factorial[k] = factorial[k - 1] * k end
  local function choose(i, filled, weight)
    if i == n then
      for k = filled + 1, n do sample[k] = values[n] end
      return each(sample, weight // factorial[n - filled])
    end
    choose(i + 1, filled, weight)
    for count = 1, n - filled do
      sample[filled + count] = values[i]
      choose(i + 1, filled + count, weight // factorial[count])
      -- deeper calls wrote only beyond filled + count
    end
  end
  choose(1, 0, factorial[n])
end

local drawn = {} -- the resamples of the last (n, resamples): a table compares many rows of equal length

local function draw_resamples(n, resamples)
  if drawn.n ~= n or drawn.resamples ~= resamples then
    local rng, positions = Rng.open { seed = 0, purpose = "statistics.bootstrap", epoch = 0, index = n }, {}
    for i = 1, n * resamples do positions[i] = rng:integer(1, n) end
    drawn = { n = n, resamples = resamples, positions = positions }
  end
  return drawn.positions
end

local function check_figures(figures)
  if check_values("calr.statistics.bootstrap: figures", figures) == 0 then
    error("calr.statistics.bootstrap: figures is empty", 4)
  end
  return figures
end

-- The bootstrap distribution: how often each figure occurs, and the total.
local function bootstrap_distribution(values, n, statistic, options)
  local counts, total = {}, 0
  local function each(sample, weight)
    local figure = statistic(sample, n)
    if type(figure) ~= "number" or figure ~= figure then
      error(("the statistic of a resample is %s, not a number"):format(
        figure ~= figure and "NaN" or tostring(figure)), 0)
    end
    counts[figure] = (counts[figure] or 0) + weight
    total = total + weight
  end
  if options.figures then
    for _, figure in ipairs(check_figures(options.figures)) do
      counts[figure], total = (counts[figure] or 0) + 1, total + 1
    end
  elseif options.exact then
    each_resample(values, n, each)
  else
    local sample, positions = {}, options.positions or draw_resamples(n, options.resamples)
    for first = 0, #positions - n, n do
      for i = 1, n do sample[i] = values[positions[first + i]] end
      each(sample, 1)
    end
  end
  return counts, total
end

-- The quantile of a distribution given as ascending figures with counts: as if each were repeated that often.
local function counted_quantile(figures, counts, total, q)
  local rank = q * (total - 1)
  local low = floor(rank)
  local seen, a = 0, nil
  for _, figure in ipairs(figures) do
    seen = seen + counts[figure]
    if not a and seen > low then a = figure end
    if a and (seen > low + 1 or seen == total) then return a + (rank - low) * (figure - a) end
  end
end

-- The means of all values but one, of each.
local function means_without(values, n)
  local sum, means = mean_of(values, n) * n, {}
  for i = 1, n do means[i] = (sum - values[i]) / (n - 1) end
  return means
end

-- Efron's acceleration: a sixth of the skewness of the jackknife values.
local function acceleration_of(values, n, statistic)
  local figures = statistic == mean_of and n > MANY and means_without(values, n) or {}
  local left_out = not figures[1] and table.move(values, 2, n, 1, {})
  for i = 1, left_out and n or 0 do
    figures[i] = statistic(left_out, n - 1)
    left_out[i] = values[i]
  end
  local mean, cubes, squares = mean_of(figures, n), 0.0, 0.0
  for i = 1, n do
    local u = mean - figures[i]
    cubes = cubes + u ^ 3
    squares = squares + u ^ 2
  end
  return squares > 0 and cubes / (6 * squares ^ 1.5) or 0.0
end

-- How often a resample's figure lies below the estimate; equal ones count half. Figures that differ only by rounding in
-- the sums count as equal.
local function bias_of(figures, counts, total, estimate)
  local tolerance = 1e-12 * (figures[#figures] - figures[1])
  local below = 0
  for _, figure in ipairs(figures) do
    if figure < estimate - tolerance then
      below = below + counts[figure]
    elseif figure <= estimate + tolerance then
      below = below + 0.5 * counts[figure]
    end
  end
  local share = math.max(0.5, math.min(below, total - 0.5)) / total
  return normal.quantile(share)
end

local function adjusted_level(z0, a, z)
  local shifted = z0 + z
  local scale = 1 - a * shifted
  if scale <= 0 then return shifted > 0 and 1 or 0 end
  return normal.cdf(z0 + shifted / scale)
end

-- Positions of the resamples as one list, checked.
local function flatten_indices(indices, n)
  local positions = {}
  for b, list in ipairs(indices) do
    if #list ~= n then error(("resample %d has %d positions, not %d"):format(b, #list, n), 3) end
    for _, position in ipairs(list) do
      if math.type(position) ~= "integer" or position < 1 or position > n then
        error(("resample %d has the position %s; positions are 1 .. %d"):format(b, tostring(position), n), 3)
      end
      positions[#positions + 1] = position
    end
  end
  if #positions == 0 then error("calr.statistics.bootstrap: indices is empty", 3) end
  return positions
end

-- The number of distinct resamples, C(2n - 1, n), if at most `limit`.
local function count_distinct(n, limit)
  local count = 1
  for k = 1, n - 1 do
    count = count * (n + k) // k
    if count > limit then return nil end
  end
  return count
end

local function check_level(level)
  if not (type(level) == "number" and level > 0 and level < 1) then
    error(("level must be a number between 0 and 1, not %s"):format(tostring(level)), 3)
  end
  return level
end

local function check_resamples(resamples)
  if math.type(resamples) ~= "integer" or resamples < 1 then
    error(("resamples must be a whole number of at least 1, not %s"):format(tostring(resamples)), 3)
  end
  return resamples
end

--- calr.statistics.bootstrap(values, {level=.95, resamples=9999, statistic=mean, indices=, figures=})
--- Returns the bias-corrected and accelerated (BCa) bootstrap interval of Efron (1987), in the form of Efron and
--- Tibshirani, "An Introduction to the Bootstrap", chapter 14, and of scipy.stats.bootstrap. If there are at most
--- `resamples` distinct resamples (for 9999: up to 8 values), the whole bootstrap distribution is enumerated with its
--- weights, and the interval has no random part; otherwise resamples come from a fixed stream.
---
--- Fewer than three values have no interval (low and high are nil). For equal values, low and high are that value. The
--- interval of a few values is too narrow: for normal values, one of level .95 contains the true mean in 69 of 100
--- cases with 3 values, 84 with 5, 86 with 6, 88 with 10 (simulated).
--- @param level      share of cases in which the interval should contain the true figure
--- @param resamples  the largest number to draw
--- @param statistic  function(list) -> number
--- @param indices    list of resamples, each a list of n positions, to use instead of drawing
--- @param figures    list of the statistic of resamples that were drawn and computed elsewhere, as tensors: for
---                   thousands of values
--- @return table  n, estimate, low, high, level, exact (enumerated), resamples (distinct ones or drawn ones), z0,
---                acceleration
function statistics.bootstrap(values, options)
  options = check_options("calr.statistics.bootstrap", options, { "level", "resamples", "statistic", "indices",
    "figures" })
  local n = check_values("calr.statistics.bootstrap", values)
  local level, resamples = check_level(options.level or 0.95), check_resamples(options.resamples or 9999)
  local own = options.statistic
  local statistic = own and function(sample, m) return own(table.move(sample, 1, m, 1, {})) end or mean_of
  local positions = options.indices and flatten_indices(options.indices, n)
  if n == 0 then return { n = 0, level = level } end
  local result = { n = n, estimate = statistic(values, n), level = level }
  if n < 3 then return result end
  local distinct = not positions and not options.figures and count_distinct(n, resamples)
  result.exact = distinct and true or false
  local counts, total = bootstrap_distribution(values, n, statistic,
    { exact = result.exact, resamples = resamples, positions = positions, figures = options.figures })
  local figures = sorted_keys(counts)
  result.resamples = distinct or total
  if #figures == 1 then
    result.low, result.high, result.z0, result.acceleration = figures[1], figures[1], 0.0, 0.0
    return result
  end
  local z0, a = bias_of(figures, counts, total, result.estimate), acceleration_of(values, n, statistic)
  local z = normal.quantile((1 - level) / 2)
  result.z0, result.acceleration = z0, a
  result.low = counted_quantile(figures, counts, total, adjusted_level(z0, a, z))
  result.high = counted_quantile(figures, counts, total, adjusted_level(z0, a, -z))
  return result
end

-- Paired comparisons ------------------------------------------------------------------------------------------------

--- calr.statistics.smallest_p(n)
--- Returns the smallest two-sided p-value that a sign-flip test of n pairs can give: 2^(1 - n). With five seeds (.0625)
--- no difference, however large, is significant at .05; six allow .03125.
--- @return number  1 for no pairs
function statistics.smallest_p(n)
  if math.type(n) ~= "integer" or n < 0 then error(("n must be a number of pairs, not %s"):format(tostring(n)), 2) end
  return n == 0 and 1.0 or 2.0 ^ (1 - n)
end

-- All sums of +-values[first..last], ascending.
local function signed_sums(values, first, last)
  local sums = { 0.0 }
  for i = first, last do
    for k = 1, #sums do
      local sum = sums[k]
      sums[k] = sum + values[i]
      sums[#sums + 1] = sum - values[i]
    end
  end
  table.sort(sums)
  return sums
end

-- How many of all 2^n sums of +-values reach `threshold`: sums of the two halves, walked from opposite ends.
local function count_reaching(values, n, threshold)
  local left, right = signed_sums(values, 1, n // 2), signed_sums(values, n // 2 + 1, n)
  local count, j = 0, #right + 1
  for i = 1, #left do
    while j > 1 and left[i] + right[j - 1] >= threshold do j = j - 1 end
    count = count + #right + 1 - j
  end
  return count
end

local function count_drawn(values, n, threshold, resamples)
  local rng = Rng.open { seed = 0, purpose = "statistics.sign_flip", epoch = 0, index = n }
  local count = 0
  for _ = 1, resamples do
    local sum, bits = 0.0, 0
    for i = 1, n do
      if i % 31 == 1 then bits = rng:integer(0, 0x7fffffff) end
      sum = bits & 1 == 1 and sum + values[i] or sum - values[i]
      bits = bits >> 1
    end
    if abs(sum) >= threshold then count = count + 1 end
  end
  return count
end

--- calr.statistics.sign_flip(differences [, {resamples=9999}])
--- Tests for a mean difference of zero, two-sided, by paired permutations: p is the share of all 2^n choices of signs
--- whose sum is as far from 0 as the observed one. Up to 20 differences all are counted; for more, `resamples` are
--- drawn from a fixed stream and p is (b + 1) / (resamples + 1) (Phipson and Smyth 2010).
--- @param differences  list of numbers
--- @return number   p; 1 without differences, or with only zeros
--- @return boolean  whether it is exact
function statistics.sign_flip(differences, options)
  options = check_options("calr.statistics.sign_flip", options, { "resamples" })
  local n = check_values("calr.statistics.sign_flip", differences)
  local resamples = check_resamples(options.resamples or 9999)
  local sum, size = 0.0, 0.0
  for _, d in ipairs(differences) do
    sum = sum + d
    size = size + abs(d)
  end
  local threshold = abs(sum) - 1e-12 * size -- sums that differ only by rounding are equal
  if n <= 20 then
    if threshold <= 0 then return 1.0, true end
    return 2 * count_reaching(differences, n, threshold) / 2 ^ n, true
  end
  return (count_drawn(differences, n, threshold, resamples) + 1) / (resamples + 1), false
end

-- Keys of both tables, in order, and the number of keys in only one.
local function common_keys(a, b)
  local keys, alone = {}, 0
  for key in pairs(a) do
    if b[key] ~= nil then keys[#keys + 1] = key else alone = alone + 1 end
  end
  for key in pairs(b) do
    if a[key] == nil then alone = alone + 1 end
  end
  table.sort(keys, function(x, y)
    if type(x) == type(y) then return x < y end
    return type(x) == "number"
  end)
  return keys, alone
end

--- calr.statistics.paired{a=, b=, level=.95, resamples=9999}
--- Compares two series pair by pair, such as the figures of two configurations by seed: returns the mean of a - b, its
--- BCa bootstrap interval and its exact sign-flip p-value.
--- @param a  table key -> number; a list, or a table by seed
--- @param b  the same; a key in only one of them makes no pair
--- @param level      of the interval
--- @param resamples  of the bootstrap, and of the test beyond 20 pairs
--- @return table  n (pairs), unpaired (keys without a partner), mean, sd, low, high, level, p, exact (of p), smallest_p
---                (for n pairs), differences (list, by ascending key); undefined figures are nil
function statistics.paired(options)
  options = check_options("calr.statistics.paired", options, { "a", "b", "level", "resamples" })
  local a, b = options.a, options.b
  if type(a) ~= "table" or type(b) ~= "table" then error("calr.statistics.paired takes two tables, a and b", 2) end
  local keys, alone = common_keys(a, b)
  local differences = {}
  for i, key in ipairs(keys) do
    if type(a[key]) ~= "number" or type(b[key]) ~= "number" then
      error(("calr.statistics.paired takes numbers; the value at %s is not one"):format(tostring(key)), 2)
    end
    differences[i] = a[key] - b[key]
  end
  local n = check_values("calr.statistics.paired", differences)
  local interval = statistics.bootstrap(differences, { level = options.level, resamples = options.resamples })
  local p, exact = statistics.sign_flip(differences, { resamples = options.resamples })
  return { n = n, unpaired = alone, mean = interval.estimate, sd = statistics.sd(differences), low = interval.low,
    high = interval.high, level = interval.level, p = n > 0 and p or nil, exact = exact,
    smallest_p = statistics.smallest_p(n), differences = differences }
end

-- Several comparisons -----------------------------------------------------------------------------------------------

local function order_of(what, ps)
  check_values(what, ps)
  local order = {}
  for i, p in ipairs(ps) do
    if p < 0 or p > 1 then error(("%s wants p-values; number %d is %g"):format(what, i, p), 3) end
    order[i] = i
  end
  table.sort(order, function(i, j)
    if ps[i] ~= ps[j] then return ps[i] < ps[j] end
    return i < j
  end)
  return order, #ps
end

--- calr.statistics.holm(ps)
--- Applies Holm's step-down correction: the chance of even one false finding among all comparisons stays below the
--- level that a corrected p-value is compared with.
--- @param ps  list of p-values
--- @return table  list of corrected p-values, in the same order
function statistics.holm(ps)
  local order, n = order_of("calr.statistics.holm", ps)
  local corrected, largest = {}, 0.0
  for rank, i in ipairs(order) do
    largest = math.max(largest, math.min(1, (n - rank + 1) * ps[i]))
    corrected[i] = largest
  end
  return corrected
end

--- calr.statistics.benjamini_hochberg(ps)
--- Applies Benjamini and Hochberg's step-up correction: the expected share of false findings among the findings stays
--- below the level that a corrected p-value is compared with.
--- @param ps  list of p-values
--- @return table  list of corrected p-values, in the same order
function statistics.benjamini_hochberg(ps)
  local order, n = order_of("calr.statistics.benjamini_hochberg", ps)
  local corrected, smallest = {}, 1.0
  for rank = n, 1, -1 do
    local i = order[rank]
    smallest = math.min(smallest, ps[i] * n / rank)
    corrected[i] = smallest
  end
  return corrected
end

--- calr.statistics.wilcoxon(differences [, {alternative="two-sided", zeros="wilcox"}])
--- Tests differences that lie symmetrically around 0 by Wilcoxon's signed ranks. Differences of equal size share the
--- mean of their ranks. Up to 50 differences p is exact, with ties and zeros too: it counts all choices of signs (scipy
--- does so up to 13 with ties); beyond 50 it comes from the normal distribution with the variance corrected for ties,
--- as in scipy.
--- @param differences  list of numbers
--- @param alternative  "two-sided"; "less": they lie below 0; "greater": above
--- @param zeros        "wilcox": differences of 0 are dropped before ranking; "zsplit": they are ranked, and half
---                     their ranks count as positive
--- @return table  p (1 when no difference counts), statistic (W+, the sum of the ranks of the positive ones), n
---                (differences that count), exact
function statistics.wilcoxon(differences, options)
  options = check_options("calr.statistics.wilcoxon", options, { "alternative", "zeros" })
  local alternative, zeros = options.alternative or "two-sided", options.zeros or "wilcox"
  check_values("calr.statistics.wilcoxon", differences)
  if zeros ~= "wilcox" and zeros ~= "zsplit" then
    error(("zeros must be \"wilcox\" or \"zsplit\", not \"%s\""):format(tostring(zeros)), 2)
  end
  if alternative ~= "two-sided" and alternative ~= "less" and alternative ~= "greater" then
    error(("alternative must be \"two-sided\", \"less\" or \"greater\", not \"%s\""):format(tostring(alternative)), 2)
  end
  local counted = {}
  for _, d in ipairs(differences) do
    if d ~= 0 or zeros == "zsplit" then counted[#counted + 1] = d end
  end
  local doubled, ties = ranks.doubled(counted)
  local positive, of_zeros, moving = 0, 0, {}
  for i, d in ipairs(counted) do
    if d > 0 then positive = positive + doubled[i] end
    if d == 0 then of_zeros = of_zeros + doubled[i] else moving[#moving + 1] = doubled[i] end
  end
  local n = #counted
  local result = { n = n, statistic = positive / 2 + of_zeros / 4, exact = n <= 50, p = 1.0 }
  if #moving == 0 then return result end
  local below, above
  if result.exact then
    below, above = ranks.exact_tails(moving, positive)
  else
    below, above = ranks.normal_tails(result.statistic, n, ties)
  end
  result.p = alternative == "less" and below or alternative == "greater" and above
    or math.min(1.0, 2 * math.min(below, above))
  return result
end

return (arguments.counted("calr.statistics.", statistics))
