/* calr.paint: painting generated images. */
#include "binding/bind.h"
#include "binding/modules.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "image/draw.h"

/// @module calr.paint
/// Paints small images for generated data sets. A scene is a list of shapes and camera effects,
/// written by a script in units of its own; `render` paints many scenes at once on all threads.
///
/// x points right, y down; angles are in radians, from x towards y. A colour is a table {red,
/// green, blue} of numbers in 0 .. 1. State (transform, colour, pattern, light, texture, softness)
/// holds until set again. Edges are exact: a pixel gets the share of its area that a shape
/// covers. Every method returns the scene.

#define SCENE "calr.paint.scene"
#define FILES "calr.paint.files"

/* The userdata holds the scene, NULL once closed. */
static calr_draw_scene **scene_slot(lua_State *L, int arg)
{
    return luaL_checkudata(L, arg, SCENE);
}

static calr_draw_scene *check_scene(lua_State *L, int arg)
{
    calr_draw_scene *scene = *scene_slot(L, arg);
    luaL_argcheck(L, scene, arg, "this scene was closed");
    return calr_lua_hold(L, scene);
}

/// calr.paint.scene(width, height)
/// Makes an empty scene of width x height units: anything painted outside 0 .. width and 0 .. height
/// is invisible. It starts on black, with an opaque black colour.
/// @return scene
static int paint_scene(lua_State *L)
{
    double width = luaL_checknumber(L, 1), height = luaL_checknumber(L, 2);
    calr_draw_scene **slot = lua_newuserdatauv(L, sizeof *slot, 0);
    *slot = NULL;
    luaL_setmetatable(L, SCENE);
    calr_lua_call(L, calr_draw_scene_new(width, height, slot));
    return 1;
}

/* Appends a command and returns the scene. */
static int add(lua_State *L, calr_draw_op op, const double *numbers, int count, uint64_t seed)
{
    calr_lua_call(L, calr_draw_add(check_scene(L, 1), op, numbers, count, seed));
    lua_settop(L, 1);
    return 1;
}

/* A command of `count` numbers, all required. */
static int add_numbers(lua_State *L, calr_draw_op op, int count)
{
    double numbers[12];
    check_scene(L, 1);
    for (int i = 0; i < count; i++)
        numbers[i] = luaL_checknumber(L, 2 + i);
    return add(L, op, numbers, count, 0);
}

/* Reads {red, green, blue} at `arg`. */
static void check_color(lua_State *L, int arg, double rgb[3])
{
    luaL_checktype(L, arg, LUA_TTABLE);
    for (int i = 0; i < 3; i++) {
        int number;
        lua_geti(L, arg, i + 1);
        rgb[i] = lua_tonumberx(L, -1, &number);
        if (!number)
            luaL_argerror(L, arg, "a colour is a table of three numbers, {red, green, blue}");
        lua_pop(L, 1);
    }
}

/// scene:transform(a, b, c, d, e, f)
/// Maps what follows by (x, y) -> (a x + c y + e, b x + d y + f) to scene units.
/// Replaces the last transform; scene:transform(1, 0, 0, 1, 0, 0) is none.
/// @param a, b, c, d, e, f  number; of the map
static int scene_transform(lua_State *L)
{
    return add_numbers(L, CALR_DRAW_TRANSFORM, 6);
}

/// scene:color(color [, alpha])
/// Paints what follows in one colour; ends a pattern.
/// @param color  list of numbers: red, green and blue, 0 .. 1
/// @param alpha  0 (clear) .. 1 (opaque, default)
static int scene_color(lua_State *L)
{
    double numbers[4];
    check_scene(L, 1);
    check_color(L, 2, numbers);
    numbers[3] = luaL_optnumber(L, 3, 1);
    return add(L, CALR_DRAW_COLOR, numbers, 4, 0);
}

/// scene:pattern(kind, color, x, y, period [, angle, share, alpha])
/// Mixes a second colour into the first. Positions are measured from (x, y) along `angle`, in units
/// of `period`.
/// @param kind   "plain" (none), "stripes", "checks", "dots", "gradient" (second colour one period
///               away), "radial" (the same in all directions)
/// @param color  list of numbers: the second colour
/// @param angle  0 (default): bands across x
/// @param share  0 .. 1 (default 0.5): share of a period taken by the second colour's band or dot
/// @param alpha  of the second colour, default 1
static int scene_pattern(lua_State *L)
{
    const char *kind = luaL_checkstring(L, 2);
    double n[10];
    check_scene(L, 1);
    for (n[0] = 0; n[0] < CALR_DRAW_PATTERNS; n[0]++)
        if (strcmp(kind, calr_draw_pattern_name((calr_draw_pattern)n[0])) == 0)
            break;
    if (n[0] == CALR_DRAW_PATTERNS)
        luaL_argerror(
            L, 2,
            lua_pushfstring(L,
                            "no pattern is called \"%s\": plain, stripes, checks, dots, gradient, "
                            "radial",
                            kind));
    check_color(L, 3, n + 1);
    n[4] = luaL_optnumber(L, 9, 1);
    for (int i = 0; i < 3; i++)
        n[5 + i] = luaL_checknumber(L, 4 + i);
    n[8] = luaL_optnumber(L, 7, 0);
    n[9] = luaL_optnumber(L, 8, 0.5);
    return add(L, CALR_DRAW_PATTERN, n, 10, 0);
}

