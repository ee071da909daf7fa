--- @module calr.pipeline.history
--- The labels of every epoch of a run, so that one can see later what became of an image (`calr why`) and draw the
--- clusters (`calr draw`). A file RUN/labels/epoch-NNN.safetensors holds
---
---     global        i32[n]      global clusters, -1 outliers
---     locals        i32[n]      local clusters, where there are any
---     refined       i32[n]      the labels that were trained on, where they are others than global
---     reason        u8[n]       why the rule discarded an image: place in `reasons` from 1, 0 not discarded
---     pivots        i32[n]      the row that each image was measured against, -1 for none; where the rule tells
---     neighbours    i32[n x k]  nearest images, at most eight, without the image itself; where there are any
---     similarities  u8[n x k]   their cosines: 255 is 1, 0 is 0 or less
---
--- and as metadata epoch (from 0), epochs and reasons (JSON list). Rows are training images, in the data set's order.
--- That is at most 57 bytes for each image and epoch: 0.7 MB an epoch for the 12,936 images of Market-1501.

local form = require "calr.form"
local json = require "calr.json"
local safetensors = require "calr.safetensors"
local sys = require "calr.sys"

local history = {}

local format = "calr.labels 1"
local MOST_NEIGHBOURS, MOST_REASONS = 8, 255

--- calr.pipeline.history.path(run, epoch)
--- @param run    the folder of a run
--- @param epoch  integer, from 0
--- @return string  the file with the labels of that epoch
function history.path(run, epoch)
  return ("%s/labels/epoch-%03d.safetensors"):format(run, epoch)
end

-- The nearest images without the image itself, which stands first in its own list, and their cosines as bytes.
local function nearest(neighbours)
  local width = neighbours and math.min(neighbours.indices:size(2) - 1, MOST_NEIGHBOURS) or 0
  if width < 1 then return nil end
  local cosines = neighbours.similarities:narrow(2, 2, width):clamp(0, 1)
  return neighbours.indices:narrow(2, 2, width):contiguous(), (cosines * 255 + 0.5):floor():to "u8"
end

local function reason_bytes(reasons)
  return reasons and (reasons.of + 1):clamp(0, MOST_REASONS):to "u8"
end

--- calr.pipeline.history.save(file, {context=, refined=, reasons=, epoch=, epochs=})
--- Writes the labels of an epoch; the file is whole or absent. Its folder is made.
--- @param context  global, and where there are any locals and neighbours: what a refinement rule sees
--- @param refined  i32[n]; nil: the global clusters were trained on
--- @param reasons  table; the third result of calr.refine.apply, or nil
function history.save(file, values)
  local context, reasons = values.context, values.reasons
  local indices, similarities = nearest(context.neighbours)
  sys.make_folder(file:match "^(.*)/[^/]*$" or ".")
  safetensors.save(file, {
    global = context.global, locals = context.locals, refined = values.refined, reason = reason_bytes(reasons),
    pivots = reasons and reasons.pivots and reasons.pivots:to "i32" or nil, neighbours = indices,
    similarities = similarities,
  }, { format = format, epoch = ("%d"):format(values.epoch), epochs = ("%d"):format(values.epochs),
    reasons = json.encode(json.array(reasons and reasons.texts or {})) }, { checksum = true })
end

local fields = { { "global", "i32" }, { "locals", "i32" }, { "refined", "i32" }, { "reason", "u8" },
  { "pivots", "i32" }, { "neighbours", "i32" }, { "similarities", "u8" } }

--- calr.pipeline.history.load(file)
--- @return table  the tensors by their names, similarities as f32 from 0 to 1; and epoch, epochs, reasons (list of
---                texts), file
function history.load(file)
  local tensors, metadata = safetensors.load(file)
  if metadata.format ~= format then error(("%s does not hold the labels of an epoch"):format(file), 0) end
  local out = { file = file, reasons = json.decode(metadata.reasons, file) }
  local n = tensors.global and tensors.global:numel() or 0
  for _, field in ipairs(fields) do
    local name, kind = field[1], field[2]
    local tensor = tensors[name]
    local wide = name == "neighbours" or name == "similarities"
    if tensor and not (wide and form.is(tensor, kind, n, nil) or form.is(tensor, kind, n)) then
      error(("%s is not sound: %s is %s"):format(file, name, form.text(tensor)), 0)
    end
    out[name] = tensor
  end
  if not out.global then error(file .. " is not sound: it has no global", 0) end
  out.similarities = out.similarities and out.similarities:to "f32" / 255
  for _, name in ipairs { "epoch", "epochs" } do
    out[name] = math.tointeger(tonumber(metadata[name])) or error(("%s does not say its %s"):format(file, name), 0)
  end
  return out
end

--- calr.pipeline.history.list(run)
--- @param run  the folder of a run
--- @return table  list of {epoch=, path=}, by epoch
function history.list(run)
  local folder, files = run .. "/labels", {}
  for _, name in ipairs(sys.is_folder(folder) and sys.list(folder) or {}) do
    local epoch = name:match "^epoch%-(%d+)%.safetensors$"
    if epoch then files[#files + 1] = { epoch = math.tointeger(tonumber(epoch)), path = folder .. "/" .. name } end
  end
  table.sort(files, function(a, b) return a.epoch < b.epoch end)
  return files
end

return (require("calr.options").counted("calr.pipeline.history.", history))
