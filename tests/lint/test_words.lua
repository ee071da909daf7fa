-- What finished files do not hold: notes of unfinished work, files too long to read, stray characters.
package.path = os.getenv "CALR_TEST_SOURCE" .. "/tests/lint/?.lua;" .. package.path
local check = require "check"
local sources = require "sources"

local words = { "TODO", "FIXME", "HACK", "for now", "not yet implemented", "not implemented", "laceholder",
  "coming soon", "lorem ipsum" }
local longest = 800

local files = {}
for _, folder in ipairs { "engine", "lua", "experiments", "datasets", "tests", "docs", "third_party" } do
  for _, path in ipairs(sources.list(folder, "%.%a+$")) do
    if path:match "%.[ch]$" or path:match "%.lua$" or path:match "%.sh$" or path:match "%.md$" or path:match "%.cmake$"
      or path:match "%.txt$" or path:match "%.py$" then
      if path ~= "tests/lint/test_words.lua" then files[#files + 1] = path end
    end
  end
end

check.test("no unfinished work", function()
  check.ok(#files > 40)
  local problems = {}
  for _, path in ipairs(files) do
    sources.lines(sources.read(path), function(line, number)
      for _, word in ipairs(words) do
        if line:find(word, 1, true) then problems[#problems + 1] = ("%s:%d: %s"):format(path, number, word) end
      end
    end)
  end
  check.none(problems)
end)

check.test("no file above 800 lines, no tabs, no spaces at the ends of lines", function()
  local problems = {}
  for _, path in ipairs(files) do
    local code = path:match "%.[ch]$" or path:match "%.lua$"
    local count, untidy = 0, nil
    sources.lines(sources.read(path), function(line, number)
      count = number
      if code and (line:find "\t" or line:find "%s$") then untidy = untidy or number end
    end)
    if code and count > longest and not path:match "^build/stubs/" and not path:match "^tests/reference/" then
      problems[#problems + 1] = ("%s: %d lines"):format(path, count)
    end
    if untidy then problems[#problems + 1] = ("%s:%d: a tab, or spaces at the end"):format(path, untidy) end
  end
  check.none(problems)
end)

check.test("every test of Lua tells whether it failed", function()
  local tests = sources.list("tests/lua", "^test_.*%.lua$")
  check.ok(#tests > 50)
  for _, path in ipairs(tests) do
    check.ok(sources.read(path):find("\ncheck.finish()", 1, true), path .. " does not end with check.finish()")
  end
end)

check.finish()
