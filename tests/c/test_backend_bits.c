/* An operation gives the same bits wherever its arrays lie and whatever lies around them, and writes to its results
 * alone. Each is run some times: arrays begin at any element, between fences whose bytes change from round to round,
 * and so do the bytes that results and new memory hold before they are written. The pool is this test's own and puts
 * fences around every block: the memory that kernels and oneDNN take for themselves is watched too. */
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>

#include "backend/frozen.h"
#include "base/bf16.h"
#include "tensor/pool.h"
#include "test_backend.h"

/* ---- memory between fences ---- */

enum { FENCE = 4096 };

/* What unwritten memory is full of: as numbers 0, NaN, -97, 3e38 and 1e7. */
static const unsigned char bytes_of_round[] = {0, 0xff, 0xc2, 0x7f, 0x4b};
static unsigned char unwritten;
static atomic_int broken; /* blocks of the pool whose fences were written to */

static void begin_round(int round)
{
    unwritten = bytes_of_round[(size_t)round % sizeof bytes_of_round];
#ifdef M_PERTURB
    mallopt(M_PERTURB, unwritten); /* malloc's too, which gives the complement of it */
#endif
}

static bool is_unwritten(const unsigned char *at, size_t bytes)
{
    size_t others = 0;
    for (size_t i = 0; i < bytes; i++)
        others += at[i] != unwritten;
    return others == 0;
}

static unsigned char *fenced_new(size_t bytes, size_t offset)
{
    void *block = NULL;
    size_t all = 2 * FENCE + offset + bytes;
    if (posix_memalign(&block, 64, all) != 0)
        abort();
    memset(block, unwritten, all);
    return (unsigned char *)block + FENCE + offset;
}

/* Whether the fences stand. Frees the memory. */
static bool fenced_release(unsigned char *at, size_t bytes, size_t offset)
{
    bool stand =
        is_unwritten(at - offset - FENCE, FENCE + offset) && is_unwritten(at + bytes, FENCE);
    free(at - offset - FENCE);
    return stand;
}

/* These stand in for tensor/pool.c. */
calr_status calr_pool_alloc(size_t size, void **out)
{
    *out = fenced_new(size, 0);
    return CALR_OK;
}

void calr_pool_free(void *block, size_t size)
{
    if (block && !fenced_release(block, size, 0))
        atomic_fetch_add(&broken, 1);
}

void calr_pool_trim(void)
{
}

calr_pool_stats calr_pool_get_stats(void)
{
    return (calr_pool_stats){0};
}

/* ---- an operation, some times ---- */

enum { ROUNDS = 5, MOST_ARRAYS = 12, VALUES = 1 << 21 };

static float values[VALUES], positive[VALUES];
static calr_bf16 halves[VALUES];
static calr_dtype dtype = CALR_F32; /* of the maps of the operation at hand */

typedef struct array {
    const void *from; /* what it holds at first; NULL: unwritten */
    int64_t count;
    size_t size; /* of an element */
    bool written;
} array;

/* Numbers of f32, and (MAP) of `dtype`. Two arrays of one operation differ in i. */
#define IN(i, n)     ((array){values + 1000 * (i), (n), 4, false})
#define INOUT(i, n)  ((array){values + 1000 * (i), (n), 4, true})
#define ABOVE(i, n)  ((array){positive + 1000 * (i), (n), 4, false})
#define OUT(n)       ((array){NULL, (n), 4, true})
#define IN_MAP(i, n) ((array){map_values(i), (n), map_size(), false})
#define OUT_MAP(n)   ((array){NULL, (n), map_size(), true})

static size_t map_size(void)
{
    return dtype == CALR_BF16 ? sizeof(calr_bf16) : sizeof(float);
}

static const void *map_values(int i)
{
    return dtype == CALR_BF16 ? (const void *)(halves + 1000 * i) : values + 1000 * i;
}

static void make_values(void)
{
    calr_rng rng = calr_rng_make(11, calr_rng_purpose("bits"), 0, 0);
    for (int i = 0; i < VALUES; i++) {
        values[i] = i < 4096 ? (float)calr_rng_normal(&rng)
                             : values[i - 4096] * (i % 8192 < 4096 ? -1.03125f : 0.96875f);
        halves[i] = calr_bf16_from_f32(values[i]);
        positive[i] = fabsf(values[i]) + 0.25f;
    }
}

