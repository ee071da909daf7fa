--- @module calr.lab.export.operations
--- The functions of tensors that can be expressed in ONNX: a row each, by the function's name. A row has
---
---     takes    its arguments, as docs/api/calr.tensor.md has them
---     emit     function(graph, arguments by name, node), which adds what computes it (see calr.lab.export.graph)
---     tables   {name=true}: arguments that are tables of names themselves
---     shapes   whether numbers among its arguments may depend on the number of images
---     same     in place of emit: function(arguments), whether the result is the first argument as it is
---
--- The rows are in the families elements, shapes, reductions, products and layers. What none of them has makes an
--- export fail with the name of the layer that calls it.

local operations = {}

for _, family in ipairs { "elements", "layers", "products", "reductions", "shapes" } do
  for name, row in pairs(require("calr.lab.export.operations." .. family)) do
    row.tables = row.tables or {}
    operations[name] = row
  end
end

return operations
