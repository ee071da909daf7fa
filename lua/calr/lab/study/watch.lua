--- @module calr.lab.study.watch
--- Shows a live view of a study in the terminal: states, best so far, running curves, workers, failures, time left.
---
--- `summary` computes what to show when something has changed, and `frame` lays it out for the size of the terminal
--- once a second; only lines that differ are written to the screen. A large study is read less often, so that watching
--- takes at most a tenth of a core.

local cells = require "calr.lab.study.table.cells"
local columns = require "calr.lab.study.table.columns"
local groups = require "calr.lab.study.table.groups"
local sys = require "calr.sys"
local sorted_keys = require "calr.tables".sorted_keys
local terminal = require "calr.terminal"
local text = require "calr.text"

local watch = {}

local function is_done(trial)
  return trial.state == "finished" or trial.state == "pruned" or trial.state == "failed"
end

local function is_current(trial)
  return trial.in_plan and not trial.stale
end

-- ---- what there is to say

-- Mean seconds of a part's trials that ended well; key 0 is for all parts.
local function mean_durations(view)
  local sums, counts = {}, {}
  for _, trial in ipairs(view.trials) do
    if (trial.state == "finished" or trial.state == "pruned") and trial.seconds then
      for _, part in ipairs { trial.part or 0, 0 } do
        sums[part] = (sums[part] or 0) + trial.seconds
        counts[part] = (counts[part] or 0) + 1
        if part == 0 then break end
      end
    end
  end
  local means = {}
  for part, sum in pairs(sums) do means[part] = sum / counts[part] end
  return means
end

-- How many trials a search will have: its distinct suggestions so far, plus those still to come.
local function count_search(part)
  local seen, asked, distinct = {}, 0, 0
  for _, row in pairs(part.rows) do
    local id = groups.identify(row.config)
    asked = asked + 1
    if not seen[id] then distinct = distinct + 1 end
    seen[id] = true
  end
  return distinct + math.max(0, (part.trials or 0) - asked), seen
end

-- Trials of other parts that a search shares.
local function count_shared(view, index, ids)
  local count = 0
  for _, trial in ipairs(view.trials) do
    if is_current(trial) and trial.part ~= index and trial.seed == view.seeds[1]
      and ids[groups.identify(trial.config)] then
      count = count + 1
    end
  end
  return count
end

