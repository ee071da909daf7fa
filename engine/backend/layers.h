/* Sizes and settings of the kernels of layers: normalisation by rows and by groups, windows, resampling, attention.
 * backend.h says what they compute. */
#ifndef CALR_BACKEND_LAYERS_H
#define CALR_BACKEND_LAYERS_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/tensor.h"

/* Normalisation of each row of x[rows x c] by its own mean and variance, or (rms) by its root mean square alone. */
typedef struct calr_row_norm {
    int64_t rows, c;
    float eps;
    bool rms;
    calr_dtype dtype; /* of x, y and their gradients */
} calr_row_norm;

/* Normalisation of `groups` equal parts of the channels of each image: x is n x area x c. */
typedef struct calr_group_norm {
    int64_t n, area, c, groups; /* groups divides c */
    float eps;
    calr_dtype dtype;
} calr_group_norm;

/* A window along one axis: positions begin .. end-1, none of them outside; what it counts as in a mean. */
typedef struct calr_span {
    int64_t begin, end;
    double count;
} calr_span;

/* Pooling of windows that are a product of spans: x is n x h x w x c, y n x out_h x out_w x c. */
typedef struct calr_windows {
    calr_dtype dtype;
    int64_t n, h, w, c, out_h, out_w; /* h w < 2^31 */
    const calr_span *rows, *columns;  /* out_h and out_w of them; none is empty */
} calr_windows;

/* What one position of an axis is made of: at most CALR_TAPS positions and their weights. */
enum { CALR_TAPS = 4 };
typedef struct calr_tap {
    int64_t from[CALR_TAPS];
    float weight[CALR_TAPS];
} calr_tap;

/* y[i][j] = sum of row weights times column weights times x: sizes as above. */
typedef struct calr_resample {
    calr_dtype dtype;
    int64_t n, h, w, c, out_h, out_w;
    int taps;                       /* of each position: 1, 2 or 4 */
    const calr_tap *rows, *columns; /* out_h and out_w of them */
} calr_resample;

/* Where the rows of a head lie: steps from one batch, one head and one row to the next, in elements. Columns lie side
 * by side. */
typedef struct calr_heads {
    int64_t batch, head, row;
} calr_heads;

typedef enum calr_attention_mask {
    CALR_ATTEND_ALL,
    CALR_ATTEND_WHERE, /* bool: true where a query sees a key */
    CALR_ATTEND_ADD    /* f32, added to the scaled products */
} calr_attention_mask;

/* y = softmax(scale q k^T + mask) v for each batch and head: q is n x d, k m x d, v m x width, y n x width. */
typedef struct calr_attention {
    calr_dtype dtype; /* of q, k, v, y and their gradients */
    int64_t batch, heads, n, m, d, width;
    double scale;
    bool causal; /* query i sees the keys 0 .. i */
    calr_attention_mask mask;
    int64_t
        mask_step[4]; /* of the mask [batch x heads x n x m], in elements; 0 where it is repeated */
    double p;         /* of dropout among the weights: 0 <= p < 1 */
    uint64_t seed, index;
    uint32_t epoch;
    calr_heads q, k, v, y, dq, dk, dv, dy;
} calr_attention;

#endif
