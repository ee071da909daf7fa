-- Products of matrices and linear algebra. vocabulary.lua says how a row reads.
local calr = require "calr"
local vocabulary = require "vocabulary"

-- ---- products, by their definition ----

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

local function depth(x)
  return type(x) == "table" and 1 + (x[1] == nil and 0 or depth(x[1])) or 0
end

-- Of any depth; dimensions before the last two are repeated.
local function products(a, b)
  local da, db = depth(a), depth(b)
  if #a == 0 and db > 1 then return {} end
  if da == 1 and db == 1 then return product({ a }, transposed { b })[1][1] end
  if da == 1 and db == 2 then return product({ a }, b)[1] end
  if db == 1 and da == 2 then return transposed(product(a, transposed { b }))[1] end
  if da <= 2 and db <= 2 then return product(a, b) end
  local out = {}
  local function item(x, d, other, i)
    if d < math.max(d, other) or d <= 2 then return x end
    return #x == 1 and x[1] or x[i]
  end
  for i = 1, math.max(da >= db and #a or 0, db >= da and #b or 0) do
    local x, y = a, b
    if da >= db then x = item(a, da, db, i) end
    if db >= da then y = item(b, db, da, i) end
    out[i] = products(x, y)
  end
  return out
end

-- ---- decompositions, by Jacobi's rotations ----

local function copy(a)
  local out = {}
  for i, row in ipairs(a) do out[i] = table.move(row, 1, #row, 1, {}) end
  return out
end

-- Eigenvalues and vectors (in columns) of a symmetric matrix, rising.
local function eigen(a)
  local n, v = #a, {}
  a = copy(a)
  for i = 1, n do
    v[i] = {}
    for j = 1, n do v[i][j] = i == j and 1 or 0 end
  end
  for _ = 1, 60 do
    for p = 1, n do
      for q = p + 1, n do
        if a[p][q] ~= 0 then
          local angle = .5 * math.atan(2 * a[p][q], a[q][q] - a[p][p])
          local c, s = math.cos(angle), math.sin(angle)
          for k = 1, n do a[k][p], a[k][q] = c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q] end
          for k = 1, n do a[p][k], a[q][k] = c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k] end
          for k = 1, n do v[k][p], v[k][q] = c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q] end
        end
      end
    end
  end
  local order, values, vectors = {}, {}, {}
  for i = 1, n do order[i] = i end
  table.sort(order, function(i, j) return a[i][i] < a[j][j] end)
  for place, i in ipairs(order) do values[place] = a[i][i] end
  for k = 1, n do
    vectors[k] = {}
    for place, i in ipairs(order) do vectors[k][place] = v[k][i] end
  end
  return values, vectors
end

local function gram(a)
  return product(transposed(a), a)
end

local function singular_values(a)
  local m, n = #a, #(a[1] or {})
  local values, out = eigen(m < n and gram(transposed(a)) or gram(a)), {}
  for i = #values, 1, -1 do out[#out + 1] = math.sqrt(math.max(0, values[i])) end
  return out
end

-- The sum over the first eigenvectors (the last, when negative) of v v^T.
local function projector(a, count)
  local _, v = eigen(a)
  local n, out = #a, {}
  for i = 1, n do
    out[i] = {}
    for j = 1, n do
      local sum = 0
      for k = count > 0 and 1 or n + count + 1, count > 0 and count or n do sum = sum + v[i][k] * v[j][k] end
      out[i][j] = sum
    end
  end
  return out
end

-- ---- elimination ----

-- The solution of a x = b, and the determinant of a.
local function solve(a, b)
  a, b = copy(a), copy(b)
  local n, det = #a, 1
  for p = 1, n do
    local best = p
    for i = p, n do
      if math.abs(a[i][p]) > math.abs(a[best][p]) then best = i end
    end
    if best ~= p then a[p], a[best], b[p], b[best], det = a[best], a[p], b[best], b[p], -det end
    det = det * a[p][p]
    for i = 1, n do
      local factor = i ~= p and a[p][p] ~= 0 and a[i][p] / a[p][p] or 0
      for j = 1, n do a[i][j] = a[i][j] - factor * a[p][j] end
      for j = 1, #b[1] do b[i][j] = b[i][j] - factor * b[p][j] end
    end
  end
  for i = 1, n do
    for j = 1, #b[1] do b[i][j] = b[i][j] / a[i][i] end
  end
  return b, det
