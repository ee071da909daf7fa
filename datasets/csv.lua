--- @module datasets.csv
--- Your own images by a table: a line of names, then a line an image, with the columns path and camera, and where there
--- are any identity and split. Paths are relative to the table's folder, or to --root.

local csv = require "calr.csv"
local layout = require "calr.data.layout"
local own = require "calr.data.own"
local suggest = require "calr.options".suggest
local sys = require "calr.sys"

local known = { "path", "identity", "camera", "split" }

local function check_names(path, names)
  local has = {}
  for _, name in ipairs(names) do
    has[name] = true
    local is_known = false
    for _, other in ipairs(known) do is_known = is_known or name == other end
    local near = not is_known and suggest(name, known) or ""
    if near ~= "" then layout.fail("%s: there is a column \"%s\"%s", path, name, near) end
  end
  for _, name in ipairs { "path", "camera" } do
    if not has[name] then
      layout.fail("%s has no column \"%s\"; its first line is %s, and a table has the columns path, camera, and where "
        .. "there are any identity and split", path, name, table.concat(names, ", "))
    end
  end
end

-- The separator of the first line: a semicolon or a tab where it has one and no comma.
local function separator_of(path)
  local line = sys.read_file(path):match "[^\r\n]*"
  if line:find(",", 1, true) then return "," end
  return line:find(";", 1, true) and ";" or line:find("\t", 1, true) and "\t" or ","
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
    local columns, names = csv.load(path, { separator = separator_of(path), numbers = false })
    check_names(path, names)
    local root = (options.root or path:match "^(.*)/[^/]*$" or "."):gsub("(.)/+$", "%1")
    local split, entries = own.split(options.split), {}
    for i, name in ipairs(columns.path) do
      local where = ("%s, image %d"):format(path, i)
      local inside = relative(name, root, where)
      if columns.camera[i] == "" then layout.fail("%s (%s): the camera is empty", where, name) end
      entries[#entries + 1] = { file = root .. "/" .. inside, path = inside, camera = columns.camera[i],
        identity = columns.identity and columns.identity[i],
        split = columns.split and own.split(columns.split[i]) or split }
    end
    local records, notes = own.records(entries)
    layout.check_files(records, path)
    return records, nil, notes
  end,
}
