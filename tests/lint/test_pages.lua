-- The pages of docs/ and the README: their links lead somewhere, and what they name is there.
package.path = os.getenv "CALR_TEST_SOURCE" .. "/tests/lint/?.lua;" .. package.path
local check = require "check"
local sources = require "sources"
local sys = require "calr.sys"

local pages = sources.list("docs", "%.md$")
pages[#pages + 1] = "README.md"

-- The marks that GitHub gives the headings of a page.
local function headings(text)
  local marks = {}
  for heading in ("\n" .. text):gmatch "\n#+ ([^\n]+)" do
    local mark, again = heading:lower():gsub("[^%w _-]", ""):gsub(" ", "-"), 0
    while marks[mark .. (again > 0 and "-" .. again or "")] do again = again + 1 end
    marks[mark .. (again > 0 and "-" .. again or "")] = true
  end
  return marks
end

local function without_code(text)
  return (text:gsub("\n```.-\n```", "\n"))
end

check.test("relative links lead to files and headings that exist", function()
  local problems, count = {}, 0
  for _, page in ipairs(pages) do
    local folder = page:match "^(.*)/" or "."
    for target in without_code(sources.read(page)):gmatch "%]%(([^)%s]+)%)" do
      if not target:match "^%a+:" then
        count = count + 1
        local file, mark = target:match "^([^#]*)#?(.*)$"
        local path = file == "" and page or folder .. "/" .. file
        local full = sources.root .. "/" .. path
        if not sys.exists(full) then
          problems[#problems + 1] = ("%s: no file %s"):format(page, target)
        elseif mark ~= "" and path:match "%.md$" and not headings(sources.read(path))[mark] then
          problems[#problems + 1] = ("%s: no heading %s"):format(page, target)
        end
      end
    end
  end
  check.ok(count > 100, count)
  check.none(problems)
end)

-- Paths of the tree in backticks, and the functions in backticks with ().
local function is_path(word)
  return word:match "^[%w_]+/[%w_./-]+%.%w+$" or word:match "^[%w_]+/[%w_./-]*/$"
end

check.test("the files and functions that the tour names exist", function()
  local problems, files, functions = {}, 0, 0
  local text = without_code(sources.read "docs/tour.md")
  for item in (text:gsub("\n%- ", "\0") .. "\0"):gmatch "[^%z]+" do
    local code = {}
    for word in item:gmatch "`([^`]+)`" do
      if is_path(word) then
        files = files + 1
        if not sys.exists(sources.root .. "/" .. word) then
          problems[#problems + 1] = "no file " .. word
        elseif not word:match "/$" then
          code[#code + 1] = sources.read(word)
        end
      end
    end
    local all = table.concat(code, "\n")
    for name in item:gmatch "`([%w_.:]+)%(%)`" do
      functions = functions + 1
      if not all:find(name .. "(", 1, true) then
        problems[#problems + 1] = ("no function %s in the files of: %s"):format(name, item:match "^[^\n]*")
      end
    end
  end
  check.ok(files > 40 and functions > 25, files .. " " .. functions)
  check.none(problems)
end)

-- Paths that pages and comments name lead somewhere.
check.test("files of the tree that comments and pages name exist", function()
  local problems = {}
  local list = sources.list("engine", "%.[ch]$")
  for _, folder in ipairs { "lua", "experiments", "datasets", "tests" } do
    for _, path in ipairs(sources.list(folder, "%.lua$")) do list[#list + 1] = path end
  end
  for _, page in ipairs(pages) do list[#list + 1] = page end
  for _, path in ipairs(list) do
    for name in sources.read(path):gmatch "%f[%w/]docs/[%l%d_/-]+%.md" do
      if not sys.exists(sources.root .. "/" .. name) then problems[#problems + 1] = path .. ": " .. name end
    end
    if path:match "%.[ch]$" then
      for name in sources.read(path):gmatch "%f[%w_/.]lua/calr/[%w_/]+%.lua" do
        if not sys.exists(sources.root .. "/" .. name) then problems[#problems + 1] = path .. ": " .. name end
      end
    end
  end
  check.none(problems)
end)

check.finish()
