-- Comments in C whose lists a formatter has run together, or whose lines are too long to read.
package.path = os.getenv "CALR_TEST_SOURCE" .. "/tests/lint/?.lua;" .. package.path
local check = require "check"
local sources = require "sources"

local files = sources.list("engine", "%.[ch]$")
for _, path in ipairs(sources.list("tests/c", "%.[ch]$")) do files[#files + 1] = path end

-- fn(lines, first) for every comment of several lines: the lines as they stand, and the number of the first.
local function each_comment(text, fn)
  local at, number = 1, 1
  while true do
    local first = text:find("/*", at, true)
    local last = first and select(2, text:find("*/", first + 2, true))
    if not last then return end
    local before = text:sub(at, first - 1)
    number = number + select(2, before:gsub("\n", ""))
    local lines = {}
    sources.lines(before:match "[^\n]*$" .. text:sub(first, last), function(line) lines[#lines + 1] = line end)
    if #lines > 1 then fn(lines, number) end
    number = number + #lines - 1
    at = last + 1
  end
end

-- A line without the marks of the comment: how far its text is indented behind the star, and the text.
local function parts(line)
  local spaces, text = line:match "^%s*/?%*?(%s*)(.-)%s*%*?/?$"
  return #spaces, text
end

-- What is wrong with line i of a comment, or nil.
local function problem_of(lines, i)
  local indent, text = parts(lines[i])
  local starred = lines[i]:match "^%s*/?%*"
  -- "name  meaning" in the middle of a paragraph: two entries of a list became one line.
  if starred and indent <= 1 and text:match "%S %s+%S" and not text:match "^%-%-" then
    return "an entry of a list stands in the middle of a line"
  end
  if not lines[i + 1] then return nil end
  local next_indent, next_text = parts(lines[i + 1])
  if next_text == "" or text == "" then return nil end
  -- "  - entry" that goes on at the margin.
  if indent >= 2 and text:match "^%- " and next_indent < indent + 2 and not next_text:match "^%- "
    and not text:match "[.;:]$" then
    return "an entry of a list goes on at the margin"
  end
  -- A line broken long before its end, as when a text was wrapped a second time.
  local word = next_text:match "^%S+"
  local ends = text:match "[.:;]$" or text:match "%-%-%-%-" or next_text:match "^%- "
  if indent <= 1 and next_indent == 1 and not ends and #lines[i] + 1 + #word <= 72 then
    return "a line is broken in the middle of a sentence"
  end
end

local function find_problems(path, text, problems)
  each_comment(text, function(lines, first)
    for i = 1, #lines do
      local what = problem_of(lines, i)
      if what then problems[#problems + 1] = ("%s:%d: %s: %s"):format(path, first + i - 1, what, lines[i]) end
    end
  end)
end

check.test("lists in comments have an entry a line", function()
  local problems = {}
  for _, path in ipairs(files) do find_problems(path, sources.read(path), problems) end
  check.none(problems)
end)

check.test("what a formatter has run together is found", function()
  for _, text in ipairs {
    "/* The life of a call:\n *   apply     makes inputs straight, what\n * forward saved. backward  dy arrives */",
    "/* For all of them:\n *   - Arguments go sizes first, inputs\n * next, outputs last. */",
    "/* A size out of range (everything else but padding\n * is >= 1), a kernel larger than the input. */",
  } do
    local problems = {}
    find_problems("it", text, problems)
    check.ok(#problems > 0, text)
  end
end)

-- A tag of a doc block goes on in lines that are indented; one at the margin would fall out of it.
check.test("what goes on behind a @param or @return is indented", function()
  local problems = {}
  local all = sources.list("lua", "%.lua$")
  for _, path in ipairs(sources.list("engine", "%.c$")) do all[#all + 1] = path end
  for _, path in ipairs(all) do
    local mark = path:match "%.c$" and "///" or "---"
    local in_tag
    sources.lines(sources.read(path), function(line, number)
      local body = line:sub(1, 3) == mark and line:sub(4) or ""
      if body:match "^ @" then
        in_tag = body:match "^ @param" or body:match "^ @return" or body:match "^ @field"
      elseif not body:match "%S" then
        in_tag = nil
      elseif in_tag and not body:match "^%s%s+%S" then
        problems[#problems + 1] = ("%s:%d: %s"):format(path, number, line)
        in_tag = nil
      end
    end)
  end
  check.none(problems)
end)

check.test("no line of C is longer than 120 columns", function()
  local problems = {}
  for _, path in ipairs(files) do
    sources.lines(sources.read(path), function(line, number)
      local columns = utf8.len(line) or #line
      if columns > 120 then problems[#problems + 1] = ("%s:%d: %d columns"):format(path, number, columns) end
    end)
  end
  check.none(problems)
end)

check.finish()
