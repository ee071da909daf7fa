/* The inner loops of Winograd's convolution, made once for each instruction set (avx2.c, avx512.c).
 * Internal to cpu/winograd.
 *
 * Everything that is transformed lies in panels of 32 channels: for each point, for each panel, rows of
 * 32 floats. A row belongs to a tile (of x, y, dy) or to a channel (of weights: rows are the channels
 * summed over, the 32 numbers the channels made). A row's numbers are then at fixed distances from each
 * other, which is what the products want of their registers' addresses. */
#ifndef CALR_BACKEND_CPU_WINOGRAD_KERNELS_H
#define CALR_BACKEND_CPU_WINOGRAD_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/activation.h"

#define CALR_WINOGRAD_PANEL 32

/* A tile in a feature map of h x w x c: the pixels from (row, col) on, which may lie outside. */
typedef struct calr_winograd_tile {
    int64_t h, w, c, row, col;
    bool half; /* maps are bf16, else f32 */
} calr_winograd_tile;

/* Distances, in floats, between points and between panels of transformed data. */
typedef struct calr_winograd_layout {
    int64_t point, panel;
} calr_winograd_layout;

/* Applied to a sum: activation(sum + bias[c] + residual), each part optional. */
typedef struct calr_winograd_end {
    const float *bias;    /* may be NULL, as the residual may */
    const void *residual; /* of the map's type */
    calr_activation activation;
} calr_winograd_end;

/* An algorithm: F(rows x cols, 3 x 3), with (rows + 2) x (cols + 2) points. */
typedef struct calr_winograd_form {
    int64_t points, rows, cols;
    /* A tile's inputs, zeros outside the map: out = B^T in B. `out` is the tile's row at the first
     * point and panel. c is a multiple of 32. */
    void (*input)(const calr_winograd_tile *tile, const void *map, calr_winograd_layout layout,
                  float *out);
    /* rows x cols pixels are written: A^T in A, and what `end` adds. Those outside are left out.
     * residual (of `end`) and map are where the image starts; they may be the same. */
    void (*output)(const calr_winograd_tile *tile, const float *in, calr_winograd_layout layout,
                   calr_winograd_end end, void *map);
    /* 3 x 3 weights of 16 rows of one panel: G w G^T. Weight (made channel o, summed channel i, tap
     * t) is at w[o made + i summed + (flip ? 8 - t : t)]. */
    void (*weights)(const float *w, int64_t made, int64_t summed, bool flip, int64_t point,
                    float *out);
} calr_winograd_form;

typedef struct calr_winograd_kernels {
    const char *name;
    calr_winograd_form fast;  /* F(4 x 4, 3 x 3): 4 times fewer multiplications */
    calr_winograd_form exact; /* F(4 x 2, 3 x 3): 3 times fewer, with the direct sum's error */
    /* The gradient of weights, by `fast`. 4 x 4 pixels of a gradient, zeros outside: out = A in A^T. */
    void (*gradient)(const calr_winograd_tile *tile, const void *map, calr_winograd_layout layout,
                     float *out);
    /* 16 rows of it: dw = G^T in G. */
    void (*weights_gradient)(const float *in, int64_t point, int64_t made, int64_t summed,
                             float *dw);
    /* One panel at one point: c[tiles x 32] = a b, a: `panels` panels of `tiles` rows, a_panel
     * apart; b: 32 panels rows. */
    void (*product)(int64_t tiles, int64_t panels, const float *a, int64_t a_panel, const float *b,
                    float *c);
    /* c[32 x 32] (+)= a^T b, a and b: tiles x 32. */
    void (*product_transposed)(int64_t tiles, const float *a, const float *b, bool add, float *c);
} calr_winograd_kernels;

extern const calr_winograd_kernels calr_winograd_avx2, calr_winograd_avx512,
    calr_winograd_avx512_bf16;

#endif
