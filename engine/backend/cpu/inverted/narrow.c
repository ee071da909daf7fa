#include "backend/cpu/inverted/narrow.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/inverted/kernels.h"
#include "backend/cpu/kernels.h"
#include "tensor/pool.h"

/* Both from measurements of the layers of MobileNetV2 and EfficientNet-Lite0 (docs/notebook/depthwise.md): with more
 * channels on both sides oneDNN's products are as fast, and so are they with maps that the caches hold. */
#define FEW_CHANNELS 40
#define FEWEST_BYTES ((int64_t)2 << 20)
/* Pixels of a share of the work. */
#define SHARE 384

bool calr_narrow_wanted(const calr_conv2d *g, calr_conv2d_pass pass)
{
    int64_t few = calr_min64(g->c_in, g->c_out), many = calr_max64(g->c_in, g->c_out);
    return pass != CALR_CONV2D_BACKWARD_WEIGHTS && g->dtype == CALR_F32 && g->kh == 1 &&
           g->kw == 1 && g->groups == 1 && calr_conv2d_has(g, 1, 0) && few <= FEW_CHANNELS &&
           g->c_in % CALR_INVERTED_STEP == 0 && g->c_out % CALR_INVERTED_STEP == 0 &&
           g->n * g->h * g->w * many * (int64_t)sizeof(float) >= FEWEST_BYTES &&
           calr_inverted_kernels_for(false);
}

const char *calr_narrow_name(void)
{
    return calr_inverted_kernels_for(false)->name;
}

static void body(void *context, int64_t begin, int64_t end, int worker)
{
    calr_inverted_product product = *(const calr_inverted_product *)context;
    (void)worker;
    product.rows = end - begin;
    product.a = (const float *)product.a + begin * product.depth;
    product.c = (float *)product.c + begin * product.columns;
    calr_inverted_kernels_for(false)->product(&product);
}

/* Element (k, column) of the second operand is w[k * down + column * across]. */
static calr_status multiply(int64_t pixels, int64_t depth, int64_t columns, const float *a,
                            const float *w, int64_t down, int64_t across, const float *bias,
                            float *c)
{
    const calr_inverted_kernels *kernels = calr_inverted_kernels_for(false);
    size_t bytes = (size_t)((depth + 1) * columns) * sizeof(float);
    void *block;
    CALR_TRY(calr_pool_alloc(bytes, &block));
    float *packed = block, *biases = packed + depth * columns;
    calr_inverted_pack(kernels, depth, columns, w, down, across, packed);
    if (bias)
        memcpy(biases, bias, (size_t)columns * sizeof *biases);
    else
        memset(biases, 0, (size_t)columns * sizeof *biases);
    calr_inverted_product product = {.depth = depth,
                                     .columns = columns,
                                     .a = a,
                                     .w = packed,
                                     .bias = biases,
                                     .c = c,
                                     .low = -INFINITY,
                                     .high = INFINITY,
                                     .far = true};
    calr_parallel_for(pixels, SHARE, body, &product);
    calr_pool_free(block, bytes);
    return CALR_OK;
}

calr_status calr_narrow_forward(const calr_conv2d *g, const float *x, const float *w,
                                const float *bias, float *y)
{
    return multiply(g->n * g->h * g->w, g->c_in, g->c_out, x, w, 1, g->c_in, bias, y);
}

calr_status calr_narrow_backward_data(const calr_conv2d *g, const float *w, const float *dy,
                                      float *dx)
{
    return multiply(g->n * g->h * g->w, g->c_out, g->c_in, dy, w, g->c_in, 1, NULL, dx);
}
