--- @module calr.data.own
--- Tools for layouts of your own images: names of identities, cameras and splits as people write them become the
--- numbers of records.

local layout = require "calr.data.layout"
local suggest = require "calr.options".suggest
local sys = require "calr.sys"
local sorted_keys = require "calr.tables".sorted_keys

local own = {}

local MOST_NAMED = 12 -- cameras that a note lists
local DEEPEST = 32 -- folders within folders

-- Those of kinds that calr does not read are images as well: the import names them, where leaving them out silently
-- would change results.
local endings = {}
for ending in ("jpg jpeg jpe jfif png bmp dib gif webp tif tiff heic heif avif jp2 jxl"):gmatch "%a%w*" do
  endings[ending] = true
end

local LARGEST = 0x7fffffff -- number that a record can hold

-- What programs write where nothing is known.
local gaps = { nan = true, none = true, null = true, na = true, ["n/a"] = true, unknown = true }

local splits = { train = "train", training = "train", bounding_box_train = "train", query = "query", probe = "query",
  gallery = "gallery", test = "gallery", bounding_box_test = "gallery", multi = "multi", gt_bbox = "multi" }

--- calr.data.own.is_image(name)
--- @return boolean  whether a file is called as images are, of kinds that are not read too: .jpg, .png, .webp, ...
function own.is_image(name)
  local ending = name:lower():match "%.(%w+)$"
  return ending ~= nil and endings[ending] == true
end

