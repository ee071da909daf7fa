-- The cases of the tensor vocabulary: tests/lua/vocabulary/FAMILY.lua returns rows, test_vocabulary.lua checks
-- them, tests/reference/vocabulary/make.py takes golden values from PyTorch. A row:
--
--   { "clamp", call = "clamp(x, -1, 1)", on = { "x 3 4", "x 0 4", "x" }, torch = "x.clamp(-1, 1)",
--     each = function(x) return math.max(-1, math.min(1, x)) end }
--
--   [1]     the word that is tested; once more in another row is fine
--   call    Lua, with the inputs and the words as names; left out: NAME(inputs, in their order). Several results, and
--           lists of tensors, are compared one by one.
--   on      sets of inputs: "a 2 3, b 3" is a[2 x 3] and b[3]; "x" a single number. Put a broadcast, an empty and a
--           one-element set in. { "x 0 4", fails = "text" }: this set is an error that says so.
--   with    { index = { 0, 3, "i64" }, x = { .5, 2 } }: ranges of inputs (from, to), and a type for those that keep
--           it; distinct = true: no two are equal; values = { ... }: these.
--   torch   Python, with the inputs, torch, F, nchw, nhwc as names; false: PyTorch has no such thing. Run
--           tests/reference/vocabulary/make.py PROGRAM [FAMILY] afterwards.
--   each    the plain reference of one element, from numbers; shapes are broadcast
--   plain   the plain reference otherwise: gets the inputs as (nested) tables, returns one per result
--   holds   in place of either: gets the inputs and the results as tensors and checks them itself
--   types   that the other inputs may have: "float" (f32 f64 bf16, the default), "number" (and i64 i32 u8), "all" (and
--           bool), "any" (and f16), or a list "f32 i64". Every other type must be an error that names word and type.
--   inner   a word within the call that may be named by errors of types instead
--   also    types that are taken too, but that another row checks: "i64 bool"
--   grad    whether results have a gradient (default true)
--   pairs   true: the first two inputs in all pairs of types
--   near    tolerances are multiplied by it;  name: tells rows apart whose call is the same
--   result  { i32 = "f32" }: types of the (first) result where they differ from PyTorch's on purpose
--   fails   { ["clamp(x, 'a')"] = "number expected" }: calls with the inputs of the first set, and what they say
--   bench   sets for `calr bench ops`, in the notation of `on` ("i 2000 <64": positions below 64), or false; left
--           out: by the dimensions of the first set (lua/calr/lab/bench/ops.lua), where all inputs have one shape
--
-- Every set is compared with the plain reference and with PyTorch, forward and backward; with finite differences; in
-- every type; as method, in place and on strided views. Both back ends run it all.
local calr = require "calr"
local json = require "calr.json"
local sys = require "calr.sys"

local vocabulary = {}

local here = debug.getinfo(1, "S").source:match "^@(.*)/[^/]*$"
local groups = { float = "f32 f64 bf16", number = "f32 f64 bf16 i64 i32 u8", all = "f32 f64 bf16 i64 i32 u8 bool",
  any = "f32 f64 bf16 f16 i64 i32 u8 bool" }

