/* Adding in place, for gradients of which several belong to one element. */
#include "base/parallel.h"
#include "tensor/tensor.h"

typedef struct job {
    const calr_tensor *to, *from;
    int64_t row; /* elements of the last dimension */
} job;

#define ADD_ROW(type)                                                                              \
    static void add_row_##type(type *to, int64_t to_step, const type *from, int64_t from_step,     \
                               int64_t count)                                                      \
    {                                                                                              \
        if (to_step == 1 && from_step == 1) {                                                      \
            _Pragma("omp simd") for (int64_t i = 0; i < count; i++) to[i] += from[i];              \
            return;                                                                                \
        }                                                                                          \
        for (int64_t i = 0; i < count; i++)                                                        \
            to[i * to_step] += from[i * from_step];                                                \
    }
ADD_ROW(float)
ADD_ROW(double)

static void add_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const job *j = context;
    int last = j->to->ndim - 1;
    int64_t to_step = j->to->stride[last], from_step = j->from->stride[last];
    for (int64_t r = begin; r < end; r++) {
        int64_t rest = r, to = 0, from = 0;
        for (int d = last - 1; d >= 0; d--) {
            to += rest % j->to->shape[d] * j->to->stride[d];
            from += rest % j->to->shape[d] * j->from->stride[d];
            rest /= j->to->shape[d];
        }
        void *a = calr_tensor_data(j->to), *b = calr_tensor_data(j->from);
        if (j->to->dtype == CALR_F64)
            add_row_double((double *)a + to, to_step, (double *)b + from, from_step, j->row);
        else
            add_row_float((float *)a + to, to_step, (float *)b + from, from_step, j->row);
    }
}

calr_status calr_tensor_accumulate(calr_tensor *to, const calr_tensor *from)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    if (!calr_tensor_same_shape(to, from) || to->dtype != from->dtype ||
        (to->dtype != CALR_F32 && to->dtype != CALR_F64))
        return calr_error(CALR_EINVAL, "cannot add %s to %s", calr_tensor_describe(from, a),
                          calr_tensor_describe(to, b));
    int64_t numel = calr_tensor_numel(to);
    if (numel == 0)
        return CALR_OK;
    calr_tensor_touch(to);
    if (to->ndim == 0) { /* a list of one number */
        calr_tensor *one, *other;
        CALR_TRY(calr_tensor_reshape(to, 1, (int64_t[]){1}, &one));
        calr_status status = calr_tensor_reshape(from, 1, (int64_t[]){1}, &other);
        if (status == CALR_OK) {
            status = calr_tensor_accumulate(one, other);
            calr_tensor_release(other);
        }
        calr_tensor_release(one);
        return status;
    }
    job j = {to, from, to->shape[to->ndim - 1]};
    calr_parallel_for(numel / j.row, 1 + 65536 / j.row, add_rows, &j);
    return CALR_OK;
}
