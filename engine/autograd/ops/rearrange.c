/* Copies of the elements in other places: flipped, rolled, repeated, stacked, cut to a triangle. Any type. */
#include <inttypes.h>
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/ops/broadcast.h"
#include "base/parallel.h"

/* Dimensions and numbers are checked by the functions below that take them. */
static calr_status like_input(calr_op_call *call)
{
    calr_op_out_like(call, 0);
    return CALR_OK;
}

/* ---- flip ---- */

typedef struct marked {
    bool dims[CALR_MAX_DIMS];
} marked;

static calr_status flipped(const calr_tensor *x, const marked *m, calr_tensor **y)
{
    calr_tensor *view;
    CALR_TRY(calr_tensor_reversed(x, m->dims, &view));
    calr_status status = calr_tensor_clone(view, y);
    calr_tensor_release(view);
    return status;
}

static calr_status flip_forward(calr_op_call *call, calr_tensor **y)
{
    return flipped(call->in[0], call->attributes, y);
}

static calr_status flip_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    return flipped(dy, call->attributes, &dx[0]);
}

static const calr_op op_flip = {.name = "flip",
                                .attribute_bytes = sizeof(marked),
                                .strided = true,
                                .makes_output = true,
                                .check = like_input,
                                .forward = flip_forward,
                                .backward = flip_backward};

calr_status calr_op_flip(calr_tensor *x, const bool dims[CALR_MAX_DIMS], calr_tensor **y)
{
    marked m;
    memcpy(m.dims, dims, sizeof m.dims);
    return calr_op_apply(&op_flip, &x, 1, &m, y);
}

/* ---- roll ---- */

typedef struct shifts {
    int64_t by[CALR_MAX_DIMS]; /* 0 .. the length - 1 */
} shifts;

/* Copies x into y from dimension `dim` on, each in two parts. */
static calr_status roll_parts(calr_tensor *y, const calr_tensor *x, const int64_t *by, int dim)
{
    while (dim < x->ndim && by[dim] == 0)
        dim++;
    if (dim == x->ndim)
        return calr_tensor_copy(y, x);
    int64_t length = x->shape[dim], ahead = length - by[dim];
    for (int part = 0; part < 2; part++) {
        int64_t from = part ? ahead : 0, to = part ? 0 : by[dim], count = part ? by[dim] : ahead;
        calr_tensor *a, *b;
        CALR_TRY(calr_tensor_narrow(x, dim, from, count, &a));
        calr_status status = calr_tensor_narrow(y, dim, to, count, &b);
        if (status == CALR_OK) {
            status = roll_parts(b, a, by, dim + 1);
            calr_tensor_release(b);
        }
        calr_tensor_release(a);
        CALR_TRY(status);
    }
    return CALR_OK;
}

static calr_status roll_forward(calr_op_call *call, calr_tensor **y)
{
    return roll_parts(*y, call->in[0], ((const shifts *)call->attributes)->by, 0);
}

static calr_status roll_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const shifts *s = call->attributes;
    int64_t back[CALR_MAX_DIMS];
    for (int d = 0; d < dy->ndim; d++)
        back[d] = s->by[d] ? dy->shape[d] - s->by[d] : 0;
    CALR_TRY(calr_op_gradient(call, 0, dx));
    return roll_parts(dx[0], dy, back, 0);
}

static const calr_op op_roll = {.name = "roll",
                                .attribute_bytes = sizeof(shifts),
                                .strided = true,
                                .check = like_input,
                                .forward = roll_forward,
                                .backward = roll_backward};

calr_status calr_op_roll(calr_tensor *x, const int64_t by[CALR_MAX_DIMS], calr_tensor **y)
{
    shifts s = {{0}};
    for (int d = 0; d < x->ndim; d++) {
        int64_t length = x->shape[d] ? x->shape[d] : 1;
        s.by[d] = (by[d] % length + length) % length;
    }
    return calr_op_apply(&op_roll, &x, 1, &s, y);
}

/* ---- tile ---- */

typedef struct repeats {
    int64_t times[CALR_MAX_DIMS];
} repeats;

typedef struct tile_job {
    const char *from;
    char *to;
    int dims; /* before the run */
    const int64_t *length, *times;
    int64_t repeated; /* times the run is written in a row */
    size_t bytes;     /* of the run */
} tile_job;

/* The run of x whose copies are run `number` of the result: at the same place, modulo x's lengths. */
static const char *run_of_x(const tile_job *job, int64_t number)
{
    int64_t at = 0, step = 1;
    for (int d = job->dims; d-- > 0;) {
        int64_t length = job->length[d];
        at += number % length * step;
        number /= length * job->times[d];
        step *= length;
    }
    return job->from + (size_t)at * job->bytes;
}

static void tile_copies(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const tile_job *job = context;
    const char *from = run_of_x(job, begin / job->repeated);
    for (int64_t i = begin; i < end; i++) {
        if (i % job->repeated == 0)
            from = run_of_x(job, i / job->repeated);
        memcpy(job->to + (size_t)i * job->bytes, from, job->bytes);
    }
}

