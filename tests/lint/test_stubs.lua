-- The stubs for editors: they load, their annotations are well formed, and what they leave untyped is little.
package.path = os.getenv "CALR_TEST_SOURCE" .. "/tests/lint/?.lua;" .. package.path
local calr = require "calr"
local check = require "check"
local read = require "calr.program.docs.read"
local sources = require "sources"
local stubs = require "calr.program.docs.stubs"
local write = require "calr.program.docs.write"

local pages = write.pages(read.modules(sources.root))
local classes = stubs.classes(pages)
local texts = {}
for _, page in ipairs(pages) do texts[page.name] = stubs.make(page, pages, classes) end

-- A check of annotations, in place of the Lua language server, which no package of ours has.
local declared = {}
for _, word in ipairs { "any", "nil", "boolean", "string", "number", "integer", "table", "function" } do
  declared[word] = true
end
for _, text in pairs(texts) do
  for class in text:gmatch "%-%-%-@class ([%w_.]+)" do declared[class] = true end
end

-- What is wrong with a type, or nil.
local function type_problem(kind)
  kind = kind:gsub("%?$", "")
  if kind:match "^fun%b()" then
    for _, inner in kind:match("^fun(%b())"):sub(2, -2):gmatch "([%w_.]+)%??: ([^,]+)" do
      local problem = type_problem(inner)
      if problem then return problem end
    end
    local result = kind:match "^fun%b(): (.+)$"
    return result and type_problem(result)
  end
  for part in kind:gmatch "[^|]+" do
    local name = part:gsub("%[%]$", "")
    local value = name:match "^table<string, ([%w_.]+)>$"
    if value then name = value end
    if not name:match "^\"[^\"]*\"$" and not declared[name] then return ("no type \"%s\""):format(part) end
  end
end

-- The type at the head of what follows a name.
local function cut_type(rest)
  if rest:match "^fun%(" then return rest:match "^fun%b():? ?[^ ]*" end
  if rest:match "^table<" then return rest:match "^table<[^>]*>[^ ]*" end
  local kind, at = "", 1
  repeat -- strings in quotes may hold spaces
    local part = rest:match("^\"[^\"]*\"|?", at) or rest:match("^[^ |\"]+|?", at) or ""
    kind, at = kind .. part, at + #part
  until part:sub(-1) ~= "|"
  return kind
end

-- fn(tag, rest, line number) for each annotation, and fn("function", arguments, number) for each declaration.
local function each_line(text, fn)
  sources.lines(text, function(line, number)
    local tag, rest = line:match "^%-%-%-@(%a+) ?(.*)$"
    local arguments = line:match "^function [%w_.:]+(%b()) end$"
    if tag then fn(tag, rest, number) end
    if arguments then fn("function", arguments:sub(2, -2), number) end
  end)
end

check.test("every stub is Lua that runs, and touches no global", function()
  for name, text in pairs(texts) do
    local chunk = assert(load(text, "=" .. name, "t", setmetatable({}, { __index = function(_, key)
      error(("%s: a stub uses the global %s"):format(name, key), 2)
    end })))
    check.ok(type(chunk()) == "table", name)
  end
end)

