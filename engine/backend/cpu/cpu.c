/* The table of the processor: which kernels there are, which are selected, and what they run on. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/cpu/blas.h"
#include "backend/cpu/bytes.h"
#include "backend/cpu/conv_bf16.h"
#include "backend/cpu/kernels.h"
#include "backend/metered.h"
#ifdef CALR_WITH_ONEDNN
#include "backend/cpu/onednn.h"
#endif
#include "base/environment.h"
#include "base/meter.h"

#define SHARED_KERNELS                                                                             \
    .name = "cpu", .gemm = calr_blas_gemm, .gemm_double = calr_blas_gemm_double,                   \
    .products = calr_cpu_products, .distances = calr_cpu_distances,                                \
    .distances_backward = calr_cpu_distances_backward, .svd = calr_cpu_svd, .eigh = calr_cpu_eigh, \
    .qr = calr_cpu_qr, .cholesky = calr_cpu_cholesky, .triangular = calr_cpu_triangular,           \
    .lu = calr_cpu_lu, .lu_solve = calr_cpu_lu_solve,                                              \
    .batch_norm_train = calr_cpu_batch_norm_train,                                                 \
    .conv2d_backward_data_add = calr_cpu_conv2d_backward_data_add,                                 \
    .batch_norm_infer = calr_cpu_batch_norm_infer, .batch_norm_table = calr_cpu_batch_norm_table,  \
    .batch_norm_apply = calr_cpu_batch_norm_apply,                                                 \
    .batch_norm_backward = calr_cpu_batch_norm_backward,                                           \
    .conv2d_normed_forward = calr_cpu_conv2d_normed_forward,                                       \
    .conv2d_normed_backward = calr_cpu_conv2d_normed_backward,                                     \
    .instance_norm_forward = calr_cpu_instance_norm_forward,                                       \
    .instance_norm_backward = calr_cpu_instance_norm_backward,                                     \
    .row_norm_forward = calr_cpu_row_norm_forward,                                                 \
    .row_norm_backward = calr_cpu_row_norm_backward,                                               \
    .group_norm_forward = calr_cpu_group_norm_forward,                                             \
    .group_norm_backward = calr_cpu_group_norm_backward,                                           \
    .window_mean_forward = calr_cpu_window_mean_forward,                                           \
    .window_mean_backward = calr_cpu_window_mean_backward,                                         \
    .window_max_forward = calr_cpu_window_max_forward,                                             \
    .window_max_backward = calr_cpu_window_max_backward,                                           \
    .resample_forward = calr_cpu_resample_forward,                                                 \
    .resample_backward = calr_cpu_resample_backward,                                               \
    .attention_forward = calr_cpu_attention_forward,                                               \
    .attention_backward = calr_cpu_attention_backward,                                             \
    .max_pool_forward = calr_cpu_max_pool_forward,                                                 \
    .max_pool_backward = calr_cpu_max_pool_backward,                                               \
    .avg_pool_forward = calr_cpu_avg_pool_forward,                                                 \
    .avg_pool_backward = calr_cpu_avg_pool_backward, .gem_forward = calr_cpu_gem_forward,          \
    .gem_backward = calr_cpu_gem_backward, .softmax = calr_cpu_softmax,                            \
    .log_softmax = calr_cpu_log_softmax, .softmax_backward = calr_cpu_softmax_backward,            \
    .log_softmax_backward = calr_cpu_log_softmax_backward,                                         \
    .cross_entropy_forward = calr_cpu_cross_entropy_forward,                                       \
    .cross_entropy_backward = calr_cpu_cross_entropy_backward,                                     \
    .l2_normalize_forward = calr_cpu_l2_normalize_forward,                                         \
    .l2_normalize_backward = calr_cpu_l2_normalize_backward, .sum_rows = calr_cpu_sum_rows,        \
    .add_row = calr_cpu_add_row, .binary = calr_cpu_binary, .ternary = calr_cpu_ternary,           \
    .where = calr_cpu_where, .scale = calr_cpu_scale, .axpy = calr_cpu_axpy,                       \
    .affine = calr_cpu_affine, .dot = calr_cpu_dot, .reduce = calr_cpu_reduce,                     \
    .reduce_backward = calr_cpu_reduce_backward, .unary = calr_cpu_unary,                          \
    .unary_backward = calr_cpu_unary_backward, .gated_sum_forward = calr_cpu_gated_sum_forward,    \
    .gated_sum_backward = calr_cpu_gated_sum_backward, .dropout = calr_cpu_dropout,                \
    .sort = calr_cpu_sort, .top = calr_cpu_top, .rank = calr_cpu_rank, .unique = calr_cpu_unique,  \
    .search = calr_cpu_search, .histogram = calr_cpu_histogram, .scan = calr_cpu_scan,             \
    .scan_backward = calr_cpu_scan_backward, .index_outside = calr_cpu_index_outside,              \
    .take_rows = calr_cpu_take_rows, .put_rows = calr_cpu_put_rows, .gather = calr_cpu_gather,     \
    .scatter = calr_cpu_scatter, .mask_count = calr_cpu_mask_count,                                \
    .mask_find = calr_cpu_mask_find, .mask_take = calr_cpu_mask_take,                              \
    .mask_put = calr_cpu_mask_put, .adam_step = calr_cpu_adam_step, .sgd_step = calr_cpu_sgd_step

static const calr_backend portable = {
    SHARED_KERNELS,
    .conv = "portable",
    .conv2d_forward = calr_portable_conv2d_forward,
    .conv2d_backward_data = calr_portable_conv2d_backward_data,
    .conv2d_backward_weights = calr_portable_conv2d_backward_weights,
    .gemm_bytes = calr_portable_gemm_bytes,
};

#ifdef CALR_WITH_ONEDNN
static const calr_backend onednn = {
    SHARED_KERNELS,
    .conv = "onednn",
    .conv2d_forward = calr_onednn_conv2d_forward,
    .conv2d_backward_data = calr_onednn_conv2d_backward_data,
    .conv2d_backward_weights = calr_onednn_conv2d_backward_weights,
    .gemm_bytes = calr_onednn_gemm_bytes,
};
#define FIRST_CHOICE &onednn
#else
#define FIRST_CHOICE &portable
#endif

static calr_status loaded;
static char load_message[512];
static _Atomic(const calr_backend *) selected;

static calr_status find(const char *name, const calr_backend **out)
{
    if (strcmp(name, "portable") == 0)
        *out = &portable;
    else if (strcmp(name, "onednn") == 0)
#ifdef CALR_WITH_ONEDNN
        *out = &onednn;
#else
        return calr_error(CALR_ENOTFOUND,
                          "this calr was built without oneDNN; there is only the backend portable");
#endif
    else
        return calr_error(CALR_EINVAL, "there is no backend '%s'; there are onednn and portable",
                          name);
    return CALR_OK;
}

static const char *const bf16_names[] = {"auto", "onednn", "f32", NULL}; /* as calr_onednn_bf16 */

