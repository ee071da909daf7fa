-- What the cameras see, and how their images look.
local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local tools = dofile(here .. "tools.lua")

local cos, exp, floor, max, min, pi, sin = math.cos, math.exp, math.floor, math.max, math.min, math.pi, math.sin
local pick, chance, choose, stream = tools.pick, tools.chance, tools.choose, tools.stream
local mix, shade, vary, hsv = tools.mix, tools.shade, tools.vary, tools.hsv

local view = {}

-- Kinds of street, with the colours of ground and background.
local streets = {
  { "shop", { 0.56, 0.55, 0.53 }, { 0.62, 0.60, 0.56 } },
  { "park", { 0.35, 0.47, 0.24 }, { 0.30, 0.42, 0.26 } },
  { "road", { 0.30, 0.30, 0.32 }, { 0.48, 0.50, 0.54 } },
  { "brick", { 0.62, 0.50, 0.42 }, { 0.56, 0.30, 0.24 } },
  { "plaza", { 0.70, 0.68, 0.62 }, { 0.80, 0.76, 0.66 } },
  { "glass", { 0.45, 0.48, 0.54 }, { 0.34, 0.42, 0.52 } },
}
local common = { 0.55, 0.54, 0.53 } -- ground and wall if cameras do not differ

-- ---- cameras ----

-- One property of all cameras: a list of numbers in -1 .. 1, evenly spread, in random order.
local function levels(options, name)
  local r = stream(options, "camera." .. name, 0)
  local order, result, count = {}, {}, options.cameras
  for i = 1, count do order[i] = i end
  r:shuffle(order)
  for i = 1, count do result[i] = (order[i] - 0.5 + r:uniform(-0.15, 0.15)) / count * 2 - 1 end
  return result
end

-- Gains of red, green and blue: a cast of some hue, and the exposure.
local function gains(hue, exposure, gap)
  local cast, gain = hsv((hue + 1) / 2, 1, 1), {}
  local mean = (cast[1] + cast[2] + cast[3]) / 3
  for i = 1, 3 do gain[i] = exp(gap * (0.34 * (cast[i] - mean) + 0.26 * exposure)) end
  return gain
end

