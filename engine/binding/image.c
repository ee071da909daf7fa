/* calr.image: single images as tensors. */
#include "binding/bind.h"
#include "binding/modules.h"

#include <stdlib.h>
#include <string.h>

#include "image/decoder.h"
#include "image/jpeg.h"
#include "image/png.h"
#include "image/resize.h"
#include "os/file.h"

/// @module calr.image
/// Single images: reading, writing, resizing. An image is a tensor u8[height x width x 3], RGB.
/// Batches for training come from calr.loader, which does all this in worker threads.

/* What the functions of this module work with, made once a state and freed with it (an upvalue). */
#define TOOLS "calr.image.tools"

typedef struct tools {
    calr_decoder *decoder;
    calr_jpeg *jpeg; /* encodes */
    calr_resizer *resizer;
} tools;

static int tools_gc(lua_State *L)
{
    tools *t = luaL_checkudata(L, 1, TOOLS);
    calr_decoder_release(t->decoder);
    calr_jpeg_release(t->jpeg);
    calr_resizer_release(t->resizer);
    *t = (tools){NULL, NULL, NULL};
    return 0;
}

static tools *get_tools(lua_State *L)
{
    tools *t = lua_touserdata(L, lua_upvalueindex(CALR_LUA_UPVALUE));
    if (!t->jpeg) /* a finalizer of the script's that runs after ours */
        luaL_error(L, "calr.image is closed: the program is ending");
    return t;
}

/* Makes the value on top of the stack a u8[height x width x 3] with a copy of the pixels. */
static void fill_pixels(lua_State *L, calr_tensor **slot, const uint8_t *pixels, int height,
                        int width)
{
    int64_t shape[3] = {height, width, 3};
    calr_lua_call(L, calr_tensor_new(CALR_U8, 3, shape, slot));
    memcpy(calr_tensor_u8(*slot), pixels, calr_tensor_bytes(*slot));
    calr_lua_account(L);
}

static calr_tensor *check_image(lua_State *L, int arg)
{
    static const char form[] = "u8[height x width x 3]";
    calr_tensor *image = calr_lua_check_form(L, arg, CALR_U8, 3, form);
    luaL_argcheck(L, image->shape[2] == 3, arg,
                  "the image must be u8[height x width x 3]: three channels");
    luaL_argcheck(L,
                  image->shape[0] >= 1 && image->shape[0] <= 65535 && image->shape[1] >= 1 &&
                      image->shape[1] <= 65535,
                  arg, "the image must have sides of 1 to 65535 pixels");
    return image;
}

static void decode_bytes(lua_State *L, int options, const void *bytes, size_t size,
                         const char *path)
{
    static const char *const names[] = {"pixel_limit", NULL};
    calr_lua_check_options(L, options, names);
    int64_t limit =
        calr_lua_option_integer(L, options, "pixel_limit", CALR_JPEG_LIMIT, 1, INT64_MAX);
    tools *t = get_tools(L);
    /* Before decoding: the pixels belong to the decoder, which a finalizer that runs here may use. */
    calr_tensor **slot = calr_lua_new_tensor(L);
    const uint8_t *pixels = NULL;
    int width = 0, height = 0;
    calr_status status = calr_decoder_set_limit(t->decoder, limit);
    if (status == CALR_OK)
        status = calr_decoder_decode(t->decoder, bytes, size, &pixels, &width, &height);
    if (status != CALR_OK && path)
        luaL_error(L, "%s: %s", path, calr_status_message());
    calr_lua_call(L, status);
    fill_pixels(L, slot, pixels, height, width);
}

/// calr.image.decode(bytes [, {pixel_limit=67108864}])
/// Decodes a JPEG, PNG or BMP file held in a string. Gray, palettes and CMYK become RGB, transparent
/// pixels of a PNG are put on black; a truncated or corrupt file is an error. Stray bytes between
/// the segments of a JPEG are passed over.
/// @param bytes        string
/// @param pixel_limit  larger images (width x height) are refused before decoding
/// @return tensor  u8[height x width x 3]
static int image_decode(lua_State *L)
{
    size_t size;
    const char *bytes = luaL_checklstring(L, 1, &size);
    decode_bytes(L, 2, bytes, size, NULL);
    return 1;
}

