--- @module calr.lab.study.sampler.eigen
--- Eigenvalues of small symmetric matrices.

--- calr.lab.study.sampler.eigen(matrix)
--- Eigenvalues and eigenvectors by Jacobi's cyclic rotations (Golub and Van Loan, Matrix Computations, 8.5): exact to
--- rounding, and fast enough up to some dozens of rows.
--- @param matrix  list of n lists of n numbers, symmetric; left as it is
--- @return table, table  list of the n eigenvalues, in no particular order; vectors[i][k] is component i of vector k
return function(matrix)
  local n, a, v = #matrix, {}, {}
  local size = 0
  for i = 1, n do
    a[i], v[i] = table.move(matrix[i], 1, n, 1, {}), {}
    for j = 1, n do
      v[i][j] = i == j and 1.0 or 0.0
      size = size + a[i][j] ^ 2
    end
  end
  for _ = 1, 60 do
    local off = 0
    for i = 1, n do
      for j = i + 1, n do off = off + a[i][j] ^ 2 end
    end
    if not (off > 1e-30 * size) then break end
    for p = 1, n - 1 do
      for q = p + 1, n do
        if a[p][q] ~= 0 then
          local theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
          local t = 1 / (math.abs(theta) + math.sqrt(theta * theta + 1))
          if theta < 0 then t = -t end
          local c = 1 / math.sqrt(t * t + 1)
          local s = t * c
          for k = 1, n do
            local row = a[k]
            row[p], row[q] = c * row[p] - s * row[q], s * row[p] + c * row[q]
            row = v[k]
            row[p], row[q] = c * row[p] - s * row[q], s * row[p] + c * row[q]
          end
          local ap, aq = a[p], a[q]
          for k = 1, n do ap[k], aq[k] = c * ap[k] - s * aq[k], s * ap[k] + c * aq[k] end
        end
      end
    end
  end
  local values = {}
  for i = 1, n do values[i] = a[i][i] end
  return values, v
end
