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

check.test("heads of several lines", function()
  check.equal(text.table { columns = { "a", "mAP %\n(best on test)" }, rows = { { "x", 4.5 } } }, table.concat({
    "a           mAP %",
    "   (best on test)",
    "-  --------------",
    "x             4.5" }, "\n"))
end)

check.test("wrapping, cutting, curves", function()
  check.equal(text.wrap("a bb ccc dddd eeeee", 8, 2), "a bb ccc\n  dddd\n  eeeee")
  check.equal(text.wrap("  kept", 4), "  kept")
  check.equal(text.wrap("", 4), "")
  check.equal(text.wrap("unbreakable word", 5), "unbreakable\nword")
  check.equal(text.cut("abc", 3), "abc")
  check.equal(text.cut("abcd", 3), "ab\u{2026}")
  check.equal(text.cut("\u{e9}\u{e9}\u{e9}\u{e9}", 3), "\u{e9}\u{e9}\u{2026}")
  check.equal(text.cut("\27[31mabcd\27[0m", 3), "\27[31mab\27[0m\u{2026}")
  check.equal(text.cut("\27[31ma\27[0mbcd", 3), "\27[31ma\27[0mb\u{2026}")
  check.equal(text.cut("\27[31mabc\27[0m", 3), "\27[31mabc\27[0m")
  check.equal(text.cut("\xff\xff\xff", 2), "\xff\u{2026}")
  check.equal(text.cut("abc", 1), "\u{2026}")
  check.equal(text.cut("abc", 0), "")
  check.equal(text.sparkline({ 1, 2, 3, 4, 5, 6, 7, 8 }, 8),
    "\u{2581}\u{2582}\u{2583}\u{2584}\u{2585}\u{2586}\u{2587}\u{2588}")
  check.equal(text.sparkline({ 1, 0 / 0, 2 }, 8), "\u{2581} \u{2588}")
  check.equal(text.sparkline({ 5, 5 }, 8), "\u{2585}\u{2585}")
  check.equal(text.sparkline({ 0, 1, 2, 3 }, 2, 0, 6), "\u{2582}\u{2585}") -- the last of each share: 1 and 3
  check.equal(text.sparkline({}, 8), "")
end)

check.test("no colour where there is no terminal", function()
  check.equal(text.paint("red", "x"), "x")
  check.fails("no colour", text.paint, "pink", "x")
  check.equal(text.width "\27[31mab\u{e9}\27[0m", 3)
end)

check.test("what is not ours reaches a terminal without control characters", function()
  check.equal(text.visible "plain \u{e9}\u{4e2d}", "plain \u{e9}\u{4e2d}")
  check.equal(text.visible "a\27[31mb\n\r\0\127", "a\\x1B[31mb\\x0A\\x0D\\x00\\x7F")
  check.equal(text.visible "\xe9t\xe9", "\\xE9t\\xE9") -- Latin-1
  check.equal(text.visible "\u{9b}31m", "\\x9B31m") -- the one-byte form of the same sequence
  check.equal(text.visible "\xc3", "\\xC3")
  check.equal(text.visible_lines "a\n\tb\27c", "a\n\tb\\x1Bc")
  local shown = text.table { title = "t\7", columns = { "a", { "b", painted = true } },
    rows = { { "x\27[2J", "\27[31my" } } }
  for _, part in ipairs { "t\\x07", "x\\x1B[2J", "\27[31my" } do check.ok(shown:find(part, 1, true), part) end
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