end

local function identity(n)
  local out = {}
  for i = 1, n do
    out[i] = {}
    for j = 1, n do out[i][j] = i == j and 1 or 0 end
  end
  return out
end

local function inverse(a)
  return (solve(a, identity(#a)))
end

local function det(a)
  local _, value = solve(a, identity(#a))
  return value
end

-- Applies a reference of one matrix to each of a batch.
local function each(fn)
  local function apply(a, ...)
    if depth(a) <= 2 then return fn(a, ...) end
    local out = {}
    for i = 1, #a do
      local rest = {}
      for k, other in ipairs { ... } do rest[k] = other[i] end
      out[i] = apply(a[i], table.unpack(rest))
    end
    return out
  end
  return apply
end

local function cholesky(a)
  local l = {}
  for i = 1, #a do
    l[i] = {}
    for j = 1, #a do
      local sum = a[i][j] or 0
      for k = 1, j <= i and j - 1 or 0 do sum = sum - l[i][k] * l[j][k] end
      l[i][j] = j > i and 0 or j == i and math.sqrt(sum) or sum / l[j][j]
    end
  end
  return l
end

local function near(a, b, tolerance)
  a, b = a:contiguous():reshape(-1):totable(), b:contiguous():reshape(-1):totable()
  for i = 1, #b do
    if not (math.abs(a[i] - b[i]) <= tolerance * math.max(1, math.abs(b[i]))) then return false end
  end
  return #a == #b
end

local function rebuilds(variables, q, r)
  local x = variables.x
  local tolerance = x:dtype() == "f64" and 1e-10 or 1e-4
  assert(near(calr.matmul(q, r), x, tolerance), "q r is not x")
  local k = q:size(-1)
  if k > 0 and q:dim() == 2 then
    local unit = calr.tensor(identity(k), "f32"):to(q:dtype())
    assert(near(calr.matmul(q, q, { transpose_a = true }), unit, tolerance), "q is not orthogonal")
  end
  for i, row in ipairs(q:dim() == 2 and r:totable() or {}) do
    for j = 1, math.min(i - 1, #row) do assert(row[j] == 0, "r is not triangular") end
  end
end

-- Distances of rows.
local function distances(p)
  return each(function(a, b)
    local out = {}
    for i, x in ipairs(a) do
      out[i] = {}
      for j, y in ipairs(b) do
        local sum = 0
        for k, value in ipairs(x) do
          local size = math.abs(value - y[k])
          sum = p == math.huge and math.max(sum, size) or p == 0 and sum + (size > 0 and 1 or 0) or sum + size ^ p
        end
        out[i][j] = (p == 0 or p == math.huge) and sum or sum ^ (1 / p)
      end
    end
    return out
  end)
end

local both = "f32 f64" -- the types of linear algebra
local positive = "matmul(x, x, { transpose_b = true })" -- symmetric, positive definite for wide x

return vocabulary.rows({ types = "float" }, {
  { "matmul", bench = { "a 4 4, b 4 4", "a 64 2048, b 2048 64", "a 512 512, b 512 512",
    "a 64 12 129 64, b 64 12 64 129" }, on = { "a 2 3, b 3 4", "a 0 3, b 3 4", "a 2 0, b 0 4", "a 1 1, b 1 1",
    "a 2 3 4, b 2 4 5",
    "a 2 3 4, b 4 5", "a 3 4, b 2 4 5", "a 4 1 2 3, b 2 3 2", "a 2 1 3 4, b 1 3 4 2", "a 0 2 3, b 3 2",
    "a 1 2 3, b 0 3 2",
    "a 20 30, b 30 25", "a 3 9 8, b 3 8 7", "a 2 3 1, b 2 1 2", "a 3 1 4, b 3 4 1",
    { "a 2 3, b 4 3", fails = "f32[2 x 3] and f32[4 x 3] do not fit" }, { "a 2 3 4, b 3 4 5", fails = "do not fit" } },
    torch = "a @ b", plain = products, fails = {
      ["matmul(a, 2)"] = "tensor expected", ["matmul(a, a:sum())"] = "b is f32[]: a product needs vectors or matrices",
      ["matmul(a, b, 1)"] = "boolean expected", ["matmul(a, b, { transpose_c = true })"] = "transpose_c" } },
  { "matmul", bench = { "a 16, b 16", "a 64 2048, b 2048" }, name = "matmul of vectors", on = { "a 3, b 3",
    "a 3, b 3 4", "a 2 3, b 3", "a 4, b 2 4 3", "a 2 3 4, b 4",
    "a 0, b 0", "a 1, b 1", { "a 3, b 4", fails = "f32[3] and f32[4] do not fit" } }, torch = "a @ b", plain = products,
    fails = { ["matmul(a, b, true)"] = "a transpose needs two dimensions" } },
  { "matmul", bench = false, call = "matmul(a, b, { transpose_a = true, scale = .5 })", on = { "a 3 2, b 3 4",
    "a 2 3 2, b 3 4" },
    torch = "(a.mT @ b) * .5", plain = function(a, b)
      local function halved(x)
        if type(x) == "number" then return x / 2 end
        for i, item in ipairs(x) do x[i] = halved(item) end
        return x
      end
      return products(each(transposed)(a), halved(b))
    end },
  { "matmul", bench = { "a 64 2048, b 64 2048" }, call = "matmul(a, b, false, true)", on = { "a 2 3, b 4 3",
    "a 2 3, b 1 3", "a 2 3, b 5 4 3", "a 3 1, b 2 4 1",
    "a 3, b 4 3" },
    torch = "a @ b.mT", plain = function(a, b) return products(a, each(transposed)(b)) end },
  { "mm", bench = false, on = { "a 2 3, b 3 4", "a 0 3, b 3 4", "a 1 1, b 1 1",
    { "a 2 2 3, b 3 2", fails = "'mm' (2 dimensions are needed, not f32[2 x 2 x 3]" } }, torch = "torch.mm(a, b)",
    plain = products },
  { "mv", bench = { "a 512 2048, b 2048" }, on = { "a 2 3, b 3", "a 0 3, b 3", "a 1 1, b 1", { "a 2 3, b 3 1",
    fails = "1 dimension is needed" } },
    torch = "torch.mv(a, b)",
    plain = function(a, b) return transposed(product(a, transposed { b }))[1] or {} end },
  { "bmm", bench = { "a 1000 16 16, b 1000 16 16", "a 64 129 64, b 64 64 129" }, on = { "a 2 3 4, b 2 4 5",
    "a 0 3 4, b 0 4 5", "a 1 1 1, b 1 1 1",
    { "a 1 3 4, b 2 4 5", fails = "as many matrices as the first" } }, torch = "torch.bmm(a, b)", plain = products },
  { "dot", bench = { "a 16, b 16", "a 131072, b 131072" }, on = { "a 5, b 5", "a 0, b 0", "a 1, b 1", { "a 5, b 4",
    fails = "do not fit" } }, torch = "torch.dot(a, b)",
    plain = products },
  { "outer", bench = { "a 16, b 16", "a 512, b 2048" }, on = { "a 3, b 4", "a 0, b 4", "a 1, b 1", { "a 3 1, b 4",
    fails = "a must be a vector, not f32[3 x 1]" } },
    torch = "torch.outer(a, b)", plain = function(a, b) return product(transposed { a }, { b }) end },
  { "tensordot", bench = { "a 64 32 64, b 32 64 64" }, call = "tensordot(a, b)", on = { "a 2 3 4, b 3 4 5",
    "a 0 3 4, b 3 4 5", "a 1 1 1, b 1 1 1",
    { "a 2 3 4, b 4 3 5", fails = "dimension 2 of f32[2 x 3 x 4] and dimension 1 of f32[4 x 3 x 5] differ" } },
    torch = "torch.tensordot(a, b)", plain = function(a, b)
      local function flat(x)
        local out = {}
        for _, row in ipairs(x) do table.move(row, 1, #row, #out + 1, out) end
        return out
      end
      local rows = {}
      for i, x in ipairs(a) do rows[i] = flat(x) end
      return product(rows, flat(b))
    end, fails = { ["tensordot(a, b, { { 7 }, { 1 } })"] = "no dimension 7", ["tensordot(a, b, 4)"] = "no 4 dimensions",
      ["tensordot(a, b, 'x')"] = "two lists" } },
  { "tensordot", bench = false, call = "tensordot(a, b, { { 1, -1 }, { 2, 1 } })", on = { "a 3 2 4, b 4 3",
    "a 1 1 1, b 1 1" },
    torch = "torch.tensordot(a, b, ([0, 2], [1, 0]))", plain = function(a, b)
      local out = {}
      for j = 1, #a[1] do
        out[j] = 0
        for i = 1, #a do
          for k = 1, #b do out[j] = out[j] + a[i][j][k] * b[k][i] end
        end
      end
      return out
    end },
  { "linear", bench = false, call = "linear(x, w)", on = { "x 3 4, w 2 4", "x 0 4, w 2 4", "x 1 1, w 1 1",
    "x 2 3 4, w 5 4",
    "x 4, w 2 4",
    { "x 3 4, w 2 3", fails = "differ in their last dimension" } }, types = both, torch = "F.linear(x, w)",
    plain = function(x, w) return #x > 0 and products(x, transposed(w)) or {} end },
  { "linear", bench = { "x 4 4, w 4 4, b 4", "x 64 2048, w 512 2048, b 512", "x 64 129 64, w 128 64, b 128" },
    on = { "x 3 4, w 2 4, b 2", "x 1 1, w 1 1, b 1", "x 2 3 4, w 5 4, b 5", "x 0 4, w 2 4, b 2" },
    types = both,
    torch = "F.linear(x, w, b)", plain = function(x, w, b)
      local y = #x > 0 and products(x, transposed(w)) or {}
      local function add(rows)
        for i, row in ipairs(rows) do
          if type(row) == "table" then add(row) else rows[i] = row + b[i] end
        end
        return rows
      end
      return add(y)
    end },
  { "einsum", bench = { "a 4 4, b 4 4", "a 256 256, b 256 256" }, call = "einsum('ij,jk->ki', a, b)",
    on = { "a 2 3, b 3 4", "a 0 3, b 3 4", "a 1 1, b 1 1" },
    torch = "torch.einsum('ij,jk->ki', a, b)", plain = function(a, b) return transposed(product(a, b)) end, fails = {
      ["einsum('ij,jk->iz', a, b)"] = "the result names 'z', and no operand does, in \"ij,jk->iz\"",
      ["einsum('ij,ik', a, b)"] = "'i' is 3 long in operand 2, f32[3 x 4], and 2 elsewhere",
      ["einsum('ijk,jk', a, b)"] = "operand 1, f32[2 x 3], has 2 dimensions, and its subscripts 3",
      ["einsum('ij', a, b)"] = "subscripts for 1 operands, and 2 are given",
      ["einsum('i_,jk', a, b)"] = "'_' in the subscripts of operand 1 is no letter",
      ["einsum('ij,jk->ii', a, b)"] = "the result names 'i' twice", ["einsum('ii,jk', a, b)"] = "subscript 'i' differ",
      ["einsum('...i...,jk', a, b)"] = "two ellipses", ["einsum(a, b)"] = "the equation comes first" } },
  { "einsum", bench = { "a 256 256, b 256 256" }, call = "einsum('ij,ij->ij', a, b)", on = { "a 2 3, b 2 3",
    "a 1 1, b 1 1" },
    torch = "torch.einsum('ij,ij->ij', a, b)", each = function(a, b) return a * b end },
  { "einsum", bench = false, call = "einsum('ijij->ji', x)", on = { "x 2 3 2 3", "x 1 1 1 1" },
    torch = "torch.einsum('ijij->ji', x)", plain = function(x)
      local out = {}
      for j = 1, #x[1] do
        out[j] = {}
        for i = 1, #x do out[j][i] = x[i][j][i][j] end
      end
      return out
    end },
  { "einsum", bench = { "a 64 12 129 64, b 64 12 129 64" }, call = "einsum('bhqd,bhkd->bhqk', a, b)",
    on = { "a 2 2 3 4, b 2 2 2 4", "a 1 1 1 1, b 1 1 1 1",
    "a 2 0 3 4, b 2 0 2 4" }, torch = "torch.einsum('bhqd,bhkd->bhqk', a, b)", plain = function(a, b)
      local out = {}
      for i = 1, #a do
        out[i] = {}
        for h = 1, #a[i] do out[i][h] = product(a[i][h], transposed(b[i][h])) end
      end
      return out
    end },
  { "einsum", bench = { "a 64 129 64, b 128 64" }, call = "einsum('...ij,kj', a, b)", on = { "a 2 3, b 4 3",
    "a 5 2 3, b 4 3", "a 2 2 2 3, b 4 3" },
    torch = "torch.einsum('...ij,kj', a, b)", plain = function(a, b) return products(a, transposed(b)) end },
  { "einsum", bench = false, call = "einsum('ii,i', a, b)", on = { "a 3 3, b 3", "a 1 1, b 1", "a 0 0, b 0" },
    torch = "torch.einsum('ii,i', a, b)", plain = function(a, b)
      local sum = 0
      for i = 1, #b do sum = sum + a[i][i] * b[i] end
      return sum
    end },
  { "einsum", bench = false, call = "einsum('xij,xjk,kj->xi', a, b, c)", on = { "a 2 3 2, b 2 2 4, c 4 2",
    "a 1 1 1, b 1 1 1, c 1 1" },
    torch = "torch.einsum('xij,xjk,kj->xi', a, b, c)", near = 2, plain = function(a, b, c)
      local out = {}
      for x = 1, #a do
        out[x] = {}
        for i = 1, #a[x] do
          local sum = 0
          for j = 1, #c[1] do
            for k = 1, #c do sum = sum + a[x][i][j] * b[x][j][k] * c[k][j] end
          end
          out[x][i] = sum
        end
      end
      return out
    end },

  { "svd", bench = { "x 64 64", "x 32 8 8" }, call = "(function(u, s, vh) return s end)(svd(x))",
    name = "singular values", on = { "x 3 3", "x 5 3",
    "x 3 5", "x 1 1", "x 0 3", "x 3 0",
    "x 2 4 3", { "x 3", fails = "svd: x must be matrices" } }, types = both, near = 5,
    torch = "torch.linalg.svd(x, full_matrices=False)[1]", plain = each(singular_values),
    fails = { ["svd(x, 'all')"] = "boolean expected",
    ["svd(mul(x, 1 / 0))"] = "svd: the matrix holds a NaN or an infinity" } },
  { "svd", bench = false, call = "svd(detach(x))", name = "svd, square", grad = false, on = { "x 5 3", "x 3 5",
    "x 0 3", "x 2 0",
    "x 1 1", "x 2 3 3" },
    types = both, torch = "torch.linalg.svd(x)", holds = function(variables, u, s, vh)
      local x = variables.x
      local m, n = x:size(-2), x:size(-1)
      assert(u:size(-1) == m and u:size(-2) == m and vh:size(-1) == n and vh:size(-2) == n, "sizes")
      local k = math.min(m, n)
      if x:dim() ~= 2 then return end
      local middle, sizes = calr.tensor.zeros { m, n }, s:totable()
      for i = 1, k do middle:set(i, i, sizes[i]) end
      local tolerance = x:dtype() == "f64" and 1e-6 or 1e-5
      if x:numel() > 0 then assert(near(calr.matmul(calr.matmul(u, middle:to(x:dtype())), vh), x, tolerance)) end
      for _, q in ipairs { u, vh } do
        if q:numel() > 0 then
          local unit = calr.tensor(identity(q:size(1)), "f32"):to(q:dtype())
          assert(near(calr.matmul(q, q, { transpose_b = true }), unit, tolerance), "not orthogonal")
        end
      end
    end },
  -- a x of rank 2, from the first two singular vectors: x P, P projecting on the first two right ones
  { "svd", bench = false, call = "(function(u, s, v) return matmul(narrow(u, -1, 1, 2), narrow(v, -2, 1, 2)), s end)"
    .. "(svd(x, false))",
    name = "polar part of rank 2", on = { "x 4 3", "x 3 3", "x 3 5" }, types = both, near = 60,
    torch = "(lambda r: (r[0][..., :2] @ r[2][..., :2, :], r[1]))(torch.linalg.svd(x, full_matrices=False))",
    plain = function(x)
      local s = singular_values(x)
      local values, v = eigen(gram(x))
      local n, out = #v, {}
      for i = 1, #x do
        out[i] = {}
        for j = 1, n do
          out[i][j] = 0
          for k = n - 1, n do
            local along = 0
            for c = 1, n do along = along + x[i][c] * v[c][k] end
            out[i][j] = out[i][j] + along / math.sqrt(values[k]) * v[j][k]
          end
        end
      end
      return out, s
    end },
  { "eigh", bench = false, inner = "matmul", call = "eigh(matmul(detach(x), detach(x), { transpose_a = true }))",
    grad = false,
    name = "eigh", on = { "x 4 3", "x 1 1", "x 2 3 2" },
    types = both, torch = "torch.linalg.eigh(x.mT @ x)", holds = function(variables, w, v)
      local x = variables.x
      if x:dim() ~= 2 then return end
      local values, scaled = w:totable(), calr.tensor.zeros { #w:totable(), #w:totable() }
      for i, value in ipairs(values) do scaled:set(i, i, value) end
      local back = calr.matmul(calr.matmul(v, scaled:to(x:dtype())), v, { transpose_b = true })
      assert(near(back, calr.matmul(x, x, { transpose_a = true }), x:dtype() == "f64" and 1e-6 or 1e-5))
    end },
  { "eigh", bench = { "x 64 64", "x 32 8 8" }, inner = "matmul", call = "(eigh(matmul(x, x, { transpose_a = true })))",
    name = "eigenvalues",
    on = { "x 4 3", "x 2 3", "x 1 1",
    "x 0 2", "x 2 3 2" }, types = both, near = 10, torch = "torch.linalg.eigh(x.mT @ x)[0]", plain = function(x)
      if depth(x) > 2 then
        local out = {}
        for i, one in ipairs(x) do out[i] = eigen(gram(one)) end
        return out
      end
      return (eigen(#x > 0 and gram(x) or { { 0, 0 }, { 0, 0 } }))
    end, fails = { ["eigh(x)"] = "eigh: x must be square matrices",
    ["eigh(matmul(x, x, true), 'M')"] = "invalid option" } },
  -- only the triangle that is named is read
  { "eigh", bench = false, call = "(eigh(detach(x), { UPLO = 'U' }))", name = "upper", grad = false, on = { "x 3 3",
    "x 1 1" },
    types = both, near = 5,
    torch = "torch.linalg.eigh(x, UPLO='U')[0]", plain = function(x)
      for i = 1, #x do
        for j = 1, i - 1 do x[i][j] = x[j][i] end
      end
      return (eigen(x))
    end },
  { "eigh", bench = false, inner = "matmul",
    call = "(function(w, v) v = narrow(v, -1, 1, 2) return matmul(v, v, false, true) end)"
    .. "(eigh(matmul(x, x, { transpose_a = true })))", name = "projector on two eigenvectors", on = { "x 5 3",
    "x 4 4" },
    types = both, near = 30, torch = "(lambda v: v[..., :2] @ v[..., :2].mT)(torch.linalg.eigh(x.mT @ x)[1])",
    plain = function(x) return projector(gram(x), 2) end },
  { "qr", bench = { "x 64 64", "x 32 8 8" }, on = { "x 4 3", "x 3 3", "x 3 5", "x 1 1", "x 2 3 2" }, types = both,
    near = 10, torch = "torch.linalg.qr(x)",
    holds = rebuilds, fails = { ["qr(x, 'r')"] = "invalid option" } },
  { "qr", bench = false, call = "qr(detach(x), { mode = 'complete' })", on = { "x 4 2", "x 3 0", "x 2 2" },
    grad = false,
    name = "complete", types = both,
    torch = "torch.linalg.qr(x, mode='complete')", holds = rebuilds },
  { "qr", bench = false, call = "qr(x, 'complete')", on = { "x 3 3", "x 3 4" }, types = both, near = 10,
    name = "complete, wide",
    torch = "torch.linalg.qr(x, mode='complete')", holds = rebuilds },
  { "cholesky", bench = { "x 64 64", "x 32 8 8" }, inner = "matmul", call = "cholesky(" .. positive .. ")",
    on = { "x 3 5", "x 1 1", "x 0 2", "x 2 2 3" },
    types = both, near = 20,
    torch = "torch.linalg.cholesky(x @ x.mT)", plain = each(function(x) return cholesky(product(x, transposed(x))) end),
    fails = { ["cholesky(x)"] = "cholesky: x must be square matrices",
      ["cholesky(matmul(x, x, { transpose_b = true, scale = -1 }))"] = "is not positive definite (its first 1 row" } },
  { "inverse", bench = { "x 64 64", "x 32 8 8" }, on = { "x 3 3", "x 1 1", "x 0 0", "x 2 2 2", { "x 2 3",
    fails = "square matrices, [... x n x n]" } },
    types = both, near = 30, torch = "torch.inverse(x)", plain = each(inverse), with = { x = { -2, 2 } },
    fails = { ["inverse(mul(x, 0))"] = "inverse: the matrix is singular: it has no inverse" } },
  { "det", bench = { "x 64 64", "x 32 8 8" }, on = { "x 3 3", "x 1 1", "x 2 2 2", "x 4 4", { "x 2 3",
    fails = "square matrices" } }, types = both,
    near = 10,
    torch = "torch.det(x)", plain = each(det) },
  { "det", bench = false, name = "det of a singular matrix", on = { "x 3 3" }, types = both,
    with = { x = { values = { 1, 2, 3, 2, 4,
    6, 1, 0, 1 } } },
    torch = false, plain = function() return 0 end }, -- PyTorch's gradient is 0 there
  { "slogdet", bench = { "x 64 64", "x 32 8 8" }, on = { "x 3 3", "x 1 1", "x 2 2 2", { "x 2 3",
    fails = "square matrices" } }, types = both, near = 10,
    torch = "torch.linalg.slogdet(x)", plain = function(x)
      local signs, logs = {}, {}
      for i, one in ipairs(depth(x) > 2 and x or { x }) do
        local value = det(one)
        signs[i], logs[i] = value < 0 and -1 or 1, math.log(math.abs(value))
      end
      return signs, logs
    end },
  { "solve", bench = { "a 64 64, b 64 64", "a 32 8 8, b 32 8 8" }, on = { "a 3 3, b 3 2", "a 3 3, b 3", "a 1 1, b 1 1",
    "a 2 3 3, b 2 3 1", "a 2 3 3, b 3 2",
    "a 3 3, b 2 3 2",
    { "a 3 3, b 2 2", fails = "solve: a, f32[3 x 3], and b, f32[2 x 2], do not fit" },
    { "a 2 3, b 2 2", fails = "a must be square matrices" }, { "a 2 3 3, b 4 3 1",
    fails = "solve: before the matrices" } },
    types = both, near = 30, torch = "torch.linalg.solve(a, b)", plain = function(a, b)
      local function one(x, y)
        if type(y[1]) == "number" then return transposed((solve(x, transposed { y })))[1] end
        return (solve(x, y))
      end
      if depth(a) == 2 and depth(b) <= 2 then return one(a, b) end
      local out = {}
      for i = 1, 2 do out[i] = one(depth(a) > 2 and a[i] or a, depth(b) > 2 and b[i] or b) end
      return out
    end, fails = { ["solve(mul(a, 0), b)"] = "solve: the matrix is singular" } },
  { "solve", bench = false, call = "solve(a, b)", name = "solve a vector for each", on = { "a 2 3 3, b 2 3",
    "a 0 3 3, b 0 3",
    "a 1 1 1, b 1 1" },
    types = both, near = 30, torch = "torch.linalg.solve(a, b)", plain = function(a, b)
      local out = {}
      for i = 1, #a do out[i] = transposed((solve(a[i], transposed { b[i] })))[1] end
      return out
    end },
  { "solve_triangular", bench = { "a 64 64, b 64 64", "a 32 8 8, b 32 8 8" }, call = "solve_triangular(a, b, false)",
    on = { "a 3 3, b 3 2", "a 1 1, b 1 1", "a 2 3 3, b 3 1",
    "a 3 3, b 3 0" }, types = both, near = 30, torch = "torch.linalg.solve_triangular(a, b, upper=False)",
    plain = function(a, b)
      local function one(x)
        for i = 1, #x do
          for j = i + 1, #x do x[i][j] = 0 end
        end
        return (solve(x, b))
      end
      if depth(a) == 2 then return #b[1] > 0 and one(a) or {} end
      return { one(a[1]), one(a[2]) }
    end, fails = { ["solve_triangular(a, b)"] = "whether a is upper triangular",
      ["solve_triangular(mul(a, 0), b, true)"] = "the matrix is singular" } },
  { "solve_triangular", bench = false, call = "solve_triangular(a, b, { upper = true, unitriangular = true })",
    on = { "a 3 3, b 3 2" },
    types = both, near = 30, torch = "torch.linalg.solve_triangular(a, b, upper=True, unitriangular=True)",
    plain = function(a, b)
      for i = 1, #a do
        for j = 1, i do a[i][j] = i == j and 1 or 0 end
      end
      return (solve(a, b))
    end },
  { "pinverse", bench = { "x 64 64", "x 32 8 8" }, on = { "x 4 3", "x 2 3", "x 3 3", "x 1 1", "x 0 2", "x 2 3 2" },
    types = both, near = 30,
    torch = "torch.pinverse(x)", plain = each(function(x)
      local m, n = #x, #(x[1] or {})
      if m == 0 then return {} end
      if m < n then return product(transposed(x), inverse(product(x, transposed(x)))) end
      return product(inverse(gram(x)), transposed(x))
    end), fails = { ["pinverse(x, -1)"] = "0 or more" } },
  { "pinverse", bench = false, call = "pinverse(detach(x))", name = "pinverse, rank 1", on = { "x 3 2" },
    with = { x = { values = { 1,
    2, 2, 4, 3, 6 } } }, types = both,
    torch = "torch.pinverse(x)", plain = function(x)
      local y = transposed(x)
      for _, row in ipairs(y) do
        for i, value in ipairs(row) do row[i] = value / 70 end
      end
      return y
    end, grad = false },
  { "lstsq", bench = { "a 64 16, b 64 4" }, on = { "a 5 3, b 5 2", "a 5 3, b 5", "a 1 1, b 1 1", "a 2 4 2, b 2 4 1" },
    types = both, near = 30,
    torch = "torch.pinverse(a) @ b", plain = each(function(a, b)
      local one = type(b[1]) == "number"
      if one then b = transposed { b } end
      local x = (solve(gram(a), product(transposed(a), b)))
      return one and transposed(x)[1] or x
    end) },
  { "cdist", bench = { "a 4 4, b 4 4", "a 64 2048, b 64 2048", "a 512 64, b 512 64" },
    on = { "a 3 4, b 2 4", "a 0 4, b 2 4", "a 1 1, b 1 1", "a 2 3 4, b 2 5 4", "a 70 5, b 9 5", "a 3 70, b 2 70",
      "a 5 11, b 10 11",
      { "a 3 4, b 2 3", fails = "cdist: x1, f32[3 x 4], and x2, f32[2 x 3], do not fit" },
      { "a 3, b 3 3", fails = "x1 must be matrices" } }, types = both, torch = "torch.cdist(a, b)",
      plain = distances(2),
    fails = { ["cdist(a, b, -1)"] = "p must be 0 or more, not -1" } },
  { "cdist", bench = { "a 64 512, b 64 512" }, call = "cdist(a, b, 1)", on = { "a 3 4, b 2 4", "a 1 1, b 1 1",
    "a 2 3 4, b 2 5 4" },
    types = both, torch = "torch.cdist(a, b, p=1)", plain = distances(1) },
  { "cdist", bench = false, call = "cdist(a, b, { p = math.huge })", on = { "a 3 4, b 2 4", "a 1 1, b 1 1" },
    types = both,
    torch = "torch.cdist(a, b, p=math.inf)", plain = distances(math.huge) },
  { "cdist", bench = false, call = "cdist(a, b, 3)", on = { "a 3 4, b 2 4", "a 1 1, b 1 1", "a 2 3 4, b 2 5 4" },
    types = both,
    torch = "torch.cdist(a, b, p=3)", plain = distances(3) },
  { "cdist", bench = false, call = "cdist(detach(a), detach(b), 0)", on = { "a 3 4, b 2 4" }, types = both,
    grad = false,
    with = { b = { values = { 1, 0, 2, 1, 0, .5, 1, 1 } }, a = { values = { 1, 0, 1, 1, 0, .5, 1, 1, 2, 2, 2, 2 } } },
    torch = "torch.cdist(a, b, p=0)", plain = distances(0) },
  -- equal rows: at exactly 0, with gradient 0
  { "cdist", bench = false, call = "cdist(detach(a), detach(a))", name = "equal rows", on = { "a 3 3" }, types = both,
    grad = false,
    torch = false, holds = function(variables, y)
      local a = variables.a:detach():requires_grad(true)
      calr.cdist(a, a:detach()):backward(y)
      assert(y:get(2, 2) == 0 and near(y, y:t(), 0), "not symmetric, or not 0")
      for _, row in ipairs(a:grad():totable()) do
        for _, value in ipairs(row) do assert(value == value, "NaN") end
      end
    end },
})
