--- @module calr.program.command.docs
--- calr docs: makes docs/api, and the editor stubs in build/stubs, from the comments of the sources.

local errors = require "calr.errors"
local read = require "calr.program.docs.read"
local sys = require "calr.sys"
local write = require "calr.program.docs.write"

local docs = { summary = "make the API pages and editor stubs of a source checkout, or check that they are current",
  usage = "calr docs [--check]" }

-- Path -> content of everything that is generated.
local function generate(root)
  local modules = read.modules(root)
  local classes = write.classes(modules)
  local files = { ["docs/api/README.md"] = write.index(modules) }
  for _, module in ipairs(modules) do
    files["docs/api/" .. module.name .. ".md"] = write.page(module)
    files["build/stubs/" .. module.name .. ".lua"] = write.stub(module, classes)
  end
  return files
end

-- What stands in the folders, as a set of paths.
local function present(root, folders)
  local paths = {}
  for _, folder in ipairs(folders) do
    local full = root .. "/" .. folder
    for _, name in ipairs(sys.is_folder(full) and sys.list(full) or {}) do paths[folder .. "/" .. name] = true end
  end
  return paths
end

--- calr.program.command.docs.run(args)
--- @return integer  exit status; with --check 1 when something is not current
function docs.run(args)
  if args[2] or (args[1] and args[1] ~= "--check") then
    errors.usage("unknown argument %s; usage: %s", args[2] or args[1], docs.usage)
  end
  local root = sys.paths.home
  if not sys.is_folder(root .. "/engine") then
    errors.fail("%s is not a source checkout: the documentation is made from the sources", root)
  end
  local check = args[1] == "--check"
  local files, stale = generate(root), {}
  local old = present(root, check and { "docs/api" } or { "docs/api", "build/stubs" }) -- stubs are not in the tree
  for path, content in pairs(files) do
    if check and path:match "^build/" then goto next end
    if not old[path] or sys.read_file(root .. "/" .. path) ~= content then stale[#stale + 1] = path end
    old[path] = nil
    ::next::
  end
  for path in pairs(old) do stale[#stale + 1] = path end
  table.sort(stale)
  if check then
    for _, path in ipairs(stale) do io.stderr:write("not current: ", path, "\n") end
    if #stale > 0 then io.stderr:write "calr: run `calr docs` and commit what it makes\n" end
    return #stale > 0 and 1 or 0
  end
  sys.make_folder(root .. "/docs/api")
  sys.make_folder(root .. "/build/stubs")
  for _, path in ipairs(stale) do
    if files[path] then
      sys.write_file(root .. "/" .. path, files[path])
    else
      sys.remove(root .. "/" .. path)
    end
  end
  print(("%d files changed under docs/api and build/stubs"):format(#stale))
  return 0
end

return docs
