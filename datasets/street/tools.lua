-- Shared by the files of street: random choices and colours.
local rng = require "calr.rng"

local max, min = math.max, math.min

local tools = {}

function tools.stream(options, purpose, index)
  return rng.open { seed = options.seed, purpose = "street." .. purpose, index = index }
end

function tools.pick(r, list) return list[r:integer(1, #list)] end

function tools.chance(r, probability) return r:uniform() < probability end

-- The name of one of {name = weight} given as a list {{name, weight}, ...}.
function tools.choose(r, weighted)
  local total = 0
  for _, item in ipairs(weighted) do total = total + item[2] end
  local at = r:uniform(0, total)
  for _, item in ipairs(weighted) do
    at = at - item[2]
    if at < 0 then return item[1] end
  end
  return weighted[#weighted][1]
end

function tools.clamp(v) return v < 0 and 0 or v > 1 and 1 or v end

function tools.mix(a, b, t)
  return { a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t, a[3] + (b[3] - a[3]) * t }
end

function tools.shade(c, f) return { tools.clamp(c[1] * f), tools.clamp(c[2] * f), tools.clamp(c[3] * f) } end

function tools.vary(r, c, amount)
  local all = r:normal(0, amount)
  return { tools.clamp(c[1] + all + r:normal(0, amount / 2)), tools.clamp(c[2] + all + r:normal(0, amount / 2)),
    tools.clamp(c[3] + all + r:normal(0, amount / 2)) }
end

-- Hue in turns, saturation, value.
function tools.hsv(h, s, v)
  local function channel(n)
    local k = (n + h * 6) % 6
    return v - v * s * max(0, min(k, 4 - k, 1))
  end
  return { channel(5), channel(3), channel(1) }
end

-- Colours of clothes, cars and shop signs.
tools.colors = {
  { 0.10, 0.10, 0.11 }, { 0.92, 0.92, 0.90 }, { 0.50, 0.50, 0.52 }, { 0.80, 0.12, 0.14 }, { 0.12, 0.20, 0.52 },
  { 0.35, 0.58, 0.85 }, { 0.95, 0.80, 0.20 }, { 0.13, 0.45, 0.25 }, { 0.90, 0.50, 0.62 }, { 0.48, 0.22, 0.55 },
  { 0.92, 0.48, 0.12 }, { 0.45, 0.30, 0.20 }, { 0.78, 0.70, 0.55 }, { 0.10, 0.55, 0.58 }, { 0.50, 0.08, 0.16 },
  { 0.62, 0.78, 0.35 }, { 0.40, 0.42, 0.24 }, { 0.74, 0.66, 0.86 },
}

return tools
