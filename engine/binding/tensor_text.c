/* The numbers of a tensor, for people. */
#include "binding/bind.h"
#include "binding/methods.h"

#include <stdlib.h>

#include "tensor/text.h"

/// @module calr.tensor

/// calr.describe(x [, {threshold=1000, edgeitems=3, precision=4}])
/// The type, the shape and the numbers as text, laid out and summarised as NumPy does it: print(x:describe()). The
/// prompt shows tensors this way; tostring(x) gives type and shape alone.
/// @param threshold  of tensors with more elements than these, only the edges are shown
/// @param edgeitems  items at either end of each dimension then
/// @param precision  digits after the point at most, 0 to 17
/// @return string
static int tensor_describe(lua_State *L)
{
    static const char *const names[] = {"threshold", "edgeitems", "precision", NULL};
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    calr_lua_check_options(L, 2, names);
    calr_text_options options = {
        .threshold = calr_lua_option_integer(L, 2, "threshold", 1000, 0, INT64_MAX),
        .edge = calr_lua_option_integer(L, 2, "edgeitems", 3, 0, 1 << 20),
        .precision = (int)calr_lua_option_integer(L, 2, "precision", 4, 0, 17),
        .width = 100,
    };
    char **text = calr_lua_scratch(L, free);
    calr_lua_call(L, calr_tensor_text(t, &options, text));
    lua_pushstring(L, *text);
    return 1;
}

const calr_lua_function calr_lua_text_methods[] = {
    {"describe", tensor_describe, "x [, options]"},
    {NULL, NULL, NULL},
};
