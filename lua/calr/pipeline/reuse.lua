--- @module calr.pipeline.reuse
--- Stage 1 kept for other runs: its result depends on part of the configuration only, so that runs which differ in the
--- rest share it (option intra.cache).
---
--- A file's name is a hash of everything that the result depends on: all options but those of stage 2, the seed among
--- them; the data; the network's file and its initial weights; the script and its modules; this program with its Lua
--- files; the processor, the kernels and the number of threads. What is taken from the file is, to the last bit, what
--- would have been computed.

local config = require "calr.config"
local context = require "calr.context"
local identity = require "calr.run.identity"
local json = require "calr.json"
local paces = require "calr.refine.paces"
local refine = require "calr.refine"
local safetensors = require "calr.safetensors"
local sys = require "calr.sys"

local reuse = {}

-- Options that stage 1 never reads, besides those of the refinement rules. One that is not listed counts, so that a
-- new option makes results anew.
local of_stage_2 = {
  "data", "compat", "epochs", "iterations", "clusters", "instances", "lr", "temperature", "momentum",
  "camera_weights_from", "infomap", "refine", "alignment", "eval_every", "snapshot_every", "ap", "workers", "preset",
  "edges_kept", "oracle", "untrained", "ignore", "eval_gallery", "rerank", "shots", "eval_draws", "expand", "expand_k",
  "expand_alpha", "multi_query", "source", "source_epochs", "source_iterations",
}

local function stage_1_options(cfg)
  local options = {}
  for name, value in pairs(cfg) do options[name] = value end
  for _, name in ipairs(of_stage_2) do options[name] = nil end
  for _, declared in ipairs { refine.options(), refine.declared(cfg.refine) or {}, paces.declared(cfg.pace) or {} } do
    for name in pairs(declared) do options[name] = nil end
  end
  options.intra = {}
  for name, value in pairs(cfg.intra) do
    if name ~= "cache" and name ~= "anew_from" then options.intra[name] = value end
  end
  return options
end

-- Through a file, which goes again whatever stops this: Ctrl-C, a full disk.
local function hash_weights(folder, state)
  local path = ("%s/weights-%d.tmp"):format(folder, sys.pid())
  local _ <close> = setmetatable({}, { __close = function()
    if sys.exists(path) then sys.remove(path) end
  end })
  safetensors.save(path, state)
  return sys.hash_file(path)
end

-- Equal tables give equal text: json.encode sorts names.
local function key_of(cfg, data, state)
  local machine, script = identity.machine(), context.current().script
  machine.host, machine.processors = nil, nil
  return sys.hash(json.encode {
    options = stage_1_options(cfg), data = data:fingerprint(), weights = hash_weights(cfg.intra.cache, state),
    network = identity.files { cfg.network }, script = script and identity.script(script).hash,
    modules = identity.modules(), code = identity.code(), program = sys.hash_file(sys.paths.executable),
    machine = machine, threads = sys.threads(),
  })
end

--- calr.pipeline.reuse.file(cfg, data, state)
--- The file in which the result of stage 1 is, or will be. Makes the folder.
--- @param state  the network's initial weights, as net:state() gives them
--- @return string|nil  nil when intra.cache names no folder
function reuse.file(cfg, data, state)
  if not cfg.intra.cache or cfg.intra.cache == "" then return nil end
  if not config.is(cfg) then error("intra.cache wants a configuration that calr.config made", 2) end
  sys.make_folder(cfg.intra.cache)
  return ("%s/%s.safetensors"):format(cfg.intra.cache, key_of(cfg, data, state))
end

--- calr.pipeline.reuse.load(file)
--- @return tensor|nil  i32[n], the local clusters; nil when there is no such file
--- @return integer     how many there are
--- @return table       the metrics of the run that found them
function reuse.load(file)
  if not file or not sys.exists(file) then return nil end
  local tensors, metadata = safetensors.try(file)
  if not tensors then error(metadata .. "; remove it, and stage 1 is found anew", 0) end
  return tensors.locals, math.tointeger(tonumber(metadata.used)), json.decode(metadata.metrics, file)
end

--- calr.pipeline.reuse.save(file, locals, used, metrics)
--- Keeps a result; whole or not at all, and when two runs do so at the same time, they write the same.
function reuse.save(file, locals, used, metrics)
  if not file then return end
  safetensors.save(file, { locals = locals },
    { used = ("%d"):format(used), metrics = json.encode(json.array(metrics)) }, { checksum = true })
end

return reuse
