/* Graphs of neighbours as arguments, for the bindings of calr.cluster. */
#ifndef CALR_BINDING_GRAPH_H
#define CALR_BINDING_GRAPH_H

#include <lua.h>

#include "tensor/tensor.h"

/* Neighbours of features f32[n x d], which are looked for (k of them, the row itself counted, or all rows), or those
 * of a table {indices=i32[n x k], similarities=f32[n x k]}: borrowed tensors that the stack keeps alive. */
void calr_lua_check_neighbours(lua_State *L, int arg, int64_t k, calr_tensor **indices,
                               calr_tensor **similarities);

#endif
