--- @module calr.data.images
--- Images wherever they lie: in a data-set store, in a folder, in single files. What the functions return has the
--- methods of a split (calr.data) that calr.pipeline.features and lists of images need (count, name, path, jpeg,
--- identities, cameras, batches) and three more: images:splits, images:known and images:fingerprint.

local check_options = require("calr.options").check
local data = require "calr.data"
local image = require "calr.image"
local layout = require "calr.data.layout"
local loader = require "calr.loader"
local own = require "calr.data.own"
local sys = require "calr.sys"
local T = require "calr.tensor"

local images = {}

local split_names = { "train", "query", "gallery", "multi" }

-- ---- image files ----

local Files = {}
Files.__index = Files

function Files:count() return #self.files end

function Files:name() return self.title end

function Files:path(i) return self.names[i] end

function Files:jpeg(i) return sys.read_file(self.files[i]) end

function Files:identities() return T.full({ #self.files }, -1, "i32") end

function Files:cameras() return T.zeros({ #self.files }, "i32") end

function Files:batches(options)
  local opened = loader.open(self.files, options)
  return opened, nil, nil, opened
end

--- images:splits()
--- @return table|nil  the split of each image; nil where there are no splits
function Files:splits() return nil end

--- images:known()
--- @return table  what is known of the images: identities, cameras, splits = true
function Files:known() return {} end

--- images:fingerprint()
--- @return string  another one where images were added, removed or changed: of a store its fingerprint, of files their
---                 names, sizes and times
function Files:fingerprint()
  local lines = {}
  for i, file in ipairs(self.files) do
    local about = sys.stat(file) or { size = -1, mtime = -1 }
    lines[i] = ("%s\0%d\0%.6f"):format(self.names[i], about.size, about.mtime)
  end
  return sys.hash(table.concat(lines, "\n"))
end

Files.__tostring = function(self) return ("%s (%d images)"):format(self.title, #self.files) end

--- calr.data.images.files(files [, {title=, names=}])
--- Images that are files of their own, without identities; all are of camera 0.
--- @param files  list of paths
--- @param title  string; what they are called in messages and progress
--- @param names  list of strings, what images:path says of each; default: the paths
--- @return images
function images.files(files, options)
  local o = check_options("calr.data.images.files", options, { "title", "names" })
  for _, name in ipairs(o.names or files) do layout.check_name(name) end
  return setmetatable({ files = files, names = o.names or files, title = o.title or "images" }, Files)
end

--- calr.data.images.folder(folder)
--- All images of a folder and the folders inside, called whatever they are; names are relative to it. Litter
--- (calr.data.layout.is_litter) does not count.
--- @return images
function images.folder(folder)
  if #folder > 1 then folder = folder:gsub("/+$", "") end
  local names, files = own.images(folder), {}
  for i, name in ipairs(names) do files[i] = folder .. "/" .. name end
  return images.files(files, { title = folder, names = names })
end

-- ---- a data set ----

local Stored = setmetatable({}, { __index = data.Split })
Stored.__index = Stored

function Stored:name() return self.title end

Stored.__tostring = function(self) return ("%s (%d images)"):format(self.title, self:count()) end

function Stored:splits()
  if not self.split_list then
    self.split_list = {}
    for i, number in ipairs(self.dataset:store():splits():index_select(1, self.rows):totable()) do
      self.split_list[i] = split_names[number + 1]
    end
  end
  return self.split_list
end

function Stored:known()
  local named = self:count() > 0 and self:identities():max():item() > -1
  return { identities = named, cameras = true, splits = true }
end

function Stored:fingerprint()
  return sys.hash(self.dataset:fingerprint() .. " " .. self.split_name)
end

--- calr.data.images.stored(dataset, name)
--- Images of a data set.
--- @param dataset  from calr.data.open
--- @param name     "train", "query", "gallery", "multi", "all" (the whole store, in its order, junk too), or "test":
---                 the gallery without junk, or where there is none, all
--- @return images
function images.stored(dataset, name)
  local rows
  if name == "test" then
    rows = dataset:gallery().rows
    name = rows:numel() > 0 and "gallery" or "all"
    rows = name == "gallery" and rows or nil
  elseif name ~= "all" then
    rows = dataset:store():rows { split = name, junk = true }
  end
  rows = rows or T.arange(dataset:store():count()):to "i64"
  local title = name == "all" and dataset:name() or ("%s of %s"):format(name, dataset:name())
  local list = setmetatable({ dataset = dataset, split_name = name, title = title, rows = rows }, Stored)
  for i = 1, list:count() do layout.check_name(list:path(i)) end -- a script, or an older calr, may have written others
  return list
end


-- ---- whichever it is ----

-- By what the file begins with: names may be anything.
local function is_store(head)
  return head:sub(17, 20) == "\xDE\xC0\xEF\xBE" -- LMDB's mark
end

--- calr.data.images.open(path [, {split="all"}])
--- Opens a folder of images, a data-set store or a single image file.
--- @param split  string; of a store: see calr.data.images.stored
--- @return images
function images.open(path, options)
  local o = check_options("calr.data.images.open", options, { "split" })
  if not sys.exists(path) then layout.fail("there is no folder, data set or image %s", path) end
  if sys.is_folder(path) then
    if o.split then layout.fail("%s is a folder, which has no splits", path) end
    return images.folder(path)
  end
  local head = sys.read_from(path, 0, 65536)
  if is_store(head) or path:match "%.lmdb$" then
    local list = images.stored(data.open(path), o.split or "all")
    list.title = list.split_name == "all" and path or ("%s (%s)"):format(path, list.split_name)
    return list
  end
  if not own.is_image(path) and not pcall(image.probe, head) then
    layout.fail("%s is neither a folder, a data set (.lmdb) nor an image (.jpg, .jpeg, .png, .bmp)", path)
  end
  return images.files({ path }, { title = path })
end

return (require("calr.options").counted("calr.data.images.", images))
