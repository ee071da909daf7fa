--- @module calr.run.folder
--- Handles run folders on disk: creates and reopens them, with their lock and their checkpoints.

local errors = require "calr.errors"
local json = require "calr.json"
local sys = require "calr.sys"

local folder = {}

--- calr.run.folder.read(path)
--- Returns the record of a run folder; `status` is "dead" if it says "running" but no process holds the folder.
--- @return table
function folder.read(path)
  local file = path .. "/run.json"
  if not sys.is_folder(path) then errors.usage("there is no run folder %s", path) end
  if not sys.exists(file) then errors.usage("%s is not a run folder: it has no run.json", path) end
  local record = json.decode(sys.read_file(file), file)
  if type(record) ~= "table" or type(record.status) ~= "string" then
    errors.fail("%s is not the record of a run", file)
  end
  if record.format ~= 1 then
    errors.fail("%s has format %s; this program reads format 1", file, tostring(record.format))
  end
  if record.status == "running" then
    local lock = sys.lock(path .. "/.lock")
    if lock then
      lock:release()
      record.status = "dead"
    end
  end
  return record
end

local function take_lock(path)
  local lock, holder = sys.lock(path .. "/.lock")
  if not lock then errors.usage("the run folder %s is in use by process %s", path, holder) end
  return lock
end

local function refuse_used(path)
  local record = folder.read(path)
  if record.status == "finished" then
    errors.usage("%s holds a finished run; choose another folder with --out", path)
  end
  errors.usage("%s holds a run that is not finished (%s); continue with calr run --resume %s, or choose another folder",
    path, record.status, path)
end

local parts = { "metrics.jsonl", "timing.jsonl", "log.txt", "queries.csv", "model.safetensors", "checkpoints", "labels",
  "snapshots", "tensorboard" }

