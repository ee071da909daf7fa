/* calr.loader: batches from a store, or from image files. */
#include "binding/bind.h"
#include "binding/modules.h"
#include "binding/store.h"

#include <string.h>

#include "base/size.h"
#include "loader/files.h"
#include "loader/source.h"

/// @module calr.loader
/// Batches of images, decoded, resized and augmented ahead of use by worker threads. The processing
/// of an image depends only on (seed, epoch, its place in the order), never on the number of workers.
/// Most scripts use split:batches of calr.data, which calls this.
/// @field training  table; the training augmentation: flip, pad, erase, jitter, brightness, contrast, saturation, hue,
///                  gray, blur and blur_sigma

#define LOADER "calr.loader"
#define CACHE  "calr.loader.cache"

typedef struct loader_value {
    calr_loader *loader; /* NULL: closed */
    calr_tensor *order;  /* i64[n], as the script gave it */
    int64_t batch;
    int views;
} loader_value;

typedef struct cache_value {
    calr_loader_cache *cache; /* NULL: closed */
    calr_store *store;        /* retained, so that another store cannot be taken for it */
} cache_value;

static const char *const filter_names[] = {
    [CALR_BICUBIC] = "bicubic", [CALR_BILINEAR] = "bilinear", NULL};

/* ---- options ---- */

