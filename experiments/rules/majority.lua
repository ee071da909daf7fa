-- A refinement rule without pivots: only the largest local cluster of each global cluster and camera stays.
local calr = require "calr"
local L = calr.labels

return function(context)
  local of_camera = L.pair(context.global, context.cameras)
  local of_local  = L.pair(context.global, context.locals)
  local size      = L.take(L.count(of_local), of_local) -- of an image's local cluster inside its global one
  local speaker   = L.argmax(of_camera, size:to "f32")  -- an image of the largest, for each cluster and camera
  local largest   = L.take(context.locals, L.take(speaker, of_camera))
  local wrong     = context.locals:ne(largest) & context.locals:ge(0) & largest:ge(0)
  return calr.where(wrong, -1, context.global), { ["of a smaller local cluster"] = wrong }
end
