--- @module calr.program.docs.manual
--- The documentation as the prompt uses it: what `f?` prints, and what completion knows of arguments. The build writes
--- it to manual.json, because an installed program has no C sources to read it from.

local manual = {}

--- calr.program.docs.manual.make(pages)
--- @param pages  table of the pages, as calr.program.docs.write.pages returns them
--- @return table  list of {name=, text=, fields=, classes=, functions=}: the pages without what only Markdown needs
function manual.make(pages)
  local list = {}
  for _, page in ipairs(pages) do
    local functions = {}
    for _, item in ipairs(page.functions) do
      functions[#functions + 1] = { name = item.name, signature = item.signature, text = item.text,
        params = item.params, returns = item.returns, parameters = item.parameters, curried = item.curried,
        in_place = item.in_place }
    end
    list[#list + 1] = { name = page.name, text = page.text, fields = page.fields, classes = page.classes,
      functions = functions }
  end
  return list
end

return manual
