--- @module calr.statistics.normal
--- The standard normal distribution.

local normal = {}

local huge, sqrt, exp, log = math.huge, math.sqrt, math.exp, math.log

local function density(x)
  return exp(-0.5 * x * x) / sqrt(2 * math.pi)
end

-- P(Z > x) for x >= 0: near 0 the series of Marsaglia ("Evaluating the normal distribution", 2004), further out
-- the continued fraction x + 1/(x + 2/(x + 3/(x + ...))).
local function upper_tail(x)
  if x > 2.5 then
    local fraction = x
    for k = 100, 1, -1 do fraction = x + k / fraction end
    return density(x) / fraction
  end
  local term, sum, k = x, x, 1
  while term > 1e-18 do
    k = k + 2
    term = term * x * x / k
    sum = sum + term
  end
  return 0.5 - density(x) * sum
end

--- calr.statistics.normal.cdf(x)
--- Returns P(Z <= x) of the standard normal distribution, to about 13 digits, in the tails too.
--- @return number
function normal.cdf(x)
  if x <= 0 then return upper_tail(-x) end
  return 1 - upper_tail(x)
end

--- calr.statistics.normal.quantile(p)
--- Returns the x with cdf(x) = p: a rational first guess (Abramowitz and Stegun 26.2.23), then Halley's method.
--- @return number  -inf for 0, inf for 1
function normal.quantile(p)
  if not (type(p) == "number" and p >= 0 and p <= 1) then
    error(("a probability must be a number in 0 .. 1, not %s"):format(tostring(p)), 2)
  end
  if p == 0 then return -huge end
  if p == 0.5 then return 0.0 end
  if p > 0.5 then return -normal.quantile(1 - p) end
  local t = sqrt(-2 * log(p))
  local x = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
  for _ = 1, 3 do -- on the upper tail: f = upper_tail(x) - p, f' = -density(x), f'' = x density(x)
    local step = (upper_tail(x) - p) / density(x)
    x = x + step / (1 - 0.5 * x * step)
  end
  return -x
end

return normal
