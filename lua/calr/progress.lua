--- @module calr.progress
--- Shows the progress of long work: one live line on a terminal, otherwise a line every ten seconds, nothing with
--- --quiet.
---
---     local bar = progress.new("features", count)
---     for i = 1, count do work(i); bar:update(i) end
---     bar:finish()
---
--- A bar may be a <close> variable. Everything goes to stderr.

local context = require "calr.context"
local sys = require "calr.sys"
local text = require "calr.text"

local progress = {}

local Bar = {}
Bar.__index = Bar

local live -- the bar whose line is on the terminal
local last_plain -- when the last line was written without a terminal

local function clear()
  if live and live.shown then io.stderr:write "\r\27[K" end
end

--- calr.progress.print(line)
--- Writes a line to stderr above the live line, without control characters (calr.text.visible_lines); nothing with
--- --quiet.
function progress.print(line)
  if context.current().quiet then return end
  clear()
  io.stderr:write(text.visible_lines(line), "\n")
  if live and live.shown then io.stderr:write(live.shown) end
end

--- calr.progress.new(label [, total])
--- Starts a bar.
--- @param total  number of steps, if known
--- @return bar
function progress.new(label, total)
  local now = sys.clock()
  last_plain = last_plain or now
  local bar = setmetatable({ label = text.visible(label), total = total, done = 0, start = now, drawn = 0,
    mode = context.current().quiet and "quiet" or sys.is_terminal(2) and "live" or "plain", above = live }, Bar)
  if bar.mode == "live" then
    clear()
    live = bar
  end
  return bar
end

local function describe(bar, now)
  local seconds = now - bar.start
  local rate = seconds > 0 and bar.done / seconds or 0
  local parts = { bar.label }
  if bar.total then
    parts[#parts + 1] = ("%s/%s"):format(text.count(bar.done), text.count(bar.total))
  else
    parts[#parts + 1] = text.count(bar.done)
  end
  if rate > 0 then
    parts[#parts + 1] = rate >= 10 and ("%.0f/s"):format(rate) or rate >= 0.1 and ("%.1f/s"):format(rate)
      or ("%s each"):format(text.duration(1 / rate))
  end
  if bar.total and rate > 0 and bar.done < bar.total then
    parts[#parts + 1] = text.duration((bar.total - bar.done) / rate) .. " left"
  end
  if bar.text then parts[#parts + 1] = text.visible(bar.text) end
  return table.concat(parts, "  ")
end

local function cut(line, width)
  if text.width(line) <= width then return line end
  return line:sub(1, (utf8.offset(line, width) or width + 1) - 1)
end

--- bar:update(done [, text])
--- Sets the number of steps done; cheap enough for every step. Stops the script if the user asked for it.
--- @param text  printed after the numbers, such as the loss
function Bar:update(done, note)
  sys.check_interrupt()
  self.done = done
  if note then self.text = note end
  if self.mode == "quiet" then return end
  local now = sys.clock()
  if self.mode == "live" then
    if live ~= self or (now - self.drawn < 0.1 and done ~= self.total) then return end
    self.drawn = now
    self.shown = "\r\27[K" .. cut(describe(self, now), sys.terminal_width(2) - 1)
    io.stderr:write(self.shown)
  elseif now - last_plain >= 10 then
    last_plain = now
    io.stderr:write(describe(self, now), "\n")
  end
end

--- bar:finish()
--- Removes the live line. A second call does nothing.
function Bar:finish()
  if self.mode == "live" and live == self then
    clear()
    live = self.above
  elseif self.mode == "plain" and sys.clock() - last_plain >= 10 then
    last_plain = sys.clock()
    io.stderr:write(describe(self, last_plain), "\n")
  end
  self.mode = "quiet"
end

Bar.__close = Bar.finish

local counted = require("calr.options").counted
counted("bar:", Bar)
return (counted("calr.progress.", progress))
