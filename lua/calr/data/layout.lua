--- @module calr.data.layout
--- Tools for the files in datasets/, which say how the folders and names of a data set become records.
---
--- Such a file returns a table: `name`, `summary` (one line), and `records`, a function of the folder that returns a
--- list of {file=, path=, identity=, camera=, split=}: the image's file; its path relative to the folder; its identity
--- (-1: none, or junk in the gallery; 0 and up); its camera, from 0; "train", "query", "gallery" or "multi" (further
--- images of a query's person by the query's camera, for multi-query evaluation). It raises an error, by layout.fail,
--- if the folder is not as expected.
---
--- Three fields are optional. `expected` says what the whole data set holds, {title=, train={images=, identities=},
--- ...}: an import that finds other counts says so, for a data set may be half unpacked. Where that depends on the
--- folder, `records` returns it as its second value. `options` lists options of the import, { {name, meaning, default},
--- ... }: `calr data import` takes each as --name VALUE, and `records` gets the table of them as its second argument.
--- `check`, a function of that table, raises an error where they cannot be right, whatever the folder holds.

local sys = require "calr.sys"
local text = require "calr.text"

local layout = {}

--- calr.data.layout.fail(format, ...)
--- Raises an error about the data, without a position in the source: it is not the script's fault.
function layout.fail(format, ...)
  error(format:format(...), 0)
end

-- Files left behind by file managers, archivers and downloads that are not finished.
local function is_litter(name)
  local lower = name:lower()
  return name:sub(1, 1) == "." or lower == "thumbs.db" or lower == "desktop.ini" or name == "__MACOSX"
    or lower:find "%.part$" ~= nil or lower:find "%.crdownload$" ~= nil
end

--- calr.data.layout.is_litter(path)
--- @return boolean  whether a relative path is, or lies in, what file managers and downloads leave behind: names that
---                  begin with a dot (.DS_Store, ._x.jpg), Thumbs.db, desktop.ini, __MACOSX, x.part, x.crdownload
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

--- calr.data.layout.check_name(path)
--- Raises an error unless the path of an image or a file is text in UTF-8: records, lists and tables in JSON hold no
--- other names, and that is to be known before the work.
function layout.check_name(path)
  if not utf8.len(path) then
    layout.fail("the name %s is not text in UTF-8, which lists and tables need: rename it (convmv -f latin1 -t utf8 "
      .. "does whole folders), or import or give it by a link of another name", text.visible(path))
  end
end

--- calr.data.layout.list(folder)
--- Returns the names in a folder, sorted by their bytes, without litter (calr.data.layout.is_litter).
--- @return table
function layout.list(folder)
  local names = {}
  for _, name in ipairs(sys.list(folder)) do
    if not is_litter(name) then names[#names + 1] = name end
  end
  return names
end

local function missing_in(folder, wanted)
  local missing = {}
  for _, name in ipairs(wanted) do
    if not sys.exists(folder .. "/" .. name) then missing[#missing + 1] = name end
  end
  return missing
end

-- People often give the folder above, or one of the folders inside.
local function elsewhere(folder, wanted)
  local parent = folder:match "^(.*)/[^/]+$" or (folder ~= "." and not folder:find "/" and ".")
  if parent and parent ~= "" and #missing_in(parent, wanted) == 0 then return parent end
  for _, name in ipairs(layout.list(folder)) do
    local inside = folder .. "/" .. name
    if sys.is_folder(inside) and #missing_in(inside, wanted) == 0 then return inside end
  end
end

--- calr.data.layout.check_folder(folder, name, wanted)
--- Raises an error unless the folder holds all that a layout needs; it names what is missing, and the folder above or
--- below where everything is.
--- @param name    the layout's, for messages
--- @param wanted  list of names of folders and files inside
--- @return string  the folder, without slashes at its end
function layout.check_folder(folder, name, wanted)
  if #folder > 1 then folder = folder:gsub("/+$", "") end
  local all = table.concat(wanted, ", ")
  if not sys.exists(folder) then layout.fail("there is no folder %s", folder) end
  if not sys.is_folder(folder) then
    layout.fail("%s is a file; %s needs the folder that holds %s", folder, name, all)
  end
  local missing = missing_in(folder, wanted)
  if #missing == 0 then return folder end
  local found = layout.list(folder)
  if #found == 0 then layout.fail("%s is empty; %s needs the folder that holds %s", folder, name, all) end
  local hint = elsewhere(folder, wanted)
  layout.fail("%s is not laid out as %s: it lacks %s, and holds %s%s", folder, name, listed(missing, 5),
    listed(found, 5), hint and ("; did you mean %s?"):format(hint) or "")
end

--- calr.data.layout.lines(path)
--- Reads a list: one entry a line, without spaces around it, empty lines and a byte-order mark.
--- @return table  list of strings
function layout.lines(path)
  local found = {}
  for line in sys.read_file(path):gsub("^\239\187\191", ""):gmatch "[^\r\n]+" do
    line = line:match "^%s*(.-)%s*$"
    if line ~= "" then found[#found + 1] = line end
  end
  return found
end

-- Why a name is not found although a user sees it: another case, or accents in another form (archives of macOS).
local function near_file(path)
  local folder, name = path:match "^(.*)/([^/]*)$"
  for _, other in ipairs(folder and sys.is_folder(folder) and layout.list(folder) or {}) do
    if other:lower() == name:lower() then return (" (did you mean \"%s\"?)"):format(other) end
  end
  return name and name:find "[\x80-\xff]" and " (its accents may be written in another form than the file's: convmv "
    .. "--nfc -f utf8 -t utf8)" or ""
end

--- calr.data.layout.check_files(records, list)
--- Raises an error if files of the records are not there: the first of them, and how many.
--- @param list  string; the name of the list that has them, for the message
function layout.check_files(records, list)
  local missing, first = 0, nil
  for _, record in ipairs(records) do
    if not sys.exists(record.file) then missing, first = missing + 1, first or record.file end
  end
  if missing > 0 then
    layout.fail("%d of the %d images of %s are not there, %s is the first%s: is the data set half unpacked, or were "
      .. "its images moved?", missing, #records, list, first, near_file(first))
  end
end

-- What is not the image of a layout in its folder ends an import: an image left out silently changes results.
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
  local wanted = {}
  for i, pair in ipairs(o.folders) do wanted[i] = pair[1] end
  return function(folder)
    folder = layout.check_folder(folder, o.name, wanted)
    local records = {}
    for _, pair in ipairs(o.folders) do scan(folder, pair[1], pair[2], o, records) end
    return records
  end
end

return (require("calr.options").counted("calr.data.layout.", layout))
