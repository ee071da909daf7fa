--- @module calr.program.command.docs
--- calr docs: generates docs/api, and the editor stubs in build/stubs, from the comments in the sources.

local errors = require "calr.errors"
local json = require "calr.json"
local manual = require "calr.program.docs.manual"
local read = require "calr.program.docs.read"
local stubs = require "calr.program.docs.stubs"
local sys = require "calr.sys"
local write = require "calr.program.docs.write"

local docs = { summary = "generate the API pages and editor stubs of a source checkout, or check that they are current",
  usage = "calr docs [--check | --stubs FOLDER | --manual FILE | --man FILE]" }

-- Relative path -> content of the pages.
local function page_files(pages)
  local files = { ["README.md"] = write.index(pages) }
  for _, page in ipairs(pages) do files[page.name .. ".md"] = write.page(page, pages) end
  return files
end

-- Relative path -> content of the stubs: calr/tensor.lua is what require "calr.tensor" would load.
local function stub_files(pages)
  local files, classes = {}, stubs.classes(pages)
  for _, page in ipairs(pages) do files[page.name:gsub("%.", "/") .. ".lua"] = stubs.make(page, pages, classes) end
  return files
end

-- The paths of all files under a folder, relative to it.
local function present(folder, prefix, paths)
  for _, name in ipairs(sys.is_folder(folder) and sys.list(folder) or {}) do
    if sys.is_folder(folder .. "/" .. name) then
      present(folder .. "/" .. name, prefix .. name .. "/", paths)
    else
      paths[#paths + 1] = prefix .. name
    end
  end
  return paths
end

-- Whether we made a file. Others are left alone, whatever folder --stubs names.
local function is_ours(path)
  return path:match "%.md$" or (path:match "%.lua$" and sys.read_file(path):match "^%-%-%-@meta ")
end

-- Paths with wrong content, or that should not exist.
local function stale(folder, files)
  local list = {}
  for path, content in pairs(files) do
    local full = folder .. "/" .. path
    if not sys.exists(full) or sys.read_file(full) ~= content then list[#list + 1] = path end
  end
  for _, path in ipairs(present(folder, "", {})) do
    if not files[path] and is_ours(folder .. "/" .. path) then list[#list + 1] = path end
  end
  table.sort(list)
  return list
end

-- Makes a folder hold exactly these files; returns how many changed.
local function refresh(folder, files)
  local changed = stale(folder, files)
  sys.make_folder(folder)
  for _, path in ipairs(changed) do
    if files[path] then
      local above = path:match "^(.*)/"
      if above then sys.make_folder(folder .. "/" .. above) end
      sys.write_file(folder .. "/" .. path, files[path])
    else
      sys.remove(folder .. "/" .. path)
    end
  end
  return #changed
end

local function check(folder, files)
  local list = stale(folder, files)
  for _, path in ipairs(list) do io.stderr:write("not current: docs/api/", path, "\n") end
  if #list > 0 then io.stderr:write "calr: run `calr docs` and commit its output\n" end
  return #list > 0 and 1 or 0
end

-- What follows an option.
local targets = { ["--stubs"] = "folder", ["--manual"] = "file", ["--man"] = "file" }

-- Writes a file unless it holds the text already.
local function write_once(path, text)
  if not sys.exists(path) or sys.read_file(path) ~= text then sys.write_file(path, text) end
  return 0
end

local function only_usage(word)
  errors.usage("unknown argument %s; usage: %s", word, docs.usage)
end

--- calr.program.command.docs.run(args, load)
--- @param args  list of strings: empty; --check; --stubs and the folder to write to; --manual and the file for what
---              the prompt knows; --man and the file for the man page
--- @param load  function(name) -> module of a command, for --man: calr.program.main has it
--- @return integer  exit status; 1 when --check finds something out of date
function docs.run(args, load)
  local wanted = args[1]
  local target = targets[wanted]
  if args[3] or (args[2] and not target) then only_usage(args[3] or args[2]) end
  if wanted and wanted ~= "--check" and not target then only_usage(wanted) end
  if target and not args[2] then errors.usage("%s takes a %s; usage: %s", wanted, target, docs.usage) end
  if targets[wanted] == "file" then require("calr.program.arguments").check_target(args[2]) end
  if wanted == "--man" then
    local commands = require("calr.program.shell.describe").commands(load)
    return write_once(args[2], require("calr.program.shell.man").page(commands))
  end
  local root = sys.paths.home
  if not sys.is_folder(root .. "/engine") then
    errors.fail("%s is not a source checkout: the documentation is made from the sources", root)
  end
  local pages = write.pages(read.modules(root))
  local api = root .. "/docs/api"
  if wanted == "--check" then return check(api, page_files(pages)) end
  if wanted == "--manual" then return write_once(args[2], json.encode(manual.make(pages))) end
  local count = wanted and 0 or refresh(api, page_files(pages))
  count = count + refresh(args[2] or root .. "/build/stubs", stub_files(pages))
  if not wanted then print(("%d files changed under docs/api and build/stubs"):format(count)) end
  return 0
end

return docs
