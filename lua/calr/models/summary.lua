--- @module calr.models.summary
--- What a network is made of: behind calr.models.summary.

local autograd = require "calr.autograd"
local keeping = require "calr.nn.keeping"
local meter = require "calr.meter"
local T = require "calr.tensor"

-- All layers with their names in the tree; one that stands in two places counts once.
local function collect(layer, name, list, seen)
  if seen[layer] then return end
  seen[layer] = true
  list[#list + 1] = { name = name, layer = layer }
  for _, child in ipairs(layer.children) do
    collect(child.layer, name == "" and child.name or name .. "." .. child.name, list, seen)
  end
end

local function own_numbers(layer)
  local count = 0
  for _, entry in ipairs(layer.own_parameters) do count = count + entry.tensor:numel() end
  return count
end

-- Puts a function in the place of each layer's forward that says which layer is running and notes what it gives.
local function watch(list)
  for number, row in ipairs(list) do
    local forward = row.layer.forward
    row.replaced = rawget(row.layer, "forward")
    local function finish(before, y, ...)
      meter.label(before)
      if T.is(y) then
        row.shape = row.shape or y:shape()
        row.order = row.order or list.ran
        list.ran = list.ran + 1
      end
      return y, ...
    end
    rawset(row.layer, "forward", function(layer, ...) return finish(meter.label(number), forward(layer, ...)) end)
  end
  keeping.changed()
end

local function leave(list)
  for _, row in ipairs(list) do
    rawset(row.layer, "forward", row.replaced)
  end
  keeping.changed()
end

local function thousands(number)
  local text = ("%d"):format(number)
  repeat
    local count
    text, count = text:gsub("^(%d+)(%d%d%d)", "%1,%2")
  until count == 0
  return text
end

local function shape_text(shape)
  if not shape then return "" end
  return #shape > 1 and table.concat(shape, " x ", 2) or "1"
end

local columns = { "layer", "kind", "output", "parameters", "multiply-adds" }

local function tostring_summary(self)
  local rows, widths, lines = { columns }, {}, {}
  for _, row in ipairs(self.layers) do
    rows[#rows + 1] = { row.name, row.kind, shape_text(row.shape),
      row.parameters > 0 and thousands(row.parameters) or "",
      row.multiply_adds > 0 and thousands(row.multiply_adds) or "" }
  end
  rows[#rows + 1] = { "all", "", shape_text(self.shape), thousands(self.parameters), thousands(self.multiply_adds) }
  for _, cells in ipairs(rows) do
    for i, cell in ipairs(cells) do widths[i] = math.max(widths[i] or 0, #cell) end
  end
  for number, cells in ipairs(rows) do
    local padded = {}
    for i, cell in ipairs(cells) do
      local right = i > 3 and number > 1
      padded[i] = right and (" "):rep(widths[i] - #cell) .. cell or cell .. (" "):rep(widths[i] - #cell)
    end
    lines[number] = (table.concat(padded, "  "):gsub("%s+$", ""))
  end
  return table.concat(lines, "\n")
end

local Summary = { __tostring = tostring_summary, __name = "summary" }

local function is_product(kernel)
  return kernel:match "^conv2d" or kernel:match "^gemm" or kernel:match "^products" or kernel:match "attention"
end

-- Runs one image through; the multiply-adds of each layer by its number.
local function run(net, list, images)
  local batch = { rows = T({ 0 }, "i64"), cameras = T({ 0 }, "i32"), images = images }
  local training, result = net.training, nil
  list.ran = 1
  watch(list)
  local ok, events = pcall(function()
    if training then net:train(false) end
    return (meter.count(function()
      autograd.no_grad(function() result = net:forward(images, batch) end)
    end))
  end)
  leave(list)
  if training then net:train(true) end
  if not ok then error(events, 0) end
  local adds = {}
  for _, event in ipairs(events) do
    if is_product(event.kernel) then adds[event.label] = (adds[event.label] or 0) + event.flops / 2 end
  end
  return adds, result
end

return function(net, size)
  local images = T.zeros { 1, size.height, size.width, 3 }
  local list = {}
  collect(net, "", list, {})
  local adds, result = run(net, list, images)
  local self = setmetatable({ layers = {}, parameters = 0, multiply_adds = 0, shape = nil }, Summary)
  if T.is(result) then self.shape = result:shape() end
  for number, row in ipairs(list) do
    local parameters, multiply_adds = own_numbers(row.layer), math.tointeger(adds[number] or 0) or 0
    self.parameters, self.multiply_adds = self.parameters + parameters, self.multiply_adds + multiply_adds
    if parameters > 0 or multiply_adds > 0 or #row.layer.children == 0 then
      self.layers[#self.layers + 1] = { name = row.name == "" and "(itself)" or row.name,
        kind = row.layer.class_name or tostring(row.layer), shape = row.shape, parameters = parameters,
        multiply_adds = multiply_adds, order = row.order or math.huge }
    end
  end
  table.sort(self.layers, function(a, b)
    if a.order ~= b.order then return a.order < b.order end
    return a.name < b.name
  end)
  for _, row in ipairs(self.layers) do row.order = nil end
  return self
end
