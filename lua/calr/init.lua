--- @module calr
--- The engine and its Lua library: `local calr = require "calr"`. A part is loaded when it is first named:
--- `calr.tensor` is `require "calr.tensor"`, and so on.
--- Every function of tensors is `calr.NAME` too: `calr.relu(x)` is `x:relu()` (calr.tensor lists them).
--- @field version  string; of the program

--- calr.no_grad(fn, ...)
--- Calls fn(...) without recording; the same as calr.autograd.no_grad.
--- @return any  what fn returns

--- calr.gradcheck(fn, inputs [, eps, atol, rtol])
--- Compares the gradients of fn with finite differences; the same as calr.autograd.gradcheck.
--- @param fn      function(...) of the inputs
--- @param inputs  a tensor, or a list
--- @param eps     number
--- @param atol    number
--- @param rtol    number
--- @return boolean  true

-- In a Lua that is not the program calr, whose package.path has led here before its package.cpath to calr.so.
if not package.preload["calr.sys"] then
  local library, tried = package.searchpath("calr", package.cpath)
  if not library then error("calr needs its engine, calr.so, on package.cpath (LUA_CPATH):" .. tried, 2) end
  assert(package.loadlib(library, "luaopen_calr_start"))()
end

local suggest = require "calr.options".suggest
local sys = require "calr.sys"

-- Public names of modules on another floor: `calr.study` is `calr.lab.study`. `require "calr.study"` works
-- too, and so do the names of their parts.
local public = {
  bench = "calr.lab.bench",
  export = "calr.lab.export",
  report = "calr.lab.report",
  study = "calr.lab.study",
}

-- Names of calr 0.1, which stay valid for one release (docs/CHANGES.md).
local former = {
  ["calr.cli"] = "calr.program.command",
  ["calr.clusterers"] = "calr.lab.cluster",
  ["calr.docs"] = "calr.program.docs",
  ["calr.draw"] = "calr.paint",
  ["calr.ops"] = "calr.tensor",
  ["calr.optimizer"] = "calr.optim.step",
  ["calr.run.resume"] = "calr.program.resume",
  ["calr.sampler"] = "calr.batches",
  ["calr.search"] = "calr.tune",
  ["calr.shell.arguments"] = "calr.program.arguments",
  ["calr.shell.errors"] = "calr.errors",
  ["calr.shell.launch"] = "calr.context",
  ["calr.shell.main"] = "calr.program.main",
  ["calr.shell.repl"] = "calr.program.prompt",
  ["calr.study.store"] = "calr.lab.study.record",
  ["calr.workbench"] = "calr.lab.refine",
}
for name, module in pairs(public) do former["calr." .. name] = module end

-- The module that a name of the tables above, or of a part of one, stands for; nil for every other name.
local function resolve(name)
  local rest = ""
  while name do
    if former[name] then return former[name] .. rest end
    local above, last = name:match "^(.+)(%.[^.]+)$"
    name, rest = above, (last or "") .. rest
  end
end

-- Looked up before the files, so that a former name never loads a module a second time.
table.insert(package.searchers, 2, function(name)
  local module = name:match "^calr%." and resolve(name)
  if module then return function() return require(module) end, module end
end)

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
  for name in pairs(public) do add(name) end
  for name in pairs(require "calr.tensor") do add(name) end
  for _, name in ipairs(require("calr.vocabulary").names()) do add(name) end
  for name in pairs(package.preload) do add(name:match "^calr%.([%w_]+)$") end
  local folder = sys.paths and sys.paths.lua .. "/calr"
  for _, name in ipairs(folder and sys.is_folder(folder) and sys.list(folder) or {}) do
    if name:match "%.lua$" or sys.exists(folder .. "/" .. name .. "/init.lua") then add((name:gsub("%.lua$", ""))) end
  end
  table.sort(names)
  return names
end

-- The function of tensors of that name; or nil, and what comes near: "x:NAME(...)" if it is a method alone.
local function word_of(name)
  local tensor = require "calr.tensor"
  local known = rawget(tensor, name)
  if known then return known end
  return require("calr.vocabulary").find(tensor, name)
end

setmetatable(calr, {
  __index = function(self, name)
    if name == "no_grad" or name == "gradcheck" then
      rawset(self, name, require("calr.autograd")[name])
      return self[name]
    end
    local module = "calr." .. tostring(name)
    if not resolve(module) and not package.preload[module] and not package.searchpath(module, package.path) then
      local word, near = word_of(name)
      if word then
        rawset(self, name, word)
        return word
      end
      local method = near and near:find ":"
      local hint = method and (": a tensor has it, %s"):format(near) or suggest(tostring(name), parts())
      error(("calr has no part \"%s\"%s"):format(tostring(name), hint), 2)
    end
    local part = require(module)
    rawset(self, name, part)
    return part
  end,
})

return calr
