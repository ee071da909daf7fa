--- @module calr.pipeline.quality
--- Quality of clusters against the true identities, where a data set has them.

local L = require "calr.labels"
local Q = require "calr.quality"
local T = require "calr.tensor"

local quality = {}

local function measure(truth, labels)
  local b, p = Q.bcubed(truth, labels), Q.pairwise(truth, labels)
  return {
    precision = b.precision, recall = b.recall, f = b.f, pairwise_f = p.f,
    nmi = Q.nmi(truth, labels), expansion = Q.expansion(truth, labels),
  }
end

-- Those of some rows whose identity is known (all rows: nil). Own images may have no identities: all of them -1.
local function known(identities, rows)
  local values, list = identities:totable(), {}
  for i, row in ipairs(rows and rows:totable() or values) do
    if not rows then row = i - 1 end
    if values[row + 1] >= 0 then list[#list + 1] = row end
  end
  return T(list, "i64")
end

function quality.overall(split, labels)
  local identities = split:identities()
  local rows = known(identities)
  if rows:numel() == 0 then return nil end
  return measure(identities:rows(rows), labels:rows(rows))
end

--- calr.pipeline.quality.camera_rows(cameras)
--- The images of each camera.
--- @param cameras  i32[n]
--- @return table  list of i64[m], one for each camera from camera 0 on; empty ones for cameras without images
function quality.camera_rows(cameras)
  local rows = {}
  for i, camera in ipairs(cameras:totable()) do
    rows[camera + 1] = rows[camera + 1] or {}
    table.insert(rows[camera + 1], i - 1)
  end
  local last = L.clusters(cameras)
  for camera = 1, last do rows[camera] = T(rows[camera] or {}, "i64") end
  return rows
end

function quality.by_camera(split, labels)
  local identities, total = split:identities(), {}
  local n = known(identities):numel()
  if n == 0 then return nil end
  for _, camera in ipairs(quality.camera_rows(split:cameras())) do
    local rows = known(identities, camera)
    if rows:numel() > 0 then
      for name, value in pairs(measure(identities:rows(rows), labels:rows(rows))) do
        total[name] = (total[name] or 0) + value * rows:numel() / n
      end
    end
  end
  return total
end

return quality