/// scene:light(x0, y0, f0, x1, y1, f1)
/// Multiplies the paint of what follows by f0 at the first point and f1 at the second, linearly
/// between, constant beyond. scene:light(0, 0, 1, 1, 0, 1) is none.
static int scene_light(lua_State *L)
{
    return add_numbers(L, CALR_DRAW_LIGHT, 6);
}

/// scene:texture(amount, width, height, octaves, seed)
/// Multiplies the paint of what follows by 1 + amount * noise, a fractal noise in -1 .. 1 with
/// grains of that size. scene:texture(0, 1, 1, 1, 0) removes it.
/// @param octaves  1 .. 6
/// @param seed     a whole number
static int scene_texture(lua_State *L)
{
    double numbers[4];
    check_scene(L, 1);
    for (int i = 0; i < 4; i++)
        numbers[i] = luaL_checknumber(L, 2 + i);
    return add(L, CALR_DRAW_TEXTURE, numbers, 4, (uint64_t)luaL_checkinteger(L, 6));
}

/// scene:soft(radius)
/// Blurs the edges of what follows over about that many units of the scene; 0 is sharp.
static int scene_soft(lua_State *L)
{
    return add_numbers(L, CALR_DRAW_SOFT, 1);
}

/* The numbers x, y, ... from argument 2 on. */
static int add_outline(lua_State *L, calr_draw_op op)
{
    double numbers[CALR_DRAW_MAX_NUMBERS];
    int count = lua_gettop(L) - 1;
    check_scene(L, 1);
    luaL_argcheck(L, count <= CALR_DRAW_MAX_NUMBERS, 2, "too many numbers: 256 points at most");
    for (int i = 0; i < count; i++)
        numbers[i] = luaL_checknumber(L, 2 + i);
    return add(L, op, numbers, count, 0);
}

/// scene:polygon(x1, y1, x2, y2, ...)
/// Fills a polygon; fewer than three corners paint nothing, 256 are the most.
static int scene_polygon(lua_State *L)
{
    return add_outline(L, CALR_DRAW_POLYGON);
}

/// scene:curve(x1, y1, x2, y2, ...)
/// Fills a closed smooth curve through the points (Catmull-Rom).
static int scene_curve(lua_State *L)
{
    return add_outline(L, CALR_DRAW_CURVE);
}

/// scene:rectangle(x0, y0, x1, y1)
/// Fills a rectangle between two corners.
static int scene_rectangle(lua_State *L)
{
    double x0 = luaL_checknumber(L, 2), y0 = luaL_checknumber(L, 3);
    double x1 = luaL_checknumber(L, 4), y1 = luaL_checknumber(L, 5);
    double numbers[8] = {x0, y0, x1, y0, x1, y1, x0, y1};
    return add(L, CALR_DRAW_POLYGON, numbers, 8, 0);
}

/// scene:ellipse(x, y, rx, ry [, angle])
/// Fills an ellipse around (x, y).
static int scene_ellipse(lua_State *L)
{
    double numbers[5];
    check_scene(L, 1);
    for (int i = 0; i < 4; i++)
        numbers[i] = luaL_checknumber(L, 2 + i);
    numbers[4] = luaL_optnumber(L, 6, 0);
    return add(L, CALR_DRAW_ELLIPSE, numbers, 5, 0);
}

/// scene:limb(x0, y0, r0, x1, y1, r1)
/// Fills two circles and everything between: a thick line with round ends that may taper.
static int scene_limb(lua_State *L)
{
    return add_numbers(L, CALR_DRAW_LIMB, 6);
}

/// scene:matrix(m11, m12, m13, m21, m22, m23, m31, m32, m33 [, o1, o2, o3])
/// Effect on the picture so far: colour := M colour + o.
static int scene_matrix(lua_State *L)
{
    double numbers[12];
    check_scene(L, 1);
    for (int i = 0; i < 12; i++)
        numbers[i] = i < 9 ? luaL_checknumber(L, 2 + i) : luaL_optnumber(L, 2 + i, 0);
    return add(L, CALR_DRAW_MATRIX, numbers, 12, 0);
}

