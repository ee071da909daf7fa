---@meta calr.statistics.normal
-- Made by `calr docs`; do not edit.

--- The standard normal distribution.
---@class calr.statistics.normal
local M = {}

--- P(Z <= x) of the standard normal distribution, to about 13 digits, in the tails too.
---@param x any
---@return number
function M.cdf(x) end

--- The x with cdf(x) = p: a rational first guess (Abramowitz and Stegun 26.2.23), then Halley's method.
---@param p any
---@return number # -inf for 0, inf for 1
function M.quantile(p) end

return M
