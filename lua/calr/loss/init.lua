--- @module calr.loss
--- Losses. Each is a function of tensors that gives a tensor, a single number unless its option `reduction` is "none";
--- the centre loss is a layer, because it learns.
---
---     local loss = calr.loss.cross_entropy(logits, labels, { label_smoothing = 0.1 })
---       + calr.loss.triplet(features, labels, { margin = 0.3 })
---     loss:backward()
---
--- Names and defaults are those of torch.nn.functional without "_loss"; the options stand in a table at the end.
--- Features and logits may be f32, f64 or bf16; bf16 is computed in f32. What does not fit (a label that is no class,
--- other shapes, an option out of range) is an error at the line of the script. NaN in gives NaN out.
---
--- A loss of your own is a function of the same kind: docs/guide/your-own-loss.md.

local guarded = require("calr.options").guarded
local suggest = require("calr.options").suggest

local loss = {}

for _, page in ipairs { require "calr.loss.classes", require "calr.loss.values", require "calr.loss.pairs",
                        require "calr.loss.batch", require "calr.loss.contrastive", (require "calr.loss.center") } do
  for name, fn in pairs(page) do loss[name] = fn end
end

-- What other programs call them.
local elsewhere = {
  bce = "bce_with_logits", binary_cross_entropy_with_logits = "bce_with_logits", centre = "center",
  infonce = "info_nce", ntxent = "nt_xent", supcon = "supervised_contrastive",
}

return guarded(loss, "calr.loss has", nil, function(name)
  local names = {}
  for known in pairs(loss) do names[#names + 1] = known end
  local plain = name:gsub("_loss$", "")
  if rawget(loss, elsewhere[name] or plain) then return (" (did you mean \"%s\"?)"):format(elsewhere[name] or plain) end
  return suggest(name, names)
end)
