--- @module calr.autograd.checkpoint
--- The Lua half of calr.autograd: functions whose intermediate results are computed twice instead of kept. It is
--- reached as calr.autograd.checkpoint and calr.autograd.once.

local Tensor = require "calr.tensor"
local autograd = require "calr.autograd"
local form = require "calr.form"

local checkpoint = {}

-- The function that runs now, and those around it: {log =, next = (in a second run) place in the log, outer =}.
local frame

local function draw(from, fn)
  if not from then return fn() end
  if from.next then
    local i = from.next
    if i > from.log.n then
      error("calr.autograd.once: the second run of a checkpointed function calls it more often than the first did", 0)
    end
    from.next = i + 1
    return from.log[i]
  end
  local value = draw(from.outer, fn)
  from.log.n = from.log.n + 1
  from.log[from.log.n] = value
  return value
end

--- calr.autograd.checkpoint.once(fn)
--- See calr.autograd.once.
--- @return value
function checkpoint.once(fn)
  return draw(frame, fn)
end

-- fn(...) inside a frame of its own.
local function within(log, second, fn, ...)
  local outer = frame
  local _ <close> = setmetatable({}, { __close = function() frame = outer end })
  frame = { log = log, next = second and 1 or nil, outer = outer }
  return (fn(...))
end

-- What forward and backward share besides tensors: fn, its non-tensor arguments, and which arguments are tensors.
local function describe(call, ...)
  call.count = select("#", ...)
  call.args, call.places, call.wanted = {}, {}, {}
  local tensors = {}
  for i = 1, call.count do
    local value = select(i, ...)
    if Tensor.is(value) then
      tensors[#tensors + 1] = value
      call.places[#tensors] = i
      call.wanted[#tensors] = value:requires_grad()
    else
      call.args[i] = value
    end
  end
  return tensors
end

local function forward(ctx, _, call, ...)
  ctx.call = call
  ctx:save(table.unpack(describe(call, ...)))
  return within(call.log, false, call.fn, ...)
end

-- Leaves of a separate graph in place of the saved tensors.
local function leaves(call, ...)
  local list = {}
  for i, place in ipairs(call.places) do
    local saved = select(i, ...)
    list[i] = saved:detach()
    saved:close()
    if call.wanted[i] then list[i]:requires_grad(true) end
    call.args[place] = list[i]
  end
  return list
end

local function backward(ctx, dy)
  local call = ctx.call
  local list = leaves(call, ctx:saved())
  local y <close> = autograd.replay(within, call.log, true, call.fn, table.unpack(call.args, 1, call.count))
  if not form.is(y, dy:dtype(), table.unpack(dy:shape())) then
    error(("calr.autograd.checkpoint: the function gave %s in its first run and %s in its second: "
      .. "both must do the same"):format(form.text(dy), form.text(y)), 0)
  end
  if y:requires_grad() then autograd.backward(y, dy) end
  dy:close()
  local gradients = {}
  for i, place in ipairs(call.places) do
    gradients[place + 2] = list[i]:grad()
    list[i]:close()
  end
  ctx.gives = true
  return table.unpack(gradients, 1, call.count + 2)
end

local apply = autograd.op { name = "checkpoint", forward = forward, backward = backward, reaches = true }

-- A tensor that needs a gradient, so that parameters inside get theirs even if no argument needs one.
local token = Tensor.zeros({ 1 }):requires_grad(true)

--- calr.autograd.checkpoint.run(fn, ...)
--- See calr.autograd.checkpoint.
--- @return tensor
function checkpoint.run(fn, ...)
  if not autograd.recording() then return fn(...) end
  return apply(token, { fn = fn, log = { n = 0 } }, ...)
end

return (require("calr.options").counted("calr.autograd.checkpoint.", checkpoint))
