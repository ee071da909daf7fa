/* Order and running totals: sorted, the largest, counts, sums of all numbers so far. */
#include "binding/bind.h"
#include "binding/methods.h"

#include "autograd/ops.h"
#include "autograd/ops_index.h"

/// @module calr.tensor

/* The dimension at `arg`, from 0; the last where there is none. */
static int opt_dim(lua_State *L, int arg, const calr_tensor *x)
{
    if (!lua_isnoneornil(L, arg))
        return calr_lua_check_dim(L, arg, x);
    return x->ndim > 0 ? x->ndim - 1 : 0;
}

/* Two new tensors, on the stack. */
typedef struct pair {
    calr_tensor **values, **positions;
} pair;

static pair new_pair(lua_State *L)
{
    pair p;
    p.values = calr_lua_new_tensor(L);
    p.positions = calr_lua_new_tensor(L);
    return p;
}

static int push_pair(lua_State *L)
{
    calr_lua_account(L);
    lua_pushvalue(L, -2);
    calr_lua_account(L);
    lua_pop(L, 1);
    return 2;
}

/// calr.sort(x [, dim, descending, stable])
/// Sorts along a dimension. NaN comes after all numbers (first when descending). Equal elements keep their order:
/// the sort is always stable.
/// @param x           tensor of any type but f16
/// @param dim         integer; from 1; the last by default
/// @param descending  boolean; false by default
/// @param stable      boolean; may be given, and changes nothing
/// @return tensor  the values
/// @return tensor  i64: the position, from 0, that each had
static int order_sort(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int dim = opt_dim(L, 2, x);
    bool descending = calr_lua_opt_boolean(L, 3, false);
    calr_lua_opt_boolean(L, 4, true);
    pair p = new_pair(L);
    calr_lua_call(L, calr_op_sort(x, dim, descending, p.values, p.positions));
    return push_pair(L);
}

/// calr.argsort(x [, dim, descending, stable])
/// The positions that sort a dimension: the second result of calr.sort.
/// @param dim         integer; from 1; the last by default
/// @param descending  boolean; false by default
/// @param stable      boolean; may be given, and changes nothing
/// @return tensor  i64, from 0
static int order_argsort(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int dim = opt_dim(L, 2, x);
    bool descending = calr_lua_opt_boolean(L, 3, false);
    calr_lua_opt_boolean(L, 4, true);
    PUSH(L, calr_op_sort(x, dim, descending, NULL, slot));
    return 1;
}

/// calr.topk(x, k [, dim, largest, sorted])
/// The k largest (or smallest) elements of a dimension. NaN counts as the largest; of equal elements the first come
/// first.
/// @param k        integer; 0 to the length of the dimension
/// @param dim      integer; from 1; the last by default
/// @param largest  boolean; true by default; false: the smallest
/// @param sorted   boolean; true by default: in order. false: in any order, which is faster
/// @return tensor  the values
/// @return tensor  i64: their positions, from 0
static int order_topk(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    lua_Integer k = luaL_checkinteger(L, 2);
    int dim = opt_dim(L, 3, x);
    bool largest = calr_lua_opt_boolean(L, 4, true), sorted = calr_lua_opt_boolean(L, 5, true);
    pair p = new_pair(L);
    calr_lua_call(L, calr_op_topk(x, k, dim, largest, sorted, p.values, p.positions));
    return push_pair(L);
}

/// calr.kthvalue(x, k [, dim, keepdim])
/// The k-th smallest element of a dimension.
/// @param k        integer; from 1 (the smallest) to the length of the dimension
/// @param dim      integer; from 1; the last by default
/// @param keepdim  boolean; true: the dimension stays, with length 1
/// @return tensor  the values
/// @return tensor  i64: their positions, from 0
static int order_kthvalue(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    lua_Integer k = luaL_checkinteger(L, 2);
    int dim = opt_dim(L, 3, x);
    bool keepdim = calr_lua_opt_boolean(L, 4, false);
    pair p = new_pair(L);
    calr_lua_call(L, calr_op_kthvalue(x, k, dim, keepdim, p.values, p.positions));
    return push_pair(L);
}

