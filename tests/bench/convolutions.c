/* Times of the convolutions of ResNet-50 (256x128, last stride 1) and of smaller networks by the ways there are,
 * interleaved: the same pass by each way in turn, so that a slow moment of the machine hits all of them.
 *
 *     bench_convolutions [--bf16] [--cpu] [BATCH=32] [ROUNDS=5] [FILTER]
 *
 * --bf16 takes maps of bf16, --cpu measures processor time, for a busy machine and OMP_NUM_THREADS=1. FILTER keeps the
 * rows whose text has it, for example "3x3", "512" or "depthwise". Rates count the operations of the direct algorithm.
 * The code that oneDNN takes stands beside its time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "backend/backend.h"
#include "backend/cpu/blas.h"
#include "backend/cpu/depthwise/depthwise.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/onednn.h"
#include "backend/cpu/pointwise/pointwise.h"
#include "backend/cpu/winograd/winograd.h"

typedef struct layer {
    int64_t h, w, c_in, c_out, kernel, stride;
    int times; /* in ResNet-50 */
    bool depthwise;
} layer;

static const layer layers[] = {
    {256, 128, 3, 64, 7, 2, 1},
    {64, 32, 64, 64, 1, 1, 1},
    {64, 32, 64, 64, 3, 1, 3},
    {64, 32, 64, 256, 1, 1, 4},
    {64, 32, 256, 64, 1, 1, 2},
    {64, 32, 256, 128, 1, 1, 1},
    {64, 32, 128, 128, 3, 2, 1},
    {32, 16, 128, 512, 1, 1, 4},
    {64, 32, 256, 512, 1, 2, 1},
    {32, 16, 512, 128, 1, 1, 3},
    {32, 16, 128, 128, 3, 1, 3},
    {32, 16, 512, 256, 1, 1, 1},
    {32, 16, 256, 256, 3, 2, 1},
    {16, 8, 256, 1024, 1, 1, 6},
    {32, 16, 512, 1024, 1, 2, 1},
    {16, 8, 1024, 256, 1, 1, 5},
    {16, 8, 256, 256, 3, 1, 5},
    {16, 8, 1024, 512, 1, 1, 1},
    {16, 8, 512, 512, 3, 1, 3},
    {16, 8, 512, 2048, 1, 1, 3},
    {16, 8, 1024, 2048, 1, 1, 1},
    {16, 8, 2048, 512, 1, 1, 2},
    /* Of smaller networks, and odd maps: not counted. */
    {32, 16, 32, 64, 3, 2, 0},
    {16, 8, 64, 128, 3, 2, 0},
    {32, 16, 64, 128, 3, 2, 0},
    {32, 16, 32, 64, 1, 2, 0},
    {16, 8, 64, 128, 1, 2, 0},
    {32, 16, 64, 128, 1, 2, 0},
    {16, 8, 128, 256, 1, 2, 0},
    {32, 16, 32, 32, 3, 1, 0},
    {16, 8, 64, 64, 3, 1, 0},
    {8, 4, 128, 128, 3, 1, 0},
    {32, 16, 64, 64, 3, 1, 0},
    {8, 4, 512, 512, 3, 1, 0},
    {14, 14, 256, 256, 3, 1, 0},
    {7, 7, 512, 512, 3, 1, 0},
    {9, 5, 128, 128, 3, 1, 0},
    /* Of MobileNetV2 and EfficientNet-Lite0 at 128x64. */
    {64, 32, 32, 16, 1, 1, 0},
    {64, 32, 16, 96, 1, 1, 0},
    {32, 16, 24, 144, 1, 1, 0},
    {32, 16, 144, 24, 1, 1, 0},
    {16, 8, 32, 192, 1, 1, 0},
    {16, 8, 192, 32, 1, 1, 0},
    {8, 4, 64, 384, 1, 1, 0},
    {8, 4, 384, 64, 1, 1, 0},
    {8, 4, 576, 96, 1, 1, 0},
    {4, 2, 160, 960, 1, 1, 0},
    {4, 2, 960, 160, 1, 1, 0},
    {4, 2, 320, 1280, 1, 1, 0},
    {64, 32, 32, 32, 3, 1, 0, true},
    {64, 32, 96, 96, 3, 2, 0, true},
    {32, 16, 144, 144, 3, 1, 0, true},
    {32, 16, 144, 144, 3, 2, 0, true},
    {16, 8, 192, 192, 3, 1, 0, true},
    {16, 8, 192, 192, 3, 2, 0, true},
    {8, 4, 384, 384, 3, 1, 0, true},
    {8, 4, 576, 576, 3, 2, 0, true},
    {4, 2, 960, 960, 3, 1, 0, true},
    {32, 16, 144, 144, 5, 2, 0, true},
    {16, 8, 240, 240, 5, 1, 0, true},
    {8, 4, 672, 672, 5, 1, 0, true},
    {8, 4, 672, 672, 5, 2, 0, true},
    {4, 2, 1152, 1152, 5, 1, 0, true},
};