typedef void (*operation)(const void *settings, void **a);

/* One round; the results go to `made`, where round 0 put its own. */
static bool run_round(operation run, const void *settings, const array *arrays, int count,
                      int round, unsigned char **made)
{
    static calr_rng rng;
    unsigned char *at[MOST_ARRAYS];
    size_t offset[MOST_ARRAYS];
    bool good = true;
    begin_round(round);
    if (round == 0)
        rng = calr_rng_make(12, calr_rng_purpose("offsets"), 0, 0);
    for (int i = 0; i < count; i++) {
        const array *a = &arrays[i];
        offset[i] = round ? a->size * calr_rng_below(&rng, 64 / a->size) : 0;
        at[i] = fenced_new((size_t)a->count * a->size, offset[i]);
        if (a->from)
            memcpy(at[i], a->from, (size_t)a->count * a->size);
    }
    run(settings, (void **)at);
    for (int i = 0; i < count; i++) {
        size_t bytes = (size_t)arrays[i].count * arrays[i].size;
        if (round == 0 && arrays[i].written)
            memcpy(made[i] = malloc(bytes + 1), at[i], bytes);
        const void *expected = arrays[i].written ? made[i] : arrays[i].from;
        good = good && memcmp(at[i], expected, bytes) == 0;
        good = fenced_release(at[i], bytes, offset[i]) && good;
    }
    return atomic_exchange(&broken, 0) == 0 && good;
}

static void check_operation(const char *name, operation run, const void *settings,
                            const array *arrays, int count)
{
    unsigned char *made[MOST_ARRAYS] = {0};
    int bad = -1;
    for (int round = 0; round < ROUNDS && bad < 0; round++)
        if (!run_round(run, settings, arrays, count, round, made))
            bad = round;
    if (!CHECK(bad < 0))
        fprintf(stderr, "    %s, backend %s, %s, %d threads, round %d\n", name, backend->conv,
                dtype == CALR_BF16 ? "bf16" : "f32", calr_parallel_threads(), bad);
    for (int i = 0; i < count; i++)
        free(made[i]);
}

#define OPERATION(name, run, settings, ...)                                                        \
    check_operation((name), (run), (settings), (const array[]){__VA_ARGS__},                       \
                    (int)(sizeof((const array[]){__VA_ARGS__}) / sizeof(array)))

/* ---- products ---- */

typedef struct product {
    bool ta, tb;
    int64_t m, n, k, gap;
    float beta;
} product;

static void run_gemm(const void *settings, void **a)
{
    const product *p = settings;
    backend->gemm(p->ta, p->tb, p->m, p->n, p->k, 0.75f, a[0], (p->ta ? p->m : p->k) + p->gap, a[1],
                  (p->tb ? p->k : p->n) + p->gap, p->beta, a[2], p->n + p->gap);
}

static void check_products(void)
{
    static const int64_t sizes[][3] = {{1, 1, 1},   {1, 40, 300},  {37, 1, 70},   {8, 8, 8},
                                       {5, 19, 64}, {63, 65, 129}, {200, 48, 33}, {130, 257, 511}};
    for (size_t i = 0; i < 4 * sizeof sizes / sizeof *sizes; i++) {
        const int64_t *s = sizes[i / 4];
        product p = {.ta = i & 1, .tb = i & 2, .m = s[0], .n = s[1], .k = s[2]};
        for (p.gap = 0; p.gap <= 3; p.gap += 3) {
            p.beta = p.gap ? 0.5f : 0.0f;
            int64_t na = (p.ta ? p.k : p.m) * ((p.ta ? p.m : p.k) + p.gap),
                    nb = (p.tb ? p.n : p.k) * ((p.tb ? p.k : p.n) + p.gap);
            int64_t nc = p.m * (p.n + p.gap);
            OPERATION("gemm", run_gemm, &p, IN(1, na), IN(2, nb), p.gap ? INOUT(3, nc) : OUT(nc));
        }
    }
}

/* ---- convolutions ---- */

