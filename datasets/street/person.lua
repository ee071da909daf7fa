-- The persons of the street: how they look, and how to draw one from any side.
local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local tools = dofile(here .. "tools.lua")

local sin, cos, max, min, pi = math.sin, math.cos, math.max, math.min, math.pi
local pick, chance, choose = tools.pick, tools.chance, tools.choose
local stream, shade, vary = tools.stream, tools.shade, tools.vary

local person = {}

local upper_colors = tools.colors

local lower_colors = {
  { 0.11, 0.11, 0.13 }, { 0.17, 0.23, 0.40 }, { 0.36, 0.47, 0.66 }, { 0.60, 0.54, 0.42 }, { 0.45, 0.45, 0.47 },
  { 0.86, 0.85, 0.82 }, { 0.32, 0.23, 0.17 }, { 0.36, 0.38, 0.24 }, { 0.62, 0.16, 0.20 }, { 0.55, 0.65, 0.80 },
}

local skins = {
  { 0.93, 0.76, 0.66 }, { 0.86, 0.66, 0.53 }, { 0.74, 0.54, 0.40 }, { 0.54, 0.37, 0.27 }, { 0.38, 0.26, 0.20 },
}
local hairs = {
  { 0.08, 0.07, 0.07 }, { 0.16, 0.11, 0.08 }, { 0.30, 0.20, 0.13 }, { 0.55, 0.40, 0.22 }, { 0.72, 0.58, 0.36 },
  { 0.48, 0.20, 0.10 }, { 0.62, 0.61, 0.60 },
}
local shoe_colors = {
  { 0.09, 0.09, 0.10 }, { 0.90, 0.90, 0.90 }, { 0.36, 0.24, 0.16 }, { 0.70, 0.15, 0.16 }, { 0.30, 0.34, 0.45 },
}
local bag_colors = {
  { 0.12, 0.12, 0.13 }, { 0.42, 0.27, 0.16 }, { 0.75, 0.14, 0.18 }, { 0.15, 0.25, 0.55 }, { 0.20, 0.48, 0.30 },
  { 0.88, 0.82, 0.70 }, { 0.92, 0.55, 0.15 }, { 0.50, 0.50, 0.52 },
}

-- A piece of cloth: colour, perhaps a pattern, folds.
local function cloth(r, color, patterned)
  local piece = { color = vary(r, color, 0.03), kind = "plain" }
  piece.folds, piece.roughness = r:integer(0, 1 << 31), r:uniform(0.10, 0.22)
  if patterned then
    piece.kind = choose(r, { { "plain", 0.5 }, { "across", 0.16 }, { "down", 0.06 }, { "slanted", 0.04 },
      { "checks", 0.10 }, { "dots", 0.05 }, { "yoke", 0.09 } })
    local other = pick(r, upper_colors)
    local distance = math.abs(other[1] - color[1]) + math.abs(other[2] - color[2]) + math.abs(other[3] - color[3])
    if distance < 0.5 then
      other = color[1] + color[2] + color[3] > 1.4 and { 0.12, 0.12, 0.14 } or { 0.92, 0.92, 0.9 }
    end
    piece.second = vary(r, other, 0.03)
    piece.period = r:uniform(5, 10)
    piece.share = r:uniform(0.3, 0.55)
  end
  return piece
end

