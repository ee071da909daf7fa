/* The different ones among sorted numbers. */
#include "backend/cpu/kernels.h"

/* UNIQUE(name, type, whether numbers a and b differ) defines the loop for a type. NaN differs from NaN. */
#define UNIQUE(name, type, different)                                                              \
    static int64_t name(int64_t n, const type *sorted, const int64_t *positions, type *y,          \
                        int64_t *inverse, int64_t *counts)                                         \
    {                                                                                              \
        int64_t found = 0, first = 0;                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            type a = sorted[i], b = sorted[i > 0 ? i - 1 : 0];                                     \
            if (i == 0 || (different)) {                                                           \
                if (counts && i > 0)                                                               \
                    counts[found - 1] = i - first;                                                 \
                first = i;                                                                         \
                y[found++] = a;                                                                    \
            }                                                                                      \
            if (inverse)                                                                           \
                inverse[positions[i]] = found - 1;                                                 \
        }                                                                                          \
        if (counts && n > 0)                                                                       \
            counts[found - 1] = n - first;                                                         \
        return found;                                                                              \
    }

UNIQUE(unique_f32, float, a != b)
UNIQUE(unique_f64, double, a != b)
UNIQUE(unique_bf16, calr_bf16, calr_bf16_to_f32(a) != calr_bf16_to_f32(b))
UNIQUE(unique_i64, int64_t, a != b)
UNIQUE(unique_i32, int32_t, a != b)
UNIQUE(unique_u8, uint8_t, a != b)

int64_t calr_cpu_unique(calr_dtype dtype, int64_t n, const void *sorted, const int64_t *positions,
                        void *y, int64_t *inverse, int64_t *counts)
{
    switch (dtype) {
    case CALR_F32:
        return unique_f32(n, sorted, positions, y, inverse, counts);
    case CALR_F64:
        return unique_f64(n, sorted, positions, y, inverse, counts);
    case CALR_BF16:
        return unique_bf16(n, sorted, positions, y, inverse, counts);
    case CALR_I64:
        return unique_i64(n, sorted, positions, y, inverse, counts);
    case CALR_I32:
        return unique_i32(n, sorted, positions, y, inverse, counts);
    default: /* u8, bool */
        return unique_u8(n, sorted, positions, y, inverse, counts);
    }
}
