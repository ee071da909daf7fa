--- @module calr.pipeline.snapshot
--- Snapshots: what a refinement rule sees in one epoch of a training run, in a file, so that rules can be tried on it
--- in a second (`calr refine`). A file RUN/snapshots/epoch-NNN.safetensors holds
---
---     features                 f32[n x d]
---     cameras                  i32[n]
---     global                   i32[n]      global clusters, -1 outliers
---     locals                   i32[n]      local clusters, where there are any
---     scores                   f32[n]      node scores, where there are any
---     neighbours.indices       i32[n x k]  nearest neighbours, the image itself first, where there are any
---     neighbours.similarities  f32[n x k]
---     identities               i32[n]      true identities, -1 unknown; where one is known
---     refined                  i32[n]      the labels that were trained on, where they are others than global
---     reason                   i32[n]      why the run's rule discarded an image: place in `reasons`, -1 not discarded
---
--- and as metadata epoch (from 0), epochs, seed, data (the name of the data set), options (all of the run's, JSON) and
--- reasons (JSON list). Rows are training images, in the data set's order.

local form = require "calr.form"
local json = require "calr.json"
local safetensors = require "calr.safetensors"
local sys = require "calr.sys"
local text = require "calr.text"

local snapshot = {}

local format = "calr.snapshot 1"

--- calr.pipeline.snapshot.path(run, epoch)
--- @param run  the folder of a run
--- @return string  the file of the snapshot of an epoch (from 0)
function snapshot.path(run, epoch)
  return ("%s/snapshots/epoch-%03d.safetensors"):format(run, epoch)
end

-- Types and shapes of all that may be in a snapshot; n, d and k are the same wherever they stand.
local fields = {
  { "features", "f32", "n", "d" }, { "cameras", "i32", "n" }, { "global", "i32", "n" },
  { "locals", "i32", "n" }, { "scores", "f32", "n" },
  { "neighbours.indices", "i32", "n", "k" }, { "neighbours.similarities", "f32", "n", "k" },
  { "identities", "i32", "n" }, { "refined", "i32", "n" }, { "reason", "i32", "n" },
}
local required = { features = true, cameras = true, global = true }

-- Calls problem(format, ...) when a tensor is missing or has not the shape it should.
local function check(tensors, problem)
  local sizes = {}
  for _, field in ipairs(fields) do
    local name, kind = field[1], field[2]
    local tensor = tensors[name]
    if tensor == nil then
      if required[name] then problem("it has no %s", name) end
    else
      local shape, wanted = {}, {}
      for i = 3, #field do
        sizes[field[i]] = sizes[field[i]] or tensor:dim() >= i - 2 and tensor:size(i - 2) or 0
        shape[i - 2], wanted[i - 2] = sizes[field[i]], field[i]
      end
      if not form.is(tensor, kind, table.unpack(shape)) then
        problem("%s must be %s[%s], here %s[%s]; it is %s", name, kind, table.concat(wanted, " x "), kind,
          table.concat(shape, "x"), form.text(tensor))
      end
    end
  end
  if (tensors["neighbours.indices"] == nil) ~= (tensors["neighbours.similarities"] == nil) then
    problem "its neighbours have no similarities, or similarities no neighbours"
  end
end

--- calr.pipeline.snapshot.save(file, fields)
--- Writes a snapshot; the file is whole or absent. Its folder is made.
--- @param fields  context (global, features, locals, scores, neighbours: what a refinement rule sees), cameras, epoch,
---                epochs, seed; and where there are any identities, refined, reasons (the third result of
---                calr.refine.apply), data, options
function snapshot.save(file, values)
  local context, identities = values.context, values.identities
  local neighbours = context.neighbours or {}
  local tensors = {
    features = context.features, cameras = values.cameras, global = context.global, locals = context.locals,
    scores = context.scores, ["neighbours.indices"] = neighbours.indices,
    ["neighbours.similarities"] = neighbours.similarities,
    identities = identities and identities:ge(0):any():item() and identities or nil,
    refined = values.refined, reason = values.reasons and values.reasons.of,
  }
  check(tensors, function(message, ...) error("a snapshot cannot be saved: " .. message:format(...), 0) end)
  sys.make_folder(file:match "^(.*)/[^/]*$" or ".")
  safetensors.save(file, tensors, {
    format = format, epoch = ("%d"):format(values.epoch), epochs = ("%d"):format(values.epochs),
    seed = ("%d"):format(values.seed), data = text.visible(values.data or ""),
    options = json.encode(values.options or {}),
    reasons = json.encode(json.array(values.reasons and values.reasons.texts or {})),
  }, { checksum = true })
end

--- calr.pipeline.snapshot.load(file)
--- @return table  the tensors by their names, but neighbours = {indices=, similarities=}; and epoch, epochs, seed,
---                data, options, reasons (list of texts), file
function snapshot.load(file)
  local tensors, metadata = safetensors.load(file)
  if metadata.format ~= format then
    error(file .. (metadata.format and (" is of format \"%s\"; this program knows \"%s\""):format(metadata.format,
      format) or " is not a snapshot of a run"), 0)
  end
  for _, field in ipairs(fields) do -- other programs write features in f64 or f16
    local tensor = tensors[field[1]]
    if tensor and field[2] == "f32" and tensor:dtype():find "^b?f" then tensors[field[1]] = tensor:to "f32" end
  end
  check(tensors, function(message, ...) error(file .. " is not a sound snapshot: " .. message:format(...), 0) end)
  local out = {}
  for _, field in ipairs(fields) do
    if not field[1]:find(".", 1, true) then out[field[1]] = tensors[field[1]] end
  end
  if tensors["neighbours.indices"] then
    out.neighbours = { indices = tensors["neighbours.indices"], similarities = tensors["neighbours.similarities"] }
  end
  for _, name in ipairs { "epoch", "epochs", "seed" } do
    out[name] = math.tointeger(tonumber(metadata[name])) or error(("%s does not say its %s"):format(file, name), 0)
  end
  out.data, out.file = metadata.data, file
  out.options, out.reasons = json.decode(metadata.options, file), json.decode(metadata.reasons, file)
  return out
end

--- calr.pipeline.snapshot.list(run)
--- @param run  the folder of a run
--- @return table  its snapshot files, by epoch
function snapshot.list(run)
  local folder, files = run .. "/snapshots", {}
  for _, name in ipairs(sys.is_folder(folder) and sys.list(folder) or {}) do
    local epoch = name:match "^epoch%-(%d+)%.safetensors$"
    if epoch then files[#files + 1] = { epoch = math.tointeger(tonumber(epoch)), path = folder .. "/" .. name } end
  end
  table.sort(files, function(a, b) return a.epoch < b.epoch end)
  for i, file in ipairs(files) do files[i] = file.path end
  return files
end

return (require("calr.options").counted("calr.pipeline.snapshot.", snapshot))