/// scene:tone(gamma, contrast, saturation)
/// Effect: colour^gamma, then the contrast about 0.5, then the distance from grey. 1, 1, 1 only
/// clips colours to 0 .. 1.
static int scene_tone(lua_State *L)
{
    return add_numbers(L, CALR_DRAW_TONE, 3);
}

/// scene:blur(sigma)
/// Effect: Gaussian blur.
static int scene_blur(lua_State *L)
{
    return add_numbers(L, CALR_DRAW_BLUR, 1);
}

/// scene:motion(length, angle)
/// Effect: motion blur, the mean along a line.
static int scene_motion(lua_State *L)
{
    return add_numbers(L, CALR_DRAW_MOTION, 2);
}

/// scene:resolution(factor)
/// Effect: shrinks each side of the picture to that share (above 0, at most 1) of its pixels and
/// enlarges it again.
static int scene_resolution(lua_State *L)
{
    return add_numbers(L, CALR_DRAW_RESOLUTION, 1);
}

/// scene:vignette(strength)
/// Effect: the corners lose that share of their light.
static int scene_vignette(lua_State *L)
{
    return add_numbers(L, CALR_DRAW_VIGNETTE, 1);
}

/// scene:noise(luma, chroma, seed)
/// Effect: sensor noise, with deviations shared by and separate for the three channels; Philox, keyed
/// by the seed.
static int scene_noise(lua_State *L)
{
    double numbers[2] = {luaL_checknumber(L, 2), luaL_checknumber(L, 3)};
    return add(L, CALR_DRAW_NOISE, numbers, 2, (uint64_t)luaL_checkinteger(L, 4));
}

/// calr.paint.render(scenes, {height=, width=})
/// Paints a list of scenes, in parallel; the result does not depend on the number of threads.
/// @param scenes  a table of scenes
/// @param height  pixels, required; a scene is stretched to fit
/// @return u8[n x height x width x 3]
static int paint_render(lua_State *L)
{
    static const char *const names[] = {"height", "width", NULL};
    luaL_checktype(L, 1, LUA_TTABLE);
    calr_lua_check_options(L, 2, names);
    int64_t count = calr_lua_length(L, 1);
    int64_t height = calr_lua_option_integer(L, 2, "height", 0, 1, CALR_DRAW_MAX_PIXELS);
    int64_t width = calr_lua_option_integer(L, 2, "width", 0, 1, CALR_DRAW_MAX_PIXELS);
    luaL_argcheck(L, height > 0 && width > 0, 2, "the options height and width are required");
    const calr_draw_scene **scenes = lua_newuserdatauv(L, sizeof *scenes * (size_t)(count + 1), 0);
    for (int64_t i = 0; i < count; i++) {
        lua_geti(L, 1, i + 1);
        calr_draw_scene **slot = luaL_testudata(L, -1, SCENE);
        if (!slot || !*slot)
            luaL_argerror(L, 1,
                          lua_pushfstring(L, "item %I is not an open scene", (lua_Integer)(i + 1)));
        scenes[i] = calr_lua_hold(L, *slot);
        lua_pop(L, 1);
    }
    int64_t shape[4] = {count, height, width, 3};
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_U8, 4, shape, slot));
    calr_lua_call(L, calr_draw_render(scenes, count, height, width, calr_tensor_u8(*slot)));
    calr_lua_account(L);
    return 1;
}

/* The files of one call, freed by the collector whatever happens. */
typedef struct file_list {
    int64_t count;
    calr_draw_file *files;
} file_list;

static int files_close(lua_State *L)
{
    file_list *list = luaL_checkudata(L, 1, FILES);
    for (int64_t i = 0; list->files && i < list->count; i++)
        free(list->files[i].bytes);
    free(list->files);
    list->files = NULL;
    return 0;
}

/* The option quality of paint.encode: a number for all, or a table of one for each. */
static void check_qualities(lua_State *L, int64_t count, int32_t *quality)
{
    int type = calr_lua_push_option(L, 2, "quality");
    int table = type == LUA_TTABLE;
    if (table && luaL_len(L, -1) != count)
        luaL_error(L, "option quality holds %I numbers for %I images", (lua_Integer)luaL_len(L, -1),
                   (lua_Integer)count);
    for (int64_t i = 0; i < count; i++) {
        int whole = 1;
        lua_Integer q = 90;
        if (table)
            lua_geti(L, -1, i + 1);
        else
            lua_pushvalue(L, -1);
        if (type != LUA_TNIL)
            q = lua_tointegerx(L, -1, &whole);
        lua_pop(L, 1);
        if (!whole || q < 1 || q > 100)
            luaL_error(L, "option quality must be whole numbers from 1 to 100");
        quality[i] = (int32_t)q;
    }
    lua_pop(L, 1);
}