static calr_status choose_bf16(const char *name)
{
    for (int i = 0; bf16_names[i]; i++) {
        if (strcmp(name, bf16_names[i]) != 0)
            continue;
#ifdef CALR_WITH_ONEDNN
        calr_onednn_choose_bf16((calr_onednn_bf16)i);
#endif
        return CALR_OK;
    }
    return calr_error(CALR_EINVAL,
                      "bf16 cannot be computed by '%s'; there are auto, onednn and f32", name);
}

void calr_backend_catch_no_memory(void)
{
#ifdef CALR_WITH_ONEDNN
    calr_onednn_catch_no_memory();
#endif
}

bool calr_backend_frees_memory(const void *caller)
{
#ifdef CALR_WITH_ONEDNN
    return calr_onednn_frees_memory(caller);
#else
    (void)caller;
    return false;
#endif
}

calr_status calr_backend_check_environment(void)
{
#ifdef CALR_WITH_ONEDNN
    static const char *const backends[] = {"onednn", "portable", NULL};
#else
    static const char *const backends[] = {"portable", NULL};
#endif
    static const char *const convolutions[] = {"direct", NULL};
    int which;
    CALR_TRY(calr_environment_word("CALR_BACKEND", backends, &which));
    CALR_TRY(calr_environment_word("CALR_BF16", bf16_names, &which));
    return calr_environment_word("CALR_CONV", convolutions, &which);
}

static calr_status load_once(void)
{
    const calr_backend *backend = FIRST_CHOICE;
    const char *wish = getenv("CALR_BACKEND");
    CALR_TRY(calr_blas_load());
    calr_status status = wish && *wish ? find(wish, &backend) : CALR_OK;
    if (status != CALR_OK)
        return calr_error(status, "environment variable CALR_BACKEND: %s", calr_status_message());
    wish = getenv("CALR_BF16");
    status = wish && *wish ? choose_bf16(wish) : CALR_OK;
    if (status != CALR_OK)
        return calr_error(status, "environment variable CALR_BF16: %s", calr_status_message());
    atomic_store(&selected, backend);
    return CALR_OK;
}

static void load(void)
{
    loaded = load_once();
    if (loaded != CALR_OK)
        snprintf(load_message, sizeof load_message, "%s", calr_status_message());
}

static calr_status ensure_loaded(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return loaded == CALR_OK ? CALR_OK : calr_error(loaded, "%s", load_message);
}

calr_status calr_backend_get(const calr_backend **out)
{
    CALR_TRY(ensure_loaded());
    *out = atomic_load(&selected);
    if (calr_meter_on)
        *out = calr_backend_metered(*out);
    return CALR_OK;
}

calr_status calr_backend_select(const char *name)
{
    const calr_backend *backend;
    CALR_TRY(ensure_loaded());
    CALR_TRY(find(name, &backend));
    atomic_store(&selected, backend);
    return CALR_OK;
}

calr_status calr_backend_select_bf16(const char *name)
{
    CALR_TRY(ensure_loaded());
    return choose_bf16(name);
}

calr_status calr_backend_describe(calr_backend_info *out)
{
    memset(out, 0, sizeof *out);
    CALR_TRY(ensure_loaded());
    snprintf(out->conv, sizeof out->conv, "%s", atomic_load(&selected)->conv);
    snprintf(out->conv_bf16, sizeof out->conv_bf16, "f32");
    calr_cpu_describe(out);
    calr_blas_describe(out);
#ifdef CALR_WITH_ONEDNN
    calr_onednn_describe(out->onednn_version, sizeof out->onednn_version, out->onednn_isa,
                         sizeof out->onednn_isa);
    if (atomic_load(&selected) == &onednn && calr_onednn_takes_bf16())
        snprintf(out->conv_bf16, sizeof out->conv_bf16, "onednn");
#endif
    out->threads = calr_parallel_threads();
    return CALR_OK;
}

calr_status calr_backend_conv2d_name(const calr_conv2d *conv, calr_conv2d_pass pass, char *text,
                                     size_t size)
{
    CALR_TRY(ensure_loaded());
#ifdef CALR_WITH_ONEDNN
    if (atomic_load(&selected) == &onednn)
        return calr_onednn_conv2d_name(conv, pass, text, size);
#endif
    snprintf(text, size, "%s", calr_cpu_conv2d_name(conv, pass));
    return CALR_OK;
}
