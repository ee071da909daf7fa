-- The same elements in other shapes. vocabulary.lua says how a row reads.
local vocabulary = require "vocabulary"

local function same(x) return x end

-- Elements of nested tables whose lengths are `sizes`, taken at `where(position)`: a function from a position of the
-- result, a list from 1, to one of x.
local function at(sizes, where)
  return function(x)
    local out, index = {}, {}
    local function walk(d)
      if d <= #sizes then
        for i = 1, sizes[d] do
          index[d] = i
          walk(d + 1)
        end
        return
      end
      local item = x
      for _, i in ipairs { where(table.unpack(index)) } do item = item[i] end
      out[#out + 1] = item
    end
    walk(1)
    return out
  end
end

local function none() return {} end

local function joined(a, b)
  if type(a) ~= "table" then return { a, b } end
  local out = table.move(a, 1, #a, 1, {})
  return table.move(b, 1, #b, #out + 1, out)
end

local function joined_rows(a, b)
  local out = {}
  for i, row in ipairs(a) do out[i] = joined(row, b[i]) end
  return out
end

-- Nested tables of two dimensions with 0 where keep(i, j) does not hold.
local function triangle(keep)
  return function(x)
    local out = {}
    for i, row in ipairs(x) do
      out[i] = {}
      for j, value in ipairs(row) do out[i][j] = keep(i, j) and value or 0 end
    end
    return out
  end
end

local function mirrored(i, length)
  if i < 1 then return 2 - i end
  return i > length and 2 * length - i or i
end

local function cut(list, lengths)
  local out, first = {}, 1
  for i, length in ipairs(lengths) do
    out[i] = table.move(list, first, first + length - 1, 1, {})
    first = first + length
  end
  return out
end

local function grid(a, b)
  local x, y = {}, {}
  for _, one in ipairs(a) do
    for _, other in ipairs(b) do
      x[#x + 1] = one
      y[#y + 1] = other
    end
  end
  return x, y
end

local deep = { "x 2 3 4", "x 1 1 1" }

return vocabulary.rows({ types = "any" }, {
  { "reshape", call = "reshape(x, -1, 2)", on = { "x 2 3 2", "x 2", "x 0 3",
    { "x 3", fails = "cannot be reshaped" } }, torch = "x.reshape(-1, 2)", plain = same,
    fails = { ["reshape(x, 2.5)"] = "a shape holds whole numbers",
      ["reshape(x, { 12 }, 1)"] = "the list before it is complete" } },
  { "reshape", call = "reshape(x, { 0, 4 })", on = { "x 4 0" }, torch = "x.reshape(0, 4)", plain = none },
  { "reshape", call = "reshape(transpose(x, 1, 2), -1)", on = { "x 3 4" },
    torch = "x.transpose(0, 1).reshape(-1)", plain = at({ 4, 3 }, function(i, j) return j, i end) },
  { "view", call = "view(contiguous(x), 4, 3)", on = { "x 2 6", "x 12" }, torch = "x.reshape(4, 3)", plain = same,
    bench = { "x 2 6" } },
  { "flatten", on = { "x 2 3 2", "x 2 0", "x 1", "x" }, torch = "x.flatten()", plain = same,
    fails = { ["flatten(x, 3, 2)"] = "end_dim comes before start_dim", ["flatten(x, 4)"] = "no dimension 4" } },
  { "flatten", call = "flatten(x, 2, -2)", on = { "x 2 3 2 2", "x 2 1 1 2", "x 2 0 3 2" },
    torch = "x.flatten(1, -2)", plain = same },
  { "squeeze", on = { "x 1 3 1 2", "x 1 1", "x 0 1", "x" }, torch = "x.squeeze()", plain = same },
  { "squeeze", call = "squeeze(x, { 1, -1 })", on = { "x 1 3 1", "x 2 1 1", "x 1 1" }, torch = "x.squeeze((0, -1))",
    plain = same, fails = { ["squeeze(x, { 1, -3 })"] = "named twice", ["squeeze(x, 5)"] = "no dimension 5" } },
  { "unsqueeze", call = "unsqueeze(x, -1)", on = { "x 2 3", "x 0 2", "x 1", "x" }, torch = "x.unsqueeze(-1)",
    plain = same, fails = { ["unsqueeze(x, 4)"] = "no dimension 4", ["unsqueeze(x, 0)"] = "no dimension 0" } },
  { "unsqueeze", call = "unsqueeze(x, 2)", on = { "x 2 3", "x 1" }, torch = "x.unsqueeze(1)", plain = same },
  { "transpose", call = "transpose(x, 1, -1)", on = { "x 2 3 4" }, torch = "x.transpose(0, -1)",
    plain = at({ 4, 3, 2 }, function(i, j, k) return k, j, i end) },
  { "permute", call = "permute(x, 3, 1, -2)", on = { "x 2 3 4" }, torch = "x.permute(2, 0, 1)",
    plain = at({ 4, 2, 3 }, function(i, j, k) return j, k, i end),
    fails = { ["permute(x, 1, 2)"] = "must be named, not 2 of 3", ["permute(x, 1, 1, 2)"] = "named twice" } },
  { "permute", call = "permute(x, { 2, 1 })", on = { "x 1 1" }, torch = "x.permute(1, 0)", plain = same },
  { "permute", call = "permute(x, { 2, 1, 3 })", on = { "x 2 0 3" }, torch = "x.permute(1, 0, 2)", plain = none },
  { "movedim", call = "movedim(x, 3, 1)", on = { "x 2 3 4" }, torch = "x.movedim(2, 0)",
    plain = at({ 4, 2, 3 }, function(i, j, k) return j, k, i end) },
  { "movedim", call = "movedim(x, { 1, 2 }, { -1, -2 })", on = { "x 2 3 4" },
    torch = "x.movedim((0, 1), (-1, -2))", plain = at({ 4, 3, 2 }, function(i, j, k) return k, j, i end),
    fails = { ["movedim(x, { 1, 2 }, 1)"] = "as many places as dimensions" } },
  { "t", on = { "x 2 3" }, torch = "x.t()", plain = at({ 3, 2 }, function(i, j) return j, i end) },
  { "t", on = { "x 2", "x", "x 1 1", { "x 1 1 1", fails = "a matrix is needed" } }, torch = "x.t()", plain = same,
    name = "t of a vector" },
  { "narrow", call = "narrow(x, 2, 2, 2)", on = { "x 2 3 4" }, torch = "x.narrow(1, 1, 2)",
    plain = at({ 2, 2, 4 }, function(i, j, k) return i, j + 1, k end), bench = { "x 2 4 2", "x 64 64 256" } },
  { "select", call = "select(x, -1, 2)", on = { "x 2 3 4" }, torch = "x.select(-1, 1)",
    plain = at({ 2, 3 }, function(i, j) return i, j, 2 end) },
  { "expand", call = "expand(x, 2, -1, 3)", on = { "x 2 1" }, torch = "x.expand(2, -1, 3)",
    plain = at({ 2, 2, 3 }, function(_, j) return j, 1 end), bench = { "x 16 1", "x 2048 1" },
    fails = { ["expand(x, 3, 1)"] = "cannot be expanded to f32[3 x 1]" } },
  { "expand", call = "expand(x, { 2, 1, 0 })", on = { "x 1", "x", "x 1 1" }, torch = "x.expand(2, 1, 0)",
    plain = none },
  { "broadcast_to", call = "broadcast_to(x, 2, 3)", on = { "x 3" }, torch = "x.broadcast_to(2, 3)",
    plain = at({ 2, 3 }, function(_, j) return j end), bench = { "x 3" } },
  { "expand_as", call = "expand_as(x, other)", on = { "x 2 1, other 2 3" }, torch = "x.expand_as(other)",
    plain = at({ 2, 3 }, function(i) return i, 1 end),
    bench = { "x 4 1, other 4 4", "x 64 1, other 64 2048" } },
  { "diagonal", on = { "x 3 4" }, torch = "x.diagonal()", plain = at({ 3 }, function(i) return i, i end),
    fails = { ["diagonal(x, 0, 1, 1)"] = "two dimensions, not twice along 1" } },
  { "diagonal", call = "diagonal(x, -1, 3, 1)", on = { "x 2 3 4" }, torch = "x.diagonal(-1, 2, 0)",
    plain = at({ 3, 2 }, function(j, i) return i, j, i + 1 end) },
  { "diagonal", call = "diagonal(x, 1)", on = { "x 1 1", "x 0 4", "x 4 0" }, torch = "x.diagonal(1)", plain = none },
  { "unfold", call = "unfold(x, 2, 3, 2)", on = { "x 2 7" }, torch = "x.unfold(1, 3, 2)",
    plain = at({ 2, 3, 3 }, function(i, j, k) return i, 2 * j - 2 + k end),
    fails = { ["unfold(x, 2, 8, 1)"] = "the size is 0 to 7", ["unfold(x, 2, 2, 0)"] = "the step 1 or more" } },
  { "unfold", call = "unfold(x, 1, 2, 1)", on = { "x 4 2" }, torch = "x.unfold(0, 2, 1)",
    plain = at({ 3, 2, 2 }, function(i, j, k) return i + k - 1, j end) },
  { "unfold", call = "unfold(x, -1, 1, 3)", on = deep, torch = "x.unfold(-1, 1, 3)", plain = function(x)
    local out = {}
    for _, a in ipairs(x) do
      for _, b in ipairs(a) do
        out[#out + 1] = b[1]
        out[#out + 1] = b[4]
      end
    end
    return out
  end },
  { "cat", call = "cat({ a, b })",
    on = { "a 2 3, b 1 3", "a 2, b 0", "a 0, b 0", { "a 2 3, b 2 2", fails = "must agree" } },
    torch = "torch.cat([a, b])", plain = joined, bench = { "a 4 4, b 4 4", "a 64 2048, b 64 2048" } },
  { "cat", call = "cat({ a, b }, -1)", on = { "a 2 3, b 2 1", "a 1 1, b 1 1" }, torch = "torch.cat([a, b], -1)",
    plain = joined_rows },
  { "stack", call = "stack({ a, b })", on = { "a 2 3, b 2 3", "a, b", "a 0, b 0", "a 1, b 1",
    { "a 2, b 3", fails = "of one type and shape" } }, torch = "torch.stack([a, b])", plain = joined },
  { "stack", call = "stack({ a, b }, { dim = -1 })", on = { "a 2 3, b 2 3" }, torch = "torch.stack([a, b], -1)",
    plain = function(a, b)
      local out = {}
      for i, row in ipairs(a) do
        for j in ipairs(row) do
          out[#out + 1] = a[i][j]
          out[#out + 1] = b[i][j]
        end
      end
      return out
    end, fails = { ["stack({ a, b }, 4)"] = "no dimension 4", ["stack({})"] = "at least one tensor",
      ["stack({ a, 1 })"] = "item 2 is a number, not a tensor" } },
  { "flip", call = "flip(x, 1, -1)", on = { "x 2 3 4" }, torch = "x.flip(0, -1)",
    plain = at({ 2, 3, 4 }, function(i, j, k) return 3 - i, j, 5 - k end) },
  { "flip", call = "flip(x, { 1 })", on = { "x 1", "x 0 3", "x 1 2" }, torch = "x.flip([0])", plain = same,
    fails = { ["flip(x, 3)"] = "no dimension 3", ["flip(x, 1, 1)"] = "named twice" } },
  { "roll", call = "roll(x, 2)", on = { "x 2 3" }, torch = "x.roll(2)",
    plain = at({ 2, 3 }, function(i, j)
      local from = (3 * i + j - 4 - 2) % 6
      return from // 3 + 1, from % 3 + 1
    end), fails = { ["roll(x, { 1, 2 })"] = "several shifts need dims" } },
  { "roll", call = "roll(x, 5)", on = { "x", "x 1", "x 0 2" }, torch = "x.roll(5)", plain = same,
    name = "roll that changes nothing" },
  { "roll", call = "roll(x, { -1, 7 }, { 1, 3 })", on = { "x 3 2 4" }, torch = "x.roll((-1, 7), (0, 2))",
    plain = at({ 3, 2, 4 }, function(i, j, k) return i % 3 + 1, j, (k - 8) % 4 + 1 end),
    fails = { ["roll(x, 1, { 1, 2 })"] = "a dimension for each shift" } },
  { "tile", call = "tile(x, 2, 3)", on = { "x 2 2" }, torch = "x.tile(2, 3)",
    plain = at({ 4, 6 }, function(i, j) return (i - 1) % 2 + 1, (j - 1) % 2 + 1 end),
    fails = { ["tile(x, -1)"] = "cannot be repeated -1 times" } },
  { "tile", call = "tile(x, { 2, 1, 3 })", on = { "x 3" }, torch = "x.tile(2, 1, 3)",
    plain = at({ 2, 1, 9 }, function(_, _, k) return (k - 1) % 3 + 1 end) },
  { "tile", call = "tile(x, 2)", on = { "x 2 3" }, torch = "x.tile(2)",
    plain = at({ 2, 6 }, function(i, j) return i, (j - 1) % 3 + 1 end) },
  { "tile", call = "tile(x, 0, 2)", on = { "x 2 3", "x", "x 1 1" }, torch = "x.tile(0, 2)", plain = none },
  { "tile", call = "tile(x, 1)", on = { "x", "x 1", "x 0 3" }, torch = "x.tile(1)", plain = same, name = "tile once" },
  { "tril", on = { "x 3 4", "x 1 1", "x 0 2", { "x 3", fails = "a matrix, or a stack of them, is needed" } },
    torch = "x.tril()", plain = triangle(function(i, j) return j <= i end) },
  { "tril", call = "tril(x, 1)", on = { "x 3 4" }, torch = "x.tril(1)",
    plain = triangle(function(i, j) return j <= i + 1 end) },
  { "triu", call = "triu(x, { diagonal = -1 })", on = { "x 4 3", "x 1 1" }, torch = "x.triu(-1)",
    plain = triangle(function(i, j) return j >= i - 1 end) },
  { "triu", call = "triu(x, 1)", on = { "x 2 3 3" }, torch = "x.triu(1)", plain = function(x)
    return { triangle(function(i, j) return j > i end)(x[1]), triangle(function(i, j) return j > i end)(x[2]) }
  end },
  { "triu", call = "triu(x, 9223372036854775807)", on = { "x 2 2" }, torch = "x.triu(9)",
    plain = triangle(function() return false end) },
  { "diag", on = { "x 3" }, bench = { "x 4", "x 512" }, torch = "x.diag()", plain = function(x)
    return { { x[1], 0, 0 }, { 0, x[2], 0 }, { 0, 0, x[3] } }
  end },
  { "diag", call = "diag(x, -1)", on = { "x 2" }, torch = "x.diag(-1)", plain = function(x)
    return { { 0, 0, 0 }, { x[1], 0, 0 }, { 0, x[2], 0 } }
  end, fails = { ["diag(x, 9223372036854775807)"] = "larger than can be addressed",
    ["diag(x, math.mininteger)"] = "larger than can be addressed" } },
  { "diag", call = "diag(x, 1)", on = { "x 3 4", { "x 2 2 2", fails = "a vector or a matrix is needed" } },
    torch = "x.diag(1)", plain = at({ 3 }, function(i) return i, i + 1 end) },
  { "pad", call = "pad(x, { h = 1, w = { 0, 2 } })", on = { "x 1 2 1 2", "x 0 2 1 2",
    { "x 2 2", fails = "has numbers for its dimensions" } }, torch = "F.pad(x, (0, 0, 0, 2, 1, 1))",
    plain = function(x)
      local zero = { 0, 0 }
      local out, empty = {}, { zero, zero, zero }
      for i, map in ipairs(x) do out[i] = { empty, { map[1][1], zero, zero }, { map[2][1], zero, zero }, empty } end
      return out
    end, fails = { ["pad(x, { 1, 1 })"] = "PyTorch's list", ["pad(x, { h = 1, [2] = { 1, 1 } })"] = "named twice",
      ["pad(x, { z = 1 })"] = "is no dimension", ["pad(x, { h = -1 })"] = "x:narrow takes items off",
      ["pad(x, { h = 1 }, 'circular')"] = "circular", ["pad(x, { h = 2 }, 'reflect')"] = "too short to reflect 2",
      ["pad(x, { h = 1 }, 'reflect', 3)"] = "only a constant border has a value" } },
  { "pad", call = "pad(x, { [1] = { 2, 1 } }, 'constant', 1)", on = { "x 2", "x 1", "x 0" },
    torch = "F.pad(x, (2, 1), value=1)", plain = function(x)
      local out = { 1, 1 }
      for i, value in ipairs(x) do out[i + 2] = value end
      out[#out + 1] = 1
      return out
    end },
  { "pad", call = "pad(x, { h = 2, w = { 1, 2 } }, 'reflect')", on = { "x 2 3 4 2" },
    torch = "nhwc(F.pad(nchw(x), (1, 2, 2, 2), mode='reflect'))",
    plain = at({ 2, 7, 7, 2 }, function(n, i, j, c) return n, mirrored(i - 2, 3), mirrored(j - 1, 4), c end) },
  { "pad", call = "pad(x, { h = 2, w = { 1, 3 } }, 'replicate')", on = { "x 2 1 2 2" },
    torch = "nhwc(F.pad(nchw(x), (1, 3, 2, 2), mode='replicate'))",
    plain = at({ 2, 5, 6, 2 }, function(n, _, j, c) return n, 1, math.max(1, math.min(2, j - 1)), c end) },
  { "split", call = "split(x, 2)", on = { "x 5 2", "x 1 2", "x 0 2" }, torch = "x.split(2)", plain = function(x)
    return table.unpack(cut(x, #x == 5 and { 2, 2, 1 } or { #x }))
  end, fails = { ["split(x, 0)"] = "split_size is an integer above 0", ["split(x, { 1, 1 })"] = "add up to 2" } },
  { "split", call = "split(x, { 1, 0, 2 }, { dim = -1 })", on = { "x 1 3" }, torch = "x.split((1, 0, 2), -1)",
    plain = function(x) return table.unpack(cut(x[1], { 1, 0, 2 })) end },
  { "chunk", call = "chunk(x, 3)", on = { "x 7", "x 2", "x 0" }, torch = "x.chunk(3)", plain = function(x)
    return table.unpack(cut(x, #x == 7 and { 3, 3, 1 } or #x == 2 and { 1, 1 } or { 0, 0, 0 }))
  end, fails = { ["chunk(x, 0)"] = "chunks is an integer above 0" } },
  { "unbind", call = "unbind(x, 2)", on = { "x 2 3", "x 0 2" }, torch = "x.unbind(1)", plain = function(x)
    if #x == 0 then return {}, {} end
    return { x[1][1], x[2][1] }, { x[1][2], x[2][2] }, { x[1][3], x[2][3] }
  end },
  { "unbind", on = { "x 2 2", "x 1" }, torch = "x.unbind()", plain = function(x) return table.unpack(x) end },
  { "meshgrid", call = "meshgrid({ a, b })", on = { "a 2, b 3", "a 1, b 1", "a 0, b 2" },
    bench = { "a 4, b 4", "a 64, b 2048" },
    torch = "torch.meshgrid(a, b, indexing='ij')", plain = function(a, b) return grid(a, b) end,
    fails = { ["meshgrid({ a, 1 })"] = "item 2 is 1, not a vector", ["meshgrid({ a }, 'no')"] = "\"ij\" or \"xy\"" } },
  { "meshgrid", call = "meshgrid({ a, b }, { indexing = 'xy' })", on = { "a 2, b 3" },
    torch = "torch.meshgrid(a, b, indexing='xy')", plain = function(a, b)
      local y, x = grid(b, a)
      return x, y
    end },
})