local function walk(folder, prefix, depth, found)
  if depth > DEEPEST then
    layout.fail("%s: folders within folders, %d deep: does a link lead back?", folder, DEEPEST)
  end
  for _, name in ipairs(layout.list(folder)) do
    local path = folder .. "/" .. name
    if sys.is_folder(path) then
      walk(path, prefix .. name .. "/", depth + 1, found)
    elseif own.is_image(name) then
      layout.check_name(prefix .. name)
      found[#found + 1] = prefix .. name
    end
  end
end

--- calr.data.own.images(folder)
--- Lists the images in a folder and all folders inside, without litter (calr.data.layout.is_litter). A
--- name that is not UTF-8 is an error.
--- @return table  list of paths relative to the folder, in the order of their bytes, folder by folder
function own.images(folder)
  if #folder > 1 then folder = folder:gsub("/+$", "") end
  if not sys.exists(folder) then layout.fail("there is no folder %s", folder) end
  if not sys.is_folder(folder) then layout.fail("%s is a file; the layout needs a folder of images", folder) end
  local found = {}
  walk(folder, "", 1, found)
  if #found == 0 then layout.fail("%s holds no images (.jpg, .jpeg, .png, .bmp), nor do the folders inside", folder) end
  return found
end

--- calr.data.own.split(word [, where])
--- The split that a word means: train, query, gallery, multi, and the usual other names of them (test is the gallery).
--- @param where  string; what an error begins with
--- @return string
function own.split(word, where)
  local names = sorted_keys(splits)
  return splits[word:lower()] or layout.fail("%sthere is no split \"%s\"%s; there are: %s", where or "", word,
    suggest(word, names), table.concat(names, ", "))
end

-- c2 comes before c10.
local function before(a, b)
  local x, m = a:match "^(.-)(%d*)$"
  local y, n = b:match "^(.-)(%d*)$"
  if x == y and m ~= "" and n ~= "" and tonumber(m) ~= tonumber(n) then return tonumber(m) < tonumber(n) end
  return a < b
end

-- The whole number that a name is, "3.0" too, as pandas writes columns that have gaps; nil for other names, and for
-- numbers that no record can hold.
local function whole_number(name)
  local digits = name:match "^(%-?%d+)$" or name:match "^(%-?%d+)%.0*$"
  local number = digits and math.tointeger(tonumber(digits))
  return number and number <= LARGEST and number or nil
end

local function distinct(entries, field)
  local names, seen, whole = {}, {}, true
  for _, entry in ipairs(entries) do
    local name = entry[field]
    if name and name ~= "" and not seen[name] then
      seen[name], names[#names + 1] = true, name
      whole = whole and whole_number(name) ~= nil
    end
  end
  table.sort(names, before)
  return names, whole
end

-- Name -> number of the cameras. Numbers stay; other names are numbered from 0 in their order.
local function number_cameras(entries, notes)
  local names, whole = distinct(entries, "camera")
  local numbers, said = {}, {}
  for i, name in ipairs(names) do
    numbers[name] = whole and whole_number(name) or i - 1
    if numbers[name] < 0 then layout.fail("cameras are numbered from 0 up, not %s", name) end
    said[i] = ("%d %s"):format(numbers[name], name)
  end
  if not whole and #names <= MOST_NAMED then notes[#notes + 1] = "cameras: " .. table.concat(said, ", ") end
  return numbers
end

-- Whether an image of the training or query split has the identity 0, which in a gallery means "nobody".
local function zero_is_a_person(entries)
  for _, entry in ipairs(entries) do
    if entry.identity and whole_number(entry.identity) == 0 and entry.split ~= "gallery" then return true end
  end
  return false
end

-- Name -> identity. Below 0 means "unknown" and 0, where no one of training has it, "nobody" also among other names.
local function number_identities(entries, notes)
  local names, whole = distinct(entries, "identity")
  local numbers, named, zero = {}, 0, zero_is_a_person(entries)
  local shift = whole and zero and 1 or 0
  if shift == 1 then
    notes[#notes + 1] = "identities begin at 0, which means \"nobody\" in a gallery: each becomes one more"
  end
  for _, name in ipairs(names) do
    local number = whole_number(name)
    if number and number < 0 then
      numbers[name] = -1
    elseif whole or number == 0 and not zero then
      numbers[name] = number + shift
    else
      named = named + 1
      numbers[name] = named
    end
    if gaps[name:lower()] then
      notes[#notes + 1] = ("the identity \"%s\" counts as one person; images of unknown identity have none, or -1")
        :format(name)
    end
  end
  return numbers
end

--- calr.data.own.records(entries)
--- Makes records of entries whose fields are texts. Cameras and identities that are all whole numbers stay as they are
--- (identities that begin at 0 become one more each, unless 0 occurs in the gallery alone, where it means "nobody");
--- other names, and numbers above 2147483647, are numbered in their order, cameras from 0, identities from 1. No
--- identity, and a number below 0, is -1.
--- @param entries  list of {file=, path=, camera=, identity= or nil, split=}
--- @return table  records
--- @return table  list of notes for the user: which camera got which number
function own.records(entries)
  local notes, records = {}, {}
  local cameras, identities = number_cameras(entries, notes), number_identities(entries, notes)
  for i, entry in ipairs(entries) do
    local identity = entry.identity and identities[entry.identity] or -1
    records[i] = { file = entry.file, path = entry.path, identity = identity, camera = cameras[entry.camera],
      split = entry.split }
  end
  return records, notes
end

-- ---- patterns ----

local fields = { camera = true, identity = true, split = true }
local pieces = { ["*"] = "[^/]-", ["**"] = ".-" }

--- calr.data.own.pattern(text) Compiles a pattern of paths: {camera}, {identity} and {split} stand for one or more
--- characters of a name, {*} for any of a name, {**} for any over several folders; all else stands for itself.
--- @return function  of a path: {camera=, identity=, split=}, or nil for one that does not fit
function own.pattern(text)
  local order, at, form, was_open = {}, 1, { "^" }, false
  for literal, field, next_at in text:gmatch "([^{}]*){([^{}]*)}()" do
    if was_open and literal == "" then
      layout.fail("the pattern \"%s\" has nothing between {%s} and what is before: where does one end?", text, field)
    end
    form[#form + 1] = literal:gsub("%p", "%%%0")
    if fields[field] then
      for _, name in ipairs(order) do
        if name == field then layout.fail("the pattern \"%s\" has {%s} twice", text, field) end
      end
      order[#order + 1] = field
      form[#form + 1] = "([^/][^/]-)"
    elseif pieces[field] then
      form[#form + 1] = pieces[field]
    else
      layout.fail("the pattern \"%s\" has {%s}%s; there are {camera}, {identity}, {split}, {*} and {**}", text, field,
        suggest(field, { "camera", "identity", "split" }))
    end
    was_open, at = true, next_at
  end
  local rest = text:sub(at)
  if rest:find "[{}]" or text:sub(1, at - 1):gsub("{[^{}]*}", ""):find "[{}]" then
    layout.fail("the pattern \"%s\" has a brace without its other half", text)
  end
  form[#form + 1] = rest:gsub("%p", "%%%0") .. "$"
  local compiled = table.concat(form)
  return function(path)
    local found = table.pack(path:match(compiled))
    if not found[1] then return nil end
    local values = {}
    for i, field in ipairs(order) do values[field] = found[i] end
    return values
  end
end

--- calr.data.own.check(options)
--- Fails where the options of a layout cannot be right: the `check` of those whose options are called as here.
--- @param options  table; pattern: as for calr.data.own.folder, split: as for calr.data.own.split; nil: not given
function own.check(options)
  if options.pattern then
    own.pattern(options.pattern)
    if not options.pattern:find("{camera}", 1, true) then
      layout.fail("the pattern \"%s\" has no {camera}: of every image its camera must be known", options.pattern)
    end
  end
  if options.split then own.split(options.split, "option \"split\": ") end
end

--- calr.data.own.folder(folder, text, split)
--- The records of all images of a folder by a pattern of their paths. An image that does not fit is an error, for one
--- that is silently left out changes results.
--- @param split  string; of the images, where the pattern has no {split}
--- @return table  records
--- @return table  list of notes
function own.folder(folder, text, split)
  if #folder > 1 then folder = folder:gsub("/+$", "") end
  own.check { pattern = text, split = split }
  local match, entries, strangers = own.pattern(text), {}, {}
  local has_split = text:find("{split}", 1, true)
  split = own.split(split)
  for _, path in ipairs(own.images(folder)) do
    local entry = match(path)
    if entry then
      entry.file, entry.path = folder .. "/" .. path, path
      entry.split = has_split and own.split(entry.split, folder .. "/" .. path .. ": ") or split
      entries[#entries + 1] = entry
    else
      strangers[#strangers + 1] = path
    end
  end
  if #strangers > 0 then
    layout.fail("%d of the %d images of %s do not fit the pattern \"%s\": %s%s", #strangers, #strangers + #entries,
      folder, text, table.concat(strangers, ", ", 1, math.min(3, #strangers)), #strangers > 3 and ", ..." or "")
  end
  return own.records(entries)
end

return (require("calr.options").counted("calr.data.own.", own))