static void run_forward(const void *g, void **a)
{
    CHECK_OK(backend->conv2d_forward(g, a[0], a[1], a[2], a[3]));
}

static void run_data(const void *g, void **a)
{
    CHECK_OK(backend->conv2d_backward_data(g, a[0], a[1], a[2]));
}

static void run_data_add(const void *g, void **a)
{
    CHECK_OK(backend->conv2d_backward_data_add(g, a[0], a[1], a[2]));
}

static void run_weights(const void *g, void **a)
{
    CHECK_OK(backend->conv2d_backward_weights(g, a[0], a[1], a[2], a[3]));
}

static void run_frozen(const void *settings, void **a)
{
    const calr_conv2d *g = settings;
    calr_frozen_conv *frozen = NULL;
    if (!CHECK(calr_frozen_conv_new(g, a[1], NULL, a[2], true, &frozen) == CALR_OK))
        return;
    CHECK_OK(calr_frozen_conv_run(frozen, g, a[0], NULL, a[4]));
    CHECK_OK(calr_frozen_conv_run(frozen, g, a[0], a[3], a[5]));
    calr_frozen_conv_release(frozen);
}

static void check_convolution(calr_conv2d g)
{
    char name[128];
    g.dtype = dtype;
    CHECK_OK(calr_conv2d_resolve(&g));
    int64_t nx = g.n * g.h * g.w * g.c_in, nw = g.c_out * (g.c_in / g.groups) * g.kh * g.kw,
            ny = g.n * g.out_h * g.out_w * g.c_out;
    snprintf(name, sizeof name,
             "convolution %" PRId64 " x %" PRId64 " x %" PRId64 ", %" PRId64 " -> %" PRId64
             ", kernel %" PRId64 ", stride %" PRId64 ", groups %" PRId64,
             g.n, g.h, g.w, g.c_in, g.c_out, g.kh, g.stride[0], g.groups);
    OPERATION(name, run_forward, &g, IN_MAP(1, nx), IN(2, nw), IN(3, g.c_out), OUT_MAP(ny));
    OPERATION(name, run_data, &g, IN(2, nw), IN_MAP(4, ny), OUT_MAP(nx));
    OPERATION(name, run_weights, &g, IN_MAP(1, nx), IN_MAP(4, ny), OUT(nw), OUT(g.c_out));
    OPERATION(name, run_frozen, &g, IN_MAP(1, nx), IN(2, nw), IN(3, g.c_out), IN_MAP(5, ny),
              OUT_MAP(ny), OUT_MAP(ny));
    if (dtype == CALR_F32 && calr_backend_conv2d_adds(&g))
        OPERATION(name, run_data_add, &g, IN(2, nw), IN(4, ny), INOUT(6, nx));
}

static void check_some(int64_t n, int64_t h, int64_t w, int64_t kernel, int64_t stride,
                       const int64_t (*channels)[3], size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_convolution(
            (calr_conv2d){.n = n,
                          .h = h,
                          .w = w,
                          .c_in = channels[i][0],
                          .c_out = channels[i][1],
                          .groups = channels[i][2],
                          .kh = kernel,
                          .kw = kernel,
                          .stride = {stride, stride},
                          .padding = {kernel / 2, kernel / 2, kernel / 2, kernel / 2}});
}

static void check_convolutions(void)
{
    /* Few channels, which fill no vector; some; many, for our own kernels and for a plain product. */
    static const int64_t few[][3] = {{1, 1, 1}, {3, 4, 1},  {4, 8, 1},   {5, 3, 1},
                                     {7, 9, 1}, {12, 6, 2}, {15, 17, 1}, {6, 6, 6}},
                         some[][3] = {{3, 16, 1},  {16, 24, 1}, {24, 16, 1},  {20, 36, 1},
                                      {32, 32, 1}, {32, 64, 4}, {40, 40, 40}, {64, 64, 1}},
                         many[][3] = {{64, 96, 1}, {128, 64, 1}, {512, 544, 1}};
    const size_t of_few = sizeof few / sizeof *few, of_some = sizeof some / sizeof *some;
    for (int64_t stride = 1; stride <= 3; stride++) {
        check_some(16, 16, 8, 1, stride, few, of_few);
        check_some(3, 9, 7, 1, stride, few, of_few);
        check_some(2, 9, 6, 3, stride, few, of_few);
        check_some(5, 8, 8, 1, stride, some, of_some);
        check_some(2, 16, 18, 3, stride, some, of_some);
    }
    check_some(2, 20, 11, 7, 2, few, of_few);
    check_some(9, 16, 8, 1, 1, many, 3);
    check_some(9, 32, 16, 1, 2, many, 2);
    check_some(5, 16, 8, 3, 1, many, 2);
}

