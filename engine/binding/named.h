/* Tables of tensors by name, as files hold them. */
#ifndef CALR_BINDING_NAMED_H
#define CALR_BINDING_NAMED_H

#include <lua.h>

#include "tensor/tensor.h"

typedef struct calr_lua_named {
    const char *name; /* of the table's key */
    calr_tensor *tensor;
} calr_lua_named;

/* Reads the table {name = tensor} at `arg`; *count entries, sorted by name, borrowed and held, on the stack; the
 * names live as long as the table. Anything else in it is an error. */
calr_lua_named *calr_lua_check_named(lua_State *L, int arg, lua_Integer *count);

#endif
