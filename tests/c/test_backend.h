/* What the tests of the kernels share: random arrays, comparison, and running a test on every
 * backend. */
#ifndef CALR_TESTS_TEST_BACKEND_H
#define CALR_TESTS_TEST_BACKEND_H

#include <stdlib.h>

#include "backend/backend.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "check.h"

static const calr_backend *backend;

/* Standard normal numbers, the same for the same index. The caller frees. One more than count, so
 * that an empty array has an address; the last is a canary that no kernel may touch. */
#define CANARY 12345.678f

static inline float *random_array(int64_t count, uint64_t index)
{
    calr_rng rng = calr_rng_make(7, calr_rng_purpose("test_backend"), 0, index);
    float *a = malloc(((size_t)count + 1) * sizeof *a);
    for (int64_t i = 0; i < count; i++)
        a[i] = (float)calr_rng_normal(&rng);
    a[count] = CANARY;
    return a;
}

/* For outputs: NaN everywhere, so that what a kernel leaves unwritten is found. */
static inline float *output_array(int64_t count)
{
    float *a = malloc(((size_t)count + 1) * sizeof *a);
    for (int64_t i = 0; i < count; i++)
        a[i] = NAN;
    a[count] = CANARY;
    return a;
}

static inline double *double_array(int64_t count)
{
    return calloc((size_t)count + 1, sizeof(double));
}

/* Largest |a - e| / (1 + largest |e|); infinite when something is NaN or the canary died. */
static inline double difference(const float *a, const double *e, int64_t count)
{
    double worst = 0, scale = 0;
    for (int64_t i = 0; i < count; i++) {
        double d = fabs((double)a[i] - e[i]);
        if (!(d <= worst))
            worst = d == d ? d : INFINITY;
        scale = fabs(e[i]) > scale ? fabs(e[i]) : scale;
    }
    return a[count] == CANARY ? worst / (1 + scale) : INFINITY;
}

#define CHECK_ARRAY(actual, expected, count, tolerance)                                            \
    CHECK_NEAR(difference((actual), (expected), (count)), 0, (tolerance))

static inline bool same_bits(const float *a, const float *b, int64_t count)
{
    return memcmp(a, b, (size_t)count * sizeof *a) == 0;
}

static inline int64_t random_between(calr_rng *rng, int64_t low, int64_t high)
{
    return low + (int64_t)calr_rng_below(rng, (uint64_t)(high - low + 1));
}

/* True, with `backend` set, when the backend of this name exists in this build. */
static inline bool use_backend(const char *name)
{
    calr_status status = calr_backend_select(name);
    if (status == CALR_ENOTFOUND)
        return false;
    CHECK_OK(status);
    CHECK_OK(calr_backend_get(&backend));
    CHECK_STRING(backend->conv, name);
    return true;
}

#endif