-- How many trials each part has yet to begin: waiting ones, and those that a search has not suggested yet.
local function count_left(view)
  local known, left = {}, {}
  for part in ipairs(view.parts) do known[part], left[part] = 0, 0 end
  for _, trial in ipairs(view.trials) do
    if is_current(trial) and left[trial.part] then
      known[trial.part] = known[trial.part] + 1
      if not is_done(trial) and trial.state ~= "running" then left[trial.part] = left[trial.part] + 1 end
    end
  end
  for index, part in ipairs(view.parts) do
    if part.kind == "search" then
      local planned, ids = count_search(part)
      local missing = math.max(0, planned - known[index])
      if missing > 0 then missing = math.max(0, missing - count_shared(view, index, ids)) end
      known[index], left[index] = known[index] + missing, left[index] + missing
    elseif part.kind == "confirm" and known[index] == 0 and view.parts[part.of] then
      local rows = math.min(view.parts[part.of].confirm or 0, view.parts[part.of].trials or 0)
      local missing = rows * (#view.seeds - 1)
      known[index], left[index] = missing, missing
    end
  end
  return known, left
end

-- The best k of a list by `value`.
local function best_of(list, k, direction)
  local best = {}
  for _, item in ipairs(list) do
    local i = #best + 1
    while i > 1 and (direction == "min" and item.value < best[i - 1].value
      or direction ~= "min" and item.value > best[i - 1].value) do
      i = i - 1
    end
    if i <= k then
      table.insert(best, i, item)
      best[k + 1] = nil
    end
  end
  return best
end

local function describe_changes(changes)
  local names = sorted_keys(changes or {})
  for i, name in ipairs(names) do names[i] = name .. "=" .. cells.value(changes[name]) end
  return table.concat(names, " ")
end

local function curve_of(trial, metric)
  local curve = {}
  for _, report in ipairs(trial.reports) do
    local value = report.values[metric]
    if type(value) == "number" then curve[#curve + 1] = value end
  end
  return curve
end

local function mean_and_deviation(values)
  local statistics = require "calr.statistics"
  return statistics.mean(values), statistics.sd(values)
end

-- Rows of a small ablation or grid with the mean so far.
local function row_means(view, part, goal)
  local by_row = {}
  for _, trial in ipairs(view.trials) do
    local value = is_current(trial) and trial.part == part and columns.value(view, trial, goal)
    if value and math.abs(value) < math.huge then
      by_row[trial.row] = by_row[trial.row] or {}
      table.insert(by_row[trial.row], value)
    end
  end
  local rows = {}
  for r, row in ipairs(view.parts[part].rows) do
    local values = by_row[r] or {}
    local mean, deviation = nil, nil
    if #values > 0 then mean, deviation = mean_and_deviation(values) end
    rows[r] = { label = row.label, n = #values, mean = mean, deviation = deviation }
  end
  return rows
end

local function running_of(view, goal)
  local list = {}
  for _, trial in ipairs(view.trials) do
    if trial.state == "running" then
      local last = trial.reports[#trial.reports]
      list[#list + 1] = { trial = trial, curve = curve_of(trial, goal.metric), step = last and last.step }
    end
  end
  table.sort(list, function(a, b) return (a.trial.started or 0) < (b.trial.started or 0) end)
  return list
end

local function workers_of(view)
  local list, left, died = {}, 0, 0
  for _, worker in ipairs(view.workers) do
    if worker.alive then
      local attempt, done = nil, 0
      for _, each in ipairs(worker.attempts) do
        if each.state == "running" then attempt = each else done = done + 1 end
      end
      list[#list + 1] = { worker = worker, attempt = attempt, done = done }
    elseif worker.left then
      left = left + 1
    else
      died = died + 1
    end
  end
  return list, left, died
end

--- calr.lab.study.watch.summary(view)
--- Returns what a view has to show, independent of time and terminal.
--- @return table
function watch.summary(view)
  if not view.goals[1] then view.goals = { { metric = "mAP", direction = "max" } } end -- not written yet
  local goal = columns.parse(view, { view.goals[1].metric })[1]
  local s = { view = view, goal = goal, counts = view.counts, total = 0, left = 0, work = 0, unknown = false }
  local means = mean_durations(view)
  local known, left = count_left(view)
  for part in ipairs(view.parts) do
    s.total, s.left = s.total + known[part], s.left + left[part]
    local mean = means[part] or means[0]
    if mean then s.work = s.work + left[part] * mean elseif left[part] > 0 then s.unknown = true end
  end
  s.means = means
  local ended, failures = {}, {}
  for _, trial in ipairs(view.trials) do
    if is_current(trial) then
      local value = columns.value(view, trial, goal)
      if value and math.abs(value) < math.huge then ended[#ended + 1] = { trial = trial, value = value } end
      if trial.state == "failed" then failures[#failures + 1] = trial end
    end
  end
  table.sort(failures, function(a, b) return (a.ended or 0) > (b.ended or 0) end)
  s.best, s.failures = best_of(ended, 20, goal.direction), failures
  s.running = running_of(view, goal)
  s.workers, s.workers_left, s.workers_died = workers_of(view)
  local part = #view.parts == 1 and view.parts[1]
  if part and part.kind ~= "search" and #part.rows <= 12 and #view.seeds > 1 then s.rows = row_means(view, 1, goal) end
  local values, deviations = {}, {}
  for i, item in ipairs(s.best) do values[i] = item.value end
  for _, row in ipairs(s.rows or {}) do deviations[#deviations + 1] = row.deviation end
  for _, item in ipairs(s.running) do values[#values + 1] = item.curve[#item.curve] end
  columns.scale(goal, values, s.rows and deviations or {})
  s.is_over = s.total > 0 and s.left == 0 and #s.running == 0
  return s
end

-- ---- how it is laid out

local state_order = { "finished", "pruned", "failed", "running", "interrupted", "dead", "waiting", "stale" }
local state_colours = { finished = "green", pruned = "blue", failed = "red", running = "cyan", interrupted = "yellow",
  dead = "yellow", waiting = "dim", stale = "yellow" }
local bar_letters = { finished = "\u{2588}", pruned = "\u{2593}", failed = "\u{2573}", running = "\u{2592}" }

-- A bar of the states: each takes its share, rounded so that the sum is the width.
local function draw_bar(s, width)
  local parts, used, sum = {}, 0, 0
  for _, state in ipairs { "finished", "pruned", "failed", "running" } do
    sum = sum + (s.counts[state] or 0)
    local to = s.total > 0 and math.floor(width * math.min(1, sum / s.total) + 0.5) or 0
    if to > used then parts[#parts + 1] = text.paint(state_colours[state], bar_letters[state]:rep(to - used)) end
    used = math.max(used, to)
  end
  parts[#parts + 1] = text.paint("dim", ("\u{2591}"):rep(width - used))
  return table.concat(parts)
end

-- An estimated duration: no seconds next to minutes.
local function roughly(seconds)
  if seconds < 1 then return "a moment" end
  if seconds > 120 and seconds < 3600 then return ("%d min"):format(math.floor(seconds / 60 + 0.5)) end
  return text.duration(seconds)
end

local function time_left(s, now)
  if s.is_over then return "done" end
  if s.total == 0 then return "there is no plan yet" end
  local hands = #s.workers
  if hands == 0 then return "no worker is running" end
  if s.unknown or next(s.means) == nil then return "time left: unknown until a trial has finished" end
  local work = s.work
  for _, item in ipairs(s.running) do
    local mean = s.means[item.trial.part] or s.means[0]
    work = work + math.max(0, mean - math.max(0, now - (item.trial.started or now)))
  end
  -- The last trials of several workers end one by one: never less than the rest of one trial.
  return ("about %s left"):format(roughly(work / math.min(hands, math.max(1, s.left + #s.running))))
end

local function figure(s, value)
  return value and cells.figure(s.goal, value) .. (s.goal.percent and " %" or "") or "-"
end

local function name_of(s, trial)
  local label = text.visible(trial.label or trial.key)
  return #s.view.seeds > 1 and ("%s, seed %s"):format(label, trial.seed) or label
end

local function header(s, now, width)
  local view, lines = s.view, {}
  local began
  for _, worker in ipairs(view.workers) do
    if worker.started and (not began or worker.started < began) then began = worker.started end
  end
  local since = began and not s.is_over and ", begun " .. text.duration(math.max(0, now - began)) .. " ago" or ""
  local goals = {}
  for i, goal in ipairs(view.goals) do goals[i] = goal.direction .. " " .. goal.metric end
  local about = ("  %s%s"):format(text.visible(table.concat(goals, ", ")), since)
  lines[1] = text.paint("bold", text.visible(view.name)) .. text.paint("dim", about)
  local done = (s.counts.finished or 0) + (s.counts.pruned or 0) + (s.counts.failed or 0)
  local share = ("  %s of %s trials"):format(text.count(done), text.count(s.total))
  lines[2] = draw_bar(s, math.max(10, math.min(100, width - text.width(share)))) .. share
  local words = {}
  for _, state in ipairs(state_order) do
    local count = s.counts[state] or 0
    if state == "waiting" then count = math.max(count, s.left - (s.counts.interrupted or 0) - (s.counts.dead or 0)) end
    if count > 0 then words[#words + 1] = text.paint(state_colours[state], text.count(count) .. " " .. state) end
  end
  lines[3] = table.concat(words, "  ")
  lines[4] = time_left(s, now)
  if #s.workers == 0 and not s.is_over and s.total > 0 then
    lines[4] = ("%s; calr work %s starts one"):format(lines[4], text.quote(view.folder))
  end
  local best = s.best[1]
  if best then
    local line = ("best so far: %s %s"):format(s.goal.metric, text.paint("bold", figure(s, best.value)))
    lines[5] = line .. "  " .. name_of(s, best.trial)
    if best.trial.label and best.trial.label:match "^#" then
      lines[5] = lines[5] .. "  " .. describe_changes(best.trial.changes)
    end
  end
  return lines
end

local function table_lines(columns_of, rows)
  local lines = {}
  for line in (text.table { columns = columns_of, rows = rows } .. "\n"):gmatch "([^\n]*)\n" do
    if #lines ~= 1 or not line:match "^[- ]+$" then lines[#lines + 1] = line end
  end
  table.remove(lines, 1)
  return lines
end

local function rows_block(s)
  local rows = {}
  for r, row in ipairs(s.rows) do
    local deviation = row.deviation and "\u{b1} " .. cells.figure(s.goal, row.deviation) or ""
    rows[r] = { row.label, ("%d/%d"):format(row.n, #s.view.seeds), figure(s, row.mean), deviation }
  end
  return { title = "means so far", least = 4, lines = table_lines({ "", { "", align = "right" },
    { "", align = "right" }, "" }, rows) }
end

-- The figure of the second goal, if there is one.
local function second(s, trial)
  local goal = s.view.goals[2]
  local value = goal and trial.metrics[goal.metric]
  return value and ("%s %.4g"):format(goal.metric, value) or ""
end

local function best_block(s)
  local rows = {}
  for i, item in ipairs(s.best) do
    local trial = item.trial
    rows[i] = { trial.label, #s.view.seeds > 1 and "seed " .. trial.seed or "", figure(s, item.value),
      second(s, trial), trial.seconds and trial.seconds >= 0.05 and text.duration(trial.seconds) or "",
      (trial.label or ""):match "^#" and describe_changes(trial.changes) or "" }
  end
  return { title = "best trials", least = 3, most = 8, lines = table_lines({ "", "", { "", align = "right" },
    { "", align = "right" }, { "", align = "right" }, "" }, rows) }
end

local function running_block(s, now)
  local low, high = math.huge, -math.huge
  for _, item in ipairs(s.running) do
    for _, value in ipairs(item.curve) do
      if value == value then low, high = math.min(low, value), math.max(high, value) end
    end
  end
  local rows = {}
  for i, item in ipairs(s.running) do
    local trial = item.trial
    local elapsed = math.max(0, now - (trial.started or now))
    rows[i] = { name_of(s, trial), item.step and ("step %d"):format(item.step) or "",
      figure(s, item.curve[#item.curve]), text.sparkline(item.curve, 24, low, high), text.duration(elapsed),
      trial.attempt > 1 and ("attempt %d"):format(trial.attempt) or "" }
  end
  return { title = "running", least = 3, lines = table_lines({ "", { "", align = "right" }, { "", align = "right" }, "",
    { "", align = "right" }, "" }, rows) }
end

local function workers_block(s, now)
  local rows = {}
  for i, item in ipairs(s.workers) do
    local worker, attempt = item.worker, item.attempt
    local trial = attempt and s.view.by_key[attempt.key]
    rows[i] = { ("%s %s"):format(worker.host, worker.pid or ""), ("%d thread%s"):format(worker.threads or 1,
      (worker.threads or 1) == 1 and "" or "s"), ("%s done"):format(text.count(item.done)),
      trial and ("%s for %s"):format(name_of(s, trial), text.duration(math.max(0, now - (attempt.start or now))))
        or "between trials" }
  end
  local title = "workers"
  local gone = {}
  if s.workers_left > 0 then gone[1] = ("%s left in order"):format(text.count(s.workers_left)) end
  if s.workers_died > 0 then gone[#gone + 1] = ("%s died"):format(text.count(s.workers_died)) end
  if #gone > 0 then title = ("workers (%s)"):format(table.concat(gone, ", ")) end
  return { title = title, least = 2, lines = table_lines({ "", "", { "", align = "right" }, "" }, rows) }
end

local function failures_block(s)
  local lines = {}
  for i = 1, math.min(20, #s.failures) do
    local trial = s.failures[i]
    local message = tostring(trial.error or "no message"):match "^[^\n]*"
    lines[i] = ("%s: %s"):format(name_of(s, trial), text.visible(message))
  end
  return { title = text.paint("red", "failures"), least = 2, most = 5, lines = lines, all = #s.failures }
end

-- How many lines of each block fit: first each block's minimum, then more, starting with the first block.
local function share_out(blocks, room)
  local shown, used = {}, 0
  for b, block in ipairs(blocks) do
    local want = math.min(#block.lines, block.least)
    local cost = want + 2
    if used + cost <= room then
      shown[b] = want
      used = used + cost
    end
  end
  for b, block in ipairs(blocks) do
    if shown[b] then
      local more = math.min(math.min(#block.lines, block.most or math.huge) - shown[b], room - used)
      if more > 0 then
        shown[b] = shown[b] + more
        used = used + more
      end
    end
  end
  return shown
end

--- calr.lab.study.watch.frame(summary, now, width [, height])
--- Returns the lines of the view.
--- @param now     seconds since 1970
--- @param height  lines of the terminal; nil: as many as there are
--- @return table  list of lines, none wider than `width`
function watch.frame(s, now, width, height)
  local lines = header(s, now, width)
  local blocks = {}
  if #s.running > 0 then blocks[#blocks + 1] = running_block(s, now) end
  if s.rows then blocks[#blocks + 1] = rows_block(s) end
  if #s.best > 0 and not s.rows then blocks[#blocks + 1] = best_block(s) end
  if #s.failures > 0 then blocks[#blocks + 1] = failures_block(s) end
  if #s.workers > 0 or s.workers_died > 0 then blocks[#blocks + 1] = workers_block(s, now) end
  local shown = share_out(blocks, height and height - #lines - 1 or math.huge)
  for b, block in ipairs(blocks) do
    if shown[b] then
      lines[#lines + 1] = ""
      local hidden = (block.all or #block.lines) - shown[b]
      lines[#lines + 1] = text.paint("bold", block.title) .. (hidden > 0 and shown[b] > 0
        and text.paint("dim", ("  (%s more)"):format(text.count(hidden))) or "")
      for i = 1, shown[b] do lines[#lines + 1] = "  " .. block.lines[i] end
    end
  end
  for i, line in ipairs(lines) do lines[i] = text.cut(line, width) end
  while height and #lines > height do lines[#lines] = nil end
  return lines
end

-- ---- the screen

local Screen = {}
Screen.__index = Screen

-- The terminal's alternate screen; leaving it restores the first one.
local function open_screen()
  io.write "\27[?1049h\27[?25l\27[2J"
  return setmetatable({ lines = {} }, Screen)
end

Screen.__close = function()
  io.write "\27[?25h\27[?1049l"
  io.flush()
end

function Screen:draw(lines, width, height)
  local out = {}
  if width ~= self.width or height ~= self.height then
    out[1] = "\27[2J"
    self.lines, self.width, self.height = {}, width, height
  end
  for i = 1, math.max(#lines, #self.lines) do
    local line = lines[i] or ""
    if line ~= self.lines[i] then out[#out + 1] = ("\27[%d;1H%s\27[K"):format(i, line) end
  end
  self.lines = lines
  if #out > 0 then
    io.write(table.concat(out))
    io.flush()
  end
end

local function is_leaving(key)
  return key and (key == "" or key:find "[qQ\3\4]") ~= nil
end

-- Draws until the study is over or the user leaves; returns the last summary.
local function follow(follower)
  local keys <close> = sys.is_terminal(0) and terminal.keys() or nil
  local screen <close> = open_screen()
  local summary, next_look = nil, 0
  while true do
    if sys.clock() >= next_look then
      local before = os.clock() -- processor seconds: waiting is not counted
      local view, changed = follower:refresh()
      if changed then summary = watch.summary(view) end
      next_look = sys.clock() + math.max(0.9, math.min(10, 10 * (os.clock() - before)))
    end
    local width, height = terminal.size(1)
    local lines = watch.frame(summary, sys.time(), width, height - 1)
    for i = #lines + 1, height - 1 do lines[i] = "" end
    lines[height] = text.cut(text.paint("dim", "q leaves; the study continues"), width)
    screen:draw(lines, width, height)
    if summary.is_over then return summary end
    sys.check_interrupt()
    if keys then
      if is_leaving(keys:read(1)) then return summary end
    else
      sys.sleep(1)
    end
  end
end

--- calr.lab.study.watch.run(dir)
--- Shows the study until it is over or the user leaves with q or Ctrl-C. If the output is not a terminal, it shows the
--- current state once.
function watch.run(dir)
  local follower = require("calr.lab.study.view").follow(dir)
  if not sys.is_terminal(1) or os.getenv "TERM" == "dumb" then
    print(table.concat(watch.frame(watch.summary((follower:refresh())), sys.time(), sys.terminal_width(1)), "\n"))
    return
  end
  local summary = follow(follower)
  if summary.is_over then
    print(require("calr.lab.study.table").render(summary.view, {}))
  else
    print(table.concat(watch.frame(summary, sys.time(), (terminal.size(1))), "\n"))
  end
end

return watch