-- What a run has written there, without a run.json that says which: a new one would add its metrics to them, and resume
-- from their checkpoints. A run that was killed before it wrote run.json leaves an empty log and an empty folder.
local function left_in(path)
  local found = {}
  for _, name in ipairs(parts) do
    local part = path .. "/" .. name
    local size = sys.is_folder(part) and #sys.list(part) or sys.exists(part) and sys.stat(part).size or 0
    if size > 0 then found[#found + 1] = name end
  end
  return found[1] and table.concat(found, ", ") or nil
end

--- calr.run.folder.check_new(path)
--- Ends the program when a run cannot begin in a folder: the path is a file, or it holds a run or what is left of one.
function folder.check_new(path)
  if sys.exists(path) and not sys.is_folder(path) then errors.usage("%s is a file, not a folder", path) end
  if sys.exists(path .. "/run.json") then refuse_used(path) end
  local left = left_in(path)
  if left then
    errors.usage("%s holds %s of another run, and no run.json that says of which: remove what is there, or choose "
      .. "another folder with --out", path, left)
  end
end

--- calr.run.folder.make(path, name)
--- Creates a run folder and locks it.
--- @param path  nil: runs/NAME-DATE-TIME-N
--- @return string  the folder
--- @return lock
function folder.make(path, name)
  if path then
    if sys.exists(path) and not sys.is_folder(path) then errors.usage("%s is a file, not a folder", path) end
    sys.make_folder(path)
    local lock = take_lock(path)
    local used = sys.exists(path .. "/run.json")
    if used or left_in(path) then
      lock:release() -- whether a run is dead is told by its lock
      folder.check_new(path)
    end
    return path, lock
  end
  local stem = ("runs/%s-%s"):format(name, os.date "%Y%m%d-%H%M%S")
  for n = 1, 10000 do
    local try = ("%s-%d"):format(stem, n)
    if not sys.exists(try .. "/run.json") then
      sys.make_folder(try)
      local lock = sys.lock(try .. "/.lock")
      if lock and not sys.exists(try .. "/run.json") then return try, lock end
      if lock then lock:release() end
    end
  end
  errors.fail("no free run folder %s-N", stem)
end

-- A kill in the middle of a write leaves NAME.tmp-PID behind; with the lock held, nobody is writing to it.
local function remove_leftovers(path)
  for _, folder_path in ipairs { path, path .. "/checkpoints", path .. "/labels", path .. "/snapshots" } do
    for _, file in ipairs(sys.is_folder(folder_path) and sys.list(folder_path) or {}) do
      if file:find "%.tmp%-%d+$" then sys.remove(folder_path .. "/" .. file) end
    end
  end
end

--- calr.run.folder.refuse_finished(path, record)
--- Ends the program: there is nothing to resume. It says how a run gets more epochs, where it counts any.
function folder.refuse_finished(path, record)
  local epochs = math.tointeger((record.config or {}).epochs)
  errors.usage("the run in %s is finished; there is nothing to resume%s", path, epochs
    and ("; it had %d epochs, and goes on with more: calr run --resume %s epochs=%d"):format(epochs, path,
    math.max(2 * epochs, 1)) or "")
end

--- calr.run.folder.reopen(path [, goes_on])
--- Opens the folder of a run and locks it.
--- @param goes_on  function(record): whether a finished run has something left to do; default: never
--- @return string  the folder
--- @return lock
--- @return table   its record
function folder.reopen(path, goes_on)
  folder.read(path)
  local lock = take_lock(path)
  remove_leftovers(path)
  local record = json.decode(sys.read_file(path .. "/run.json"), path .. "/run.json")
  if record.status == "finished" and not (goes_on and goes_on(record)) then
    lock:release()
    folder.refuse_finished(path, record)
  end
  return path, lock, record
end

-- Checkpoint files of a folder, oldest first: {sequence=, name=, path=}.
local function checkpoint_files(path, name)
  local list = {}
  local checkpoints = path .. "/checkpoints"
  for _, file in ipairs(sys.is_folder(checkpoints) and sys.list(checkpoints) or {}) do
    local sequence, series = file:match "^(%d+)%-([%w_-]+)%.safetensors$"
    if sequence and (not name or series == name) then
      list[#list + 1] = { sequence = math.tointeger(tonumber(sequence)), name = series,
        path = checkpoints .. "/" .. file }
    end
  end
  table.sort(list, function(a, b) return a.sequence < b.sequence end)
  return list
end

--- calr.run.folder.newest_file(path [, name])
--- @return table|nil  sequence, name and path of the newest checkpoint file, unread
function folder.newest_file(path, name)
  local list = checkpoint_files(path, name)
  return list[#list]
end

--- calr.run.folder.model(path)
--- @param path  of a run, or of its checkpoints
--- @return string  the file with the network of the run: what it ended with, else the newest checkpoint, of stage 2 if
---                 there is one
function folder.model(path)
  path = path:gsub("(.)/+$", "%1")
  local final = path .. "/model.safetensors"
  if sys.exists(final) then return final end
  local home = path:match "^(.*)/checkpoints$" or path
  local newest = folder.newest_file(home, "inter") or folder.newest_file(home)
  if newest then return newest.path end
  error(("%s: this folder holds no weights: neither model.safetensors, which a finished run writes, nor checkpoints/")
    :format(path), 0)
end

--- calr.run.folder.save(path, checkpoint)
--- Writes a checkpoint and removes all but the newest two of its name.
--- @param checkpoint  sequence, name, metrics (bytes of metrics.jsonl at that point), tensors, state
function folder.save(path, checkpoint)
  local file = ("%s/checkpoints/%06d-%s.safetensors"):format(path, checkpoint.sequence, checkpoint.name)
  require("calr.safetensors").save(file, checkpoint.tensors, {
    state = json.encode(checkpoint.state),
    metrics = ("%d"):format(checkpoint.metrics),
  }, { checksum = true })
  local list = checkpoint_files(path, checkpoint.name)
  for i = 1, #list - 2 do sys.remove(list[i].path) end
end

-- A checkpoint, or nil and what is wrong with the file. If it cannot be read at all (no memory, no permission), that is
-- an error: it says nothing about the file.
local function load(file)
  local tensors, metadata = require("calr.safetensors").try(file.path)
  if not tensors then return nil, metadata end
  local metrics = math.tointeger(tonumber(metadata.metrics))
  if not metadata.state or not metrics then return nil, file.path .. " is not a checkpoint of a run" end
  local state = json.decode(metadata.state, file.path)
  return { sequence = file.sequence, name = file.name, tensors = tensors, metrics = metrics, state = state }
end

--- calr.run.folder.newest(path [, name])
--- Reads the newest sound checkpoint. Damaged ones are renamed to NAME.broken; a checkpoint that cannot be read for any
--- other reason is an error, and nothing is changed.
--- @return table|nil  sequence, name, metrics, tensors, state
--- @return table      list of sentences about broken ones
function folder.newest(path, name)
  local list, broken = checkpoint_files(path, name), {}
  for i = #list, 1, -1 do
    local result, damage = load(list[i])
    if result then return result, broken end
    broken[#broken + 1] = ("a checkpoint is damaged and is set aside: %s"):format(damage)
    sys.rename(list[i].path, list[i].path .. ".broken")
  end
  return nil, broken
end

return folder
