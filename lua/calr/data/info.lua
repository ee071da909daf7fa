--- @module calr.data.info
--- What a data set holds, as numbers and as text.

local labels = require "calr.labels"
local store = require "calr.store"

local info = {}

-- identities: distinct ones that are persons; 0 (distractors) and -1 (junk) are counted apart outside of training,
-- where they are ordinary labels.
local function describe(split, all)
  local _, names = store.dense(all)
  local row = { split = split:name(), images = split:count(), identities = names:numel() }
  local _, cameras = store.dense(split:cameras())
  row.cameras = cameras:numel()
  return row
end

local function count_of(values, wanted) return labels.total(labels.at_least(values, wanted)) end

--- calr.data.info.table(dataset)
--- Identities, images and cameras by split. Junk (identity -1) of the gallery is set aside, as in evaluation;
--- distractors (identity 0) of the gallery count as images but not as an identity.
--- @return table  list of {split=, identities=, images=, cameras=, distractors=, junk=, unlabelled=}, in the order train,
---                query, gallery
function info.table(dataset)
  local rows = {}
  for _, split in ipairs { dataset:train(), dataset:query(), dataset:gallery() } do
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

local function grouped(number)
  local text = ("%d"):format(number):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

local function megabytes(bytes)
  if bytes < 1e6 then return ("%.1f kB"):format(bytes / 1e3) end
  return bytes < 1e9 and ("%.1f MB"):format(bytes / 1e6) or ("%.2f GB"):format(bytes / 1e9)
end

--- calr.data.info.bytes(bytes)
--- @return string  "139.2 MB"
info.bytes = megabytes

local columns = { "split", "identities", "images", "cameras" }

-- Lines with the first column to the left and the others to the right.
local function aligned(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, #cell) end
  end
  local lines = {}
  for _, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do
      cells[i] = i == 1 and cell .. (" "):rep(widths[i] - #cell) or (" "):rep(widths[i] - #cell) .. cell
    end
    lines[#lines + 1] = table.concat(cells, "  ")
  end
  return lines
end

--- calr.data.info.text(dataset)
--- The same for people: name, file, fingerprint, and an aligned table.
--- @return string
function info.text(dataset)
  local file = dataset:store()
  local image_bytes, file_bytes = file:bytes()
  local lines = {
    ("data set     %s"):format(dataset:name()),
    ("file         %s (%s, images %s)"):format(file:file(), megabytes(file_bytes), megabytes(image_bytes)),
    ("fingerprint  %s"):format(dataset:fingerprint()),
    ("created by   %s"):format(file:created_by()),
    "",
  }
  local rows, notes, cells = info.table(dataset), {}, { columns }
  for _, row in ipairs(rows) do
    cells[#cells + 1] = { row.split, grouped(row.identities), grouped(row.images), grouped(row.cameras) }
    if row.unlabelled > 0 then
      notes[#notes + 1] = ("%s: %s images without an identity"):format(row.split, grouped(row.unlabelled))
    end
    if row.junk > 0 or row.distractors > 0 then
      notes[#notes + 1] = ("%s: %s of its images are distractors (identity 0); %s junk images (identity -1) are set aside")
        :format(row.split, grouped(row.distractors), grouped(row.junk))
    end
  end
  table.move(aligned(cells), 1, #cells, #lines + 1, lines)
  if #notes > 0 then lines[#lines + 1] = "" end
  table.move(notes, 1, #notes, #lines + 1, lines)
  return table.concat(lines, "\n")
end

return info
