-- Making tensors. vocabulary.lua says how a row reads; x is there for the rows that take none.
local vocabulary = require "vocabulary"

local function constant(...)
  local values = { ... }
  return function() return values end
end

local function each_is(value)
  return function() return value end
end

local made = vocabulary.rows({ on = { "x 1" }, types = "any", grad = false }, {
  { "zeros", call = "zeros(2, 3)", torch = "torch.zeros(2, 3)", plain = constant(0, 0, 0, 0, 0, 0),
    fails = { ["zeros()"] = "a shape is needed", ["zeros({ 2 }, 3)"] = "the list before it is complete",
      ["zeros({ 2, dtype = 'f64' })"] = "the type stands behind the shape", ["zeros(2, 'f7')"] = "not an element type",
      ["zeros(2, { dtyp = 'f64' })"] = "did you mean \"dtype\"", ["zeros(-1)"] = "negative",
      ["zeros(1 << 40, 1 << 40)"] = "more than can be addressed" } },
  { "zeros", call = "zeros({ 2 }, { dtype = 'bool' })", torch = "torch.zeros(2, dtype=torch.bool)",
    plain = constant(0, 0) },
  { "ones", call = "ones({ 2, 2 }, 'i32')", torch = "torch.ones(2, 2, dtype=torch.int32)",
    plain = constant(1, 1, 1, 1) },
  { "ones", call = "ones({})", torch = "torch.ones(())", plain = constant(1) },
  { "ones", call = "ones(0, 2)", torch = "torch.ones(0, 2)", plain = constant() },
  { "full", call = "full({ 2 }, 2.5)", torch = "torch.full((2,), 2.5)", plain = constant(2.5, 2.5) },
  { "full", call = "full({ 2 }, true)", torch = "torch.full((2,), True)", plain = constant(1, 1) },
  { "full", call = "full({ 1, 2 }, 7, { dtype = 'i64' })", torch = "torch.full((1, 2), 7)", plain = constant(7, 7) },
  { "empty", call = "zeros_like(empty(2, 3, 'f64'))", result = { f32 = "f64" },
    torch = "torch.zeros(2, 3, dtype=torch.float64)",
    plain = constant(0, 0, 0, 0, 0, 0) },
  { "arange", call = "arange(5)", torch = "torch.arange(5)", plain = constant(0, 1, 2, 3, 4),
    fails = { ["arange(1, 5, 0)"] = "the step is 0", ["arange(1, 5, -1)"] = "leads away from the end",
      ["arange(1, 2, 3, 4)"] = "start, stop and step", ["arange(math.mininteger, math.maxinteger)"] = "more numbers",
      ["arange(0, 1 / 0)"] = "must be finite", ["arange()"] = "number expected" } },
  { "arange", call = "arange(0)", torch = "torch.arange(0)", plain = constant() },
  { "arange", call = "arange(5, 0, -2)", torch = "torch.arange(5, 0, -2)", plain = constant(5, 3, 1) },
  { "arange", call = "arange(1, 2, .25)", torch = "torch.arange(1, 2, .25)", plain = constant(1, 1.25, 1.5, 1.75) },
  { "arange", call = "arange(1, 4, { dtype = 'f64' })", result = { f32 = "f64" },
    torch = "torch.arange(1, 4, dtype=torch.float64)",
    plain = constant(1, 2, 3) },
  { "arange", call = "arange(3, 'u8')", torch = "torch.arange(3, dtype=torch.uint8)", plain = constant(0, 1, 2) },
  { "linspace", call = "linspace(-1, 1, 5)", torch = "torch.linspace(-1, 1, 5)", plain = constant(-1, -.5, 0, .5, 1),
    fails = { ["linspace(0, 1, -1)"] = "0 or more" } },
  { "linspace", call = "linspace(0, 1, 1)", torch = "torch.linspace(0, 1, 1)", plain = constant(0) },
  { "linspace", call = "linspace(0, 1, 0)", torch = "torch.linspace(0, 1, 0)", plain = constant() },
  { "linspace", call = "linspace(.1, .7, 7, { dtype = 'f64' })", result = { f32 = "f64" },
    torch = "torch.linspace(.1, .7, 7, dtype=torch.float64)",
    plain = constant(.1, .2, .3, .4, .5, .6, .7) },
  { "eye", call = "eye(2)", torch = "torch.eye(2)", plain = constant(1, 0, 0, 1) },
  { "eye", call = "eye(2, 3, { dtype = 'i64' })", torch = "torch.eye(2, 3, dtype=torch.int64)",
    plain = constant(1, 0, 0, 0, 1, 0) },
  { "eye", call = "eye(0)", torch = "torch.eye(0)", plain = constant() },
  { "frombuffer", call = "frombuffer('\\1\\2\\0\\3', 'u8')",
    torch = "torch.frombuffer(bytearray(b'\\1\\2\\0\\3'), dtype=torch.uint8)",
    plain = constant(1, 2, 0, 3), fails = { ["frombuffer('abc', 'f32')"] = "no whole number of f32, of 4 bytes each",
      ["frombuffer('\\2', 'bool')"] = "a bool is 0 or 1",
      ["frombuffer('a', 'u8', { 2 })"] = "takes 2 bytes, and there are 1",
      ["frombuffer('a', 'u8', { offset = 2 })"] = "outside the string", ["frombuffer(1, 'u8')"] = "string expected" } },
  { "frombuffer",
    call = "frombuffer('\\0\\0\\128\\63\\0\\0\\0\\64', { dtype = 'f32', shape = { 1, 1 }, offset = 4 })",
    torch = "torch.tensor([[2.]])", plain = constant(2) },
})

local like = vocabulary.rows({ on = { "x 2 3", "x 0 2", "x" }, types = "any", grad = false }, {
  { "zeros_like", torch = "torch.zeros_like(x)", each = each_is(0) },
  { "ones_like", torch = "torch.ones_like(x)", each = each_is(1) },
  { "ones_like", call = "ones_like(x, { dtype = 'i64' })", torch = "torch.ones_like(x, dtype=torch.int64)",
    each = each_is(1) },
  { "full_like", call = "full_like(x, 1)", torch = "torch.full_like(x, 1)", each = each_is(1) },
  { "full_like", call = "full_like(x, 2.5, 'f64')", result = { f32 = "f64" },
    torch = "torch.full_like(x, 2.5, dtype=torch.float64)",
    each = each_is(2.5) },
  { "empty_like", call = "zeros_like(empty_like(x))", torch = "torch.zeros_like(x)", each = each_is(0) },
  { "one_hot", call = "one_hot(x)", on = { "x 3", "x 1" }, with = { x = { values = { 2, 0, 1 }, 0, 2, "i64" } },
    torch = "F.one_hot(x)", plain = function(x)
      if #x == 1 then return { 0, 0, 1 } end
      return { 0, 0, 1, 1, 0, 0, 0, 1, 0 }
    end, fails = { ["one_hot(x, 2)"] = "label 2 (item 1) is not one of 2 classes",
      ["one_hot(x:to 'f32')"] = "labels are i64, i32 or u8, not f32[3]" } },
  { "one_hot", call = "one_hot(x, 3, { dtype = 'f32' })", on = { "x 2 1", "x 0 2" }, with = { x = { 0, 2, "i64" } },
    bench = { "x 16", "x 2000" }, torch = "F.one_hot(x, 3).float()", plain = function(x)
      local out = {}
      for i, row in ipairs(x) do
        for c = 1, 3 do out[#out + 1] = row[1] == c - 1 and 1 or 0 end
      end
      return out
    end },
})

return table.move(like, 1, #like, #made + 1, made)
