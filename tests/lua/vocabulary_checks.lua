-- What test_vocabulary.lua does with a row of tests/lua/vocabulary (vocabulary.lua describes rows).
local calr = require "calr"
local check = require "check"
local vocabulary = require "vocabulary"

local checks = {}

-- Relative errors allowed in a type; integers and bools are exact.
local tolerances = { f64 = 1e-10, f32 = 1e-5, bf16 = 8e-3, f16 = 2e-3 }
local special = { nan = 0 / 0, inf = 1 / 0, ["-inf"] = -1 / 0 }

-- ---- values ----

local function flatten(value, out)
  if type(value) == "table" then
    for _, item in ipairs(value) do flatten(item, out) end
  else
    out[#out + 1] = value == true and 1 or value == false and 0 or special[value] or value
  end
  return out
end

-- The elements of a tensor as numbers, or the one value of anything else.
local function elements(value)
  if calr.tensor.is(value) then value = value:totable() end
  return flatten(type(value) == "table" and value or { value }, {})
end

local function dtype_of(value)
  return calr.tensor.is(value) and value:dtype() or nil
end

local function shape_text(shape)
  return table.concat(shape, " x ")
end

local function compare(actual, expected, tolerance, where)
  local a, b = elements(actual), flatten(expected, {})
  check.equal(#a, #b, where .. ": elements")
  for i = 1, #a do
    local x, y = a[i], b[i]
    if type(x) ~= "number" or type(y) ~= "number" then
      check.equal(x, y, where)
    elseif x ~= y and (x == x or y == y) and not (math.abs(x - y) <= tolerance * math.max(1, math.abs(y))) then
      error(("%s: element %d is %.10g, not %.10g"):format(where, i, x, y), 0)
    end
  end
  check.ok(true)
end

local function tolerance_of(row, ...)
  local most = 0
  for _, dtype in ipairs { ... } do most = math.max(most, tolerances[dtype] or 0) end
  return most * (row.near or 1)
end

local function same(a, b, where)
  check.equal(#a, #b, where .. ": results")
  for i = 1, #a do
    if calr.tensor.is(a[i]) then
      check.equal(tostring(b[i]), tostring(a[i]), where)
      local x, y = elements(a[i]), elements(b[i])
      for k = 1, #x do
        if x[k] ~= y[k] and (x[k] == x[k] or y[k] == y[k]) then
          error(("%s: element %d is %.10g, not %.10g"):format(where, k, y[k], x[k]), 0)
        end
      end
    else
      check.equal(b[i], a[i], where)
    end
  end
  check.ok(true)
end

-- ---- plain references ----

-- Applies fn to numbers, shapes broadcast; the elements in order.
local function map(fn, set, variables)
  local ndim, shape = 0, {}
  for _, input in ipairs(set.inputs) do ndim = math.max(ndim, #input.shape) end
  for d = 1, ndim do
    shape[d] = 1
    for _, input in ipairs(set.inputs) do
      local size = input.shape[d - ndim + #input.shape]
      if size and size ~= 1 then shape[d] = size end
    end
  end
  local flat, out, index = {}, {}, {}
  for i, input in ipairs(set.inputs) do flat[i] = elements(variables[input.name]) end
  local function walk(d)
    if d <= ndim then
      for i = 1, shape[d] do
        index[d] = i
        walk(d + 1)
      end
      return
    end
    local given = {}
    for i, input in ipairs(set.inputs) do
      local at = 0
      for k, size in ipairs(input.shape) do
        at = at * size + (size == 1 and 0 or index[k + ndim - #input.shape] - 1)
      end
      given[i] = flat[i][at + 1]
    end
    out[#out + 1] = fn(table.unpack(given))
  end
  walk(1)
  return out
end

-- Nested tables of numbers, 0 and 1 for bools.
local function plain_table(value)
  if type(value) == "table" then
    local out = {}
    for i, item in ipairs(value) do out[i] = plain_table(item) end
    return out
  end
  return value == true and 1 or value == false and 0 or value
end

local function reference(row, set, variables)
  if row.each then return { map(row.each, set, variables) } end
  local given = {}
  for i, input in ipairs(set.inputs) do given[i] = plain_table(variables[input.name]:totable()) end
  return { row.plain(table.unpack(given, 1, #set.inputs)) }
end

-- ---- one set of inputs ----

local function check_reference(row, set, variables, results, dtype)
  if row.holds then return row.holds(variables, table.unpack(results)) end
  for i, expected in ipairs(reference(row, set, variables)) do
    expected = flatten(expected, {})
    local got = dtype_of(results[i])
    if got == "u8" then
      for k, value in ipairs(expected) do expected[k] = value % 256 end
    end
    compare(results[i], expected, tolerance_of(row, dtype, got), ("result %d against the plain reference"):format(i))
  end
end

local function check_golden(row, id, results, golden, dtype)
  local answer = golden.answers[id]
  if not row.torch then return nil end
  if not answer or answer.key ~= golden.keys[id] then
    error(("no golden value for \"%s\": run tests/reference/vocabulary/make.py build/calr %s"):format(id,
      row.family), 0)
  end
  if answer.error then return nil end
  if row.holds then return answer end
  check.equal(#results, #answer.y, "results")
  for i, expected in ipairs(answer.y) do
    if calr.tensor.is(results[i]) then
      check.equal(shape_text(results[i]:shape()), shape_text(expected.shape), "shape")
      local wanted = i == 1 and row.result and row.result[dtype] or expected.type
      check.equal(results[i]:dtype(), wanted, "type of result " .. i)
    end
    -- The golden values have ten digits.
    compare(results[i], expected.values, math.max(1e-9, tolerance_of(row, dtype, expected.type, dtype_of(results[i]))),
      ("result %d against PyTorch"):format(i))
  end
  return answer
end

-- dy of a result, as make.py has it.
local function cotangent(y, k)
  local values = {}
  for i = 1, y:numel() do values[i] = ((7 * (i - 1) + 3 * k + 3) % 11 - 5) / 4 end
  return vocabulary.tensor(values, y:dtype(), y:shape())
end

-- The backward pass of sum(y dy) over all results; false where none has a gradient.
local function follow_back(results)
  local some = {}
  for i, y in ipairs(results) do
    if calr.tensor.is(y) and y:requires_grad() then some[#some + 1] = { y, cotangent(y, i - 1) } end
  end
  for i, pair in ipairs(some) do pair[1]:backward(pair[2], { retain_graph = i < #some }) end
  return #some > 0
end

-- sum(y dy) as a number, added up here.
local function total_number(row, variables)
  local sum = 0
  for i, y in ipairs(vocabulary.evaluate(row, variables)) do
    if calr.tensor.is(y) and vocabulary.has_gradient[y:dtype()] then
      for k, value in ipairs(elements(y)) do sum = sum + value * ((7 * (k - 1) + 3 * (i - 1) + 3) % 11 - 5) / 4 end
    end
  end
  return sum
end

-- Inputs with requires_grad; the gradients by name, 0 where there is none.
local function gradients(row, set, dtype)
  local variables, grads = vocabulary.inputs(row, set, dtype), {}
  for _, x in pairs(variables) do
    if vocabulary.has_gradient[x:dtype()] then x:requires_grad(true) end
  end
  check.ok(follow_back(vocabulary.evaluate(row, variables)),
    "the result has no gradient; rows without one say grad = false")
  for name, x in pairs(variables) do
    if x:requires_grad() then grads[name] = x:grad() or calr.tensor.zeros(x:shape(), x:dtype()) end
  end
  return grads, variables
end

-- Central differences, by two steps. Where the slopes to the two sides differ there is a kink: nothing to compare.
local function check_differences(row, set, dtype)
  local grads, variables = gradients(row, set, dtype)
  local step = dtype == "f64" and 1e-4 or 1e-2
  local tolerance = (dtype == "f64" and 1e-6 or 1e-2) * (row.near or 1)
  local plain, looked, kinks = {}, 0, 0
  for name, x in pairs(variables) do plain[name] = x:detach() end
  for name, grad in pairs(grads) do
    local want, values, shape = elements(grad), elements(plain[name]), plain[name]:shape()
    check.equal(grad:dtype(), plain[name]:dtype(), "type of d" .. name)
    local function at(i, shift)
      local moved = table.move(values, 1, #values, 1, {})
      moved[i] = moved[i] + shift
      local t = calr.tensor(moved, plain[name]:dtype()):reshape(shape)
      return total_number(row, setmetatable({ [name] = t }, { __index = plain }))
    end
    for i = 1, #want, math.max(1, #want // 8) do
      local up, down, here = at(i, step), at(i, -step), at(i, 0)
      local fine = (at(i, step / 2) - at(i, -step / 2)) / step
      local best = (4 * fine - (up - down) / (2 * step)) / 3
      local scale = math.max(1, math.abs(want[i]))
      looked = looked + 1
      if math.abs(best - want[i]) > tolerance * scale then
        if math.abs((up - here) - (here - down)) / step > 0.02 * scale then
          kinks = kinks + 1
        else
          error(("d%s, element %d: differences give %.8g, backward %.8g"):format(name, i, best, want[i]), 0)
        end
      end
    end
  end
  check.ok(kinks <= looked / 3, ("%d kinks among %d elements"):format(kinks, looked))
end

-- The same numbers, not in order in memory.
local function strided(t)
  if t:numel() < 2 then return t end
  if t:dim() == 1 then
    local wide = calr.tensor.zeros({ t:size(1), 2 }, t:dtype())
    return wide:select(2, 2):copy(t)
  end
  return t:transpose(1, -1):contiguous():transpose(1, -1)
end

local function check_strided(row, set, dtype, results)
  local variables = vocabulary.inputs(row, set, dtype)
  for name, t in pairs(variables) do variables[name] = strided(t) end
  local other = vocabulary.evaluate(row, variables)
  for i = 1, #results do
    if not row.holds then
      compare(other[i], elements(results[i]), tolerance_of(row, dtype), ("result %d of strided inputs"):format(i))
    end
  end
end

-- The same call as a method, and in place where the word has that form.
local function check_forms(row, set, dtype, results)
  local function as_method(name)
    local fn = vocabulary.find(name)
    if name ~= row.word or not fn then return fn end
    return function(first, ...)
      if not calr.tensor.is(first) then return fn(first, ...) end
      local method = getmetatable(first).methods[name]
      if method == nil then return fn(first, ...) end
      return first[name](first, ...)
    end
  end
  same(results, vocabulary.evaluate(row, vocabulary.inputs(row, set, dtype), as_method), "as a method")
  local in_place = vocabulary.find(row.word .. "_")
  local variables = vocabulary.inputs(row, set, dtype)
  local first = variables[set.inputs[1].name]
  if not in_place or tostring(first) ~= tostring(results[1]) then return end
  local called
  local other = vocabulary.evaluate(row, variables, function(name)
    if name ~= row.word then return vocabulary.find(name) end
    return function(x, ...)
      called = x
      return in_place(x, ...)
    end
  end)
  if called then
    same({ results[1] }, { other[1] }, "in place")
    same({ results[1] }, { called }, "in place")
  end
end

local function check_untouched(row, set, dtype, variables)
  for name, fresh in pairs(vocabulary.inputs(row, set, dtype)) do
    same({ fresh }, { variables[name] }, "input " .. name .. " afterwards")
  end
end

local function check_set(row, set, golden)
  local dtype = vocabulary.first_type(row)
  local variables = vocabulary.inputs(row, set, dtype)
  if set.fails then
    check.fails(set.fails, vocabulary.evaluate, row, variables)
    return
  end
  local results = vocabulary.evaluate(row, variables)
  check_reference(row, set, variables, results, dtype)
  local answer = check_golden(row, vocabulary.id(row, set), results, golden, dtype)
  check_untouched(row, set, dtype, variables)
  check_strided(row, set, dtype, results)
  check_forms(row, set, dtype, results)
  if not row.differentiable or not vocabulary.has_gradient[dtype] then
    for _, x in pairs(variables) do
      if row.grad == false and vocabulary.has_gradient[x:dtype()] then x:requires_grad(true) end
    end
    for _, y in ipairs(vocabulary.evaluate(row, variables)) do
      check.ok(not calr.tensor.is(y) or not y:requires_grad(), "a gradient; the row says there is none")
    end
    return
  end
  local grads = gradients(row, set, dtype)
  for name, expected in pairs(answer and answer.grads or {}) do
    compare(grads[name], expected.values, math.max(1e-9, 5 * tolerance_of(row, dtype)),
      "d" .. name .. " against PyTorch")
  end
  check_differences(row, set, row.accepts.f64 and vocabulary.known.f64 and "f64" or dtype)
end

-- ---- types ----

local function check_type(row, dtype, golden)
  local set = row.sets[1]
  local variables = vocabulary.inputs(row, set, dtype)
  if not row.accepts[dtype] then
    if (row.also or ""):find(dtype, 1, true) then return end
    local ok, message = pcall(vocabulary.evaluate, row, variables)
    check.ok(not ok, ("%s is no type of the row's, and no error"):format(dtype))
    message = tostring(message)
    check.ok(message:find(row.word, 1, true) or row.inner and message:find(row.inner, 1, true),
      ("the error for %s does not name %s: %s"):format(dtype, row.word, message))
    check.ok(message:find(dtype, 1, true), ("the error for %s does not name the type: %s"):format(dtype, message))
    return
  end
  local results = vocabulary.evaluate(row, variables)
  check_reference(row, set, variables, results, dtype)
  check_golden(row, vocabulary.id(row, set, dtype), results, golden, dtype)
  if row.differentiable and vocabulary.has_gradient[dtype] then
    local exact, grads = gradients(row, set, vocabulary.first_type(row)), gradients(row, set, dtype)
    for name, grad in pairs(grads) do
      compare(grad, elements(exact[name]), 8 * tolerance_of(row, dtype, "f32"), ("d%s in %s"):format(name, dtype))
    end
  end
end

local function check_pair(row, pair, golden)
  local set = row.sets[1]
  local answer = golden.answers[vocabulary.id(row, set, pair.text)]
  if answer and answer.error then return end
  local results = vocabulary.evaluate(row, vocabulary.inputs(row, set, pair))
  check_golden(row, vocabulary.id(row, set, pair.text), results, golden, dtype_of(results[1]))
end

-- An error without a traceback: where and what is all there is to say.
local brief = { __tostring = function(self) return ("[%s] %s"):format(self[1], self[2]) end }

-- All checks of a row, as one test.
function checks.row(row, golden)
  check.test(row.family .. ": " .. row.name, function()
    check.ok(row.each or row.plain or row.holds, "the row has no plain reference")
    check.ok(row.torch ~= nil, "the row says nothing of PyTorch (torch = false: it has no such thing)")
    local function attempt(what, fn, ...)
      local ok, message = pcall(fn, ...)
      if not ok then error(setmetatable({ what, tostring(message) }, brief)) end
    end
    for _, set in ipairs(row.sets) do attempt(set.text, check_set, row, set, golden) end
    for _, dtype in ipairs(vocabulary.types) do
      if vocabulary.known[dtype] then attempt(dtype, check_type, row, dtype, golden) end
    end
    for _, pair in ipairs(vocabulary.pairs(row)) do attempt(pair.text, check_pair, row, pair, golden) end
    for call, text in pairs(row.fails or {}) do
      local variables = vocabulary.inputs(row, row.sets[1], vocabulary.first_type(row))
      attempt(call, check.fails, text, vocabulary.evaluate, row, variables, nil, call)
    end
  end)
end

return checks
