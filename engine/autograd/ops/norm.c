/* Batch and instance normalisation. */
#include <inttypes.h>
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/tape.h"
#include "backend/backend.h"

/* Input i is absent, or f32[c]. */
static calr_status check_channels(const calr_op_call *call, int i, const char *name, int64_t c)
{
    char text[CALR_TENSOR_TEXT];
    if (!call->in[i])
        return CALR_OK;
    CALR_TRY(calr_op_expect(call, i, name, 1, "f32[c]"));
    if (call->shape[i].shape[0] != c)
        return calr_error(CALR_EINVAL, "%s must be f32[%" PRId64 "], not %s", name, c,
                          calr_op_describe(&call->shape[i], text));
    return CALR_OK;
}

/* ---- batch norm ---- */

enum { X, GAMMA, BETA, RESIDUAL, MEAN, VAR, BATCH_NORM_INPUTS };

static calr_norm batch_norm_size(const calr_op_call *call)
{
    const calr_batch_norm_options *o = call->attributes;
    const calr_op_shape *x = &call->shape[X];
    int64_t c = x->shape[x->ndim - 1], rows = 1;
    for (int d = 0; d < x->ndim - 1; d++)
        rows *= x->shape[d];
    return (calr_norm){
        .rows = rows, .c = c, .eps = (float)o->eps, .activation = o->activation, .dtype = x->dtype};
}

/* How many parts of the batch have statistics of their own. */
static int64_t groups_of(const calr_op_call *call)
{
    const calr_batch_norm_options *o = call->attributes;
    int64_t items = call->shape[X].shape[0];
    return o->training && o->group > 0 && items > o->group ? items / o->group : 1;
}

static calr_status check_group(const calr_op_call *call)
{
    const calr_batch_norm_options *o = call->attributes;
    int64_t items = call->shape[X].shape[0];
    if (o->group < 0)
        return calr_error(CALR_EINVAL, "group must be 0 or more, not %" PRId64, o->group);
    if (o->training && o->group > 0 && items > o->group && items % o->group)
        return calr_error(CALR_EINVAL,
                          "a batch of %" PRId64 " cannot be split into groups of %" PRId64, items,
                          o->group);
    return CALR_OK;
}

static calr_status batch_norm_check(calr_op_call *call)
{
    const calr_batch_norm_options *o = call->attributes;
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    CALR_TRY(calr_op_expect_real(call, X, "x", -1, "f32[... x c]"));
    if (call->shape[X].ndim < 2)
        return calr_error(CALR_EINVAL, "x must be f32[... x c], not %s",
                          calr_op_describe(&call->shape[X], a));
    calr_norm norm = batch_norm_size(call);
    CALR_TRY(check_channels(call, GAMMA, "gamma", norm.c));
    CALR_TRY(check_channels(call, BETA, "beta", norm.c));
    if (!call->in[MEAN] != !call->in[VAR] || (!o->training && !call->in[MEAN]))
        return calr_error(CALR_EINVAL, "running_mean and running_var are needed, both");
    if (call->in[MEAN]) {
        CALR_TRY(check_channels(call, MEAN, "running_mean", norm.c));
        CALR_TRY(check_channels(call, VAR, "running_var", norm.c));
    }
    if (call->in[RESIDUAL]) {
        CALR_TRY(calr_op_expect_real(call, RESIDUAL, "residual", -1, "f32 of the shape of x"));
        if (call->shape[X].dtype != call->shape[RESIDUAL].dtype ||
            !calr_op_same_shape(&call->shape[X], &call->shape[RESIDUAL]))
            return calr_error(CALR_EINVAL, "residual, %s, must have the type and shape of x, %s",
                              calr_op_describe(&call->shape[RESIDUAL], a),
                              calr_op_describe(&call->shape[X], b));
    }
    if (!(o->eps > 0) || !(o->momentum >= 0 && o->momentum <= 1))
        return calr_error(CALR_EINVAL, "eps must be above 0 and momentum in 0 .. 1, not %g and %g",
                          o->eps, o->momentum);
    CALR_TRY(check_group(call));
    calr_op_out_like(call, X);
    return CALR_OK;
}

/* Group i of a map of `norm->rows` rows, one after the other; NULL stays NULL. */
static void *part(const calr_norm *norm, void *map, int64_t i)
{
    size_t bytes = (size_t)(norm->rows * norm->c) * calr_dtype_size(norm->dtype);
    return map ? (char *)map + (size_t)i * bytes : NULL;
}

