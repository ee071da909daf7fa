--- @module calr.lab.export.operations.reductions
--- Sums, means and what is made of them.

local reductions = {}

-- The dimensions of a reduction: all, or those that are given.
local function dims_of(x, dim)
  if type(dim) == "number" then return { dim } end
  if dim then return dim end
  local all = {}
  for d = 1, #x.shape do all[d] = d end
  return all
end

-- Of a map, a reduction that keeps its dimensions gives a map, and one of rows and columns gives [n x c] in both
-- layouts; any other is done in calr's.
local function reduce(kind, g, a, node)
  local x = g:of(a.x)
  local dims = dims_of(x, a.dim)
  local axes = g:axes(x, dims)
  table.sort(axes)
  local kept = a.keepdim == true
  local name, map = x.map and x.name or g:plain(x), x.map and kept
  if x.map and not kept and not (#axes == 2 and axes[1] == 2 and axes[2] == 3) then
    name, axes, map = g:plain(x), g:axes({ shape = x.shape }, dims), false
  end
  local attributes = { keepdims = kept and 1 or 0 }
  if kind == "ReduceSum" then -- the others take axes as an input only from version 18 on
    g:give(node, g:op(kind, { name, g:integers(axes) }, attributes), map)
  else
    attributes.axes = axes
    g:give(node, g:op(kind, { name }, attributes), map)
  end
end

local function row(kind)
  return { takes = "x, dim, keepdim", emit = function(g, a, node) reduce(kind, g, a, node) end }
end

reductions.sum = row "ReduceSum"
reductions.mean = row "ReduceMean"
reductions.prod = row "ReduceProd"
reductions.amax = row "ReduceMax"
reductions.amin = row "ReduceMin"
reductions.max = row "ReduceMax"
reductions.min = row "ReduceMin"
reductions.logsumexp = row "ReduceLogSumExp"

reductions.norm = { takes = "x, p, dim, keepdim", emit = function(g, a, node)
  local p = a.p or 2
  if p ~= 1 and p ~= 2 then g:fail("p = %s has no counterpart; 1 and 2 have", tostring(p)) end
  reduce(p == 1 and "ReduceL1" or "ReduceL2", g, a, node)
end }

-- The variance of dimensions that stay: the mean of the squared distances from the mean, times n / (n - correction).
local function variance(g, a)
  local x = g:of(a.x)
  local dims, count = dims_of(x, a.dim), 1
  for _, dim in ipairs(dims) do
    if dim < 0 then dim = dim + #x.shape + 1 end
    if x.batch[dim] then g:fail "a variance over the images depends on which others there are" end
    count = count * x.shape[dim]
  end
  local name = g:plain(x)
  local axes = g:axes({ shape = x.shape }, dims)
  local distance = g:op("Sub", { name, g:op("ReduceMean", { name }, { axes = axes, keepdims = 1 }) })
  local mean = g:op("ReduceMean", { g:op("Mul", { distance, distance }) },
    { axes = axes, keepdims = a.keepdim == true and 1 or 0 })
  local correction = a.correction or 1
  if count == correction then g:fail "there is no variance of one number" end
  return correction == 0 and mean or g:op("Mul", { mean, g:scalar(count / (count - correction)) })
end

reductions.var = { takes = "x, dim, correction, keepdim", emit = function(g, a, node) g:give(node, variance(g, a)) end }
reductions.std = { takes = "x, dim, correction, keepdim", emit = function(g, a, node)
  g:give(node, g:op("Sqrt", { variance(g, a) }))
end }

-- Rows along one dimension, the last by default, which leave the shape.
local function along(takes, make)
  return { takes = takes, emit = function(g, a, node)
    local x = g:of(a.x)
    g:give(node, make(g, x.map and x.name or g:plain(x), g:axes(x, { a.dim or -1 })[1], a), x.map)
  end }
end

reductions.softmax = along("x, dim", function(g, x, axis) return g:op("Softmax", { x }, { axis = axis }) end)
reductions.log_softmax = along("x, dim", function(g, x, axis) return g:op("LogSoftmax", { x }, { axis = axis }) end)

reductions.l2_normalize = along("x, dim, eps", function(g, x, axis, a)
  local length = g:op("ReduceL2", { x }, { axes = { axis }, keepdims = 1 })
  return g:op("Div", { x, g:op("Clip", { length, g:scalar(a.eps or 1e-12) }) })
end)

return reductions
