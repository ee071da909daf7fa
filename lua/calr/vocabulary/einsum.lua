--- @module calr.vocabulary.einsum
--- Sums of products in Einstein's notation.

-- What an equation means for operands of given sizes is found out once, on stand-ins that record what is to be called;
-- a call with sizes seen before only does these calls.

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

-- ---- plans ---- the calls that an equation takes: functions from the list of operands and earlier results to the next

-- A tensor that is yet to come: its place in that list, and its lengths as far as they are asked for.
local Later = {}
Later.__index = Later
Later.__tostring = function(self) return self.text end

local function later(plan, at, shape, text)
  return setmetatable({ plan = plan, at = at, shape = shape, text = text }, Later)
end

-- The result of one more call.
local function add(plan, call, shape)
  plan[#plan + 1] = call
  return later(plan, plan.given + #plan, shape)
end

function Later:dim() return #self.shape end
function Later:size(i) return self.shape[i] end

function Later:diagonal(first, last)
  local at, shape = self.at, { table.unpack(self.shape) }
  local length = table.remove(shape, last)
  table.remove(shape, first)
  shape[#shape + 1] = length
  return add(self.plan, function(values) return values[at]:diagonal(0, first, last) end, shape)
end

function Later:squeeze(i)
  local at, shape = self.at, { table.unpack(self.shape) }
  table.remove(shape, i)
  return add(self.plan, function(values) return values[at]:squeeze(i) end, shape)
end

-- The lengths of these results are not asked for.
for _, name in ipairs { "sum", "permute", "unsqueeze", "reshape" } do
  Later[name] = function(self, how)
    local at = self.at
    return add(self.plan, function(values) return values[at][name](values[at], how) end)
  end
end

function Later:times(other)
  local a, b = self.at, other.at
  return add(self.plan, function(values) return values[a] * values[b] end)
end

function Later:matmul(other)
  local a, b = self.at, other.at
  return add(self.plan, function(values) return tensor.matmul(values[a], values[b]) end)
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
      x = x:diagonal(first, at)
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
local function prepare(plan, terms, given)
  local operands, sizes = {}, {}
  for number, tensor_given in ipairs(given) do
    local x = later(plan, number, tensor_given:shape(), tostring(tensor_given))
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
  return { x = x:times(y), labels = concat(shared, left, right) }
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
  local z = x:matmul(y)
  if #left ~= 1 or #right ~= 1 or #grid ~= #shared then
    z = z:reshape(concat((lengths(shared, sizes)), rows, columns))
  end
  return { x = z, labels = concat(shared, left, right) }
end

local function make_plan(equation, given)
  local terms = parse(equation)
  if #terms ~= #given then
    local are = #given == 1 and "is" or "are"
    fail("there are subscripts for %d operands, and %d %s given", #terms, #given, are)
  end
  local plan = { given = #given }
  local operands, sizes = prepare(plan, terms, given)
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
  plan.result = arrange(sum, result).at
  return plan
end

-- Plans by equation, and by the number of dimensions and the lengths of each operand, one level a number: a key made of
-- text would take longer than a product of small matrices.
local plans, plan_count = {}, 0
local MOST_PLANS = 256

local function find_plan(equation, given)
  local node = plans[equation]
  for i = 1, #given do
    local x = given[i]
    local dims = x:dim()
    node = node and node[dims]
    for d = 1, dims do node = node and node[x:size(d)] end
  end
  return node and node.plan
end

local function keep_plan(equation, given, plan)
  if plan_count == MOST_PLANS then plans, plan_count = {}, 0 end
  local node = plans
  local function step(key)
    node[key] = node[key] or {}
    node = node[key]
  end
  step(equation)
  for _, x in ipairs(given) do
    step(x:dim())
    for d = 1, x:dim() do step(x:size(d)) end
  end
  node.plan, plan_count = plan, plan_count + 1
end

local function evaluate(equation, given)
  local plan = find_plan(equation, given)
  if not plan then
    plan = make_plan(equation, given)
    keep_plan(equation, given, plan)
  end
  local values = table.move(given, 1, #given, 1, {})
  for i = 1, #plan do values[#values + 1] = plan[i](values) end
  return values[plan.result]
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
  local given, count = { ... }, select("#", ...) -- a nil among them is counted, and named below
  if count == 1 and type(given[1]) == "table" then
    given = given[1]
    count = #given
  end
  if type(equation) ~= "string" then
    error("calr.einsum: the equation comes first, as text: calr.einsum(\"ij,jk->ik\", a, b)", 2)
  end
  for i = 1, count do
    local x = given[i]
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
