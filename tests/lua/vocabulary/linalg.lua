-- Products of matrices. vocabulary.lua says how a row reads.
local vocabulary = require "vocabulary"

local function product(a, b)
  local out = {}
  for i, row in ipairs(a) do
    out[i] = {}
    for j = 1, #(b[1] or {}) do
      local sum = 0
      for k, value in ipairs(row) do sum = sum + value * b[k][j] end
      out[i][j] = sum
    end
  end
  return out
end

local function transposed(a)
  local out = {}
  for j = 1, #(a[1] or {}) do
    out[j] = {}
    for i = 1, #a do out[j][i] = a[i][j] end
  end
  return out
end

return vocabulary.rows({ types = "f32" }, {
  { "matmul", on = { "a 2 3, b 3 4", "a 0 3, b 3 4", "a 1 1, b 1 1" }, torch = "a @ b", plain = product,
    bench = { "a 4 4, b 4 4", "a 64 2048, b 2048 64", "a 512 512, b 512 512" } },
  { "matmul", call = "matmul(a, b, { transpose_a = true, scale = .5 })", on = { "a 3 2, b 3 4" },
    torch = "(a.t() @ b) * .5", plain = function(a, b)
      for _, row in ipairs(a) do
        for k, value in ipairs(row) do row[k] = value * .5 end
      end
      return product(transposed(a), b)
    end },
  { "matmul", call = "matmul(a, b, { transpose_b = true })", on = { "a 2 3, b 4 3", "a 2 3, b 1 3" },
    torch = "a @ b.t()", plain = function(a, b) return product(a, transposed(b)) end },
  { "linear", call = "linear(x, w)", on = { "x 3 4, w 2 4", "x 0 4, w 2 4", "x 1 1, w 1 1" },
    torch = "F.linear(x, w)", plain = function(x, w) return product(x, transposed(w)) end },
  { "linear", on = { "x 3 4, w 2 4, b 2", "x 1 1, w 1 1, b 1" }, torch = "F.linear(x, w, b)",
    bench = { "x 4 4, w 4 4, b 4", "x 64 2048, w 512 2048, b 512" },
    plain = function(x, w, b)
      local y = product(x, transposed(w))
      for _, row in ipairs(y) do
        for j, value in ipairs(row) do row[j] = value + b[j] end
      end
      return y
    end },
})