function person.of(options, id)
  local r = stream(options, "identity", id)
  local p = { id = id, woman = chance(r, 0.5) }
  p.upper = choose(r, { { "shirt", 0.40 }, { "long", 0.22 }, { "jacket", 0.18 }, { "coat", 0.08 },
    { "dress", p.woman and 0.14 or 0 } })
  p.sleeves = (p.upper == "shirt" or p.upper == "dress") and "short" or "long"
  p.upper_cloth = cloth(r, pick(r, upper_colors), p.upper ~= "jacket" and p.upper ~= "coat" or chance(r, 0.2))
  p.inner = vary(r, pick(r, upper_colors), 0.03)
  p.logo = chance(r, 0.3) and vary(r, pick(r, upper_colors), 0.05) or nil
  p.lower = choose(r, { { "trousers", 0.62 }, { "shorts", 0.22 }, { "skirt", p.woman and 0.28 or 0 } })
  p.lower_cloth = cloth(r, pick(r, lower_colors), false)
  p.loose = r:uniform(0.85, 1.2)
  p.skirt_length = r:uniform(14, 30)
  p.skin = vary(r, pick(r, skins), 0.02)
  p.hair_color = vary(r, pick(r, hairs), 0.02)
  p.hair = choose(r, p.woman and { { "long", 0.5 }, { "tail", 0.25 }, { "short", 0.15 }, { "hat", 0.1 } } or
    { { "short", 0.72 }, { "bald", 0.08 }, { "hat", 0.2 } })
  p.hat_color = vary(r, pick(r, upper_colors), 0.03)
  p.shoes = vary(r, pick(r, shoe_colors), 0.03)
  p.height = r:normal(p.woman and 0.965 or 1.01, 0.025)
  p.girth = max(0.82, min(1.28, r:normal(p.woman and 0.95 or 1.05, 0.1)))
  p.bag = choose(r, { { "none", 0.42 }, { "backpack", 0.28 }, { "handbag", 0.16 }, { "shoulder", 0.14 } })
  p.bag_color = vary(r, pick(r, bag_colors), 0.03)
  p.bag_side = chance(r, 0.5) and 1 or -1
  p.stride = r:uniform(0.30, 0.48)
  return p
end

-- Some persons share clothes with one of the few before them: telling them apart takes more than one colour.
function person.list(options, first, count)
  local list = {}
  for i = 1, count do
    local p = person.of(options, first + i - 1)
    local r = stream(options, "similar", p.id)
    if i > 1 and chance(r, options.similar) then
      local model = list[max(1, i - r:integer(1, 12))]
      local what = r:integer(1, 3)
      if what ~= 1 then
        p.upper, p.sleeves, p.upper_cloth, p.inner = model.upper, model.sleeves, model.upper_cloth, model.inner
      end
      if what ~= 2 then p.lower, p.lower_cloth, p.skirt_length = model.lower, model.lower_cloth, model.skirt_length end
    end
    list[i] = p
  end
  return list
end

-- ---- drawing ----

-- Sets the paint of a piece of cloth; `factor` darkens it.
local function wear(s, piece, factor)
  s:color(shade(piece.color, factor))
  if piece.kind == "across" then
    s:pattern("stripes", shade(piece.second, factor), 0, -80, piece.period, pi / 2, piece.share)
  elseif piece.kind == "down" then
    s:pattern("stripes", shade(piece.second, factor), 0, 0, piece.period, 0, piece.share)
  elseif piece.kind == "slanted" then
    s:pattern("stripes", shade(piece.second, factor), 0, -80, piece.period, pi / 4, piece.share)
  elseif piece.kind == "checks" then
    s:pattern("checks", shade(piece.second, factor), 0, -80, piece.period * 0.8, 0, 0.5)
  elseif piece.kind == "dots" then
    s:pattern("dots", shade(piece.second, factor), 0, -80, piece.period * 0.7, 0, 0.6)
  end
  s:texture(piece.roughness, 5, 9, 2, piece.folds)
end

local function bare(s, color, factor)
  s:color(shade(color, factor)):texture(0, 1, 1, 1, 0)
end

