--- @module calr.lab.study.journal
--- Journals of a study: files of JSON lines, each written by one worker and read by all.
---
--- A line is written in one call, so a killed worker leaves only whole lines; after a power cut the last may be
--- incomplete. A line that cannot be read is left out, with a note that names file and line; nothing else is lost.
local json = require "calr.json"
local sys = require "calr.sys"

local journal = {}

-- ---- writing

local Writer = {}
Writer.__index = Writer

--- calr.lab.study.journal.writer(path)
--- Opens a journal for appending; creates it if absent.
--- @return writer  with `file`, as returned by calr.sys.append
function journal.writer(path)
  return setmetatable({ file = sys.append(path, { follow = false }), torn = false }, Writer)
end

--- writer:write(record)
--- Adds a record (a table) with the time as `t`.
--- @return table  the record
function Writer:write(record)
  record.t = math.floor(sys.time() * 1000 + 0.5) / 1000
  local line = json.encode(record) .. "\n"
  -- A failed write may leave part of a line: it is closed off as a line of its own.
  if self.torn then line = "\n" .. line end
  self.torn = true
  self.file:write(line)
  self.torn = false
  return record
end

--- writer:close()
--- Flushes the journal to the disk and closes it.
function Writer:close()
  self.file:sync()
  self.file:close()
end

-- ---- reading

local Reader = {}
Reader.__index = Reader

--- calr.lab.study.journal.reader(folder [, own])
--- Reads the journals of a folder (DIR/journals), each as it grows.
--- @param own  name of a worker whose journal to leave out
--- @return reader  with `notes`, a list of sentences about lines that could not be read
function journal.reader(folder, own)
  return setmetatable({ folder = folder, own = own, files = {}, order = {}, notes = {}, listed = -math.huge }, Reader)
end

-- The folder is searched for new journals a few times a second.
local list_interval = 0.2

local function list(self, now, force)
  if not force and now - self.listed < list_interval then return end
  self.listed = now
  if not sys.is_folder(self.folder) then return end
  for _, name in ipairs(sys.list(self.folder)) do
    local worker = name:match "^(.+)%.jsonl$"
    if worker and worker ~= self.own and not self.files[worker] then
      local file = { worker = worker, path = self.folder .. "/" .. name, offset = 0, line = 0,
        grown = now, due = now }
      self.files[worker] = file
      self.order[#self.order + 1] = file
    end
  end
end

local function note(self, file, problem)
  self.notes[#self.notes + 1] = ("%s, line %d: %s; the line is left out"):format(file.path, file.line, problem)
end

local function take(self, file, line, receive)
  file.line = file.line + 1
  if line == "" then return end
  local ok, record = pcall(json.decode, line)
  if not ok then
    if sys.is_interrupt(record) then error(record, 0) end
    return note(self, file, "not JSON")
  end
  if type(record) ~= "table" or type(record.kind) ~= "string" then return note(self, file, "not a record") end
  file.complete = record.kind == "leave"
  local problem = receive(record, file.worker)
  if problem then note(self, file, problem) end
end

-- The whole lines after the offset; a line without its end is left for the next call.
local function read(self, file, receive)
  local limit = 1 << 20
  while true do
    local text = sys.read_from(file.path, file.offset, limit)
    if not text or text == "" then return end
    local position = 1
    while true do
      local stop = text:find("\n", position, true)
      if not stop then break end
      file.offset = file.offset + stop - position + 1
      local line = text:sub(position, stop - 1)
      position = stop + 1
      take(self, file, line, receive)
    end
    file.rest = #text - position + 1
    if #text < limit then return end
    if position == 1 then limit = math.min(limit * 4, 1 << 30) end
  end
end

--- reader:poll(receive [, force])
--- Calls receive(record, worker) for each new record. It returns what is wrong with the record, or nil. A journal that
--- has long been quiet is read less often: after a twentieth of that time, at most 5 seconds; one whose worker has left
--- is not read at all.
--- @param force  true: read all journals, and look for new ones, at once
function Reader:poll(receive, force)
  local now = sys.clock()
  list(self, now, force)
  for _, file in ipairs(self.order) do
    if not file.complete and (force or now >= file.due) then
      local offset = file.offset
      read(self, file, receive)
      if file.offset > offset then file.grown = now end
      file.due = now + math.min(5, (now - file.grown) / 20)
    end
  end
end

--- reader:unfinished()
--- Returns notes on last lines without an end; those of a dead worker stay that way.
--- @return table  worker -> sentence
function Reader:unfinished()
  local result = {}
  for _, file in ipairs(self.order) do
    if (file.rest or 0) > 0 then
      result[file.worker] = ("%s, line %d: cut off; the line is left out"):format(file.path, file.line + 1)
    end
  end
  return result
end

return journal
