-- Every word of the tensor vocabulary, by the rows of tests/lua/vocabulary (tests/lua/vocabulary.lua says how a row
-- reads), on each back end that is built in. CALR_TEST_ONLY=elementwise, or a word, runs those rows alone.
local check = require "check"
local checks = require "vocabulary_checks"
local vocabulary = require "vocabulary"

local only = os.getenv "CALR_TEST_ONLY"
if only == "" then only = nil end

-- The back end is chosen at the first use: the test runs itself once more for each, by name.
if not os.getenv "CALR_TEST_BACKEND" then
  local calr, source, ran = os.getenv "CALR", os.getenv "CALR_TEST_SOURCE", 0
  for _, backend in ipairs { "portable", "onednn" } do
    local choose = ("CALR_BACKEND=%s CALR_TEST_BACKEND=%s '%s' "):format(backend, backend, calr)
    if os.execute(choose .. "-e 'return calr.tensor{1} * calr.tensor{2}' >/dev/null 2>&1") then
      print("back end " .. backend)
      io.stdout:flush()
      ran = ran + 1
      check.ok(os.execute(choose .. ("'%s/tests/lua/test_vocabulary.lua'"):format(source)), backend .. " failed")
    end
  end
  check.ok(ran > 0, "no back end works")
  check.finish()
end

-- Words without a row, each with the test that has it.
local elsewhere = dofile(os.getenv "CALR_TEST_SOURCE" .. "/tests/lua/vocabulary_elsewhere.lua")

local covered = {}
for _, family in ipairs(vocabulary.families()) do
  local answers, keys = vocabulary.golden(family)
  for _, row in ipairs(vocabulary.load(family)) do
    covered[row.word] = true
    if not only or only == family or only == row.word then checks.row(row, { answers = answers, keys = keys }) end
  end
end

check.test("every word has a row", function()
  local missing = {}
  for word in pairs(vocabulary.words()) do
    local plain = word:match "^(.+)_$" or word
    if not covered[word] and not covered[plain] and not elsewhere[word] then missing[#missing + 1] = word end
    check.ok(not (covered[word] and elsewhere[word]), word .. " has a row: vocabulary_elsewhere.lua need not name it")
  end
  table.sort(missing)
  check.equal(table.concat(missing, " "), "", "words without a row in tests/lua/vocabulary")
end)

check.finish()
