-- Wrong words after every command end with 2 and a message that names the option: an option that there is not, one
-- without its value, one given twice, a value that is no number, too many words. The commands and their options are
-- those of their --help, so a new option is tested as soon as it is there.
local check = require "check"
local describe = require "calr.program.shell.describe"
local errors = require "calr.errors"
local sys = require "calr.sys"
local calr = require "calr"

require("calr.context").current().quiet = true
require("calr.data.make").run { generator = "street", to = "street.lmdb", options = { ids = 3, test_ids = 3,
  distractors = 0, junk = 0, cameras = 2, images = 1, height = 32, width = 16 } }
local data = calr.data.open "street.lmdb"
sys.make_folder "pictures"
for i = 1, data:gallery():count() do sys.write_file(("pictures/%d.jpg"):format(i), data:gallery():jpeg(i)) end
local config = calr.json.encode { network = "small", height = 32, width = 16, pooling = "gem", ibn = false }
calr.safetensors.save("model.safetensors", calr.models.small { seed = 1 }:state(), { config = config })
calr.npy.save("features.npy", calr.randn(12, 8, { generator = calr.rng.open { seed = 1 } }))
sys.write_file("own.lua", "require('calr').config { epochs = 3 }")

local function load(name) return require("calr.program.command." .. name:gsub("-", "_")) end

-- What each command is given beside the words under test: enough for it to look at them.
local given = {
  bench = "start", cluster = "features.npy", completion = "bash", discover = "pictures --dry-run", docs = "--check",
  draw = "pictures", evaluate = "--model model.safetensors --data street.lmdb",
  export = "model.safetensors -o x.onnx", extract = "--model model.safetensors --images pictures -o x.npy",
  ["import-weights"] = "model.safetensors -o x.safetensors", info = "", refine = "pictures", report = "pictures",
  run = "own.lua --dry-run", search = "--model model.safetensors --gallery pictures --query pictures/1.jpg",
  study = "own.lua --dry-run", submit = "pictures --slurm --dry-run", table = "pictures", watch = "pictures",
  why = "pictures 1.jpg", work = "pictures",
  ["data import"] = "cameras pictures -o x.lmdb", ["data info"] = "street.lmdb", ["data make"] = "street -o x.lmdb",
  ["data merge"] = "street.lmdb street.lmdb -o x.lmdb", ["data show"] = "street.lmdb -o x.png",
  ["data subset"] = "street.lmdb -o x.lmdb", ["data verify"] = "street.lmdb",
}
local takes_more = { ["data merge"] = true } -- words without end
local missing_first = { submit = true, table = true, work = true } -- say that there is no study before all else
local repeated = { ["--peer"] = true, ["--query"] = true, ["--features"] = true, ["--csv"] = true } -- lists
local optional = { ["--matrix"] = true, ["--profile"] = true } -- their value may be left out
local numbers = { N = true, S = true, SECONDS = true, F = true, R = true, ["G,B"] = true, ["1,2,3"] = true }