/* Places of what a batch norm saves. y is kept for a clip (ReLU, ReLU6) where neither the input alone
 * tells where it let through, nor the output can be made again. Other activations need what they were
 * given, which is computed from x and the residual. */
enum { SAVED_X, SAVED_Y, SAVED_TABLE, SAVED_RESIDUAL };

/* The output is made again, at the price of one pass, from the input, which is kept anyway. In a row
 * of residual blocks that takes the output before, and so on: in backward order they are needed one
 * after the other and each is made once, so a long row costs no more passes, only that its outputs
 * are there together. */
#define MOST_RECIPES 16

static calr_status save_batch_norm(calr_op_call *call, calr_activation activation,
                                   calr_tensor *table, calr_tensor *y)
{
    calr_tensor *residual = call->in[RESIDUAL];
    int depth = 1 + (residual ? calr_op_recipe_depth(residual) : 0);
    bool clips = calr_activation_is_clip(activation);
    bool keep = depth > MOST_RECIPES || calr_tensor_bytes(y) < calr_op_keep_below();
    call->recipe_depth = keep ? 0 : depth;
    CALR_TRY(calr_op_save(call, "x", call->in[X]));
    CALR_TRY(calr_op_save(call, "its output", keep && clips ? y : NULL));
    CALR_TRY(calr_op_save(call, "statistics", table));
    return calr_op_save(call, "residual", keep && (clips || !activation) ? NULL : residual);
}

/* mean, var: running statistics, or NULL. */
static calr_status train_group(const calr_op_call *call, const calr_backend *k,
                               const calr_norm *norm, int64_t i, float *mean, float *var,
                               calr_tensor *table, calr_tensor *y)
{
    const calr_batch_norm_options *o = call->attributes;
    return k->batch_norm_train(
        norm, o->momentum, part(norm, calr_tensor_data(call->in[X]), i),
        calr_op_f32_or_null(call->in[GAMMA]), calr_op_f32_or_null(call->in[BETA]),
        part(norm, calr_op_data_or_null(call->in[RESIDUAL]), i), mean, var,
        calr_tensor_f32(table) + i * 4 * norm->c, part(norm, calr_tensor_data(y), i));
}

/* Every group moves a copy of the running statistics; their mean is what stays. */
static calr_status train_groups(const calr_op_call *call, const calr_backend *k,
                                const calr_norm *norm, int64_t groups, bool running,
                                calr_tensor *table, calr_tensor *y)
{
    int64_t c = norm->c;
    calr_tensor *copy, *sum;
    CALR_TRY(calr_tensor_new(CALR_F32, 1, (int64_t[]){2 * c}, &copy));
    calr_status status = calr_tensor_new(CALR_F64, 1, (int64_t[]){2 * c}, &sum);
    if (status != CALR_OK) {
        calr_tensor_release(copy);
        return status;
    }
    float *moved = calr_tensor_f32(copy), *own[2] = {NULL, NULL};
    double *total = calr_tensor_f64(sum);
    memset(total, 0, (size_t)(2 * c) * sizeof *total);
    for (int v = 0; v < 2 && running; v++)
        own[v] = calr_tensor_f32(call->in[v ? VAR : MEAN]);
    for (int64_t i = 0; i < groups && status == CALR_OK; i++) {
        for (int v = 0; v < 2 && running; v++)
            memcpy(moved + v * c, own[v], (size_t)c * sizeof *moved);
        status = train_group(call, k, norm, i, running ? moved : NULL, running ? moved + c : NULL,
                             table, y);
        for (int64_t j = 0; j < 2 * c && running; j++)
            total[j] += (double)moved[j];
    }
    for (int64_t j = 0; j < 2 * c && running && status == CALR_OK; j++)
        own[j / c][j % c] = (float)(total[j] / (double)groups);
    calr_tensor_release(copy);
    calr_tensor_release(sum);
    return status;
}

static calr_status train_forward(calr_op_call *call, const calr_backend *k, const calr_norm *norm,
                                 calr_tensor *table, calr_tensor *y)
{
    bool running = call->in[MEAN] && calr_tape_replays() == 0;
    int64_t groups = groups_of(call);
    calr_norm group = *norm;
    group.rows /= groups;
    if (groups > 1)
        CALR_TRY(train_groups(call, k, &group, groups, running, table, y));
    else
        CALR_TRY(train_group(call, k, norm, 0, running ? calr_tensor_f32(call->in[MEAN]) : NULL,
                             running ? calr_tensor_f32(call->in[VAR]) : NULL, table, y));
    if (running) {
        calr_tensor_touch(call->in[MEAN]);
        calr_tensor_touch(call->in[VAR]);
    }
    return save_batch_norm(call, norm->activation, table, y);
}