typedef struct arrays {
    calr_conv2d conv;
    void *x, *y, *dx; /* of the convolution's type */
    float *w, *dw;
} arrays;

static clockid_t timer = CLOCK_MONOTONIC;

static double now(void)
{
    struct timespec t;
    clock_gettime(timer, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static float *numbers(int64_t count)
{
    float *a = aligned_alloc(2097152, ((size_t)count * sizeof *a + 2097151) / 2097152 * 2097152);
    if (a)
        madvise(a, (size_t)count * sizeof *a, MADV_HUGEPAGE); /* as the pool has it */
    for (int64_t i = 0; a && i < count; i++)
        a[i] = (float)(i * 2654435761 % 2001 - 1000) / 1000;
    return a;
}

/* The same of a map's type. */
static void *map_of(calr_dtype type, int64_t count)
{
    float *wide = numbers(count);
    if (!wide || type == CALR_F32)
        return wide;
    calr_bf16 *half = (calr_bf16 *)numbers((count + 1) / 2);
    if (half)
        calr_bf16_round(count, wide, half);
    free(wide);
    return half;
}

/* The ways; false where one cannot. */
static const char *onednn_code = ""; /* that by_onednn has run */

static bool by_onednn(arrays *a, calr_conv2d_pass pass)
{
    static struct {
        calr_conv2d of;
        calr_onednn_plan *plan[3];
    } kept;
    if (memcmp(&kept.of, &a->conv, sizeof kept.of) != 0) {
        for (int i = 0; i < 3; i++) {
            calr_onednn_plan_release(kept.plan[i]);
            calr_onednn_spec spec = {.conv = a->conv, .pass = i};
            kept.plan[i] = NULL;
            if (calr_onednn_plan_new(&spec, &kept.plan[i]) != CALR_OK)
                return false;
        }
        kept.of = a->conv;
    }
    if (!kept.plan[pass])
        return false;
    onednn_code = calr_onednn_plan_name(kept.plan[pass]);
    const void *in = pass == CALR_CONV2D_BACKWARD_DATA ? a->y : a->x;
    void *out = pass == CALR_CONV2D_BACKWARD_DATA ? a->dx : a->y;
    return calr_onednn_plan_run(kept.plan[pass], in,
                                pass == CALR_CONV2D_BACKWARD_WEIGHTS ? a->dw : a->w, NULL,
                                out) == CALR_OK;
}

static bool by_winograd(arrays *a, calr_conv2d_pass pass)
{
    if (!calr_winograd_wanted(&a->conv))
        return false;
    if (pass == CALR_CONV2D_FORWARD)
        return calr_winograd_forward(&a->conv, a->x, a->w, NULL, a->y) == CALR_OK;
    if (pass == CALR_CONV2D_BACKWARD_DATA)
        return calr_winograd_backward_data(&a->conv, a->w, a->y, a->dx) == CALR_OK;
    return calr_winograd_backward_weights(&a->conv, a->x, a->y, a->dw) == CALR_OK;
}

static bool by_gemm(arrays *a, calr_conv2d_pass pass)
{
    const calr_conv2d *g = &a->conv;
    int64_t rows = g->n * g->h * g->w;
    if (g->kh != 1 || g->stride[0] != 1 || g->dtype != CALR_F32)
        return false;
    if (pass == CALR_CONV2D_FORWARD)
        calr_blas_gemm(false, true, rows, g->c_out, g->c_in, 1, a->x, g->c_in, a->w, g->c_in, 0,
                       a->y, g->c_out);
    else if (pass == CALR_CONV2D_BACKWARD_DATA)
        calr_blas_gemm(false, false, rows, g->c_in, g->c_out, 1, a->y, g->c_out, a->w, g->c_in, 0,
                       a->dx, g->c_in);
    else
        calr_blas_gemm(true, false, g->c_out, g->c_in, rows, 1, a->y, g->c_out, a->x, g->c_in, 0,
                       a->dw, g->c_in);
    return true;
}

static bool by_pointwise(arrays *a, calr_conv2d_pass pass)
{
    if (!calr_pointwise_can(&a->conv))
        return false;
    if (pass == CALR_CONV2D_FORWARD)
        return calr_pointwise_forward(&a->conv, a->x, a->w, NULL, a->y) == CALR_OK;
    if (pass == CALR_CONV2D_BACKWARD_DATA)
        return calr_pointwise_backward_data(&a->conv, a->w, a->y, false, a->dx) == CALR_OK;
    return calr_pointwise_backward_weights(&a->conv, a->x, a->y, a->dw) == CALR_OK;
}

/* Adds to a gradient that is there. */
static bool by_adding(arrays *a, calr_conv2d_pass pass)
{
    return pass == CALR_CONV2D_BACKWARD_DATA && a->conv.stride[0] > 1 &&
           calr_pointwise_can(&a->conv) &&
           calr_pointwise_backward_data(&a->conv, a->w, a->y, true, a->dx) == CALR_OK;
}

static bool by_depthwise(arrays *a, calr_conv2d_pass pass)
{
    if (!calr_depthwise_is(&a->conv))
        return false;
    if (pass == CALR_CONV2D_FORWARD)
        return calr_depthwise_forward(&a->conv, a->x, a->w, NULL, a->y) == CALR_OK;
    if (pass == CALR_CONV2D_BACKWARD_DATA)
        return calr_depthwise_backward_data(&a->conv, a->w, a->y, a->dx) == CALR_OK;
    return calr_depthwise_backward_weights(&a->conv, a->x, a->y, a->dw, NULL) == CALR_OK;
}

static const struct {
    const char *name;
    bool (*run)(arrays *a, calr_conv2d_pass pass);
} ways[] = {{"onednn", by_onednn},       {"winograd", by_winograd}, {"gemm", by_gemm},
            {"pointwise", by_pointwise}, {"adding", by_adding},     {"depthwise", by_depthwise}};

#define WAYS   ((int)(sizeof ways / sizeof *ways))
#define ROUNDS 99

static void measure(const char *text, const layer *l, calr_dtype type, int64_t batch, int rounds,
                    double *total)
{
    static const char *const pass_name[] = {"forward", "data", "weights"};
    arrays a = {.conv = {.dtype = type,
                         .n = batch,
                         .h = l->h,
                         .w = l->w,
                         .c_in = l->c_in,
                         .c_out = l->c_out,
                         .kh = l->kernel,
                         .kw = l->kernel,
                         .groups = l->depthwise ? l->c_in : 1,
                         .stride = {l->stride, l->stride},
                         .padding = {l->kernel / 2, l->kernel / 2, l->kernel / 2, l->kernel / 2}}};
    const calr_conv2d *g = &a.conv;
    if (calr_conv2d_resolve(&a.conv) != CALR_OK)
        return;
    int64_t depth = g->c_in / g->groups * g->kh * g->kw, nx = g->n * g->h * g->w * g->c_in,
            nw = g->c_out * depth, ny = g->n * g->out_h * g->out_w * g->c_out;
    a.x = map_of(type, nx), a.dx = map_of(type, nx), a.y = map_of(type, ny);
    a.w = numbers(nw), a.dw = numbers(nw);
    double flops = 2.0 * (double)ny * (double)depth;
    for (calr_conv2d_pass pass = g->c_in == 3 ? CALR_CONV2D_BACKWARD_WEIGHTS : 0;
         pass <= CALR_CONV2D_BACKWARD_WEIGHTS; pass++) {
        double seconds[WAYS][ROUNDS];
        int runs[WAYS] = {0};
        onednn_code = "";
        for (int round = -1; round < rounds; round++)
            for (int i = 0; i < WAYS; i++) {
                double begin = now();
                if (ways[i].run(&a, pass) && round >= 0)
                    seconds[i][runs[i]++] = now() - begin;
            }
        printf("%s %-7s", text, pass_name[pass]);
        double best = 1e9, first = 0;
        for (int i = 0; i < WAYS; i++) {
            if (!runs[i])
                continue;
            qsort(seconds[i], (size_t)runs[i], sizeof(double), by_value);
            double median = seconds[i][runs[i] / 2];
            printf("  %s %6.2f ms %4.0f GF/s", ways[i].name, 1e3 * median, 1e-9 * flops / median);
            if (i == 0) {
                printf(" (%s)", onednn_code);
                first = median;
            }
            best = median < best ? median : best;
        }
        printf("\n");
        total[0] += first * l->times, total[1] += best * l->times;
    }
    free(a.x), free(a.dx), free(a.w), free(a.dw), free(a.y);
}

int main(int argc, char **argv)
{
    calr_dtype type = CALR_F32;
    for (; argc > 1 && strncmp(argv[1], "--", 2) == 0; argc--, argv++)
        if (strcmp(argv[1], "--bf16") == 0)
            type = CALR_BF16;
        else if (strcmp(argv[1], "--cpu") == 0)
            timer = CLOCK_PROCESS_CPUTIME_ID;
        else
            return 2;
    int64_t batch = argc > 1 ? atoll(argv[1]) : 32;
    int rounds = argc > 2 ? atoi(argv[2]) : 5;
    double total[2] = {0};
    const calr_backend *backend;
    if (calr_backend_get(&backend) != CALR_OK || rounds < 1 || rounds > ROUNDS)
        return 2;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const layer *l = &layers[i];
        char text[96];
        snprintf(text, sizeof text, "%dx %3dx%-3d %4d ->%5d %dx%d/%d%s", l->times, (int)l->h,
                 (int)l->w, (int)l->c_in, (int)l->c_out, (int)l->kernel, (int)l->kernel,
                 (int)l->stride, l->depthwise ? " depthwise" : "");
        if (argc < 4 || strstr(text, argv[3]))
            measure(text, l, type, batch, rounds, total);
    }
    printf("a step of ResNet-50: %.1f ms by oneDNN, %.1f ms by the best of each\n", 1e3 * total[0],
           1e3 * total[1]);
    return 0;
}