/// calr.median(x [, dim, keepdim])
/// The middle element: of an even number of elements the lower of the two (calr.quantile(x, .5) lies between them). NaN
/// where there is one.
/// @param dim      integer; from 1; left out: of all elements, and only the value is returned
/// @param keepdim  boolean; true: the dimension stays, with length 1
/// @return tensor  the values
/// @return tensor  i64: their positions, from 0
static int order_median(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    bool all = lua_isnoneornil(L, 2), keepdim = calr_lua_opt_boolean(L, 3, false);
    int dim = all ? 0 : calr_lua_check_dim(L, 2, x);
    if (all) {
        int64_t every = -1;
        luaL_argcheck(L, !keepdim, 3, "keepdim needs a dim");
        calr_tensor **list = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_op_reshape(x, 1, &every, list));
        x = *list;
    }
    pair p = new_pair(L);
    calr_lua_call(L, calr_op_median(x, dim, keepdim, p.values, p.positions));
    push_pair(L);
    lua_settop(L, all ? -2 : -1);
    return all ? 1 : 2;
}

/// calr.unique(x [, return_inverse, return_counts])
/// The different elements of a tensor, ascending, as a list. NaN differs from NaN.
/// @param return_inverse  boolean; true: also which of them each element is
/// @param return_counts   boolean; true: also how often each occurs
/// @return tensor  the elements
/// @return tensor  with return_inverse: i64, the shape of x, from 0
/// @return tensor  with return_counts: i64
static int order_unique(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    bool inverse = calr_lua_opt_boolean(L, 2, false), counts = calr_lua_opt_boolean(L, 3, false);
    calr_tensor **found = calr_lua_new_tensor(L);
    calr_tensor **which = inverse ? calr_lua_new_tensor(L) : NULL;
    calr_tensor **many = counts ? calr_lua_new_tensor(L) : NULL;
    calr_lua_call(L, calr_op_unique(x, found, which, many));
    calr_lua_account(L);
    return 1 + inverse + counts;
}

/// calr.bincount(x [, weights, minlength])
/// How often each of the numbers 0, 1, 2 ... occurs; or the sums of their weights, with a gradient to the weights.
/// @param x          tensor; whole numbers from 0, one dimension
/// @param weights    tensor of the shape of x
/// @param minlength  integer; the result is at least so long
/// @return tensor  i64[largest number + 1], or the type of the weights
static int order_bincount(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1), *weights = calr_lua_opt_tensor(L, 2);
    lua_Integer least = luaL_optinteger(L, 3, 0);
    luaL_argcheck(L, least >= 0, 3, "minlength must be 0 or more");
    PUSH(L, calr_op_bincount(x, weights, least, slot));
    return 1;
}

/// calr.histc(x [, bins, min, max])
/// The number of elements in each of `bins` equal intervals of min .. max. Elements outside do not count; max
/// itself belongs to the last interval.
/// @param x     tensor; f32, f64 or bf16
/// @param bins  integer; 100 by default
/// @param min   number; with min and max both 0, the default, those of the elements
/// @param max   number
/// @return tensor  [bins], the type of x
static int order_histc(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    lua_Integer bins = luaL_optinteger(L, 2, 100);
    double low = luaL_optnumber(L, 3, 0), high = luaL_optnumber(L, 4, 0);
    PUSH(L, calr_op_histc(x, bins, low, high, slot));
    return 1;
}

/* {low, high} at `arg`; 0 and 0 where there is nothing. */
static void opt_range(lua_State *L, int arg, double *low, double *high)
{
    *low = *high = 0;
    if (lua_isnoneornil(L, arg))
        return;
    luaL_checktype(L, arg, LUA_TTABLE);
    lua_geti(L, arg, 1);
    lua_geti(L, arg, 2);
    if (lua_type(L, -1) != LUA_TNUMBER || lua_type(L, -2) != LUA_TNUMBER)
        luaL_argerror(L, arg, "a range is {low, high}");
    *low = lua_tonumber(L, -2);
    *high = lua_tonumber(L, -1);
    lua_pop(L, 2);
}