/* The running statistics may move on before the backward pass: the table keeps what was used. */
static calr_status infer_forward(calr_op_call *call, const calr_backend *k, const calr_norm *norm,
                                 calr_tensor *table, calr_tensor *y)
{
    if (!call->recording)
        return k->batch_norm_infer(norm, calr_tensor_data(call->in[X]),
                                   calr_op_f32_or_null(call->in[GAMMA]),
                                   calr_op_f32_or_null(call->in[BETA]),
                                   calr_tensor_f32(call->in[MEAN]), calr_tensor_f32(call->in[VAR]),
                                   calr_op_data_or_null(call->in[RESIDUAL]), calr_tensor_data(y));
    k->batch_norm_table(norm, calr_op_f32_or_null(call->in[GAMMA]),
                        calr_op_f32_or_null(call->in[BETA]), calr_tensor_f32(call->in[MEAN]),
                        calr_tensor_f32(call->in[VAR]), calr_tensor_f32(table));
    k->batch_norm_apply(norm, calr_tensor_data(call->in[X]), calr_tensor_f32(table),
                        calr_op_data_or_null(call->in[RESIDUAL]), calr_tensor_data(y));
    return save_batch_norm(call, norm->activation, table, y);
}

static calr_status batch_norm_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_batch_norm_options *o = call->attributes;
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    calr_norm norm = batch_norm_size(call);
    calr_tensor *table;
    CALR_TRY(calr_tensor_new(CALR_F32, 2, (int64_t[]){4 * groups_of(call), norm.c}, &table));
    calr_status status = (o->training ? train_forward : infer_forward)(call, k, &norm, table, *y);
    calr_tensor_release(table);
    return status;
}

static calr_status batch_norm_recompute(calr_op_call *call, calr_tensor *y)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    calr_norm norm = batch_norm_size(call);
    int64_t groups = groups_of(call);
    norm.rows /= groups;
    for (int64_t i = 0; i < groups; i++)
        k->batch_norm_apply(
            &norm, part(&norm, calr_tensor_data(calr_op_saved(call, SAVED_X)), i),
            calr_tensor_f32(calr_op_saved(call, SAVED_TABLE)) + i * 4 * norm.c,
            part(&norm, calr_op_data_or_null(calr_op_saved(call, SAVED_RESIDUAL)), i),
            part(&norm, calr_tensor_data(y), i));
    return CALR_OK;
}

/* The one of the two parts of dy that may be written into, as a new reference; NULL: neither. */
static calr_tensor *own_part(const calr_op_call *call, calr_tensor *dy, const calr_tensor *taken)
{
    if (dy != taken && calr_tensor_is_unshared(dy))
        return calr_tensor_retain(dy);
    if (call->dy2 && call->dy2 != taken && calr_tensor_is_unshared(call->dy2))
        return calr_tensor_retain(call->dy2);
    return NULL;
}

/* Where dx and the residual's gradient go: over dy and x when nobody else sees them, which saves
 * memory and the time to fetch it. *written is dx[RESIDUAL] if that is to be computed. */
static calr_status place_gradients(calr_op_call *call, calr_activation activation, calr_tensor *dy,
                                   calr_tensor **dx, calr_tensor **written)
{
    const calr_tensor *taken = NULL;
    *written = NULL;
    if (call->needs[RESIDUAL] && !activation && !call->dy2) {
        dx[RESIDUAL] = calr_tensor_retain(dy); /* dy as it is */
        taken = dy;
    } else if (call->needs[RESIDUAL]) {
        dx[RESIDUAL] = own_part(call, dy, NULL);
        if (!dx[RESIDUAL])
            CALR_TRY(calr_op_gradient(call, RESIDUAL, dx));
        taken = *written = dx[RESIDUAL];
    }
    if (!call->needs[X])
        return CALR_OK;
    /* The pass that writes dx reads x and, where no part is taken, both parts of dy: memory that is
     * at hand is cheaper to write over. */
    if (taken)
        dx[X] = calr_op_take(call, SAVED_X);
    if (!dx[X])
        dx[X] = own_part(call, dy, taken);
    if (!dx[X])
        dx[X] = calr_op_take(call, SAVED_X);
    return dx[X] ? CALR_OK : calr_op_gradient(call, X, dx);
}