static calr_status tile_forward(calr_op_call *call, calr_tensor **y)
{
    const repeats *r = call->attributes;
    calr_tensor *x = call->in[0];
    int64_t shape[CALR_MAX_DIMS];
    int last = x->ndim; /* the last dimension that is repeated begins the run */
    do
        last--;
    while (last >= 0 && r->times[last] == 1);
    if (last < 0)
        return calr_tensor_clone(x, y);
    for (int d = 0; d < x->ndim; d++)
        if (__builtin_mul_overflow(x->shape[d], r->times[d], &shape[d]))
            return calr_error(CALR_ENOMEM, "the result is larger than can be addressed");
    CALR_TRY(calr_tensor_new(x->dtype, x->ndim, shape, y));
    if (calr_tensor_numel(*y) == 0)
        return CALR_OK;
    tile_job job = {.from = calr_tensor_data(x),
                    .to = calr_tensor_data(*y),
                    .dims = last,
                    .length = x->shape,
                    .times = r->times,
                    .repeated = r->times[last]};
    int64_t runs = 1, of_x = 1;
    for (int d = 0; d < last; d++) {
        runs *= shape[d];
        of_x *= x->shape[d];
    }
    job.bytes = calr_tensor_bytes(x) / (size_t)of_x;
    calr_parallel_for(runs * job.repeated, 1 + (int64_t)(65536 / job.bytes), tile_copies, &job);
    return CALR_OK;
}

/* Sums the repetitions of one dimension of contiguous dy: it becomes `length` long. */
static calr_status untile_dim(calr_tensor *dy, int dim, int64_t length, calr_tensor **sum)
{
    int64_t outer = 1, inner = 1, times = length ? dy->shape[dim] / length : 0;
    for (int d = 0; d < dy->ndim; d++)
        *(d < dim ? &outer : &inner) *= d == dim ? length : dy->shape[d];
    int64_t parts[] = {outer, times, inner}, shape[CALR_MAX_DIMS];
    calr_op_shape once = {.dtype = dy->dtype, .ndim = 3, .shape = {outer, 1, inner}};
    memcpy(shape, dy->shape, sizeof shape);
    shape[dim] = length;
    if (times == 0 || outer == 0 || inner == 0)
        return calr_tensor_zeros(dy->dtype, dy->ndim, shape, sum);
    calr_tensor *view, *less;
    CALR_TRY(calr_tensor_reshape(dy, 3, parts, &view));
    calr_status status = calr_broadcast_reduce(view, &once, &less);
    calr_tensor_release(view);
    CALR_TRY(status);
    status = calr_tensor_reshape(less, dy->ndim, shape, sum);
    calr_tensor_release(less);
    return status;
}

static calr_status tile_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const repeats *r = call->attributes;
    const calr_op_shape *x = &call->shape[0];
    calr_tensor *sum = calr_tensor_retain(dy);
    for (int d = 0; d < x->ndim; d++) {
        if (r->times[d] == 1)
            continue;
        calr_tensor *less;
        calr_status status = untile_dim(sum, d, x->shape[d], &less);
        calr_tensor_release(sum);
        CALR_TRY(status);
        sum = less;
    }
    dx[0] = sum;
    return CALR_OK;
}

static const calr_op op_tile = {.name = "tile",
                                .attribute_bytes = sizeof(repeats),
                                .makes_output = true,
                                .check = like_input,
                                .forward = tile_forward,
                                .backward = tile_backward};

calr_status calr_op_tile(calr_tensor *x, const int64_t times[CALR_MAX_DIMS], calr_tensor **y)
{
    repeats r = {{0}};
    for (int d = 0; d < x->ndim; d++) {
        if (times[d] < 0)
            return calr_error(CALR_EINVAL,
                              "tile: dimension %d cannot be repeated %" PRId64 " times", d + 1,
                              times[d]);
        r.times[d] = times[d];
    }
    return calr_op_apply(&op_tile, &x, 1, &r, y);
}

/* ---- stack ---- */

static calr_status stack_check(calr_op_call *call)
{
    char first[CALR_TENSOR_TEXT], other[CALR_TENSOR_TEXT];
    const calr_op_shape *a = &call->shape[0];
    int dim = *(const int *)call->attributes;
    if (a->ndim == CALR_MAX_DIMS)
        return calr_error(CALR_EINVAL, "%s has as many dimensions as a tensor can have",
                          calr_op_describe(a, first));
    if (dim < 0 || dim > a->ndim)
        return calr_error(CALR_EINVAL, "%s can have no further dimension %d",
                          calr_op_describe(a, first), dim + 1);
    for (int i = 1; i < call->count; i++)
        if (call->shape[i].dtype != a->dtype || !calr_op_same_shape(a, &call->shape[i]))
            return calr_error(
                CALR_EINVAL, "%s (tensor 1) and %s (tensor %d) must be of one type and shape",
                calr_op_describe(a, first), calr_op_describe(&call->shape[i], other), i + 1);
    call->out = (calr_op_shape){.dtype = a->dtype, .ndim = a->ndim + 1};
    for (int d = 0; d <= a->ndim; d++)
        call->out.shape[d] = d == dim ? call->count : a->shape[d - (d > dim)];
    return CALR_OK;
}