/* The bytes of a file, which belong to the stack. */
static const void *read_file(lua_State *L, const char *path, size_t *size)
{
    void **memory = calr_lua_scratch(L, free);
    calr_lua_call(L, calr_file_read(path, memory, size));
    return *memory;
}

/// calr.image.decode_file(path [, {pixel_limit=67108864}])
/// Decodes a JPEG, PNG or BMP file, whatever its name ends in.
/// @param path         string
/// @param pixel_limit  as for decode
/// @return tensor  u8[height x width x 3]
static int image_decode_file(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lua_settop(L, 2);
    size_t size;
    const void *bytes = read_file(L, path, &size);
    decode_bytes(L, 2, bytes, size, path);
    return 1;
}

/// calr.image.probe(bytes)
/// Reads the header of an image file held in a string, without decoding it.
/// @param bytes  string; the first kilobytes of a file are enough if they contain its header
/// @return table  {width=, height=, color="rgb"|"gray"|"cmyk", format="jpeg"|"png"|"bmp"}
static int image_probe(lua_State *L)
{
    size_t size;
    const char *bytes = luaL_checklstring(L, 1, &size);
    calr_image_info info;
    calr_lua_call(L, calr_decoder_probe(bytes, size, &info));
    lua_createtable(L, 0, 4);
    calr_lua_set_integer(L, -1, "width", info.width);
    calr_lua_set_integer(L, -1, "height", info.height);
    calr_lua_set_string(L, -1, "color", info.color);
    calr_lua_set_string(L, -1, "format", info.format);
    return 1;
}

/// calr.image.encode(image [, {quality=90, chroma="420"}])
/// Encodes an image as JPEG. The same pixels give the same bytes.
/// @param image    tensor u8[height x width x 3]
/// @param quality  1 to 100
/// @param chroma   resolution of the colours: "444" full, "422" halved across, "420" halved both
///                 ways, as cameras do
/// @return string  the bytes of the file
static int image_encode(lua_State *L)
{
    static const char *const names[] = {"quality", "chroma", NULL};
    static const char *const chromas[] = {
        [CALR_JPEG_444] = "444", [CALR_JPEG_422] = "422", [CALR_JPEG_420] = "420", NULL};
    calr_tensor *image = check_image(L, 1);
    calr_lua_check_options(L, 2, names);
    int quality = (int)calr_lua_option_integer(L, 2, "quality", 90, 1, 100);
    int chroma = calr_lua_option_choice(L, 2, "chroma", CALR_JPEG_420, chromas);
    const void *bytes;
    size_t size;
    calr_lua_call(L, calr_jpeg_encode(get_tools(L)->jpeg, calr_tensor_u8(image),
                                      (int)image->shape[1], (int)image->shape[0], quality,
                                      (calr_jpeg_chroma)chroma, &bytes, &size));
    lua_pushlstring(L, bytes, size);
    return 1;
}

/// calr.image.resize(image, {height=, width=, filter="bicubic"})
/// Resizes as Pillow's Image.resize does (antialiased), to the same bits.
/// @param image    tensor u8[height x width x 3]
/// @param height   of the result
/// @param width    of the result
/// @param filter   "bicubic" or "bilinear"
/// @return tensor  u8[height x width x 3]
static int image_resize(lua_State *L)
{
    static const char *const names[] = {"height", "width", "filter", NULL};
    static const char *const filters[] = {
        [CALR_BICUBIC] = "bicubic", [CALR_BILINEAR] = "bilinear", NULL};
    calr_tensor *image = check_image(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    calr_lua_check_options(L, 2, names);
    int64_t shape[3] = {0, 0, 3};
    shape[0] = calr_lua_option_integer(L, 2, "height", 0, 1, 65535);
    shape[1] = calr_lua_option_integer(L, 2, "width", 0, 1, 65535);
    int filter = calr_lua_option_choice(L, 2, "filter", CALR_BICUBIC, filters);
    luaL_argcheck(L, shape[0] && shape[1], 2, "the options height and width are needed");
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_U8, 3, shape, slot));
    calr_lua_call(L, calr_resize(get_tools(L)->resizer, (calr_filter)filter, calr_tensor_u8(image),
                                 (int)image->shape[1], (int)image->shape[0], calr_tensor_u8(*slot),
                                 (int)shape[1], (int)shape[0]));
    calr_lua_account(L);
    return 1;
}

