-- Journals that somebody else wrote: what they say is data, and never the end of a loop.
local check = require "check"
local json = require "calr.json"
local ledger = require "calr.lab.study.ledger"
local sys = require "calr.sys"

local function new()
  return ledger.new(function() end)
end

local function within(seconds, fn)
  local start = sys.clock()
  fn()
  check.ok(sys.clock() - start < seconds, "it took " .. sys.clock() - start .. " s")
end

check.test("an attempt of a huge number is left out", function()
  for _, number in ipairs { math.maxinteger, 1 << 40, 0, -1, 1.5, "2" } do
    local book = new()
    local problem = book:apply({ kind = "start", key = "a", attempt = number }, "w")
    check.ok(problem and problem:find("attempt", 1, true), tostring(number))
    check.equal(book.trials.a, nil)
  end
end)

check.test("numbers with gaps cost what the records cost, not what the numbers say", function()
  within(2, function()
    local book = new()
    for key = 1, 1000 do
      for _, number in ipairs { 1, 999999999, 1000 } do
        check.equal(book:apply({ kind = "start", key = "k" .. key, attempt = number, t = 1 }, "w"), nil)
      end
    end
    check.equal(#book:settle(), 1000)
    local trial = book.trials.k7
    check.equal(trial.top, 999999999)
    check.equal(trial.deaths, 2)
    check.equal(table.concat(trial.numbers, " "), "1 1000 999999999")
    check.equal(book:deaths_in_row(trial), 999999999)
  end)
end)

check.test("suggestions and trials of huge numbers are left out", function()
  local book = new()
  local function refused(record)
    check.ok(book:apply(json.decode(record), "w") ~= nil, record)
  end
  refused '{"kind":"ask","part":1,"number":9223372036854775807,"config":{}}'
  refused '{"kind":"ask","part":1,"number":0,"config":{}}'
  refused '{"kind":"trial","key":"a","number":9223372036854775807,"config":{}}'
  refused '{"kind":"trial","key":"a","number":"x","config":{}}'
  refused '{"kind":"end","key":"a","attempt":1,"state":"finished","values":3}'
  refused '{"kind":"end","key":"a","attempt":1,"state":"finished","seconds":"3"}'
  refused '{"kind":"start","key":"a","attempt":1,"t":"now"}'
end)

check.test("a record cannot speak for the ledger", function()
  local book = new()
  check.equal(book:apply({ kind = "worker", attempts = 5, id = "x", left = true, host = "h", t = 1 }, "w"), nil)
  check.equal(book:apply({ kind = "start", key = "a", attempt = 1, t = 2 }, "w"), nil)
  check.equal(#book.workers.w.attempts, 1)
  check.equal(book.workers.w.id, "w")
  check.equal(book.workers.w.left, false)
  check.equal(book.workers.w.host, "h")
end)

check.finish()