/* What the gradient of each group is made of and where it goes. */
typedef struct gradients {
    const calr_backend *k;
    calr_norm norm; /* of one group */
    bool fixed;
    int64_t groups;
    const float *table;
    void *x, *aside, *dy, *dy2, *dx, *dresidual;
    float *dgamma, *dbeta;
} gradients;

static calr_status backward_group(const gradients *g, int64_t i, float *dgamma, float *dbeta)
{
    const calr_norm *n = &g->norm;
    return g->k->batch_norm_backward(n, g->fixed, part(n, g->x, i), part(n, g->aside, i),
                                     g->table + i * 4 * n->c, part(n, g->dy, i), part(n, g->dy2, i),
                                     part(n, g->dx, i), dgamma, dbeta, part(n, g->dresidual, i));
}

/* The parameters' gradients are the sums of the groups'. */
static calr_status backward_groups(const gradients *g)
{
    int64_t c = g->norm.c;
    calr_tensor *one;
    CALR_TRY(calr_tensor_new(CALR_F32, 1, (int64_t[]){2 * c}, &one));
    float *gamma = calr_tensor_f32(one), *beta = gamma + c;
    calr_status status = backward_group(g, 0, g->dgamma, g->dbeta);
    for (int64_t i = 1; i < g->groups && status == CALR_OK; i++) {
        status = backward_group(g, i, gamma, beta);
        for (int64_t j = 0; j < c && status == CALR_OK; j++) {
            if (g->dgamma)
                g->dgamma[j] += gamma[j];
            if (g->dbeta)
                g->dbeta[j] += beta[j];
        }
    }
    calr_tensor_release(one);
    return status;
}

static calr_status batch_norm_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_batch_norm_options *o = call->attributes;
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    calr_norm norm = batch_norm_size(call);
    calr_tensor *written, *x = calr_op_saved(call, SAVED_X), *aside = calr_op_saved(call, SAVED_Y);
    if (!calr_activation_is_clip(norm.activation))
        aside = norm.activation ? calr_op_saved(call, SAVED_RESIDUAL) : NULL;
    else if (!aside && calr_op_saved(call, SAVED_RESIDUAL))
        CALR_TRY(calr_op_output(call, &aside));
    CALR_TRY(calr_op_gradient(call, GAMMA, dx));
    CALR_TRY(calr_op_gradient(call, BETA, dx));
    CALR_TRY(place_gradients(call, norm.activation, dy, dx, &written));
    gradients g = {.k = k,
                   .norm = norm,
                   .fixed = !o->training,
                   .groups = groups_of(call),
                   .table = calr_tensor_f32(calr_op_saved(call, SAVED_TABLE)),
                   .x = calr_tensor_data(x),
                   .aside = calr_op_data_or_null(aside),
                   .dy = calr_tensor_data(dy),
                   .dy2 = calr_op_data_or_null(call->dy2),
                   .dx = calr_op_data_or_null(dx[X]),
                   .dresidual = calr_op_data_or_null(written),
                   .dgamma = calr_op_f32_or_null(dx[GAMMA]),
                   .dbeta = calr_op_f32_or_null(dx[BETA])};
    g.norm.rows /= g.groups;
    return g.groups > 1 ? backward_groups(&g) : backward_group(&g, 0, g.dgamma, g.dbeta);
}

static const calr_op op_batch_norm = {.name = "batch_norm",
                                      .attribute_bytes = sizeof(calr_batch_norm_options),
                                      .takes_parts = true,
                                      .check = batch_norm_check,
                                      .forward = batch_norm_forward,
                                      .recompute = batch_norm_recompute,
                                      .backward = batch_norm_backward};

/* They are written where they are, so a view that would be copied first will not do. */
static calr_status check_running(const calr_tensor *running, const char *name)
{
    char text[CALR_TENSOR_TEXT];
    if (running && !calr_tensor_is_contiguous(running))
        return calr_error(CALR_EINVAL,
                          "batch_norm: %s, %s, is a strided view and cannot be updated in place",
                          name, calr_tensor_describe(running, text));
    return CALR_OK;
}

calr_status calr_op_batch_norm(calr_tensor *x, calr_tensor *gamma, calr_tensor *beta,
                               calr_tensor *running_mean, calr_tensor *running_var,
                               calr_tensor *residual, const calr_batch_norm_options *options,
                               calr_tensor **y)
{
    CALR_TRY(check_running(running_mean, "running_mean"));
    CALR_TRY(check_running(running_var, "running_var"));
    calr_tensor *in[BATCH_NORM_INPUTS] = {x, gamma, beta, residual, running_mean, running_var};
    return calr_op_apply(&op_batch_norm, in, BATCH_NORM_INPUTS, options, y);
}

