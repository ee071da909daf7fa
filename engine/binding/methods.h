/* Methods of tensors that live in other files than tensor.c. Each list ends with a NULL. */
#ifndef CALR_BINDING_METHODS_H
#define CALR_BINDING_METHODS_H

#include <lauxlib.h>

#include "autograd/ops.h"
#include "backend/activation.h"
#include "backend/elements.h"
#include "binding/call.h"
#include "tensor/tensor.h"

/* The vocabulary, by family: functions whose first argument is a tensor, each a function calr.NAME and a method
 * x:NAME. tensor.c lists the families. */
extern const calr_lua_function calr_lua_function_methods[];    /* tensor_functions.c */
extern const calr_lua_function calr_lua_element_methods[];     /* tensor_elements.c */
extern const calr_lua_function calr_lua_operation_methods[];   /* ops.c */
extern const calr_lua_function calr_lua_layer_methods[];       /* tensor_layers.c */
extern const calr_lua_function calr_lua_creation_methods[];    /* tensor_create.c */
extern const calr_lua_function calr_lua_reduction_methods[];   /* tensor_reduce.c */
extern const calr_lua_function calr_lua_view_methods[];        /* tensor_view.c */
extern const calr_lua_function calr_lua_rearrange_methods[];   /* tensor_rearrange.c */
extern const calr_lua_function calr_lua_text_methods[];        /* tensor_text.c */
extern const calr_lua_function calr_lua_item_methods[];        /* tensor_items.c */
extern const calr_lua_function calr_lua_linalg_methods[];      /* tensor_linalg.c */
extern const calr_lua_function calr_lua_position_methods[];    /* tensor_positions.c */
extern const calr_lua_function calr_lua_order_methods[];       /* tensor_order.c */
extern const calr_lua_function calr_lua_random_methods[];      /* tensor_random.c */
extern const calr_lua_function calr_lua_convolution_methods[]; /* convolution.c */
/* Functions calr.NAME that are no methods. */
extern const calr_lua_function calr_lua_random_functions[];    /* tensor_random.c */
extern const calr_lua_function calr_lua_rearrange_functions[]; /* tensor_rearrange.c */
extern const calr_lua_function calr_lua_operation_functions[]; /* ops.c */
extern const calr_lua_function calr_lua_word_functions[];      /* tensor_words.c */
/* tensor_create.c: functions of calr.tensor that make tensors, and the call of the module itself. */
extern const calr_lua_function calr_lua_creation_functions[];
extern const calr_lua_function calr_lua_creation_call[];
/* Metamethods. */
extern const calr_lua_function calr_lua_operators[];           /* tensor_elements.c */
extern const calr_lua_function calr_lua_item_metamethods[];    /* tensor_items.c */
extern const calr_lua_function calr_lua_bracket_metamethods[]; /* tensor_index.c */
/* Methods that are no functions. */
extern const calr_lua_function calr_lua_gradient_methods[]; /* autograd.c */
extern const calr_lua_function calr_lua_hook_methods[];     /* autograd_hook.c */

/* The class of generators: rng.c, whose values are a calr_rng. */
#define CALR_LUA_RNG "calr.rng"

/* Runs an operation into a new tensor value: PUSH(L, calr_op_relu(x, slot)). */
#define PUSH(L, call_with_slot)                                                                    \
    do {                                                                                           \
        calr_tensor **slot = calr_lua_new_tensor(L);                                               \
        calr_lua_call(L, call_with_slot);                                                          \
        calr_lua_account(L);                                                                       \
    } while (0)

/* The dimensions at `arg`, a number or a list of them; each at most once, from 0, ascending. Nothing: all. Returns how
 * many. */
int calr_lua_check_dims(lua_State *L, int arg, const calr_tensor *tensor, int dims[CALR_MAX_DIMS]);
/* The dimensions that are the list at `arg`, or the arguments from there on, in the order given, each named once, from
 * 0; returns how many. */
