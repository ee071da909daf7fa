-- Every layer, by the rows of tests/lua/layers (tests/lua/layer_rows.lua says how they read), on each back end that is
-- built in. CALR_TEST_ONLY=layer_norm runs the rows whose name begins with that.
local check = require "check"
local calr = require "calr"
local json = require "calr.json"
local rows = require "layer_rows"
local T, nn = calr.tensor, calr.nn

local source, only = os.getenv "CALR_TEST_SOURCE", os.getenv "CALR_TEST_ONLY"
if only == "" then only = nil end

check.each_backend "test_layers"

local function read(path)
  local file <close> = assert(io.open(path))
  return json.decode(file:read "a")
end

local golden = read(source .. "/tests/reference/layers/golden.json")

local function numbers(name, shape, scale)
  local count, list = 1, {}
  for _, length in ipairs(shape) do count = count * length end
  for i = 0, count - 1 do list[i + 1] = rows.number(name, i) * (scale or 1) end
  return T(list):reshape(shape)
end

local function input(row, set)
  if not set.below then return numbers("x", set.shape, row.scale or 2) end
  local count, list = 1, {}
  for _, length in ipairs(set.shape) do count = count * length end
  for i = 0, count - 1 do list[i + 1] = (i * 5 + 2) % set.below end
  return T(list, "i64"):reshape(set.shape)
end

local function make(text)
  return assert(load("local nn = ...; return " .. text))(nn)
end

-- The layer of a row, with the numbers that PyTorch's has.
local function filled(row)
  local layer = make(row.make)
  calr.no_grad(function()
    for name, tensor in layer:named_parameters() do tensor:detach():copy(numbers(name, tensor:shape())) end
    for name, tensor in layer:named_buffers() do
      if not (row.own and name:find(row.own, 1, true)) then
        local values = numbers(name, tensor:shape())
        tensor:copy(name:find "running_var$" and values * values + 0.5 or values)
      end
    end
  end)
  return layer:train(row.train ~= false)
end

local function near(row, actual, expected, tolerance, what)
  check.all_near(actual, expected, tolerance * (row.near or 1), ("%s: %s"):format(row.name, what))
end

local function as_pytorch(row, text)
  local layer, set, wanted = filled(row), rows.parse(text), golden[row.name][text]
  local x = input(row, set)
  if not set.below then x:requires_grad(true) end
  local y = layer(x)
  check.equal(table.concat(y:shape(), " x "), table.concat(wanted.shape, " x "), row.name .. ": shape for " .. text)
  near(row, y, wanted.y, 2e-6, "forward of " .. text)
  if y:requires_grad() then (y * numbers("dy", y:shape())):sum():backward() end
  if wanted.dx and x:grad() then near(row, x:grad(), wanted.dx, 2e-5, "dx of " .. text) end
  local compared = 0
  for name, tensor in layer:named_parameters() do
    local gradient = wanted.gradients[name]
    if gradient then
      compared = compared + 1
      near(row, tensor:grad(), gradient, 2e-5, ("gradient of %s for %s"):format(name, text))
    end
  end
  local count = 0
  for _ in pairs(wanted.gradients) do count = count + 1 end
  check.equal(compared, count, row.name .. ": names of parameters")
  for name, tensor in layer:named_buffers() do
    if wanted.buffers and wanted.buffers[name] then near(row, tensor, wanted.buffers[name], 2e-6, "buffer " .. name) end
  end
end

-- fn(layer, x) while running statistics stay as they are.
local function quietly(layer, x)
  local kept = {}
  for name, tensor in layer:named_buffers() do kept[name] = tensor:clone() end
  local y = layer(x)
  calr.no_grad(function()
    for name, tensor in layer:named_buffers() do tensor:copy(kept[name]) end
  end)
  return y
end

local function by_differences(row, set)
  local layer, inputs = filled(row), {}
  if not set.below then inputs[1] = input(row, set):requires_grad(true) end
  for _, parameter in ipairs(layer:parameters()) do inputs[#inputs + 1] = parameter.tensor end
  local index = set.below and input(row, set)
  if #inputs == 0 then return end
  local same, message = pcall(calr.gradcheck, function(x) return quietly(layer, index or x) end, inputs)
  check.ok(same, ("%s: %s"):format(row.name, tostring(message)))
end

local function keeps_its_state(row, set)
  local layer, x = filled(row):train(false), input(row, set)
  local other = make(row.make):init(5):train(false)
  other:load_state(layer:state())
  calr.no_grad(function()
    local y = layer(x)
    check.ok(y:equal(other(x)), row.name .. ": after load_state")
    local twin = layer:clone()
    for _, tensor in layer:named_parameters() do tensor:detach():fill(0) end
    check.ok(y:equal(twin(x)), row.name .. ": a clone has tensors of its own")
    local counted = 0
    for _ in layer:named_modules() do counted = counted + 1 end
    check.ok(counted > 0)
  end)
end

local function folds(row, set)
  local layer, x = filled(row):train(false), input(row, set)
  calr.no_grad(function()
    near(row, layer:folded()(x), layer(x), 1e-5, "the folded form")
  end)
end

local function in_bf16(row, set)
  if row.bf16 == false or set.below then return end
  local layer, x = filled(row), input(row, set)
  x = x:to("bf16"):to "f32"
  local half = x:to("bf16"):detach():requires_grad(true)
  x:requires_grad(true)
  local y, z = quietly(layer, x), quietly(layer, half)
  check.equal(z:dtype(), row.bf16 or "bf16", row.name .. ": type of the result")
  local largest = math.max(1, y:detach():abs():max():item())
  check.ok((z:to "f32" - y):abs():max():item() <= 2e-2 * largest * (row.near or 1), row.name .. ": forward in bf16")
  local dy = numbers("dy", y:shape());
  (y * dy):sum():backward();
  (z:to "f32" * dy):sum():backward()
  if not x:grad() then return end
  check.equal(half:grad():dtype(), "bf16", row.name .. ": type of the gradient")
  largest = math.max(1, x:grad():abs():max():item())
  check.ok((half:grad():to "f32" - x:grad()):abs():max():item() <= 5e-2 * largest * (row.near or 1),
    row.name .. ": gradient in bf16")
end

for _, row in ipairs(rows.load()) do
  if not only or row.name:sub(1, #only) == only then
    check.test(row.name, function()
      check.ok(golden[row.name], row.name .. " has no golden values: run tests/reference/layers/make.py")
      for _, text in ipairs(row.on) do as_pytorch(row, text) end
      local set = rows.parse(row.on[1])
      if not row.brief then by_differences(row, set) end
      keeps_its_state(row, set)
      folds(row, set)
      in_bf16(row, set)
      for text, message in pairs(row.misfit or {}) do
        check.fails(message, function() filled(row)(input(row, rows.parse(text))) end)
      end
      for text, message in pairs(row.fails or {}) do check.fails(message, make, text) end
    end)
  end
end

check.finish()
