--- @module calr
--- The engine and its Lua library: `local calr = require "calr"`. A part is loaded when it is first named:
--- `calr.tensor` is `require "calr.tensor"`, and so on.
---
--- `calr.no_grad` is calr.autograd.no_grad.

local sys = require "calr.sys"

local calr = { version = sys.version and sys.version.calr }

-- The names that can follow "calr.": engine modules, and files or folders of the Lua library.
local function parts()
  local names, seen = {}, {}
  local function add(name)
    if name and not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
  for name in pairs(package.preload) do add(name:match "^calr%.([%w_]+)$") end
  local folder = sys.paths and sys.paths.lua .. "/calr"
  for _, name in ipairs(folder and sys.is_folder(folder) and sys.list(folder) or {}) do
    if name:match "%.lua$" or sys.exists(folder .. "/" .. name .. "/init.lua") then add((name:gsub("%.lua$", ""))) end
  end
  table.sort(names)
  return names
end

setmetatable(calr, {
  __index = function(self, name)
    if name == "no_grad" then
      self.no_grad = require("calr.autograd").no_grad
      return self.no_grad
    end
    local module = "calr." .. tostring(name)
    if not package.preload[module] and not package.searchpath(module, package.path) then
      local near = sys.nearest(tostring(name), parts())
      local hint = near and (" (did you mean \"%s\"?)"):format(near) or ""
      error(("calr has no part \"%s\"%s"):format(tostring(name), hint), 2)
    end
    local part = require(module)
    rawset(self, name, part)
    return part
  end,
})

return calr
