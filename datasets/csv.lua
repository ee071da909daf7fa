--- @module datasets.csv
--- Your own images by a table: a line of names, then a line an image, with the columns path and camera, and where there
--- are any identity and split. Paths are relative to the table's folder, or to --root.

local csv = require "calr.csv"
local layout = require "calr.data.layout"
local own = require "calr.data.own"
local suggest = require "calr.options".suggest
local sys = require "calr.sys"

local known = { "path", "identity", "camera", "split" }

local function trimmed(cell)
  return cell and cell:match "^%s*(.-)%s*$"
end

-- What a table is that cannot be read as text.
local function check_text(path, source)
  if source == "" then layout.fail("%s is empty", path) end
  if source:find "^\xff\xfe" or source:find "^\xfe\xff" then
    layout.fail("%s is text in UTF-16; save it as \"CSV UTF-8\" (iconv -f utf-16 -t utf-8)", path)
  end
  local ok, at = utf8.len(source)
  if ok then return end
  local _, line = source:sub(1, at):gsub("\n", "")
  layout.fail("%s:%d: this line is not text in UTF-8; save the table as \"CSV UTF-8\" (iconv -f latin1 -t utf-8)", path,
    line + 1)
end

-- The separator of the first line: a semicolon or a tab where it has one and no comma.
local function separator_of(line)
  if line:find(",", 1, true) then return "," end
  return line:find(";", 1, true) and ";" or line:find("\t", 1, true) and "\t" or ","
end

-- Looks at the first line alone, before a row that does not fit it is a mistake.
local function check_names(path, line, separator)
  local has, names = {}, {}
  for cell in (line .. separator):gmatch("([^" .. separator .. "]*)" .. separator) do
    names[#names + 1] = trimmed(trimmed(cell):match '^"(.*)"$' or cell)
  end
  for _, name in ipairs(names) do
    has[name] = true
    local is_known = false
    for _, other in ipairs(known) do is_known = is_known or name == other end
    local near = not is_known and suggest(name, known) or ""
    if near ~= "" then layout.fail("%s: there is a column \"%s\"%s", path, name, near) end
  end
  for _, name in ipairs { "path", "camera" } do
    if not has[name] then
      layout.fail("%s has no column \"%s\"; its first line is \"%s\", and that of a table names its columns: path, "
        .. "camera, and where there are any identity and split", path, name, line)
    end
  end
end

-- A path of the table relative to the root; Windows writes them with backslashes.
local function relative(path, root, where)
  if path:sub(1, #root + 1) == root .. "/" then path = path:sub(#root + 2) end
  if path:find("\\", 1, true) and not sys.exists(root .. "/" .. path) then path = path:gsub("\\", "/") end
  path = path:gsub("^%./+", "")
  if path == "" then layout.fail("%s: the path is empty", where) end
  if path:sub(1, 1) == "/" or path:find "^%a:/" or ("/" .. path .. "/"):find("/../", 1, true) then
    layout.fail("%s: %s is not inside %s; --root DIR names the folder that holds all images", where, path, root)
  end
  return path
end

return {
  name = "csv",
  summary = "your own images, by a table with the columns path, camera, identity, split",
  options = { { "root", "the folder that paths are relative to; default: that of the table" },
    { "split", "of all images, where there is no column split: train (the default), query, gallery", "train" } },
  check = own.check,
  records = function(path, options)
    if sys.is_folder(path) then
      layout.fail("%s is a folder; the layout csv needs a table, such as images.csv", path)
    end
    local source = sys.read_file(path)
    check_text(path, source)
    local line = source:match("^[^\r\n]*", source:find "^\xef\xbb\xbf" and 4 or 1)
    local separator = separator_of(line)
    check_names(path, line, separator)
    local columns = {}
    for name, column in pairs((csv.load(path, { separator = separator, numbers = false }))) do
      columns[trimmed(name)] = column
    end
    local root = (options.root or path:match "^(.*)/[^/]*$" or "."):gsub("(.)/+$", "%1")
    local split, entries = own.split(options.split), {}
    for i, name in ipairs(columns.path) do
      local where = ("%s, image %d"):format(path, i)
      local inside = relative(sys.exists(root .. "/" .. name) and name or trimmed(name), root, where)
      local camera, identity = trimmed(columns.camera[i]), columns.identity and trimmed(columns.identity[i])
      if camera == "" then layout.fail("%s (%s): the camera is empty", where, name) end
      entries[i] = { file = root .. "/" .. inside, path = inside, camera = camera, identity = identity,
        split = columns.split and own.split(trimmed(columns.split[i]), ("%s (%s): "):format(where, name)) or split }
    end
    local records, notes = own.records(entries)
    layout.check_files(records, path)
    return records, nil, notes
  end,
}
