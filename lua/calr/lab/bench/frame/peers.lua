--- @module calr.lab.bench.frame.peers
--- Runs other programs that do the same work as a benchmark, each as a child process that alternates with us.
---
--- A peer is a Python script of tests/bench/peers: it gets its options as JSON, prints a line of JSON when it is ready
--- and another after each line "run" that it reads: {"name":, "seconds": [...], "peak_mb":}. common.py beside the
--- scripts contains the other half of this.
---
--- "run 5" requests five runs in a row and the mean of their times. What may follow says which work is meant.

local json = require "calr.json"
local sys = require "calr.sys"
local text = require "calr.text"

local peers = {}

local Peer = {}
Peer.__index = Peer

-- Reads what the child has printed since the last time: its answers are counted, the last is kept.
local function look(self)
  local file <close> = assert(io.open(self.out, "rb"))
  file:seek("set", self.read)
  local text_read = file:read "a"
  local whole = text_read:match "^.*\n" or ""
  self.read = self.read + #whole
  for line in whole:gmatch "([^\n]+)\n" do
    local status = line:match "^=exit (%d+)$"
    if status then
      self.ended = tonumber(status)
    elseif line:match "^{" then
      local ok, value = pcall(json.decode, line, self.script)
      if ok and type(value) == "table" and type(value.seconds) == "table" then
        self.answers = self.answers + 1
        self.name, self.memory = value.name, value.peak_mb and value.peak_mb * 2 ^ 20
        self.seconds, self.answer = value.seconds, value
      end
    end
  end
end

local function complaint(self)
  local message
  for line in sys.read_file(self.err):gmatch "[^\n]+" do
    if line:match "%S" then message = line end
  end
  return message or ("it ended with status %d"):format(self.ended)
end

-- Waits for the given number of answers. False if the peer ended before.
local function wait(self, wanted)
  local pause = 0.0005
  while true do
    look(self)
    if self.answers >= wanted then return true end
    if self.ended then return false end
    sys.sleep(pause)
    pause = math.min(pause * 1.2, 0.01)
  end
end

--- calr.lab.bench.frame.peers.start(python, script, options)
--- Starts a peer and waits until it is ready.
--- @param script   its path
--- @param options  table passed to the script as JSON
--- @return peer|nil  a value for <close>; nil if it could not start its work
--- @return string    the reason if nil
function peers.start(python, script, options)
  local self = setmetatable({ python = python, script = script, out = os.tmpname(), err = os.tmpname(), asked = 0,
    read = 0, answers = 0, seconds = {} }, Peer)
  local words = {}
  for i, word in ipairs { python, script, json.encode(options) } do words[i] = text.quote(word) end
  io.stdout:flush()
  self.pipe = io.popen(("%s >>%s 2>>%s; echo \"=exit $?\" >>%s"):format(table.concat(words, " "), text.quote(self.out),
    text.quote(self.err), text.quote(self.out)), "w")
  self.pipe:setvbuf "line"
  if not wait(self, 1) then
    local why = complaint(self)
    self:close()
    return nil, why
  end
  return self
end

--- peer:run([calls, what])
--- Makes the peer do the work once, or `calls` times in a row.
--- @param what  words that follow, for a peer that knows more than one work
--- @return number|nil  its time in seconds, the mean of the calls; nil: it has ended
--- @return string      the reason; nil if it had measured everything itself
function Peer:run(calls, what)
  if self.ended == nil then look(self) end
  if self.ended then return nil, self.ended ~= 0 and complaint(self) or nil end
  self.asked = self.asked + 1
  if what then
    self.pipe:write(("run %d %s\n"):format(calls, what))
  else
    self.pipe:write(calls and calls > 1 and ("run %d\n"):format(calls) or "run\n")
  end
  if not wait(self, self.asked + 1) then return nil, complaint(self) end
  return self.seconds[#self.seconds]
end

--- peer:close()
--- Ends the peer and waits for it; a second call does nothing.
function Peer:close()
  if not self.pipe then return end
  self.pipe:close()
  self.pipe = nil
  os.remove(self.out)
  os.remove(self.err)
end

Peer.__close = Peer.close
Peer.__gc = Peer.close

return peers
