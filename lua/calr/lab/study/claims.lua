--- @module calr.lab.study.claims
--- Whose a trial is, and which of its attempts counts, by files that one worker only can make (see
--- calr.lab.study.record for their names).
---
--- An attempt is followed by the next when it was interrupted, has failed and is to be retried, or when its worker is
--- dead. A worker that only stood still finds, when it goes on, that a later attempt exists, or that the marker names
--- another: it is fenced. Both together make that of all the ends of a trial one counts, whoever is killed or revived
--- when.

local sys = require "calr.sys"

local claims = {}

--- calr.lab.study.claims.path(dir, key, name)
--- @param name     number of an attempt
--- @return string  the file of the claim
function claims.path(dir, key, name)
  return ("%s/claims/%s/%s.%s"):format(dir, key:sub(1, 2), key, name)
end

local function marker_path(dir, key, generation)
  return claims.path(dir, key, generation == 1 and "done" or "done" .. generation)
end

--- calr.lab.study.claims.marked(dir, key)
--- @return integer|nil  the attempt that the newest marker of a trial names; nil when there is none, or a power cut has
---                      emptied it
function claims.marked(dir, key)
  local number
  for generation = 1, math.huge do
    local text = sys.read_from(marker_path(dir, key, generation), 0)
    if not text then return number end
    number = math.tointeger(tonumber(text:match "^%d+"))
  end
end

-- A file with a text that many claims of this worker have in common: they are names of it, which takes one call of the
-- system for each.
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

-- Makes a file in the folder of a trial's claims.
local function make(self, key, path, text)
  local folder = key:sub(1, 2)
  if not self.made[folder] then
    sys.make_folder(self.dir .. "/claims/" .. folder)
    self.made[folder] = true
  end
  local made = sys.link(source_of(self, text), path)
  if made == nil then -- a file can have so many names only
    self.sources[text] = nil
    made = sys.link(source_of(self, text), path)
  end
  if made == nil then made = sys.link_new(path, text) end
  return made
end

-- Takes in what the file of a claim says.
local function note(self, key, number)
  local text = sys.read_from(claims.path(self.dir, key, number), 0)
  return self.ledger:attempt(key, number, text and text:match "^[^\n]+" or "unknown")
end

-- Whether the end that a marker names is lost: no journal has it, and the worker that could still write it is dead.
local function is_void(self, key, number)
  local trial = self.ledger:trial(key)
  local attempt = trial.attempts[number] or note(self, key, number)
  if self:alive(attempt.worker) then return false end
  self:read(true)
  return not (attempt.state == "finished" or attempt.state == "pruned")
end

-- An emptied marker counts for the first attempt with an end for good.
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
--- Makes the marker of an attempt whose end is in its journal.
--- @return boolean  true: this end counts; false: another attempt's does
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
--- Makes the next attempt of a trial the store's worker's, when it may follow the newest one.
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
