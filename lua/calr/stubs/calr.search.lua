---@meta calr.search
-- Made by `calr docs`; do not edit.

--- What the samplers of `calr.study` compute in C: Parzen estimators and Sobol's sequence.
---
--- A history keeps the values of all trials; an estimator is made of some of its rows and columns:
---
--- ```lua
--- local h = search.history(2)
--- h:set(1, {0.5, 3})
--- h:set(2, {0.7, false})              -- the second parameter is inactive in trial 2
--- local p = search.parzen { history = h, rows = {1, 2}, columns = {1},
---   axes = {{kind = "float", low = 0, high = 1}} }
--- local points = p:sample(rng, 24)    -- 24 lists of values
--- local logs = p:log_density(points)
--- ```
---@class calr.search
local M = {}

--- An empty table of numbers, one row a trial, one column a parameter.
---@param columns any
---@return history
function M.history(columns) end

---@class history
local history = {}

--- Stores a row, from 1; rows that were left out hold nothing.
---@param row any
---@param values any list of finite numbers, false for an inactive parameter
function history:set(row, values) end

--- The number of the last row. #history is the same.
---@return integer
function history:rows() end

--- A Parzen estimator: a mixture of one kernel for each row and a prior kernel as wide as the
--- range. A kernel is a product over the axes: a truncated normal distribution, its share of an
--- interval, or a distribution over choices (Bergstra et al., NeurIPS 2011; Watanabe, arXiv
--- 2304.11127).
--- or "choice" (choices: how many; their values count from 0)
--- "scott": all have range / 5 * n^(-1 / (axes + 4))
---@param options any
--- - `history`: a history
--- - `rows`: list of its rows, oldest first; those where a column is inactive are left out
--- - `columns`: list of its columns, one for each axis
--- - `axes`: list of tables: kind = "float" (low, high, log), "step" (low, high, step, log)
--- - `prior`: weight of the prior kernel; that of the newest row is 1
--- - `bandwidth`: "neighbour": a kernel is as wide as the larger distance to its neighbours;
--- - `clip`: no kernel is narrower than range / min(100, (n + 2)^clip)
--- - `endpoints`: the range's borders count as neighbours of the outermost rows
--- - `recent`: rows before the last 25 weigh less, evenly down to 1/n; false: all weigh 1
---@return parzen
function M.parzen(options) end

---@class parzen
local parzen = {}

--- Draws points.
---@param rng any a stream of calr.rng
---@param count any
---@return table # list of points: lists of numbers, one for each axis
function parzen:sample(rng, count) end

--- The logarithm of the density at each point; of the probability, on axes with steps or choices;
--- with respect to the logarithm, on logarithmic ones.
---@param points any list of points, as sample returns them
---@return table # list of numbers
function parzen:log_density(points) end

--- How many kernels there are: the rows that hold all columns, and the prior.
---@return integer
function parzen:kernels() end

--- Frees the memory now, not when the collector finds it. `local p <close> = ...` does it too.
function parzen:close() end

--- A point of Sobol's sequence (direction numbers of Joe and Kuo, 2008; the order of SciPy's
--- stats.qmc.Sobol).
---@param index any which point, from 0
---@param dimensions any 1 .. 256
---@param seed any an integer: the points are scrambled (nested uniform scrambling) under it; nil: plain
---@return table # list of numbers in [0, 1)
function M.sobol(index, dimensions, seed) end

return M
