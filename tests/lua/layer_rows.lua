-- The cases of layers: tests/lua/layers/FAMILY.lua returns rows, test_layers.lua checks them, and
-- tests/reference/layers/make.py takes golden values from PyTorch. A row:
--
--   { "linear", make = "nn.linear(3, 4)", on = { "x 5 3" }, torch = "nn.Linear(3, 4)" }
--
--   [1]     a name, which no other row has
--   make    Lua; nn is calr.nn
--   on      inputs: "x 5 3" is f32[5 x 3]; "x 2 4 <7" holds whole numbers 0 .. 6. The first set is also used for
--           everything that is not compared with PyTorch.
--   torch   Python, a module; nn, F, torchvision, timm, partial and make.py's helpers are names
--   maps    true: x is [n x h x w x c] here and n x c x h x w there, and so is a result of four dimensions
--   train   false: in evaluation mode; otherwise in training mode
--   scale   numbers of x are multiplied by it (default 2)
--   own     a name of the state that PyTorch's module has not, such as "passes"
--   rename  { ["name here"] = "name there" } of tensors of the state
--   bf16    false: the layer takes no bf16; "f32": the result of bf16 is f32
--   near    tolerances are multiplied by it
--   brief   true: finite differences only where it is quick: they are left out
--   misfit  { ["x 5 4"] = "text" }: inputs that are refused, and what the error says
--   fails   { ["nn.linear(0, 4)"] = "text" }: ways to make it that are refused
--
-- Every row is checked: forward, and gradients of the input and of all parameters, against PyTorch; gradients against
-- finite differences; that state and load_state carry over what a layer is; that a clone is one; that the folded form
-- gives what the layer gives; and that in bf16 it gives about the same, in bf16.
local sys = require "calr.sys"

local rows = {}

local here = debug.getinfo(1, "S").source:match "^@(.*)/[^/]*$"

-- "x 2 4 <7": { shape = { 2, 4 }, below = 7 }
function rows.parse(text)
  local set = { text = text, shape = {} }
  for word in text:gmatch "%S+" do
    if word:match "^<" then
      set.below = math.tointeger(word:sub(2))
    elseif word ~= "x" then
      set.shape[#set.shape + 1] = math.tointeger(word)
    end
  end
  return set
end

-- Number i (from 0) of what is called `name`: the same in make.py.
function rows.number(name, i)
  local seed = 7
  for k = 1, #name do seed = (seed * 31 + name:byte(k)) % 65521 end
  return ((i * 7919 + seed * 613) % 1009) / 1009 * 2 - 1
end

function rows.load()
  local list, seen = {}, {}
  for _, file in ipairs(sys.list(here .. "/layers")) do
    for _, row in ipairs(dofile(here .. "/layers/" .. file)) do
      assert(not seen[row[1]], "two rows are called " .. row[1])
      seen[row[1]] = true
      row.name, row[1] = row[1], nil
      list[#list + 1] = row
    end
  end
  return list
end

return rows
