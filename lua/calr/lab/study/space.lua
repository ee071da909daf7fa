--- @module calr.lab.study.space
--- The space that a study searches: parameters with ranges, conditions between them, and points.
---
---     local sp = space.make { lr = space.float(1e-5, 1e-3, "log"), refine = space.choice { "none",
---                             { "knn", alpha = space.float(.1, .9) } } }
---     sp.parameters   -- { {name="lr", kind="float", ...}, {name="refine", ...}, {name="refine.alpha", parent=...} }
---
--- A parameter is a table: `name`, `kind` ("float", "int" or "choice"), `low`, `high`, `log` (boolean), `step` (nil:
--- any value), `choices` (numbers, strings or booleans), `parent` ({name=, value=}: the parameter is active only when
--- its parent has this value). Parents come before their children; otherwise parameters are sorted by name.
---
--- A point is a table: name -> value of the active parameters.

local space = {}

local Distribution = {}
Distribution.__index = Distribution

local Space = {}
Space.__index = Space

--- calr.lab.study.space.is(value)
--- @return boolean  whether a value is a distribution: as returned by float, int, choice or zip
function space.is(value)
  return getmetatable(value) == Distribution
end

local function finite(value)
  return type(value) == "number" and value == value and math.abs(value) < math.huge
end

-- The common part of float and int: a third argument is "log" or a step.
local function range(kind, low, high, extra)
  local what = ("S.%s(%s, %s)"):format(kind, tostring(low), tostring(high))
  if type(low) ~= "number" or type(high) ~= "number" then
    error(("S.%s takes two bounds: S.%s(%s)"):format(kind, kind, kind == "int" and "1, 8" or "0, 1"), 3)
  end
  if not finite(low) or not finite(high) then error(what .. ": the bounds must be finite numbers", 3) end
  if low > high then error(what .. ": the space has no points: the lower bound is above the upper one", 3) end
  local d = { kind = kind, low = low, high = high, log = false }
  if extra == "log" then
    if low <= 0 then error(what .. ": a logarithmic range must begin above 0", 3) end
    d.log = true
  elseif extra ~= nil then
    if not finite(extra) or extra <= 0 then
      error(("%s: the third argument must be \"log\" or a step above 0, not %s"):format(what, tostring(extra)), 3)
    end
    d.step = extra
  end
  return d
end

--- calr.study.float(low, high [, extra])
--- Declares a real number. `calr.study.float` and `S.float` are the same.
--- @param extra  "log": uniform in the logarithm; a number: a step, counted from low
function space.float(low, high, extra)
  local d = range("float", low, high, extra)
  d.low, d.high = low + 0.0, high + 0.0
  return setmetatable(d, Distribution)
end

--- calr.study.int(low, high [, extra])
--- Declares a whole number, both bounds included.
--- @param extra  "log", or a step (a whole number), counted from low
function space.int(low, high, extra)
  local d = range("int", low, high, extra)
  d.low, d.high = math.tointeger(low), math.tointeger(high)
  if not d.low or not d.high then error("S.int: the bounds must be whole numbers", 2) end
  if d.high - d.low < 0 then error("S.int: the range is too large", 2) end
  if d.step then
    d.step = math.tointeger(d.step) or error("S.int: the step must be a whole number", 2)
    d.high = d.low + (d.high - d.low) // d.step * d.step
  end
  return setmetatable(d, Distribution)
end

local function scalar(value)
  local kind = type(value)
  return kind == "string" or kind == "boolean" or finite(value)
end

local function show(value)
  return type(value) == "string" and ("%q"):format(value) or tostring(value)
end

--- calr.study.choice(values)
--- Declares one of several values. A value with parameters of its own is written as a table: `{ "knn", alpha =
--- S.float(.1, .9) }`. They exist only where it is chosen, and are named after the choice: `refine.alpha`. A name with
--- a dot, such as ["infomap.k"], stays as it is.
--- @param values  list of strings, numbers, booleans and such tables
function space.choice(values)
  if type(values) ~= "table" or #values == 0 then
    error("S.choice takes a list of values; a space with no points has no trials", 2)
  end
  local d = { kind = "choice", choices = {}, children = {} }
  local seen = {}
  for i, item in ipairs(values) do
    local value, children = item, nil
    if type(item) == "table" and not space.is(item) then
      value = item[1]
      for name, child in pairs(item) do
        if name ~= 1 then
          if type(name) ~= "string" then error("S.choice: an alternative has one value, and named parameters", 2) end
          children = children or {}
          children[name] = child
        end
      end
    end
    if not scalar(value) then
      error(("S.choice: alternative %d is a %s; it must be a string, a number or a boolean"):format(i, type(value)), 2)
    end
    if seen[value] then error(("S.choice: %s is listed twice"):format(show(value)), 2) end
    seen[value] = true
    d.choices[i], d.children[i] = value, children
  end
  return setmetatable(d, Distribution)
