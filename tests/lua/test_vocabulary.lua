-- Every word of the tensor vocabulary, by the rows of tests/lua/vocabulary (tests/lua/vocabulary.lua says how a row
-- reads), on each back end that is built in. CALR_TEST_ONLY=elementwise, or a word, runs those rows alone.
local check = require "check"
local checks = require "vocabulary_checks"
local vocabulary = require "vocabulary"

local only = os.getenv "CALR_TEST_ONLY"
if only == "" then only = nil end

check.each_backend "test_vocabulary"

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
