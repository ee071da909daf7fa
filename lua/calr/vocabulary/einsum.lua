--- @module calr.vocabulary.einsum
--- Sums of products in Einstein's notation.

local tensor = require "calr.tensor"

local einsum = {}

local MOST = 6 -- dimensions of a tensor
local takes = { f32 = true, f64 = true, bf16 = true }

-- ---- the equation ----

-- Raised by what follows; calr.einsum adds the equation.
local function fail(message, ...)
  error({ message:format(...) })
end

-- The subscripts of one operand, or of the result: a list of letters, with "..." as one of them.
local function subscripts(text, what)
  local list, dots, at = {}, false, 1
  while at <= #text do
    local letter = text:sub(at, at)
    if text:sub(at, at + 2) == "..." then
      if dots then fail("%s has two ellipses", what) end
      dots, letter = true, "..."
    elseif not letter:match "%a" then
      fail("'%s' in %s is no letter", letter, what)
    end
    list[#list + 1] = letter
    at = at + #letter
  end
  return list
end

-- { { "i", "j" }, { "j", "k" }, result = { "i", "k" } or nil }
local function parse(equation)
  local text = equation:gsub("%s", "")
  local left, right = text, nil
  local arrow = text:find("->", 1, true)
  if arrow then left, right = text:sub(1, arrow - 1), text:sub(arrow + 2) end
  local terms = {}
  for term in (left .. ","):gmatch "([^,]*)," do
    terms[#terms + 1] = subscripts(term, "the subscripts of operand " .. #terms + 1)
  end
  terms.result = right and subscripts(right, "the result")
  return terms
end

-- Equations are few, and used again and again.
local parsed, parsed_count = {}, 0

local function terms_of(equation)
  local terms = parsed[equation]
  if not terms then
    terms = parse(equation)
    if parsed_count == 256 then parsed, parsed_count = {}, 0 end
    parsed[equation], parsed_count = terms, parsed_count + 1
  end
  return terms
end

-- ---- labels ---- of dimensions: letters, and ".1", ".2", ... for what an ellipsis stands for, from its last on

local function label_operand(term, x, number)
  local named, labels = #term, {}
  for _, letter in ipairs(term) do
    if letter == "..." then named = named - 1 end
  end
  local hidden = x:dim() - named
  if hidden < 0 or (hidden > 0 and named == #term) then
    fail("operand %d, %s, has %d dimensions, and its subscripts %d", number, x, x:dim(), named)
  end
  for _, letter in ipairs(term) do
    if letter == "..." then
      for i = hidden, 1, -1 do labels[#labels + 1] = "." .. i end
    else
      labels[#labels + 1] = letter
    end
  end
  return labels
end

-- The diagonal where a letter is named twice.
local function without_repetition(x, labels, number)
  local at = 1
  while at <= #labels do
    local first
    for i = 1, at - 1 do
      if labels[i] == labels[at] then first = i end
    end
    if first then
      local letter = labels[at]
      if x:size(first) ~= x:size(at) then
        fail("the dimensions of operand %d, %s, with the subscript '%s' differ", number, x, letter)
      end
      x = x:diagonal(0, first, at)
      table.remove(labels, at)
      table.remove(labels, first)
      labels[#labels + 1] = letter -- the diagonal comes last
      at = 1
    else
      at = at + 1
    end
  end
  return x
end

-- The operands as { x =, labels = }, and the length of each label.
local function prepare(terms, given)
  local operands, sizes = {}, {}
  for number, x in ipairs(given) do
    local labels = label_operand(terms[number], x, number)
    x = without_repetition(x, labels, number)
    operands[number] = { x = x, labels = labels }
    for i, label in ipairs(labels) do
      local size, known = x:size(i), sizes[label]
      if known and known ~= size and known ~= 1 and size ~= 1 then
        fail("'%s' is %d long in operand %d, %s, and %d elsewhere", label:gsub("%..*", "..."), size, number, x, known)
      end
      if not known or known == 1 then sizes[label] = size end
    end
  end
  -- a dimension of length 1 that is repeated elsewhere counts as none
  for _, operand in ipairs(operands) do
    for i = #operand.labels, 1, -1 do
      if operand.x:size(i) == 1 and sizes[operand.labels[i]] ~= 1 then
        operand.x = operand.x:squeeze(i)
        table.remove(operand.labels, i)
      end
    end
  end
  return operands, sizes
end

-- The labels of the result. Where none are given: what the ellipses stand for, then all letters that are named once.
local function result_labels(terms, sizes)
  local dots = 0
  for label in pairs(sizes) do dots = math.max(dots, math.tointeger(label:match "^%.(%d+)$") or 0) end
  local labels, seen = {}, {}
  local function add_dots()
    for i = dots, 1, -1 do labels[#labels + 1] = "." .. i end
  end
  if not terms.result then
    local times, letters = {}, {}
    for _, term in ipairs(terms) do
      for _, letter in ipairs(term) do times[letter] = (times[letter] or 0) + 1 end
    end
    for letter, count in pairs(times) do
      if count == 1 and letter ~= "..." then letters[#letters + 1] = letter end
    end
    table.sort(letters)
    add_dots()
    return table.move(letters, 1, #letters, #labels + 1, labels)
  end
  for _, letter in ipairs(terms.result) do
    if seen[letter] then fail("the result names '%s' twice", letter) end
    seen[letter] = true
    if letter == "..." then
      add_dots()
    elseif sizes[letter] then
      labels[#labels + 1] = letter
    else
      fail("the result names '%s', and no operand does", letter)
    end
  end
  return labels
end

-- ---- the sum ----

local function set_of(labels)
  local set = {}
  for i, label in ipairs(labels) do set[label] = i end
  return set
end

-- Sums over the labels of an operand that nothing later needs.
local function sum_out(operand, needed)
  for i = #operand.labels, 1, -1 do
    if not needed[operand.labels[i]] then
      operand.x = operand.x:sum(i)
      table.remove(operand.labels, i)
    end
  end
end

-- x with its dimensions in the order of `labels`.
local function arrange(operand, labels)
  local at, order = set_of(operand.labels), {}
  local same = true
  for i, label in ipairs(labels) do
    order[i] = at[label]
    same = same and order[i] == i
  end
  return same and operand.x or operand.x:permute(order)
end

local function lengths(labels, sizes)
  local list, product = {}, 1
  for i, label in ipairs(labels) do
    list[i] = sizes[label]
    product = product * sizes[label]
  end
  return list, product
end

local function concat(...)
  local all = {}
  for _, list in ipairs { ... } do table.move(list, 1, #list, #all + 1, all) end
  return all
end

-- Element by element, where nothing is summed over.
local function multiply(a, b, shared, left, right)
  local x = arrange(a, concat(shared, left))
  for _ = 1, #right do x = x:unsqueeze(-1) end
  local y = arrange(b, concat(shared, right))
  for _ = 1, #left do y = y:unsqueeze(#shared + 1) end
  return { x = x * y, labels = concat(shared, left, right) }
end

-- One product of two operands, over all labels that nothing later needs.
local function contract(a, b, needed, sizes)
  local shared, inner, left, right = {}, {}, {}, {}
  local in_a, in_b = set_of(a.labels), set_of(b.labels)
  for _, label in ipairs(a.labels) do
    local list = not in_b[label] and left or needed[label] and shared or inner
    list[#list + 1] = label
  end
  for _, label in ipairs(b.labels) do
    if not in_a[label] then right[#right + 1] = label end
  end
  if #inner == 0 then return multiply(a, b, shared, left, right) end
  local grid, count = lengths(shared, sizes)
  if #grid + 2 > MOST then grid = { count } end
  local rows, m = lengths(left, sizes)
  local columns, n = lengths(right, sizes)
  local _, k = lengths(inner, sizes)
  local x, y = arrange(a, concat(shared, left, inner)), arrange(b, concat(shared, inner, right))
  if #left ~= 1 or #inner ~= 1 or #grid ~= #shared then x = x:reshape(concat(grid, { m, k })) end
  if #right ~= 1 or #inner ~= 1 or #grid ~= #shared then y = y:reshape(concat(grid, { k, n })) end
  local z = tensor.matmul(x, y)
  if #left ~= 1 or #right ~= 1 or #grid ~= #shared then
    z = z:reshape(concat((lengths(shared, sizes)), rows, columns))
  end
  return { x = z, labels = concat(shared, left, right) }
end

local function evaluate(equation, given)
  local terms = terms_of(equation)
  if #terms ~= #given then
    local are = #given == 1 and "is" or "are"
    fail("there are subscripts for %d operands, and %d %s given", #terms, #given, are)
  end
  local operands, sizes = prepare(terms, given)
  local result = result_labels(terms, sizes)
  -- what the result or an operand from number i on names
  local needed = { [#operands + 1] = set_of(result) }
  for i = #operands, 1, -1 do
    needed[i] = setmetatable(set_of(operands[i].labels), { __index = needed[i + 1] })
  end
  local sum = operands[1]
  sum_out(sum, needed[2])
  for i = 2, #operands do
    local alone = setmetatable(set_of(sum.labels), { __index = needed[i + 1] })
    sum_out(operands[i], alone)
    sum = contract(sum, operands[i], needed[i + 1], sizes)
  end
  return arrange(sum, result)
end

--- calr.einsum(equation, ...)
--- Sums of products in Einstein's notation, as torch.einsum: a letter for each dimension of each operand; what is
--- summed over is not in the result. Operands are multiplied from left to right, each two by calr.matmul.
---
--- * "ij,jk->ik" is a matrix product, "bhqd,bhkd->bhqk" the scores of an attention, "ii->i" a diagonal, "ij->" a sum.
--- * Without "->": the result has the letters that are named once, sorted.
--- * "...": any number of dimensions, those of several operands aligned at their last; "...ij,...jk->...ik".
--- * Dimensions of length 1 are repeated.
--- @param equation  string
--- @param ...  tensors, or one list of them
--- @return tensor
function einsum.einsum(equation, ...)
  local given = { ... }
  if #given == 1 and type(given[1]) == "table" then given = given[1] end
  if type(equation) ~= "string" then
    error("calr.einsum: the equation comes first, as text: calr.einsum(\"ij,jk->ik\", a, b)", 2)
  end
  for i, x in ipairs(given) do
    if not tensor.is(x) or not takes[x:dtype()] then
      error(("calr.einsum: operand %d must be a tensor in f32, f64 or bf16, not %s"):format(i, tostring(x)), 2)
    end
  end
  local ok, result = pcall(evaluate, equation, given)
  if ok then return result end
  if type(result) == "table" and type(result[1]) == "string" then
    error(("calr.einsum: %s, in \"%s\""):format(result[1], equation), 2)
  end
  error(result, 0)
end

return einsum
