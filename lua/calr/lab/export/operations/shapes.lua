--- @module calr.lab.export.operations.shapes
--- Dimensions, and parts of tensors. What changes dimensions works in calr's layout; what cuts and joins leaves it.

local shapes = {}

-- Rows whose result is the same numbers in another shape; the shape is known from the recording.
local function reshape(takes)
  return { takes = takes, shapes = true, emit = function(g, a, node)
    g:give(node, g:reshape(g:plain(g:of(a.x)), node.outs[1]))
  end }
end

shapes.reshape = reshape "x, ..."
shapes.view = reshape "x, ..."
shapes.flatten = reshape "x, start_dim, end_dim"
shapes.squeeze = reshape "x, dim"
shapes.unsqueeze = reshape "x, dim"

local function expand(takes)
  return { takes = takes, shapes = true, emit = function(g, a, node)
    g:give(node, g:op("Expand", { g:plain(g:of(a.x)), g:shape_of(node.outs[1]) }))
  end }
end

shapes.expand = expand "x, ..."
shapes.broadcast_to = expand "x, ..."
shapes.expand_as = expand "x, other"

local function from_end(dim, ndim) return dim < 0 and dim + ndim + 1 or dim end

-- Puts the dimensions in another order, a list from 1.
local function order(g, node, x, dims)
  local perm = {}
  for i, dim in ipairs(dims) do perm[i] = from_end(dim, #x.shape) - 1 end
  g:give(node, g:op("Transpose", { g:plain(x) }, { perm = perm }))
end

shapes.permute = { takes = "x, ...", emit = function(g, a, node) order(g, node, g:of(a.x), a.rest) end }

local function exchange(g, node, x, i, j)
  local dims = {}
  for d = 1, #x.shape do dims[d] = d end
  i, j = from_end(i, #dims), from_end(j, #dims)
  dims[i], dims[j] = dims[j], dims[i]
  order(g, node, x, dims)
end

shapes.transpose = { takes = "x, dim_a, dim_b", emit = function(g, a, node)
  exchange(g, node, g:of(a.x), a.dim_a, a.dim_b)
end }

shapes.t = { takes = "x", emit = function(g, a, node)
  local x = g:of(a.x)
  if #x.shape < 2 then return g:give(node, g:plain(x)) end
  exchange(g, node, x, 1, 2)
end }

shapes.movedim = { takes = "x, source, destination", emit = function(g, a, node)
  local x = g:of(a.x)
  local from, to = a.source, a.destination
  if type(from) ~= "table" then from, to = { from }, { to } end
  local dims, moved = {}, {}
  for i, dim in ipairs(from) do
    dim = from_end(dim, #x.shape)
    dims[from_end(to[i], #x.shape)], moved[dim] = dim, true
  end
  local rest = 1
  for place = 1, #x.shape do
    if not dims[place] then
      while moved[rest] do rest = rest + 1 end
      dims[place], rest = rest, rest + 1
    end
  end
  order(g, node, x, dims)
end }

-- ---- parts ----

local function slice(g, x, axis, first, count)
  return g:op("Slice", { x.map and x.name or g:plain(x), g:integers { first }, g:integers { first + count },
    g:integers { axis } })
end

shapes.narrow = { takes = "x, dim, first, count", emit = function(g, a, node)
  local x = g:of(a.x)
  g:give(node, slice(g, x, g:axes(x, { a.dim })[1], a.first - 1, a.count), x.map)
end }

shapes.select = { takes = "x, dim, position", emit = function(g, a, node)
  local x = g:of(a.x)
  local axis = from_end(a.dim, #x.shape) - 1
  local position = a.position < 0 and a.position or a.position - 1
  g:give(node, g:op("Gather", { g:plain(x), g:integer(position) }, { axis = axis }))
end }

shapes.index_select = { takes = "x, dim, index", emit = function(g, a, node)
  local x = g:of(a.x)
  g:give(node, g:op("Gather", { g:plain(x), g:plain(g:of(a.index)) }, { axis = from_end(a.dim, #x.shape) - 1 }))
end }

-- ---- joining ----

local function concat(g, a, node)
  local handles, all_maps, names = {}, true, {}
  for i, value in ipairs(a.tensors) do
    handles[i] = g:of(value)
    all_maps = all_maps and (handles[i].map or handles[i].const ~= nil)
  end
  local map = all_maps and #node.outs[1].shape == 4
  for i, handle in ipairs(handles) do names[i] = map and g:map(handle) or g:plain(handle) end
  local axis = g:axes({ shape = node.outs[1].shape, map = map }, { a.dim or 1 })[1]
  g:give(node, g:op("Concat", names, { axis = axis }), map)
end

shapes.cat = { takes = "tensors, dim", emit = concat }
shapes.concat = { takes = "tensors, dim", emit = concat }

shapes.stack = { takes = "tensors, dim", emit = function(g, a, node)
  local out, names = node.outs[1], {}
  local dim = from_end(a.dim or 1, #out.shape)
  for i, value in ipairs(a.tensors) do
    names[i] = g:op("Unsqueeze", { g:plain(g:of(value)), g:integers { dim - 1 } })
  end
  g:give(node, g:op("Concat", names, { axis = dim - 1 }))
end }

-- ---- borders ----

local letters = { n = 1, h = 2, w = 3, c = 4 }
local modes = { constant = "constant", reflect = "reflect", replicate = "edge" }

shapes.pad = { takes = "x, widths, mode, value", tables = { widths = true }, emit = function(g, a, node)
  local x = g:of(a.x)
  local pads = {}
  for i = 1, 2 * #x.shape do pads[i] = 0 end
  for dim, width in pairs(a.widths) do
    if type(width) ~= "table" then width = { width, width } end
    local axis = g:axes(x, { letters[dim] or dim })[1]
    pads[axis + 1], pads[axis + 1 + #x.shape] = width[1], width[2]
  end
  g:give(node, g:op("Pad", { x.map and x.name or g:plain(x), g:integers(pads),
    (a.mode or "constant") == "constant" and g:scalar(a.value or 0) or nil },
    { mode = modes[a.mode or "constant"] }), x.map)
end }

return shapes