/* ---- normalisation and pooling ---- */

static void run_norm_train(const void *norm, void **a)
{
    CHECK_OK(backend->batch_norm_train(norm, 0.1, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]));
}

static void run_norm_infer(const void *norm, void **a)
{
    CHECK_OK(backend->batch_norm_infer(norm, a[0], a[1], a[2], a[3], a[4], a[5], a[6]));
}

static void run_norm_backward(const void *norm, void **a)
{
    CHECK_OK(backend->batch_norm_backward(norm, false, a[0], a[1], a[2], a[3], a[4], a[5], a[6],
                                          a[7], a[8]));
}

static void run_instance(const void *norm, void **a)
{
    CHECK_OK(backend->instance_norm_forward(norm, 3, a[0], a[1], a[2], a[3], a[4], a[5]));
}

static void run_instance_backward(const void *norm, void **a)
{
    CHECK_OK(backend->instance_norm_backward(norm, 3, a[0], a[1], a[2], a[3], a[4], a[5], a[6],
                                             a[7], a[8]));
}

static void check_norms(int64_t rows, int64_t c)
{
    calr_norm norm = {
        .rows = rows, .c = c, .eps = 1e-5f, .activation = CALR_ACTIVATION_RELU, .dtype = dtype};
    int64_t n = rows * c;
    OPERATION("batch_norm_train", run_norm_train, &norm, IN_MAP(1, n), IN(2, c), IN(3, c),
              IN_MAP(4, n), INOUT(5, c), INOUT(6, c), OUT(4 * c), OUT_MAP(n));
    OPERATION("batch_norm_infer", run_norm_infer, &norm, IN_MAP(1, n), IN(2, c), IN(3, c), IN(4, c),
              ABOVE(5, c), IN_MAP(6, n), OUT_MAP(n));
    OPERATION("batch_norm_backward", run_norm_backward, &norm, IN_MAP(1, n), IN_MAP(2, n),
              ABOVE(3, 4 * c), IN_MAP(4, n), IN_MAP(5, n), OUT_MAP(n), OUT(c), OUT(c), OUT_MAP(n));
    OPERATION("instance_norm", run_instance, &norm, IN_MAP(1, 3 * n), IN(2, c), IN(3, c),
              OUT(3 * c), OUT(3 * c), OUT_MAP(3 * n));
    OPERATION("instance_norm_backward", run_instance_backward, &norm, IN_MAP(1, 3 * n),
              IN_MAP(2, 3 * n), IN(3, c), IN(4, 3 * c), ABOVE(5, 3 * c), IN_MAP(6, 3 * n),
              OUT_MAP(3 * n), OUT(c), OUT(c));
}

static void run_max_pool(const void *pool, void **a)
{
    CHECK_OK(backend->max_pool_forward(pool, a[0], a[1], a[2]));
    CHECK_OK(backend->max_pool_backward(pool, a[2], a[3], a[4]));
}

static void run_means(const void *sizes, void **a)
{
    const int64_t *s = sizes;
    CHECK_OK(backend->avg_pool_forward(dtype, s[0], s[1], s[2], a[0], a[1]));
    CHECK_OK(backend->avg_pool_backward(dtype, s[0], s[1], s[2], a[1], a[2]));
    CHECK_OK(backend->gem_forward(dtype, s[0], s[1], s[2], 2.75f, 1e-6f, a[0], a[3]));
    CHECK_OK(
        backend->gem_backward(dtype, s[0], s[1], s[2], 2.75f, 1e-6f, a[0], a[3], a[4], a[5], a[6]));
}

