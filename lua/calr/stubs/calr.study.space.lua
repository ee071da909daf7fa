---@meta calr.study.space
-- Made by `calr docs`; do not edit.

--- What a study searches: parameters with ranges, conditions between them, and points.
---
---     local sp = space.make { lr = space.float(1e-5, 1e-3, "log"), refine = space.choice { "none",
---                             { "knn", alpha = space.float(.1, .9) } } }
---     sp.parameters   -- { {name="lr", kind="float", ...}, {name="refine", ...}, {name="refine.alpha", parent=...} }
---
--- A parameter is a table: `name`, `kind` ("float", "int" or "choice"), `low`, `high`, `log` (boolean), `step` (nil:
--- any value), `choices` (numbers, strings or booleans), `parent` ({name=, value=}: the parameter is active only when
--- its parent has this value). Parents come before their children; otherwise parameters are sorted by name.
---
--- A point is a table name -> value of the active parameters.
---@class calr.study.space
local M = {}

---@param value any
---@return boolean # whether a value is a distribution: what float, int, choice or zip returned
function M.is(value) end

--- A real number. `calr.study.float` and `S.float` are the same.
---@param low any
---@param high any
---@param extra any "log": uniform in the logarithm; a number: a step, counted from low
function M.float(low, high, extra) end

--- A whole number, both borders included.
---@param low any
---@param high any
---@param extra any "log", or a step (a whole number), counted from low
function M.int(low, high, extra) end

--- One of several values. A value that brings parameters of its own is written as a table: `{ "knn", alpha =
--- S.float(.1, .9) }`; they exist only where it is chosen, and are named after the choice: `refine.alpha`. A name with
--- a dot, such as ["infomap.k"], stays as it is.
---@param values any list of strings, numbers, booleans and such tables
function M.choice(values) end

--- Parameters that change together, in grids: `S.zip { temperature = {.05, .07}, momentum = {.1, .2} }`: two points.
---@param lists any name -> list; all of the same length
function M.zip(lists) end

--- A space.
---@param distributions any name -> float, int or choice
---@param where any function(point) -> boolean: which points are allowed; it may get points of any kind, active parameters only
---@return space # with `parameters`
function M.make(distributions, where) end

---@class space
local space = {}

---@param point any
---@param parameter any
---@return boolean # whether the parameter exists at a point that holds its parents
function space:active(point, parameter) end

---@param point any
---@return boolean # what the constraint says
function space:allowed(point) end

--- The value of a number's range that is nearest to x.
---@param parameter any
---@param x any
---@return number
function space:clip(parameter, x) end

--- The point at a place of the unit cube.
---@param u any list of numbers in [0, 1), one for each of `parameters`; those of inactive parameters do not matter
---@return table # a point
function space:from_unit(u) end

--- The place of a point in the unit cube: the middle of what from_unit would give it from; 0.5 for inactive
--- parameters.
---@param point any
---@return table # list of numbers
function space:to_unit(point) end

--- How many points there are without the constraint: huge when a parameter is continuous.
---@return number
function space:count() end

--- All allowed points of a space whose parameters all have steps or choices, in the order of a grid.
---@return table # list of points
function space:points() end

--- " (did you mean ...?)", or nothing.
---@param name any
---@param names any
---@return string
function M.suggest(name, names) end

return M
