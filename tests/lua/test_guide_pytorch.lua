-- Every line of calr in the tables of docs/guide/from-pytorch.md runs.
local calr = require "calr"
local check = require "check"

local page = calr.sys.read_file(os.getenv "CALR_TEST_SOURCE" .. "/docs/guide/from-pytorch.md")

-- What the lines of the page speak of, anew for each of them.
local function names()
  local rng = calr.rng.open { seed = 1 }
  local function random(shape) return rng:fill_uniform(calr.tensor.zeros(shape), 0.1, 1) end
  local net = calr.models.small { width = 8 }
  local x = random { 4, 6 }:requires_grad(true)
  return setmetatable({
    calr = calr, x = x, y = random { 4, 6 }, a = random { 4, 3 }, b = random { 3, 5 }, w = random { 2, 6 },
    bias = random { 2 }, index = calr.tensor({ 2, 0 }, "i64"), labels = calr.tensor({ 0, 5, 2, 1 }, "i32"),
    images = random { 2, 8, 8, 3 },
    k = random { 4, 3, 3, 3 }, loss = calr.ops.sum(x), net = net, opt = calr.optim.adam(net:parameters()),
    f = function(value) return value * 2 end, handle = x:register_hook(function() end),
  }, { __index = function(_, name) error("the page speaks of an unknown " .. name, 2) end })
end

check.test("every line of the tables runs", function()
  local count = 0
  for row in page:gmatch "\n| `[^\n]+" do
    local code = row:match "| `([^`]+)` |$"
    if code and code ~= "calr" then
      local chunk = load("return " .. code, "=" .. code, "t", names())
      check.ok(chunk, code)
      local ok, result = pcall(chunk)
      local silent = code:match "^%w+:backward" or code:match "^handle:" or code:match "^opt:" or code == "x:grad()"
        or code:match "clip_grad_value"
      check.ok(ok and (result ~= nil or silent), code .. ": " .. tostring(result))
      count = count + 1
    end
  end
  check.ok(count > 45, count)
end)

check.test("what the page says of axes and numbers is so", function()
  local x = calr.tensor { { 1, 2, 3 }, { 4, 5, 6 } }
  check.equal(x:sum(2):get(1), 6)
  check.equal(x:select(1, 1):get(3), 3)
  check.equal(x:narrow(1, 2, 1):get(1, 1), 4)
  check.ok(x ~= calr.tensor { { 1, 2, 3 }, { 4, 5, 6 } })
  check.ok(x:equal(calr.tensor { { 1, 2, 3 }, { 4, 5, 6 } }))
  local ok, message = pcall(function() return x[1] end)
  check.ok(not ok and message:find("x:select", 1, true), message)
end)

check.finish()
