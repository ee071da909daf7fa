/* Normalisation by rows and by groups of channels. */
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops_layers.h"
#include "backend/backend.h"

enum { X, GAMMA, BETA, INPUTS };

typedef struct norming {
    int dims;       /* layer_norm */
    int64_t groups; /* group_norm */
    bool rms;
    double eps;
} norming;

/* Input i is absent, or f32 of the last `dims` dimensions of x. */
static calr_status check_parameter(const calr_op_call *call, int i, const char *name, int dims)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    const calr_op_shape *x = &call->shape[X];
    if (!call->in[i])
        return CALR_OK;
    calr_op_shape wanted = {.dtype = CALR_F32, .ndim = dims};
    memcpy(wanted.shape, x->shape + x->ndim - dims, (size_t)dims * sizeof wanted.shape[0]);
    if (call->shape[i].dtype != CALR_F32 || !calr_op_same_shape(&call->shape[i], &wanted))
        return calr_error(CALR_EINVAL, "%s must be %s, not %s", name, calr_op_describe(&wanted, a),
                          calr_op_describe(&call->shape[i], b));
    return CALR_OK;
}

static calr_status check_eps(double eps)
{
    return eps >= 0 ? CALR_OK : calr_error(CALR_EINVAL, "eps must be 0 or more, not %g", eps);
}

/* The statistics of the forward pass: two vectors of `count`. */
typedef struct statistics {
    calr_tensor *mean, *inv_std;
} statistics;

static void release_statistics(statistics *s)
{
    calr_tensor_release(s->mean);
    calr_tensor_release(s->inv_std);
}

static calr_status new_statistics(int64_t count, statistics *s)
{
    *s = (statistics){0};
    calr_status status = calr_tensor_new(CALR_F32, 1, &count, &s->mean);
    if (status == CALR_OK)
        status = calr_tensor_new(CALR_F32, 1, &count, &s->inv_std);
    if (status != CALR_OK)
        release_statistics(s);
    return status;
}

/* Saved: x, gamma, mean, inv_std. */
static calr_status save(calr_op_call *call, const statistics *s)
{
    CALR_TRY(calr_op_save(call, "x", call->in[X]));
    CALR_TRY(calr_op_save(call, "gamma", call->in[GAMMA]));
    CALR_TRY(calr_op_save(call, "mean", s->mean));
    return calr_op_save(call, "inv_std", s->inv_std);
}

/* ---- by rows ---- */

static calr_row_norm row_sizes(const calr_op_call *call)
{
    const norming *o = call->attributes;
    const calr_op_shape *x = &call->shape[X];
    calr_row_norm norm = {
        .rows = 1, .c = 1, .eps = (float)o->eps, .rms = o->rms, .dtype = x->dtype};
    for (int d = 0; d < x->ndim; d++)
        *(d < x->ndim - o->dims ? &norm.rows : &norm.c) *= x->shape[d];
    return norm;
}

static calr_status row_check(calr_op_call *call)
{
    const norming *o = call->attributes;
    char text[CALR_TENSOR_TEXT];
    CALR_TRY(calr_op_expect_real(call, X, "x", -1, "f32[... x c]"));
    if (o->dims < 1 || o->dims > call->shape[X].ndim)
        return calr_error(CALR_EINVAL, "%d dimensions cannot be normalised in %s", o->dims,
                          calr_op_describe(&call->shape[X], text));
    CALR_TRY(check_parameter(call, GAMMA, "weight", o->dims));
    CALR_TRY(check_parameter(call, BETA, "bias", o->dims));
    calr_op_out_like(call, X);
    return check_eps(o->eps);
}

static calr_status row_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    statistics s;
    CALR_TRY(calr_backend_get(&k));
    calr_row_norm norm = row_sizes(call);
    CALR_TRY(new_statistics(norm.rows, &s));
    calr_status status = k->row_norm_forward(
        &norm, calr_tensor_data(call->in[X]), calr_op_f32_or_null(call->in[GAMMA]),
        calr_op_f32_or_null(call->in[BETA]), calr_tensor_f32(s.mean), calr_tensor_f32(s.inv_std),
        calr_tensor_data(*y));
    if (status == CALR_OK)
        status = save(call, &s);
    release_statistics(&s);
    return status;
}

static calr_status row_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    calr_row_norm norm = row_sizes(call);
    for (int i = X; i < INPUTS; i++)
        CALR_TRY(calr_op_gradient(call, i, dx));
    return k->row_norm_backward(
        &norm, calr_tensor_data(calr_op_saved(call, 0)),
        calr_op_f32_or_null(calr_op_saved(call, 1)), calr_tensor_f32(calr_op_saved(call, 2)),
        calr_tensor_f32(calr_op_saved(call, 3)), calr_tensor_data(dy), calr_op_data_or_null(dx[X]),
        calr_op_f32_or_null(dx[GAMMA]), calr_op_f32_or_null(dx[BETA]));
}

