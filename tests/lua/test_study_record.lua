-- The folder of a study: claims, fencing, deaths, adoption, damaged files.
local check = require "check"
local journal = require "calr.lab.study.journal"
local store = require "calr.lab.study.record"
local sys = require "calr.sys"
local trials = require "calr.lab.study.trial"
local view = require "calr.lab.study.view"

local count = 0
local function new_study(name)
  count = count + 1
  local dir = "study-" .. count
  store.create(dir, { name = name or "s", goals = { { metric = "mAP", direction = "max" } }, seeds = { 1 } })
  return dir
end

local function key_of(i)
  return sys.hash("trial " .. i):sub(1, 16)
end

local function announce(st, i)
  st:trial { key = key_of(i), cell = key_of("cell" .. i), config = { x = i }, seed = 1, part = 1, label = "#" .. i }
  return key_of(i)
end

check.test("one worker: claim, report, finish", function()
  local dir = new_study()
  local st <close> = store.join(dir)
  local key = announce(st, 1)
  check.equal(st:claim(key), 1)
  check.equal(st:claim(key), nil)
  st:report(key, 1, 1, { mAP = 0.25 })
  st:report(key, 1, 2, { mAP = 0.5 })
  st:note(key, 1, "a note")
  check.equal(st:finish(key, 1, "finished", { values = { rank1 = 0.75 }, seconds = 36 }), true)
  local trial = st.trials[key]
  check.equal(trial.state, "finished")
  check.equal(trial.metrics.mAP, 0.5)
  check.equal(trial.metrics.rank1, 0.75)
  check.near(trial.metrics.hours, 0.01, 1e-12)
  check.equal(st:claim(key), nil)
  local v = view.read(dir)
  check.equal(#v.trials, 1)
  check.equal(v.counts.finished, 1)
  check.equal(v.by_key[key].reports[2].values.mAP, 0.5)
  check.equal(v.by_key[key].notes[1], "a note")
  check.equal(v.workers[1].alive, true)
  check.equal(v.workers[1].attempts[1].state, "finished")
end)

check.test("what was reported before a checkpoint counts for the attempt that goes on from there", function()
  local dir = new_study()
  local a <close> = store.join(dir)
  local key = announce(a, 1)
  a:claim(key)
  a:report(key, 1, 1, { mAP = 0.25, loss = 2 })
  a:checkpoint(key, 1)
  a:report(key, 1, 2, { mAP = 0.5 }) -- no checkpoint: computed again
  a:finish(key, 1, "interrupted", { seconds = 1 })
  local b <close> = store.join(dir)
  check.equal(b:claim(key), 2)
  local trial = trials.new({ key = key, seed = 1, label = "#1" }, { store = b, attempt = 2, kept = b:kept(key, 2) })
  check.equal(trial:result(nil, { { metric = "mAP" } }).mAP, 0.25)
  check.equal(next(b:kept(key, 1)), nil)
  b:report(key, 2, 2, { mAP = 0.75 })
  b:checkpoint(key, 2)
  check.equal(b:kept(key, 3).mAP, 0.75)
  check.equal(b:kept(key, 3).loss, 2)
end)

check.test("two workers: a trial is claimed once, and both see its end", function()
  local dir = new_study()
  local a <close> = store.join(dir)
  local b <close> = store.join(dir)
  local key = announce(a, 1)
  check.equal(a:claim(key), 1)
  check.equal(b:claim(key), nil)
  b:refresh(true)
  check.equal(b.trials[key].state, "running")
  check.equal(b.trials[key].worker, a.worker)
  a:finish(key, 1, "finished", { values = { mAP = 1 }, seconds = 1 })
  local keys = b:refresh(true)
  check.equal(#keys, 1)
  check.equal(keys[1], key)
  check.equal(b.trials[key].metrics.mAP, 1)
  check.equal(b:claim(key), nil)
end)

check.test("failed ones are retried on request, interrupted ones at once", function()
  local dir = new_study()
  local a <close> = store.join(dir)
  local key = announce(a, 1)
  a:claim(key)
  check.ok(a:finish(key, 1, "interrupted", { seconds = 2 }))
  check.equal(a:claim(key), 2)
  check.ok(a:finish(key, 2, "failed", { error = "no luck", seconds = 1 }))
  check.equal(a.trials[key].error, "no luck")
  check.equal(a:claim(key), nil)
  check.equal(a:claim(key, 1), nil)
  check.equal(a:claim(key, 2), 3)
  check.ok(a:finish(key, 3, "pruned", { values = { mAP = 0.1 }, seconds = 1 }))
  check.equal(a:claim(key, true), nil)
  check.equal(a.trials[key].state, "pruned")
  check.near(a.trials[key].seconds, 4, 1e-9)
end)

check.test("suggestions are made once", function()
  local dir = new_study()
  local a <close> = store.join(dir)
  local b <close> = store.join(dir)
  check.equal(a:ask(1, 1, { x = 1 }), true)
  check.equal(b:ask(1, 1, { x = 2 }), false)
  check.equal(b:asks(1)[1].config.x, 1)
  check.equal(b:ask(1, 2, { x = 2 }), true)
  check.equal(b:ask(2, 1, { x = 3 }), true)
  a:refresh(true)
  check.equal(#a:asks(1), 2)
  check.equal(a:asks(1)[2].worker, b.worker)
end)

-- As kill -9 does: no word, and the lock is free.
local function kill(st)
  st.journal.file:close()
  st.heart:close()
  st.journal, st.heart = nil, nil
end

-- Calls fn as if all workers were on other machines: locks say nothing.
local function far_away(fn)
  local real = sys.pulse
  sys.pulse = function(path) return (real(path)) end -- luacheck: ignore
  local ok, problem = xpcall(fn, debug.traceback)
  sys.pulse = real -- luacheck: ignore
  if not ok then error(problem, 0) end
end

-- Lets time pass for watches: their looks are 0.2 s apart.
local function look_again(st, worker)
  sys.sleep(0.25)
  return st:alive(worker)
end

local function files(path)
  local list = {}
  for _, folder in ipairs(sys.list(path)) do
    for _, name in ipairs(sys.list(path .. "/" .. folder)) do list[#list + 1] = name:match "%.(.*)$" end
  end
  table.sort(list)
  return table.concat(list, " ")
end

check.test("a dead worker's attempt is taken over at once on the same machine", function()
  local dir = new_study()
  local a, b <close> = store.join(dir), store.join(dir)
  local key = announce(a, 1)
  check.equal(a:claim(key), 1)
  a:report(key, 1, 1, { mAP = 0.1 })
  a:report(key, 1, 2, { mAP = 0.2 })
  a:report(key, 1, 3, { mAP = 0.3 })
  check.equal(b:claim(key), nil)
  sys.write_file(a:folder(key, 1) .. "/state", "x")
  kill(a)
  sys.sleep(0.25)
  check.equal(view.read(dir).by_key[key].state, "dead")
  check.equal(view.read(dir).by_key[key].deaths, 1)
  check.equal(b:claim(key), 2)
  check.equal(b:previous(key, 2), ("%s/trials/%s/1"):format(dir, key))
  check.equal(b:previous(key, 1), nil)
  b:report(key, 2, 3, { mAP = 0.35 })
  b:report(key, 2, 4, { mAP = 0.4 })
  check.equal(b:finish(key, 2, "finished", { values = { mAP = 0.4 }, seconds = 5 }), true)
  local trial = view.read(dir).by_key[key]
  check.equal(trial.state, "finished")
  check.equal(trial.attempt, 2)
  check.equal(trial.deaths, 1)
  local seen = {}
  for i, report in ipairs(trial.reports) do seen[i] = report.step .. ":" .. report.values.mAP end
  check.equal(table.concat(seen, " "), "1:0.1 2:0.2 3:0.35 4:0.4")
  check.equal(trial.folder, ("trials/%s/1"):format(key)) -- attempt 2 made none
end)

check.test("on another machine a count that stays the same means death, whatever the clocks say", function()
  local real = sys.time
  local jumps = { -1e9, 1e9, 0, -3600, 86400 }
  local n = 0
  sys.time = function() -- luacheck: ignore
    n = n + 1
    return real() + jumps[n % #jumps + 1]
  end
  local dir = new_study()
  local a, b = store.join(dir, { patience = 0.6 }), store.join(dir, { patience = 0.6 })
  local key = announce(a, 1)
  a:claim(key)
  far_away(function()
    check.equal(b:claim(key), nil)
    for _ = 1, 6 do check.equal(look_again(b, a.worker), true) end -- 1.5 s: it beats
    kill(a)
    check.equal(look_again(b, a.worker), true)
    local looks = 0
    while look_again(b, a.worker) and looks < 20 do looks = looks + 1 end
    check.ok(looks >= 1 and looks <= 6, "dead after " .. looks)
    local path = ("%s/workers/%s.beat"):format(dir, a.worker)
    sys.write_file(path, (sys.read_file(path):gsub("%d+", "00000000000000999999", 1))) -- it stood still, and goes on
    check.equal(look_again(b, a.worker), true)
    check.equal(b:claim(key), nil)
    for _ = 1, 5 do look_again(b, a.worker) end
    check.equal(b:claim(key), 2)
    check.ok(b:finish(key, 2, "finished", { values = { mAP = 1 }, seconds = 1 }))
    b:close()
  end)
  sys.time = real -- luacheck: ignore
  local trial = view.read(dir).by_key[key]
  check.equal(trial.state, "finished")
  check.ok(trial.hours >= 0)
end)

check.test("a revived worker cannot overwrite", function()
  local dir = new_study()
  local a, b, c = store.join(dir, { patience = 0.4 }), store.join(dir, { patience = 0.4 }), store.join(dir)
  local function stand_still(st)
    st.heart:close()
    far_away(function()
      while look_again(b, st.worker) do end
    end)
  end
  local one, two, three = announce(a, 1), announce(a, 2), announce(c, 3)
  a:claim(one)
  a:claim(two)
  c:claim(three)
  stand_still(a)
  stand_still(c)
  -- revived while the next attempt runs
  check.equal(b:claim(one), 2)
  check.equal(a:fenced(one, 1), true)
  check.equal(a:finish(one, 1, "finished", { values = { mAP = -1 }, seconds = 1 }), false)
  check.equal(b:finish(one, 2, "finished", { values = { mAP = 1 }, seconds = 1 }), true)
  -- revived after it has ended
  check.equal(b:claim(two), 2)
  check.equal(b:finish(two, 2, "finished", { values = { mAP = 2 }, seconds = 1 }), true)
  check.equal(a:finish(two, 1, "finished", { values = { mAP = -2 }, seconds = 1 }), false)
  check.equal(a:finish(two, 1, "failed", { error = "x", seconds = 1 }), false)
  -- stopped between its look at the claims and its end: the end is in the journal, the next attempt runs
  check.equal(b:claim(three), 2)
  c.fenced = function() return false end
  check.equal(c:finish(three, 1, "finished", { values = { mAP = 3 }, seconds = 1 }), true)
  check.equal(b:finish(three, 2, "finished", { values = { mAP = -3 }, seconds = 1 }), false)
  b:refresh(true)
  for i, key in ipairs { one, two, three } do
    local trial = view.read(dir).by_key[key]
    check.equal(trial.state, "finished")
    check.equal(trial.metrics.mAP, i)
    check.equal(b.trials[key].metrics.mAP, i)
    check.equal(b:claim(key), nil)
  end
  check.equal(view.read(dir).by_key[three].attempt, 1)
  check.equal(files(dir .. "/claims"), "1 1 1 2 2 2 done done done")
  b:close()
end)

check.test("reports of a trial: of what the last attempt did not do anew, the newest there are", function()
  local book = require("calr.lab.study.ledger").new(function() return nil end)
  local function attempt(number, steps, state)
    book:apply({ kind = "start", key = "k", attempt = number, t = number }, "w-1-0000000" .. number)
    for _, step in ipairs(steps) do
      book:apply({ kind = "report", key = "k", attempt = number, step = step, values = { from = number }, t = number },
        "w-1-0000000" .. number)
    end
    if state then
      book:apply({ kind = "end", key = "k", attempt = number, state = state, values = {}, t = number },
        "w-1-0000000" .. number)
    end
  end
  local function curve()
    book:settle()
    local text = {}
    for i, report in ipairs(book.trials.k.reports) do text[i] = report.step .. "by" .. report.values.from end
    return table.concat(text, " ")
  end
  -- 2 was thought dead and was not: it wrote the checkpoint of step 2 that 4 goes on from; 3 began anew and died
  attempt(1, { 1 })
  attempt(2, { 1, 2 })
  attempt(3, { 1 })
  check.equal(curve(), "1by3", "what is ahead of the attempt that runs is not shown")
  attempt(4, { 3, 4 }, "interrupted")
  check.equal(curve(), "1by3 2by2 3by4 4by4")
  attempt(5, {})
  check.equal(curve(), "1by3 2by2 3by4 4by4", "an attempt that has said nothing yet")
  attempt(6, { 4, 5, 6 }, "finished")
  check.equal(curve(), "1by3 2by2 3by4 4by6 5by6 6by6")
end)

check.test("both end at the same moment: one counts", function()
  local dir = new_study()
  local a, b <close> = store.join(dir), store.join(dir)
  local key = announce(a, 1)
  a:claim(key)
  a.heart:close()
  sys.sleep(0.25)
  check.equal(b:claim(key), 2)
  -- b has written its end, not yet the marker, when a writes both
  b:write { kind = "end", key = key, attempt = 2, state = "finished", values = { mAP = 2 } }
  a.fenced = function() return false end
  check.equal(a:finish(key, 1, "finished", { values = { mAP = 1 }, seconds = 1 }), true)
  b:refresh(true)
  check.equal(b.trials[key].metrics.mAP, 1)
  check.equal(view.read(dir).by_key[key].metrics.mAP, 1)
  check.equal(b:claim(key), nil)
end)

check.test("an end without its marker is adopted", function()
  local dir = new_study()
  local a, b <close> = store.join(dir), store.join(dir)
  local key = announce(a, 1)
  a:claim(key)
  a:write { kind = "end", key = key, attempt = 1, state = "finished", values = { mAP = 0.5 }, seconds = 1 }
  kill(a)
  check.equal(view.read(dir).by_key[key].state, "finished")
  sys.sleep(0.25)
  check.equal(b:claim(key), nil)
  check.equal(b.trials[key].attempts[1].state, "finished")
  check.equal(files(dir .. "/claims"), "1 done")
end)

check.test("whoever settles the study makes the markers that are missing, and no others", function()
  local dir = new_study()
  local a = store.join(dir)
  for i = 1, 4 do a:claim(announce(a, i)) end
  a:finish(key_of(1), 1, "finished", { values = { mAP = 1 }, seconds = 1 })
  for i, state in ipairs { "finished", "pruned", "failed" } do
    a:write { kind = "end", key = key_of(i + 1), attempt = 1, state = state, values = { mAP = i }, seconds = 1 }
  end
  kill(a)
  local b <close> = store.join(dir)
  local c <close> = store.join(dir)
  b:settle()
  c:settle()
  check.equal(files(dir .. "/claims"), "1 1 1 1 done done done")
  for i = 1, 3 do check.equal(b:claim(key_of(i)), nil) end
  check.equal(view.read(dir).by_key[key_of(3)].metrics.mAP, 2)
  check.fails("open for reading only", function()
    store.join(dir, { read_only = true }):settle()
  end)
end)

check.test("a claim without a start, and one that a power cut has emptied", function()
  local dir = new_study()
  local a, b <close> = store.join(dir), store.join(dir, { patience = 0.3 })
  local key, other = announce(b, 1), announce(b, 2)
  local claims = dir .. "/claims/" .. key:sub(1, 2)
  sys.make_folder(claims)
  sys.write_file(("%s/%s.1"):format(claims, key), a.worker .. "\n")
  check.equal(b:claim(key), nil)
  kill(a)
  sys.sleep(0.25)
  check.equal(b:claim(key), 2)
  sys.make_folder(dir .. "/claims/" .. other:sub(1, 2))
  sys.write_file(("%s/claims/%s/%s.1"):format(dir, other:sub(1, 2), other), "")
  check.equal(b:claim(other), nil)
  while look_again(b, "unknown") do end
  check.equal(b:claim(other), 2)
end)

check.test("a power cut has taken the end that a marker names", function()
  local dir = new_study()
  local a = store.join(dir)
  local key, other = announce(a, 1), announce(a, 2)
  local path = ("%s/journals/%s.jsonl"):format(dir, a.worker)
  a:claim(key)
  a:claim(other)
  local size = sys.stat(path).size
  a:finish(key, 1, "finished", { values = { mAP = 1 }, seconds = 1 })
  a:finish(other, 1, "finished", { values = { mAP = 1 }, seconds = 1 })
  kill(a)
  sys.truncate(path, size + 5)
  sys.write_file(("%s/claims/%s/%s.done"):format(dir, other:sub(1, 2), other), "")
  local v = view.read(dir)
  check.equal(v.by_key[key].state, "dead")
  check.ok(v.notes[1]:find("line 6: cut off", 1, true), v.notes[1])
  for _, k in ipairs { key, other } do
    local b <close> = store.join(dir)
    local c <close> = store.join(dir)
    check.equal(b:claim(k), 2)
    check.equal(c:claim(k), nil)
    check.equal(b:finish(k, 2, "finished", { values = { mAP = 2 }, seconds = 1 }), true)
    check.equal(c:claim(k), nil)
    check.equal(view.read(dir).by_key[k].metrics.mAP, 2)
    check.equal(view.read(dir).by_key[k].attempt, 2)
  end
  check.equal(files(dir .. "/claims"), "1 1 2 2 done done done2")
end)

check.test("five deaths in a row without progress are a failure", function()
  local dir = new_study()
  local stuck, slow = nil, nil
  for attempt = 1, 5 do
    local a = store.join(dir)
    stuck, slow = announce(a, 1), announce(a, 2)
    check.equal(a:claim(stuck), attempt)
    check.equal(a:claim(slow), attempt)
    a:report(stuck, attempt, 1, { mAP = 0 }) -- always the same first step
    if attempt == 3 then a:checkpoint(slow, attempt) end
    kill(a)
  end
  local b <close> = store.join(dir)
  check.equal(b:claim(slow), 6)
  check.equal(b:claim(stuck), 6) -- the first of the five had a new step
  kill(b)
  local c <close> = store.join(dir)
  check.equal(c:claim(stuck), nil)
  c:refresh()
  check.equal(c.trials[stuck].state, "failed")
  check.ok(c.trials[stuck].error:find "its worker died 5 times")
  check.equal(c:claim(stuck), nil)
  check.equal(c:claim(stuck, true), 8)
end)

check.test("a worker that leaves gives up what it holds", function()
  local dir = new_study()
  local a, b <close> = store.join(dir), store.join(dir)
  local key = announce(a, 1)
  a:claim(key)
  check.equal(b:alive(a.worker), true)
  a:close()
  a:close()
  b:refresh(true)
  check.equal(b:alive(a.worker), false)
  check.equal(b:claim(key), 2)
  check.fails("is closed", a.claim, a, key)
  check.fails("is closed", a.report, a, key, 1, 1, {})
end)

check.test("lines that cannot be read are left out, and named", function()
  local dir = new_study()
  local a = store.join(dir)
  local key = announce(a, 1)
  a:claim(key)
  local path = ("%s/journals/%s.jsonl"):format(dir, a.worker)
  a.journal.file:write "\0\0\0\0\n"
  a.journal.file:write "\n"
  a.journal.file:write '{"kind":"report","key":"x"}\n'
  a.journal.file:write '[1,2]\n'
  a.journal.file:write '{"kind":"report","key":"x","attempt":1,"step":"one","values":{}}\n'
  a.journal.file:write '{"kind":"something new","key":"x"}\n'
  a.journal.file:write(('{"kind":"end","key":"%s","attempt":1,"state":"exploded"}\n'):format(key))
  a:report(key, 1, 1, { mAP = 0.5 })
  a:finish(key, 1, "finished", { values = { mAP = 0.5 }, seconds = 1 })
  a.journal.file:write '{"kind":"report","key":"'
  kill(a)
  sys.write_file(dir .. "/journals/empty-1-00000000.jsonl", "")
  sys.write_file(dir .. "/journals/notes.txt", "not a journal")
  local v = view.read(dir)
  check.equal(v.by_key[key].state, "finished")
  check.equal(v.by_key[key].metrics.mAP, 0.5)
  check.equal(#v.notes, 6)
  check.equal(v.notes[1], path .. ", line 4: not JSON; the line is left out")
  check.ok(v.notes[2]:find("line 6: a record without trial or attempt", 1, true))
  check.ok(v.notes[3]:find("line 7: not a record", 1, true))
  check.ok(v.notes[4]:find("line 8: a report without step", 1, true))
  check.ok(v.notes[5]:find("line 10: an end with an unknown state", 1, true))
  check.ok(v.notes[6]:find("line 13: cut off", 1, true))
  local st <close> = store.join(dir)
  check.equal(#st.notes, 5)
  check.equal(st.trials[key].state, "finished")
end)

check.test("a line comes in pieces", function()
  local dir = new_study()
  local a, b <close> = store.join(dir), store.join(dir)
  local key = announce(a, 1)
  a:claim(key)
  b:refresh(true)
  a.journal.file:write '{"kind":"report","key":"'
  check.equal(#b:refresh(true), 0)
  a.journal.file:write(key .. '","attempt":1,"step":7,"values":{"mAP":1}}')
  check.equal(#b:refresh(true), 0)
  a.journal.file:write "\n"
  check.equal(b:refresh(true)[1], key)
  check.equal(b.trials[key].reports[1].step, 7)
  check.equal(#b.notes, 0)
  a:close()
end)

check.test("quiet journals are looked at now and then, complete ones not at all", function()
  sys.make_folder "journals"
  local one, two = sys.append "journals/h-1-00000001.jsonl", sys.append "journals/h-2-00000002.jsonl"
  local reader = journal.reader "journals"
  local function poll(force)
    local kinds = {}
    reader:poll(function(record) kinds[#kinds + 1] = record.kind end, force)
    return table.concat(kinds, " ")
  end
  one:write '{"kind":"a"}\n'
  two:write '{"kind":"b"}\n'
  check.equal(poll(), "a b")
  one:write '{"kind":"c"}\n'
  check.equal(poll(), "c")
  for _, file in ipairs(reader.order) do file.grown = file.grown - 60 end
  check.equal(poll(), "")
  one:write '{"kind":"d"}\n'
  check.equal(poll(), "") -- for 3 seconds
  two:write '{"kind":"leave"}\n'
  check.equal(poll(true), "d leave")
  two:write '{"kind":"e"}\n'
  check.equal(poll(true), "")
  one:write '{"kind":"f"}\n'
  check.equal(poll(), "f")
  one:close()
  two:close()
end)

check.test("a request to stop reaches those who are there", function()
  local dir = new_study()
  local a <close> = store.join(dir)
  local b <close> = store.join(dir)
  check.equal(b:stopped(), false)
  a:stop()
  b:refresh(true)
  check.equal(b:stopped(), true)
  check.equal(a:stopped(), true)
  local c <close> = store.join(dir)
  c:refresh(true)
  check.equal(c:stopped(), false)
end)

check.test("what cannot be written as JSON is refused, and nothing is lost", function()
  local dir = new_study()
  local a = store.join(dir)
  local key = announce(a, 1)
  a:claim(key)
  check.fails("cannot write NaN as JSON (at values.mAP)", a.report, a, key, 1, 1, { mAP = 0 / 0 })
  check.fails("cannot write infinity", a.finish, a, key, 1, "finished", { values = { mAP = 1 / 0 } })
  check.ok(a:finish(key, 1, "failed", { error = "NaN", seconds = 1 }))
  a:close()
  check.equal(view.read(dir).by_key[key].state, "failed")
end)

check.test("folders that are no study, or another one", function()
  local dir = new_study "this"
  check.equal(store.is_study(dir), true)
  check.equal(store.read_header(dir).name, "this")
  check.fails("holds the study \"this\", not \"that\"", store.create, dir, { name = "that" })
  check.equal(store.create(dir, { name = "this", seeds = { 1, 2 } }).seeds[2], 2)
  check.equal(store.read_header(dir).seeds[2], 2)
  check.equal(store.read_plan(dir), nil)
  check.fails("there is no study folder absent", store.join, "absent")
  sys.write_file("file", "")
  check.fails("file is a file", store.join, "file")
  check.fails("file is a file", store.create, "file", { name = "x" })
  sys.make_folder "other/things"
  check.fails("other is not the folder of a study: it has no study.json", view.read, "other")
  check.fails("holds other files but no study", store.create, "other", { name = "x" })
  sys.make_folder "empty"
  store.create("empty", { name = "x" })
  check.ok(store.is_study "empty")
  -- an earlier start was killed before it wrote study.json
  sys.make_folder "begun/claims"
  store.create("begun", { name = "x" })
  check.ok(store.is_study "begun")
end)

check.test("newer and damaged files", function()
  local dir = new_study()
  local text = sys.read_file(dir .. "/study.json")
  sys.write_file(dir .. "/study.json", (text:gsub('"format": 1', '"format": 2'):gsub('"version": "[^"]*"',
    '"version": "9.0"')))
  for _, fn in ipairs { store.join, view.read, store.read_header } do
    check.fails("study.json has format 2, written by calr 9.0; this program, calr " .. sys.version.calr
      .. ", reads format 1: use a newer one", fn, dir)
  end
  check.fails("format 2", store.create, dir, { name = "s" })
  sys.write_file(dir .. "/study.json", text:sub(1, 30))
  check.fails("study.json is damaged", view.read, dir)
  sys.write_file(dir .. "/study.json", "")
  check.fails("study.json is damaged", view.read, dir)
  sys.write_file(dir .. "/study.json", "[]")
  check.fails("no format number", view.read, dir)
  sys.write_file(dir .. "/study.json", text)
  sys.write_file(dir .. "/plan.json", '{"format":3}')
  check.fails("plan.json has format 3", view.read, dir)
end)

check.finish()
