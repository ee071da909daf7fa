--- @module calr.data.info
--- Describes the contents of a data set, as numbers and as text.

local store = require "calr.store"
local text = require "calr.text"

local info = {}

local function describe(split, all)
  local _, names = store.dense(all)
  local row = { split = split:name(), images = split:count(), identities = names:numel() }
  local _, cameras = store.dense(split:cameras())
  row.cameras = cameras:numel()
  return row
end

local function count_of(values, wanted) return values:ge(wanted):count_nonzero():item() end

--- calr.data.info.table(dataset)
--- Counts identities, images and cameras by split. Junk (identity -1) of the gallery is set aside, as in evaluation;
--- distractors (identity 0) of the gallery count as images but not as an identity.
--- @return table  list of {split=, identities=, images=, cameras=, distractors=, junk=, unlabelled=}: train, query,
---                gallery, and multi where there is one
function info.table(dataset)
  local rows = {}
  local splits = { dataset:train(), dataset:query(), dataset:gallery() }
  if dataset:multi():count() > 0 then splits[4] = dataset:multi() end
  for _, split in ipairs(splits) do
    local identities = split:identities()
    local row = describe(split, identities)
    row.unlabelled = row.images - count_of(identities, 0)
    row.distractors, row.junk = 0, 0
    if split:name() == "gallery" then
      row.distractors = count_of(identities, 0) - count_of(identities, 1)
      if row.distractors > 0 then row.identities = row.identities - 1 end
      row.junk = dataset:gallery({ junk = true }):count() - row.images
    end
    rows[#rows + 1] = row
  end
  return rows
end

local columns = { "split", { "identities", align = "right" }, { "images", align = "right" },
  { "cameras", align = "right" } }

--- calr.data.info.text(dataset)
--- Formats the same for people: name, file, fingerprint, and an aligned table.
--- @return string
function info.text(dataset)
  local file = dataset:store()
  local image_bytes, file_bytes = file:bytes()
  local lines = {
    ("data set     %s"):format(dataset:name()),
    ("file         %s (%s; the images alone %s)"):format(file:file(), text.bytes(file_bytes), text.bytes(image_bytes)),
    ("fingerprint  %s"):format(dataset:fingerprint()),
    ("created by   %s\n"):format(file:created_by()),
  }
  local rows, notes, cells = info.table(dataset), {}, {}
  for _, row in ipairs(rows) do
    cells[#cells + 1] = { row.split, text.count(row.identities), text.count(row.images), text.count(row.cameras) }
    if row.unlabelled > 0 then
      notes[#notes + 1] = ("%s: %s images without an identity"):format(row.split, text.count(row.unlabelled))
    end
    if row.junk > 0 or row.distractors > 0 then
      notes[#notes + 1] = ("%s: %s of the images are distractors (identity 0); %s junk images (-1) are set aside")
        :format(row.split, text.count(row.distractors), text.count(row.junk))
    end
  end
  lines[#lines + 1] = text.table { columns = columns, rows = cells }
  if #notes > 0 then lines[#lines + 1] = "" end
  table.move(notes, 1, #notes, #lines + 1, lines)
  return table.concat(lines, "\n")
end

return info
