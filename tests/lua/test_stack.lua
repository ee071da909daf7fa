-- Engine functions that hold memory on the Lua stack are called where the stack is about to grow: on new coroutines,
-- at every depth of calls. (lua_settop of Lua 5.4.4 must not close values there.)
local check = require "check"
local infomap = require "calr.cluster".infomap
local quality = require "calr.quality"
local rank = require "calr.rank"
local T = require "calr.tensor"
local rng = require "calr.rng"

local n = 24
local x = rng.open { seed = 1 }:fill_normal(T.zeros { n, 8 })
x = require "calr.tensor".l2_normalize(x)
local ids, cameras = {}, {}
for i = 1, n do ids[i], cameras[i] = i % 6, i % 4 end
ids, cameras = T.from(ids, "i32"), T.from(cameras, "i32")

local function set(rerank)
  return { query = x, gallery = x, query_ids = ids, gallery_ids = ids, query_cameras = cameras,
    gallery_cameras = cameras, rerank = rerank and { k1 = 5, k2 = 2 } or nil }
end

local calls = {
  ["quality.by_camera"] = function() return (quality.by_camera(ids, ids, cameras)) end,
  ["quality.bcubed"] = function() return quality.bcubed(ids, ids) end,
  ["cluster.infomap"] = function() return (infomap(x, { k = 5 })) end,
  ["rank.evaluate"] = function() return rank.evaluate(set(true)).mAP end,
  ["rank.topk"] = function()
    local o = set(true)
    return rank.topk { query = o.query, gallery = o.gallery, k = 3, rerank = o.rerank }.indices
  end,
}

local function deep(depth, fn)
  if depth == 0 then return fn() end
  local result = deep(depth - 1, fn)
  return result
end

for name, fn in pairs(calls) do
  check.test(name, function()
    local right = fn()
    for depth = 0, 80 do
      local result = coroutine.wrap(function() return deep(depth, fn) end)()
      check.equal(type(result), type(right))
    end
  end)
end

check.finish()