static calr_status stack_forward(calr_op_call *call, calr_tensor **y)
{
    int dim = *(const int *)call->attributes;
    for (int i = 0; i < call->count; i++) {
        calr_tensor *place;
        CALR_TRY(calr_tensor_select(*y, dim, i, &place));
        calr_status status = calr_tensor_copy(place, call->in[i]);
        calr_tensor_release(place);
        CALR_TRY(status);
    }
    return CALR_OK;
}

static calr_status stack_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    int dim = *(const int *)call->attributes;
    for (int i = 0; i < call->count; i++)
        if (call->needs[i])
            CALR_TRY(calr_tensor_select(dy, dim, i, &dx[i]));
    return CALR_OK;
}

static const calr_op op_stack = {.name = "stack",
                                 .attribute_bytes = sizeof(int),
                                 .strided = true,
                                 .check = stack_check,
                                 .forward = stack_forward,
                                 .backward = stack_backward};

calr_status calr_op_stack(calr_tensor *const *x, int count, int dim, calr_tensor **y)
{
    if (count < 1)
        return calr_error(CALR_EINVAL, "stack: at least one tensor is needed");
    return calr_op_apply(&op_stack, x, count, &dim, y);
}

/* ---- triangles ---- */

typedef struct triangle {
    int64_t diagonal;
    bool upper;
} triangle;

typedef struct triangle_job {
    triangle kept;
    const char *from; /* NULL: what is kept is in its place */
    char *data;
    int64_t rows, columns;
    size_t size;
} triangle_job;

static int64_t clamp(int64_t value, int64_t most)
{
    return value < 0 ? 0 : value > most ? most : value;
}

/* Copies what lies in the triangle, and clears the rest; a 0 is zero bytes in every type. */
static void cut_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const triangle_job *job = context;
    /* Beyond the corners all diagonals are the same, and sums with i do not overflow. */
    int64_t most = job->rows + job->columns, diagonal = job->kept.diagonal;
    diagonal = diagonal > most ? most : diagonal < -most ? -most : diagonal;
    size_t line = (size_t)job->columns * job->size;
    for (int64_t r = begin; r < end; r++) {
        int64_t edge = r % job->rows + diagonal; /* the column of the diagonal */
        bool upper = job->kept.upper;
        size_t at = (size_t)clamp(upper ? edge : edge + 1, job->columns) * job->size;
        char *row = job->data + (size_t)r * line, *kept = upper ? row + at : row;
        size_t bytes = upper ? line - at : at;
        if (job->from)
            memcpy(kept, job->from + (kept - job->data), bytes);
        memset(upper ? row : row + at, 0, line - bytes);
    }
}

static calr_status cut_triangle(const calr_tensor *x, const triangle *kept, calr_tensor **y)
{
    calr_tensor *out;
    bool straight = calr_tensor_is_contiguous(x);
    if (straight)
        CALR_TRY(calr_tensor_like(x, &out));
    else
        CALR_TRY(calr_tensor_clone(x, &out));
    if (calr_tensor_numel(out) > 0) {
        triangle_job job = {*kept,
                            straight ? calr_tensor_data(x) : NULL,
                            calr_tensor_data(out),
                            out->shape[out->ndim - 2],
                            out->shape[out->ndim - 1],
                            calr_dtype_size(out->dtype)};
        calr_parallel_for(calr_tensor_numel(out) / job.columns, 1 + 65536 / job.columns, cut_rows,
                          &job);
    }
    *y = out;
    return CALR_OK;
}

static calr_status triangle_check(calr_op_call *call)
{
    char text[CALR_TENSOR_TEXT];
    if (call->shape[0].ndim < 2)
        return calr_error(CALR_EINVAL, "a matrix, or a stack of them, is needed, not %s",
                          calr_op_describe(&call->shape[0], text));
    return like_input(call);
}

static calr_status triangle_forward(calr_op_call *call, calr_tensor **y)
{
    return cut_triangle(call->in[0], call->attributes, y);
}

static calr_status triangle_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    return cut_triangle(dy, call->attributes, &dx[0]);
}

static const char *triangle_title(const void *attributes)
{
    return ((const triangle *)attributes)->upper ? "triu" : "tril";
}

static const calr_op op_triangle = {.name = "tril",
                                    .attribute_bytes = sizeof(triangle),
                                    .strided = true,
                                    .makes_output = true,
                                    .check = triangle_check,
                                    .forward = triangle_forward,
                                    .backward = triangle_backward,
                                    .title = triangle_title};

calr_status calr_op_triangle(calr_tensor *x, int64_t diagonal, bool upper, calr_tensor **y)
{
    triangle t = {diagonal, upper};
    return calr_op_apply(&op_triangle, &x, 1, &t, y);
}
