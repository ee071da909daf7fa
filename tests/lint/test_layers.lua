-- The arrows of the architecture: who may see whom, read from the includes of the C files and from what the Lua files
-- load; and which library belongs to whom.
package.path = os.getenv "CALR_TEST_SOURCE" .. "/tests/lint/?.lua;" .. package.path
local check = require "check"
local requires = require "requires"
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
  embed = { "base" }, -- layouts of features in the plane
  bank = { "backend", "tensor", "base" },
  rank = { "neighbours", "backend", "tensor", "base" }, -- re-ranking uses the k-reciprocal sets of neighbours
  image = { "tensor", "base" },
  store = { "os", "tensor", "base" },
  loader = { "store", "image", "os", "tensor", "base" },
  binding = { "loader", "store", "image", "rank", "bank", "tune", "embed", "cluster", "neighbours", "labels",
    "autograd", "backend", "files", "tensor", "os", "base" },
  host = { "binding", "backend", "os", "base" },
}

-- Header (Lua pattern) -> folders that may include it.
local libraries = {
  { "^lua%.h$", "binding", "host" }, { "^lauxlib%.h$", "binding", "host" }, { "^lualib%.h$", "binding", "host" },
  { "^lmdb%.h$", "store" }, { "^turbojpeg%.h$", "image" },
  { "^jpeglib%.h$", "image" },
  { "^png%.h$", "image" },
  { "dnnl", "backend/cpu" }, { "^f?cblas", "backend/cpu" },
  { "^omp%.h$", "base", "backend/cpu" }, { "^xxhash%.h$", "base" },
  { "^jansson%.h$", "binding", "files" }, { "^zip%.h$", "files" }, { "^histedit%.h$", "host" },
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
  check.none(problems)
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
  check.none(problems)
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
  check.none(problems)
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
  check.none(problems)
end)

-- ---- Lua ----

-- Floors from the bottom, each with its rooms; a room is a list of modules, by the first name behind the floor's, and
-- `sees`: the rooms of the same floor that it may load from. It may load all of the floors below and of the engine.
local floors = {
  { name = "calr", rooms = {
    tools = { "errors", "form", "options", "protobuf", "tables", "tensorboard", "text", "traceback", "userfile",
      sees = {} },
    context = { "config", "context", "phases", "progress", sees = { "tools" } },
    tensors = { "autograd", "csv", "labels", "vocabulary", sees = { "tools" } },
    nn = { "nn", sees = { "tensors", "tools" } },
    models = { "models", sees = { "nn", "tensors", "context", "tools" } },
    optim = { "optim", sees = { "tensors", "tools" } },
    loss = { "loss", sees = { "nn", "tensors", "tools" } },
    memory = { "memory", sees = { "optim", "tensors", "tools" } },
    embed = { "embed", sees = { "tensors", "context", "tools" } },
    data = { "batches", "data", sees = { "tensors", "context", "tools" } },
    refine = { "refine", sees = { "tensors", "context", "tools" } },
    statistics = { "statistics", sees = { "tools" } },
    run = { "run", sees = { "context", "tools" } },
    weights = { "weights", sees = { "run", "tools" } }, -- a run folder stands for the weights of its network
    pipeline = { "pipeline", sees = { "weights", "run", "refine", "statistics", "data", "memory", "loss", "optim",
      "models", "nn", "tensors", "context", "tools" } },
    trained = { "trained", sees = { "pipeline", "weights", "run", "models", "context", "tools" } },
  } },
  { name = "calr.lab", rooms = {
    study = { "study", sees = {} },
    pictures = { "pictures", sees = {} },
    report = { "report", sees = { "study", "pictures" } },
    refine = { "refine", sees = {} },
    cluster = { "cluster", sees = {} },
    retrieval = { "retrieval", sees = { "cluster" } },
    bench = { "bench", sees = {} },
    discover = { "discover", sees = {} },
    export = { "export", sees = {} },
  } },
  { name = "calr.program", rooms = {
    tools = { "arguments", "dry_run", "help", "model", "profile", "resume", "trust", sees = {} },
    docs = { "docs", sees = {} },
    shell = { "shell", sees = {} },
    command = { "command", sees = { "docs", "shell", "tools" } },
    prompt = { "prompt", sees = { "docs" } },
    main = { "main", sees = { "command", "prompt", "shell", "tools" } },
  } },
}

