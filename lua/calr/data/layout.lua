--- @module calr.data.layout
--- Tools for the files in datasets/, which say how the folders and names of a data set become records.
---
--- Such a file returns a table: `name`, `summary` (one line), and `records`, a function of the folder that returns a
--- list of {file=, path=, identity=, camera=, split=}: the image's file; its path relative to the folder; its identity
--- (-1: none, or junk in the gallery; 0 and up); its camera, from 0; "train", "query" or "gallery". It raises an error,
--- by layout.fail, if the folder is not as expected.

local sys = require "calr.sys"

local layout = {}

--- calr.data.layout.fail(format, ...)
--- Raises an error about the data, without a position in the source: it is not the script's fault.
function layout.fail(format, ...)
  error(format:format(...), 0)
end

-- Files left behind by file managers.
local function is_litter(name)
  local lower = name:lower()
  return name:sub(1, 1) == "." or lower == "thumbs.db" or lower == "desktop.ini" or name == "__MACOSX"
end

--- calr.data.layout.is_litter(path)
--- @return boolean  whether a relative path is, or lies in, what file managers leave behind: names that begin with a
---                  dot, Thumbs.db, desktop.ini, __MACOSX
function layout.is_litter(path)
  for name in path:gmatch "[^/]+" do
    if name ~= "." and name ~= ".." and is_litter(name) then return true end
  end
  return false
end

local function listed(names, most)
  if #names <= most then return table.concat(names, ", ") end
  return ("%s and %d more"):format(table.concat(names, ", ", 1, most), #names - most)
end

--- calr.data.layout.list(folder)
--- Returns the names in a folder, sorted by their bytes, without the files of file managers (names that begin with a
--- dot, Thumbs.db, desktop.ini, __MACOSX).
--- @return table
function layout.list(folder)
  local names = {}
  for _, name in ipairs(sys.list(folder)) do
    if not is_litter(name) then names[#names + 1] = name end
  end
  return names
end

local function folder_names(o)
  local names = {}
  for i, pair in ipairs(o.folders) do names[i] = pair[1] end
  return names
end

local function missing_in(folder, o)
  local missing = {}
  for _, name in ipairs(folder_names(o)) do
    if not sys.is_folder(folder .. "/" .. name) then missing[#missing + 1] = name end
  end
  return missing
end

-- People often give the folder above, or one of the folders inside.
local function elsewhere(folder, o)
  local parent = folder:match "^(.*)/[^/]+$" or (folder ~= "." and not folder:find "/" and ".")
  if parent and parent ~= "" and #missing_in(parent, o) == 0 then return parent end
  for _, name in ipairs(layout.list(folder)) do
    local inside = folder .. "/" .. name
    if sys.is_folder(inside) and #missing_in(inside, o) == 0 then return inside end
  end
end

local function check_folder(folder, o)
  local wanted = table.concat(folder_names(o), ", ")
  if not sys.exists(folder) then layout.fail("there is no folder %s", folder) end
  if not sys.is_folder(folder) then
    layout.fail("%s is a file; %s needs the folder that holds %s", folder, o.name, wanted)
  end
  local missing = missing_in(folder, o)
  if #missing == 0 then return end
  local found = layout.list(folder)
  if #found == 0 then layout.fail("%s is empty; %s needs the folder that holds %s", folder, o.name, wanted) end
  local hint = elsewhere(folder, o)
  layout.fail("%s is not laid out as %s: it lacks %s, and holds %s%s", folder, o.name, listed(missing, 5),
    listed(found, 5), hint and ("; did you mean %s?"):format(hint) or "")
end

-- The records of one folder are appended to `records`.
local function scan(folder, name, split, o, records)
  local names, strangers, reason = layout.list(folder .. "/" .. name), {}, nil
  if #names == 0 then layout.fail("%s/%s holds no images", folder, name) end
  for _, file in ipairs(names) do
    local identity, camera = o.parse(file)
    if identity then
      local path = name .. "/" .. file
      records[#records + 1] = { file = folder .. "/" .. path, path = path, identity = identity, camera = camera,
        split = split }
    else
      strangers[#strangers + 1] = file
      reason = reason or camera
    end
  end
  if #strangers > 0 then
    layout.fail("%s/%s holds %s not named like %s%s: %s", folder, name, #strangers == 1 and "a file that is"
      or #strangers .. " files that are", o.example, reason and (" (%s)"):format(reason) or "", listed(strangers, 5))
  end
end

--- calr.data.layout.folders{name=, folders=, example=, parse=}
--- Makes a `records` function for data sets with one folder per split and everything else in the file names. Images are
--- numbered folder by folder, within each by the bytes of their names.
--- @param name     the data set's, for messages
--- @param folders  list of {folder, split}
--- @param example  a name, for messages
--- @param parse    function of a file's name: identity and camera (from 0), or nil and the reason
--- @return function  of the data set's folder
function layout.folders(o)
  return function(folder)
    if #folder > 1 then folder = folder:gsub("/+$", "") end
    check_folder(folder, o)
    local records = {}
    for _, pair in ipairs(o.folders) do scan(folder, pair[1], pair[2], o, records) end
    return records
  end
end

return (require("calr.options").counted("calr.data.layout.", layout))
