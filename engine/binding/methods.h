/* Methods of tensors that live in other files than tensor.c. Each list ends with {NULL, NULL}. */
#ifndef CALR_BINDING_METHODS_H
#define CALR_BINDING_METHODS_H

#include <lauxlib.h>

#include "tensor/tensor.h"

/* ops.c: operations whose first argument is the tensor, and the operators. */
extern const luaL_Reg calr_lua_operation_methods[];
extern const luaL_Reg calr_lua_operators[];
/* autograd.c: gradients. */
extern const luaL_Reg calr_lua_gradient_methods[];

/* The dimension at `arg`, from 1, or from the end when negative; returned from 0. */
int calr_lua_check_dim(lua_State *L, int arg, const calr_tensor *tensor);

#endif
