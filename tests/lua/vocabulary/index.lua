-- Items and elements by their positions. vocabulary.lua says how a row reads.
local lines = require "vocabulary_lines"
local vocabulary = require "vocabulary"

local copy = lines.copy

-- Nested tables with fn(item of the first dimension) for the items of dimension `dim`.
local function select_items(x, index, dim)
  local out = {}
  if dim > 1 then
    for i, item in ipairs(x) do out[i] = select_items(item, index, dim - 1) end
  else
    for i, at in ipairs(type(index) == "table" and index or { index }) do out[i] = x[at + 1] end
  end
  return out
end

local function selected(dim)
  return function(x, index) return select_items(x, index, dim) end
end

local function added(a, b, alpha)
  if type(a) ~= "table" then return a + alpha * b end
  local out = {}
  for i, item in ipairs(a) do out[i] = added(item, b[i], alpha) end
  return out
end

-- x with its items of dimension `dim` changed by fn(item, source's item).
local function changed(dim, fn)
  local function change(x, index, source, d)
    local out = copy(x)
    if d > 1 then
      for i, item in ipairs(x) do
        out[i] = change(item, index, type(source) == "table" and source[i] or source, d - 1)
      end
    else
      for i, at in ipairs(index) do out[at + 1] = fn(out[at + 1], type(source) == "table" and source[i] or source) end
    end
    return out
  end
  return function(x, index, source) return change(x, index, source, dim) end
end

local function plus(alpha)
  return function(a, b) return added(a, b, alpha) end
end

local function taken(_, b) return copy(b) end

local function filled(value)
  local function fill(a)
    if type(a) ~= "table" then return value end
    local out = {}
    for i, item in ipairs(a) do out[i] = fill(item) end
    return out
  end
  return function(x, index, dim)
    return changed(dim, fill)(x, index, value)
  end
end

-- Two dimensions: fn(i, j, index[i][j]) for all elements of an index.
local function each(index, fn)
  for i, row in ipairs(index) do
    for j, at in ipairs(row) do fn(i, j, at + 1) end
  end
end

local function gathered(dim)
  return function(x, index)
    local out = {}
    each(index, function(i, j, at)
      out[i] = out[i] or {}
      out[i][j] = dim == 1 and x[at][j] or dim == 2 and x[i][at]
    end)
    return out
  end
end

local function scattered(dim, fn)
  return function(x, index, source)
    local out = copy(x)
    each(index, function(i, j, at)
      local value = type(source) == "table" and source[i][j] or source
      if dim == 1 then out[at][j] = fn(out[at][j], value) else out[i][at] = fn(out[i][at], value) end
    end)
    return out
  end
end

local function last(_, b) return b end
local function sum(a, b) return a + b end

local function named(x, mask, keep)
  local out, all, wanted = {}, lines.flat(x), lines.flat(mask)
  for i, value in ipairs(all) do
    if wanted[(i - 1) % #wanted + 1] == 1 then out[#out + 1] = keep and value or i end
  end
  return out
end

local function places(x)
  local out = {}
  local function walk(value, ...)
    if type(value) ~= "table" then
      if value ~= 0 then out[#out + 1] = { ... } end
      return
    end
    for i, item in ipairs(value) do
      local path = { ... }
      path[#path + 1] = i - 1
      walk(item, table.unpack(path))
    end
  end
  walk(x)
  return out
end

local rows = { i = { 0, 2, "i64" } }
local columns = { i = { 0, 3, "i32" } }
local once = { i = { 0, 2, "i64", distinct = true } }
local mask = { m = { 0, 1, "bool" } }
local pairs_of = { i = { 0, 2, "i64" }, j = { 0, 3, "i64" } }

local moved = vocabulary.rows({ types = "any" }, {
  { "index_select", call = "index_select(x, 1, i)", on = { "x 3 4, i 5", "x 3, i 4", "x 3 2 2, i 2", "x 3 4, i 0",
    "x 3 0, i 2", "x 3 9, i 1", "x 3 2, i" }, with = rows, torch = "x.index_select(0, i)", plain = selected(1),
    bench = { "x 8 2, i 8 <8", "x 2000 64, i 2000 <2000" },
    fails = { ["index_select(x, 3, i)"] = "no dimension 3", ["index_select(x, 1, i + 1)"] = "",
      ["index_select(x, 1, x)"] = "index must be i64 or i32, not f32[3 x 4]",
      ["index_select(x, 1, calr.tensor({ 0, 3 }, 'i64'))"] =
        "index 3 (item 2) is outside the 3 items, from 0, of dimension 1",
      ["index_select(x, 1, calr.tensor({ -1 }, 'i64'))"] = "index -1 (item 1) is outside",
      ["index_select(x, 1, calr.tensor({ { 0 } }, 'i64'))"] = "index must be a list" } },
  { "index_select", call = "index_select(x, -1, i)", on = { "x 2 4, i 6", "x 2 2 4, i 3" }, with = columns,
    torch = "x.index_select(-1, i)", plain = function(x, i) return select_items(x, i, #lines.shape(x)) end },
  { "index_select", call = "index_select(x, 2, i)", on = { "x 2 4 3, i 3", "x 2 4 1, i 1" }, with = columns,
    torch = "x.index_select(1, i)", plain = selected(2) },
  { "gather", call = "gather(x, 1, i)", on = { "x 3 4, i 2 4", "x 3 4, i 5 2", "x 3 1, i 1 1", "x 3 4, i 0 4" },
    with = rows, bench = { "x 8 2, i 8 2 <8", "x 2000 64, i 2000 64 <2000" },
    torch = "x.gather(0, i)", plain = gathered(1),
    fails = { ["gather(x, 1, i:reshape(-1))"] = "must have the dimensions of x",
      ["gather(x, 1, calr.tensor({ { 1 }, { 7 } }, 'i64'))"] = "index 7 (item (2, 1)) is outside the 3 items",
      ["gather(x, 2, calr.tensor({ { 1 }, { 0 }, { 0 }, { 0 } }, 'i64'))"] = "no longer than it but along dimension 2",
      ["gather(x, i)"] = "number expected" } },
  { "gather", call = "gather(x, 2, i)", on = { "x 3 4, i 3 2", "x 3 4, i 2 9", "x 1 4, i 1 1" }, with = columns,
    torch = "x.gather(1, i.long())", plain = gathered(2) },
  { "take_along_dim", call = "take_along_dim(x, i, 1)", on = { "x 3 4, i 2 4", "x 3 4, i 1 4" }, with = rows,
    torch = "x.take_along_dim(i, 0)", plain = gathered(1),
    bench = { "x 8 2, i 8 2 <8", "x 2000 64, i 2000 64 <2000" },
    fails = { ["take_along_dim(x, i:reshape(-1), 1)"] = "must have the dimensions of x" } },
  { "take_along_dim", call = "take_along_dim(x, i, 2)", name = "take_along_dim, repeated", on = { "x 3 4, i 1 2",
    "x 1 4, i 3 2" }, with = columns, torch = "x.take_along_dim(i.long(), 1)", plain = function(x, i)
      local out = {}
      for r = 1, math.max(#x, #i) do
        for c, at in ipairs(i[(r - 1) % #i + 1]) do
          out[r] = out[r] or {}
          out[r][c] = x[(r - 1) % #x + 1][at + 1]
        end
      end
      return out
    end },
  { "take_along_dim", call = "take_along_dim(x, i)", on = { "x 3 2, i 4", "x 3, i" }, with = rows,
    torch = "x.take_along_dim(i)", plain = function(x, i)
      return select_items(lines.flat(x), i, 1)
    end },
  { "masked_select", on = { "x 3 4, m 3 4", "x 3 4, m 4", "x 0 4, m 0 4", "x 1, m 1", "x, m", "x 70, m 70" },
    with = mask, bench = { "x 16, m 16", "x 64 2048, m 64 2048" },
    torch = "x.masked_select(m)", plain = function(x, m) return named(x, m, true) end,
    fails = { ["masked_select(x, x)"] = "mask must be bool, not f32[3 x 4]",
      ["masked_select(x, calr.tensor({ 1, 0 }, 'bool'))"] = "do not fit" } },
  { "masked_select", name = "masked_select of a repeated x", on = { "x 3, m 4 3", "x 1, m 5" }, with = mask,
    torch = "x.masked_select(m)", plain = function(x, m)
      local out = {}
      for _, row in ipairs(type(m[1]) == "table" and m or { m }) do
        for j, value in ipairs(row) do
          if value == 1 then out[#out + 1] = x[(j - 1) % #x + 1] end
        end
      end
      return out
    end },
  { "masked_scatter", on = { "x 3 4, m 3 4, s 12", "x 2 4, m 4, s 3 3", "x 1, m 1, s 1", "x 0 2, m 0 2, s 0" },
    bench = { "x 16, m 16, s 16", "x 64 2048, m 64 2048, s 64 2048" },
    with = mask, torch = "x.masked_scatter(m, s)", plain = function(x, m, s)
      local out, from = lines.flat(x), lines.flat(s)
      for k, at in ipairs(named(x, m)) do out[at] = from[k] end
      return out
    end, fails = { ["masked_scatter(x, m, calr.zeros { 1 })"] = "has only 1" } },
  { "index_copy", call = "index_copy(x, 1, i, s)", on = { "x 3 4, i 2, s 2 4", "x 3, i 3, s 3", "x 3 4, i 0, s 0 4" },
    with = once, torch = "x.index_copy(0, i, s)", plain = changed(1, taken),
    bench = { "x 8 2, i 8 <8, s 8 2", "x 2000 64, i 2000 <2000, s 2000 64" },
    fails = { ["index_copy(x, 1, i, x)"] = "source must be f32[2 x 4], not f32[3 x 4]" } },
  { "index_copy", name = "index_copy, named twice", call = "index_copy(x, 1, i, s)", on = { "x 3 2, i 5, s 5 2" },
    with = rows, torch = false, plain = changed(1, taken) },
  { "index_copy", call = "index_copy(x, 2, i, s)", on = { "x 2 3, i 2, s 2 2", "x 2 3 2, i 1, s 2 1 2" }, with = once,
    torch = "x.index_copy(1, i, s)", plain = changed(2, taken) },
  { "index_fill", call = "index_fill(x, 1, i, 1)", on = { "x 3 2, i 2", "x 3, i 1", "x 3 0, i 1" }, with = rows,
    bench = { "x 8 2, i 8 <8", "x 2000 64, i 2000 <2000" }, torch = "x.index_fill(0, i, 1)", plain = function(x, i)
      return filled(1)(x, i, 1)
    end },
  { "index_fill", call = "index_fill(x, 2, i, 1)", on = { "x 2 3, i 2", "x 2 3 2, i 1" }, with = rows,
    torch = "x.index_fill(1, i, 1)", plain = function(x, i) return filled(1)(x, i, 2) end },
  { "scatter", call = "scatter(x, 1, i, s)", on = { "x 3 4, i 1 4, s 1 4" }, with = rows,
    torch = "x.scatter(0, i, s)", plain = scattered(1, last),
    bench = { "x 8 2, i 8 2 <8, s 8 2", "x 2000 64, i 2000 64 <2000, s 2000 64" },
    fails = { ["scatter(x, 1, i, calr.zeros { 1, 3 })"] = "is longer than source" } },
  { "scatter", name = "scatter, named twice", call = "scatter(x, 2, i, s)", on = { "x 3 4, i 3 9, s 3 9" },
    with = columns,
    torch = false, plain = scattered(2, last) },
  { "scatter", call = "scatter(x, 2, i, 1)", on = { "x 3 4, i 3 2", "x 1 4, i 1 1" }, with = columns,
    torch = "x.scatter(1, i.long(), 1)", plain = function(x, i) return scattered(2, last)(x, i, 1) end },
})

local summed = vocabulary.rows({ types = "number" }, {
  { "index_add", call = "index_add(x, 1, i, s)", on = { "x 3 4, i 5, s 5 4", "x 3, i 4, s 4", "x 3 4, i 0, s 0 4",
    "x 3 300, i 6, s 6 300" }, with = rows, torch = "x.index_add(0, i, s)", plain = changed(1, plus(1)),
    bench = { "x 8 2, i 8 <8, s 8 2", "x 2000 64, i 2000 <2000, s 2000 64" } },
  { "index_add", call = "index_add(x, 2, i, s, { alpha = 3 })", on = { "x 2 3, i 5, s 2 5", "x 2 3 2, i 4, s 2 4 2" },
    with = rows, torch = "x.index_add(1, i, s, alpha=3)", plain = changed(2, plus(3)), near = 3 },
  { "scatter_add", call = "scatter_add(x, 1, i, s)", on = { "x 3 4, i 5 4, s 5 4", "x 3 1, i 1 1, s 1 1",
    "x 3 4, i 0 4, s 0 4" }, with = rows, torch = "x.scatter_add(0, i, s)", plain = scattered(1, sum),
    bench = { "x 8 2, i 8 2 <8, s 8 2", "x 2000 64, i 2000 64 <2000, s 2000 64" } },
  { "scatter_add", call = "scatter_add(x, 2, i, s)", on = { "x 3 4, i 3 9, s 3 9" }, with = columns,
    torch = "x.scatter_add(1, i.long(), s)", plain = scattered(2, sum) },
  { "scatter_add", name = "scatter_add of a part of the source", call = "scatter_add(x, 2, i, s)",
    on = { "x 3 4, i 2 2, s 3 3", "x 3 4, i 3 1, s 3 4" }, with = columns, torch = false, plain = scattered(2, sum) },
  { "index_put", call = "index_put(x, { i, j }, s, true)", on = { "x 3 4, i 6, j 6, s 6", "x 3 4 2, i 3, j 3, s 3 2",
    "x 3 4, i 0, j 0, s 0", "x 3 4, i 2 1, j 3, s 2 3" }, with = pairs_of,
    bench = { "x 4 4, i 4 <4, j 4 <4, s 4", "x 2000 64, i 2000 <2000, j 2000 <64, s 2000" },
    torch = "x.index_put((i, j), s, accumulate=True)", plain = function(x, i, j, s)
      local out = copy(x)
      local a, b, values = lines.flat(i), lines.flat(j), s
      if #b > #a then -- i is 2 x 1, j is 3
        a = { a[1], a[1], a[1], a[2], a[2], a[2] }
        table.move(b, 1, 3, 4)
        values = lines.flat(s)
      end
      for k, at in ipairs(a) do
        local value = type(values) == "table" and values[k] or values
        out[at + 1][b[k] + 1] = added(out[at + 1][b[k] + 1], value, 1)
      end
      return out
    end, fails = { ["index_put(x, { i, j, i }, 1)"] = "3 indices for the 2 dimensions",
    ["index_put(x, i, 1)"] = "table expected" } },
})

local written = vocabulary.rows({ types = "any", with = { i = { values = { 2, 0, 1 }, [3] = "i64" },
  j = { values = { 1, 3, 0 }, [3] = "i64" } } }, {
  { "index_put", call = "index_put(x, { i, j }, s)", on = { "x 3 4, i 3, j 3, s 3", "x 3 4 2, i 3, j 3, s 2" },
    torch = "x.index_put((i.long(), j.long()), s)", plain = function(x, i, j, s)
      local out = copy(x)
      for k, at in ipairs(i) do out[at + 1][j[k] + 1] = type(x[1][1]) == "table" and copy(s) or s[k] end
      return out
    end },
})

local found = vocabulary.rows({ types = "any", grad = false }, {
  { "nonzero", on = { "x 3 4", "x 0 4", "x 1", "x 70", "x 2 2 3", "x" }, with = { x = { -1, 1 } },
    torch = "x.nonzero()",
    plain = places },
  { "argwhere", on = { "x 3 4" }, with = { x = { -1, 1 } }, torch = "x.argwhere()", plain = places },
})

-- Rows that end within a group of eight, groups without an element, and each number of dimensions.
for _, shape in ipairs { "3 17", "9 1", "2 3 9", "2 1 2 2 9", "2 2 2 1 3 2" } do
  local values, count = {}, 1
  for size in shape:gmatch "%d+" do count = count * math.tointeger(tonumber(size)) end
  for i = 1, count do values[i] = i > 9 and (i % 11 == 3 or i % 23 > 16) and 1 or 0 end
  local row = { "nonzero", name = "nonzero of " .. shape, on = { "x " .. shape }, with = { x = { values = values } },
    torch = "x.nonzero()", plain = places, bench = false }
  table.move(vocabulary.rows({ types = "any", grad = false }, { row }), 1, 1, #found + 1, found)
end

local all = {}
for _, part in ipairs { moved, summed, written, found } do table.move(part, 1, #part, #all + 1, all) end
return all