/// calr.image.save_png(image, path)
/// Writes a PNG file, completely or not at all.
/// @param image  tensor u8[height x width x 3], or u8[height x width] for gray
/// @param path   string
static int image_save_png(lua_State *L)
{
    calr_tensor *image = calr_lua_check_tensor(L, 1);
    const char *path = luaL_checkstring(L, 2);
    int channels = image->ndim == 2 ? 1 : 3;
    if (channels == 3)
        image = check_image(L, 1);
    else
        image = calr_lua_check_form(L, 1, CALR_U8, 2, "u8[height x width]");
    luaL_argcheck(L,
                  image->shape[0] >= 1 && image->shape[0] <= 65535 && image->shape[1] >= 1 &&
                      image->shape[1] <= 65535,
                  1, "the image must have sides of 1 to 65535 pixels");
    void **memory = calr_lua_scratch(L, free);
    size_t size;
    calr_lua_call(L, calr_png_encode(calr_tensor_u8(image), (int)image->shape[1],
                                     (int)image->shape[0], channels, memory, &size));
    calr_lua_call(L, calr_file_write(path, *memory, size));
    return 0;
}

/// calr.image.load_png(path)
/// Reads a PNG file of any kind as RGB; transparent pixels are put on black.
/// @param path  string
/// @return tensor  u8[height x width x 3]
static int image_load_png(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    size_t size;
    const void *bytes = read_file(L, path, &size);
    void **memory = calr_lua_scratch(L, free);
    int width, height;
    uint8_t *pixels;
    if (calr_png_decode(bytes, size, &pixels, &width, &height) != CALR_OK)
        luaL_error(L, "%s: %s", path, calr_status_message());
    *memory = pixels;
    fill_pixels(L, calr_lua_new_tensor(L), *memory, height, width);
    return 1;
}

static const calr_lua_function functions[] = {
    {"decode", image_decode, "bytes [, options]"},
    {"decode_file", image_decode_file, "path [, options]"},
    {"probe", image_probe, "bytes"},
    {"encode", image_encode, "image [, options]"},
    {"resize", image_resize, "image, options"},
    {"save_png", image_save_png, "image, path"},
    {"load_png", image_load_png, "path"},
    {NULL, NULL, NULL},
};

int luaopen_calr_image(lua_State *L)
{
    static const calr_lua_function none[] = {{NULL, NULL, NULL}};
    static const calr_lua_function tools_meta[] = {{"__gc", tools_gc, NULL}, {NULL, NULL, NULL}};
    calr_lua_class(L, TOOLS, "", none, tools_meta);
    calr_lua_new_module(L, "calr.image.", none);
    tools *t = lua_newuserdatauv(L, sizeof *t, 0);
    *t = (tools){NULL, NULL, NULL};
    luaL_setmetatable(L, TOOLS);
    calr_lua_call(L, calr_decoder_new(&t->decoder));
    calr_lua_call(L, calr_jpeg_new(&t->jpeg));
    calr_lua_call(L, calr_resizer_new(&t->resizer));
    for (const calr_lua_function *function = functions; function->name; function++) {
        lua_pushvalue(L, -1);
        calr_lua_push_function(L, "calr.image.", function, 1);
        lua_setfield(L, -3, function->name);
    }
    lua_pop(L, 1);
    return 1;
}
