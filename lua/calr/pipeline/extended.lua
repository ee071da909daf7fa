--- @module calr.pipeline.extended
--- What is different in a run that was given more epochs than it began with (calr run --resume RUN epochs=N).

local userfile = require "calr.userfile"

local extended = {}

-- Options by which an epoch depends on how many there are.
local function that_follow(cfg)
  local list = {}
  local alignment = cfg.alignment
  if alignment and alignment.weight > 0 and alignment.ramp then list[#list + 1] = "alignment.ramp" end
  local rule, pace = cfg.refine, cfg.pace
  if rule == "self_paced" or userfile.is_path(rule) then list[#list + 1] = "refine=" .. rule end
  if pace and pace ~= "always" then list[#list + 1] = "pace=" .. tostring(pace) end
  return list
end

--- calr.pipeline.extended.note(cfg, from, to)
--- @param from  integer; the epochs that the run had
--- @param to    integer; those that it gets
--- @return string  in which way its result differs from that of a run which had them all from the beginning
function extended.note(cfg, from, to)
  local follow = that_follow(cfg)
  local text = ("the run goes on from %d to %d epochs"):format(from, to)
  if #follow > 0 then
    return ("%s; its first %d are not those of a run of %d: %s %s the number of epochs"):format(text, from, to,
      table.concat(follow, " and "), #follow == 1 and "follows" or "follow")
  end
  local every = cfg.eval_every
  return ("%s and ends with the weights of a run of %d, to the last bit%s"):format(text, to,
    from > 0 and not (every > 0 and from % every == 0)
    and ("; only the record of epoch %d has an evaluation besides"):format(from - 1) or "")
end

return extended
