-- The pages of docs/ and the README: their links lead somewhere, and what they name is there.
package.path = os.getenv "CALR_TEST_SOURCE" .. "/tests/lint/?.lua;" .. package.path
local check = require "check"
local sources = require "sources"
local sys = require "calr.sys"

local pages = sources.list("docs", "%.md$")
pages[#pages + 1] = "README.md"

local function report(problems)
  table.sort(problems)
  if #problems > 0 then error("\n  " .. table.concat(problems, "\n  "), 0) end
  check.ok(true)
end

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
  report(problems)
end)

check.finish()