-- All types by name, and which of them this program knows.
vocabulary.types, vocabulary.known = {}, {}
for name in groups.any:gmatch "%S+" do
  vocabulary.types[#vocabulary.types + 1] = name
  vocabulary.known[name] = pcall(calr.tensor.zeros, {}, name)
end
vocabulary.is_float = { f32 = true, f64 = true, bf16 = true, f16 = true }
vocabulary.has_gradient = { f32 = true, f64 = true, bf16 = true }

function vocabulary.families()
  local names = {}
  for _, file in ipairs(sys.list(here .. "/vocabulary")) do names[#names + 1] = file:match "^(%w+)%.lua$" end
  return names
end

local function words(text)
  local list = {}
  for word in text:gmatch "%S+" do list[#list + 1] = word end
  return list
end

-- "a 2 3, b 3": { { name = "a", shape = { 2, 3 } }, ... }
function vocabulary.parse(text)
  local inputs = {}
  for part in text:gmatch "[^,]+" do
    local parts = words(part)
    local input = { name = parts[1], shape = {} }
    for i = 2, #parts do
      local below = parts[i]:match "^<(%d+)$"
      if below then input.below = math.tointeger(below) else input.shape[i - 1] = math.tointeger(parts[i]) end
    end
    inputs[#inputs + 1] = input
  end
  return inputs
end

-- Fills in what a row leaves out. row.sets: { text =, fails =, inputs = }.
local function complete(row, family)
  row.word, row.family = row[1], family
  row.with = row.with or {}
  row.sets = {}
  for i, set in ipairs(row.on) do
    set = type(set) == "table" and set or { set }
    row.sets[i] = { text = set[1], fails = set.fails, inputs = vocabulary.parse(set[1]) }
  end
  local names = {}
  for i, input in ipairs(row.sets[1].inputs) do names[i] = input.name end
  row.call = row.call or ("%s(%s)"):format(row.word, table.concat(names, ", "))
  row.name = row.name or row.call
  row.accepts = {}
  for _, name in ipairs(words(groups[row.types or "float"] or row.types)) do row.accepts[name] = true end
  row.differentiable = row.grad ~= false
  return row
end

-- The rows of a family.
function vocabulary.load(family)
  local rows = dofile(("%s/vocabulary/%s.lua"):format(here, family))
  for _, row in ipairs(rows) do complete(row, family) end
  return rows
end

-- Rows that share fields: vocabulary.rows({ on = ... }, { { "exp", ... }, ... })
function vocabulary.rows(shared, rows)
  for _, row in ipairs(rows) do
    for key, value in pairs(shared) do
      if row[key] == nil then row[key] = value end
    end
  end
  return rows
end

-- Numbers of a linear congruential generator in [0, 1), named by a text.
local function generator(text)
  local state = 7
  for i = 1, #text do state = (state * 31 + text:byte(i)) & 0xffffffff end
  return function()
    state = (state * 1664525 + 1013904223) & 0xffffffff
    return (state >> 8) / 2 ^ 24
  end
end

-- To multiples of 1/64 and to 8 significant bits: numbers that every type of float holds.
local function exact(value)
  local step = 1 / 64
  while math.abs(value) >= 256 * step do step = 2 * step end
  return math.floor(value / step + .5) * step
end

local function shuffled(count, random)
  local list = {}
  for i = 1, count do list[i] = i - 1 end
  for i = count, 2, -1 do
    local j = math.floor(random() * i) + 1
    list[i], list[j] = list[j], list[i]
  end
  return list
end

-- The numbers of an input in a type, in the order of its elements.
function vocabulary.numbers(row, input, dtype)
  local with = row.with[input.name] or {}
  local count = 1
  for _, size in ipairs(input.shape) do count = count * size end
  local random, values = generator(row.name .. input.name), {}
  if with.values then
    for i = 1, count do values[i] = with.values[i] end
    return values
  end
  local float = vocabulary.is_float[dtype]
  local low, high = with[1] or (float and -2 or -4), with[2] or (float and 2 or 4)
  if not float then low, high = math.ceil(low), math.max(math.ceil(low), math.floor(high)) end
  if dtype == "u8" then low, high = math.max(low, 0), math.max(high, 1) end
  if dtype == "bool" then low, high = 0, 1 end
  local order = with.distinct and shuffled(count, random)
  for i = 1, count do
    if float then
      values[i] = exact(low + (high - low) * (order and (order[i] + .5) / count or random()))
    else
      values[i] = order and dtype ~= "bool" and low + order[i] or low + math.floor(random() * (high - low + 1))
    end
  end
  return values
end

function vocabulary.dtype_of(row, input, dtype)
  local with = row.with[input.name]
  return with and with[3] or dtype
end

function vocabulary.tensor(values, dtype, shape)
  if #values == 0 then return calr.tensor.zeros(shape, dtype) end
  return calr.tensor(values, dtype == "i64" and "i64" or "f32"):to(dtype):reshape(shape)
end

-- The inputs of a set, by name. `dtype`: of those without a type of their own, or a table of types by name.
function vocabulary.inputs(row, set, dtype)
  local variables = {}
  for _, input in ipairs(set.inputs) do
    local chosen = vocabulary.dtype_of(row, input, type(dtype) == "table" and dtype[input.name] or dtype)
    variables[input.name] = vocabulary.tensor(vocabulary.numbers(row, input, chosen), chosen, input.shape)
  end
  return variables
end

local function methods()
  return getmetatable(calr.tensor.zeros {}).methods
end

-- A word of the vocabulary: a function or nil.
function vocabulary.find(name)
  return rawget(calr.tensor, name) or rawget(methods(), name) or require("calr.vocabulary").find(calr.tensor, name)
end

-- All words, with what they are: "function", "method" or both.
function vocabulary.words()
  local found = {}
  for _, list in ipairs { calr.tensor, methods() } do
    for name, fn in next, list do
      if type(fn) == "function" and name:sub(1, 1) ~= "_" then found[name] = true end
    end
  end
  for _, name in ipairs(require("calr.vocabulary").names()) do found[name] = true end
  return found
end

local chunks = {}

-- Runs row.call (or another) with variables. `find` gives the functions for words. A list of the results.
function vocabulary.evaluate(row, variables, find, call)
  call = call or row.call
  local chunk = chunks[call]
  if not chunk then
    chunk = assert(load("local _ENV = ... return " .. call, "=call", "t"))
    chunks[call] = chunk
  end
  find = find or vocabulary.find
  local environment = setmetatable({ calr = calr, math = math }, { __index = function(_, name)
    return variables[name] or find(name)
  end })
  local results = {}
  for _, result in ipairs { chunk(environment) } do
    if type(result) == "table" then
      table.move(result, 1, #result, #results + 1, results)
    else
      results[#results + 1] = result
    end
  end
  return results
end

-- ---- golden values ----

local function fingerprint(text)
  local hash = 5381
  for i = 1, #text do hash = (hash * 33 + text:byte(i)) & 0xffffffff end
  return ("%08x"):format(hash)
end

-- What PyTorch is asked: a list of { id, torch, inputs, precise (in f64), grad (names) }.
function vocabulary.questions(family)
  local list = {}
  for _, row in ipairs(vocabulary.load(family)) do
    local function add(id, set, dtypes, precise)
      local inputs, grad = {}, json.array {}
      for _, input in ipairs(set.inputs) do
        local chosen = vocabulary.dtype_of(row, input, type(dtypes) == "table" and dtypes[input.name] or dtypes)
        inputs[input.name] = { type = chosen, shape = json.array(input.shape),
          values = json.array(vocabulary.numbers(row, input, chosen)) }
        if precise and row.differentiable and vocabulary.has_gradient[chosen] then grad[#grad + 1] = input.name end
      end
      local question = { id = id, torch = row.torch, inputs = inputs, precise = precise, grad = grad }
      question.key = fingerprint(json.encode(question))
      list[#list + 1] = question
    end
    for _, set in ipairs(row.torch and row.sets or {}) do
      if not set.fails then add(vocabulary.id(row, set), set, vocabulary.first_type(row), true) end
    end
    if row.torch then
      local set = row.sets[1]
      for _, dtype in ipairs(vocabulary.types) do
        if row.accepts[dtype] then add(vocabulary.id(row, set, dtype), set, dtype, false) end
      end
      for _, pair in ipairs(vocabulary.pairs(row)) do add(vocabulary.id(row, set, pair.text), set, pair, false) end
    end
  end
  return list
end

function vocabulary.id(row, set, types)
  return ("%s | %s%s"):format(row.name, set.text, types and " | " .. types or "")
end

-- The type that the sets are checked in.
function vocabulary.first_type(row)
  if row.accepts.f32 then return "f32" end
  for _, dtype in ipairs(vocabulary.types) do
    if row.accepts[dtype] then return dtype end
  end
end

-- Pairs of types for the first two inputs of a row that wants them: { a = "f32", b = "i64", text = "f32 i64" }
function vocabulary.pairs(row)
  local list = {}
  if not row.pairs then return list end
  local a, b = row.sets[1].inputs[1].name, row.sets[1].inputs[2].name
  for _, one in ipairs(vocabulary.types) do
    for _, other in ipairs(vocabulary.types) do
      if row.accepts[one] and row.accepts[other] and one ~= other then
        list[#list + 1] = { [a] = one, [b] = other, text = one .. " " .. other }
      end
    end
  end
  return list
end

-- Answers of PyTorch by id, and the keys of the questions as they are asked today.
function vocabulary.golden(family)
  local path = ("%s/../reference/vocabulary/%s.json"):format(here, family)
  local answers = sys.exists(path) and json.decode(sys.read_file(path), path).cases or {}
  local keys = {}
  for _, question in ipairs(vocabulary.questions(family)) do keys[question.id] = question.key end
  return answers, keys
end

return vocabulary
