-- Every function of the library that has a page counts its arguments (calr.options.counted): none is forgotten, because
-- the pages name them all.
local check = require "check"
local read = require "calr.program.docs.read"
local sys = require "calr.sys"
local write = require "calr.program.docs.write"

local root = os.getenv "CALR_TEST_SOURCE"

-- The line of the function that a block of documentation stands above; nil where it stands above something else.
local function definition(lines, first)
  local i = first
  while lines[i] and lines[i]:match "^%-%-%-" do i = i + 1 end
  return (lines[i] or ""):match "^local function " and i or (lines[i] or ""):match "^function " and i
end

local function lines_of(path)
  local lines = {}
  for line in (sys.read_file(path) .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  return lines
end

local function is_counted_here(file)
  return file:match "^lua/.*%.lua$" and not file:match "^lua/calr/vocabulary/"
end

-- "file:line" of a definition -> its name, for all functions of the library that stand on a page. Not for those of
-- calr.vocabulary, whose arguments the engine counts.
local function documented()
  local found, count = {}, 0
  for _, page in ipairs(write.pages(read.modules(root))) do
    for _, item in ipairs(page.functions) do
      local line = is_counted_here(item.file) and definition(lines_of(root .. "/" .. item.file), item.line)
      if line then
        require((item.file:match "^lua/(.*)%.lua$":gsub("/init$", ""):gsub("/", ".")))
        found[item.file .. ":" .. line], count = item.name, count + 1
      end
    end
  end
  return found, count
end

local function place(fn)
  local info = debug.getinfo(fn, "Su")
  local file = info.source:match "^@.*/(lua/calr/.*)$"
  return file and file .. ":" .. info.linedefined, info
end

-- Walks through all that the loaded modules hold. Calls see(key, fn) for the functions that are fields of tables.
local function walk(see)
  local seen, queue = {}, {}
  local function add(value)
    local kind = type(value)
    if (kind == "table" or kind == "function") and not seen[value] then
      seen[value] = true
      queue[#queue + 1] = value
    end
  end
  for name, module in pairs(package.loaded) do
    if name:match "^calr" then add(module) end
  end
  while #queue > 0 do
    local value = table.remove(queue)
    if type(value) == "table" then
      for key, item in next, value do
        if type(item) == "function" then see(key, item) end
        add(key)
        add(item)
      end
      add(getmetatable(value))
    elseif debug.getinfo(value, "S").what ~= "C" then
      for i = 1, 255 do
        local name, item = debug.getupvalue(value, i)
        if not name then break end
        add(item)
      end
    end
  end
end

-- The function that a counting one counts for; itself for any other.
local function counted_by(fn)
  for i = 1, 255 do
    local name, inner = debug.getupvalue(fn, i)
    if not name then return fn end
    if name == "fn" then return inner end
  end
end

local looks_at_its_caller = "calr.options.counted"

check.test("every function on a page counts its arguments", function()
  local public, count = documented()
  check.ok(count > 200, "documented functions were found: " .. count)
  local reached, problems = {}, {}
  walk(function(key, fn)
    local where, info = place(fn)
    local signature = where and public[where]
    if signature and signature:match "[%w_]+$" == key then
      reached[where] = true
      local counts = info.isvararg or signature == looks_at_its_caller
      if not counts then problems[#problems + 1] = ("%s (%s)"):format(signature, where) end
    elseif where and where:match "^lua/calr/options%.lua:" then
      reached[place(counted_by(fn)) or ""] = true
    end
  end)
  table.sort(problems)
  for where, signature in pairs(public) do
    if not reached[where] then problems[#problems + 1] = ("not reached: %s (%s)"):format(signature, where) end
  end
  check.equal(table.concat(problems, "\n"), "")
end)

check.test("what they say", function()
  local study = require "calr.lab.study"
  check.fails("calr.study(name) takes at most 1 argument, and 2 were given", study, "name", {})
  check.fails("calr.study(name)(options) takes at most 1 argument, and 2 were given", study "name", {}, 1)
  check.fails("calr.study.float(low, high, extra) takes at most 3 arguments, and 4 were given", study.float, 1, 2, 1, 1)
  check.fails("calr.bench.names() takes no arguments, and 1 was given", require("calr.lab.bench").names, true)
  check.fails("calr.context.current() takes no arguments, and 1 was given", require("calr.context").current, 1)
  check.fails("calr.nn.mean_teacher(net, options) takes at most 2 arguments, and 3 were given",
    require("calr.nn").mean_teacher, {}, {}, 1)
end)

check.finish()
