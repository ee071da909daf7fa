#include "tensor/scan.h"

#include "base/f16.h"
#include "base/parallel.h"

enum { CHUNK = 65536 };

typedef struct pass {
    calr_dtype dtype;
    const void *x;
    bool finite; /* atomic; only ever set to false */
} pass;

/* x * 0 is 0 for every number and NaN otherwise. */
#define LOOK(load)                                                                                 \
    _Pragma("omp simd reduction(+ : zero)") for (int64_t i = begin; i < end; i++) zero += (load)*0

/* Optimisers ask this of every gradient: four numbers at a time, without a conversion. */
static float look_f32(const float *x, int64_t n)
{
    float zero = 0;
#pragma omp simd reduction(+ : zero)
    for (int64_t i = 0; i < n; i++)
        zero += x[i] * 0;
    return zero;
}

static void look(void *context, int64_t begin, int64_t end, int worker)
{
    pass *p = context;
    double zero = 0;
    (void)worker;
    switch (p->dtype) {
    case CALR_F32:
        zero = look_f32((const float *)p->x + begin, end - begin);
        break;
    case CALR_F64:
        LOOK(((const double *)p->x)[i]);
        break;
    case CALR_BF16:
        LOOK(calr_bf16_to_f32(((const calr_bf16 *)p->x)[i]));
        break;
    default:
        LOOK(calr_f16_to_f32(((const uint16_t *)p->x)[i]));
    }
    if (zero != 0) /* or NaN */
        __atomic_store_n(&p->finite, false, __ATOMIC_RELAXED);
}

calr_status calr_tensor_is_finite(const calr_tensor *tensor, bool *out)
{
    pass p = {.dtype = tensor->dtype, .finite = true};
    if (calr_dtype_is_float(tensor->dtype)) {
        calr_tensor *straight;
        CALR_TRY(calr_tensor_contiguous(tensor, &straight));
        p.x = calr_tensor_data(straight);
        calr_parallel_for(calr_tensor_numel(tensor), CHUNK, look, &p);
        calr_tensor_release(straight);
    }
    *out = p.finite;
    return CALR_OK;
}
