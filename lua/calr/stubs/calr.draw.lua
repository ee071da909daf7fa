---@meta calr.draw
-- Made by `calr docs`; do not edit.

--- Painting small images for generated data sets. A scene is a list of shapes and camera effects,
--- written by a script in units of its own; `render` paints many scenes at once on all threads.
---
--- x points right, y down; angles are in radians, from x towards y. A colour is a table {red,
--- green, blue} of numbers in 0 .. 1. State (transform, colour, pattern, light, texture, softness)
--- holds until it is set again. Edges are exact: a pixel gets the share of its area that a shape
--- covers. Every method returns the scene.
---@class calr.draw
local M = {}

--- An empty scene of width x height units: what it paints outside of 0 .. width and 0 .. height is
--- not seen. It starts on black, with an opaque black colour.
---@param width any
---@param height any
---@return scene
function M.scene(width, height) end

---@class scene
local scene = {}

--- Maps what follows by (x, y) -> (a x + c y + e, b x + d y + f) to the units of the scene.
--- Replaces the last transform; scene:transform(1, 0, 0, 1, 0, 0) is none.
---@param a any
---@param b any
---@param c any
---@param d any
---@param e any
---@param f any
function scene:transform(a, b, c, d, e, f) end

--- Paints what follows in one colour; ends a pattern.
---@param color any
---@param alpha any 0 (clear) .. 1 (opaque, default)
function scene:color(color, alpha) end

--- Mixes a second colour into the first. Positions are measured from (x, y) along `angle`, in units
--- of `period`.
--- away), "radial" (the
---               same in all directions)
---@param kind any "plain" (none), "stripes", "checks", "dots", "gradient" (second colour one period
---@param color any
---@param x any
---@param y any
---@param period any
---@param angle any 0 (default): bands across x
---@param share any 0 .. 1 (default 0.5): of a period, what the second colour's band or dot takes
---@param alpha any of the second colour, default 1
function scene:pattern(kind, color, x, y, period, angle, share, alpha) end

--- Multiplies the paint of what follows by f0 at the first point and f1 at the second, linearly
--- between, constant beyond. scene:light(0, 0, 1, 1, 0, 1) is none.
---@param x0 any
---@param y0 any
---@param f0 any
---@param x1 any
---@param y1 any
---@param f1 any
function scene:light(x0, y0, f0, x1, y1, f1) end

--- Multiplies the paint of what follows by 1 + amount * noise, a fractal noise in -1 .. 1 with
--- grains of that size. scene:texture(0, 1, 1, 1, 0) is none.
---@param amount any
---@param width any
---@param height any
---@param octaves any 1 .. 6
---@param seed any a whole number
function scene:texture(amount, width, height, octaves, seed) end

--- Blurs the edges of what follows over about that many units of the scene; 0 is sharp.
---@param radius any
function scene:soft(radius) end

--- Fills a polygon; fewer than three corners paint nothing, 256 are the most.
---@param x1 any
---@param y1 any
---@param x2 any
---@param y2 any
---@param ... any
function scene:polygon(x1, y1, x2, y2, ...) end

--- Fills a closed smooth curve through the points (Catmull-Rom).
---@param x1 any
---@param y1 any
---@param x2 any
---@param y2 any
---@param ... any
function scene:curve(x1, y1, x2, y2, ...) end

--- Fills a rectangle between two corners.
---@param x0 any
---@param y0 any
---@param x1 any
---@param y1 any
function scene:rectangle(x0, y0, x1, y1) end

--- Fills an ellipse around (x, y).
---@param x any
---@param y any
---@param rx any
---@param ry any
---@param angle any
function scene:ellipse(x, y, rx, ry, angle) end

--- Fills two circles and all that lies between: a thick line with round ends that may taper.
---@param x0 any
---@param y0 any
---@param r0 any
---@param x1 any
---@param y1 any
---@param r1 any
function scene:limb(x0, y0, r0, x1, y1, r1) end

--- Effect on the picture so far: colour := M colour + o.
---@param m11 any
---@param m12 any
---@param m13 any
---@param m21 any
---@param m22 any
---@param m23 any
---@param m31 any
---@param m32 any
---@param m33 any
---@param o1 any
---@param o2 any
---@param o3 any
function scene:matrix(m11, m12, m13, m21, m22, m23, m31, m32, m33, o1, o2, o3) end

--- Effect: colour^gamma, then the contrast about 0.5, then the distance from grey. 1, 1, 1 changes
--- nothing but that colours are brought into 0 .. 1 first.
---@param gamma any
---@param contrast any
---@param saturation any
function scene:tone(gamma, contrast, saturation) end

--- Effect: Gaussian blur.
---@param sigma any
function scene:blur(sigma) end

--- Effect: motion blur, the mean along a line.
---@param length any
---@param angle any
function scene:motion(length, angle) end

--- Effect: shrinks the picture to that share (above 0, at most 1) of its pixels a side and enlarges
--- it again.
---@param factor any
function scene:resolution(factor) end

--- Effect: the corners lose that share of their light.
---@param strength any
function scene:vignette(strength) end

--- Effect: sensor noise, with deviations common to and apart in the three channels; Philox, keyed
--- by the seed.
---@param luma any
---@param chroma any
---@param seed any
function scene:noise(luma, chroma, seed) end

--- Paints a list of scenes, in parallel; the result does not depend on the number of threads.
---@param scenes any a table of scenes
---@param options any
--- - `height`: pixels, required; a scene is stretched to fit
---@return tensor # x height x width x 3]
function M.render(scenes, options) end

--- Encodes many images of one size as JPEGs, in parallel.
---@param images any u8[n x height x width x 3]
---@param options any
--- - `quality`: 1 .. 100, or a table with one for each image
---@return table # n strings, the files
function M.encode(images, options) end

--- Frees the memory of the scene now rather than when it is collected.
function scene:close() end

return M
