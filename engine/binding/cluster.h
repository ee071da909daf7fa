/* Distances as Lua values: what calr.cluster.jaccard returns and clustering takes. */
#ifndef CALR_BINDING_CLUSTER_H
#define CALR_BINDING_CLUSTER_H

#include <lua.h>

#include "cluster/csr.h"
#include "cluster/distance.h"

/* Pushes an empty "calr.distance" and returns its slot: NULL until the engine stores a square CSR
 * there, which the value then owns. Call calr_lua_account after that. */
calr_csr **calr_lua_new_distance(lua_State *L);

/* The distance at `arg`: a "calr.distance", or a dense f32[n x n] tensor, which is checked
 * (calr_distance_check). Borrowed from the value. An argument error otherwise. */
calr_distance calr_lua_check_distance(lua_State *L, int arg);

/* The CSR of a "calr.distance"; NULL when the value at `arg` is something else. */
const calr_csr *calr_lua_test_distance(lua_State *L, int arg);

#endif
