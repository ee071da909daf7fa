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
  local out = table.move(a, 1, #a, 1, {})
  return table.move(b, 1, #b, #out + 1, out)
end

local function joined_rows(a, b)
  local out = {}
  for i, row in ipairs(a) do out[i] = joined(row, b[i]) end
  return out
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
})
