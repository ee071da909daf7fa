#include <pthread.h>

#include "backend/backend.h"
#include "backend/cpu/blas.h"

static const calr_backend cpu = {
    .name = "cpu",
    .gemm = calr_blas_gemm,
};

static calr_status loaded;

static void load(void)
{
    loaded = calr_blas_load();
}

calr_status calr_backend_get(const calr_backend **out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (loaded != CALR_OK)
        return calr_error(loaded, "%s", calr_status_message());
    *out = &cpu;
    return CALR_OK;
}
