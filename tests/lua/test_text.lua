-- calr.text and calr.progress: what people read.
local check = require "check"
local progress = require "calr.progress"
local text = require "calr.text"

check.test("numbers and durations", function()
  check.equal(text.count(12936), "12,936")
  check.equal(text.count(-1234567), "-1,234,567")
  check.equal(text.count(999), "999")
  check.equal(text.duration(0.84), "0.8 s")
  check.equal(text.duration(42.4), "42 s")
  check.equal(text.duration(200), "3 min 20 s")
  check.equal(text.duration(7500), "2 h 05 min")
  check.equal(text.duration(273600), "3 d 04 h")
  check.equal(text.duration(0 / 0), "?")
  check.equal(text.bytes(312), "312 B")
  check.equal(text.bytes(4404019), "4.2 MiB")
end)

check.test("tables", function()
  check.equal(text.table { columns = { "name", { "mAP", format = "%.1f" }, "note" }, title = "scores",
    rows = { { "a", 1.25, "x" }, "-", { "longer", false, "\u{e9}\u{e9}" } } }, table.concat({
    "scores",
    "name    mAP  note",
    "------  ---  ----",
    "a       1.2  x",
    "------  ---  ----",
    "longer    -  \u{e9}\u{e9}" }, "\n"))
  check.equal(text.table { columns = { "a", { "b", align = "right" } }, rows = {}, indent = 2 }, "  a  b\n  -  -")
end)

check.test("no colour where there is no terminal", function()
  check.equal(text.paint("red", "x"), "x")
  check.fails("no colour", text.paint, "pink", "x")
  check.equal(text.width "\27[31mab\u{e9}\27[0m", 3)
end)

check.test("a bar can be used up, nested and closed twice", function()
  local outer = progress.new("outer", 2)
  for i = 1, 2 do
    local inner <close> = progress.new "inner"
    inner:update(5, "loss 1.0")
    outer:update(i)
  end
  outer:finish()
  outer:finish()
  progress.print "a line"
  check.ok(true)
end)

check.finish()