check.test("annotations name types that exist and arguments that the function has", function()
  local problems = {}
  for name, text in pairs(texts) do
    local params = {}
    each_line(text, function(tag, rest, number)
      local function complain(format, ...)
        problems[#problems + 1] = ("%s:%d: %s"):format(name, number, format:format(...))
      end
      if tag == "param" or tag == "field" then
        if rest:match "^%[string%] " then rest = rest:gsub("[%[%]]", "", 2) end
        local argument, after = rest:match "^([%w_.]+)%?? (.*)$"
        if not argument then return complain("no name and type: %s", rest) end
        if tag == "param" then params[#params + 1] = argument end
        local problem = type_problem(cut_type(after))
        if problem then complain("%s: %s", argument, problem) end
      elseif tag == "return" then
        local problem = type_problem(cut_type(rest))
        if problem then complain("return: %s", problem) end
      elseif tag == "overload" then
        local problem = type_problem(rest)
        if problem then complain("overload: %s", problem) end
      elseif tag == "class" then
        local parent = rest:match ": ([%w_.]+)$"
        if parent and not declared[parent] then complain("no class %s", parent) end
      elseif tag == "operator" then
        local kind, result = rest:match "^%l+%((.-)%): ([%w_]+)$"
        local problem = kind and type_problem(kind) or not declared[result or rest:match ": ([%w_]+)$"] and "no result"
        if problem then complain("operator %s: %s", rest, problem) end
      elseif tag == "function" then
        local listed = table.concat(params, ", ")
        if listed ~= rest then complain("(%s) is annotated as (%s)", rest, listed) end
        params = {}
      elseif tag ~= "meta" then
        complain("unknown annotation @%s", tag)
      end
    end)
  end
  check.none(problems)
end)

check.test("few arguments and options are left without a type", function()
  local untyped, all = {}, 0
  for name, text in pairs(texts) do
    each_line(text, function(tag, rest, number)
      if tag ~= "param" and tag ~= "field" or rest:match "^%.%.%." then return end
      all = all + 1
      if rest:match "^[%w_]+%?? any%f[^%w|]" and not rest:match "^[%w_]+%?? any any" then
        untyped[#untyped + 1] = ("%s:%d: %s"):format(name, number, rest)
      end
    end)
  end
  check.ok(all > 800, all)
  -- Say the type at the head of the @param (calr.program.docs.types), "any" where every value is taken.
  if #untyped > 10 then check.none(untyped) end
end)

check.test("the class tensor has every method and operator that tensors have", function()
  local meta = getmetatable(calr.tensor.zeros { 1 })
  local all = table.concat { texts["calr.tensor"], texts["calr.autograd"] }
  local problems = {}
  for method in pairs(meta.methods) do
    local found = all:find("\nfunction tensor:" .. method .. "(", 1, true)
    if not found then problems[#problems + 1] = "tensor:" .. method end
  end
  for key in pairs(meta) do
    local name = key:match "^__(%l+)$"
    local inner = { call = 1, close = 1, gc = 1, index = 1, mode = 1, name = 1, newindex = 1, tostring = 1, len = 1,
      pairs = 1, metatable = 1, lt = 1, le = 1, concat = 1 }
    if name and not inner[name] and not all:find("\n---@operator " .. name .. "%f[%A]") then
      problems[#problems + 1] = "operator " .. name
    end
  end
  check.ok(all:find("\nfunction tensor:relu()", 1, true))
  check.ok(all:find("\n---@operator add(tensor|number): tensor", 1, true))
  check.none(problems)
end)

check.test("every function of a public module is declared", function()
  local problems = {}
  for _, page in ipairs(pages) do
    for key, value in pairs(require(page.name)) do
      if type(key) == "string" and type(value) == "function" and key:sub(1, 1) ~= "_" then
        local name = key:match "^(end)$" or key
        if not texts[page.name]:find("\nfunction M." .. name .. "(", 1, true) then
          problems[#problems + 1] = page.name .. "." .. key
        end
      end
    end
  end
  check.none(problems)
end)

-- ---- against the running program ----

-- The parameters that a stub declares for a function of a module ("M.name") or a method ("tensor:name").
local function declared_parameters(name)
  for _, text in pairs(texts) do
    local list = text:match("\nfunction " .. name:gsub("%p", "%%%0") .. "%(([^\n]*)%) end\n")
    if list and name:find ":" then return list end
  end
end

-- The parameters that a function of the program itself has, without self: those of the engine's functions are in the
-- message about too many, which comes before anything runs; those of Lua are in its debug information, behind the
-- function that counts arguments. nil where any number is taken.
local function real_parameters(fn, is_method)
  local info = debug.getinfo(fn, "uS")
  if info.what == "C" then
    local _, count = debug.getupvalue(fn, 2)
    if math.type(count) ~= "integer" or count < 0 then return nil end
    local many = {}
    for i = 1, count + 1 do many[i] = true end
    local _, message = pcall(fn, table.unpack(many))
    local list = tostring(message):match "%((.-)%) takes "
    if not list then return tostring(message):find("takes no argument", 1, true) and "" or nil end
    return (list:gsub("[%[%]]", ""):gsub("%s*,%s*", ", "):gsub("^, ", ""))
  end
  local i = 1
  while info.isvararg and debug.getupvalue(fn, i) do
    local name, inner = debug.getupvalue(fn, i)
    if name == "fn" and type(inner) == "function" then return real_parameters(inner, is_method) end
    i = i + 1
  end
  if info.isvararg then return nil end
  local list = {}
  for k = is_method and 2 or 1, info.nparams do list[#list + 1] = debug.getlocal(fn, k) end
  return table.concat(list, ", ")
end

-- How many names a list has.
local function count_of(list)
  return select(2, list:gsub("[%w_]+", ""))
end

-- Whether two lists name the same; the stub says `options` for what stands in braces.
local function same_names(stub, real)
  local names = stub:gmatch "[%w_]+"
  for name in real:gmatch "[%w_]+" do
    local declared_name = names()
    if declared_name ~= name and declared_name ~= name .. "_" and declared_name ~= "options" then return false end
  end
  return true
end

-- The names of the engine's arguments are the stub's: messages show them. Lua's locals may have others, but none is
-- left out or invented. A signature with "..." takes any number.
local function compare(problems, name, stub, fn, is_method)
  local real = stub and not stub:find("...", 1, true) and real_parameters(fn, is_method)
  if not real then return false end
  local is_engine = debug.getinfo(fn, "S").what == "C"
  if count_of(stub) ~= count_of(real) or is_engine and not same_names(stub, real) then
    problems[#problems + 1] = ("%s(%s) is declared, and takes (%s)"):format(name, stub, real)
  end
  return true
end

check.test("functions of modules have the parameters that their stubs declare", function()
  local problems, count = {}, 0
  for _, page in ipairs(pages) do
    for key, value in pairs(require(page.name)) do
      if type(key) == "string" and type(value) == "function" and key:sub(1, 1) ~= "_" then
        local stub = texts[page.name]:match("\nfunction M%." .. key .. "_?%(([^\n]*)%) end\n")
        if compare(problems, page.name .. "." .. key, stub, value) then count = count + 1 end
      end
    end
  end
  check.ok(count > 300, count)
  check.none(problems)
end)

check.test("methods have the parameters that their stubs declare; every word has a stub", function()
  local problems, count = {}, 0
  local vocabulary = require "calr.vocabulary"
  local function visit(class, methods)
    for key, value in pairs(methods) do
      if type(key) == "string" and type(value) == "function" and key:sub(1, 1) ~= "_" then
        local name = class .. ":" .. key
        local stub = declared_parameters(name)
        if compare(problems, name, stub, value, true) then count = count + 1 end
      end
    end
  end
  local methods = getmetatable(calr.tensor.zeros { 1 }).methods
  for _, word in ipairs(vocabulary.names()) do
    local as_method = vocabulary.find(methods, word)
    if as_method and not declared_parameters("tensor:" .. word) then problems[#problems + 1] = "tensor:" .. word end
    for _, page in ipairs { "calr", "calr.tensor" } do
      local found = texts[page]:find("\nfunction M." .. word .. "(", 1, true)
      if not found then problems[#problems + 1] = page .. "." .. word end
    end
    if as_method then methods[word] = methods[word] or as_method end
  end
  for kind, meta in pairs(debug.getregistry()) do
    local list = type(kind) == "string" and kind:match "^calr%." and type(meta) == "table"
      and (meta.methods or meta.__index)
    if type(list) == "table" then visit(kind:match "([%w_]+)$", list) end
  end
  visit("layer", calr.nn.Module)
  check.ok(count > 200, count)
  check.none(problems)
end)

check.test("what the guides and experiments name is public", function()
  local public, parts = {}, {}
  for _, page in ipairs(pages) do public[page.name] = true end
  for name in pairs(public) do
    for above in name:gmatch "()%." do parts[name:sub(1, above - 1)] = true end
  end
  -- The keys of an exported network's metadata look like names of modules.
  for key in sources.read("lua/calr/lab/export/init.lua"):gmatch '"(calr%.%l+)"' do public[key] = true end
  for _, key in ipairs { "source", "fingerprint" } do public["calr." .. key] = true end -- of the command line
  local problems, count = {}, 0
  local files = sources.list("docs/guide", "%.md$")
  for _, folder in ipairs { "experiments", "datasets" } do
    for _, path in ipairs(sources.list(folder, "%.lua$")) do files[#files + 1] = path end
  end
  files[#files + 1] = "README.md"
  for _, path in ipairs(files) do
    for name in sources.read(path):gmatch "%f[%w]calr(%.[%l%d_.]+)" do
      local module = "calr" .. name:gsub("%.md$", ""):gsub("%.+$", "")
      local word = module:match "^calr%.([%w_]+)"
      local line = word and "\nfunction M." .. word .. "("
      local is_word = word and (texts["calr.tensor"]:find(line, 1, true) or texts.calr:find(line, 1, true))
      local is_file = module:match "^calr%.lua" or module:match "^calr%.so" or module == "calr.1"
      if not is_file and not is_word then
        count = count + 1
        while module:find "%." and not public[module] and not parts[module] do module = module:match "^(.*)%." end
        if module == "calr" then problems[#problems + 1] = path .. ": calr" .. name end
      end
    end
  end
  check.ok(count > 50, count)
  check.none(problems)
end)

check.finish()