end

--- calr.study.zip(lists)
--- Declares parameters that change together, in grids: `S.zip { temperature = {.05, .07}, momentum = {.1, .2} }`: two
--- points.
--- @param lists  name -> list; all of the same length
function space.zip(lists)
  local length, names = nil, {}
  for name in pairs(lists) do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do
    local list = lists[name]
    if type(name) ~= "string" or type(list) ~= "table" or space.is(list) then
      error("S.zip takes lists by name: S.zip { a = {1, 2}, b = {3, 4} }", 2)
    end
    if length and #list ~= length then
      error(("S.zip: \"%s\" has %d values, the others have %d"):format(name, #list, length), 2)
    end
    length = #list
  end
  if not length or length == 0 then error("S.zip: the space has no points: its lists are empty", 2) end
  return setmetatable({ kind = "zip", names = names, lists = lists, length = length }, Distribution)
end

-- ---- a space from its distributions ----

local function sorted_names(t)
  local names = {}
  for name in pairs(t) do
    if type(name) ~= "string" then error("parameters of a space need names: name = S.float(...)", 0) end
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

local function add_parameters(list, seen, distributions, prefix, parent)
  for _, short in ipairs(sorted_names(distributions)) do
    local d = distributions[short]
    local name = prefix and not short:find(".", 1, true) and prefix .. "." .. short or short
    if not space.is(d) or d.kind == "zip" then
      error(("parameter \"%s\" must be S.float, S.int or S.choice"):format(name), 0)
    end
    if seen[name] then error(("parameter \"%s\" is declared twice; rename one of them"):format(name), 0) end
    local p = { name = name, kind = d.kind, low = d.low, high = d.high, log = d.log or false, step = d.step,
      choices = d.choices, parent = parent }
    seen[name] = p
    list[#list + 1] = p
    for i, children in pairs(d.children or {}) do
      add_parameters(list, seen, children, name, { name = name, value = d.choices[i] })
    end
  end
end

--- calr.lab.study.space.make(distributions [, where])
--- Makes a space.
--- @param distributions  name -> float, int or choice
--- @param where          function(point) -> boolean: which points are allowed; it may get any point, with active
---                       parameters only
--- @return space         with `parameters`
function space.make(distributions, where)
  local sp = setmetatable({ parameters = {}, by_name = {}, where = where }, Space)
  add_parameters(sp.parameters, sp.by_name, distributions, nil, nil)
  if #sp.parameters == 0 then error("a space with no parameters has nothing to search", 0) end
  return sp
end

--- calr.lab.study.space.point(parameters, config)
--- @internal
--- @param parameters  a space's, in their order: parents come first; nil for none
--- @return table  the part of a configuration that a search chose: the values of the parameters that exist in it
function space.point(parameters, config)
  local point = {}
  for _, p in ipairs(parameters or {}) do
    if not p.parent or point[p.parent.name] == p.parent.value then point[p.name] = config[p.name] end
  end
  return point
end

--- space:active(point, parameter)
--- @internal
--- @return boolean  whether the parameter exists at a point that holds its parents
function Space:active(point, p)
  while p.parent do
    if point[p.parent.name] ~= p.parent.value then return false end
    p = self.by_name[p.parent.name]
  end
  return true
end

--- space:allowed(point)
--- @internal
--- @return boolean  what the constraint says
function Space:allowed(point)
  return self.where == nil or self.where(point) and true or false
end

-- Number of values of a parameter; nil for a continuous one.
local function levels(p)
  if p.kind == "choice" then return #p.choices end
  if p.kind == "int" then return (p.high - p.low) // (p.step or 1) + 1 end
  if p.step then return math.floor((p.high - p.low) / p.step + 1e-9) + 1 end
  if p.low == p.high then return 1 end
end

local function level(p, i)
  if p.kind == "choice" then return p.choices[i + 1] end
  local value = p.low + i * (p.step or 1)
  return p.kind == "float" and math.min(value, p.high) or value
end

--- space:clip(parameter, x)
--- @internal
--- Returns the value nearest to x in a number's range.
--- @return number
function Space:clip(p, x)
  if p.kind == "float" then
    x = math.max(p.low, math.min(p.high, x + 0.0))
    local n = p.step and levels(p)
    if n then return level(p, math.min(n - 1, math.floor((x - p.low) / p.step + 0.5))) end
    return x
  end
  local step, n = p.step or 1, levels(p)
  local i = math.floor((math.max(p.low, math.min(p.high, x)) - p.low) / step + 0.5)
  return p.low + math.tointeger(math.min(n - 1, i)) * step
end

-- Maps u in [0, 1) to a value; whole and stepped values have equal shares.
local function from_unit(p, u)
  local n = levels(p)
  if n and not p.log then return level(p, math.min(n - 1, math.floor(u * n))) end
  if p.kind == "int" then
    local a, b = math.log(p.low - 0.5), math.log(p.high + 0.5)
    local value = math.floor(math.exp(a + u * (b - a)) + 0.5)
    return math.max(p.low, math.min(p.high, value))
  end
  local value = p.log and math.exp(math.log(p.low) + u * (math.log(p.high) - math.log(p.low)))
    or p.low + u * (p.high - p.low)
  return math.max(p.low, math.min(p.high, value))
end

--- space:from_unit(u)
--- @internal
--- Returns the point at a position in the unit cube.
--- @param u       list of numbers in [0, 1), one for each of `parameters`; those of inactive parameters do not matter
--- @return table  a point
function Space:from_unit(u)
  local point = {}
  for i, p in ipairs(self.parameters) do
    if self:active(point, p) then point[p.name] = from_unit(p, u[i]) end
  end
  return point
end

--- space:to_unit(point)
--- @internal
--- Returns the position of a point in the unit cube: the middle of the positions that from_unit maps to it; 0.5 for
--- inactive parameters.
--- @return table  list of numbers
function Space:to_unit(point)
  local u = {}
  for i, p in ipairs(self.parameters) do
    local value, n = point[p.name], levels(p)
    if value == nil then
      u[i] = 0.5
    elseif p.kind == "choice" then
      for c, choice in ipairs(p.choices) do
        if choice == value then u[i] = (c - 0.5) / #p.choices end
      end
    elseif p.log then
      local half = p.kind == "int" and 0.5 or 0
      local a, b = math.log(p.low - half), math.log(p.high + half)
      u[i] = b > a and (math.log(value) - a) / (b - a) or 0.5
    elseif n then
      u[i] = ((value - p.low) / (p.step or 1) + 0.5) / n
    else
      u[i] = (value - p.low) / (p.high - p.low)
    end
  end
  return u
end

-- Calls visit(point) for every point, parameters in order, the last one fastest.
local function walk(self, index, point, visit)
  local p = self.parameters[index]
  if not p then return visit(point) end
  if not self:active(point, p) then return walk(self, index + 1, point, visit) end
  for i = 0, levels(p) - 1 do
    point[p.name] = level(p, i)
    walk(self, index + 1, point, visit)
  end
  point[p.name] = nil
end

--- space:count()
--- @internal
--- Returns the number of points without the constraint: huge if a parameter is continuous.
--- @return number
function Space:count()
  local product = 1
  for i = #self.parameters, 1, -1 do
    local p = self.parameters[i]
    local n = levels(p)
    if not n then return math.huge end
    if not p.parent then product = product * self:count_below(p) end
  end
  return product
end

-- Number of points of a parameter together with those that depend on it.
function Space:count_below(p)
  local total = 0.0
  for i = 0, levels(p) - 1 do
    local value, product = level(p, i), 1.0
    for _, child in ipairs(self.parameters) do
      if child.parent and child.parent.name == p.name and child.parent.value == value then
        product = product * self:count_below(child)
      end
    end
    total = total + product
    if levels(p) > 1000 and not p.choices then return levels(p) end -- numbers have no children
  end
  return total
end

--- space:points()
--- @internal
--- Returns all allowed points of a space whose parameters all have steps or choices, in grid order.
--- @return table  list of points
function Space:points()
  for _, p in ipairs(self.parameters) do
    if not levels(p) then
      error(("parameter \"%s\" is continuous; a grid needs S.float(low, high, step) or a list"):format(p.name), 0)
    end
  end
  if self:count() > 1e7 then error(("a grid of %.3g points is too large"):format(self:count()), 0) end
  local list = {}
  walk(self, 1, {}, function(point)
    if not self:allowed(point) then return end
    local copy = {}
    for name, value in pairs(point) do copy[name] = value end
    list[#list + 1] = copy
  end)
  return list
end

require("calr.options").counted("calr.study.", space)

return space
