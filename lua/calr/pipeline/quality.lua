--- @module calr.pipeline.quality
--- Quality of clusters against the true identities, where a data set has them.

local L = require "calr.labels"
local Q = require "calr.quality"

local quality = {}

local function measure(truth, labels)
  local b, p = Q.bcubed(truth, labels), Q.pairwise(truth, labels)
  return {
    precision = b.precision, recall = b.recall, f = b.f, pairwise_f = p.f,
    nmi = Q.nmi(truth, labels), expansion = Q.expansion(truth, labels),
  }
end

-- Own images may have no identities: all of them -1.
local function unknown(identities)
  return identities:numel() == 0 or L.total(L.at_least(identities, 0)) == 0
end

function quality.overall(split, labels)
  local identities = split:identities()
  if unknown(identities) then return nil end
  return measure(identities, labels)
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
  local T = require "calr.tensor"
  local last = L.clusters(cameras)
  for camera = 1, last do rows[camera] = T(rows[camera] or {}, "i64") end
  return rows
end

function quality.by_camera(split, labels)
  local identities, total = split:identities(), {}
  if unknown(identities) then return nil end
  local n = identities:numel()
  for _, rows in ipairs(quality.camera_rows(split:cameras())) do
    if rows:numel() > 0 then
      for name, value in pairs(measure(identities:rows(rows), labels:rows(rows))) do
        total[name] = (total[name] or 0) + value * rows:numel() / n
      end
    end
  end
  return total
end

return quality