static void check_pools(int64_t n, int64_t h, int64_t w, int64_t c)
{
    calr_pool2d pool = {.n = n, .h = h, .w = w, .c = c, .kernel = 3, .stride = 2, .padding = 1};
    int64_t sizes[] = {n, h * w, c}, nx = n * h * w * c;
    pool.dtype = dtype;
    CHECK_OK(calr_pool2d_resolve(&pool));
    int64_t ny = n * pool.out_h * pool.out_w * c;
    OPERATION("max_pool", run_max_pool, &pool, IN_MAP(1, nx), OUT_MAP(ny),
              ((array){NULL, ny, 1, true}), IN_MAP(2, ny), OUT_MAP(nx));
    OPERATION("avg_pool, gem", run_means, sizes, IN_MAP(1, nx), OUT(n * c), OUT_MAP(nx), OUT(n * c),
              IN(2, n * c), OUT_MAP(nx), OUT(1));
}

/* ---- rows and elements ---- */

static void run_rows(const void *sizes, void **a)
{
    const int64_t *s = sizes;
    CHECK_OK(backend->softmax(s[0], s[1], a[0], a[2]));
    CHECK_OK(backend->softmax_backward(s[0], s[1], a[2], a[1], a[3]));
    CHECK_OK(backend->log_softmax(s[0], s[1], a[0], a[4]));
    CHECK_OK(backend->log_softmax_backward(s[0], s[1], a[4], a[1], a[5]));
    CHECK_OK(backend->l2_normalize_forward(s[0], s[1], 1e-6f, a[0], a[6], a[7]));
    CHECK_OK(backend->l2_normalize_backward(s[0], s[1], 1e-6f, a[7], a[6], a[1], a[8]));
}

static void run_entropy(const void *sizes, void **a)
{
    const int64_t *s = sizes;
    CHECK_OK(backend->cross_entropy_forward(s[0], s[1], a[0], a[1], a[2], NULL, a[3], a[4], a[5]));
    CHECK_OK(backend->cross_entropy_backward(s[0], s[1], a[0], a[1], a[2], NULL, a[3],
                                             *(float *)a[4], 0.75f, a[6]));
}

static void run_row_sums(const void *sizes, void **a)
{
    const int64_t *s = sizes;
    CHECK_OK(backend->sum_rows(dtype, s[0], s[1], a[0], a[2]));
    CHECK_OK(backend->add_row(s[0], s[1], a[1], a[3], a[4]));
}

/* Of all rows, and of each row. */
static void run_reductions(const void *sizes, void **a)
{
    const int64_t *s = sizes;
    calr_reduce down = {CALR_REDUCE_SUM, dtype, 1, s[0], s[1], 0};
    calr_reduce across = {CALR_REDUCE_STD, CALR_F32, s[0], s[1], 1, 1};
    CHECK_OK(backend->reduce(&down, a[0], a[2], NULL));
    CHECK_OK(backend->reduce(&across, a[1], a[3], NULL));
    CHECK_OK(backend->reduce_backward(&across, a[1], a[3], NULL, a[3], a[4]));
    across.op = CALR_REDUCE_MAX;
    CHECK_OK(backend->reduce(&across, a[1], a[5], a[6]));
    CHECK_OK(backend->reduce_backward(&across, NULL, NULL, a[6], a[5], a[7]));
}

static void check_rows(int64_t rows, int64_t c)
{
    static int32_t labels[4096];
    int64_t sizes[] = {rows, c}, n = rows * c;
    for (int64_t i = 0; i < rows; i++)
        labels[i] = (int32_t)(i * 7 % c);
    OPERATION("softmax, l2_normalize", run_rows, sizes, IN(1, n), IN(2, n), OUT(n), OUT(n), OUT(n),
              OUT(n), OUT(rows), OUT(n), OUT(n));
    OPERATION("cross_entropy", run_entropy, sizes, IN(1, n), ((array){labels, rows, 4, false}),
              ABOVE(2, c), OUT(rows), OUT(1), OUT(1), OUT(n));
    OPERATION("reduce", run_reductions, sizes, IN_MAP(1, n), IN(2, n), OUT_MAP(c), OUT(rows),
              OUT(n), OUT(rows), OUT(2 * rows), OUT(n));
    OPERATION("sum_rows", run_row_sums, sizes, IN_MAP(1, n), IN(2, n), OUT(c), IN(3, c), OUT(n));
}