/* ---- instance norm ---- */

static calr_status new_vector(int64_t count, calr_tensor **out)
{
    return calr_tensor_new(CALR_F32, 1, &count, out);
}

/* Saved: x, y (only for its ReLU), gamma, mean, inv_std. */
static calr_status save_norm(calr_op_call *call, bool relu, calr_tensor *y, calr_tensor *mean,
                             calr_tensor *inv_std)
{
    CALR_TRY(calr_op_save(call, "x", call->in[X]));
    CALR_TRY(calr_op_save(call, "its output", relu ? y : NULL));
    CALR_TRY(calr_op_save(call, "gamma", call->in[GAMMA]));
    CALR_TRY(calr_op_save(call, "mean", mean));
    return calr_op_save(call, "inv_std", inv_std);
}

typedef struct instance_norm {
    double eps;
    bool relu;
} instance_norm;

static calr_norm instance_norm_size(const calr_op_call *call)
{
    const instance_norm *o = call->attributes;
    const int64_t *x = call->shape[X].shape;
    return (calr_norm){.rows = x[1] * x[2],
                       .c = x[3],
                       .eps = (float)o->eps,
                       .activation = o->relu ? CALR_ACTIVATION_RELU : CALR_ACTIVATION_NONE,
                       .dtype = call->shape[X].dtype};
}

static calr_status instance_norm_check(calr_op_call *call)
{
    const instance_norm *o = call->attributes;
    CALR_TRY(calr_op_expect_real(call, X, "x", 4, "f32[n x h x w x c]"));
    CALR_TRY(check_channels(call, GAMMA, "gamma", call->shape[X].shape[3]));
    CALR_TRY(check_channels(call, BETA, "beta", call->shape[X].shape[3]));
    if (!(o->eps > 0))
        return calr_error(CALR_EINVAL, "eps must be above 0, not %g", o->eps);
    calr_op_out_like(call, X);
    return CALR_OK;
}

static calr_status instance_norm_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    calr_norm norm = instance_norm_size(call);
    int64_t n = call->shape[X].shape[0];
    calr_tensor *mean, *inv_std;
    CALR_TRY(new_vector(n * norm.c, &mean));
    calr_status status = new_vector(n * norm.c, &inv_std);
    if (status == CALR_OK) {
        status = k->instance_norm_forward(
            &norm, n, calr_tensor_data(call->in[X]), calr_op_f32_or_null(call->in[GAMMA]),
            calr_op_f32_or_null(call->in[BETA]), calr_tensor_f32(mean), calr_tensor_f32(inv_std),
            calr_tensor_data(*y));
        if (status == CALR_OK)
            status = save_norm(call, norm.activation != CALR_ACTIVATION_NONE, *y, mean, inv_std);
        calr_tensor_release(inv_std);
    }
    calr_tensor_release(mean);
    return status;
}

static calr_status instance_norm_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    calr_norm norm = instance_norm_size(call);
    for (int i = X; i <= BETA; i++)
        CALR_TRY(calr_op_gradient(call, i, dx));
    return k->instance_norm_backward(
        &norm, call->shape[X].shape[0], calr_tensor_data(calr_op_saved(call, 0)),
        calr_op_data_or_null(calr_op_saved(call, 1)), calr_op_f32_or_null(calr_op_saved(call, 2)),
        calr_tensor_f32(calr_op_saved(call, 3)), calr_tensor_f32(calr_op_saved(call, 4)),
        calr_tensor_data(dy), calr_op_data_or_null(dx[X]), calr_op_f32_or_null(dx[GAMMA]),
        calr_op_f32_or_null(dx[BETA]));
}

static const calr_op op_instance_norm = {.name = "instance_norm",
                                         .attribute_bytes = sizeof(instance_norm),
                                         .check = instance_norm_check,
                                         .forward = instance_norm_forward,
                                         .backward = instance_norm_backward};

calr_status calr_op_instance_norm(calr_tensor *x, calr_tensor *gamma, calr_tensor *beta, double eps,
                                  bool relu, calr_tensor **y)
{
    calr_tensor *in[] = {x, gamma, beta};
    instance_norm o = {eps, relu};
    return calr_op_apply(&op_instance_norm, in, 3, &o, y);
}