/// calr.paint.encode(images, {quality=90})
/// Encodes many images of one size as JPEGs, in parallel.
/// @param images   u8[n x height x width x 3]
/// @param quality  1 .. 100, or a table with one for each image
/// @return table  n strings, the files
static int paint_encode(lua_State *L)
{
    static const char *const names[] = {"quality", NULL};
    calr_tensor *images = calr_lua_check_form(L, 1, CALR_U8, 4, "u8[n x height x width x 3]");
    luaL_argcheck(L, images->shape[3] == 3, 1, "images of 3 channels are needed");
    lua_settop(L, 2);
    if (lua_isnil(L, 2)) {
        lua_newtable(L);
        lua_replace(L, 2);
    }
    calr_lua_check_options(L, 2, names);
    int64_t count = images->shape[0];
    int32_t *quality = lua_newuserdatauv(L, sizeof *quality * (size_t)(count + 1), 0);
    check_qualities(L, count, quality);
    file_list *list = lua_newuserdatauv(L, sizeof *list, 0);
    *list = (file_list){count, NULL};
    luaL_setmetatable(L, FILES);
    list->files = calr_array_zeros(count, sizeof *list->files);
    if (!list->files)
        return luaL_error(L, "no memory for %I files", (lua_Integer)count);
    calr_lua_call(L, calr_draw_encode(calr_tensor_u8(images), count, images->shape[1],
                                      images->shape[2], quality, list->files));
    lua_createtable(L, (int)count, 0);
    for (int64_t i = 0; i < count; i++) {
        lua_pushlstring(L, list->files[i].bytes, list->files[i].size);
        lua_seti(L, -2, i + 1);
    }
    return 1;
}

static void release_scene(void *scene)
{
    calr_draw_scene_release(scene);
}

/// scene:close()
/// Frees the memory of the scene now rather than at a collection.
static int scene_close(lua_State *L)
{
    calr_draw_scene **slot = scene_slot(L, 1), *scene = *slot;
    *slot = NULL;
    calr_lua_let_go(scene, release_scene);
    return 0;
}

static int scene_count(lua_State *L)
{
    lua_pushinteger(L, calr_draw_scene_count(check_scene(L, 1)));
    return 1;
}

static const calr_lua_function functions[] = {
    {"scene", paint_scene, "width, height"},
    {"render", paint_render, "scenes, options"},
    {"encode", paint_encode, "images, options"},
    {NULL, NULL, NULL},
};

static const calr_lua_function methods[] = {
    {"transform", scene_transform, "self, a, b, c, d, e, f"},
    {"color", scene_color, "self, color [, alpha]"},
    {"pattern", scene_pattern, "self, kind, color, x, y, period [, angle, share, alpha]"},
    {"light", scene_light, "self, x0, y0, f0, x1, y1, f1"},
    {"texture", scene_texture, "self, amount, width, height, octaves, seed"},
    {"soft", scene_soft, "self, radius"},
    {"polygon", scene_polygon, "self, x1, y1, x2, y2, ..."},
    {"curve", scene_curve, "self, x1, y1, x2, y2, ..."},
    {"rectangle", scene_rectangle, "self, x0, y0, x1, y1"},
    {"ellipse", scene_ellipse, "self, x, y, rx, ry [, angle]"},
    {"limb", scene_limb, "self, x0, y0, r0, x1, y1, r1"},
    {"matrix", scene_matrix, "self, m11, m12, m13, m21, m22, m23, m31, m32, m33 [, o1, o2, o3]"},
    {"tone", scene_tone, "self, gamma, contrast, saturation"},
    {"blur", scene_blur, "self, sigma"},
    {"motion", scene_motion, "self, length, angle"},
    {"resolution", scene_resolution, "self, factor"},
    {"vignette", scene_vignette, "self, strength"},
    {"noise", scene_noise, "self, luma, chroma, seed"},
    {"close", scene_close, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function metamethods[] = {
    {"__gc", scene_close, NULL},
    {"__close", scene_close, NULL},
    {"__len", scene_count, NULL},
    {NULL, NULL, NULL},
};

int luaopen_calr_paint(lua_State *L)
{
    calr_lua_class(L, SCENE, "scene:", methods, metamethods);
    if (luaL_newmetatable(L, FILES)) {
        lua_pushcfunction(L, files_close);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
    calr_lua_new_module(L, "calr.paint.", functions);
    return 1;
}
