/* Methods of tensors that live in other files than tensor.c. Each list ends with a NULL. */
#ifndef CALR_BINDING_METHODS_H
#define CALR_BINDING_METHODS_H

#include <lauxlib.h>

#include "binding/call.h"
#include "tensor/tensor.h"

/* ops.c: operations whose first argument is the tensor, and the operators. */
extern const calr_lua_function calr_lua_operation_methods[];
extern const calr_lua_function calr_lua_operators[];
/* autograd.c: gradients. */
extern const calr_lua_function calr_lua_gradient_methods[];

/* The dimension at `arg`, from 1, or from the end when negative; returned from 0. */
int calr_lua_check_dim(lua_State *L, int arg, const calr_tensor *tensor);

#endif