static const char *row_title(const void *attributes)
{
    return ((const norming *)attributes)->rms ? "rms_norm" : "layer_norm";
}

static const calr_op op_layer_norm = {.name = "layer_norm",
                                      .attribute_bytes = sizeof(norming),
                                      .check = row_check,
                                      .forward = row_forward,
                                      .backward = row_backward,
                                      .title = row_title,
                                      .static_title = true};

calr_status calr_op_layer_norm(calr_tensor *x, calr_tensor *gamma, calr_tensor *beta, int dims,
                               bool rms, double eps, calr_tensor **y)
{
    calr_tensor *in[INPUTS] = {x, gamma, beta};
    norming o = {.dims = dims, .rms = rms, .eps = eps};
    return calr_op_apply(&op_layer_norm, in, INPUTS, &o, y);
}

/* ---- by groups ---- */

static calr_group_norm group_sizes(const calr_op_call *call)
{
    const norming *o = call->attributes;
    const calr_op_shape *x = &call->shape[X];
    calr_group_norm norm = {.n = x->shape[0],
                            .area = 1,
                            .c = x->shape[x->ndim - 1],
                            .groups = o->groups,
                            .eps = (float)o->eps,
                            .dtype = x->dtype};
    for (int d = 1; d < x->ndim - 1; d++)
        norm.area *= x->shape[d];
    return norm;
}

static calr_status group_check(calr_op_call *call)
{
    const norming *o = call->attributes;
    const calr_op_shape *x = &call->shape[X];
    char text[CALR_TENSOR_TEXT];
    CALR_TRY(calr_op_expect_real(call, X, "x", -1, "f32[n x ... x c]"));
    if (x->ndim < 2)
        return calr_error(CALR_EINVAL, "x must be f32[n x ... x c], not %s",
                          calr_op_describe(x, text));
    int64_t channels = x->shape[x->ndim - 1];
    /* any number divides 0 */
    if (o->groups < 1 || channels % o->groups != 0 || (channels == 0 && o->groups > 1))
        return calr_error(CALR_EINVAL, "%lld groups must divide the %lld channels of x",
                          (long long)o->groups, (long long)channels);
    CALR_TRY(check_parameter(call, GAMMA, "weight", 1));
    CALR_TRY(check_parameter(call, BETA, "bias", 1));
    calr_op_out_like(call, X);
    return check_eps(o->eps);
}

static calr_status group_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    statistics s;
    CALR_TRY(calr_backend_get(&k));
    calr_group_norm norm = group_sizes(call);
    CALR_TRY(new_statistics(norm.n * norm.groups, &s));
    calr_status status = k->group_norm_forward(
        &norm, calr_tensor_data(call->in[X]), calr_op_f32_or_null(call->in[GAMMA]),
        calr_op_f32_or_null(call->in[BETA]), calr_tensor_f32(s.mean), calr_tensor_f32(s.inv_std),
        calr_tensor_data(*y));
    if (status == CALR_OK)
        status = save(call, &s);
    release_statistics(&s);
    return status;
}

static calr_status group_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    calr_group_norm norm = group_sizes(call);
    for (int i = X; i < INPUTS; i++)
        CALR_TRY(calr_op_gradient(call, i, dx));
    return k->group_norm_backward(
        &norm, calr_tensor_data(calr_op_saved(call, 0)),
        calr_op_f32_or_null(calr_op_saved(call, 1)), calr_tensor_f32(calr_op_saved(call, 2)),
        calr_tensor_f32(calr_op_saved(call, 3)), calr_tensor_data(dy), calr_op_data_or_null(dx[X]),
        calr_op_f32_or_null(dx[GAMMA]), calr_op_f32_or_null(dx[BETA]));
}

static const calr_op op_group_norm = {.name = "group_norm",
                                      .attribute_bytes = sizeof(norming),
                                      .check = group_check,
                                      .forward = group_forward,
                                      .backward = group_backward};

calr_status calr_op_group_norm(calr_tensor *x, calr_tensor *gamma, calr_tensor *beta,
                               int64_t groups, double eps, calr_tensor **y)
{
    calr_tensor *in[INPUTS] = {x, gamma, beta};
    norming o = {.groups = groups, .eps = eps};
    return calr_op_apply(&op_group_norm, in, INPUTS, &o, y);
}
