--- @module calr.lab
--- Work on many runs or on files: studies, reports, benchmarks, and the work behind
--- `calr refine` and `calr cluster`. It builds on the library, which knows nothing of it. A part is loaded when it is
--- first named: `calr.lab.refine` is `require "calr.lab.refine"`.

local lab = {}

setmetatable(lab, {
  __index = function(self, name)
    local module = "calr.lab." .. tostring(name)
    if not package.searchpath(module, package.path) then
      error(("calr.lab has no part \"%s\""):format(tostring(name)), 2)
    end
    local part = require(module)
    rawset(self, name, part)
    return part
  end,
})

return lab