int calr_lua_check_order(lua_State *L, int arg, const calr_tensor *tensor, int dims[CALR_MAX_DIMS]);
/* The boolean at `arg`; `fallback` where there is nothing. Another type is an error. */
bool calr_lua_opt_boolean(lua_State *L, int arg, bool fallback);
/* The element type named at `arg`. */
calr_dtype calr_lua_opt_dtype(lua_State *L, int arg, calr_dtype fallback);
/* The whole numbers that are the list at `arg`, or the arguments from `arg` to the last; returns how many, at most
 * CALR_MAX_DIMS. `what` they are, for messages. */
int calr_lua_check_numbers(lua_State *L, int arg, const char *what, int64_t numbers[CALR_MAX_DIMS]);
/* Reads a shape into `shape`: a list at `arg`, or whole numbers from `arg` up to the last argument. Returns the number
 * of dimensions. */
int calr_lua_check_shape(lua_State *L, int arg, int64_t shape[CALR_MAX_DIMS]);
/* The list of tensors at `arg`, one at least; borrowed and held, the array is on the stack. */
calr_tensor **calr_lua_check_tensors(lua_State *L, int arg, lua_Integer *count);
/* A tensor, or nil where it may be absent. */
calr_tensor *calr_lua_opt_tensor(lua_State *L, int arg);
/* A tensor that is about to be written in place, by the function `name`. */
calr_tensor *calr_lua_check_writable(lua_State *L, int arg, const char *name);

/* The dimension `given` at `arg`, of `ndim` (one more than the tensor's where one is put in), from 1, or from the end
 * when negative; returned from 0. */
int calr_lua_resolve_dim(lua_State *L, int arg, lua_Integer given, const calr_tensor *tensor,
                         int ndim);
/* The dimension at `arg`, from 1, or from the end when negative; returned from 0. */
int calr_lua_check_dim(lua_State *L, int arg, const calr_tensor *tensor);

/* The position at `arg` in a dimension, from 1, or from the end when negative; returned from 0. Whether there are so
 * many items, the engine checks. */
int64_t calr_lua_check_position(lua_State *L, int arg, const calr_tensor *tensor, int dim);
/* An error if an argument follows the list at `arg`, which takes the place of several numbers. */
void calr_lua_check_last_list(lua_State *L, int arg);
/* Pushes an element, whose position is in range. */
void calr_lua_push_element(lua_State *L, const calr_tensor *tensor, const int64_t *index);
/* Writes the number at `arg` into an element. */
void calr_lua_set_element(lua_State *L, int arg, calr_tensor *tensor, const int64_t *index);

/* Replaces the number or table on top of the stack by a tensor. */
void calr_lua_push_from_table(lua_State *L, calr_dtype dtype);

/* A tensor of the number at `arg`, for arithmetic with `x`; it belongs to the stack. It never widens the type of x
 * within its kind. */
calr_tensor *calr_lua_number_operand(lua_State *L, int arg, const calr_tensor *x);
/* The two operands at `first` and `second`: tensors, or one of them a number. */
void calr_lua_check_operands(lua_State *L, int first, int second, calr_tensor **a, calr_tensor **b);
/* The function of the tensor at 1, or that tensor changed by it where the running function is NAME_. */
int calr_lua_push_unary(lua_State *L, calr_unary op, const double p[2]);
/* Pushes what reads x[key] for keys that are no strings. */
void calr_lua_push_index(lua_State *L);
/* Pushes the function of the vocabulary that the string at index 2 names and the table at index `table` lacks, from a
 * page in Lua (lua/calr/vocabulary), and keeps it there. Where there is none: an error that begins with `complaint`
 * and names the nearest. */
void calr_lua_push_word(lua_State *L, int table, const char *complaint);

/* The options "activation" and (its former form) "relu" of the table at `arg`; ops.c. */
calr_activation calr_lua_option_activation(lua_State *L, int arg);
/* The options "stride", "padding", "dilation" and "groups"; convolution.c. */
calr_conv2d_options calr_lua_option_convolution(lua_State *L, int arg);

#endif
