-- The report of studies and runs: one file with its data, whatever stands in them.
local check = require "check"
local fixture = require "study_fixture"
local json = require "calr.json"
local report = require "calr.lab.report"
local study = require "calr.lab.report.study"
local sys = require "calr.sys"

local tmp = os.getenv "CALR_TEST_TMP"

-- The data that a page holds, as its script reads them.
local function data_of(html)
  local text = html:match '<script type="application/json" id="data">(.-)</script>'
  return json.decode(text, "page")
end

-- A column of the page as a plain list; false for nothing.
local function unpacked(column)
  local list = {}
  for i, value in ipairs(column.numbers or column.index) do
    if not column.numbers then value = value >= 0 and column.values[value + 1] or nil end
    list[i] = value ~= json.null and value or false
  end
  return list
end

local function page_of(view, options)
  return report.page(study.collect(view, options))
end

local function occurrences(text, what)
  return select(2, text:gsub(what:gsub("%p", "%%%0"), ""))
end

check.test("a page is whole and needs nothing else", function()
  local html = page_of(fixture.ablation {})
  check.equal(html:sub(1, 15), "<!DOCTYPE html>")
  check.ok(html:find "</html>%s*$")
  check.equal(occurrences(html, "<script"), 2)
  check.equal(occurrences(html, "</script>"), 2)
  check.equal(occurrences(html, "{{"), 0)
  for _, word in ipairs { "http://", "https://", "url(", "@import", "fetch(" } do
    local rest = html:gsub("http://www%.w3%.org/2000/svg", "")
    check.ok(not rest:find(word, 1, true), word)
  end
  check.ok(html:find("default-src 'none'", 1, true))
end)

