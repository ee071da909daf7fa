#include "backend/limits.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/backend.h"
#include "base/clones.h"
#include "base/parallel.h"
#include "base/size.h"

#define ALIGNMENT ((size_t)2 << 20)
#define GRAIN     (INT64_C(4) << 20) /* bytes a thread takes at a time */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

calr_status calr_limits_gemm(int64_t size, int repeat, double *seconds)
{
    const calr_backend *backend;
    size_t count;
    if (size < 1 || repeat < 1)
        return calr_error(CALR_EINVAL,
                          "a product of matrices needs a size and a repeat count of at least 1");
    if (!calr_size_mul((size_t)size, (size_t)size, &count) || count > SIZE_MAX / 16)
        return calr_error(CALR_ENOMEM, "matrices of %lld x %lld numbers do not fit into memory",
                          (long long)size, (long long)size);
    CALR_TRY(calr_backend_get(&backend));
    float *a = calr_array_new(3 * (int64_t)count, sizeof *a);
    if (!a)
        return calr_error(CALR_ENOMEM, "no memory for three matrices of %lld x %lld numbers",
                          (long long)size, (long long)size);
    float *b = a + count, *c = b + count;
    for (size_t i = 0; i < 2 * count; i++)
        a[i] = (float)(i % 17) - 8;
    for (int i = 0; i <= repeat; i++) {
        double began = now();
        backend->gemm(false, false, size, size, size, 1, a, size, b, size, 0, c, size);
        double took = now() - began;
        if (i == 1 || (i > 1 && took < *seconds))
            *seconds = took;
    }
    free(a);
    return CALR_OK;
}

typedef struct stream {
    calr_stream kind;
    char *from, *to;
    uint64_t *sums; /* one a thread, a cache line apart: what was read must be used */
} stream;

CALR_CLONES static uint64_t add_up(const char *bytes, int64_t size)
{
    const uint64_t *words = (const void *)bytes;
    uint64_t sum = 0;
    for (int64_t i = 0; i < size / 8; i++)
        sum += words[i];
    return sum;
}

static void stream_body(void *context, int64_t begin, int64_t end, int worker)
{
    const stream *s = context;
    size_t size = (size_t)(end - begin);
    if (s->kind == CALR_STREAM_READ)
        s->sums[8 * worker] += add_up(s->from + begin, end - begin);
    else if (s->kind == CALR_STREAM_WRITE)
        memset(s->from + begin, worker, size);
    else
        memcpy(s->to + begin, s->from + begin, size);
}

calr_status calr_limits_stream(calr_stream kind, size_t bytes, int repeat, double *seconds)
{
    if (bytes < 64 || bytes > SIZE_MAX / 4 || repeat < 1)
        return calr_error(CALR_EINVAL,
                          "a stream needs at least 64 bytes and a repeat count of at least 1");
    size_t half = (kind == CALR_STREAM_COPY ? bytes / 2 : bytes) / 64 * 64;
    size_t whole = kind == CALR_STREAM_COPY ? 2 * half : half;
    stream s = {.kind = kind,
                .sums = calloc(8 * (size_t)calr_parallel_threads(), sizeof(uint64_t))};
    s.from = aligned_alloc(ALIGNMENT, (whole + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    if (!s.sums || !s.from) {
        free(s.sums);
        free(s.from);
        return calr_error(CALR_ENOMEM, "no memory for a stream of %zu bytes", bytes);
    }
    s.to = s.from + half;
    memset(s.from, 1, whole);
    for (int i = 0; i <= repeat; i++) {
        double began = now();
        calr_parallel_for((int64_t)half, GRAIN, stream_body, &s);
        double took = now() - began;
        if (i == 1 || (i > 1 && took < *seconds))
            *seconds = took;
    }
    volatile uint64_t keep = s.sums[0];
    (void)keep;
    free(s.sums);
    free(s.from);
    return CALR_OK;
}
