--- @module calr.program.command.info
--- calr info: versions, processor, libraries in use, threads, folders.

local errors = require "calr.errors"
local json = require "calr.json"
local sys = require "calr.sys"

local info = { summary = "show versions, processor features, libraries in use, threads and folders",
  usage = "calr info [--json]" }

local function backend_lines(b)
  return {
    { "processor", b.cpu },
    { "features", b.cpu_features },
    { "threads", ("%d, for %d processors (CALR_THREADS, --threads)"):format(sys.threads(), sys.processors()) },
    { "convolution", ("%s; bf16 maps: %s"):format(b.conv, b.conv_bf16 == "onednn" and "in bf16" or "in f32") },
    { "oneDNN", b.onednn_version and ("%s, instruction set %s"):format(b.onednn_version, b.onednn_isa or "?")
      or "not built in" },
    { "OpenBLAS", b.blas_config },
    { "  core type", b.blas_core and ("%s (%s)"):format(b.blas_core, b.blas_choice or "?") },
    { "  file", b.blas_file },
    { "libjpeg-turbo", b.libjpeg_turbo },
    { "libpng", b.libpng },
    { "LMDB", b.lmdb },
    { "Jansson", b.jansson },
  }
end

--- calr.program.command.info.run(args)
--- @return integer  exit status
function info.run(args)
  if args[2] or (args[1] and args[1] ~= "--json") then
    errors.usage("unknown argument %s; usage: %s", args[2] or args[1], info.usage)
  end
  local ok, backend = pcall(sys.info)
  if args[1] == "--json" then
    print(json.encode({ version = sys.version, paths = sys.paths, engine = ok and backend or json.null,
      error = not ok and tostring(backend) or nil }, { indent = 2 }))
    return ok and 0 or 1
  end
  local v = sys.version
  local lines = { { "calr", v.calr .. (v.revision and " (" .. v.revision .. ")" or "") }, { "Lua", v.lua } }
  for _, line in ipairs(ok and backend_lines(backend) or { { "engine", tostring(backend) } }) do
    lines[#lines + 1] = line
  end
  for _, key in ipairs { "executable", "home", "experiments", "datasets" } do
    lines[#lines + 1] = { key, sys.paths[key] }
  end
  for _, line in ipairs(lines) do
    if line[2] then print(("%-14s %s"):format(line[1], line[2])) end
  end
  return ok and 0 or 1
end

return info
