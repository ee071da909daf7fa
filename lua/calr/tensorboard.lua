--- @module calr.tensorboard
--- Writes event files for TensorBoard: `tensorboard --logdir FOLDER`.
---
---     local writer <close> = calr.tensorboard.open "tensorboard"
---     for step = 1, 100 do writer:scalar("loss", 1 / step, step) end
---
--- Every run writes them into its folder `tensorboard`: see calr.run. A file is a sequence of records (TFRecord: the
--- length, its checksum, the bytes, their checksum) of `Event` messages encoded as protocol buffers. Each record is
--- written immediately in one piece, so TensorBoard can follow.

local check_options = require "calr.options".check
local sys = require "calr.sys"
local varint = require "calr.protobuf".varint

local tensorboard = {}

local Writer = {}
Writer.__index = Writer

-- A field of a protocol buffer: its number and kind (2: bytes preceded by their length).
local function bytes_field(number, text)
  return varint(number << 3 | 2) .. varint(#text) .. text
end

-- Zeros are left out, like everything at its default.
local function event(wall_time, step, rest)
  return (wall_time ~= 0 and string.pack("<Bd", 1 << 3 | 1, wall_time) or "")
    .. (step ~= 0 and varint(2 << 3) .. varint(step) or "") .. rest
end

-- Field 1 is the tag, field 2 the value in 32 bits: one of several kinds of value, so it is written even if 0.
local function scalar_value(tag, value)
  return bytes_field(1, (tag ~= "" and bytes_field(1, tag) or "") .. string.pack("<Bf", 2 << 3 | 5, value))
end

-- Checksums of checksums are weak; TFRecord rotates and moves them.
local function masked_crc(text)
  local crc = sys.crc32c(text)
  return ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff
end

local function write(self, message)
  if not self.file then error("the writer of " .. self.path .. " is closed", 3) end
  local length = string.pack("<I8", #message)
  local checks = { string.pack("<I4", masked_crc(length)), string.pack("<I4", masked_crc(message)) }
  self.file:write(length .. checks[1] .. message .. checks[2])
end

local function check_step(step, position)
  local whole = math.tointeger(step)
  if not whole then error(("bad argument #%d: a step is a whole number"):format(position), 3) end
  return whole
end

local function check_value(tag, value)
  if type(tag) ~= "string" then error("a tag is a string, not a " .. type(tag), 3) end
  if not utf8.len(tag) then error("a tag is text in UTF-8", 3) end
  if type(value) ~= "number" then error(("the value of %s is a number, not a %s"):format(tag, type(value)), 3) end
end

--- writer:scalar(tag, value, step [, wall_time])
--- Adds a point to a curve.
--- @param tag        the curve's name; the part before a "/" groups curves
--- @param value      a number; kept in 32 bits
--- @param step       whole number
--- @param wall_time  seconds since 1970; default: now
function Writer:scalar(tag, value, step, wall_time)
  check_value(tag, value)
  step = check_step(step, 3)
  write(self, event(wall_time or sys.time(), step, bytes_field(5, scalar_value(tag, value))))
end

--- writer:scalars(values, step [, wall_time])
--- Adds a point to each of several curves, in one record.
--- @param values     list of {tag, value}
--- @param step       whole number
--- @param wall_time  seconds since 1970; default: now
function Writer:scalars(values, step, wall_time)
  step = check_step(step, 2)
  local parts = {}
  for i, value in ipairs(values) do
    check_value(value[1], value[2])
    parts[i] = scalar_value(value[1], value[2])
  end
  write(self, event(wall_time or sys.time(), step, bytes_field(5, table.concat(parts))))
end

--- writer:start(step [, wall_time])
--- Marks a restart of the program: TensorBoard drops the points at and after this step from the folder's earlier files.
--- @param step       whole number
--- @param wall_time  seconds since 1970; default: now
function Writer:start(step, wall_time)
  step = check_step(step, 1)
  write(self, event(wall_time or sys.time(), step, bytes_field(7, "\x08\x01")))
end

--- writer:flush()
--- Returns when everything written so far is on the disk.
function Writer:flush()
  if self.file then self.file:sync() end
end

--- writer:close()
--- Closes the file; a second call does nothing. A <close> variable does the same.
function Writer:close()
  if self.file then self.file:close() end
  self.file = nil
end

Writer.__close = Writer.close

local opened = 0

-- TensorBoard reads the files of a folder by their names, which begin with a time: ours must come after all others,
-- even if the clock was set back.
local function new_path(folder, time)
  local second = math.max(0, math.floor(time))
  for _, name in ipairs(sys.list(folder)) do
    local other = math.tointeger(tonumber(name:match "^events%.out%.tfevents%.(%d+)%."))
    if other and other >= second then second = other + 1 end
  end
  opened = opened + 1
  return ("%s/events.out.tfevents.%010d.%s.%d.%d"):format(folder, second, sys.hostname(), sys.pid(), opened - 1)
end

--- calr.tensorboard.open(folder [, {wall_time=}])
--- Creates an event file in a folder, which is created if absent.
--- @param wall_time  seconds since 1970, for the file's name and first record; default: now
--- @return writer    with `path`, the file
function tensorboard.open(folder, options)
  options = check_options("calr.tensorboard.open", options, { "wall_time" })
  local time = options.wall_time or sys.time()
  sys.make_folder(folder)
  local path = new_path(folder, time)
  local self = setmetatable({ path = path, file = sys.append(path, { follow = false }) }, Writer)
  write(self, event(time, 0, bytes_field(3, "brain.Event:2") .. bytes_field(10, bytes_field(1, "calr.tensorboard"))))
  return self
end

local counted = require("calr.options").counted
counted("writer:", Writer)
return (counted("calr.tensorboard.", tensorboard))
