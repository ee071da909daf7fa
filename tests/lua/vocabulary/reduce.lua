-- Reductions. vocabulary.lua says how a row reads.
local vocabulary = require "vocabulary"

-- fn(the items of the rows of a table of tables): along the last dimension of nested tables.
local function along_last(fn)
  local function walk(t)
    if type(t[1]) ~= "table" then return fn(t) end
    local out = {}
    for i, item in ipairs(t) do out[i] = walk(item) end
    return out
  end
  return walk
end

local function flat(value, out)
  out = out or {}
  if type(value) ~= "table" then value = { value } end
  for _, item in ipairs(value) do
    if type(item) == "table" then flat(item, out) else out[#out + 1] = item end
  end
  return out
end

local function sum(list)
  local total = 0
  for _, value in ipairs(list) do total = total + value end
  return total
end

local function mean(list) return sum(list) / #list end

-- fn over dimension 1 of a table of two dimensions
local function along_first(fn)
  return function(t)
    local out = {}
    for j = 1, #(t[1] or {}) do
      local column = {}
      for i = 1, #t do column[i] = t[i][j] end
      out[j] = fn(column)
    end
    return out
  end
end

return vocabulary.rows({ types = "f32" }, {
  { "sum", on = { "x 3 4", "x 0 4", "x 1", "x" }, torch = "x.sum()", plain = function(x) return sum(flat(x)) end,
    fails = { ["sum(x, 3)"] = "no dimension 3" } },
  { "sum", call = "sum(x, -1)", on = { "x 3 4", "x 2 3 2", "x 1 1" }, torch = "x.sum(-1)", plain = along_last(sum) },
  { "sum", call = "sum(x, 1)", on = { "x 3 4", "x 3 1" }, torch = "x.sum(0)", plain = along_first(sum) },
  { "mean", on = { "x 3 4", "x 1", "x", { "x 0 4", fails = "no items" } }, torch = "x.mean()",
    plain = function(x) return mean(flat(x)) end },
  { "mean", call = "mean(x, 1)", on = { "x 3 4", "x 3 1" }, torch = "x.mean(0)", plain = along_first(mean) },
})
