/* Methods of tensors that live in other files than tensor.c. Each list ends with a NULL. */
#ifndef CALR_BINDING_METHODS_H
#define CALR_BINDING_METHODS_H

#include <lauxlib.h>

#include "binding/call.h"
#include "tensor/tensor.h"

/* tensor_create.c: functions of calr.tensor that make tensors, and the call of the module itself. */
extern const calr_lua_function calr_lua_creation_functions[];
extern const calr_lua_function calr_lua_creation_call[];
/* tensor_view.c: the same elements in other shapes. */
extern const calr_lua_function calr_lua_view_methods[];
/* ops.c: operations whose first argument is the tensor, and the operators. */
extern const calr_lua_function calr_lua_operation_methods[];
extern const calr_lua_function calr_lua_operators[];
/* autograd.c, autograd_hook.c: gradients. */
extern const calr_lua_function calr_lua_gradient_methods[];
extern const calr_lua_function calr_lua_hook_methods[];

/* The dimension at `arg`, from 1, or from the end when negative; returned from 0. */
int calr_lua_check_dim(lua_State *L, int arg, const calr_tensor *tensor);

/* The position at `arg`, from 1; returned from 0. Whether there is such an item, the engine checks. */
int64_t calr_lua_check_position(lua_State *L, int arg);
/* Writes the number at `arg` into an element. */
void calr_lua_set_element(lua_State *L, int arg, calr_tensor *tensor, const int64_t *index);

/* Reads {2, 3} at `arg` (nothing: a single number) into shape; returns the number of dimensions. */
int calr_lua_check_shape(lua_State *L, int arg, int64_t shape[CALR_MAX_DIMS]);
/* The same from separate arguments too: 2, 3. */
int calr_lua_check_shape_arguments(lua_State *L, int arg, int64_t shape[CALR_MAX_DIMS]);
/* The type named at `arg`, or the one to take where there is none. */
calr_dtype calr_lua_opt_dtype(lua_State *L, int arg, calr_dtype fallback);
/* Replaces the number or table on top of the stack by a tensor. */
void calr_lua_push_from_table(lua_State *L, calr_dtype dtype);

#endif