static void run_elements(const void *count, void **a)
{
    int64_t n = *(const int64_t *)count;
    calr_pairing one = calr_pairing_of(n);
    backend->unary(CALR_RELU, dtype, n, NULL, a[0], a[2]);
    backend->unary_backward(CALR_RELU, dtype, n, NULL, a[0], a[1], a[3]);
    CHECK_OK(backend->binary(CALR_MUL, dtype, &one, a[0], a[1], a[4]));
    backend->axpy(dtype, n, 0.3f, a[1], a[4]);
    CHECK_OK(backend->binary(CALR_DIV, dtype, &one, a[4], a[1], a[5]));
    CHECK_OK(backend->binary(CALR_SUB, dtype, &one, a[5], a[0], a[6]));
    backend->affine(dtype, n, 0.7f, 0.1f, a[6], a[7]);
    CHECK_OK(backend->binary(CALR_ADD, dtype, &one, a[7], a[1], a[8]));
    backend->scale(dtype, n, 1.7f, a[8], a[8]);
}

static void run_sums(const void *count, void **a)
{
    int64_t n = *(const int64_t *)count;
    calr_dropout dropout = {.p = 0.4, .seed = 5};
    calr_adam adam = {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .step = 3};
    calr_sgd sgd = {.lr = 0.01, .momentum = 0.9, .weight_decay = 1e-4, .nesterov = true};
    double dot = backend->dot(n, a[0], a[1]);
    memcpy(a[2], &dot, sizeof dot);
    backend->dropout(n, &dropout, a[0], a[3]);
    backend->adam_step(n, &adam, a[0], a[4], a[5], a[6]);
    backend->sgd_step(n, &sgd, a[1], a[4], a[6]);
}

static void check_elements(int64_t n)
{
    OPERATION("elements", run_elements, &n, IN_MAP(1, n), IN_MAP(2, n), OUT_MAP(n), OUT_MAP(n),
              OUT_MAP(n), OUT_MAP(n), OUT_MAP(n), OUT_MAP(n), OUT_MAP(n));
    OPERATION("sums, dropout, optimizers", run_sums, &n, IN(1, n), IN(2, n), OUT(2), OUT(n),
              INOUT(3, n), ((array){positive, n, 4, true}), INOUT(4, n));
}

/* ---- all of it ---- */

/* f32 on one thread, then f32 and bf16 on two. */
static void check_backend(void (*check)(void), const char *name)
{
    int threads = calr_parallel_threads();
    if (!use_backend(name))
        return;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(calr_parallel_set_threads(i == 0 ? 1 : 2));
        dtype = i == 2 ? CALR_BF16 : CALR_F32;
        check();
    }
    CHECK_OK(calr_parallel_set_threads(threads));
}

static void test_products(void)
{
    check_backend(check_products, "portable");
}

static void test_convolutions_portable(void)
{
    check_backend(check_convolutions, "portable");
}

static void test_convolutions_onednn(void)
{
    check_backend(check_convolutions, "onednn");
}

static void check_maps(void)
{
    static const int64_t channels[] = {1, 3, 4, 8, 20, 64, 100};
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        check_norms(9, channels[i]), check_norms(2500, channels[i]);
        check_pools(3, 9, 7, channels[i]), check_pools(5, 32, 16, channels[i]);
    }
}

static void test_maps(void)
{
    check_backend(check_maps, "portable");
}

static void check_flat(void)
{
    static const int64_t sizes[][2] = {{1, 1}, {3, 5}, {64, 16}, {37, 751}, {2000, 130}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_rows(sizes[i][0], sizes[i][1]);
        check_elements(sizes[i][0] * sizes[i][1]);
    }
}

static void test_flat(void)
{
    check_backend(check_flat, "portable");
}

int main(void)
{
    make_values();
    RUN(test_products);
    RUN(test_convolutions_portable);
    RUN(test_convolutions_onednn);
    RUN(test_maps);
    RUN(test_flat);
    return check_finish();
}
