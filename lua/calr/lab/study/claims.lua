--- @module calr.lab.study.claims
--- Decides which worker owns a trial and which of its attempts counts, by files that only one worker can create (see
--- calr.lab.study.record for their names).
---
--- The next attempt may begin when the previous one was interrupted, when it failed and is to be retried, or when its
--- worker is dead. A worker that only stalled finds, when it wakes up, that a later attempt exists or that the marker
--- names another attempt: it is fenced. Together these ensure that exactly one end of a trial counts, whoever is killed
--- or revived at whatever time.

local sys = require "calr.sys"

local claims = {}

--- calr.lab.study.claims.path(dir, key, name)
--- @param name     number of an attempt
--- @return string  path of the claim's file
function claims.path(dir, key, name)
  return ("%s/claims/%s/%s.%s"):format(dir, key:sub(1, 2), key, name)
end

local function marker_path(dir, key, generation)
  return claims.path(dir, key, generation == 1 and "done" or "done" .. generation)
end

--- calr.lab.study.claims.marked(dir, key)
--- @return integer|nil  the attempt named by the newest marker of a trial; nil without a marker, or when a power cut
---                      has emptied it
function claims.marked(dir, key)
  local number
  for generation = 1, math.huge do
    local text = sys.read_from(marker_path(dir, key, generation), 0)
    if not text then return number end
    number = math.tointeger(tonumber(text:match "^%d+"))
  end
end

-- Claims of this worker with the same text are hard links to one file, which takes one system call each.
local function source_of(self, text)
  local source = self.sources[text]
  if not source then
    self.sources.count = (self.sources.count or 0) + 1
    source = ("%s/workers/%s.claim%d"):format(self.dir, self.worker, self.sources.count)
    sys.write_file(source, text)
    self.sources[text] = source
  end
  return source
end

-- Creates a file in the folder of a trial's claims.
local function make(self, key, path, text)
  local folder = key:sub(1, 2)
  if not self.made[folder] then
    sys.make_folder(self.dir .. "/claims/" .. folder)
    self.made[folder] = true
  end
  local made = sys.link(source_of(self, text), path)
  if made == nil then -- a file can have only a limited number of names
    self.sources[text] = nil
    made = sys.link(source_of(self, text), path)
  end
  if made == nil then made = sys.link_new(path, text) end
  return made
end

-- Reads the file of a claim.
local function note(self, key, number)
  local text = sys.read_from(claims.path(self.dir, key, number), 0)
  return self.ledger:attempt(key, number, text and text:match "^[^\n]+" or "unknown")
end

-- Whether the end that a marker names is lost: no journal has it, and the only worker that could write it is dead.
local function is_void(self, key, number)
  local trial = self.ledger:trial(key)
  local attempt = trial.attempts[number] or note(self, key, number)
  if self:alive(attempt.worker) then return false end
  self:read(true)
  return not (attempt.state == "finished" or attempt.state == "pruned")
end

-- An emptied marker stands for the first attempt with a final end.
local function marked_attempt(self, key, text)
  local number = math.tointeger(tonumber(text:match "^%d+"))
  if number then return number end
  self:read(true)
  for n, attempt in pairs(self.ledger:trial(key).attempts) do
    if (attempt.state == "finished" or attempt.state == "pruned") and n < (number or math.huge) then number = n end
  end
  return number
end

--- calr.lab.study.claims.settle(store, key, number)
--- Creates the marker of an attempt whose end is in its journal.
--- @return boolean  true: this end counts; false: that of another attempt does
function claims.settle(self, key, number)
  local text = ("%d %s\n"):format(number, self.ledger:attempt(key, number).worker)
  for generation = 1, math.huge do
    local path = marker_path(self.dir, key, generation)
    if make(self, key, path, text) then return true end
    local marked = marked_attempt(self, key, sys.read_file(path))
    if marked == number then return true end
    if marked and not is_void(self, key, marked) then return false end
  end
end

--- calr.lab.study.claims.settle_all(store)
--- Creates the markers that are missing: those of ends whose worker was stopped or killed after it wrote the end to its
--- journal and before it made the marker.
function claims.settle_all(self)
  local names = {} -- of each folder, read once: a study may have thousands of trials
  for key, trial in pairs(self.trials) do
    local final = not self.settled[key] and self.ledger:final(trial)
    if final then
      local path = marker_path(self.dir, key, 1)
      local folder, name = path:match "^(.*)/([^/]+)$"
      if not names[folder] then
        names[folder] = {}
        for _, found in ipairs(sys.is_folder(folder) and sys.list(folder) or {}) do names[folder][found] = true end
      end
      if not names[folder][name] then claims.settle(self, key, final) end
      self.settled[key] = true
    end
  end
end

-- Whether an attempt may follow the newest one: true, false, or nil: look again.
local function may_follow(self, key, trial, retry)
  local top = trial.top
  if top == 0 then return true end
  local attempt = trial.attempts[top] or note(self, key, top)
  if attempt.state == "failed" then return retry == true or retry == top end
  if attempt.state == "interrupted" then return true end
  if self:alive(attempt.worker) then return false end
  self:read(true) -- what it wrote before it died
  return attempt.state == nil and trial.top == top or nil
end

--- calr.lab.study.claims.take(store, key [, retry])
--- Claims the next attempt of a trial for the store's worker, if it may follow the newest one.
--- @param retry         see store:claim
--- @return integer|nil  its number
function claims.take(self, key, retry)
  local trial = self.ledger:trial(key)
  while true do
    local final = self.ledger:final(trial)
    if final then
      if not self.settled[key] then claims.settle(self, key, final) end
      self.settled[key] = true
      return nil
    end
    local may, number = may_follow(self, key, trial, retry), trial.top + 1
    if may == false then return nil end
    if may then
      local path = claims.path(self.dir, key, number)
      if not self.own[path] and make(self, key, path, self.worker .. "\n") then
        self.own[path] = true
        return number
      end
      note(self, key, number)
      self:read(true)
    end
  end
end

return claims