/// calr.histogram(x, bins [, range, weight, density])
/// The number of elements in intervals. An element on an edge belongs to the interval above it; the last interval holds
/// its upper edge too. Elements outside do not count.
/// @param x        tensor; f32, f64 or bf16
/// @param bins     integer or tensor; how many equal intervals; or their edges, ascending
/// @param range    list of two numbers; {low, high} of the equal intervals; those of the elements by default
/// @param weight   tensor; of the shape of x: elements count so much
/// @param density  boolean; true: parts of the whole, for one unit of width
/// @return tensor  [bins], the type of x
/// @return tensor  [bins + 1]: the edges
static int order_histogram(lua_State *L)
{
    double low, high;
    calr_tensor *x = calr_lua_check_tensor(L, 1), *weight = calr_lua_opt_tensor(L, 4);
    bool density = calr_lua_opt_boolean(L, 5, false), counted = lua_type(L, 2) == LUA_TNUMBER;
    calr_tensor *edges = counted ? NULL : calr_lua_check_tensor(L, 2);
    lua_Integer bins = counted ? luaL_checkinteger(L, 2) : 0;
    opt_range(L, 3, &low, &high);
    luaL_argcheck(L, counted || lua_isnoneornil(L, 3), 3, "edges have their range already");
    pair p = new_pair(L);
    calr_lua_call(L, counted ? calr_op_histogram_edges(x, bins, low, high, p.positions)
                             : calr_tensor_clone(edges, p.positions));
    calr_lua_call(L, calr_op_histogram(x, *p.positions, weight, density, p.values));
    return push_pair(L);
}

/// calr.cumsum(x, dim)
/// The sums of all elements so far along a dimension. Adds up in double precision.
/// @param x    tensor; f32, f64, bf16; or whole numbers and bools, whose sums are i64
/// @param dim  integer; from 1; -1 is the last
/// @return tensor  the shape of x

/// calr.cumprod(x, dim)
/// The products of all elements so far along a dimension.
/// @param x    tensor; f32, f64, bf16; or whole numbers and bools, whose products are i64
/// @param dim  integer; from 1; -1 is the last
/// @return tensor  the shape of x

/// calr.logcumsumexp(x, dim)
/// The logarithm of the sum of the exponentials of all elements so far along a dimension.
/// @param x    tensor; f32, f64 or bf16
/// @param dim  integer; from 1; -1 is the last
/// @return tensor  the shape of x
typedef calr_status (*scan)(calr_tensor *x, int dim, calr_tensor **y);

static int order_scan(lua_State *L)
{
    static const scan scans[] = {calr_op_cumsum, calr_op_cumprod, calr_op_logcumsumexp};
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int dim = calr_lua_check_dim(L, 2, x);
    PUSH(L, scans[calr_lua_code(L)](x, dim, slot));
    return 1;
}

/// calr.cummax(x, dim)
/// The largest of all elements so far along a dimension. From a NaN on, NaN.
/// @param dim  integer; from 1; -1 is the last
/// @return tensor  the values
/// @return tensor  i64: their positions, from 0; the last of equals

/// calr.cummin(x, dim)
/// The smallest of all elements so far along a dimension. From a NaN on, NaN.
/// @param dim  integer; from 1; -1 is the last
/// @return tensor  the values
/// @return tensor  i64: their positions, from 0; the last of equals
static int order_extreme(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int dim = calr_lua_check_dim(L, 2, x);
    pair p = new_pair(L);
    calr_lua_call(L, calr_op_cummax(x, dim, calr_lua_code(L), p.values, p.positions));
    return push_pair(L);
}

const calr_lua_function calr_lua_order_methods[] = {
    {"sort", order_sort, "x [, dim, descending, stable]", .named = true},
    {"argsort", order_argsort, "x [, dim, descending, stable]", .named = true},
    {"topk", order_topk, "x, k [, dim, largest, sorted]", .named = true},
    {"kthvalue", order_kthvalue, "x, k [, dim, keepdim]", .named = true},
    {"median", order_median, "x [, dim, keepdim]", .named = true},
    {"unique", order_unique, "x [, return_inverse, return_counts]", .named = true},
    {"bincount", order_bincount, "x [, weights, minlength]", .named = true},
    {"histc", order_histc, "x [, bins, min, max]", .named = true},
    {"histogram", order_histogram, "x, bins [, range, weight, density]", .named = true},
    {"cumsum", order_scan, "x, dim", 0, .named = true},
    {"cumprod", order_scan, "x, dim", 1, .named = true},
    {"logcumsumexp", order_scan, "x, dim", 2, .named = true},
    {"cummax", order_extreme, "x, dim", true, .named = true},
    {"cummin", order_extreme, "x, dim", false, .named = true},
    {NULL, NULL, NULL},
};