-- The doors load whatever a script names: `calr.nn` is require "calr.nn". Nothing of the library or the lab goes
-- through them, because all of it stands behind them.
local doors = { ["calr"] = 3, ["calr.lab"] = 2 } -- and the floor from which they may be used

local modules = requires.read()

-- The floor (its number) and the room of a module; the room is nil when the table does not know it.
local function place(name)
  for number = #floors, 1, -1 do
    local head = floors[number].name .. "."
    if name:sub(1, #head) == head then
      local first = name:sub(#head + 1):match "^[^.]+"
      for room, list in pairs(floors[number].rooms) do
        for _, module in ipairs(list) do
          if module == first then return number, room end
        end
      end
      return number, nil
    end
  end
end

local function sees(floor, room, other)
  if room == other then return true end
  for _, name in ipairs(floors[floor].rooms[room].sees) do
    if name == other then return true end
  end
  return false
end

-- The modules that a load may mean: itself, or all whose names begin so.
local function meant(load)
  local list = {}
  for name in pairs(modules) do
    if name == load.name or load.prefix and name:sub(1, #load.name) == load.name then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

local function each(fn)
  local names = {}
  for name in pairs(modules) do
    if not doors[name] then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do fn(name, modules[name]) end
end

check.test("every module has a room, every room has modules, and every load can be read", function()
  local problems, seen = {}, {}
  each(function(name, module)
    local floor, room = place(name)
    if not room then
      problems[#problems + 1] = ("%s has no room: give it one in tests/lint/test_layers.lua"):format(module.path)
    else
      seen[floor .. room] = true
    end
    for _, line in ipairs(module.unread) do
      problems[#problems + 1] = ("%s:%d: what this loads cannot be read: begin it with the name as a string"):format(
        module.path, line)
    end
  end)
  for number, floor in ipairs(floors) do
    for room in pairs(floor.rooms) do
      if not seen[number .. room] then
        problems[#problems + 1] = ("%s: the room %s is empty"):format(floor.name, room)
      end
    end
  end
  check.none(problems)
end)

check.test("modules load what is below them", function()
  check.ok(next(modules) ~= nil)
  local problems = {}
  each(function(name, module)
    local floor, room = place(name)
    for _, load in ipairs(module.loads) do
      local list = meant(load)
      local where = ("%s:%d: "):format(module.path, load.line)
      if #list == 0 and load.name:match "^calr%f[^%w_]" and not package.preload[load.name] then
        problems[#problems + 1] = ("%sthere is no module %s under this name"):format(where, load.name)
      end
      for _, other in ipairs(list) do
        local other_floor, other_room = place(other)
        if doors[other] then
          if floor < doors[other] then
            problems[#problems + 1] = ("%s%s loads anything: name the module"):format(where, other)
          end
        elseif other_floor > floor or other_floor == floor and room and not sees(floor, room, other_room) then
          problems[#problems + 1] = ("%s%s may not see %s"):format(where, name, other)
        end
      end
    end
  end)
  check.none(problems)
end)

check.test("the library names neither the lab nor the program, the lab not the program", function()
  local problems = {}
  local aliases = requires.aliases()
  each(function(name, module)
    for _, mention in ipairs(module.names) do
      local floor = place(requires.resolve(aliases, mention.name)) or 1
      if floor > place(name) then
        problems[#problems + 1] = ("%s:%d: names %s, which is above it"):format(module.path, mention.line, mention.name)
      end
    end
  end)
  check.none(problems)
end)

check.test("no circle among modules, loads inside functions included", function()
  local edges = {}
  each(function(name, module)
    edges[name] = {}
    for _, load in ipairs(module.loads) do
      for _, other in ipairs(meant(load)) do
        if other ~= name or not load.prefix then edges[name][other] = true end
      end
    end
  end)
  local circle = requires.circle(edges)
  check.ok(not circle, circle and table.concat(circle, " -> "))
end)

check.test("the table itself points down only", function()
  for _, floor in ipairs(floors) do
    local edges = {}
    for room, list in pairs(floor.rooms) do
      edges[room] = {}
      for _, other in ipairs(list.sees) do
        check.ok(floor.rooms[other], ("%s: %s sees %s, which is no room"):format(floor.name, room, other))
        edges[room][other] = true
      end
    end
    local circle = requires.circle(edges)
    check.ok(not circle, circle and table.concat(circle, " -> "))
  end
end)

check.finish()
