-- Functions that scripts call are registered in one way (binding/call.h), with the arguments that their page names.
package.path = os.getenv "CALR_TEST_SOURCE" .. "/tests/lint/?.lua;" .. package.path
local check = require "check"
local sources = require "sources"

local files = sources.list("engine/binding", "%.c$")
files[#files + 1] = "engine/host/line.c"

check.test("nothing is registered past binding/call.h", function()
  local problems = {}
  for _, path in ipairs(files) do
    local text = sources.read(path)
    for _, word in ipairs { "luaL_Reg", "luaL_newlib", "luaL_setfuncs" } do
      if text:find(word, 1, true) and path ~= "engine/binding/modules.c" then
        problems[#problems + 1] = path .. ": " .. word
      end
    end
  end
  check.equal(table.concat(problems, "\n"), "")
end)

-- How many arguments a signature names: "(x [, {k=15}])" two, "{path=}" one; nil for any number.
local function count_page(signature)
  local list = signature:match "^[%w_.]+:?[%w_]*%s*(%b())" or signature:match "^[%w_.]+:?[%w_]*%s*(%b{})"
  if not list or list:gsub("%b{}", ""):find("...", 1, true) then return nil end
  if list:sub(1, 1) == "{" then return 1 end
  list = list:sub(2, -2):gsub("%b{}", "options"):gsub("[%[%]]", "")
  list = list:gsub("([%w_]) options", "%1, options"):gsub(",%s*,", ",")
  local count = 0
  for _ in list:gmatch "[^,%s][^,]*" do count = count + 1 end
  return count
end

local function count_table(takes)
  if takes:find("...", 1, true) then return nil end
  local count = 0
  for _ in takes:gsub("[%[%]]", ""):gmatch "[^,%s][^,]*" do count = count + 1 end
  return count
end

check.test("a function takes what its page says", function()
  local problems, compared = {}, 0
  for _, path in ipairs(files) do
    local text = sources.read(path)
    local pages, block = {}, {}
    for line in text:gmatch "[^\n]*" do
      local page, fn = line:match "^/// ?(.*)", line:match "^s?t?a?t?i?c? ?int ([%w_]+)%(lua_State"
      if page then
        block[#block + 1] = page
      elseif fn then
        local signature = block[1]
        if signature and signature:match "[({]" then
          local i = 1
          while block[i + 1] and not signature:match "[)}]%s*$" do
            i = i + 1
            signature = signature .. " " .. block[i]
          end
          pages[fn] = signature
        end
        block = {}
      elseif line == "" or line:match "^[%w}]" then
        block = {}
      end
    end
    for name, fn, takes in text:gmatch "{%s*\"([%w_]+)\",%s*([%w_]+),%s*\"([^\"]*)\"%s*}" do
      local signature = pages[fn]
      local page, has = signature and count_page(signature), count_table(takes)
      if page and has then
        local method = signature:match "^[%w_]+:[%w_]+" and 1 or 0
        compared = compared + 1
        if page + method ~= has and not signature:find("backward", 1, true) then
          problems[#problems + 1] = ("%s: %s takes \"%s\", its page says %s"):format(path, name, takes, signature)
        end
      end
    end
  end
  check.equal(table.concat(problems, "\n"), "")
  check.ok(compared > 150, "the pages are found: " .. compared)
end)

check.finish()