--- All cameras of the options, in order. Every property moves away from a common value in proportion to options.gap.
function view.cameras(options)
  local gap, list = options.gap, {}
  local level = {}
  for _, name in ipairs { "hue", "exposure", "gamma", "contrast", "saturation", "sharpness", "noise", "rise", "shape",
    "roll" } do
    level[name] = levels(options, name)
  end
  for c = 1, options.cameras do
    local r = stream(options, "camera", c)
    local function at(name) return level[name][c] end
    local street, t = streets[(c - 1) % #streets + 1], min(gap, 1)
    local unsharp = gap * max(0, at "sharpness")
    list[c] = {
      index = c,
      kind = street[1],
      ground = mix(common, vary(r, street[2], 0.05), t),
      wall = mix(common, vary(r, street[3], 0.05), t),
      accent = mix(common, vary(r, pick(r, tools.colors), 0.05), t * 0.8),
      horizon = 44 + t * r:uniform(-24, 12), -- where the ground begins
      detail = 0.35 + 0.65 * t,              -- contrast of the surroundings
      gain = gains(at "hue", at "exposure", gap),
      offset = 0.05 * gap * max(0, -at "contrast"), -- stray light
      gamma = exp(0.40 * gap * at "gamma"),
      contrast = max(0.3, 1 + 0.28 * gap * at "contrast"),
      saturation = max(0.25, 1 + 0.42 * gap * at "saturation"),
      blur = 0.35 + 0.55 * unsharp,
      resolution = max(0.35, 1 - 0.4 * unsharp),
      noise = 0.008 + 0.016 * gap * (1 + at "noise"),
      vignette = min(0.8, 0.2 * gap * r:uniform()),
      rise = max(0, 0.25 + 0.45 * gap * at "rise"), -- of the camera above the persons
      stretch = 1 + 0.09 * gap * at "shape",
      roll = 0.05 * gap * at "roll",
      light = chance(r, 0.5) and 1 or -1, -- the side that the light comes from
      harsh = 0.16 + 0.10 * t * r:uniform(-1, 1),
      quality = max(1, min(options.quality, max(30, floor(options.quality - 30 * unsharp * r:uniform())))),
      seed = r:integer(0, 1 << 31),
    }
  end
  return list
end

--- The effects of a camera on everything it sees, with a little variation per image.
function view.develop(s, r, camera)
  local e, g = exp(r:normal(0, 0.04)), camera.gain
  s:matrix(g[1] * e, 0, 0, 0, g[2] * e, 0, 0, 0, g[3] * e, camera.offset, camera.offset, camera.offset)
  s:tone(camera.gamma, camera.contrast, camera.saturation)
  if camera.vignette > 0 then s:vignette(camera.vignette) end
  s:blur(camera.blur * r:uniform(0.85, 1.25))
  if chance(r, 0.15) then s:motion(r:uniform(1, 3), r:normal(0, 0.3)) end
  if camera.resolution < 1 then s:resolution(camera.resolution) end
  s:noise(camera.noise, camera.noise * 0.5, r:integer(0, 1 << 53))
end

-- ---- backgrounds ----

-- A number in [0, 1) tied to a place in a camera's street.
local function place(camera, n, what)
  local h = (n * 0x9E3779B1 + what * 0x85EBCA77 + camera.seed * 0xC2B2AE3D) & 0xffffffff
  h = ((h ~ (h >> 15)) * 0x2C1B3C6D) & 0xffffffff
  h = ((h ~ (h >> 12)) * 0x297A2D39) & 0xffffffff
  return (h ~ (h >> 15)) / 2 ^ 32
end

-- The background, a function for each kind of street. `each(step, fn)` calls fn(n, x) along the street; q is
-- the camera's detail, h its horizon.
local behind = {}

function behind.shop(s, camera, each, q, h)
  local wall = camera.wall
  each(46, function(n, x)
    s:texture(0.25 * q, 6, 8, 3, camera.seed + n)
    s:color(mix(wall, { 0.18, 0.2, 0.24 }, 0.75 * q)):rectangle(x + 4, -20, x + 38, h - 5)
    s:color(mix(wall, place(camera, n, 1) > 0.5 and camera.accent or { 0.9, 0.85, 0.7 }, 0.8 * q))
    s:rectangle(x + 7, h - 24 * place(camera, n, 2) - 12, x + 22, h - 6)
    s:color(mix(wall, camera.accent, q)):rectangle(x, -30, x + 43, 4)
  end)
end

function behind.park(s, camera, each, q, h)
  local wall = camera.wall
  each(17, function(n, x)
    s:texture(0.35 * q, 5, 5, 3, camera.seed + n):color(shade(wall, 1 - q * (0.35 - 0.5 * place(camera, n, 2))))
    s:ellipse(x + 8 * place(camera, n, 3), h - 12 - 22 * place(camera, n, 1), 11 + 6 * place(camera, n, 4), 15)
  end)
  each(60, function(_, x)
    s:texture(0.2 * q, 2, 9, 2, camera.seed):color(mix(wall, { 0.28, 0.2, 0.14 }, q)):rectangle(x, -40, x + 6, h + 3)
  end)
end

function behind.brick(s, camera, each, q, h, left, right)
  local wall = camera.wall
  s:color(wall):pattern("stripes", shade(wall, 1 + 0.28 * q), 0, 0, 5, pi / 2, 0.18)
  s:rectangle(left, -60, right, h + 1)
  each(58, function(_, x)
    s:texture(0.2 * q, 4, 4, 2, camera.seed)
    s:color(mix(wall, { 0.75, 0.8, 0.84 }, 0.8 * q)):rectangle(x, -30, x + 17, h - 20)
    s:color(mix(wall, { 0.2, 0.22, 0.25 }, 0.8 * q)):rectangle(x + 2, -30, x + 15, h - 22)
  end)
end

function behind.glass(s, camera, each, q, h)
  local wall = camera.wall
  each(22, function(n, x)
    s:texture(0.2 * q, 9, 20, 2, camera.seed + n):color(shade(wall, 1 + q * (0.5 * place(camera, n, 1) - 0.1)))
    s:rectangle(x + 1, -60, x + 21, h - 2)
    s:color(shade(wall, 1 - 0.5 * q)):rectangle(x, -60, x + 1.2, h - 2)
  end)
end

function behind.road(s, camera, each, q, h)
  local wall = camera.wall
  each(50, function(n, x) -- parked cars
    if place(camera, n, 2) < 0.35 then return end
    local paint = tools.colors[1 + floor(place(camera, n, 1) * #tools.colors)]
    s:texture(0.1, 9, 9, 2, camera.seed):color(mix(wall, paint, 0.7 * q))
    s:curve(x, h - 4, x + 3, h - 12, x + 12, h - 20, x + 30, h - 20, x + 39, h - 11, x + 44, h - 4)
    s:color(mix(wall, { 0.1, 0.1, 0.1 }, q)):ellipse(x + 9, h - 3, 4, 4):ellipse(x + 35, h - 3, 4, 4)
  end)
end

function behind.plaza(s, camera, each, q, h)
  each(38, function(n, x)
    s:texture(0.15 * q, 6, 9, 2, camera.seed + n):color(shade(camera.wall, 1 - q * 0.28 * place(camera, n, 1)))
    s:rectangle(x, h - 18 - 30 * place(camera, n, 2), x + 20, h)
  end)
end

-- Paints the ground: a crossing, a path, or slabs.
local function paint_ground(s, camera, each, q, h, left, right, offset)
  local ground = camera.ground
  s:light(0, h, 1 - 0.18 * q, 0, 130, 1 + 0.10 * q)
  s:color(ground):texture(0.16 * q, 7, 3.5, 3, camera.seed + 7):rectangle(left, h, right, 190)
  s:texture(0, 1, 1, 1, 0)
  if camera.kind == "road" then
    s:color(mix(ground, { 0.88, 0.88, 0.86 }, 0.7 * q)) -- a crossing, walked along its bars
    for i = 0, 4 do
      local y = h + 8 + 13 * i + 2.5 * i * i
      s:polygon(left, y, right, y + 3, right, y + 10 + 2 * i, left, y + 7 + 2 * i)
    end
  elseif camera.kind == "park" then
    s:texture(0.1 * q, 5, 3, 2, camera.seed + 8)
    s:color(mix(ground, { 0.68, 0.62, 0.5 }, q)):rectangle(left, h + 28, right, 190)
  else
    s:color(shade(ground, 1 - 0.22 * q))
    for i = 0, 7 do
      local y = h + 4 + i * i * 2.2 + 3 * i
      s:rectangle(left, y, right, y + 0.5 + 0.12 * i)
    end
    each(24, function(_, x)
      local foot = x + (x - offset - 32) * 1.2
      s:polygon(x, h, x + 0.8, h, foot + 2, 190, foot, 190)
    end)
    if camera.kind == "shop" or camera.kind == "brick" then -- a kerb
      s:color(shade(ground, 1 + 0.2 * q)):rectangle(left, h, right, h + 3)
    end
  end
end

--- Paints the frame of 64 x 128 units with what a camera sees `offset` units along its street.
function view.background(s, camera, offset, zoom)
  local h, q = camera.horizon, camera.detail
  local left, right = offset - 40 / zoom, offset + 104 / zoom
  local function each(step, fn)
    for n = floor(left / step) - 1, floor(right / step) + 1 do fn(n, n * step) end
  end
  s:transform(zoom, 0, 0, zoom, 32 - 32 * zoom - offset * zoom, 64 - 64 * zoom)
  s:color(camera.wall):texture(0.10 * q, 9, 14, 3, camera.seed):rectangle(left, -60, right, h + 1)
  behind[camera.kind](s, camera, each, q, h, left, right)
  paint_ground(s, camera, each, q, h, left, right, offset)
  s:light(0, 0, 1, 1, 0, 1):texture(0, 1, 1, 1, 0):transform(1, 0, 0, 1, 0, 0)
end

-- ---- the foreground ----

local before = {}

function before.post(s, r, _, x)
  local w = r:uniform(1.5, 3.5)
  s:light(x - w, 0, 0.8, x + w, 0, 1.25):rectangle(x - w, -5, x + w, 133):light(0, 0, 1, 1, 0, 1)
end

function before.bicycle(s, _, camera, x)
  for wheel = -1, 1, 2 do
    for i = 0, 11 do
      local a, b = i * pi / 6, (i + 1) * pi / 6
      s:limb(x + wheel * 15 + 11 * cos(a), 113 + 11 * sin(a), 0.8, x + wheel * 15 + 11 * cos(b), 113 + 11 * sin(b), 0.8)
    end
  end
  s:color(camera.accent):limb(x - 15, 113, 1, x - 4, 98, 1):limb(x - 4, 98, 1, x + 12, 97, 1)
  s:limb(x + 12, 97, 1, x + 15, 113, 1):limb(x - 4, 98, 1, x, 114, 1):limb(x, 114, 1, x + 12, 97, 1)
end

function before.box(s, r, _, x)
  local w, y = r:uniform(8, 16), r:uniform(88, 108)
  s:texture(0.15, 5, 5, 2, r:integer(0, 9999)):rectangle(x - w, y, x + w, 133)
end

function before.hedge(s, r, camera)
  local y = r:uniform(100, 112)
  s:texture(0.35, 3, 3, 3, r:integer(0, 9999)):color(mix({ 0.22, 0.34, 0.16 }, camera.ground, 0.2))
  s:curve(-10, y + 2, 12, y - 2, 32, y + 1, 52, y - 3, 74, y + 2, 74, 140, -10, 140)
end

--- Paints a post, a bicycle, a box or a hedge in front.
function view.obstacle(s, r, camera)
  local kind = choose(r, { { "post", 0.3 }, { "bicycle", 0.3 }, { "box", 0.2 }, { "hedge", 0.2 } })
  local x = r:uniform(6, 58)
  s:transform(1, 0, 0, 1, 0, 0):color(mix({ 0.2, 0.2, 0.22 }, camera.accent, r:uniform(0, 0.6)))
  before[kind](s, r, camera, x)
  s:texture(0, 1, 1, 1, 0)
end

return view