local function words_of(line)
  local words = {}
  for word in line:gmatch "%S+" do words[#words + 1] = word end
  return words
end

-- Runs a command; what it ends with must be status 2, and its message must hold `text`.
local function wrong(name, line, text)
  local words = words_of(name .. " " .. line)
  for i, word in ipairs(words) do words[i] = word == "''" and "" or word end
  local ok, problem = pcall(load(words[1]).run, table.move(words, 2, #words, 1, {}), load)
  local where = "calr " .. name .. " " .. line
  check.ok(not ok, where .. ": accepted")
  check.ok(errors.is_exit(problem), where .. ": " .. tostring(problem))
  check.equal(problem.status, 2, where .. ": " .. tostring(problem.message))
  check.ok(not text or problem.message:find(text, 1, true), ("%s: does not name %s: %s"):format(where, tostring(text),
    problem.message))
end

-- The words given without an option and its value.
local function without(line, option)
  local kept, skip = {}, false
  for _, word in ipairs(words_of(line)) do
    if skip and word:sub(1, 1) ~= "-" then
      skip = false
    else
      skip = word == option
      if not skip then kept[#kept + 1] = word end
    end
  end
  return table.concat(kept, " ") .. " "
end

local function walk(name, described)
  local line = given[name]
  check.ok(line, "the table `given` says nothing of " .. name)
  wrong(name, line .. " --no-such", "--no-such")
  wrong(name, line .. " --no-such=3", "--no-such")
  if name ~= "docs" and name ~= "info" then wrong(name, line .. " -Z", "-Z") end
  if not takes_more[name] then wrong(name, line .. " a b c d e f") end
  for _, option in ipairs(described.options) do
    for _, word in ipairs(option.names) do
      local rest = without(line, word)
      if not option.takes then
        if word:sub(1, 2) == "--" and not optional[word] then wrong(name, rest .. word .. "=3", word) end
      elseif name ~= "docs" then
        if not optional[word] then
          wrong(name, rest .. word, word)
          wrong(name, rest .. word .. " ''", word ~= "--query" and word)
        end
        local value = numbers[option.takes] and "2" or "a,b"
        if not repeated[word] and not optional[word] then
          wrong(name, ("%s%s %s %s %s"):format(rest, word, value, word, value), word)
        end
        local counts = numbers[option.takes] and not missing_first[name]
        for _, bad in ipairs(counts and { "abc", "1.5x", "nan", "0x" } or {}) do
          wrong(name, rest .. word .. " " .. bad, word)
        end
      end
    end
  end
end

for _, command in ipairs(describe.commands(load)) do
  check.test(command.name, function()
    if #command.parts == 0 then return walk(command.name, command) end
    wrong(command.name, "", "usage: ")
    wrong(command.name, "nosuch", "nosuch")
    for _, part in ipairs(command.parts) do walk(command.name .. " " .. part.name, part) end
  end)
end

check.test("a part of a data set", function()
  for _, case in ipairs { { "--count 0", "--count must be at least 1" }, { "--count -3", "--count must be at least 1" },
    { "--identities 0", "--identities must be" }, { "--fraction 2", "--fraction must be above 0 and at most 1" },
    { "--fraction 0", "--fraction must be" }, { "--cameras 9", "--cameras: there is no camera 9" },
    { "--count 2 --splits tst", "--splits: there is no split" }, { "--count 2 --fraction .5", "two ways" } } do
    wrong("data subset", "street.lmdb -o x.lmdb " .. case[1], case[2])
  end
end)

check.test("a value that begins with a dash", function()
  wrong("search", "--model model.safetensors --gallery pictures --query -1.jpg", "begins with a dash: --query=-1.jpg)")
  wrong("search", "--model model.safetensors --gallery pictures --query --top 3", "--query wants a value; usage")
end)

check.test("options of a layout, a generator, a method", function()
  wrong("data import", "cameras pictures -o x.lmdb --split 3", "--split: there is no split")
  wrong("data import", "folder pictures -o x.lmdb", "needs --pattern")
  wrong("data import", "folder pictures -o x.lmdb --pattern {*}.jpg", "has no {camera}")
  wrong("data import", "folder pictures -o x.lmdb --pattern {camera", "brace without its other half")
  wrong("data import", "cuhk03 pictures -o x.lmdb --boxes drawn", "--boxes must be detected or labeled")
  wrong("data make", "street -o x.lmdb --ids 0", "--ids must be a whole number")
  wrong("data make", "street --folder pictures", "pictures exists")
  wrong("data show", "street.lmdb -o x.gif", "must end in .png or .html")
  wrong("cluster", "features.npy --min-size many", "--min-size must be a whole number")
  wrong("cluster", "features.npy --teleportation 3", "--teleportation must be")
  wrong("bench", "ivf --dim many", "--dim must be a whole number")
  wrong("import-weights", "model.safetensors -o x.safetensors --rename odd", "--rename: \"odd\" is not of the form A=B")
  wrong("import-weights", "model.safetensors -o x.safetensors --network ./no.lua", "no file of a network ./no.lua")
  wrong("study", "own.lua --seeds 5..1", "--seeds 5..1 names no seed")
  wrong("work", "pictures --script absent.lua", "there is no script absent.lua")
  wrong("docs", "--manual absent/x", "there is no folder absent")
end)

check.finish()