/* Reads `count` numbers of the option, a table; leaves `numbers` alone when it is absent. */
static void option_numbers(lua_State *L, int arg, const char *name, double *numbers, int count)
{
    if (calr_lua_push_option(L, arg, name) != LUA_TNIL) {
        if (!lua_istable(L, -1) || luaL_len(L, -1) != count)
            luaL_error(L, "option \"%s\" must be a table of %d numbers", name, count);
        for (int i = 0; i < count; i++) {
            if (lua_geti(L, -1, i + 1) != LUA_TNUMBER)
                luaL_error(L, "option \"%s\" must be a table of %d numbers", name, count);
            numbers[i] = lua_tonumber(L, -1);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

static void option_colors(lua_State *L, int arg, const char *name, float colors[3])
{
    double numbers[3] = {colors[0], colors[1], colors[2]};
    option_numbers(L, arg, name, numbers, 3);
    for (int c = 0; c < 3; c++)
        colors[c] = (float)numbers[c];
}

/* What changes colours in the table `augment`. */
static void option_color(lua_State *L, int table, calr_color *color)
{
    color->jitter = calr_lua_option_number(L, table, "jitter", color->jitter, 0, 1);
    color->brightness = calr_lua_option_number(L, table, "brightness", color->brightness, 0, 100);
    color->contrast = calr_lua_option_number(L, table, "contrast", color->contrast, 0, 100);
    color->saturation = calr_lua_option_number(L, table, "saturation", color->saturation, 0, 100);
    color->hue = calr_lua_option_number(L, table, "hue", color->hue, 0, 0.5);
    color->gray = calr_lua_option_number(L, table, "gray", color->gray, 0, 1);
    color->blur = calr_lua_option_number(L, table, "blur", color->blur, 0, 1);
    option_numbers(L, table, "blur_sigma", color->blur_sigma, 2);
}

/* The option `augment`: false, true, or a table that changes some of the training augmentation. */
static void option_augment(lua_State *L, int arg, calr_augment *augment)
{
    static const char *const names[] = {
        "flip",   "pad",        "erase",    "erase_area", "erase_aspect", "erase_after_normalize",
        "jitter", "brightness", "contrast", "saturation", "hue",          "gray",
        "blur",   "blur_sigma", NULL};
    int type = calr_lua_push_option(L, arg, "augment"), table = lua_gettop(L);
    if (type == LUA_TTABLE || (type == LUA_TBOOLEAN && lua_toboolean(L, table)))
        *augment = calr_augment_training(augment->height, augment->width);
    if (type == LUA_TTABLE) {
        calr_lua_check_options(L, table, names);
        augment->flip = calr_lua_option_number(L, table, "flip", augment->flip, 0, 1);
        augment->pad = (int)calr_lua_option_integer(L, table, "pad", augment->pad, 0, 65535);
        augment->erase = calr_lua_option_number(L, table, "erase", augment->erase, 0, 1);
        option_numbers(L, table, "erase_area", augment->erase_area, 2);
        option_numbers(L, table, "erase_aspect", augment->erase_aspect, 2);
        augment->erase_after_normalize = calr_lua_option_boolean(L, table, "erase_after_normalize",
                                                                 augment->erase_after_normalize);
        option_color(L, table, &augment->color);
    } else if (type != LUA_TNIL && type != LUA_TBOOLEAN) {
        luaL_error(L, "option \"augment\" must be true, false or a table, not a %s",
                   luaL_typename(L, table));
    }
    lua_settop(L, table - 1);
}

static int required_side(lua_State *L, int arg, const char *name)
{
    int64_t side = calr_lua_option_integer(L, arg, name, 0, 1, 65535);
    if (side == 0)
        luaL_error(L, "option \"%s\" is missing (pixels)", name);
    return (int)side;
}

static const char *const open_names[] = {
    "records", "order",       "batch", "height",   "width",      "filter",  "mean",
    "std",     "augment",     "seed",  "epoch",    "first_slot", "workers", "ahead",
    "views",   "pixel_limit", "cache", "skip_bad", NULL};

static calr_loader_options read_options(lua_State *L, int arg)
{
    calr_loader_options options = calr_loader_options_default(required_side(L, arg, "height"),
                                                              required_side(L, arg, "width"));
    option_augment(L, arg, &options.augment);
    options.augment.filter =
        (calr_filter)calr_lua_option_choice(L, arg, "filter", CALR_BICUBIC, filter_names);
    option_colors(L, arg, "mean", options.augment.mean);
    option_colors(L, arg, "std", options.augment.std);
    options.batch = calr_lua_option_integer(L, arg, "batch", options.batch, 1, INT32_MAX);
    options.seed = (uint64_t)calr_lua_option_integer(L, arg, "seed", 0, INT64_MIN, INT64_MAX);
    options.epoch = (uint32_t)calr_lua_option_integer(L, arg, "epoch", 0, 0, UINT32_MAX);
    options.first_slot = calr_lua_option_integer(L, arg, "first_slot", 0, 0, INT64_MAX);
    options.workers = (int)calr_lua_option_integer(L, arg, "workers", -1, -1, 256);
    options.ahead = (int)calr_lua_option_integer(L, arg, "ahead", options.ahead, 1, 64);
    options.views =
        (int)calr_lua_option_integer(L, arg, "views", options.views, 1, CALR_AUGMENT_VIEWS);
    options.pixel_limit = calr_lua_option_integer(L, arg, "pixel_limit", 0, 0, INT64_MAX);
    options.skip_bad = calr_lua_option_boolean(L, arg, "skip_bad", 0);
    return options;
}

static calr_loader_cache *option_cache(lua_State *L, int arg, const calr_store *store)
{
    calr_loader_cache *cache = NULL;
    if (calr_lua_push_option(L, arg, "cache") != LUA_TNIL) {
        cache_value *value = luaL_testudata(L, -1, CACHE);
        if (!value)
            luaL_error(L, "option \"cache\" must be a cache of calr.loader.cache, not a %s",
                       luaL_typename(L, -1));
        if (!value->cache)
            luaL_error(L, "the cache was closed");
        if (value->store != store)
            luaL_error(L, "the cache was made for another store");
        cache = calr_lua_hold(L, value->cache);
    }
    lua_pop(L, 1);
    return cache;
}

/* ---- the images ---- */

/* The list of paths at `arg` as a source, which the caller gives to a loader. */
static calr_loader_source make_file_source(lua_State *L, int arg)
{
    int64_t count;
    const char *const *paths = calr_lua_check_paths(L, arg, &count);
    calr_loader_source source;
    calr_lua_call(L, calr_loader_file_source(paths, count, &source));
    return source;
}

/* ---- the order ---- */

/* The order that the script gave (a copy), or all positions 0 .. count-1. */
static calr_status make_order(const calr_tensor *given, int64_t count, calr_tensor **out)
{
    if (given)
        return calr_tensor_clone(given, out);
    CALR_TRY(calr_tensor_new(CALR_I64, 1, &count, out));
    for (int64_t i = 0; i < count; i++)
        calr_tensor_i64(*out)[i] = i;
    return CALR_OK;
}

/* image[i] = records[order[i]], the store's numbers. */
static calr_status resolve(const calr_tensor *order, const calr_tensor *records, calr_tensor **out)
{
    int64_t count = calr_tensor_numel(order), most = calr_tensor_numel(records);
    const int64_t *at = calr_tensor_i64(order), *record = calr_tensor_i64(records);
    for (int64_t i = 0; i < count; i++)
        if (at[i] < 0 || at[i] >= most)
            return calr_error(CALR_EINVAL,
                              "item %lld of the order is %lld; the positions are 0 to %lld",
                              (long long)i + 1, (long long)at[i], (long long)most - 1);
    CALR_TRY(calr_tensor_new(CALR_I64, 1, &count, out));
    for (int64_t i = 0; i < count; i++)
        calr_tensor_i64(*out)[i] = record[at[i]];
    return CALR_OK;
}

/// calr.loader.open(source, {height=, width=, batch=64, order=, augment=false, ...})
/// Starts making batches of the images of a store, or of image files, in a given order.
///
///     for images, index in calr.loader.open(store, { height = 128, width = 64 }) do ... end
///
/// Call the result for each batch: it returns images, f32[b x height x width x 3], normalised,
/// and index, i64[b], their items of the order, and with views=2 a second view of the images in a
/// tensor of the same shape; after the last batch, nil. An image that cannot be decoded raises an
/// error that names it. To end early, close the loader (close(), or a <close> variable).
/// @param source       an open store, or a list of paths of JPEG, PNG and BMP files
/// @param height       of the output images
/// @param width        of the output images
/// @param batch        images per batch; the last batch holds the rest
/// @param records      i64[n], numbers of the source's images from 0; default: all
/// @param order        i64[m], positions in records from 0, repeated or left out at will; the
///                     default is all, in order
/// @param augment      false: resize and normalise only. true: the training augmentation, in this
///                     order: flip with probability 0.5, a black border of 10 pixels and a random
///                     cut, normalise, erase a random rectangle with probability 0.5. A table
///                     changes some of it: {flip=0.5, pad=10, erase=0.5, erase_area={0.02, 0.4}
///                     (fractions of the image), erase_aspect={0.3, 3.33} (height / width),
///                     erase_after_normalize=true (fill with the numbers of mean; false: with the
///                     mean colour)}, and, between cut and normalisation, as torchvision does on
///                     tensors: {jitter=0 (probability of ColorJitter: brightness=0.15,
///                     contrast=0.15, saturation=0.1, hue=0.1, in a random order), gray=0
///                     (probability of a grey image), blur=0 (probability of a Gaussian blur),
///                     blur_sigma={0.1, 2} (pixels)}
/// @param filter       "bicubic" (default) or "bilinear", both antialiased as Pillow's
/// @param mean         list of numbers; of the three channels, for values in 0 .. 1; the default is ImageNet's
/// @param std          list of numbers; deviation of the three channels; the default is ImageNet's
/// @param seed         names the random numbers, with epoch and the place in the order; 0
/// @param epoch        0
/// @param first_slot   the place of the order's first item, 0: for resuming in the middle of an
///                     epoch
/// @param workers      threads that work ahead; 0: none, all threads make a batch on request.
///                     The default is 2, or 1 if one thread is in use
/// @param ahead        batches in progress or waiting, 3
/// @param views        integer: with 2 each batch has a second view of each image, augmented by
///                     separate random numbers; the first view stays as it is. 1
/// @param pixel_limit  larger JPEG images (width x height) are refused; 67108864
/// @param cache        from calr.loader.cache: decode each image once; of a store only
/// @param skip_bad     an image that cannot be read or decoded is left black, and loader:bad() tells of it; false
/// @return loader
static int loader_open(lua_State *L)
{
    calr_store *store = lua_istable(L, 1) ? NULL : calr_lua_check_store(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    calr_lua_check_options(L, 2, open_names);
    calr_loader_options options = read_options(L, 2);
    calr_tensor *records = calr_lua_option_form(L, 2, "records", 0, CALR_I64, 1, "i64[n]");
    calr_tensor *order = calr_lua_option_form(L, 2, "order", 0, CALR_I64, 1, "i64[m]");
    options.cache = option_cache(L, 2, store);

    loader_value *value = lua_newuserdatauv(L, sizeof *value, 0);
    *value = (loader_value){.batch = options.batch, .views = options.views};
    luaL_setmetatable(L, LOADER);
    int64_t most = store ? calr_store_count(store) : calr_lua_length(L, 1);
    int64_t count = records ? calr_tensor_numel(records) : most;
    calr_lua_call(L, make_order(order, count, &value->order));
    calr_tensor *images = value->order;
    if (records) {
        calr_tensor **slot = calr_lua_new_tensor(L);
        calr_lua_call(L, resolve(value->order, records, slot));
        images = *slot;
    }
    calr_loader_source source = store ? calr_loader_store_source(store) : make_file_source(L, 1);
    calr_lua_call(L, calr_loader_new(&source, calr_tensor_i64(images), calr_tensor_numel(images),
                                     &options, &value->loader));
    lua_settop(L, 3);
    return 1;
}

/* ---- the loader ---- */

/* A copy: the value loses both when it is closed. */
static loader_value check_loader(lua_State *L, int arg)
{
    const loader_value *value = luaL_checkudata(L, arg, LOADER);
    luaL_argcheck(L, value->loader, arg, "this loader was closed");
    calr_lua_hold(L, value->loader);
    calr_lua_hold(L, value->order);
    return *value;
}

/// loader:next()
/// Returns the next batch; calling the loader itself does the same.
/// @return tensor  f32[b x height x width x 3], or nil after the last batch
/// @return tensor  i64[b], the items of the order
/// @return tensor  with views=2, f32[b x height x width x 3]: the second view of the same images
static int loader_next(lua_State *L)
{
    loader_value value = check_loader(L, 1);
    lua_settop(L, 1);
    int64_t first = 0;
    calr_tensor **images = calr_lua_new_tensor(L), **index = calr_lua_new_tensor(L),
                **second = calr_lua_new_tensor(L), *views[CALR_AUGMENT_VIEWS] = {NULL};
    calr_lua_call(L, calr_loader_next(value.loader, views, &first));
    if (!views[0]) {
        lua_pushnil(L);
        return 1;
    }
    *images = views[0];
    *second = views[1];
    int64_t count = (*images)->shape[0];
    calr_lua_call(L, calr_tensor_new(CALR_I64, 1, &count, index));
    memcpy(calr_tensor_i64(*index), calr_tensor_i64(value.order) + first,
           (size_t)count * sizeof(int64_t));
    calr_lua_account(L);
    lua_settop(L, value.views + 2);
    return value.views + 1;
}

/// loader:bad()
/// With skip_bad, the images of the batch returned last that could not be read or decoded; they are black.
/// @return table  list of {at = place in the batch, from 1, reason = text that names the image}
static int loader_bad(lua_State *L)
{
    loader_value value = check_loader(L, 1);
    int64_t count = 0, size = value.batch;
    const calr_loader_fault *bad = calr_loader_bad(value.loader, &count);
    lua_createtable(L, (int)(count < size ? count : size), 0);
    for (int64_t i = 0; i < count; i++) {
        lua_createtable(L, 0, 2);
        calr_lua_set_integer(L, -1, "at", bad[i].position % size + 1);
        calr_lua_set_string(L, -1, "reason", bad[i].message);
        lua_seti(L, -2, i + 1);
    }
    return 1;
}

/// loader:count()
/// @return integer  images of the whole order
static int loader_count(lua_State *L)
{
    lua_pushinteger(L, calr_tensor_numel(check_loader(L, 1).order));
    return 1;
}

/// loader:batches()
/// @return integer  batches of the whole order
static int loader_batches(lua_State *L)
{
    loader_value value = check_loader(L, 1);
    int64_t count = calr_tensor_numel(value.order);
    lua_pushinteger(L, count / value.batch + (count % value.batch != 0));
    return 1;
}

static void release_loader(void *loader)
{
    calr_loader_release(loader);
}

static void release_order(void *order)
{
    calr_tensor_release(order);
}

/// loader:close()
/// Stops the workers and frees prepared batches. Returned batches stay. A second call does nothing.
static int loader_close(lua_State *L)
{
    loader_value *value = luaL_checkudata(L, 1, LOADER), closed = *value;
    value->loader = NULL;
    value->order = NULL;
    calr_lua_let_go(closed.loader, release_loader);
    calr_lua_let_go(closed.order, release_order);
    return 0;
}

static int loader_tostring(lua_State *L)
{
    loader_value *value = luaL_checkudata(L, 1, LOADER);
    if (!value->loader)
        lua_pushliteral(L, "closed loader");
    else
        lua_pushfstring(L, "loader of %I images in batches of %I",
                        (lua_Integer)calr_tensor_numel(value->order), (lua_Integer)value->batch);
    return 1;
}

/* ---- the cache ---- */

/// calr.loader.cache(store, {height=, width=, filter="bicubic", bytes=1073741824})
/// Makes a cache of resized images, so that many epochs over little data decode each image once. The
/// loaders that use it fill it with the first images they process; it never changes a result.
/// @param store   an open store
/// @param height  of the images
/// @param width   of the images
/// @param filter  "bicubic" or "bilinear"
/// @param bytes   largest size
/// @return cache
static int cache_new(lua_State *L)
{
    static const char *const names[] = {"height", "width", "filter", "bytes", NULL};
    calr_store *store = calr_lua_check_store(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    calr_lua_check_options(L, 2, names);
    int height = required_side(L, 2, "height"), width = required_side(L, 2, "width");
    int filter = calr_lua_option_choice(L, 2, "filter", CALR_BICUBIC, filter_names);
    int64_t bytes = calr_lua_option_integer(L, 2, "bytes", (int64_t)1 << 30, 0, INT64_MAX);
    cache_value *value = lua_newuserdatauv(L, sizeof *value, 0);
    *value = (cache_value){0};
    luaL_setmetatable(L, CACHE);
    calr_lua_call(L, calr_loader_cache_new(calr_store_count(store), height, width,
                                           (calr_filter)filter, (size_t)bytes, &value->cache));
    value->store = calr_store_retain(store);
    return 1;
}

static calr_loader_cache *check_cache(lua_State *L, int arg)
{
    const cache_value *value = luaL_checkudata(L, arg, CACHE);
    luaL_argcheck(L, value->cache, arg, "this cache was closed");
    return calr_lua_hold(L, value->cache);
}

/// cache:bytes()
/// @return integer  bytes kept now
static int cache_bytes(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)calr_loader_cache_bytes(check_cache(L, 1)));
    return 1;
}

/// cache:images()
/// @return integer  images kept now
static int cache_images(lua_State *L)
{
    lua_pushinteger(L, calr_loader_cache_images(check_cache(L, 1)));
    return 1;
}

static void release_cache(void *cache)
{
    calr_loader_cache_release(cache);
}

static void release_store(void *store)
{
    calr_store_release(store);
}

/// cache:close()
/// Frees the images once no loader uses them. A second call does nothing.
static int cache_close(lua_State *L)
{
    cache_value *value = luaL_checkudata(L, 1, CACHE), closed = *value;
    *value = (cache_value){0};
    calr_lua_let_go(closed.cache, release_cache);
    calr_lua_let_go(closed.store, release_store);
    return 0;
}

static const calr_lua_function functions[] = {
    {"open", loader_open, "source, options"},
    {"cache", cache_new, "store, options"},
    {NULL, NULL, NULL},
};

static const calr_lua_function loader_methods[] = {
    {"bad", loader_bad, "self"},     {"next", loader_next, "self"},
    {"count", loader_count, "self"}, {"batches", loader_batches, "self"},
    {"close", loader_close, "self"}, {NULL, NULL, NULL},
};

static const calr_lua_function loader_meta[] = {
    {"__call", loader_next, NULL},         {"__gc", loader_close, NULL},
    {"__close", loader_close, NULL},       {"__len", loader_batches, NULL},
    {"__tostring", loader_tostring, NULL}, {NULL, NULL, NULL},
};

static const calr_lua_function cache_methods[] = {
    {"bytes", cache_bytes, "self"},
    {"images", cache_images, "self"},
    {"close", cache_close, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function cache_meta[] = {
    {"__gc", cache_close, NULL},
    {"__close", cache_close, NULL},
    {NULL, NULL, NULL},
};

/* What calr_augment_training says, for whoever makes options of it. */
static void push_training(lua_State *L)
{
    calr_augment training = calr_augment_training(1, 1);
    const calr_color *color = &training.color;
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"flip", training.flip},       {"erase", training.erase},
        {"jitter", color->jitter},     {"brightness", color->brightness},
        {"contrast", color->contrast}, {"saturation", color->saturation},
        {"hue", color->hue},           {"gray", color->gray},
        {"blur", color->blur},
    };
    lua_createtable(L, 0, 11);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        calr_lua_set_number(L, -1, numbers[i].name, numbers[i].value);
    }
    calr_lua_set_integer(L, -1, "pad", training.pad);
    lua_createtable(L, 2, 0);
    for (int i = 0; i < 2; i++) {
        lua_pushnumber(L, color->blur_sigma[i]);
        lua_seti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "blur_sigma");
}

int luaopen_calr_loader(lua_State *L)
{
    calr_lua_class(L, LOADER, "loader:", loader_methods, loader_meta);
    calr_lua_class(L, CACHE, "cache:", cache_methods, cache_meta);
    calr_lua_new_module(L, "calr.loader.", functions);
    push_training(L);
    lua_setfield(L, -2, "training");
    return 1;
}
