-- Former and public names of modules, as lua/calr/init.lua lists them: each still answers to require, with the table
-- of the new name, and docs/CHANGES.md tells of it. Paths that comments, messages and pages name lead somewhere.
package.path = os.getenv "CALR_TEST_SOURCE" .. "/tests/lint/?.lua;" .. package.path
local calr = require "calr"
local check = require "check"
local requires = require "requires"
local sources = require "sources"
local sys = require "calr.sys"

local aliases, modules = requires.aliases(), requires.read()

-- fn(name, module) for each alias, or for the modules in its folder when it is one without init.lua.
local function each(fn)
  for name, module in pairs(aliases) do
    local head, found = module .. ".", modules[module] or package.preload[module]
    if found then fn(name, module) end
    for other in pairs(modules) do
      if other:sub(1, #head) == head then
        found = true
        fn(name .. other:sub(#module + 1), other)
      end
    end
    check.ok(found, ("%s stands for %s, which does not exist"):format(name, module))
  end
end

check.test("former and public names give the module of the new name, and so do their parts", function()
  local count = 0
  each(function(name, module)
    count = count + 1
    check.equal(require(name), require(module), name)
  end)
  check.ok(count > 50, "most of the lab has public names")
end)

check.test("public names are fields of calr", function()
  for name, module in pairs(aliases) do
    if module:match "^calr%.lab%.%w+$" then check.equal(calr[name:match "[^.]+$"], require(module), name) end
  end
end)

check.test("no alias hides a module", function()
  for name in pairs(aliases) do
    check.ok(not modules[name] and not package.preload[name], name .. " is a module as well")
  end
end)

check.test("docs/CHANGES.md tells of every former name", function()
  local text = sources.read "docs/CHANGES.md"
  for name, module in pairs(aliases) do
    check.ok(text:find("`" .. name .. "`", 1, true), name .. " is missing")
    local public = module:match "^calr%.lab%.%w+$" and name == "calr." .. module:match "%w+$"
    check.ok(public or text:find("`" .. name .. "` | `" .. module .. "`", 1, true), name .. " stands for another")
  end
end)

-- Files that name paths, but for those whose subject is what there was, or is generated.
local function texts()
  local list = { "README.md" }
  for _, folder in ipairs { "engine", "lua", "experiments", "datasets", "tests", "docs" } do
    for _, path in ipairs(sources.list(folder, "%.%a+$")) do
      local kind = path:match "%.(%a+)$"
      if ({ c = 1, h = 1, lua = 1, md = 1, sh = 1, py = 1, txt = 1 })[kind] and not path:match "^docs/api/"
        and path ~= "docs/CHANGES.md" then
        list[#list + 1] = path
      end
    end
  end
  return list
end

local tops = { engine = true, lua = true, experiments = true, datasets = true, tests = true, docs = true }

check.test("a path that a comment, a message or a page names leads somewhere", function()
  local problems, count = {}, 0
  for _, file in ipairs(texts()) do
    sources.lines(sources.read(file), function(line, number)
      for path in line:gmatch "%f[%w_./-][%w_./-]+%.%l+" do
        -- NAME.lua and files of a test's own folder are no paths of the tree
        if tops[path:match "^(%l+)/" or ""] and not path:find "%u%u%u" then
          count = count + 1
          if not sys.exists(sources.root .. "/" .. path) then
            problems[#problems + 1] = ("%s:%d: %s"):format(file, number, path)
          end
        end
      end
    end)
  end
  check.ok(count > 50)
  if #problems > 0 then error("\n  " .. table.concat(problems, "\n  "), 0) end
end)

check.finish()
