/* Distances as Lua values, for the bindings of calr.cluster. */
#ifndef CALR_BINDING_DISTANCE_H
#define CALR_BINDING_DISTANCE_H

#include <lua.h>

#include "cluster/distance.h"
#include "tensor/tensor.h"

/* The choices of the option "metric", in the order of calr_metric; NULL ends the list. */
extern const char *const calr_lua_metrics[];

/* Pushes an empty distance; what the engine stores in its slot belongs to it. */
calr_csr **calr_lua_new_distance(lua_State *L);

/* A distance, or a dense f32[n x n] tensor, which is checked. Borrowed. */
calr_distance calr_lua_check_distance(lua_State *L, int arg);

/* Pushes an empty i32[n] and returns it. */
calr_tensor *calr_lua_new_labels(lua_State *L, int64_t n);

#endif
