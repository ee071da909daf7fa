--- @module calr.run.board
--- Writes the numbers of metrics.jsonl as event files for TensorBoard, in the run's folder `tensorboard`.
---
--- Each number of a line is a point of a curve. The curve is named by the path to the number, after the line's `stage`
--- and `camera` if it has them ("inter/evaluation/mAP", "intra/camera-0/loss"); the step is the line's `epoch`, or else
--- the line's number.
---
--- A process that resumes a run begins a new file: it tells TensorBoard to forget the earlier ones, whose last lines
--- may have been dropped, and repeats the remaining lines.

local json = require "calr.json"
local sys = require "calr.sys"
local tensorboard = require "calr.tensorboard"

local board = {}

local Board = {}
Board.__index = Board

local not_curves = { stage = true, camera = true, epoch = true }

local function collect(values, prefix, skip, list)
  local names = {}
  for name in pairs(values) do
    if not (skip and skip[name]) then names[#names + 1] = name end
  end
  table.sort(names, function(a, b)
    if type(a) == type(b) then return a < b end
    return type(a) == "number"
  end)
  for _, name in ipairs(names) do
    local value, tag = values[name], prefix .. name
    if type(value) == "table" then
      collect(value, tag .. "/", nil, list)
    elseif type(value) == "number" then
      list[#list + 1] = { tag, value }
    end
  end
end

--- calr.run.board.points(values, number)
--- Turns a metric line into points.
--- @param values    the line, as passed to run:metric
--- @param number    of the line, from 1
--- @return table    list of {tag, value}, sorted by tag's parts
--- @return integer  step
function board.points(values, number)
  if type(values) ~= "table" then return {}, number end
  local list, prefix = {}, ""
  for _, name in ipairs { "stage", "camera" } do
    local value = values[name]
    if type(value) == "string" then prefix = prefix .. value .. "/" end
    if type(value) == "number" then prefix = ("%s%s-%s/"):format(prefix, name, value) end
  end
  collect(values, prefix, not_curves, list)
  return list, math.tointeger(values.epoch) or number
end

-- When each line was written, by the size of metrics.jsonl after it. A line written twice counts with its last time.
local function read_times(path)
  local times = {}
  for line in (sys.exists(path) and sys.read_file(path) or ""):gmatch "([^\n]*)\n" do
    local ok, entry = pcall(json.decode, line, path)
    if ok and type(entry) == "table" and entry.bytes then times[entry.bytes] = entry.time end
  end
  return times
end

--- calr.run.board.open(path)
--- Begins a new event file for a run folder, with all lines of its metrics.jsonl.
--- @return board
function board.open(path)
  local self = setmetatable({ number = 0, writer = tensorboard.open(path .. "/tensorboard") }, Board)
  self.writer:start(0)
  local file, times, bytes = path .. "/metrics.jsonl", read_times(path .. "/timing.jsonl"), 0
  for line in sys.read_file(file):gmatch "([^\n]*)\n" do
    bytes = bytes + #line + 1
    local ok, values = pcall(json.decode, line, file)
    self:add(ok and values or {}, times[bytes]) -- a damaged line counts as one without numbers
  end
  return self
end

--- board:add(values [, wall_time])
--- Adds a line.
function Board:add(values, wall_time)
  self.number = self.number + 1
  local points, step = board.points(values, self.number)
  if #points > 0 then self.writer:scalars(points, step, wall_time) end
end

--- board:close()
--- Closes the file.
function Board:close()
  self.writer:close()
end

local counted = require("calr.options").counted
counted("board:", Board)
return (counted("calr.run.board.", board))