-- Draws a person 100 units high (times its own height), with the feet at the origin of the current transform. pose: yaw
-- (0: towards the camera, pi/2: to the right, pi: away), phase of the step, rise (of the camera above the horizontal:
-- nearer parts are lower, the upper body looks larger).
function person.draw(s, p, pose)
  local cy, sy = cos(pose.yaw), sin(pose.yaw)
  local H, g = p.height, p.girth
  local lower_shift = pose.rise * 0.25

  -- Body coordinates: X to the person's left, Y down from the ground (heights are negative), Z forward.
  local function at(X, Y, Z)
    local near = Z * cy - X * sy
    local scale = 1 + pose.rise * 0.35 * (-Y / 100 - 0.5)
    return (X * cy + Z * sy) * scale, Y * H + near * lower_shift, scale, near
  end
  local function limb(X0, Y0, Z0, r0, X1, Y1, Z1, r1)
    local x0, y0, k0 = at(X0, Y0, Z0)
    local x1, y1, k1 = at(X1, Y1, Z1)
    s:limb(x0, y0, r0 * k0, x1, y1, r1 * k1)
  end
  -- Half width of an elliptic section, seen from angle yaw.
  local function half(a, b) return math.sqrt((a * cy) ^ 2 + (b * sy) ^ 2) end
  -- A closed outline from the centre line's heights and half widths.
  local function body(rows)
    local points, n = {}, #rows
    for i = 1, n do
      local x, y, k = at(0, rows[i][1], rows[i][3] or 0)
      local w = rows[i][2] * k
      points[2 * i - 1], points[2 * i] = x + w, y
      points[4 * n - 2 * i + 1], points[4 * n - 2 * i + 2] = x - w, y
    end
    s:curve(table.unpack(points))
  end

  local shoulder, waist, hip = 10.6 * g, 8.6 * g, 9.2 * g
  if p.woman then shoulder, waist, hip = 9.4 * g, 7.4 * g, 9.4 * g end
  local swing = p.stride * sin(pose.phase)

  local function leg(side)
    local a = swing * side
    local bend = max(0, cos(pose.phase) * side) * 0.5 + 0.08
    local X = side * 4.4 * g
    local ky, kz = -48 + 22.5 * cos(a), 22.5 * sin(a)
    local ay, az = ky + 21 * cos(a - bend), kz + 21 * sin(a - bend)
    ay = min(ay, -4)
    local _, _, _, near = at(X, -25, kz)
    local tone = near < -1.5 and 0.82 or 1
    local loose = p.loose
    local foot = function()
      bare(s, p.shoes, tone)
      limb(X, ay + 2.2, az - 1.2, 2.3, X, ay + 2.6, az + 4.6, 1.9)
    end
    if p.lower == "trousers" then
      foot()
      wear(s, p.lower_cloth, tone)
      limb(X, -48, 0, 5.4 * g, X, ky, kz, 4.2 * g * loose)
      limb(X, ky, kz, 4.2 * g * loose, X, ay - 0.5, az, 3.1 * loose)
    else
      bare(s, p.skin, tone)
      limb(X, -46, 0, 4.6 * g, X, ky, kz, 3.3 * g)
      limb(X, ky, kz, 3.4 * g, X, ay, az, 2.0)
      foot()
      if p.lower == "shorts" then
        wear(s, p.lower_cloth, tone)
        limb(X, -48, 0, 5.6 * g, X, ky - 3, kz * 0.88, 4.9 * g * loose)
      end
    end
  end

  local function arm(side)
    local a = -swing * side * 0.9
    local X0, X1 = side * (shoulder - 1.4), side * (shoulder + 1.2)
    local carried = p.bag == "handbag" and side == p.bag_side
    if carried then a = a * 0.3 end
    local ey, ez = -80 + 16 * cos(a), 16 * sin(a)
    local wy, wz = ey + 15 * cos(a + 0.35), ez + 15 * sin(a + 0.35)
    local _, _, _, near = at(X1, -65, ez)
    local tone = near < -2 and 0.80 or 0.94
    bare(s, p.skin, tone)
    limb(X1, ey, ez, 2.5 * g, X1, wy, wz, 1.8)
    limb(X1, wy, wz, 1.9, X1, wy + 3, wz + 0.5, 1.6)
    wear(s, p.upper_cloth, tone)
    if p.sleeves == "long" then
      limb(X0, -79, 0, 3.7 * g, X1, ey, ez, 3.1 * g)
      limb(X1, ey, ez, 3.1 * g, X1, wy, wz, 2.4)
    else
      limb(X0, -79, 0, 3.8 * g, X1, -80 + 11 * cos(a), 11 * sin(a), 3.5 * g)
    end
    if carried then
      local x, y, k = at(X1 + side, wy + 3, wz)
      bare(s, p.bag_color, tone)
      s:limb(x - 2.5 * k, y + 8, 0.5, x, y, 0.5):limb(x, y, 0.5, x + 2.5 * k, y + 8, 0.5)
      local w = half(3, 6.5) * k
      s:polygon(x - w * 0.8, y + 7, x + w * 0.8, y + 7, x + w, y + 17, x - w, y + 17)
    end
  end

  local function torso()
    local hem = ({ shirt = -44, long = -45, jacket = -43, coat = -27, dress = -48 })[p.upper]
    local w1, w2, w3 = half(shoulder, 6.6 * g), half(waist, 6.2 * g), half(hip, 6.8 * g)
    if p.lower == "skirt" or p.upper == "dress" then
      local flare = half(10.5 * g, 8.5 * g)
      wear(s, p.upper == "dress" and p.upper_cloth or p.lower_cloth, 0.97)
      body { { -58, w2 }, { -49, w3 }, { -48 + p.skirt_length, flare } }
    elseif p.lower ~= "skirt" then
      wear(s, p.lower_cloth, 0.96)
      body { { -55, w2 * 0.9 }, { -48, w3 * 0.98 }, { -43, w3 * 0.85 } }
    end
    local outline = { { -85.5, w1 * 0.40 }, { -82.5, w1 * 0.86 }, { -78, w1 * 0.98 }, { -69, w1 * 0.93 }, { -59, w2 },
      { -50, w3 } }
    if hem > -50 then outline[#outline + 1] = { hem, p.upper == "coat" and w3 * 1.12 or w3 * 1.02 } end
    wear(s, p.upper_cloth, 1)
    body(outline)
    if p.upper_cloth.kind == "yoke" then
      s:color(p.upper_cloth.second)
      body { { -85.5, w1 * 0.40 }, { -82.5, w1 * 0.86 }, { -78, w1 * 0.98 }, { -73, w1 * 0.96 }, { -70, w1 * 0.94 } }
    end
    local open = cy -- how much of the front is visible
    if (p.upper == "jacket" or p.upper == "coat") and open > 0.1 then
      local x, y = at(0, -84, 6.5 * g)
      local x1, y1 = at(0, hem + 1, 6.5 * g)
      local w = 3.4 * open
      bare(s, p.inner, 0.95)
      s:polygon(x - w, y, x + w, y, x1 + w * 0.7, y1, x1 - w * 0.7, y1)
    elseif p.logo and open > 0.2 and p.upper ~= "dress" then
      local x, y = at(0, -72, 6 * g)
      bare(s, p.logo, 1)
      s:rectangle(x - 4.4 * open, y - 3, x + 4.4 * open, y + 3)
    end
  end

  local function backpack()
    local x, y, k, near = at(0, -70, -7.5 * g)
    local w = half(7.4, 4.4) * k
    bare(s, p.bag_color, near > 0 and 1 or 0.85)
    s:texture(0.15, 4, 4, 2, p.id)
    s:curve(x - w, y - 10, x, y - 13, x + w, y - 10, x + w, y + 9, x, y + 12, x - w, y + 9)
    if near > 2 then
      s:color(shade(p.bag_color, 0.7)):limb(x - w * 0.55, y + 3, 1.0, x + w * 0.55, y + 3, 1.0)
    end
  end
  local function straps()
    if cy < 0.15 then return end
    bare(s, p.bag_color, 0.9)
    for side = -1, 1, 2 do limb(side * 6 * g, -83.5, 4, 1.0, side * 6.4 * g, -66, 6, 1.0) end
  end
  local function shoulder_bag()
    local side = p.bag_side
    bare(s, p.bag_color, 0.95)
    limb(-side * 5.5 * g, -84, cy > 0 and 4 or -4, 0.9, side * 9.5 * g, -54, cy > 0 and 4 or -4, 0.9)
    local x, y, k = at(side * 10.5 * g, -50, 0)
    local w = half(3, 6.5) * k
    s:texture(0.12, 4, 4, 2, p.id)
    s:curve(x - w, y - 5, x + w, y - 5, x + w, y + 5, x - w, y + 5)
  end

  local function head()
    local x, y, k = at(0, -92.5, 0.6)
    bare(s, p.skin, 0.86)
    local nx, ny = at(0, -84, 0)
    s:limb(x, y + 2, 2.7 * k, nx, ny - 0.5, 3.1)
    local rx, ry = half(4.7, 5.5) * k, 6.4 * k
    if p.hair == "bald" then
      bare(s, p.skin, 1)
      s:ellipse(x, y, rx, ry)
      return
    end
    bare(s, p.hair_color, 1)
    s:texture(0.25, 2, 6, 2, p.id)
    if p.hair == "long" then
      local bx, by = at(0, -86, -2.2)
      s:curve(x - rx * 1.05, y - 3, x, y - ry * 1.1, x + rx * 1.05, y - 3, bx + rx * 1.2, by + 1, bx + rx * 0.8, by + 7,
        bx - rx * 0.8, by + 7, bx - rx * 1.2, by + 1)
    elseif p.hair == "tail" then
      local bx, by, bk = at(0, -92, -6)
      local ex, ey = at(0, -82, -7.5)
      s:limb(bx, by, 2.1 * bk, ex, ey, 1.3 * bk)
    end
    s:ellipse(x, y - 0.5, rx * 1.06, ry * 1.05)
    if cy > -0.55 then
      local fx, fy = at(0, -91, 2.6)
      local width = rx * (0.80 - 0.25 * max(0, -cy) - 0.08 * math.abs(sy))
      bare(s, p.skin, 1.03)
      s:ellipse(fx + sy * 0.8, fy, width, ry * 0.80)
      bare(s, shade(p.skin, 0.62), 1)
      if cy > 0.1 then
        for side = -1, 1, 2 do
          s:ellipse(fx + side * 1.9 * cy + sy * 1.7, fy - 0.9, 0.8 * cy + 0.15, 0.6)
        end
        s:ellipse(fx + sy * 1.9, fy + 2.6, 1.3 * cy + 0.2, 0.45)
      end
    end
    if p.hair == "hat" then
      bare(s, p.hat_color, 1)
      local hx, hy = at(0, -95, 0)
      s:curve(hx - rx * 1.12, hy + 1, hx - rx * 0.9, hy - 4.2, hx, hy - 5.6, hx + rx * 0.9, hy - 4.2, hx + rx * 1.12,
        hy + 1)
      if cy > -0.5 then
        local bx, by = at(0, -94.3, 6)
        s:color(shade(p.hat_color, 0.75)):ellipse(bx, by, half(4.2, 3.6), 1.3)
      end
    end
  end

  local far = sy > 0 and 1 or -1 -- the side of the body away from the camera
  arm(far)
  if p.bag == "backpack" and cy > 0 then backpack() end
  leg(far)
  leg(-far)
  torso()
  if p.bag == "backpack" then
    if cy <= 0 then backpack() else straps() end
  end
  if p.bag == "shoulder" then shoulder_bag() end
  if math.abs(sy) < 0.45 then arm(far) end -- seen from the front or back neither arm hides behind the body
  arm(-far)
  head()
  s:texture(0, 1, 1, 1, 0)
end

return person