check.test("the data are those of the view", function()
  local view = fixture.ablation { seeds = 3, epochs = 5 }
  local data = data_of(page_of(view))
  check.equal(data.kind, "study")
  check.equal(data.trials.count, 12)
  check.equal(data.metrics[1], "mAP")
  check.equal(data.metrics[#data.metrics], "hours")
  check.equal(data.parts[1].labels[3], "+ refinement")
  local values = unpacked(data.values.mAP)
  for i, trial in ipairs(view.trials) do check.near(values[i], trial.metrics.mAP, 1e-6) end
  local refine = unpacked(data.config.refine)
  for i, trial in ipairs(view.trials) do check.equal(refine[i], trial.config.refine) end
  check.equal(unpacked(data.config["alignment.weight"])[1], false)
  check.equal(data.common.epochs, 20)
  local curve = data.curves.values.mAP[2]
  check.equal(#curve, 5)
  check.equal(#data.curves.steps, 1)
  check.near(curve[5], view.trials[2].reports[5].values.mAP, 1e-5)
end)

check.test("figures by choice of the epoch are named as such", function()
  local data = data_of(page_of(fixture.ablation { seeds = 2 }))
  check.equal(data.variants[1].head, "mAP (label-free epoch)")
  check.equal(data.variants[2].head, "mAP (best on test)")
  local last, best = unpacked(data.values.mAP), unpacked(data.values["mAP@best"])
  for i in ipairs(last) do check.ok(best[i] >= last[i]) end
end)

check.test("differences are those of calr.study.compare", function()
  local view = fixture.ablation {}
  local data = data_of(page_of(view))
  local expected = require("calr.lab.study.compare").rows(view, { metric = "mAP", versus = "Baseline" })
  local item = data.comparisons[1]
  check.equal(item.metric, "mAP")
  check.equal(item.versus, 1)
  check.equal(item.rows[1], json.null)
  check.near(item.rows[3].mean, expected.rows[3].difference.mean, 1e-6)
  check.near(item.rows[3].p, expected.rows[3].difference.p_corrected, 1e-6)
  local other = data_of(page_of(view, { versus = "+ alignment" }))
  check.equal(other.comparisons[1].versus, 2)
  check.fails("did you mean \"+ alignment\"", page_of, view, { versus = "+ alignmnt" })
end)

check.test("whatever stands in labels, errors and values is harmless", function()
  local view = fixture.search { trials = 20 }
  local bad = "</script><script>alert(1)</script><b>&amp;\"' \u{2028} {{data}} %1 \\u003c"
  view.name = bad
  for _, trial in ipairs(view.trials) do
    trial.label, trial.error, trial.notes = bad, bad, { bad }
    trial.config.note = trial.number % 2 == 0 and bad or "plain"
  end
  for _, row in ipairs(view.parts[1].rows) do row.label = bad end
  view.command = "calr study '" .. bad .. "'"
  local html = page_of(view)
  check.equal(occurrences(html, "</script>"), 2)
  check.equal(occurrences(html, "<script"), 2)
  check.equal(occurrences(html, "alert(1)</"), 0)
  check.ok(not html:match('id="data">(.*)$'):find("\u{2028}", 1, true)) -- ends a line of a script in old browsers
  local data = data_of(html)
  check.equal(data.title, bad)
  check.equal(data.parts[1].labels[1], bad)
  check.equal(unpacked(data.trials.error)[7], bad)
end)

check.test("the same view gives the same bytes", function()
  for _, make in ipairs { fixture.ablation, fixture.grid, fixture.search, fixture.goals } do
    check.ok(page_of(make {}) == page_of(make {}))
  end
end)

check.test("a study of which nothing has started", function()
  local data = data_of(page_of(fixture.empty()))
  check.equal(data.counts.waiting, 6)
  check.equal(data.curves, json.null)
  check.equal(#data.attempts.worker, 0)
end)

check.test("no trial at all, one trial, none finished", function()
  local view = fixture.empty()
  view.trials, view.by_key, view.parts = {}, {}, {}
  fixture.count(view)
  check.equal(data_of(page_of(view)).trials.count, 0)
  view = fixture.search { trials = 1 }
  check.equal(data_of(page_of(view)).trials.count, 1)
  view = fixture.search { trials = 9 }
  for _, trial in ipairs(view.trials) do fixture.make_failed(view, trial, "out of memory") end
  check.equal(data_of(page_of(view)).counts.failed, 9)
end)

check.test("stale results stay apart", function()
  local view = fixture.search { trials = 40 }
  local data = data_of(page_of(view))
  local stale, why = unpacked(data.trials.stale), unpacked(data.trials.why)
  local count = 0
  for i, value in ipairs(stale) do
    if value then
      count = count + 1
      check.equal(why[i], "refine/pivot.lua changed")
    end
  end
  check.equal(count, 1)
end)

check.test("commands are written once, and carry the key of their trial", function()
  local view = fixture.large { trials = 500 }
  local data = data_of(page_of(view))
  check.equal(#data.trials.command.values, 1)
  check.equal((data.trials.command.values[1]:gsub("\1", data.trials.key[7])), view.trials[7].command)
end)

check.test("long curves are thinned, their ends stay", function()
  local view = fixture.large { trials = 1500, reports = 300 }
  local data = data_of(page_of(view))
  check.ok(data.curves.thinned)
  local steps = data.curves.steps[1]
  check.equal(steps[1], 1)
  check.equal(steps[#steps], 300)
  check.ok(#steps * 1500 <= 400000)
end)

check.test("ten thousand trials", function()
  local start = sys.clock()
  local html = page_of(fixture.large { trials = 10000 })
  check.ok(#html < 3 * 1024 * 1024, ("%d bytes"):format(#html))
  print(("  10,000 trials: %.1f s with the fixture, %d KiB"):format(sys.clock() - start, #html // 1024))
end)

-- ---- runs ----

local function write_run(path, lines, changes)
  sys.make_folder(path)
  local record = { format = 1, status = "finished", started = "2026-11-21T10:36:19Z", ended = "2026-11-21T10:39:52Z",
    seconds = 213.3, seed = 1, threads = 2, arguments = { "lr=1e-3" }, script = { name = "calr", path = "/x/calr.lua" },
    config = { lr = 1e-3, seed = 1, infomap = { k = 12 }, data = "none.lmdb" }, difference = { lr = 1e-3 }, files = {},
    data = { fingerprint = "f00" }, code = { version = "0.1.0", lua = "5.4.4" }, machine = { host = "node1" } }
  for key, value in pairs(changes or {}) do record[key] = value end
  sys.write_file(path .. "/run.json", json.encode(record))
  local text = {}
  for i, line in ipairs(lines) do text[i] = json.encode(line) .. "\n" end
  sys.write_file(path .. "/metrics.jsonl", table.concat(text))
  sys.write_file(path .. "/log.txt", "one\ntwo </script> \xff\n")
end

local function epochs(count, offset)
  local lines = { { stage = "intra", camera = 0, epoch = 0, loss = 6.5, silhouette = 0.3, clusters = 10 } }
  for e = 0, count - 1 do
    lines[#lines + 1] = { stage = "inter", epoch = e, loss = 3 / (e + 1), lr = 1e-3, clusters = 90 + e, outliers = 10,
      global = { precision = 0.8, recall = 0.7, f = 0.75, expansion = 1.2 },
      discarded = { ["of another cluster"] = 12 }, untrained = e == 0 and { mAP = 0.1, rank1 = 0.2 } or nil,
      evaluation = e == count - 1 and { mAP = 0.5 + offset, rank1 = 0.7, rank5 = 0.9, queries = 314 } or nil }
  end
  return lines
end

check.test("a run", function()
  write_run(tmp .. "/runs/calr-1", epochs(5, 0))
  local html = report.page(report.collect(tmp .. "/runs/calr-1"))
  check.equal(occurrences(html, "</script>"), 2)
  local data = data_of(html)
  check.equal(data.kind, "run")
  check.equal(data.title, "calr-1")
  check.equal(data.command, "calr run /x/calr.lua lr=1e-3")
  check.equal(#data.evaluations, 2)
  check.equal(data.evaluations[1].name, "untrained")
  check.near(data.evaluations[2].values.mAP, 0.5, 1e-9)
  check.equal(data.evaluations[2].name, "epoch 4")
  check.equal(#data.lines, 2)
  check.equal(data.lines[2].values["global.precision"][3], 0.8)
  check.equal(data.lines[2].x[5], 4)
  check.equal(data.log[2], "two </script> \\xFF")
  local changed = {}
  for _, option in ipairs(data.options) do changed[option.name] = option.changed end
  check.equal(changed.lr, true)
  check.equal(changed["infomap.k"], false)
  check.equal(#data.gallery.clusters, 0)
end)

check.test("a run without evaluation, without metrics, and one that failed", function()
  write_run(tmp .. "/bare", {}, { status = "failed", error = "no memory </script>", config = {}, difference = {},
    machine = json.null, script = { name = "calr" } })
  local data = data_of(report.page(report.collect(tmp .. "/bare")))
  check.equal(#data.evaluations, 0)
  check.equal(#data.lines, 0)
  check.equal(data.error, "no memory </script>")
  write_run(tmp .. "/plain", { { step = 10, accuracy = 0.5 }, { step = 20, accuracy = 0.6, word = "x" } })
  data = data_of(report.page(report.collect(tmp .. "/plain")))
  check.equal(data.lines[1].axis, "step")
  check.equal(data.lines[1].values.accuracy[2], 0.6)
end)

check.test("a folder of runs is a table of runs", function()
  write_run(tmp .. "/runs/calr-2", epochs(5, 0.02), { seed = 2, config = { lr = 1e-3, seed = 2,
    infomap = { k = 12 }, data = "none.lmdb" } })
  write_run(tmp .. "/runs/other", epochs(5, 0.1), { config = { lr = 2e-3, seed = 1, infomap = { k = 12 },
    data = "none.lmdb" } })
  local data = data_of(report.page(report.collect(tmp .. "/runs")))
  check.equal(data.kind, "runs")
  check.equal(data.trials.count, 3)
  check.equal(#data.parts[1].labels, 2)
  check.equal(data.parts[1].labels[1], "calr")
  check.equal(data.parts[1].labels[2], "other")
  check.equal(data.goals[1].metric, "mAP")
  check.near(unpacked(data.values.mAP)[2], 0.52, 1e-9)
  check.equal(data.origin, 1795257379)
end)

check.test("a run that repeats another is shown as such and is no further seed", function()
  local folder = tmp .. "/repeated"
  for seed = 1, 3 do
    write_run(("%s/calr-%d"):format(folder, seed), epochs(5, seed / 100), { seed = seed })
    write_run(("%s/other-%d"):format(folder, seed), epochs(5, 0.1 + seed / 100), { seed = seed,
      config = { lr = 2e-3, seed = seed, infomap = { k = 12 }, data = "none.lmdb" } })
  end
  write_run(folder .. "/calr-4", epochs(5, 0.01), { seed = 1 })
  write_run(folder .. "/kept-1", epochs(5, 0.07), { seed = 2 })
  write_run(folder .. "/newer-1", epochs(5, 0.02), { seed = 1, code = { library = "b00c" } })
  local data = data_of(report.page(report.collect(folder)))
  check.equal(table.concat(data.parts[1].labels, " "), "calr newer-1 other")
  check.equal(#data.members[1][1], 3)
  local labels = unpacked(data.trials.label)
  check.equal(labels[4], "calr-4, repeats calr-1")
  check.equal(labels[5], "kept-1, repeats calr-2")
  check.equal(unpacked(data.trials.planned)[4], false)
  check.equal(data.notes[1], "calr-4 repeats calr-1: the same configuration, seed 1, data and code. It is not counted "
    .. "as a further seed; its mAP is the same.")
  check.ok(data.notes[2]:find("its mAP is 0.57, not 0.52.", 1, true), data.notes[2])
  local compared = data.comparisons[1]
  check.equal(compared.metric, "mAP")
  check.equal(compared.comparisons, 2) -- other code is another row, and may be compared
  check.equal(compared.rows[2].n, 1)
  check.equal(compared.rows[3].n, 3)
  check.near(compared.rows[3].mean, 0.1, 1e-9)
end)

check.test("of runs that repeat one another, one of the row with the most seeds counts", function()
  local folder = tmp .. "/again"
  for seed = 1, 3 do
    write_run(("%s/calr-%d"):format(folder, seed), epochs(5, seed / 100), { seed = seed })
  end
  write_run(folder .. "/again", epochs(5, 0.02), { seed = 2 })
  write_run(folder .. "/broken-1", epochs(5, 0.01), { seed = 1, status = "failed" })
  local data = data_of(report.page(report.collect(folder)))
  check.equal(table.concat(data.parts[1].labels, " "), "broken-1 calr")
  check.equal(#data.members[1][2], 3)
  check.equal(unpacked(data.trials.label)[1], "again, repeats calr-2")
end)

check.test("images: what a run saved, as data URIs", function()
  local T = require "calr.tensor"
  local image = require "calr.image"
  image.save_png(T.zeros({ 4, 6, 3 }, "u8"), tmp .. "/runs/calr-1/map.png")
  local data = data_of(report.page(report.collect(tmp .. "/runs/calr-1")))
  check.equal(data.gallery.files[1].name, "map.png")
  check.equal(data.gallery.files[1].source:sub(1, 22), "data:image/png;base64,")
  local without = data_of(report.page(report.collect(tmp .. "/runs/calr-1", { images = false })))
  check.equal(without.gallery, nil)
end)

check.test("images: many large ones do not make the page large", function()
  local T = require "calr.tensor"
  local noise = require("calr.rng").open { seed = 1, purpose = "noise" }:fill_uniform(T.zeros { 300, 300, 3 }, 0, 255)
  for i = 1, 8 do
    require("calr.image").save_png(noise:to "u8", ("%s/runs/calr-2/noise-%d.png"):format(tmp, i))
  end
  local html = report.page(report.collect(tmp .. "/runs/calr-2"))
  local gallery = data_of(html).gallery
  check.ok(#gallery.files > 2 and #gallery.files < 8, tostring(#gallery.files))
  check.equal(gallery.left_out, 8 - #gallery.files)
  check.ok(#html < 2000 * 1024, tostring(#html))
end)

check.test("base64", function()
  local base64 = require("calr.text").base64
  local cases = { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foobar = "Zm9vYmFy", ["\0\xff\x80"] = "AP+A" }
  for bytes, coded in pairs(cases) do check.equal(base64(bytes), coded) end
end)

check.test("folders that are neither", function()
  sys.make_folder(tmp .. "/nothing")
  check.fails("is neither a study", report.collect, tmp .. "/nothing")
  check.fails("there is no folder", report.collect, tmp .. "/absent")
end)

check.test("a report is written whole, beside what it is of", function()
  local path, size = report.write(tmp .. "/runs/calr-1/")
  check.equal(path, tmp .. "/runs/calr-1/report.html")
  check.equal(size, #sys.read_file(path))
  local first = sys.read_file(path)
  report.write(tmp .. "/runs/calr-1")
  check.ok(sys.read_file(path) == first)
end)

check.finish()
