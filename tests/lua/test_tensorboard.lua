-- calr.tensorboard: byte for byte what TensorBoard's own writer makes; and what a run writes with it.
local board = require "calr.run.board"
local check = require "check"
local run = require "calr.run"
local sys = require "calr.sys"
local tensorboard = require "calr.tensorboard"

local reference = os.getenv "CALR_TEST_REFERENCE" .. "/tensorboard/"

local function same(writer, name)
  writer:close()
  local ours, theirs = sys.read_file(writer.path), sys.read_file(reference .. name)
  check.equal(#ours, #theirs)
  check.ok(ours == theirs, name .. " differs")
end

check.test("one value a record, as TensorBoard writes it", function()
  local writer <close> = tensorboard.open("plain", { wall_time = 1700000000.25 })
  check.ok(writer.path:match "^plain/events%.out%.tfevents%.1700000000%.")
  writer:start(0, 1700000000.5)
  writer:scalar("loss", 0.5, 1, 1700000001.125)
  writer:scalar("loss", 0, 127, 1700000002)
  writer:scalar("loss", -0.0, 128, 1700000003)
  writer:scalar("loss", 1e-3, (1 << 40) + 5, 1700000004)
  writer:scalar("loss", -2.75, math.maxinteger, 1700000005)
  writer:scalar("loss", math.huge, -1, 1700000006)
  writer:scalar("loss", 1e-45, math.mininteger, 1700000007)
  writer:scalar("", 3, 0.0, 0)
  writer:flush()
  same(writer, "plain.events")
end)

check.test("several values a record", function()
  local writer = tensorboard.open("several", { wall_time = 1234567890.75 })
  writer:start(300, 1234567891)
  writer:scalars({ { "inter/evaluation/mAP", 0.8125 }, { "inter/loss", 2.5 }, { "grüße/漢字", 7 } }, 3, 1234567892)
  local many = {}
  for i = 0, 39 do many[i + 1] = { "many/" .. i, i / 8 } end
  writer:scalars(many, 4, 1234567893)
  writer:scalar(("t"):rep(300), 1, 5, 1234567894)
  same(writer, "several.events")
end)

check.test("files are named in the order they are opened, also with a clock set back", function()
  for _, time in ipairs { 2000000000, 2000000000, 1500000000, 0.5, -3 } do
    tensorboard.open("order", { wall_time = time }):close()
  end
  local seconds = {}
  for i, name in ipairs(sys.list "order") do
    check.ok(name:match("%." .. sys.pid() .. "%.%d+$"))
    seconds[i] = tonumber(name:match "tfevents%.(%d+)") - 2000000000
  end
  check.equal(table.concat(seconds, " "), "0 1 2 3 4")
end)

check.test("mistakes", function()
  local writer = tensorboard.open "wrong"
  local size = sys.stat(writer.path).size
  check.fails("a tag is a string, not a nil", writer.scalar, writer, nil, 1, 1)
  check.fails("a tag is text in UTF-8", writer.scalar, writer, "\xff", 1, 1)
  check.fails("the value of x is a number, not a string", writer.scalar, writer, "x", "1", 1)
  check.fails("#3: a step is a whole number", writer.scalar, writer, "x", 1, 1.5)
  check.fails("#2: a step is a whole number", writer.scalars, writer, {}, nil)
  check.fails("#1: a step is a whole number", writer.start, writer)
  check.fails("has no option \"time\"", tensorboard.open, "wrong", { time = 1 })
  check.equal(sys.stat(writer.path).size, size)
  writer:close()
  writer:close()
  check.fails("is closed", writer.scalar, writer, "x", 1, 1)
  sys.write_file("file", "")
  check.fails("file", tensorboard.open, "file")
end)

check.test("a metric line becomes points", function()
  local function text(values, number)
    local points, step = board.points(values, number)
    for i, point in ipairs(points) do points[i] = point[1] .. "=" .. point[2] end
    return step .. ": " .. table.concat(points, " ")
  end
  check.equal(text({ stage = "inter", epoch = 3, loss = 2.5, evaluation = { rank1 = 0.5, mAP = 0.25 } }, 9),
    "3: inter/evaluation/mAP=0.25 inter/evaluation/rank1=0.5 inter/loss=2.5")
  check.equal(text({ stage = "intra", camera = 0, epoch = 0, loss = 1 }, 4), "0: intra/camera-0/loss=1")
  check.equal(text({ stage = 2, camera = "north", x = 1 }, 4), "4: stage-2/north/x=1")
  check.equal(text({ loss = 1, note = "text", good = true, list = { 5, 6 }, epoch = 1.5 }, 7),
    "7: list/1=5 list/2=6 loss=1")
  check.equal(text({}, 7), "7: ")
  check.equal(text("a line that is no object", 7), "7: ")
end)

check.test("a run writes them, and only when it has metrics", function()
  local quiet <close> = run.open { out = "quiet", data = "d" }
  quiet:finish()
  check.ok(not sys.exists "quiet/tensorboard")
  local some <close> = run.open { out = "some", data = "d" }
  some:metric { epoch = 1, loss = 1 }
  some:metric { epoch = 2, loss = 0.5 }
  some:finish()
  check.equal(#sys.list "some/tensorboard", 1)
  check.equal(sys.read_file "some/metrics.jsonl", '{"epoch":1,"loss":1}\n{"epoch":2,"loss":0.5}\n')
end)

check.test("what cannot be written ends the run, as with its other files", function()
  local bad = run.open { out = "bad", data = "d" }
  sys.write_file("bad/tensorboard", "a file where the folder should be")
  check.fails("bad/tensorboard", bad.metric, bad, { loss = 1 })
  sys.remove "bad/tensorboard"
  bad:metric { loss = 2 } -- a script that caught the error: all lines are there
  bad:finish()
  local name = sys.list "bad/tensorboard"[1]
  local body = sys.read_file("bad/tensorboard/" .. name)
  check.ok(body:find("\x15" .. string.pack("<f", 1), 1, true) and body:find("\x15" .. string.pack("<f", 2), 1, true))
  local full = tensorboard.open "full"
  full.file:close()
  full.file = sys.append "/dev/full"
  check.fails("No space left", full.scalar, full, "x", 1, 1)
end)

check.finish()
