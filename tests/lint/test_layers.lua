-- The arrows of the architecture, read from the includes: who may see whom, and which library belongs to whom.
package.path = os.getenv "CALR_TEST_SOURCE" .. "/tests/lint/?.lua;" .. package.path
local check = require "check"
local sources = require "sources"

local below = {
  base = {},
  os = { "base" },
  tensor = { "base" },
  files = { "tensor", "os", "base" },
  labels = { "base" },
  backend = { "tensor", "base" },
  autograd = { "backend", "tensor", "base" },
  neighbours = { "labels", "backend", "tensor", "base" },
  cluster = { "neighbours", "labels", "backend", "tensor", "base" },
  tune = { "base" }, -- the arithmetic of the samplers of studies
  bank = { "backend", "tensor", "base" },
  rank = { "neighbours", "backend", "tensor", "base" }, -- re-ranking uses the k-reciprocal sets of neighbours
  image = { "tensor", "base" },
  store = { "os", "tensor", "base" },
  loader = { "store", "image", "tensor", "base" },
  binding = { "loader", "store", "image", "rank", "bank", "tune", "cluster", "neighbours", "labels", "autograd",
    "backend", "files", "tensor", "os", "base" },
  host = { "binding", "os", "base" },
}

-- Header (Lua pattern) -> folders that may include it.
local libraries = {
  { "^lua%.h$", "binding", "host" }, { "^lauxlib%.h$", "binding", "host" }, { "^lualib%.h$", "binding", "host" },
  { "^lmdb%.h$", "store" }, { "^turbojpeg%.h$", "image" },
  { "^jpeglib%.h$", "image" },
  { "^png%.h$", "image" },
  { "dnnl", "backend/cpu" }, { "^f?cblas", "backend/cpu" },
  { "^omp%.h$", "base", "backend/cpu" }, { "^xxhash%.h$", "base" },
  { "^jansson%.h$", "binding", "files" }, { "^zip%.h$", "files" }, { "^editline", "host" },
}

-- Calls (Lua pattern on code without comments and strings) -> where they are allowed.
local calls = {
  { "%f[%w_]abort%s*%(" }, { "%f[%w_]exit%s*%(" },
  { "%f[%w_]longjmp%s*%(", "image/png.c" }, -- libpng's way to report; caught in the same file
  { "%f[%w_]v?printf%s*%(" }, { "%f[%w_]puts%s*%(" }, { "%f[%w_]fprintf%s*%(%s*std", "host" },
  { "#%s*pragma%s+omp%s+parallel", "base/parallel.c" }, { "#%s*pragma%s+omp%s+task", "base/parallel.c" },
  { "%f[%w_]luaL?_[%a]+%s*%(", "binding", "host" },
}

local function allowed(path, rule)
  for i = 2, #rule do
    if path:sub(1, #rule[i]) == rule[i] then return true end
  end
  return false
end

local files = sources.list("engine", "%.[ch]$")

local function module_of(path)
  return path:match "^engine/([^/]+)/"
end

local function report(problems)
  if #problems > 0 then error("\n  " .. table.concat(problems, "\n  "), 0) end
  check.ok(true)
end

check.test("modules include only what is below them", function()
  check.ok(#files > 20)
  local problems = {}
  for _, path in ipairs(files) do
    local module = module_of(path)
    if not below[module] then problems[#problems + 1] = path .. ": unknown module" end
    sources.lines(sources.read(path), function(line, number)
      local included = line:match "^%s*#%s*include%s*\"([^/\"]+)/"
      local ok = not included or included == module
      for _, name in ipairs(below[module] or {}) do ok = ok or included == name end
      if not ok then
        problems[#problems + 1] = ("%s:%d: %s may not see %s"):format(path, number, module, included)
      end
    end)
  end
  report(problems)
end)

-- What the calr_module() of a folder's CMakeLists.txt declares after USES.
local function declared(module)
  local text, names = sources.read("engine/" .. module .. "/CMakeLists.txt"), {}
  for name in (text:match "calr_module%b()" or ""):gsub("%s+PRIVATE.*", ""):match("%sUSES%s+(.-)%)?$"):gmatch "%a+" do
    names[name] = true
  end
  return names
end

check.test("CMake declares what is included and nothing more", function()
  local included, problems = {}, {}
  for _, path in ipairs(files) do
    local module = module_of(path)
    included[module] = included[module] or {}
    sources.lines(sources.read(path), function(line)
      local name = line:match "^%s*#%s*include%s*\"([^/\"]+)/"
      if below[name] and name ~= module then included[module][name] = true end
    end)
  end
  for module, names in pairs(included) do
    local uses = (module == "base" or module == "host") and names or declared(module) -- a program is no calr_module
    for name in pairs(below) do
      if not uses[name] ~= not names[name] then
        problems[#problems + 1] = ("engine/%s/CMakeLists.txt %s %s, which its files %s"):format(module,
          uses[name] and "declares" or "does not declare", name, names[name] and "include" or "do not include")
      end
    end
  end
  report(problems)
end)

check.test("each library has its folder", function()
  local problems = {}
  for _, path in ipairs(files) do
    sources.lines(sources.read(path), function(line, number)
      local header = line:match "^%s*#%s*include%s*[<\"]([^>\"]+)[>\"]"
      for _, rule in ipairs(header and libraries or {}) do
        if header:match(rule[1]) and not sources.exists_in_engine(header)
          and not allowed(path:sub(8), rule) then
          problems[#problems + 1] = ("%s:%d: %s belongs to engine/%s"):format(path, number, header,
            table.concat(rule, ", engine/", 2))
        end
      end
    end)
  end
  report(problems)
end)

check.test("the engine neither ends the program nor prints, and has one place for threads", function()
  local problems = {}
  for _, path in ipairs(files) do
    sources.lines(sources.code(sources.read(path)), function(line, number)
      for _, rule in ipairs(calls) do
        local found = line:match(rule[1])
        if found and not allowed(path:sub(8), rule) then
          problems[#problems + 1] = ("%s:%d: %s"):format(path, number, found)
        end
      end
    end)
  end
  report(problems)
end)

check.finish()
