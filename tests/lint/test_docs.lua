-- Every function that a script can reach is documented where it is defined.
local check = require "check"
local read = require "calr.program.docs.read"
local sys = require "calr.sys"

local modules = read.modules(os.getenv "CALR_TEST_SOURCE")

local names, methods = {}, {}
-- Documented under their public names, found under their paths.
local public = { "bench", "export", "report", "study" }

for _, module in ipairs(modules) do
  for _, item in ipairs(module.functions) do
    names[item.name] = true
    local word = item.name:match "^calr%.([%w_]+)$" -- a function of tensors is found in their module
    if word then
      names["calr.tensor." .. word] = true
      names[module.name .. "." .. word] = true
    end
    for _, part in ipairs(public) do
      local rest = item.name:match("^calr%." .. part .. "(%A.*)$")
      if rest then names["calr.lab." .. part .. rest] = true end
    end
    local method = item.name:match "[:%.]([%w_]+)$"
    methods[method] = true
  end
end

-- Names of all modules: the engine's and the Lua files.
local function module_names()
  local list = {}
  for name in pairs(package.preload) do
    if name:match "^calr%." then list[#list + 1] = name end
  end
  local function walk(folder, prefix)
    for _, name in ipairs(sys.list(folder)) do
      local path = folder .. "/" .. name
      if sys.is_folder(path) then
        walk(path, prefix .. name .. ".")
      elseif name == "init.lua" then
        list[#list + 1] = prefix:sub(1, -2)
      elseif name:match "%.lua$" then
        list[#list + 1] = prefix .. name:gsub("%.lua$", "")
      end
    end
  end
  walk(sys.paths.lua .. "/calr", "calr.")
  table.sort(list)
  return list
end

local function is_function(value)
  return type(value) == "function"
end

-- A table whose functions are methods of objects.
local function is_class(value)
  return type(value) == "table" and rawget(value, "__index") == value
end

check.test("every module loads and says what it is", function()
  local problems = {}
  local documented = {}
  for _, module in ipairs(modules) do documented[module.name] = module.text ~= "" end
  for _, name in ipairs(module_names()) do
    local ok, message = pcall(require, name)
    if not ok then problems[#problems + 1] = name .. ": " .. tostring(message) end
    if not documented[name] then problems[#problems + 1] = name .. ": no @module block with a description" end
  end
  check.none(problems)
end)

check.test("every function of a module is documented", function()
  local problems, count = {}, 0
  local known = {} -- functions that are documented under some name
  local function visit(module_name, module, fn)
    for key, value in pairs(module) do
      if type(key) == "string" and key:sub(1, 1) ~= "_" then
        if is_function(value) then
          fn(module_name .. "." .. key, value)
        elseif is_class(value) then
          for method, body in pairs(value) do
            if is_function(body) and method:sub(1, 1) ~= "_" then
              fn(module_name .. "." .. key .. ":" .. method, body, method)
            end
          end
        end
      end
    end
  end
  local function each(fn)
    for _, name in ipairs(module_names()) do
      local ok, module = pcall(require, name)
      if ok and type(module) == "table" then visit(name, module, fn) end
    end
  end
  each(function(name, value) if names[name] then known[value] = true end end)
  each(function(name, value, method)
    count = count + 1
    if not names[name] and not known[value] and not (method and methods[method]) then
      problems[#problems + 1] = name
      known[value] = true
    end
  end)
  check.ok(count > 100)
  check.none(problems)
end)

check.test("every method of an engine object is documented", function()
  local problems = {}
  for kind, meta in pairs(debug.getregistry()) do
    local list = type(meta) == "table" and (meta.methods or meta.__index)
    if type(kind) == "string" and kind:match "^calr%." and type(list) == "table" then
      local class = kind:match "([%w_]+)$"
      for method in pairs(list) do
        if not names[class .. ":" .. method] and not methods[method] then
          problems[#problems + 1] = class .. ":" .. tostring(method)
        end
      end
    end
  end
  check.none(problems)
end)

check.test("what is documented exists", function()
  local problems = {}
  for _, module in ipairs(modules) do
    local ok, loaded = pcall(require, module.name)
    for _, item in ipairs(ok and type(loaded) == "table" and module.functions or {}) do
      local key = item.name:sub(1, #module.name + 1) == module.name .. "." and item.name:sub(#module.name + 2)
      if key and key:match "^[%w_]+$" and loaded[key] == nil then
        problems[#problems + 1] = ("%s:%d: %s"):format(item.file, item.line, item.name)
      end
    end
  end
  check.none(problems)
end)

check.finish()
