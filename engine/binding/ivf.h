/* The approximate neighbours of calr.cluster.knn. */
#ifndef CALR_BINDING_IVF_H
#define CALR_BINDING_IVF_H

#include <lua.h>

#include "neighbours/knn.h"
#include "tensor/tensor.h"

/* Whether the options at `arg` (a table or nil) say approximate = true or a table, which is then pushed; an error if
 * it is neither that nor a boolean. */
int calr_lua_wants_approximate(lua_State *L, int arg);

/* Pushes the table of neighbours, made with the options on top of the stack (a table or true), and returns 1. */
int calr_lua_knn_approximate(lua_State *L, calr_tensor *x, calr_tensor *base, int64_t k,
                             calr_metric metric, int include_self);

#endif
